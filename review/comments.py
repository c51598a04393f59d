"""What people say to each other about lines and pages. Anybody who reviews in the collection may; nobody needs to hold
the page for it, and nothing that was said is ever changed."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from review.claims import lock
from review.models import Approval, Comment, PageReview, Thread
from transcription.models import Line, Notification, Page, Source
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
        typed = thread.line.revisions.filter(source=Source.PERSON) if thread.line is not None else None
        others = User.objects.filter(pk__in=typed.values("author")) if typed is not None else User.objects.none()
    else:
        approved = Approval.objects.filter(page=thread.page_id).values("reviewer")
        assigned = PageReview.objects.filter(page=thread.page_id).values("assignee")
        others = User.objects.filter(Q(pk__in=approved) | Q(pk__in=assigned))
    return list((spoke | others).distinct().order_by("pk"))


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
