"""What people say to each other about lines and pages. Anybody who reviews in the collection may; nobody needs to hold
the page for it, and nothing that was said is ever changed."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from review.claims import lock
from review.models import Approval, Comment, PageReturn, PageReview, Skip, Thread
from transcription.models import Line, Notification, Page, Source, TranscriptRevision
from transcription.steps.notify import notify

LONGEST = 2000  # characters of one comment
LONGEST_NOTE = 200  # of it, in a notification


def say(*, page: Page, line: Line | None, text: str, author: User) -> Comment:
    """Add to what is said about ``line``, which is one of the page's, or about the page itself. A resolved thread is
    open again. Those whose text it is about, and those who spoke before, are told."""
    with transaction.atomic():
        thread, _created = Thread.objects.get_or_create(page=lock(page), line=line)
        if thread.resolved_at is not None:
            Thread.objects.filter(pk=thread.pk).update(resolved_at=None)
        comment = Comment.objects.create(thread=thread, text=text, author=author)
        details = {"note": text[:LONGEST_NOTE], "line": line.pk if line is not None else None}
        notify(Notification.Kind.COMMENT, to=_concerned(thread), actor=author, page=page, details=details)
    return comment


def resolve(thread: Thread, *, by: User) -> bool:
    """Nothing is left to do about it; False where somebody was first."""
    return _turn(thread, by, Comment.Kind.RESOLVED)


def reopen(thread: Thread, *, by: User) -> bool:
    return _turn(thread, by, Comment.Kind.REOPENED)


def _turn(thread: Thread, by: User, kind: Comment.Kind) -> bool:
    with transaction.atomic():
        lock(thread.page)
        resolving = kind == Comment.Kind.RESOLVED
        open_now = Q(resolved_at=None) if resolving else ~Q(resolved_at=None)
        turned = Thread.objects.filter(open_now, pk=thread.pk).update(resolved_at=Now() if resolving else None)
        if turned:
            Comment.objects.create(thread=thread, kind=kind, author=by)
    return turned > 0


def _concerned(thread: Thread) -> list[User]:
    """Whom a comment is about, and who takes part: authors of the line's text, or, of a page, who approved it and whom
    it is assigned to."""
    spoke = User.objects.filter(pk__in=thread.comments.values("author"))
    if thread.line_id is not None:
        typed = TranscriptRevision.objects.filter(line=thread.line_id, source=Source.PERSON)
        others = User.objects.filter(pk__in=typed.values("author"))
    else:
        approved = Approval.objects.filter(page=thread.page_id).values("reviewer")
        assigned = PageReview.objects.filter(page=thread.page_id).values("assignee")
        others = User.objects.filter(Q(pk__in=approved) | Q(pk__in=assigned))
    return list((spoke | others).distinct().order_by("pk"))


def carry_threads(*, source: Page, target: Page) -> None:
    """Take along what was said about lines of ``source`` that stand on ``target`` now, as the same line or as one that
    came from it. The caller holds the locks of both pages, which may be one."""
    shown = set(Line.objects.filter(places__layout=target.layout_id).values_list("pk", flat=True))
    for thread in Thread.objects.filter(page=source, line__isnull=False).exclude(line__in=shown).select_related("line"):
        assert thread.line is not None
        kin = Line.objects.filter(Q(derived_from=thread.line_id) | Q(pk__in=thread.line.derived_from.all()))
        found = kin.filter(pk__in=shown).order_by("pk").first()
        if found is not None:
            _move(thread, target, found)


def carry_page(*, source: Page, target: Page) -> None:
    """Take along all that was said and done about ``source``, which becomes a part of ``target``."""
    for thread in Thread.objects.filter(page=source):
        _move(thread, target, thread.line)
    for rows in (Approval.objects, PageReturn.objects, Skip.objects, Notification.objects):
        rows.filter(page=source).update(page=target)


def _move(thread: Thread, page: Page, line: Line | None) -> None:
    """Make it the thread about ``line`` of ``page``; what is said there already and this become one."""
    there = Thread.objects.filter(page=page, line=line).exclude(pk=thread.pk).first()
    if there is None:
        Thread.objects.filter(pk=thread.pk).update(page=page, line=line)
        return
    Comment.objects.filter(thread=thread).update(thread=there)
    if thread.resolved_at is None:
        Thread.objects.filter(pk=there.pk).update(resolved_at=None)
    thread.delete()


@dataclass(frozen=True, slots=True)
class Talk:
    """How much was said in a thread, and whether something is left to do."""

    said: int
    open: bool


def talks_of(page: Page) -> dict[int, Talk]:
    """The page's threads by line; 0 stands for the page itself."""
    said = Count("comments", filter=Q(comments__kind=Comment.Kind.SAID))
    threads = Thread.objects.filter(page=page).annotate(said=said).values_list("line", "said", "resolved_at")
    return {line or 0: Talk(count, resolved_at is None) for line, count, resolved_at in threads}


def comments_in(page: Page, line: int | None) -> tuple[Thread | None, QuerySet[Comment]]:
    """The thread about a line, or about the page itself, and what was said in it, oldest first."""
    thread = Thread.objects.filter(page=page, line=line).first()
    return thread, Comment.objects.filter(thread=thread).select_related("author").order_by("pk")


def astray(page: Page) -> QuerySet[Thread]:
    """Open threads about lines that the page shows no more."""
    threads = Thread.objects.open().filter(page=page, line__isnull=False)
    return threads.exclude(line__places__layout=page.layout_id).order_by("pk").prefetch_related("comments__author")
