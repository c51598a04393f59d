"""Fit a collection's own word confidence on what people read whole there, and use it where it proves better."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.db.models.functions import Now

from transcription.htr.calibration import Calibration
from transcription.htr.confidence import calibration_from
from transcription.htr.labelled import LabelledLine, label_line
from transcription.htr.refitting import LEAST_PAGES, LEAST_WORDS, Refitted, refit_on
from transcription.models import Collection, CollectionCalibration, Lane, Page, ProfileVersion, Step, Work
from transcription.steps.profiles import bundled_calibration, profile_version_of, reader_of
from transcription.steps.queue import enqueue, finishing
from transcription.steps.trusted_lines import TrustedLine, trusted_lines
from transcription.training.confidences import figures_of

State = CollectionCalibration.State
REPORT_EVERY = 200  # lines
GROWTH = 0.2  # of the pages that were fitted on last: that many more make another attempt worth while

# Collections in which enough pages were read whole since the last attempt, by the time that was asked for. Where a
# promise is open, confidence stays as it is: what was audited was ranked by it.
_DUE = """
SELECT c.id FROM transcription_collection c
LEFT JOIN LATERAL (
    SELECT asked_at, pages, state FROM transcription_collectioncalibration
    WHERE collection_id = c.id ORDER BY number DESC LIMIT 1
) last ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS pages FROM transcription_page page
    WHERE page.collection_id = c.id AND page.approved_whole AND page.state = 'reviewed'
      AND page.approved_at > coalesce(last.asked_at, '-infinity')
) fresh
WHERE c.state = 'active' AND last.state IS DISTINCT FROM 'waiting'
  AND fresh.pages >= greatest(%(least)s, %(growth)s * coalesce(last.pages, 0))
  AND NOT EXISTS (SELECT FROM transcription_promise promise
                  WHERE promise.collection_id = c.id AND promise.state <> 'expired')
ORDER BY c.id
"""


@dataclass(slots=True)
class _Material:
    """Trusted lines read by the present passes, with the page of each."""

    lines: list[LabelledLine]
    pages: list[int]

    @property
    def words(self) -> int:
        return sum(len(line.right) for line in self.lines)


def ask_where_due() -> int:
    """Queue a fit for every collection that has gathered enough since its last; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"least": LEAST_PAGES, "growth": GROWTH})
        due = [row[0] for row in cursor.fetchall()]
    asked = [ask_for_calibration(Collection.objects.get(pk=pk)) for pk in due]
    return len([each for each in asked if each is not None])


def ask_for_calibration(collection: Collection, *, lane: int = Lane.BULK) -> CollectionCalibration | None:
    """Queue a fit; None where one is waiting already."""
    with transaction.atomic():
        Collection.objects.select_for_update().get(pk=collection.pk)
        made = collection.calibrations.all()
        if made.filter(state=State.WAITING).exists():
            return None
        number = (made.aggregate(last=Max("number"))["last"] or 0) + 1
        asked = CollectionCalibration.objects.create(collection=collection, number=number)
        enqueue(step=Step.CALIBRATE, collection_id=collection.pk, lane=lane, calibration_id=asked.pk)
    return asked


def calibrate(work: Work, token: uuid.UUID, progress: Callable[[], None] = lambda: None) -> None:
    """Fit on the trusted lines, and put the fit in use where it is better on what it was not fitted on.

    Runs that have begun keep the calibration they were pinned to. Done twice, the second finds nothing to do.
    """
    assert work.calibration_id is not None
    asked = CollectionCalibration.objects.select_related("collection").get(pk=work.calibration_id)
    version = profile_version_of(asked.collection)
    prior = prior_of(version)
    material = _gather(asked.collection, reader_of(version), progress)
    fitted = None
    if material.words >= LEAST_WORDS and len(set(material.pages)) > 1:
        fitted = refit_on(material.lines, material.pages, prior)
    with finishing(work, token):
        _keep(asked, version, prior, material, fitted)


def prior_of(version: ProfileVersion) -> Calibration:
    """What is used for the version's passes where a collection has fitted nothing."""
    return calibration_from(bundled_calibration(version))


def _gather(collection: Collection, reader: str, progress: Callable[[], None]) -> _Material:
    documents = dict(Page.objects.filter(collection=collection, approved_whole=True).values_list("pk", "document"))
    readers: dict[int, str] = {}
    material = _Material([], [])
    for count, each in enumerate(trusted_lines(collection), start=1):
        if count % REPORT_EVERY == 0:
            progress()
        version = each.vote.run.profile_version
        if version.pk not in readers:
            readers[version.pk] = reader_of(version)
        if readers[version.pk] != reader or not _is_telling(each):
            continue
        if each.page not in documents:  # audited, never approved
            documents[each.page] = Page.objects.values_list("document", flat=True).get(pk=each.page)
        material.lines.append(labelled(each, str(documents[each.page])))
        material.pages.append(each.page)
    return material


def _is_telling(line: TrustedLine) -> bool:
    """Whether the vote kept what confidence is computed from, and nothing else than that decided it."""
    return all(word.get("features") for word in line.vote.words) and not line.vote.checks.get("failed")


def labelled(line: TrustedLine, document: str) -> LabelledLine:
    """A trusted line as fits and figures take it; features are empty where the vote has kept none."""
    words = line.vote.words
    return label_line(
        document=document,
        text=line.vote.text,
        words=[word["text"] for word in words],
        features=[word.get("features", ()) for word in words],
        truth=line.text,
    )


def _keep(
    asked: CollectionCalibration,
    version: ProfileVersion,
    prior: Calibration,
    material: _Material,
    fitted: Refitted | None,
) -> None:
    """Write what came of it. What was in use until now is retired by anything that could be fitted: either it is
    replaced, or more lines than it was fitted on say that the prior is as good."""
    asked.reader, asked.passes = reader_of(version), passes_of(version)
    asked.prior = prior.id
    asked.documents = len({line.document for line in material.lines})
    asked.pages, asked.lines, asked.words = len(set(material.pages)), len(material.lines), material.words
    asked.state = State.TOO_FEW
    if fitted is not None:
        in_use = asked.collection.calibrations.filter(reader=asked.reader, state=State.ACTIVE)
        in_use.update(state=State.RETIRED)
        asked.state = State.ACTIVE if fitted.is_better else State.NOT_BETTER
        asked.bundle = json.loads(fitted.calibration.to_json())
        asked.calibration, asked.split = fitted.calibration.id, fitted.split
        asked.figures = _figures(material.lines, fitted, prior)
    asked.made_at = Now()
    asked.save()


def passes_of(version: ProfileVersion) -> list[str]:
    """Names of the version's passes, in their order."""
    return list(version.stage_passes.order_by("stage", "position").values_list("pass_version__name", flat=True))


def _figures(lines: list[LabelledLine], fitted: Refitted, prior: Calibration) -> dict[str, Any]:
    return {
        "gain": fitted.gain,
        "error": fitted.error,
        "after": figures_of(lines, fitted.confidence, fitted.calibration.errors),
        "before": figures_of(lines, fitted.before, prior.errors),
    }
