"""Which profile versions a collection had, and the profiles that people named for any collection to take."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import IntegrityError, transaction
from django.db.models import Count, Min, QuerySet

from transcription.errors import BadInput
from transcription.models import Collection, Profile, ProfileVersion, Run
from transcription.steps.choose_passes import Choice, as_columns
from transcription.steps.profiles import BUNDLED

LONGEST_NAME = 60
_OUR_NAMES = re.compile(rf"({'|'.join(map(re.escape, BUNDLED))}|(trials of )?collection \d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PastVersion:
    """A version from when it was chosen, or else from when it first read a page: an engine had changed by then, or
    nobody had chosen anything. ``pages`` were read with it last."""

    version: ProfileVersion
    since: datetime
    author: User | None
    is_chosen: bool
    pages: int


def past_versions(collection: Collection) -> list[PastVersion]:
    """What the collection was read with or was to be, newest first; one that was chosen twice is there twice."""
    pages: dict[int, int] = dict(
        collection.pages.exclude(run=None).order_by().values_list("run__profile_version").annotate(Count("pk"))
    )
    found = [
        PastVersion(each.profile_version, each.created_at, each.author, True, pages.get(each.profile_version_id, 0))
        for each in collection.chosen_versions.select_related("profile_version", "author")
    ]
    chosen = {each.version.pk for each in found}
    used = Run.objects.filter(page__collection=collection, trial=None).exclude(profile_version__in=chosen)
    first: dict[int, datetime] = dict(used.order_by().values_list("profile_version").annotate(Min("created_at")))
    found += [
        PastVersion(version, first[version.pk], None, False, pages.get(version.pk, 0))
        for version in ProfileVersion.objects.filter(pk__in=first)
    ]
    return sorted(found, key=lambda each: each.since, reverse=True)


def versions_of(collection: Collection) -> QuerySet[ProfileVersion]:
    """The versions that ``past_versions`` tells of."""
    chosen = collection.chosen_versions.order_by().values("profile_version")
    used = Run.objects.filter(page__collection=collection, trial=None).order_by().values("profile_version")
    return ProfileVersion.objects.filter(pk__in=chosen.union(used, all=True))


def shared_profiles() -> QuerySet[Profile]:
    """Profiles that people named, by their names."""
    return Profile.objects.filter(shared=True).select_related("author").order_by("name")


def name_profile(*, name: str, choice: Choice, author: AbstractBaseUser) -> Profile:
    """Keep ``choice`` under a name of its own. It reads nothing: collections take a copy of it as their choice.

    Raises BadInput, having changed nothing, for a name that is empty, too long, taken or one of our own.
    """
    wanted = " ".join(name.split())
    if not wanted or len(wanted) > LONGEST_NAME or not wanted.isprintable():
        raise BadInput(f"A profile's name has 1 to {LONGEST_NAME} characters; choose such a one.", code="bad-name")
    if _OUR_NAMES.fullmatch(wanted):
        raise BadInput(f"“{wanted}” is a name that Longhand uses itself; choose another.", code="bad-name")
    taken = BadInput(f"There is a profile “{wanted}” already; choose another name.", code="name-taken")
    if Profile.objects.filter(name__iexact=wanted).exists():
        raise taken
    try:
        with transaction.atomic():
            return Profile.objects.create(name=wanted, shared=True, author_id=author.pk, **as_columns(choice))
    except IntegrityError as error:
        raise taken from error


def remove_profile(profile: Profile) -> None:
    """Forget a named profile. Collections that took it keep their copy."""
    Profile.objects.filter(pk=profile.pk, shared=True).delete()
