"""What a person can do to a layout, one operation a class: each changes a draft, and says what it did.

Lines that stay what they are, wherever they are moved and however they are drawn, keep their Line, and so their text.
Splitting and merging make new lines; those they come from stay in the database with all of their text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeVar

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from pydantic import BaseModel, ConfigDict, Field

from transcription.errors import BadInput, Conflict
from transcription.htr.dividing_text import divide_text, join_texts, words_before
from transcription.htr.line_shapes import checked, cut, join, joining_order, outline, place_in_order
from transcription.htr.records import LineGeometry, RegionGeometry
from transcription.htr.text import clean
from transcription.models import Line, Page, Production, Source, TranscriptRevision
from transcription.models.transcript import PRECEDENCE
from transcription.steps.layout_regions import RegionKind, set_kind
from transcription.steps.revise import revise

MOST_LINES = 2000
T = TypeVar("T")
Coordinate = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
Points = Annotated[list[tuple[Coordinate, Coordinate]], Field(max_length=1000)]
LineId = Annotated[int, Field(ge=1, le=2**62)]
Lines = Annotated[list[LineId], Field(min_length=1, max_length=MOST_LINES)]


class TextAtStake(Conflict):
    """Lines that bear a person's text are to leave the page, and nobody has said yet that they mean it."""

    code = "text-at-stake"


@dataclass(slots=True)
class Draft:
    """A layout that is being changed. ``touched`` are the lines to look at afterwards."""

    page: Page
    author: User
    places: list[tuple[LineGeometry, Line]]
    regions: list[RegionGeometry]
    touched: list[int]

    @property
    def size(self) -> tuple[int, int]:
        return self.page.width or 1, self.page.height or 1

    @property
    def geometries(self) -> list[LineGeometry]:
        return [geometry for geometry, _line in self.places]

    def index(self, line: int) -> int:
        """Where a line stands. Raises BadInput."""
        for number, (_geometry, place) in enumerate(self.places):
            if place.pk == line:
                return number
        raise BadInput("This line is not on the page any more: look at the lines as they are now.", code="no-such-line")

    def indexes(self, lines: Sequence[int]) -> list[int]:
        """Where lines stand, each once, in reading order. Raises BadInput."""
        return sorted({self.index(line) for line in lines})


class _Operation(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    def apply(self, draft: Draft) -> str:
        """Change the draft and return what was done, as a sentence without its full stop. Raises BadInput."""
        raise NotImplementedError


class Add(_Operation):
    """Draw a line by its baseline; its outline and its place in the order follow from the others, unless given."""

    kind: Literal["add"]
    baseline: Points
    polygon: Points | None = None
    after: LineId | None = None

    def apply(self, draft: Draft) -> str:
        if len(draft.places) >= MOST_LINES:
            raise BadInput(f"A page holds at most {MOST_LINES} lines.", code="too-many-lines")
        geometry = _drawn(draft, self.baseline, self.polygon, LineGeometry((), ()), draft.geometries)
        others = draft.geometries
        at = draft.index(self.after) + 1 if self.after is not None else place_in_order(geometry, others)
        if others:
            geometry = replace(geometry, region=others[at - 1 if at > 0 else 0].region)
        line = Line.objects.create(page=draft.page)
        draft.places.insert(at, (geometry, line))
        draft.touched = [line.pk]
        return _("Line %(number)d added") % {"number": at + 1}


class Delete(_Operation):
    """Take lines off the page. ``sure``: also those that bear a person's text."""

    kind: Literal["delete"]
    lines: Lines
    sure: bool = False

    def apply(self, draft: Draft) -> str:
        chosen = draft.indexes(self.lines)
        typed = [i for i in chosen if is_typed(draft.places[i][1])]
        if typed and not self.sure:
            raise TextAtStake(
                ngettext(
                    "Line %(numbers)s has text that a person typed.",
                    "Lines %(numbers)s have text that people typed.",
                    len(typed),
                )
                % {"numbers": numbers(typed)}
            )
        draft.places = [place for i, place in enumerate(draft.places) if i not in set(chosen)]
        following = min(chosen[0], len(draft.places) - 1)
        draft.touched = [draft.places[following][1].pk] if draft.places else []
        return _said("Line %(numbers)s deleted", "Lines %(numbers)s deleted", chosen)


class Split(_Operation):
    """Cut a line across at a share of its baseline; ``words`` of its text go to the first part (None: by the share)."""

    kind: Literal["split"]
    line: LineId
    share: Annotated[float, Field(gt=0, lt=1)]
    words: Annotated[int, Field(ge=0, le=5000)] | None = None

    def apply(self, draft: Draft) -> str:
        if len(draft.places) >= MOST_LINES:
            raise BadInput(f"A page holds at most {MOST_LINES} lines.", code="too-many-lines")
        at = draft.index(self.line)
        geometry, line = draft.places[at]
        parts = [checked(part, draft.size) for part in cut(geometry, self.share)]
        text = line.current.text if line.current is not None else ""
        count = words_before(text, self.share) if self.words is None else self.words
        places = []
        for part, piece in zip(parts, divide_text(text, count), strict=True):
            new = _derived(draft.page, [line])
            if line.current is not None:
                before = line.current
                author, transcript = before.author, before.transcript
                revise(line=new, text=piece, source=Source(before.source), author=author, transcript=transcript)
            places.append((part, new))
        draft.places[at : at + 1] = places
        draft.touched = [new.pk for _part, new in places]
        return _("Line %(number)d split in two") % {"number": at + 1}


class Merge(_Operation):
    """Join lines to one. ``text``: what a person says stands there; else the texts, one after the other."""

    kind: Literal["merge"]
    lines: Lines
    text: Annotated[str, Field(max_length=20_000)] | None = None

    def apply(self, draft: Draft) -> str:
        chosen = draft.indexes(self.lines)
        if len(chosen) < 2:
            raise BadInput("Choose two or more lines to merge.", code="nothing-to-join")
        order = [chosen[i] for i in joining_order([draft.places[i][0] for i in chosen])]
        parts = [draft.places[i] for i in order]
        first = draft.places[chosen[0]][0]
        geometry = replace(
            join([geometry for geometry, _line in parts]), region=first.region, production=first.production
        )
        new = _derived(draft.page, [line for _geometry, line in parts])
        _join_texts(new, [line.current for _geometry, line in parts if line.current is not None], self.text, draft)
        draft.places[chosen[0]] = (checked(geometry, draft.size), new)
        gone = set(chosen[1:])
        draft.places = [place for i, place in enumerate(draft.places) if i not in gone]
        draft.touched = [new.pk]
        return _("Lines %(numbers)s merged") % {"numbers": numbers(chosen)}


class Reshape(_Operation):
    """Draw a line's baseline and outline anew; without an outline it is made from the baseline."""

    kind: Literal["reshape"]
    line: LineId
    baseline: Points
    polygon: Points | None = None

    def apply(self, draft: Draft) -> str:
        at = draft.index(self.line)
        geometry, line = draft.places[at]
        others = [other for i, other in enumerate(draft.geometries) if i != at]
        draft.places[at] = (_drawn(draft, self.baseline, self.polygon, geometry, others), line)
        draft.touched = [line.pk]
        sentence = _("Line %(number)d drawn anew") if self.polygon is not None else _("Outline of line %(number)d made")
        return sentence % {"number": at + 1}


class Order(_Operation):
    """All lines of the page in the order in which they are to be read. ``moved``: the one that was moved, which of two
    neighbours that change places nothing else tells."""

    kind: Literal["order"]
    lines: Lines
    moved: LineId | None = None

    def apply(self, draft: Draft) -> str:
        before = [line.pk for _geometry, line in draft.places]
        if sorted(self.lines) != sorted(before):
            raise BadInput("An order names each line of the page once.", code="no-order")
        by_line = {line.pk: (geometry, line) for geometry, line in draft.places}
        draft.places = [by_line[line] for line in self.lines]
        moved = _moved(before, self.lines, self.moved)
        draft.touched = [moved] if moved is not None else []
        if moved is None:
            return _("Order of lines changed")
        places = {"number": before.index(moved) + 1, "place": self.lines.index(moved) + 1}
        return _("Line %(number)d moved to place %(place)d") % places


class Tag(_Operation):
    """Say how lines were written, or of what kind their region is."""

    kind: Literal["tag"]
    lines: Lines
    production: Production | None = None
    region: RegionKind | None = None

    def apply(self, draft: Draft) -> str:
        chosen = draft.indexes(self.lines)
        geometries = draft.geometries
        if self.production is not None:
            for i in chosen:
                geometries[i] = replace(geometries[i], production=str(self.production))
        if self.region is not None:
            geometries, draft.regions = set_kind(geometries, draft.regions, set(chosen), str(self.region))
        draft.places = [(geometry, line) for geometry, (_old, line) in zip(geometries, draft.places, strict=True)]
        draft.touched = [draft.places[i][1].pk for i in chosen]
        said = self.region if self.region is not None else self.production
        values = {"numbers": numbers(chosen), "tag": said.label if said is not None else ""}
        return ngettext("Line %(numbers)s: %(tag)s", "Lines %(numbers)s: %(tag)s", len(chosen)) % values


Operation = Annotated[Add | Delete | Split | Merge | Reshape | Order | Tag, Field(discriminator="kind")]


def _drawn(
    draft: Draft, baseline: Points, polygon: Points | None, like: LineGeometry, others: Sequence[LineGeometry]
) -> LineGeometry:
    """A checked geometry with this baseline; the outline is made where there is none."""
    course = tuple(baseline)
    ring = tuple(polygon) if polygon is not None else outline(course, others, draft.size)
    return checked(replace(like, baseline=course, polygon=ring), draft.size)


def _derived(page: Page, sources: Sequence[Line]) -> Line:
    line = Line.objects.create(page=page)
    line.derived_from.add(*sources)
    return line


def _join_texts(new: Line, parts: Sequence[TranscriptRevision], text: str | None, draft: Draft) -> None:
    """Give a joined line its text: a person's if any part of it is, then by whoever joined them unless one person wrote
    it all; else as sure as its least sure part, so that it is read again."""
    joined = join_texts([part.text for part in parts])
    said = clean(text) if text is not None else joined
    typed = [part for part in parts if part.source == Source.PERSON]
    if typed or said != joined:
        authors = {part.author_id for part in parts if part.text or part.source == Source.PERSON}
        all_typed = all(part.source == Source.PERSON for part in parts if part.text)
        kept = all_typed and len(authors) == 1 and said == joined
        revise(line=new, text=said, source=Source.PERSON, author=typed[0].author if kept else draft.author)
    elif parts:
        least = min(parts, key=lambda part: PRECEDENCE.index(Source(part.source)))
        revise(line=new, text=said, source=Source(least.source), author=least.author, transcript=least.transcript)


def is_typed(line: Line) -> bool:
    """Whether words that a person typed stand on the line."""
    return line.current is not None and line.current.source == Source.PERSON and line.current.text != ""


def _moved(before: Sequence[T], after: Sequence[T], said: T | None) -> T | None:
    """The one item that was moved, ``said`` where that is possible, None where more than one was."""
    first = next((i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b), None)
    if first is None:
        return None
    either = (before[first], after[first])
    for item in either[::-1] if said == after[first] else either:
        if [each for each in before if each != item] == [each for each in after if each != item]:
            return item
    return None


def numbers(indexes: Sequence[int]) -> str:
    """Indexes as people count, neighbours from three on as a stretch: "1, 4–6"."""
    stretches: list[list[int]] = []
    for index in indexes:
        if stretches and stretches[-1][1] == index:
            stretches[-1][1] = index + 1
        else:
            stretches.append([index + 1, index + 1])
    said = [(f"{a}" if a == b else f"{a}, {b}" if b == a + 1 else f"{a}–{b}") for a, b in stretches]
    return ", ".join(said[:6]) + ("…" if len(said) > 6 else "")


def _said(one: str, many: str, indexes: Sequence[int]) -> str:
    return ngettext(one, many, len(indexes)) % {"numbers": numbers(indexes)}
