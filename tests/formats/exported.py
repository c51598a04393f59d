"""What the writers of exports are fed in tests: pages of any text with images of their own, and a folder in memory."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import numpy as np
import pyvips
from numpy.typing import NDArray

from transcription.formats.records import TranscribedLine, TranscribedPage, TranscribedWord
from transcription.formats.writing import DocumentToWrite, Manner, OriginalFile, PageToWrite, Picture, Writer
from transcription.htr.records import LineGeometry, RegionGeometry

SIZE = 1000, 1400
BYTES = b"the bytes that were received"


class DrawnImage:
    """`writing.PageImage` of a grey page."""

    def reduced(self, side: int) -> Picture:
        scale = min(1.0, side / max(SIZE))
        width, height = round(SIZE[0] * scale), round(SIZE[1] * scale)
        image = pyvips.Image.new_from_array(np.full((height, width), 200, np.uint8), interpretation="b-w")
        return Picture(image.jpegsave_buffer(Q=85, keep="none"), width, height)

    def faithful(self, side: int) -> Picture:
        return self.reduced(side)

    def gray(self) -> NDArray[np.uint8]:
        return np.full(SIZE[::-1], 200, np.uint8)


class MemoryFolder:
    """`writing.Folder`: files by their names. No name may come twice."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    @contextmanager
    def file(self, name: str, *, packed: bool = False) -> Iterator[IO[bytes]]:
        assert name not in self.files
        made = io.BytesIO()
        yield made
        self.files[name] = made.getvalue()


def line_at(number: int, text: str, words: Sequence[TranscribedWord] = (), **fields: object) -> TranscribedLine:
    """The ``number``-th line of a page, from 0."""
    top = 80 + 60 * number
    polygon = ((100, top), (900, top), (900, top + 48), (100, top + 48))
    geometry = LineGeometry(((100, top + 40), (900, top + 40)), polygon, "r1", "handwritten")
    return TranscribedLine(f"line_{number}", geometry, text, words=tuple(words), **fields)  # type: ignore[arg-type]


def placed_words(number: int, texts: Sequence[str], **fields: object) -> list[TranscribedWord]:
    """Words as wide as their letters, with measured places on the ``number``-th line."""
    top, left, words = 80 + 60 * number, 100, []
    for text in texts:
        right = left + 18 * len(text)
        place = ((left, top + 4), (right, top + 4), (right, top + 44), (left, top + 44))
        words.append(TranscribedWord(text, polygon=place, **fields))  # type: ignore[arg-type]
        left = right + 12
    return words


def page_of(lines: Sequence[TranscribedLine]) -> TranscribedPage:
    return TranscribedPage(
        name="Letters p. 1",
        image_name="scan 1.jpg",
        size=SIZE,
        lines=tuple(lines),
        metadata={"original": "scan 1.jpg", "original-sha256": "0" * 64, "state": "reviewed", "confidence": "0.8123"},
        provenance={"segmenter": "learned 0123", "pass clahe+starter, stage 1": "4567, weight 1"},
        language="en",
        regions=(RegionGeometry("r1", "paragraph", ((90, 60), (910, 60), (910, 1300), (90, 1300))),),
    )


def written(writer: Writer, pages: Sequence[TranscribedPage], *, manner: Manner = Manner()) -> dict[str, bytes]:  # noqa: B008
    """The files a writer makes of one document with ``pages``."""
    document = DocumentToWrite(1, "letters", "Letters", "P 12/3", "Whitcombe papers", "M. Hale", "1831", "CC0", "en")
    digest = hashlib.sha256(b"the bytes that were received").hexdigest()
    given = [
        PageToWrite(
            key=number,
            name=f"letters/{number:04}_scan",
            number=number,
            label=f"scan {number}",
            document=document,
            page=page,
            image=DrawnImage(),
            original=OriginalFile(f"{number:032}", "scan.jpg", digest, lambda: io.BytesIO(BYTES)),
        )
        for number, page in enumerate(pages, 1)
    ]
    folder = MemoryFolder()
    writer(iter(given), folder, manner)
    return folder.files
