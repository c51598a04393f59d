"""Make a collection, with its maker as admin."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from transcription.models import Collection, Membership, Role, Verb
from transcription.steps.profiles import default_profile_version
from transcription.steps.record_deed import record


def create_collection(*, title: str, owner: User | None, **metadata: object) -> Collection:
    """A new collection with the bundled profile; ``metadata`` are Collection's other fields."""
    with transaction.atomic():
        profile = default_profile_version().profile
        collection = Collection.objects.create(**({"title": title, "profile": profile} | metadata))
        if owner is not None:
            Membership.objects.create(user=owner, collection=collection, role=Role.ADMIN)
        record(Verb.COLLECTION_MADE, about=collection, collection=collection, actor=owner)
    return collection
