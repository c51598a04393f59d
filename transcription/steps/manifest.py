"""What of the files that a person chose is still to be sent: answered before a byte of them is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from django.utils.translation import gettext as _

from transcription.errors import BadInput
from transcription.models import Document, IncomingFile, IncomingState, Upload
from transcription.models.incoming import fingerprint
from transcription.steps.incoming import BESIDE, tidy_path, title_of
from transcription.steps.store import LONGEST_TITLE
from transcription.steps.upload_limits import UploadLimits, check_size, limits_of, too_many_pages

MOST_ENTRIES = 1000  # of one question
# What is no scan by its name alone. Names are not trusted with more: the rest is told by its first bytes.
FOREIGN = frozenset(
    {
        *(".doc", ".docx", ".odt", ".rtf", ".xls", ".xlsx", ".ods", ".ppt", ".pptx", ".odp", ".eml", ".msg"),
        *(".mp3", ".wav", ".flac", ".m4a", ".mp4", ".mov", ".avi", ".mkv"),
        *(".exe", ".dll", ".msi", ".dmg", ".iso", ".lnk", ".url", ".html", ".htm", ".db", ".sqlite"),
        *(".svg", ".psd", ".ai", ".indd", ".rar", ".7z"),
    }
)


class Standing(StrEnum):
    MISSING = "missing"
    HERE = "here"
    PARTLY = "partly"
    UNDECIDED = "undecided"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A file as the browser knows it: path below what was chosen, bytes, milliseconds since 1970."""

    path: str
    size: int
    modified: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """How one file stands. ``file``: its row, where it has begun to arrive. ``code`` and ``message``: why it is
    refused; ``final``: sending it would change nothing."""

    standing: Standing
    file: IncomingFile | None = None
    code: str = ""
    message: str = ""
    final: bool = False


def compare(upload: Upload, chosen: Sequence[Chosen], before: Mapping[str, int] | None = None) -> list[Answer]:
    """How each file stands, in order; ``before``: how many files of a document were asked about already.

    Known files are told by path, size and time of change, over all uploads of the collection; half-sent ones are gone
    on with by their sender only, as somebody else may just be sending theirs.
    """
    limits = limits_of(upload.collection, upload.uploader)
    tidied = [tidy_path(each.path) for each in chosen]
    marks = [fingerprint(path, each.size, each.modified) for path, each in zip(tidied, chosen, strict=True)]
    rows = _rows(upload, marks)
    room = _Room(upload, limits, tidied, before or {})
    answers = []
    for path, each, mark in zip(tidied, chosen, marks, strict=True):
        row = rows.get(mark)
        if row is not None and row.state != IncomingState.REFUSED:
            answers.append(Answer(_STANDING[IncomingState(row.state)], row))
            continue
        try:
            _check_kind(path)
            check_size(path, each.size, limits)
            room.take(path)
        except BadInput as error:
            answers.append(Answer(Standing.REFUSED, None, error.code, error.message, final=True))
            continue
        if row is not None:
            answers.append(Answer(Standing.REFUSED, row, row.code, row.message))
        else:
            answers.append(Answer(Standing.MISSING))
    return answers


_STANDING = {
    IncomingState.RECEIVING: Standing.PARTLY,
    IncomingState.UNDECIDED: Standing.UNDECIDED,
    IncomingState.STORED: Standing.HERE,
    IncomingState.SKIPPED: Standing.HERE,
}
_BEST = [IncomingState.REFUSED, IncomingState.RECEIVING, IncomingState.SKIPPED, IncomingState.UNDECIDED]


def _rows(upload: Upload, marks: Sequence[str]) -> dict[str, IncomingFile]:
    """What is known of each fingerprint: of several rows the one that has come furthest."""
    known = IncomingFile.objects.filter(collection=upload.collection_id, fingerprint__in=marks)
    known = known.select_related("upload", "original", "twin__document", "twin__collection")
    found: dict[str, IncomingFile] = {}
    for row in known:
        if row.state == IncomingState.STORED and row.original is None and row.code != BESIDE:
            continue  # it was deleted since
        mine = row.upload.uploader_id == upload.uploader_id
        if not mine and row.state in (IncomingState.RECEIVING, IncomingState.UNDECIDED):
            continue
        best = found.get(row.fingerprint)
        if best is None or _merit(row) > _merit(best):
            found[row.fingerprint] = row
    return found


def _merit(row: IncomingFile) -> tuple[int, int]:
    state = IncomingState(row.state)
    return (_BEST.index(state) if state in _BEST else len(_BEST), row.offset)


def _check_kind(path: str) -> None:
    if PurePosixPath(path).suffix.lower() in FOREIGN:
        sentence = _("“%(name)s” is no image or PDF by its name. It is not sent.")
        raise BadInput(sentence % {"name": path}, code="unsupported-kind")


class _Room:
    """How many pages each document may still take; every file counts as one until it is opened."""

    def __init__(self, upload: Upload, limits: UploadLimits, paths: Sequence[str], before: Mapping[str, int]) -> None:
        self._limits = limits
        self._taken: Counter[str] = Counter({tidy_path(title): count for title, count in before.items()})
        titles = {title_of(path) for path in paths} - {""}
        named = {title[:LONGEST_TITLE]: title for title in titles}
        documents = Document.objects.filter(collection=upload.collection, title__in=named)
        for document in documents:
            self._taken[named[document.title]] += document.pages.count()

    def take(self, path: str) -> None:
        title = title_of(path)
        if not title:
            return
        if self._taken[title] >= self._limits.document_pages:
            raise too_many_pages(path, title, self._limits)
        self._taken[title] += 1
