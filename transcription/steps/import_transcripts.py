"""Take in transcripts that were made elsewhere: find the page each belongs to by its name, and store it as it came."""

from __future__ import annotations

import hashlib
import re
import unicodedata
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from transcription.errors import BadInput
from transcription.formats.ground_truth import is_markup
from transcription.formats.kinds import ARCHIVES, safe_name
from transcription.formats.plain_text import decoded
from transcription.formats.script import is_writing
from transcription.htr.transcript_alignment import words_of
from transcription.models import Collection, Document, ImportedTranscript, Lane, Original, Page, PageState
from transcription.models.page import FINISHED_STATES
from transcription.steps import flow
from transcription.steps.placement import transcript_lines
from transcription.steps.profiles import profile_version_of

SUFFIXES = {".txt", ".xml"}
LARGEST_FILE = 2 * 2**20  # bytes: a page of ALTO with every character's place
ENCODING_NAMES = {
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp1252": "Windows-1252",
    "latin-1": "ISO 8859-1",
}
MOST_WORDS = 2000  # on one page; what is longer is a whole document
_IMAGE = re.compile(r"\.(?:jpe?g|png|tiff?|pdf|webp|jp2|hei[cf])$", re.IGNORECASE)
_PAGE_OF = re.compile(r"(?P<stem>.+?)[-_. ]*(?:p|page|f|s)?[-_. ]*0*(?P<number>[1-9]\d{0,3})", re.IGNORECASE)
_CONTROLS = re.compile("[\x80-\x9f\ufffd]")


@dataclass(frozen=True, slots=True)
class Imported:
    """One file that was taken in; ``new`` is False where the page had the very same transcript already.

    ``replaces`` is the transcript that was in use before, ``approved`` the page, where it was approved: it stays as it
    is. ``encoding`` is what plain text was taken for.
    """

    transcript: ImportedTranscript
    new: bool
    replaces: ImportedTranscript | None = None
    approved: Page | None = None
    encoding: str = "utf-8"

    def remarks(self) -> list[str]:
        """What the one who brought it must know beside that it was taken."""
        said = []
        if self.encoding != "utf-8":
            said.append(
                _("“%(name)s” is not in UTF-8; it was read as %(encoding)s.")
                % {"name": self.transcript.name, "encoding": ENCODING_NAMES[self.encoding]}
            )
        if self.replaces is not None:
            said.append(
                _("“%(name)s” replaces the transcript “%(before)s” of %(date)s, which is kept.")
                % {
                    "name": self.transcript.name,
                    "before": self.replaces.name,
                    "date": localtime(self.replaces.created_at).strftime("%Y-%m-%d %H:%M"),
                }
            )
        if self.approved is not None:
            said.append(
                _("Page %(number)d of “%(document)s” is approved; “%(name)s” is kept and nothing was changed.")
                % {
                    "number": self.approved.position,
                    "document": self.approved.document.title,
                    "name": self.transcript.name,
                }
            )
        return said


@dataclass(frozen=True, slots=True)
class Refused:
    name: str
    code: str
    message: str


@dataclass(slots=True)
class ImportReport:
    imported: list[Imported] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    @property
    def new(self) -> int:
        return sum(each.new for each in self.imported)


class PagesByName:
    """The pages of a collection, or of one of its documents, by the names of the files they came in."""

    def __init__(self, collection: Collection, document: Document | None = None) -> None:
        originals = Original.objects.filter(collection=collection).exclude(kind__in=ARCHIVES)
        if document is not None:
            originals = originals.filter(document=document)
        self._by_stem: dict[str, list[Original]] = defaultdict(list)
        for original in originals.select_related("document").order_by("received_at", "pk"):
            self._by_stem[name_stem(original.name)].append(original)

    def find(self, name: str) -> tuple[Original, int]:
        """The original with the same name but for its ending, and the frame (0-based); “letter-3.txt” is page 3 of
        “letter.pdf”. Raises BadInput: ``no-such-page``, ``ambiguous``, ``several-pages``."""
        stem = name_stem(name)
        same = self._by_stem.get(stem, [])
        if len(same) > 1:
            documents = ", ".join(f"“{original.document.title}”" for original in same[:3])
            raise BadInput(
                _("“%(name)s” fits %(count)d scans of that name, in %(documents)s: add it for one of these documents.")
                % {"name": name, "count": len(same), "documents": documents},
                code="ambiguous",
            )
        if same:
            return self._single(same[0], name), 0
        whole, number = page_number_in(stem)
        if number:
            frame = number - 1
            holding = [o for o in self._by_stem.get(whole, []) if (o.frames or 0) > max(1, frame)]
            if len(holding) == 1:
                return holding[0], frame
        raise BadInput(
            _("No scan is called “%(stem)s”: name “%(name)s” as the scan it transcribes, but for its ending.")
            % {"stem": PurePosixPath(name).stem, "name": name},
            code="no-such-page",
        )

    @staticmethod
    def _single(original: Original, name: str) -> Original:
        if (original.frames or 1) > 1:
            stem = PurePosixPath(original.name).stem
            raise BadInput(
                _("“%(name)s” is named as “%(scan)s”, which has %(pages)d pages: give a file for each, %(example)s …")
                % {
                    "name": name,
                    "scan": original.name,
                    "pages": original.frames,
                    "example": f"“{stem}-1.txt”, “{stem}-2.txt”",
                },
                code="several-pages",
            )
        return original


def name_stem(name: str) -> str:
    """What of a name is compared: without ending (nor that of an image before it), case and ways to write accents."""
    return unicodedata.normalize("NFC", _IMAGE.sub("", PurePosixPath(name).stem)).casefold()


def page_number_in(stem: str) -> tuple[str, int]:
    """What a name says of being one page of several: “letter-3” is page 3 of “letter”; number 0 where it says none."""
    numbered = _PAGE_OF.fullmatch(stem)
    return (numbered["stem"], int(numbered["number"])) if numbered else (stem, 0)


def import_transcripts(
    *,
    collection: Collection,
    files: Iterable[tuple[str, bytes]],
    importer: User | None,
    document: Document | None = None,
    draft: bool = False,
) -> ImportReport:
    """Store each of ``files`` (name, bytes) with its page, as another program's ``draft`` or as ground truth; what
    cannot be taken is reported and the rest goes on."""
    pages = PagesByName(collection, document)
    report = ImportReport()
    taken: dict[tuple[object, int], str] = {}
    for raw_name, data in files:
        name = safe_name(raw_name)
        try:
            lines = check_transcript(name, data)
            original, frame = pages.find(name)
            if (original.pk, frame) in taken:
                raise BadInput(
                    _("“%(name)s” is for the same page as “%(other)s”, which was taken: bring one of them.")
                    % {"name": name, "other": taken[original.pk, frame]},
                    code="twice",
                )
            imported = import_transcript(
                original=original, frame=frame, name=name, data=data, lines=lines, importer=importer, draft=draft
            )
            if imported.new and not is_markup(data, name):
                imported = replace(imported, encoding=decoded(data)[1])
        except BadInput as error:
            report.refused.append(Refused(name, error.code, error.message))
            continue
        taken[original.pk, frame] = name
        report.imported.append(imported)
    return report


def check_transcript(name: str, data: bytes) -> int:
    """How many lines with text a file holds. Raises BadInput for what is no transcript of a page: ``empty``,
    ``wrong-type``, ``too-large``, ``too-long``, ``wrong-encoding``, ``no-text``, ``not-text``, and what reading XML
    raises."""
    if PurePosixPath(name).suffix.lower() not in SUFFIXES:
        raise BadInput(
            _("“%(name)s” is no transcript: bring .txt with the page's line breaks, or PAGE or ALTO XML.")
            % {"name": name},
            code="wrong-type",
        )
    if len(data) > LARGEST_FILE:
        raise BadInput(
            _("“%(name)s” is larger than %(limit)d MB, too much for the text of one page: split it page by page.")
            % {"name": name, "limit": LARGEST_FILE // 2**20},
            code="too-large",
        )
    lines = transcript_lines(name, data)
    if not lines:
        code = "empty" if not data.strip() else "no-text"
        raise BadInput(_("“%(name)s” holds no text: export it again.") % {"name": name}, code=code)
    if any(_CONTROLS.search(line) for line in lines):
        raise BadInput(
            _("“%(name)s” is in an encoding that is not known: save it again as UTF-8.") % {"name": name},
            code="wrong-encoding",
        )
    if not is_writing("\n".join(lines)):
        raise BadInput(
            _("“%(name)s” is no text: its bytes make characters of many writings. Open it and save it again as UTF-8.")
            % {"name": name},
            code="not-text",
        )
    count = len(words_of(lines))
    if count > MOST_WORDS:
        raise BadInput(
            _("“%(name)s” has %(count)d words; a page of handwriting holds at most %(limit)d: split it page by page.")
            % {"name": name, "count": count, "limit": MOST_WORDS},
            code="too-long",
        )
    return len(lines)


def import_transcript(
    *,
    original: Original,
    frame: int,
    name: str,
    data: bytes,
    lines: int,
    importer: User | None,
    draft: bool = False,
) -> Imported:
    """Store a checked transcript as the page's newest and have its words placed as soon as the page is read.

    The same bytes again change nothing, unless they came as another program's ``draft`` before. Takes the page lock.
    """
    digest = hashlib.sha256(data).hexdigest()
    with transaction.atomic():
        pages = lock_pages_of(original.pk, frame)
        earlier = ImportedTranscript.objects.of_page(original.pk, frame).defer("data")
        last, in_use = earlier.first(), earlier.standing().first()
        if in_use is not None and in_use.sha256 == digest and in_use.draft == draft:
            return Imported(in_use, new=False)
        transcript = ImportedTranscript.objects.create(
            original=original,
            frame=frame,
            number=last.number + 1 if last is not None else 1,
            name=name,
            data=data,
            sha256=digest,
            lines=lines,
            importer=importer,
            draft=draft,
        )
        for page in pages:
            place_if_read(transcript, page)
    approved = next((page for page in pages if page.approved_at is not None), None)
    return Imported(transcript, new=True, replaces=in_use, approved=approved)


def lock_pages_of(original_id: uuid.UUID, frame: int) -> list[Page]:
    """The page of a frame, or both of a spread that was split, under their locks; a lock of the same kind, and none,
    where its file was not opened yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"transcript:{original_id}:{frame}"])
    pages = Page.objects.select_for_update(of=("self",)).select_related("collection", "document", "run")
    return list(pages.filter(original=original_id, frame=frame).order_by("part"))


def place_if_read(transcript: ImportedTranscript, page: Page) -> None:
    """Queue the placing on a page that is read; one that is not will ask itself. The caller holds the page lock."""
    if page.run is None or page.state not in [PageState.SCORED, *FINISHED_STATES]:
        return
    # With the pass as it is now: a worker need not hold the version that once read the page.
    present = profile_version_of(page.collection)
    run = page.run
    flow.place_transcript(transcript, page=page, run=run, stage=run.stage, lane=Lane.BULK, profile_version=present)
