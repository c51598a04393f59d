"""IIIF Presentation 3: a manifest for each document, its images, and its lines as Web Annotations.

The files are static: put them on a web server under the address they were made for, and any viewer opens them. Each
page has one annotation page beside the manifest, so that the manifest of a long document stays small; a line is an
annotation of motivation ``supplementing`` on its box.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from transcription.formats.placing import box_within, outline_of
from transcription.formats.writing import DocumentToWrite, Folder, Manner, PageToWrite, by_document

CONTEXT = "http://iiif.io/api/presentation/3/context.json"
IMAGE_SIDE = 2400  # pixels
# The only addresses that "rights" may hold.
_RIGHTS = re.compile(r"https?://(creativecommons\.org/(licenses|publicdomain)|rightsstatements\.org)/\S+")


def write(pages: Iterator[PageToWrite], folder: Folder, manner: Manner) -> None:
    """``<document>/manifest.json``, ``…/images/<number>.jpg`` and ``…/annotations/<number>.json``."""
    for document, of_document in by_document(pages):
        base = f"{manner.base.rstrip('/')}/{quote(document.name)}"
        canvases = []
        for each in of_document:
            image, notes = f"images/{each.number:04}.jpg", f"annotations/{each.number:04}.json"
            picture = each.image.faithful(IMAGE_SIDE)
            with folder.file(f"{document.name}/{image}", packed=True) as file:
                file.write(picture.data)
            canvas = f"{base}/canvas/{each.number}"
            page = {"@context": CONTEXT} | _annotations(each, canvas, f"{base}/{notes}", document.language)
            _put(folder, f"{document.name}/{notes}", page)
            size = {"width": picture.width, "height": picture.height}
            painted = {"id": f"{base}/{image}", "type": "Image", "format": "image/jpeg", **size}
            canvases.append(_canvas(each, canvas, painted, f"{base}/{notes}"))
        _put(folder, f"{document.name}/manifest.json", _manifest(document, base, canvases))


def _put(folder: Folder, name: str, value: dict[str, Any]) -> None:
    with folder.file(name) as file:
        file.write(json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "replace"))


def _text(value: str, language: str = "none") -> dict[str, list[str]]:
    return {language: [value]}


def _manifest(document: DocumentToWrite, base: str, canvases: list[dict[str, Any]]) -> dict[str, Any]:
    facts = {
        "Collection": document.collection,
        "Identifier": document.identifier,
        "Creator": document.creator,
        "Dates": document.dates,
    }
    manifest: dict[str, Any] = {
        "@context": CONTEXT,
        "id": f"{base}/manifest.json",
        "type": "Manifest",
        "label": _text(document.title),
    }
    if metadata := [{"label": _text(name, "en"), "value": _text(value)} for name, value in facts.items() if value]:
        manifest["metadata"] = metadata
    if _RIGHTS.fullmatch(document.rights):
        manifest["rights"] = document.rights.replace("https://", "http://", 1)
    elif document.rights:
        manifest["requiredStatement"] = {"label": _text("Rights", "en"), "value": _text(document.rights)}
    return manifest | {"items": canvases}


def _canvas(each: PageToWrite, canvas: str, image: dict[str, Any], notes: str) -> dict[str, Any]:
    width, height = (max(1, side) for side in each.page.size)
    painting = {
        "id": f"{canvas}/image",
        "type": "Annotation",
        "motivation": "painting",
        "body": image,
        "target": canvas,
    }
    return {
        "id": canvas,
        "type": "Canvas",
        "label": _text(each.label),
        "width": width,
        "height": height,
        "items": [{"id": f"{canvas}/page", "type": "AnnotationPage", "items": [painting]}],
        "annotations": [{"id": notes, "type": "AnnotationPage"}],
    }


def _annotations(each: PageToWrite, canvas: str, page: str, language: str) -> dict[str, Any]:
    size = max(1, each.page.size[0]), max(1, each.page.size[1])
    items = []
    for number, line in enumerate(each.page.lines, 1):
        if not line.text:
            continue
        left, top, right, bottom = box_within(outline_of(line.geometry, size), size)
        body = {"type": "TextualBody", "value": line.text, "format": "text/plain"}
        items.append(
            {
                "id": f"{page}#line-{number}",
                "type": "Annotation",
                "motivation": "supplementing",
                "body": body | ({"language": language} if language else {}),
                "target": f"{canvas}#xywh={left},{top},{right - left},{bottom - top}",
            }
        )
    return {"id": page, "type": "AnnotationPage", "items": items}
