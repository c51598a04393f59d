"""JSON Lines: a page is one line of JSON, with everything that is known of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from transcription.formats.records import TranscribedLine
from transcription.formats.writing import Folder, Manner, PageToWrite


def write(pages: Iterator[PageToWrite], folder: Folder, manner: Manner) -> None:
    """All pages in ``pages.jsonl``: coordinates in pixels, confidence in [0, 1]."""
    with folder.file("pages.jsonl") as file:
        for each in pages:
            file.write(json_line(_page(each)))


def write_history(pages: Iterator[PageToWrite], folder: Folder, manner: Manner) -> None:
    """How the texts came about, in ``provenance.jsonl``: what read each page, and every revision of each line."""
    with folder.file("provenance.jsonl") as file:
        for each in pages:
            facts = {"page": each.key, "name": each.name, "document": each.document.title}
            facts |= {"metadata": each.page.metadata, "steps": each.page.provenance}
            file.write(json_line(facts | {"revisions": each.history()}))


def json_line(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _page(each: PageToWrite) -> dict[str, Any]:
    page = each.page
    return {
        "page": each.key,
        "name": each.name,
        "label": each.label,
        "document": each.document.title,
        "number": each.number,
        "image": page.image_name,
        "width": page.size[0],
        "height": page.size[1],
        "language": page.language,
        "metadata": page.metadata,
        "steps": page.provenance,
        "regions": [asdict(region) for region in page.regions],
        "text": page.text,
        "lines": [_line(line) for line in page.lines],
    }


def _line(line: TranscribedLine) -> dict[str, Any]:
    geometry = line.geometry
    return {
        "id": line.id,
        "text": line.text,
        "confidence": line.confidence,
        "author": line.author,
        "writer": line.writer,
        "region": geometry.region if geometry is not None else "",
        "production": geometry.production if geometry is not None else "",
        "baseline": geometry.baseline if geometry is not None else (),
        "polygon": geometry.polygon if geometry is not None else (),
        "words": [
            {
                "text": word.text,
                "confidence": word.confidence,
                "polygon": word.polygon,
                "alternatives": [text for text, _ in word.alternatives],
            }
            for word in line.words
        ],
    }
