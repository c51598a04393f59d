"""Make training lines of whole pages whose text is known but not where it stands:
`python -m transcription.training.align PAGES OUT --sets en_loc`.

Finds the lines of each page, reads them, places the page's transcript on them and writes the lines that are surely
right as OUT/<set>.tsv beside OUT/<set>.tar, which the training takes as one more folder of lines. With better weights
more lines are placed: align, train, align again.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import tarfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2

from transcription.engines.base import ForcedScorer, Segmenter
from transcription.engines.registry import WEIGHTS
from transcription.engines.segmenters.classical import ClassicalSegmenter
from transcription.engines.starter import Starter
from transcription.errors import BadInput
from transcription.htr.crop import cut_line
from transcription.htr.ctc import greedy
from transcription.htr.ctc_forced import LineProbabilities
from transcription.htr.records import Gray, LineImage
from transcription.htr.text import ILLEGIBLE, strict
from transcription.htr.transcript_alignment import SURE, FoundLine, Placed, TranscriptAlignment, align_transcript
from transcription.training.evaluation import PageSample, load_pages, read_gray

_JPEG_QUALITY = 90


@dataclass(frozen=True, slots=True)
class AlignedPage:
    """A page's line images and where its transcript stands on them."""

    crops: tuple[Gray, ...]
    alignment: TranscriptAlignment


def align_page(image: Gray, transcript: Sequence[str], segmenter: Segmenter, scorer: ForcedScorer) -> AlignedPage:
    """Find the lines of a grey page (H, W), read them, and place the transcript's lines on them."""
    crops = [cut_line(image, geometry) for geometry in segmenter.segment(image).lines]
    found = [FoundLine("")] * len(crops)
    for result in scorer.log_probabilities(LineImage(key, crop) for key, crop in enumerate(crops)):
        if isinstance(result, LineProbabilities):
            found[result.key] = FoundLine(greedy(result.values, scorer.alphabet).text, result.values)
    return AlignedPage(tuple(crops), align_transcript(found, transcript, scorer.alphabet))


# Where the volunteers of the Library of Congress left words out or could not read them, and what else they marked.
_OMISSION = re.compile(r"\[(?:deleted|\?\?+|blank|illegible)\]", re.IGNORECASE)
_EDITORIAL = re.compile(r"\[\?\]|\[\*|\*\]|[\[\]]")


def without_editorial(text: str) -> str:
    """A transcript's line as it stands on the page, with ``[…]`` for words that were left out."""
    parts = (_EDITORIAL.sub("", part) for part in _OMISSION.split(text))
    return strict(f" {ILLEGIBLE} ".join(parts))


@dataclass(slots=True)
class Tally:
    """What was made of a set's pages; ``left_out`` lines fit but lack words."""

    pages: int = 0
    found: int = 0
    transcript_lines: int = 0
    placed: int = 0
    accepted: int = 0
    left_out: int = 0
    confidence: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        mean = sum(self.confidence) / max(1, len(self.confidence))
        return {
            "pages": self.pages,
            "lines_found": self.found,
            "transcript_lines": self.transcript_lines,
            "placed": self.placed,
            "accepted": self.accepted,
            "rejected": self.placed - self.accepted - self.left_out,
            "left_out": self.left_out,
            "mean_confidence": round(mean, 4),
        }


class LineSetWriter:
    """Writes <set>.tsv and <set>.tar, whole or not at all."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._paths = [folder / f"{name}.{suffix}" for suffix in ("tsv", "tar")]
        self._name = name
        self._rows: list[list[str]] = []
        self._tar = tarfile.open(self._partial(self._paths[1]), "w")  # noqa: SIM115 - closed by ``finish``

    def add(self, page: str, line: int, crop: Gray, text: str) -> None:
        name = f"{self._name}-{len(self._rows):05d}.jpg"
        encoded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
        entry = tarfile.TarInfo(name)
        entry.size = len(encoded)
        self._tar.addfile(entry, io.BytesIO(encoded))
        self._rows.append([name, "train", page, f"line_{line}", text])

    def finish(self) -> None:
        self._tar.close()
        with self._partial(self._paths[0]).open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n")
            table.writerow(["name", "split", "page", "line_id", "text"])
            table.writerows(self._rows)
        for path in self._paths:
            self._partial(path).replace(path)

    @staticmethod
    def _partial(path: Path) -> Path:
        return path.with_name(path.name + ".partial")


def align_set(
    pages: Iterator[PageSample], writer: LineSetWriter, segmenter: Segmenter, scorer: ForcedScorer, least: float
) -> Tally:
    """Write every line of ``pages`` that was placed with a confidence of ``least`` and lacks no words."""
    tally = Tally()
    for page in pages:
        aligned = align_page(read_gray(page.image), page.lines, segmenter, scorer)
        placed = aligned.alignment.placed
        tally.pages += 1
        tally.found += len(aligned.crops)
        tally.transcript_lines += len(page.lines)
        tally.placed += len(placed)
        sure = [each for each in placed if each.confidence >= least]
        whole = [each for each in sure if is_whole(each)]
        tally.accepted += len(whole)
        tally.left_out += len(sure) - len(whole)
        tally.confidence += [each.confidence for each in whole]
        for each in whole:
            writer.add(page.document, each.line, aligned.crops[each.line], each.text)
    return tally


def is_whole(placed: Placed) -> bool:
    """Whether the transcript gives all that stands on the line."""
    return ILLEGIBLE not in placed.text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", type=Path, help="folder with pages.tsv, or of images beside .txt, ALTO or PAGE files")
    parser.add_argument("out", type=Path, help="folder for <set>.tsv and <set>.tar")
    parser.add_argument("--sets", required=True, help="comma-separated names")
    parser.add_argument("--split", default="train", choices=["train"], help="dev pages only report")
    parser.add_argument("--min-confidence", type=float, default=SURE)
    parser.add_argument("--weights", type=Path, default=WEIGHTS / "starter.safetensors")
    parser.add_argument("--limit", type=int, default=0, help="at most so many pages a set")
    given = parser.parse_args()
    segmenter, scorer = ClassicalSegmenter(), Starter(given.weights)
    summary: dict[str, Any] = {"weights": str(given.weights), "min_confidence": given.min_confidence, "sets": {}}
    started = time.monotonic()
    for name in given.sets.split(","):
        pages = load_pages(given.pages, given.split, limit=given.limit, sets=[name], clean=without_editorial)
        writer = LineSetWriter(given.out, name)
        tally = align_set(pages, writer, segmenter, scorer, given.min_confidence)
        if not tally.pages:
            raise BadInput(f"{given.pages} holds no pages of the set “{name}” in the split “{given.split}”.")
        writer.finish()
        summary["sets"][name] = tally.summary()
    summary["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(summary, ensure_ascii=False))


if __name__ == "__main__":
    main()
