"""A database as large as one wants, from some pages that were made through the models.

The server copies the rows of a few hundred pages as often as asked: nothing passes through Python, and a column that a
model gains is copied with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, models

from transcription.models import (
    Collection,
    Document,
    Layout,
    LayoutLine,
    Line,
    Membership,
    Original,
    Page,
    PageState,
    PassVersion,
    Profile,
    ProfileVersion,
    Role,
    RouteDecision,
    Run,
    Source,
    StagePass,
    TranscriptRevision,
    Vote,
)
from transcription.steps.material import CHARACTERS, WORDS
from transcription.steps.usefulness import weigh

COLLECTIONS = 20
PAGES_A_COLLECTION = 10
LINES_A_PAGE = 5
WORDS_A_LINE = 8
TEMPLATE_PAGES = COLLECTIONS * PAGES_A_COLLECTION
# Of four pages one waits for people.
STATES = [PageState.IN_REVIEW, PageState.ACCEPTED, PageState.ACCEPTED, PageState.REVIEWED]
TEXT = "the of and ſaid pariſh May John Mary daughter ſon Rector baptised married widow Smyth firſt day 1702 ye in"

# In this order nothing is needed that is not there yet; what else a row of theirs must tell apart is said in SQL.
COPIED: Mapping[type[models.Model], Mapping[str, str]] = {
    Document: {"title": "title || ' ' || k"},
    Page: {"frame": "frame + k"},
    Layout: {},
    Run: {},
    Line: {},
    LayoutLine: {},
    Vote: {},
    TranscriptRevision: {},
    RouteDecision: {},
}


class ManyPages:
    """Pages in a database of its own, which holds nothing else at first; grown in steps up to ``room`` pages.

    Other rows may come between two steps: theirs are the ids behind those of ``room`` pages. The database's user must
    be allowed to switch triggers off.
    """

    def __init__(self, *, room: int) -> None:
        self.collections = _create_template()
        self._most = -(-room // TEMPLATE_PAGES)
        self._copies = 1
        self._strides = {model: model._default_manager.count() for model in COPIED}
        with connection.cursor() as cursor:
            for model, rows in self._strides.items():
                table = model._meta.db_table
                cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [table, rows * self._most])

    def grow(self, pages: int, say: Callable[[str], object]) -> int:
        """Copy the pages of the template until there are at least ``pages``; how many there are."""
        copies = min(self._most, -(-pages // TEMPLATE_PAGES))
        if copies > self._copies:
            with connection.cursor() as cursor:
                cursor.execute("SET session_replication_role = replica")
                for model in COPIED:
                    say(f"{pages:,} pages: {model._meta.verbose_name_plural}")
                    cursor.execute(self._copying(model), [self._copies, copies - 1, self._strides[model]])
                cursor.execute("SET session_replication_role = DEFAULT")
                cursor.execute("VACUUM (ANALYZE)")
            self._copies = copies
        return self._copies * TEMPLATE_PAGES

    def _copying(self, model: type[models.Model]) -> str:
        names, values = [], []
        for column in model._meta.concrete_fields:
            name = f'"{column.column}"'
            names.append(name)
            stride = self._strides.get(model if column.primary_key else column.related_model)  # type: ignore[arg-type]
            values.append(COPIED[model].get(str(column.column), f"{name} + k * {stride}" if stride else name))
        table = model._meta.db_table
        return (
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} "
            f"FROM generate_series(%s::int, %s::int) k, {table} WHERE id <= %s"
        )


def _create_template() -> list[Collection]:
    """``TEMPLATE_PAGES`` pages with voted lines in ``COLLECTIONS`` collections."""
    version = _profile_version()
    collections = [Collection.objects.create(title=f"Collection {k + 1}", audit_rate=0) for k in range(COLLECTIONS)]
    words = TEXT.split()
    for collection in collections:
        document = Document.objects.create(collection=collection, title="Volume")
        for number in range(PAGES_A_COLLECTION):
            page = _page(document, number)
            layout = Layout.objects.create(page=page, version=1, source="bench")
            run = Run.objects.create(page=page, layout=layout, profile_version=version, number=1)
            confidences = [0.35 + 0.6 * ((7 * page.pk + 3 * k) % 100) / 100 for k in range(LINES_A_PAGE * WORDS_A_LINE)]
            for position in range(LINES_A_PAGE):
                here = confidences[position * WORDS_A_LINE : (position + 1) * WORDS_A_LINE]
                chosen = [words[(page.pk + 5 * position + k) % len(words)] for k in range(WORDS_A_LINE)]
                _line(layout, run, position + 1, [_word(*each) for each in zip(chosen, here, strict=True)])
            page.layout, page.run = layout, run
            page.confidence = sum(confidences) / len(confidences)
            page.save(update_fields=["layout", "run", "confidence"])
            RouteDecision.objects.create(
                page=page,
                run=run,
                outcome=RouteDecision.Outcome.REVIEW,
                confidence=page.confidence,
                threshold=0.5,
                reasons=["low-confidence"],
                features={WORDS: LINES_A_PAGE * WORDS_A_LINE, CHARACTERS: LINES_A_PAGE * WORDS_A_LINE * 5.0},
            )
    weigh(Page.objects.values_list("pk", flat=True))
    return collections


def create_reviewers(count: int, collections: Sequence[Collection]) -> list[User]:
    """People who may review all of ``collections``; nobody can sign in as them with a password."""
    reviewers = [User.objects.create(username=f"bench-{k + 1}", password="!") for k in range(count)]
    Membership.objects.bulk_create(
        Membership(user=user, collection=collection, role=Role.REVIEWER)
        for user in reviewers
        for collection in collections
    )
    return reviewers


def _profile_version() -> ProfileVersion:
    version = ProfileVersion.objects.create(
        profile=Profile.objects.create(name="bench"),
        number=1,
        digest="b" * 64,
        segmenter="classical",
        segmenter_digest="c" * 64,
        thresholds=[0.7],
    )
    for position, recipe in enumerate(["plain", "clahe"]):
        read = PassVersion.objects.create(
            digest=f"{position:064}", name=f"{recipe}+starter", recipe=recipe, engine="starter", engine_digest="d" * 64
        )
        StagePass.objects.create(profile_version=version, pass_version=read, position=position)
    return version


def _page(document: Document, number: int) -> Page:
    original = Original.objects.create(
        collection=document.collection,
        document=document,
        name=f"{number}.jpg",
        file=f"bench/{document.pk}/{number}",
        sha256=f"{document.pk}{number:02}".zfill(64),
        size=1,
        kind="jpeg",
        frames=1,
    )
    return Page.objects.create(
        collection=document.collection,
        document=document,
        original=original,
        position=number + 1,
        state=STATES[number % len(STATES)],
        width=1200,
        height=1600,
    )


def _line(layout: Layout, run: Run, position: int, words: list[dict[str, Any]]) -> None:
    line = Line.objects.create(page=layout.page)
    bottom = 100 + 60 * position
    LayoutLine.objects.create(
        layout=layout,
        line=line,
        position=position,
        baseline=[[100, bottom], [1100, bottom]],
        polygon=[[100, bottom - 40], [1100, bottom - 40], [1100, bottom + 12], [100, bottom + 12]],
    )
    text = " ".join(str(word["text"]) for word in words)
    confidence = sum(word["confidence"] for word in words) / len(words)
    vote = Vote.objects.create(run=run, line=line, text=text, words=words, confidence=confidence)
    line.current = TranscriptRevision.objects.create(line=line, number=1, text=text, source=Source.VOTE, vote=vote)
    line.save(update_fields=["current"])


def _word(text: str, confidence: float) -> dict[str, Any]:
    return {
        "text": text,
        "confidence": confidence,
        "score": confidence,
        "support": 2,
        "span": None,
        "passes": ["plain+starter"],
        "alternatives": [{"text": text + "e", "support": 1, "passes": ["clahe+starter"]}],
    }
