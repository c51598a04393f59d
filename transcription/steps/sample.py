"""The sample collection: pages that Longhand draws itself, uploaded through the real door and read by real workers."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from transcription.errors import PermanentError
from transcription.models import Collection, Lane, Membership, Role, Step
from transcription.steps.create import create_collection
from transcription.steps.purge import purge_collection
from transcription.steps.queue import enqueue

TITLE = "Sample: the Whitcombe papers"
GUIDELINES = """Write what stands there: keep the spelling, the capitals and the punctuation.
Struck words as ⟦struck⟧, insertions as ⸢inserted⸣, an unclear word as word[?], what cannot be read as […].
Keep line breaks. Do not expand abbreviations."""


class NoDemo(PermanentError):
    code = "no-demo"


def demo_accounts() -> dict[str, User]:
    """The demo users, made where they are missing. Raises NoDemo where settings forbid well-known passwords."""
    if not settings.DEMO:
        raise NoDemo("Demo accounts are off on this server (LONGHAND_DEMO); make users in the admin screen.")
    accounts = {}
    for name in settings.DEMO_ACCOUNTS:
        user, created = User.objects.get_or_create(username=name)
        if created:
            user.set_password(name)
            user.is_staff = user.is_superuser = name == "admin"
            user.save()
        accounts[name] = user
    return accounts


def create_sample() -> Collection:
    """Make the sample collection; a worker draws its pages. One at a time: returns it if it is there."""
    existing = Collection.objects.filter(is_sample=True).first()
    if existing is not None:
        return existing
    accounts = demo_accounts()
    with transaction.atomic():
        collection = create_collection(
            title=TITLE,
            owner=accounts["admin"],
            is_sample=True,
            identifier="SAMPLE-1",
            dates="1790-1910",
            creator="Drawn by Longhand",
            language="en",
            rights="CC0; made for trying Longhand out",
            guidelines=GUIDELINES,
        )
        for name, role in (("staff", Role.STAFF), ("reviewer", Role.REVIEWER), ("lead", Role.LEAD)):
            Membership.objects.create(user=accounts[name], collection=collection, role=role)
        enqueue(step=Step.SAMPLE, collection_id=collection.pk, lane=Lane.INTERACTIVE)
    return collection


def start_empty(user: User) -> None:
    """Delete the sample collection; real collections stay."""
    for collection in Collection.objects.visible_to(user, Role.ADMIN).filter(is_sample=True):
        purge_collection(collection)


def reset_demo(user: User) -> Collection:
    """Delete the sample and draw it anew."""
    start_empty(user)
    return create_sample()
