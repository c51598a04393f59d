"""Reading IIIF Presentation manifests, versions 2 and 3: what a document is called, whose it is, and its images.

https://iiif.io/api/presentation/3.0/, https://iiif.io/api/presentation/2.1/. Manifests in use bend the rules in every
way, so what is missing is empty; only without a single image is there nothing to do.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from transcription.errors import BadInput

_TAG = re.compile(r"<[^>]*>")
_LANGUAGES = ("none", "@none", "en")
_LONGEST = 1000
_MOST_METADATA = 100
_LEVEL_0 = re.compile(r"level-?0|#level0", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CanvasRecord:
    """One page: its own address, its label, the address of its image and, where one is said, of the image service.
    Width and height are the canvas's, 0 where they are not said."""

    id: str
    label: str
    image: str
    service: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ManifestRecord:
    version: int
    id: str
    label: str
    rights: str
    attribution: str
    metadata: tuple[tuple[str, str], ...]
    canvases: tuple[CanvasRecord, ...]


def parse_manifest(data: bytes, *, most_canvases: int) -> ManifestRecord:
    """Return what a manifest says. Raises BadInput: ``not-json``, ``not-a-manifest``, ``no-pages``,
    ``too-many-frames``."""
    found = parse_json(data)
    kind = _text_of(found, "type", "@type").rpartition(":")[2]
    if kind == "Collection":
        raise BadInput("This is a IIIF collection of several manifests: give the address of each.", code="collection")
    if kind != "Manifest":
        raise BadInput("This is JSON, but no IIIF manifest: give the address of one.", code="not-a-manifest")
    version = 3 if "type" in found and "items" in found else 2
    canvases = tuple(_canvases_3(found) if version == 3 else _canvases_2(found))
    if not canvases:
        raise BadInput("The manifest has no images that could be fetched.", code="no-pages")
    if len(canvases) > most_canvases:
        raise BadInput(
            f"The manifest has {len(canvases):,} pages, where {most_canvases:,} are allowed.", code="too-many-frames"
        )
    required = found.get("requiredStatement") if version == 3 else None
    attribution = _said(required.get("value")) if isinstance(required, dict) else _said(found.get("attribution"))
    return ManifestRecord(
        version=version,
        id=_text_of(found, "id", "@id"),
        label=_said(found.get("label")),
        rights=_said(found.get("rights") if version == 3 else found.get("license")),
        attribution=attribution,
        metadata=tuple(_metadata(found.get("metadata"))),
        canvases=canvases,
    )


def parse_json(data: bytes) -> dict[str, Any]:
    """A JSON object. Raises BadInput with code ``not-json``."""
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadInput("This is no JSON object, as IIIF has them: check the address.", code="not-json")
    return found


def image_addresses(service: str, info: Mapping[str, Any] | None, image: str) -> list[str]:
    """Where the largest image of a canvas is asked for, the best first: by its service, whose ``info`` was fetched if
    it could be, then as the manifest names it."""
    addresses = [image] if image else []
    if not service or (info is not None and _is_level_0(info)):
        return addresses
    context = json.dumps(info.get("@context", "")) if info is not None else ""
    if info is None or "image/3" in context or info.get("type") == "ImageService3" or _has_limits(info):
        sizes = ["max", "full"]
    else:
        sizes = ["full", "max"]  # before 2.1 there was no max
    return [*(f"{service}/full/{size}/0/default.jpg" for size in sizes), *addresses]


def _is_level_0(info: Mapping[str, Any]) -> bool:
    profile = info.get("profile", "")
    first = profile[0] if isinstance(profile, list) and profile else profile
    return isinstance(first, str) and bool(_LEVEL_0.search(first))


def _has_limits(info: Mapping[str, Any]) -> bool:
    profile = info.get("profile")
    return any(
        isinstance(each, dict) and {"maxWidth", "maxHeight", "maxArea"} & set(each)
        for each in (profile if isinstance(profile, list) else [])
    )


def _canvases_3(manifest: Mapping[str, Any]) -> Iterator[CanvasRecord]:
    for canvas in _dicts(manifest.get("items")):
        bodies = (
            annotation.get("body")
            for page in _dicts(canvas.get("items"))
            for annotation in _dicts(page.get("items"))
            if annotation.get("motivation", "painting") in ("painting", ["painting"])
        )
        if record := _canvas(canvas, bodies):
            yield record


def _canvases_2(manifest: Mapping[str, Any]) -> Iterator[CanvasRecord]:
    for sequence in list(_dicts(manifest.get("sequences")))[:1]:
        for canvas in _dicts(sequence.get("canvases")):
            if record := _canvas(canvas, (each.get("resource") for each in _dicts(canvas.get("images")))):
                yield record


def _canvas(canvas: Mapping[str, Any], bodies: Iterable[object]) -> CanvasRecord | None:
    """The canvas with its first image; of a choice, the default."""
    for body in bodies:
        image = body[0] if isinstance(body, list) and body else body
        if not isinstance(image, dict):
            continue
        if _text_of(image, "type", "@type") in {"Choice", "oa:Choice"}:
            image = next(_dicts(image.get("items") or image.get("default") or image.get("item")), {})
        address, service = _text_of(image, "id", "@id"), _service(image.get("service"))
        if address or service:
            width, height = (canvas.get(side) for side in ("width", "height"))
            return CanvasRecord(
                id=_text_of(canvas, "id", "@id")[:2000],
                label=_said(canvas.get("label"))[:200],
                image=address,
                service=service.rstrip("/"),
                width=width if isinstance(width, int) and width > 0 else 0,
                height=height if isinstance(height, int) and height > 0 else 0,
            )
    return None


def _service(found: object) -> str:
    """The address of the image service among the services of an image."""
    for service in _dicts(found):
        said = " ".join(str(service.get(key, "")) for key in ("type", "@type", "@context", "profile", "protocol"))
        if "image" in said.lower():
            return _text_of(service, "id", "@id")
    return ""


def _metadata(found: object) -> Iterator[tuple[str, str]]:
    for entry in list(_dicts(found))[:_MOST_METADATA]:
        label, value = _said(entry.get("label")), _said(entry.get("value"))
        if label and value:
            yield label, value


def _said(value: object) -> str:
    """A text of a manifest, in whichever of its forms, without markup: language maps, value objects, lists."""
    if isinstance(value, dict):
        if "@value" in value:
            return _said(value["@value"])
        chosen = next((value[key] for key in _LANGUAGES if key in value), next(iter(value.values()), ""))
        return _said(chosen)
    if isinstance(value, list):
        return "; ".join(filter(None, (_said(each) for each in value[:20])))[:_LONGEST]
    if not isinstance(value, str | int | float):
        return ""
    plain = html.unescape(_TAG.sub("", str(value))).replace("\x00", "")
    return " ".join(plain.encode("utf-8", "ignore").decode().split())[:_LONGEST]


def _dicts(found: object) -> Iterator[dict[str, Any]]:
    """The objects of a list, or of what should have been one."""
    for each in found if isinstance(found, list) else [found]:
        if isinstance(each, dict):
            yield each


def _text_of(found: Mapping[str, Any], *keys: str) -> str:
    for key in keys:
        if isinstance(found.get(key), str):
            return str(found[key]).replace("\x00", "")
    return ""
