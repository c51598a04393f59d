"""Pages as they leave Longhand: texts in reading order, with confidence and alternatives where a vote stands.

Read in batches, a handful of queries each, and never more than a batch at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from django.core.files.storage import default_storage
from numpy.typing import NDArray

from transcription.formats.jpeg import jpeg_shape
from transcription.formats.pyramid import region_jpeg
from transcription.formats.records import TranscribedLine, TranscribedPage, TranscribedWord
from transcription.formats.writing import DocumentToWrite, OriginalFile, PageToWrite, Picture
from transcription.htr.crop import word_outlines
from transcription.htr.languages import language_tag
from transcription.htr.records import LineGeometry, Point
from transcription.htr.text import normalised
from transcription.htr.text_places import spans_of_words
from transcription.models import (
    LayoutLine,
    Page,
    Part,
    ProfileVersion,
    Source,
    TranscriptRevision,
    Vote,
)
from transcription.steps.export_plan import PART_SUFFIXES, PlannedPage
from transcription.steps.files import local_path
from transcription.steps.framings import framing_of
from transcription.steps.page_image import page_image

BATCH = 40  # pages; their votes are what takes memory
_MOST_PASSED = 60 << 20  # bytes of a JPEG that goes on as it is


def pages_to_write(
    planned: Sequence[PlannedPage], names: Mapping[int, str], *, votes: bool, normal: bool
) -> Iterator[PageToWrite]:
    """The pages of a plan that still are there, in its order. ``names`` are the documents'; without ``votes`` lines
    have no words, confidence or alternatives; ``normal``: with normalised spelling."""
    documents: dict[int, DocumentToWrite] = {}
    for start in range(0, len(planned), BATCH):
        batch = planned[start : start + BATCH]
        pages = Page.objects.select_related("collection", "document", "original", "run__profile_version", "layout")
        found = pages.in_bulk([each.page for each in batch])
        lines = _lines_of(list(found.values()), votes=votes, normal=normal)
        for each in batch:
            page = found.get(each.page)
            if page is None:
                continue
            if each.document not in documents:
                documents = {each.document: _document(page, names[each.document])}
            yield PageToWrite(
                key=page.pk,
                name=each.name,
                number=each.number,
                label=page.label,
                document=documents[each.document],
                page=transcribed_page(page, lines[page.pk]),
                image=StoredImage(page),
                original=_original(page),
                history=partial(_history, page),
            )


def _document(page: Page, name: str) -> DocumentToWrite:
    document, collection = page.document, page.collection
    return DocumentToWrite(
        key=document.pk,
        name=name,
        title=document.title,
        identifier=document.identifier or collection.identifier,
        collection=collection.title,
        creator=collection.creator,
        dates=collection.dates,
        rights=collection.rights,
        language=language_tag(collection.language),
    )


def transcribed_page(page: Page, lines: tuple[TranscribedLine, ...] | None = None) -> TranscribedPage:
    """A page with what is known of it; its ``lines`` where they were read already."""
    if lines is None:
        lines = _lines_of([page], votes=True, normal=False)[page.pk]
    run, collection = page.run, page.collection
    metadata = {
        "original": page.original.name,
        "original-sha256": page.original.sha256,
        "collection": collection.identifier or collection.title,
        "rights": collection.rights,
        # Coordinates are of the page's own image: how that is cut out of the original, where it is not all of it.
        "part": Part(page.part).name.lower() if page.part else "",
        "turned": f"{page.degrees}° clockwise" if page.degrees else "",
        "columns": "-".join(map(str, framing_of(page).columns or ())),
        "state": page.state,
        "profile": str(run.profile_version) if run else "",
        "confidence": f"{page.confidence:.4f}" if page.confidence is not None else "",
    }
    return TranscribedPage(
        name=f"{page.document.title} p. {page.position}",
        image_name=_image_name(page),
        size=(page.width or 1, page.height or 1),
        lines=lines,
        metadata={key: value for key, value in metadata.items() if value},
        provenance=_provenance(page),
        language=language_tag(collection.language),
        regions=page.layout.region_geometries if page.layout is not None else (),
    )


def _image_name(page: Page) -> str:
    """The file the coordinates are of: a page of a spread has an image of its own."""
    path = Path(page.original.name)
    return f"{path.stem}{PART_SUFFIXES[Part(page.part)]}{path.suffix}"


def _provenance(page: Page) -> dict[str, str]:
    """What found the lines and what read them, by exact version."""
    steps = {"lines": page.layout.source} if page.layout is not None else {}
    if page.run is not None:
        steps |= _steps_of(page.run.profile_version_id)
    return steps


@lru_cache(maxsize=64)  # versions never change
def _steps_of(profile_version: int) -> dict[str, str]:
    version = ProfileVersion.objects.get(pk=profile_version)
    steps = {"segmenter": f"{version.segmenter} {version.segmenter_digest[:12]}"}
    for each in version.stage_passes.select_related("pass_version").order_by("stage", "position"):
        read = each.pass_version
        steps[f"pass {read.name}, stage {each.stage + 1}"] = f"{read.digest[:12]}, weight {each.weight:g}"
    if version.calibration:
        steps["calibration"] = str(version.calibration.get("id", "fitted"))
    return steps


_LINE = (
    *("layout_id", "line_id", "baseline", "polygon", "region", "production"),
    *("line__current__text", "line__current__source", "line__current__mixed"),
    *("line__current__author__first_name", "line__current__author__last_name", "line__current__author__username"),
)


def _lines_of(pages: Sequence[Page], *, votes: bool, normal: bool) -> dict[int, tuple[TranscribedLine, ...]]:
    """The lines of each page, by its id."""
    places = LayoutLine.objects.filter(layout__in=[page.layout_id for page in pages if page.layout_id])
    of_layout: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for row in places.order_by("layout", "position").values_list(*_LINE):
        of_layout[row[0]].append(row)
    runs = [page.run_id for page in pages if page.run_id] if votes else []
    of_line: dict[tuple[int, int], tuple[Any, ...]] = {}
    fields = ("run_id", "line_id", "text", "words", "confidence")
    for vote in Vote.objects.filter(run__in=runs).order_by("stage").values_list(*fields):
        of_line[vote[0], vote[1]] = vote
    return {
        page.pk: tuple(
            _line(row, of_line.get((page.run_id or 0, row[1])), normal=normal)
            for row in of_layout.get(page.layout_id or 0, ())
        )
        for page in pages
    }


def _line(row: tuple[Any, ...], vote: tuple[Any, ...] | None, *, normal: bool) -> TranscribedLine:
    _, line_id, baseline, polygon, region, production, text, source, mixed, *author = row
    text = text or ""
    geometry = LineGeometry(_points(baseline), _points(polygon), region, production)
    stands = vote is not None and source == Source.VOTE and text == vote[2]
    words = _words(text, geometry, vote[3] if vote is not None else (), stands=stands)
    line = TranscribedLine(
        id=f"line_{line_id}",
        geometry=geometry,
        text=text,
        confidence=vote[4] if vote is not None and stands else None,
        words=words,
        author=source or "",
        # The name that the history shows; nobody's where a machine wrote, a file was brought or the account is gone.
        writer=_name(*author) if source == Source.PERSON else "",
        ground_truth=source == Source.PERSON and not mixed,
    )
    return _normalised(line) if normal else line


def _points(chain: list[list[int]]) -> tuple[Point, ...]:
    return tuple([(int(x), int(y)) for x, y in chain])


def _name(first: str | None, last: str | None, username: str | None) -> str:
    return f"{first or ''} {last or ''}".strip() or username or ""


def _words(
    text: str, geometry: LineGeometry, voted: Sequence[dict[str, Any]], *, stands: bool
) -> tuple[TranscribedWord, ...]:
    """The words of a line where a vote says where they are: with its confidence where the text is the vote's."""
    read = [word for word in voted if word["text"]]
    if stands and " ".join(word["text"] for word in read) == text:
        spans = [word.get("span") for word in read]
        outlines = word_outlines(geometry, [(span[0], span[1]) for span in spans if span])
        places = iter(outlines if outlines else ())
        return tuple(
            TranscribedWord(
                text=word["text"],
                confidence=word["confidence"],
                polygon=next(places, None) if span else None,
                # An alternative has a share of the vote, not a calibrated confidence: two scales must not share a name.
                alternatives=tuple((other["text"], None) for other in word["alternatives"]),
            )
            for word, span in zip(read, spans, strict=True)
        )
    spans_of_text = spans_of_words(text, read)
    outlines = word_outlines(geometry, spans_of_text)
    if not outlines:
        return ()
    return tuple(TranscribedWord(word, None, place) for word, place in zip(text.split(), outlines, strict=True))


def _normalised(line: TranscribedLine) -> TranscribedLine:
    """The line with plain spelling, word by word, so that words keep their places. A mark that ends a line is told from
    one within by what follows it."""
    last = len(line.words) - 1
    words = []
    for index, word in enumerate(line.words):
        plain = normalised(word.text) if index == last else normalised(f"{word.text} x")[:-1].rstrip()
        others = tuple((normalised(text), share) for text, share in word.alternatives)
        words.append(replace(word, text=plain, alternatives=others))
    return replace(line, text=normalised(line.text), words=tuple(word for word in words if word.text))


def _original(page: Page) -> OriginalFile:
    original = page.original
    return OriginalFile(original.pk.hex, original.name, original.sha256, partial(_opened, original.file))


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    with default_storage.open(name, "rb") as file:
        yield file


def _history(page: Page) -> list[dict[str, Any]]:
    revisions = TranscriptRevision.objects.filter(line__page=page).select_related("author").order_by("line", "number")
    return [
        {
            "line": f"line_{each.line_id}",
            "number": each.number,
            "text": each.text,
            "source": each.source,
            "author": each.author.get_full_name() or each.author.get_username() if each.author else "",
            "vote": each.vote_id,
            "at": each.created_at.isoformat(),
        }
        for each in revisions.iterator(chunk_size=500)
    ]


@dataclass
class StoredImage:
    """The image of a page in the storage: `writing.PageImage`."""

    page: Page

    def reduced(self, side: int) -> Picture:
        page = self.page
        with local_path(page.pyramid) as path:
            data = region_jpeg(path, 0, 0, page.width or 1, page.height or 1, max_width=side, max_height=side)
        width, height, _ = jpeg_shape(data) or (page.width or 1, page.height or 1, 3)
        return Picture(data, width, height)

    def faithful(self, side: int) -> Picture:
        return self._own or self.reduced(side)

    def gray(self) -> NDArray[np.uint8]:
        return page_image(self.page)

    @cached_property
    def _own(self) -> Picture | None:
        """The original, where it is a JPEG that shows this page as it is: not turned, not cut, nothing else in it."""
        page, original = self.page, self.page.original
        framing = framing_of(page)
        turned = page.transform.get("rotation") or page.transform.get("mirrored") or framing.frame_turn or framing.turn
        if original.kind != "jpeg" or original.size > _MOST_PASSED or turned or framing.columns or page.frame:
            return None
        with default_storage.open(original.file, "rb") as file:
            data: bytes = file.read()
        shape = jpeg_shape(data)
        if shape is None or shape[:2] != (page.width, page.height) or shape[2] not in (1, 3):
            return None
        return Picture(data, shape[0], shape[1])
