"""What the writers of exports are given, and where they put what they write. One writer is one format.

A writer takes pages one at a time and keeps none of them: a collection of ten thousand pages must fit where one page
does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import groupby
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from transcription.formats.records import TranscribedPage


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG and its size in pixels."""

    data: bytes
    width: int
    height: int


class PageImage(Protocol):
    """The image of a page; whoever needs none never has it read. All raise PermanentError where it is missing."""

    def reduced(self, side: int) -> Picture:
        """At most ``side`` pixels long, never enlarged."""
        ...

    def faithful(self, side: int) -> Picture:
        """The original's own bytes where these are a JPEG of exactly this page, however large; else as ``reduced``."""
        ...

    def gray(self) -> NDArray[np.uint8]:
        """(H, W), at full size."""
        ...


@dataclass(frozen=True, slots=True)
class OriginalFile:
    """A file as it was received; ``open`` may be asked for once more if it is needed again."""

    key: str
    name: str
    sha256: str
    open: Callable[[], AbstractContextManager[IO[bytes]]]


@dataclass(frozen=True, slots=True)
class DocumentToWrite:
    """``name`` is its place in the export, without a suffix."""

    key: int
    name: str
    title: str
    identifier: str = ""
    collection: str = ""
    creator: str = ""
    dates: str = ""
    rights: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class PageToWrite:
    """A page with its place in the export: ``name`` is a path with forward slashes and without a suffix, of which no
    two pages have the same; ``number`` counts from 1 in its document."""

    key: int
    name: str
    number: int
    label: str
    document: DocumentToWrite
    page: TranscribedPage
    image: PageImage
    original: OriginalFile
    history: Callable[[], list[dict[str, Any]]] = list


@dataclass(frozen=True, slots=True)
class Manner:
    """How texts are written. ``base`` is the address under which what is written will be put on the web."""

    normalised: bool = False
    base: str = "https://example.org/"


class Folder(Protocol):
    """Where a writer puts its files; names are paths with forward slashes."""

    def file(self, name: str, *, packed: bool = False) -> AbstractContextManager[IO[bytes]]:
        """A file to write, only forwards; ``packed`` where its bytes are compressed already."""
        ...


Writer = Callable[[Iterator[PageToWrite], Folder, Manner], None]


def by_document(pages: Iterable[PageToWrite]) -> Iterator[tuple[DocumentToWrite, Iterator[PageToWrite]]]:
    """The pages of one document after the other; take them before you go on to the next."""
    yield from groupby(pages, lambda each: each.document)


def one_file_a_page(suffix: str, write: Callable[[TranscribedPage], bytes]) -> Writer:
    """The writer of a format that has a file for each page."""

    def written(pages: Iterator[PageToWrite], folder: Folder, manner: Manner) -> None:
        for each in pages:
            with folder.file(f"{each.name}.{suffix}") as file:
                file.write(write(each.page))

    return written
