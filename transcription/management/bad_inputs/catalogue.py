"""The table of bad inputs: each made here, byte by byte or from a sound file."""

from __future__ import annotations

import random
from collections.abc import Iterator

from transcription.management.bad_inputs import archives, documents, pictures, texts
from transcription.management.bad_inputs.files import BadFile
from transcription.management.bad_inputs.samples import samples

CUTS = (0.01, 0.2, 0.5, 0.8, 0.97)  # shares of a file that are left of it
_CUT = {
    "sample.jpg": "JPEG",
    "sample.png": "PNG",
    "LZW.tif": "TIFF",
    "sample.jp2": "JPEG 2000",
    "sample.webp": "WebP",
    "sample.heic": "HEIC",
    "sample.pdf": "PDF",
    "sample.zip": "ZIP",
    "page.xml": "transcript",
}


def bad_files(*, cuts: tuple[float, ...] = CUTS) -> list[BadFile]:
    """All of them. Fewer ``cuts`` make a shorter table; without any there are no sound files spoiled by chance."""
    files = [
        *_cut(cuts),
        *(_flipped() if cuts else ()),
        *pictures.files(),
        *documents.files(),
        *archives.files(),
        *texts.files(),
    ]
    return sorted(files, key=lambda file: file.group)


def _cut(cuts: tuple[float, ...]) -> Iterator[BadFile]:
    sound = samples()
    for name, group in _CUT.items():
        stem, _, suffix = name.rpartition(".")
        for share in cuts:
            data = sound[name][: max(3, int(len(sound[name]) * share))]
            yield BadFile(group, f"cut off after {share:.0%}", f"{stem} {share:.0%}.{suffix}".replace("%", " %"), data)


def _flipped() -> Iterator[BadFile]:
    sound = samples()
    for name, group in _CUT.items():
        data = bytearray(sound[name])
        dice = random.Random(name)
        for _ in range(60):
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        yield BadFile(group, "60 bits flipped", f"flipped {name}", bytes(data))
