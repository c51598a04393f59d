"""What commands that fill a collection share: which one, and waiting until it is read."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser

from transcription.models import Collection
from transcription.steps.create import create_collection
from transcription.steps.progress import CollectionProgress, collection_progress


def add_collection_arguments(parser: CommandParser) -> None:
    parser.add_argument("--collection", required=True, help="title; made when there is none")
    parser.add_argument("--owner", help="user name of the new collection's admin (default: the first superuser)")
    parser.add_argument("--wait", action="store_true", help="until every page is read; workers must be running")
    parser.add_argument("--seconds", type=float, default=86_400, help="longest wait")


def collection_called(title: str, owner: str | None) -> Collection:
    """The collection of that title, or a new one whose admin is ``owner``."""
    existing = Collection.objects.filter(title=title).first()
    if existing is not None:
        return existing
    users = User.objects.filter(username=owner) if owner else User.objects.filter(is_superuser=True)
    user = users.order_by("pk").first()
    if owner and user is None:
        raise CommandError(f"There is no user “{owner}”; make one with manage.py createsuperuser.")
    return create_collection(title=title, owner=user)


def wait_until_read(target: Collection, seconds: float, say: Callable[[str], object]) -> CollectionProgress:
    """Wait until nothing of the collection is due, saying how far it is; returns how far it came."""
    ends = time.monotonic() + seconds
    shown = None
    while time.monotonic() < ends:
        target.refresh_from_db(fields=["state"])
        progress = collection_progress(target)
        if progress.idle:
            return progress
        if target.state != Collection.State.ACTIVE:
            raise CommandError(f"“{target}” was {target.get_state_display()}; resume it and its pages are read.")
        said = _said(progress)
        if said != shown:
            shown = said
            say(said)
        time.sleep(1.0)
    raise CommandError(f"Not done after {seconds:.0f} s; the work goes on in the workers.")


def who_sees(target: Collection) -> str:
    members = ", ".join(target.memberships.order_by("user__username").values_list("user__username", flat=True))
    whom = f"its members ({members}) and superusers" if members else "superusers"
    return f"“{target}” is seen only by {whom}; others are let in under Settings → Members."


def _said(progress: CollectionProgress) -> str:
    """How far the collection has come. How many pages it has is known only once all files are opened."""
    failed = f", {progress.failures} failed" if progress.failures else ""
    if progress.unpacking:
        files = "1 file" if progress.unpacking == 1 else f"{progress.unpacking} files"
        return f"{files} still to be opened; pages done: {progress.finished}{failed}"
    return f"{progress.finished} of {progress.pages} pages done{failed}"
