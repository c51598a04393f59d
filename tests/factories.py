"""Rows for tests: small keyword factories with sensible defaults. They write rows only; files are up to the test."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User

from transcription.formats.word_list import WordEntry
from transcription.models import (
    Collection,
    Document,
    Failure,
    ImportedTranscript,
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
    Queue,
    Role,
    Run,
    Source,
    StagePass,
    Step,
    Term,
    TermKind,
    TranscriptRevision,
    Trial,
    Upload,
    Vote,
    Work,
    WorkState,
)
from transcription.steps.choose_passes import ChosenPass, bundled_passes, checked, trial_profile
from transcription.steps.profiles import version_at_present
from transcription.steps.vocabulary import merge_terms

_serial = itertools.count(1)


def _digest(*parts: object) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()


def create_user(*, username: str = "", password: str = "correct-horse", superuser: bool = False) -> User:
    name = username or f"person{next(_serial)}"
    if superuser:
        return User.objects.create_superuser(name, password=password)
    return User.objects.create_user(name, password=password)


def create_trial(*, collection: Collection, passes: Sequence[ChosenPass] = ()) -> Trial:
    """A trial of ``passes`` (the bundled ones) that reads no page."""
    choice = checked(passes or bundled_passes())
    version = version_at_present(trial_profile(collection), choice.recipes, choice.thresholds)
    return Trial.objects.create(collection=collection, profile_version=version)


def create_membership(*, collection: Collection, role: Role = Role.ADMIN, user: User | None = None) -> Membership:
    return Membership.objects.create(user=user or create_user(), collection=collection, role=role)


def create_profile_version(*, passes: Sequence[str] = ("plain+starter", "clahe+starter")) -> ProfileVersion:
    """A profile version of one stage with a pass for each name (recipe+engine)."""
    serial = next(_serial)
    version = ProfileVersion.objects.create(
        profile=Profile.objects.create(name=f"profile {serial}"),
        number=1,
        digest=_digest("profile", serial),
        segmenter="classical",
        segmenter_digest=_digest("classical"),
        thresholds=[0.7],
    )
    for position, name in enumerate(passes):
        recipe, _, engine = name.partition("+")
        pass_version = PassVersion.objects.create(
            digest=_digest(name, serial), name=name, recipe=recipe, engine=engine, engine_digest=_digest(engine)
        )
        StagePass.objects.create(profile_version=version, pass_version=pass_version, position=position)
    return version


def create_collection(*, title: str = "Parish registers", owner: User | None = None, **fields: Any) -> Collection:
    """A collection; ``owner`` becomes its admin. No page of it is drawn for an audit by chance, unless asked for."""
    collection = Collection.objects.create(title=title, **{"audit_rate": 0.0} | fields)
    if owner is not None:
        create_membership(collection=collection, role=Role.ADMIN, user=owner)
    return collection


def create_document(*, collection: Collection | None = None, title: str = "") -> Document:
    return Document.objects.create(
        collection=collection or create_collection(), title=title or f"Document {next(_serial)}"
    )


def create_term(*, collection: Collection, text: str = "Whitcombe", kind: TermKind = TermKind.NAME) -> Term:
    """A term of the collection's vocabulary, which has it from its next revision on."""
    merge_terms(collection=collection, entries=[WordEntry(text, kind)])
    return Term.objects.present().get(collection=collection, text=text)


def create_imported_transcript(
    *, page: Page, text: str = "the old rector", name: str = "scan.txt", importer: User | None = None
) -> ImportedTranscript:
    """A transcript that was brought for ``page`` and is not placed yet."""
    return ImportedTranscript.objects.create(
        original=page.original,
        frame=page.frame,
        number=ImportedTranscript.objects.of_page(page.original_id, page.frame).count() + 1,
        name=name,
        data=text.encode(),
        sha256=_digest(text),
        lines=len(text.splitlines()),
        importer=importer,
    )


def create_upload(*, collection: Collection, uploader: User | None = None) -> Upload:
    return Upload.objects.create(collection=collection, uploader=uploader)


def create_original(
    *, document: Document | None = None, name: str = "", frames: int | None = 1, **fields: Any
) -> Original:
    document = document or create_document()
    serial = next(_serial)
    values: dict[str, Any] = {
        "collection": document.collection,
        "document": document,
        "name": name or f"scan-{serial:04}.jpg",
        "sha256": _digest("original", serial),
        "size": 1000,
        "kind": "jpeg",
        "file": f"originals/{serial}",
        "frames": frames,
    }
    return Original.objects.create(**values | fields)


def create_page(
    *,
    collection: Collection | None = None,
    document: Document | None = None,
    state: PageState = PageState.PREPARED,
    position: int | None = None,
    **fields: Any,
) -> Page:
    """A page of 1200 × 1600 px with its own original, in ``document`` or in a fresh one of ``collection``."""
    document = document or create_document(collection=collection)
    original = fields.pop("original", None) or create_original(document=document)
    values: dict[str, Any] = {
        "collection": document.collection,
        "document": document,
        "original": original,
        "position": position or document.pages.count() + 1,
        "state": state,
        "width": 1200,
        "height": 1600,
    }
    return Page.objects.create(**values | fields)


def create_layout(*, page: Page, lines: int = 2) -> Layout:
    """A layout with lines one under the other, made the page's current one."""
    layout = Layout.objects.create(page=page, version=page.layouts.count() + 1, source="test")
    for position in range(1, lines + 1):
        bottom = 100 + 60 * position
        LayoutLine.objects.create(
            layout=layout,
            line=Line.objects.create(page=page),
            position=position,
            baseline=[[100, bottom], [1100, bottom]],
            polygon=[[100, bottom - 40], [1100, bottom - 40], [1100, bottom + 12], [100, bottom + 12]],
        )
    page.layout = layout
    page.save(update_fields=["layout"])
    return layout


def create_run(*, page: Page, profile_version: ProfileVersion | None = None) -> Run:
    """A run over the page's current layout, made the page's current one."""
    run = Run.objects.create(
        page=page,
        layout=page.layout,
        profile_version=profile_version or create_profile_version(),
        number=page.runs.count() + 1,
    )
    page.run = run
    page.save(update_fields=["run"])
    return run


def word(text: str, confidence: float = 0.9, *alternatives: str) -> dict[str, Any]:
    """A voted word as a Vote keeps it; ``alternatives`` have one pass each behind them."""
    return {
        "text": text,
        "confidence": confidence,
        "score": confidence,
        "support": 2,
        "span": None,
        "passes": ["plain+starter", "clahe+starter"],
        "alternatives": [{"text": other, "support": 1, "passes": ["adaptive+starter"]} for other in alternatives],
    }


def create_vote(*, run: Run, line: Line, words: Sequence[dict[str, Any]] = (), stage: int = 0) -> Vote:
    """A vote and the revision it made, which becomes the line's current text where no person's stands."""
    words = list(words) or [word("the"), word("Rector", 0.4, "Pastor")]
    text = " ".join(str(each["text"]) for each in words)
    confidence = sum(each["confidence"] for each in words) / len(words)
    vote = Vote.objects.create(run=run, line=line, stage=stage, text=text, words=words, confidence=confidence)
    create_revision(line=line, text=text, source=Source.VOTE, vote=vote)
    return vote


def create_revision(
    *,
    line: Line,
    text: str,
    source: Source = Source.PERSON,
    author: User | None = None,
    vote: Vote | None = None,
    mixed: bool = False,
) -> TranscriptRevision:
    """The next revision of a line, made its current one."""
    revision = TranscriptRevision.objects.create(
        line=line,
        number=line.revisions.count() + 1,
        text=text,
        source=source,
        author=author,
        vote=vote,
        mixed=mixed,
    )
    line.current = revision
    line.save(update_fields=["current"])
    return revision


def create_work(*, collection: Collection, step: Step = Step.PREPARE, **fields: Any) -> Work:
    values: dict[str, Any] = {
        "collection": collection,
        "step": step,
        "queue": Queue.CPU,
        "state": WorkState.QUEUED,
        "input_hash": _digest("work", next(_serial)),
    }
    return Work.objects.create(**values | fields)


def create_failure(
    *, collection: Collection, page: Page | None = None, original: Original | None = None, **fields: Any
) -> Failure:
    """An open failure of a failed piece of work on a page or an original."""
    work = fields.pop("work", None) or create_work(
        collection=collection, page=page, original=original, state=WorkState.FAILED
    )
    values: dict[str, Any] = {
        "collection": collection,
        "work": work,
        "page": page,
        "original": original,
        "step": work.step,
        "code": "damaged",
        "message": "The file ends too early; scan it again.",
    }
    return Failure.objects.create(**values | fields)
