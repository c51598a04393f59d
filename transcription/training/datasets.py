"""Sets of line images with their text, read from a folder laid out as ``<set>.tar`` beside ``<set>.tsv``."""

from __future__ import annotations

import csv
import hashlib
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from transcription.errors import BadInput
from transcription.htr.records import Gray
from transcription.htr.text import plain_superscripts, strict

TUNE_SHARE = 0.05  # of the train documents; everything chosen or fitted is chosen on these


@dataclass(frozen=True, slots=True)
class LineSample:
    """One line: its set, the page it comes from (the unit that splits keep whole), grey pixels and text."""

    set: str
    page: str
    name: str
    pixels: Gray
    text: str


def load_lines(folder: Path, split: str, *, sets: list[str] | None = None, limit: int = 0) -> Iterator[LineSample]:
    """Yield the lines of ``split`` ("train", "tune" or "dev"), set by set; ``limit`` lines a set (0: all).

    "tune" is carved out of the published train split by page, so that dev only ever reports.
    Raises BadInput when the folder holds no sets or a set lacks its images.
    """
    tables = sorted(folder_of(folder).glob("*.tsv"))
    if not tables:
        raise BadInput(f"{folder} holds no <set>.tsv; give a folder laid out as <set>.tsv beside <set>.tar.")
    for table in tables:
        if sets is None or table.stem in sets:
            yield from _load_set(table, split, limit)


def _load_set(table: Path, split: str, limit: int) -> Iterator[LineSample]:
    wanted: dict[str, tuple[str, str]] = {}
    with table.open(encoding="utf-8", newline="") as rows:
        for row in table_rows(rows, table, ("split", "page", "name", "text")):
            if split_of(table.stem, row["page"], row["split"]) == split:
                wanted[row["name"]] = (row["page"], row["text"])
    archive = table.with_suffix(".tar")
    if not archive.exists():
        raise BadInput(f"{archive} is missing: the images of {table.name} are read from it.")
    count = 0
    with tarfile.open(archive) as tar:
        for member in tar:
            entry = wanted.get(member.name)
            file = tar.extractfile(member) if entry else None
            if entry is None or file is None:
                continue
            pixels = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_GRAYSCALE)
            if pixels is None:
                raise BadInput(f"{archive.name}/{member.name} is not an image.")
            yield LineSample(table.stem, entry[0], member.name, pixels.astype(np.uint8), strict(entry[1]))
            count += 1
            if limit and count >= limit:
                return


def folder_of(path: Path) -> Path:
    """``path`` itself; raises BadInput unless it is a folder."""
    if not path.is_dir():
        raise BadInput(f"{path} is not a folder; give the folder that holds the sets.")
    return path


def table_rows(lines: Iterable[str], table: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Rows of a tab-separated table with a header. Raises BadInput when a column or part of a row is missing."""
    reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    missing = [column for column in columns if column not in (reader.fieldnames or ())]
    if missing:
        raise BadInput(f"{table} has no column {', '.join(missing)}; its first line must name {', '.join(columns)}.")
    for row in reader:
        if any(row[column] is None for column in columns):
            raise BadInput(f"{table}, line {reader.line_num}: fewer columns than its first line names.")
        yield row


def split_of(name: str, page: str, published: str) -> str:
    if published != "train":
        return published
    digest = hashlib.sha256(f"{name}/{page}".encode()).digest()
    return "tune" if digest[0] < 256 * TUNE_SHARE else "train"


_PLAIN = str.maketrans({**dict.fromkeys("’‘ʼ", "'"), **dict.fromkeys("“”", '"'), **dict.fromkeys("–—─−", "-")})


def target_text(text: str) -> str:
    """What the recogniser is taught to write for a published transcription: one spelling where sets differ.

    Quotes and dashes plain, superscript letters as ``^r``, struck text as ``⟦x⟧`` (some sets write ``>x<``).
    """
    text = plain_superscripts(text).translate(_PLAIN)
    while (start := text.find(">")) >= 0 and (end := text.find("<", start)) > start:
        text = f"{text[:start]}⟦{text[start + 1 : end]}⟧{text[end + 1 :]}"
    return strict(text)


def alphabet_of(texts: Iterator[str], *, at_least: int) -> str:
    """The characters that occur ``at_least`` times, most frequent first (ties by code point)."""
    counts: dict[str, int] = {}
    for text in texts:
        for char in text:
            counts[char] = counts.get(char, 0) + 1
    kept = [char for char, count in counts.items() if count >= at_least]
    return "".join(sorted(kept, key=lambda char: (-counts[char], char)))
