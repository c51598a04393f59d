"""Layouts for pages whose text is known but not where it stands, from a segmenter of ours:
`python -m transcription.training.own_layouts PAGES OUT --weights segmenter.safetensors`.

A page is kept when as many lines are found as its transcript has, give or take a twentieth, and the network is sure of
them (self-training; Xie et al., CVPR 2020). OUT gets a layout.jsonl beside the pages at working size, for
``training.segmenter --more``. Only pages of the train split are looked at.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2

from transcription.engines.segmenters.learned import LearnedSegmenter
from transcription.htr.records import Gray, LayoutRecord
from transcription.training.evaluation import load_pages, read_gray
from transcription.training.layout_pages import to_working

TOLERANCE = 0.05  # of the number of lines


def guessed(
    pages: Path, segmenter: LearnedSegmenter, *, sets: list[str] | None
) -> Iterator[tuple[str, Gray, LayoutRecord, int]]:
    """(set, page at working size, what is found on it, lines its transcript has) of pages without coordinates."""
    for page in load_pages(pages, "train", limit=0, sets=sets):
        small = to_working(read_gray(page.image))
        yield page.set, small, segmenter.segment(small), len(page.lines)


def is_kept(found: int, true: int) -> bool:
    return true > 0 and abs(found - true) <= max(0.5, TOLERANCE * true)


def as_row(name: str, page: str, record: LayoutRecord) -> dict[str, Any]:
    """As published layouts are written."""
    lines = [{"baseline": line.baseline, "polygon": line.polygon, "region": "text", "tag": ""} for line in record.lines]
    return {"image": name, "page": page, "lines": lines}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--sets", help="comma-separated names (default: all)")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    segmenter = LearnedSegmenter(weights=given.weights)
    kept = looked = 0
    with (given.out / "layout.jsonl").open("w", encoding="utf-8") as table:
        sets = given.sets.split(",") if given.sets else None
        for name, image, record, true in guessed(given.pages, segmenter, sets=sets):
            looked += 1
            if not is_kept(len(record.lines), true):
                continue
            file = f"{name}-{kept:03d}.jpg"
            cv2.imwrite(str(given.out / file), image, [cv2.IMWRITE_JPEG_QUALITY, 85])
            table.write(json.dumps(as_row(file, f"{name}/{looked:03d}", record)) + "\n")
            kept += 1
    print(f"{kept} of {looked} pages kept")


if __name__ == "__main__":
    main()
