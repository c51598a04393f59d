"""Pages with known lines to teach a segmenter on: published layouts, ALTO beside scans, and pages that we draw."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from transcription.errors import BadInput
from transcription.formats.ground_truth import read_ground_truth
from transcription.htr.records import Gray, LineGeometry, Point
from transcription.training.datasets import table_rows

WORKING_SIDE = 1024  # pixels of a page's long side as the published layouts have it
TUNE_SHARE = 0.08  # of the documents; everything chosen or fitted is chosen on these
_PRINTED = ("print", "typewritten")
_HANDWRITTEN = ("handwritten", "signature")
# Sets whose projects tell print from handwriting, and draw lines under both. Others pass over the print of a form.
TELL_PRINT = frozenset({"fr_repertoires", "fr_bronod", "en_stanford"})
# Of these the lines that are drawn are handwriting, though nobody says so; print there is passed over.
HANDWRITTEN = frozenset(
    {"fr_copiste", "fr_cremma17", "fr_cremma18", "fr_fondue18", "fr_fondue19", "fr_modern", "fr_timeus"}
)


@dataclass(frozen=True, slots=True)
class LayoutPage:
    """A page at working size with its lines. ``production`` of a line is "" where nobody said how it was written."""

    set: str
    name: str
    image: Gray
    lines: tuple[LineGeometry, ...]


def load_layouts(table: Path, split: str) -> Iterator[LayoutPage]:
    """Pages of a ``layout.jsonl`` (image, page, lines with baseline and polygon in pixels of the image); ``split`` is
    "train" or "tune", carved by document. Raises BadInput for a file that is not one."""
    if not table.is_file():
        raise BadInput(f"{table} is missing; give the layout.jsonl beside the page images.")
    with table.open(encoding="utf-8") as rows:
        for number, row in enumerate(rows, start=1):
            try:
                entry = json.loads(row)
                image, page, lines = entry["image"], entry["page"], entry["lines"]
            except (ValueError, KeyError, TypeError) as error:
                raise BadInput(f"{table}, line {number}: not a page's layout ({error}).") from error
            name = image.rsplit("-", 1)[0]
            if split_of(name, page) == split:
                pixels = read_working(table.parent / image)
                yield LayoutPage(name, image, pixels, tuple(_published(line, name) for line in lines))


def _published(line: dict[str, object], name: str) -> LineGeometry:
    baseline, polygon = (
        tuple((round(float(x)), round(float(y))) for x, y in line[key])  # type: ignore[attr-defined]
        for key in ("baseline", "polygon")
    )
    return LineGeometry(baseline, polygon, production=_production(str(line.get("tag") or ""), name))


def _production(tag: str, name: str) -> str:
    said = tag.lower()
    if any(word in said for word in _PRINTED):
        return "printed"
    if any(word in said for word in _HANDWRITTEN) or name in TELL_PRINT | HANDWRITTEN:
        return "handwritten"
    return ""


def load_scans(folder: Path, split: str) -> Iterator[LayoutPage]:
    """Pages of a folder with a pages.tsv whose ground truth has coordinates, at working size."""
    table = folder / "pages.tsv"
    with table.open(encoding="utf-8", newline="") as rows:
        for row in table_rows(rows, table, ("set", "split", "image", "ground_truth")):
            if row["split"] == split and row["ground_truth"].endswith(".xml"):
                yield load_scan(folder / row["image"], folder / row["ground_truth"], row["set"])


def load_scan(image: Path, truth: Path, name: str) -> LayoutPage:
    pixels = cv2.imread(str(image), cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise BadInput(f"{image} is missing or no image.")
    factor = WORKING_SIDE / max(pixels.shape)
    lines = [
        replace(
            line.geometry,
            baseline=_scaled(line.geometry.baseline, factor),
            polygon=_scaled(line.geometry.polygon, factor),
            production=_production(" ".join(line.tags), name),
        )
        for line in read_ground_truth(truth).lines
        if line.geometry is not None and len(line.geometry.baseline) > 1
    ]
    return LayoutPage(name, image.name, to_working(pixels.astype(np.uint8)), tuple(lines))


def _scaled(points: Sequence[Point], factor: float) -> tuple[Point, ...]:
    return tuple((round(x * factor), round(y * factor)) for x, y in points)


def to_working(image: Gray) -> Gray:
    """The page with a long side of ``WORKING_SIDE`` pixels."""
    factor = WORKING_SIDE / max(image.shape)
    size = (max(8, round(image.shape[1] * factor)), max(8, round(image.shape[0] * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=how).astype(np.uint8)


def read_working(path: Path) -> Gray:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise BadInput(f"{path} is missing or no image; it is named in layout.jsonl.")
    return image.astype(np.uint8, copy=False)


def split_of(name: str, page: str) -> str:
    """ "tune" or "train", by the page's folder and number in it: neighbours in a volume stay together by tens."""
    stem = Path(page).stem
    digits = "".join(char for char in stem if char.isdigit())
    document = f"{name}/{Path(page).parent}/{digits[:-1]}"
    digest = hashlib.sha256(document.encode()).digest()
    return "tune" if digest[0] < 256 * TUNE_SHARE else "train"
