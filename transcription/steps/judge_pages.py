"""Judge pages on which people worked: what their texts say of the vote, of each pass and of confidence.

What needs an alignment of texts cannot be counted by a trigger: it is worked out here, page by page, for the pages that
triggers marked, and kept as facts that triggers count (`models.rollup`). Judging twice changes nothing.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef, QuerySet

from transcription.htr.confidence import UNCALIBRATED
from transcription.htr.judging import judge_line
from transcription.htr.risk import count_edits
from transcription.htr.word_changes import word_changes
from transcription.models import (
    AuditLine,
    CountKind,
    JudgedPage,
    JudgementMark,
    Page,
    Reading,
    Source,
    TranscriptRevision,
)
from transcription.models.rollup import CHANGE_MARK
from transcription.steps.trusted_lines import TrustedLine, trusted_lines_of

_LOCK = 0x4C48 << 44 | 0xC1
LONGEST_WORD = 200  # characters of a word that is counted as a correction; longer ones are cut
BATCH = 50  # pages in one transaction

Facts = Counter[tuple[str, str]]


def judge_marked(*, seconds: float = float("inf")) -> int:
    """Judge marked pages, the oldest mark first, until ``seconds`` are over; how many marks were settled.

    One process at a time: of two, the one with the older picture of a page might write last.
    """
    end = time.monotonic() + seconds
    settled = 0
    while time.monotonic() < end:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
                if not cursor.fetchone()[0]:
                    break
            marks = list(JudgementMark.objects.order_by("pk").values_list("pk", "page_id")[:BATCH])
            if not marks:
                break
            judge_pages({page for _, page in marks})
            JudgementMark.objects.filter(pk__in=[mark for mark, _ in marks]).delete()
        settled += len(marks)
    return settled


def judge_pages(pages: set[int]) -> None:
    """Write what the pages come to now; of those that say nothing, nothing is kept."""
    found = {page.pk: judgement_of(page) for page in Page.everything.filter(pk__in=pages).order_by("pk")}
    known = JudgedPage.objects.in_bulk(list(pages))
    kept = {page: judged for page, judged in found.items() if judged is not None}
    JudgedPage.objects.filter(pk__in=sorted(set(known) - set(kept))).delete()
    for page, judged in kept.items():
        before = known.get(page)
        if before is None or _content(before) != _content(judged):
            judged.save(force_insert=before is None)


def mark_all_pages() -> int:
    """Have every page that anybody worked on judged anew; how many."""
    worked = Page.everything.filter(approved_at__isnull=False).values("pk")
    typed = Page.everything.filter(lines__current__source=Source.PERSON).values("pk")
    audited = AuditLine.objects.filter(truth__isnull=False).values("audit__page")
    pages = worked.union(typed, audited, JudgedPage.objects.values("pk"))
    with connection.cursor() as cursor:
        query, parameters = pages.query.sql_with_params()
        cursor.execute(
            f"INSERT INTO transcription_judgementmark (page_id, marked_at) SELECT p, now() FROM ({query}) AS t (p)",
            parameters,
        )
        return int(cursor.rowcount)


def misjudged(*, batch: int = 200) -> Iterator[int]:
    """Pages that are not judged as they are; those with a mark are left out: they wait."""
    last = 0
    while True:
        pages = list(Page.everything.filter(pk__gt=last).order_by("pk")[:batch])
        if not pages:
            return
        last = pages[-1].pk
        ids = [page.pk for page in pages]
        marked = set(JudgementMark.objects.filter(page_id__in=ids).values_list("page_id", flat=True))
        known = JudgedPage.objects.in_bulk(ids)
        for page in pages:
            judged, before = judgement_of(page), known.get(page.pk)
            same = judged is before if None in (judged, before) else _content(judged) == _content(before)
            if page.pk not in marked and not same:
                yield page.pk


def _content(judged: JudgedPage | None) -> object:
    assert judged is not None
    return judged.collection_id, judged.day, [list(fact) for fact in judged.facts]


def judgement_of(page: Page) -> JudgedPage | None:
    """An unsaved row; None where nobody worked on the page."""
    typed = typed_by_persons(page)
    last_typed = typed.aggregate(last=Max("created_at"))["last"]
    settled = AuditLine.objects.filter(audit__page=page, truth__isnull=False).aggregate(last=Max("settled_at"))["last"]
    worked = [each for each in (page.approved_at, last_typed, settled) if each is not None]
    if not worked:
        return None
    facts: Facts = Counter()
    if page.approved_at is not None or last_typed is not None:
        facts[CountKind.VOTED_WORDS, ""] = _voted_words(page)
    _count_corrections(typed, facts)
    _count_trusted(list(trusted_lines_of(page)), facts)
    return JudgedPage(
        page=page,
        collection_id=page.collection_id,
        day=max(worked).astimezone(dt.UTC).date(),
        facts=[[kind, key, value] for (kind, key), value in sorted(facts.items()) if value],
    )


def typed_by_persons(page: Page) -> QuerySet[TranscriptRevision]:
    """What people typed on the page; what only moved when lines were found anew, nobody typed a second time."""
    return _written_here(page).filter(source=Source.PERSON, layout=None)


def _written_here(page: Page) -> QuerySet[TranscriptRevision]:
    # What was carried to a line of another page, when a spread was split or joined, was written once.
    carried = TranscriptRevision.objects.filter(line__derived_from=OuterRef("line"), created_at=OuterRef("created_at"))
    return TranscriptRevision.objects.filter(line__page=page).exclude(Exists(carried))


def _count_corrections(typed: QuerySet[TranscriptRevision], facts: Facts) -> None:
    """Each line's last typed text against the last one before it that no person wrote."""
    for revision in typed.order_by("line", "-number").distinct("line"):
        earlier = TranscriptRevision.objects.filter(line=revision.line_id, number__lt=revision.number)
        before = earlier.exclude(source=Source.PERSON).order_by("-number").values_list("text", flat=True).first()
        if before is None:
            continue
        edits, characters = count_edits(revision.text, before)
        facts[CountKind.TYPED, ""] += 1
        facts[CountKind.CHANGED, ""] += before != revision.text
        facts[CountKind.BEFORE_CHARS, ""] += characters
        facts[CountKind.BEFORE_EDITS, ""] += edits
        for old, new in word_changes(before, revision.text):
            facts[CountKind.CHANGE, f"{_short(old)}{CHANGE_MARK}{_short(new)}"] += 1


def _short(word: str) -> str:
    return word[:LONGEST_WORD].replace(CHANGE_MARK, " ")


def _voted_words(page: Page) -> int:
    """Words in the last voted texts of the page's lines."""
    voted = _written_here(page).filter(source=Source.VOTE).order_by("line", "-number").distinct("line")
    return sum(len(text.split()) for text in voted.values_list("text", flat=True))


def _count_trusted(lines: Sequence[TrustedLine], facts: Facts) -> None:
    readings: dict[tuple[int, int], dict[str, tuple[int, str]]] = {}
    read = Reading.objects.filter(run__in={line.vote.run_id for line in lines}, line__in=[line.line for line in lines])
    for run, line_id, name, number, text in read.values_list(
        "run", "line", "pass_version__name", "pass_version", "text"
    ):
        readings.setdefault((run, line_id), {})[name] = number, text
    for line in lines:
        passes = readings.get((line.vote.run_id, line.line), {})
        judged = judge_line(line.text, line.vote.text, line.vote.words, {n: text for n, (_, text) in passes.items()})
        version = str(line.vote.run.profile_version_id)
        facts[CountKind.TRUSTED_LINES, version] += 1
        facts[CountKind.TRUSTED_CHARS, version] += judged.characters
        facts[CountKind.TRUSTED_EDITS, version] += judged.edits
        for name, (pass_version, _) in passes.items():
            key = str(pass_version)
            facts[CountKind.PASS_LINES, key] += 1
            facts[CountKind.PASS_CHARS, key] += judged.characters
            facts[CountKind.PASS_EDITS, key] += judged.pass_edits[name]
            facts[CountKind.PASS_BEST, key] += name in judged.best
            facts[CountKind.PASS_WORDS, key] += judged.words[name]
            facts[CountKind.PASS_RIGHT, key] += judged.right[name]
            facts[CountKind.PASS_ALONE, key] += judged.alone[name]
            facts[CountKind.PASS_ALONE_RIGHT, key] += judged.alone_right[name]
        calibration = line.vote.calibration or UNCALIBRATED.id
        for number, words in judged.bin_words.items():
            key = f"{calibration}|{number}"
            facts[CountKind.BIN_WORDS, key] += words
            facts[CountKind.BIN_RIGHT, key] += judged.bin_right[number]
            facts[CountKind.BIN_SUM, key] += judged.bin_sum[number]
