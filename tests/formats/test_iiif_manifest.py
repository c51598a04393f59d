from __future__ import annotations

import json
from typing import Any

import pytest

from transcription.errors import BadInput
from transcription.formats.iiif_manifest import image_addresses, parse_manifest


def version_3(**more: Any) -> dict[str, Any]:
    def canvas(number: int) -> dict[str, Any]:
        service = [{"id": f"https://img.example/{number}/", "type": "ImageService3", "profile": "level1"}]
        body = {"id": f"https://img.example/{number}.jpg", "type": "Image", "service": service}
        painting = {"type": "Annotation", "motivation": "painting", "body": body}
        return {
            "id": f"https://m.example/c{number}",
            "type": "Canvas",
            "label": {"none": [f"f. {number}r"]},
            "height": 3000,
            "width": 2000,
            "items": [{"type": "AnnotationPage", "items": [painting]}],
        }

    return {
        "@context": "http://iiif.io/api/presentation/3/context.json",
        "id": "https://m.example/manifest",
        "type": "Manifest",
        "label": {"fr": ["Registre"], "en": ["Register", "of <b>births</b>"]},
        "rights": "http://creativecommons.org/licenses/by/4.0/",
        "requiredStatement": {"label": {"en": ["Attribution"]}, "value": {"en": ["Archive &amp; Library"]}},
        "metadata": [{"label": {"en": ["Date"]}, "value": {"none": ["1741"]}}, {"label": {}, "value": {}}],
        "items": [canvas(1), canvas(2)],
    } | more


def version_2(**more: Any) -> dict[str, Any]:
    resource = {
        "@id": "https://img.example/1/full/full/0/native.jpg",
        "@type": "dctypes:Image",
        "service": {
            "@context": "http://iiif.io/api/image/2/context.json",
            "@id": "https://img.example/1",
            "profile": "http://iiif.io/api/image/2/level2.json",
        },
    }
    choice = {"@type": "oa:Choice", "default": {"@id": "https://img.example/2.jpg", "@type": "dctypes:Image"}}
    return {
        "@context": "http://iiif.io/api/presentation/2/context.json",
        "@id": "https://m.example/2/manifest",
        "@type": "sc:Manifest",
        "label": [{"@value": "Letters", "@language": "en"}],
        "license": "https://rights.example/pd",
        "attribution": "Somewhere",
        "sequences": [
            {
                "canvases": [
                    {"@id": "c1", "label": "1r", "width": 20, "height": 30, "images": [{"resource": resource}]},
                    {"@id": "c2", "label": None, "images": [{"resource": choice}]},
                    {"@id": "c3", "images": []},
                ]
            },
            {"canvases": [{"@id": "other order", "images": [{"resource": resource}]}]},
        ],
    } | more


def parsed(found: object) -> Any:
    return parse_manifest(json.dumps(found).encode(), most_canvases=10)


def test_version_3_says_label_rights_attribution_metadata_and_images() -> None:
    record = parsed(version_3())
    assert (record.version, record.label, record.attribution) == (3, "Register; of births", "Archive & Library")
    assert record.rights == "http://creativecommons.org/licenses/by/4.0/"
    assert record.metadata == (("Date", "1741"),)
    assert [(each.id, each.label, each.service) for each in record.canvases] == [
        ("https://m.example/c1", "f. 1r", "https://img.example/1"),
        ("https://m.example/c2", "f. 2r", "https://img.example/2"),
    ]
    assert (record.canvases[0].width, record.canvases[0].height) == (2000, 3000)


def test_version_2_says_the_same_in_its_own_words_and_canvases_without_an_image_are_none() -> None:
    record = parsed(version_2())
    assert (record.version, record.label, record.attribution) == (2, "Letters", "Somewhere")
    assert [(each.id, each.service, each.image) for each in record.canvases] == [
        ("c1", "https://img.example/1", "https://img.example/1/full/full/0/native.jpg"),
        ("c2", "", "https://img.example/2.jpg"),
    ]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not-json"),
        (b"<html>", "not-json"),
        (b"[]", "not-json"),
        (b"[" * 100_000, "not-json"),
        (b'{"a":' * 50_000, "not-json"),
        (b"\xff\xfe", "not-json"),
        (b'{"type": "Canvas"}', "not-a-manifest"),
        (json.dumps(version_3(type="Collection")).encode(), "collection"),
        (json.dumps(version_3(items=[])).encode(), "no-pages"),
        (json.dumps(version_3(items={"items": [7, None, {"items": "x"}]})).encode(), "no-pages"),
        (json.dumps(version_2(sequences=None)).encode(), "no-pages"),
        (json.dumps(version_3(items=version_3()["items"] * 6)).encode(), "too-many-frames"),
    ],
)
def test_what_is_no_manifest_is_refused_in_a_sentence(data: bytes, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_manifest(data, most_canvases=10)
    assert refused.value.code == code
    assert refused.value.message.endswith(".")


def test_the_largest_image_is_asked_for_as_the_service_understands_it() -> None:
    image, service = "https://img.example/1.jpg", "https://img.example/1"
    third = {"@context": "http://iiif.io/api/image/3/context.json", "profile": "level2"}
    second = {
        "@context": "http://iiif.io/api/image/2/context.json",
        "profile": ["http://iiif.io/api/image/2/level2.json"],
    }
    limited = second | {"profile": ["http://iiif.io/api/image/2/level1.json", {"maxWidth": 3000}]}
    static = {
        "@context": "http://iiif.io/api/image/2/context.json",
        "profile": "http://iiif.io/api/image/2/level0.json",
    }
    whole, largest = f"{service}/full/full/0/default.jpg", f"{service}/full/max/0/default.jpg"
    assert image_addresses(service, third, image) == [largest, whole, image]
    assert image_addresses(service, second, image) == [whole, largest, image]
    assert image_addresses(service, limited, image) == [largest, whole, image]
    assert image_addresses(service, static, image) == [image]
    assert image_addresses(service, None, image) == [largest, whole, image]
    assert image_addresses("", None, image) == [image]
