"""Try passes on a few pages before they are chosen for a collection.

A trial's runs are read by the same workers and paid from the same budgets as any other. They are never their pages'
own: nothing that looks at a page's run, text, state or failures knows of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from transcription.errors import BadInput
from transcription.models import (
    Charge,
    Collection,
    Line,
    Page,
    ProfileVersion,
    Run,
    Source,
    Trial,
    Work,
)
from transcription.models.page import FINISHED_STATES
from transcription.steps import flow
from transcription.steps.append_only import may_delete
from transcription.steps.choose_passes import ChosenPass, checked, trial_profile
from transcription.steps.profiles import version_at_present
from transcription.steps.queue import lock_in_order

MOST_PAGES = 3
KEPT = timedelta(days=7)


def pages_to_try(collection: Collection) -> QuerySet[Page]:
    """Pages that passes can be tried on, in their order: those with an image and with lines."""
    found = collection.pages.filter(layout__places__isnull=False).exclude(pyramid="").distinct()
    return found.order_by("document_id", "position", "pk")


def usual_pages(collection: Collection) -> list[Page]:
    """A doubtful, a middling and a sure page: what a trial shows most on. Pages on which people typed come first, since
    there the errors can be counted; pages that were not read yet come last."""
    pages = pages_to_try(collection)
    read = pages.filter(state__in=FINISHED_STATES, confidence__isnull=False).order_by("confidence", "pk")
    typed = Line.objects.filter(page__collection=collection, current__source=Source.PERSON, current__mixed=False)
    for candidates in (read.filter(pk__in=typed.values("page")), read, pages):
        count = candidates.count()
        if count >= MOST_PAGES:
            return [candidates[(2 * third + 1) * count // (2 * MOST_PAGES)] for third in range(MOST_PAGES)]
    return list(pages)


def start_trial(
    *,
    collection: Collection,
    passes: Sequence[ChosenPass],
    pages: Sequence[Page],
    thresholds: Sequence[float] = (),
    author: AbstractBaseUser | None = None,
) -> Trial:
    """Begin to read ``pages`` with ``passes``, before everything that nobody waits for.

    Raises BadInput, having changed nothing, for passes that could not be chosen either, for pages without lines, while
    the collection stands still, and while another of its trials is being read.
    """
    choice = checked(passes, thresholds)
    wanted = sorted({page.pk for page in pages})
    if not 1 <= len(wanted) <= MOST_PAGES:
        raise BadInput(f"Passes are tried on 1 to {MOST_PAGES} pages; these are {len(wanted)}.", code="bad-pages")
    with transaction.atomic():
        locked = Collection.objects.select_for_update(no_key=True).get(pk=collection.pk)
        if locked.state != Collection.State.ACTIVE:
            raise BadInput(f"“{locked.title}” stands still; resume it, then try the passes.", code="not-active")
        if Work.objects.filter(run__trial__collection=locked, state__in=flow.OPEN).exists():
            raise BadInput("A trial is being read already. Wait for it, or discard it first.", code="trial-under-way")
        found = Page.objects.select_for_update(of=("self",)).filter(pk__in=wanted, collection=locked).order_by("pk")
        held = list(found.select_related("layout"))
        if len(held) < len(wanted) or any(
            not page.pyramid or page.layout is None or not page.layout.places.exists() for page in held
        ):
            raise BadInput("Passes are tried on pages that have lines; choose other pages.", code="no-lines")
        version = version_at_present(trial_profile(locked), choice.recipes, choice.thresholds)
        author_id = author.pk if author is not None else None
        trial = Trial.objects.create(collection=locked, profile_version=version, author_id=author_id)
        for page in held:
            flow.start_trial_run(page=page, trial=trial)
    return trial


def discard(trial: Trial) -> None:
    """Delete a trial with all it read. What workers still read for it is dropped; what was paid stays in the ledger."""
    with transaction.atomic(), may_delete():
        list(Collection.objects.select_for_update(no_key=True).filter(pk=trial.collection_id).values_list("pk"))
        runs = list(Run.objects.filter(trial=trial).values_list("pk", flat=True))
        list(Page.objects.select_for_update().filter(runs__in=runs).order_by("pk").values_list("pk"))
        lock_in_order(Work.objects.filter(run__in=runs))
        Charge.objects.filter(run_id__in=runs, answer__isnull=False).update(answer=None)
        Trial.objects.filter(pk=trial.pk).delete()
        versions = ProfileVersion.objects.filter(pk=trial.profile_version_id, runs=None)
        versions.exclude(pk__in=Trial.objects.values("profile_version")).delete()


def forget_trials() -> int:
    """Delete trials that are some days old; returns how many."""
    old = list(Trial.objects.filter(created_at__lt=Now() - KEPT))
    for trial in old:
        discard(trial)
    return len(old)
