from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests.factories import create_collection, create_profile_version
from tests.steps.read_whole import read_whole
from transcription.errors import LostLease
from transcription.htr.calibration import Calibration
from transcription.htr.confidence import FEATURES, UNCALIBRATED
from transcription.htr.labelled import split_of
from transcription.htr.refitting import refit_on
from transcription.models import (
    Collection,
    CollectionCalibration,
    Page,
    Profile,
    Promise,
    Queue,
    Run,
    Step,
    Work,
    WorkState,
)
from transcription.steps import calibrate as step
from transcription.steps.calibrate import ask_for_calibration, ask_where_due, calibrate, prior_of
from transcription.steps.choose_passes import is_calibrated
from transcription.steps.drain import drain
from transcription.steps.flow import after_failure
from transcription.steps.profiles import profile_version_of, reader_of
from transcription.steps.queue import claim
from transcription.steps.trusted_lines import trusted_lines
from transcription.steps.vote import calibration_of

pytestmark = pytest.mark.django_db(transaction=True)

State = CollectionCalibration.State
KNOWN, BELIEF = FEATURES.index("known"), FEATURES.index("belief")


def mostly_names(features: np.ndarray) -> np.ndarray:
    """A hand that reads well, full of words that no list knows; only what engines wavered over is wrong."""
    return 1 / (1 + np.exp(-(12 * features[:, BELIEF] - 4)))


@pytest.fixture
def collection() -> Collection:
    return create_collection()


def shipped(collection: Collection) -> Calibration:
    return prior_of(profile_version_of(collection))


def as_shipped(collection: Collection, **how: int) -> list[Page]:
    calibration = shipped(collection)
    return read_whole(collection, profile_version_of(collection), calibration.apply, calibration=calibration, **how)


def otherwise(collection: Collection, **how: int) -> list[Page]:
    return read_whole(collection, profile_version_of(collection), mostly_names, calibration=shipped(collection), **how)


def fitted(collection: Collection) -> CollectionCalibration:
    asked = ask_for_calibration(collection)
    assert asked is not None
    drain(Queue.CPU)
    asked.refresh_from_db()
    return asked


def test_a_collection_that_errs_in_a_way_of_its_own_gets_a_better_calibration(collection: Collection) -> None:
    otherwise(collection)
    before = profile_version_of(collection)
    made = fitted(collection)
    assert made.state == State.ACTIVE
    assert (made.documents, made.pages, made.lines, made.words) == (6, 24, 144, 1872)
    assert made.split == "document"
    assert made.figures["after"]["log_loss"] < made.figures["before"]["log_loss"]
    assert made.figures["after"]["ece"] < 0.06 < made.figures["before"]["ece"]
    assert made.figures["gain"] > made.figures["error"] > 0
    after = profile_version_of(collection)
    assert after != before
    assert after.calibration == made.bundle
    assert reader_of(after) == reader_of(before) == made.reader
    assert calibration_of(Run(profile_version=after)).id == made.calibration
    # Others read on with what was shipped.
    assert profile_version_of(create_collection()) == before


def test_a_fit_that_is_no_better_is_kept_and_not_used(collection: Collection) -> None:
    as_shipped(collection)
    made = fitted(collection)
    assert made.state == State.NOT_BETTER
    assert made.figures["gain"] <= made.figures["error"]
    assert made.bundle is not None
    assert profile_version_of(collection).calibration["id"] == shipped(collection).id  # type: ignore[index]


def test_better_evidence_never_lowers_confidence_in_a_refit(collection: Collection) -> None:
    """Here known words are wrong more often; a fit may forget the feature, but not turn it round."""

    def perverse(features: np.ndarray) -> np.ndarray:
        return np.where(features[:, KNOWN] > 0, 0.4, 0.9)

    read_whole(collection, profile_version_of(collection), perverse, calibration=shipped(collection))
    made = fitted(collection)
    assert made.state == State.ACTIVE
    weights = dict(zip(made.bundle["features"], made.bundle["weights"], strict=True))
    assert weights["known"] == 0
    assert min(weights[name] for name in ("belief", "mean_char", "support")) >= 0


def test_few_words_are_not_fitted_on(collection: Collection) -> None:
    otherwise(collection, documents=2, pages=2)
    made = fitted(collection)
    assert (made.state, made.words, made.bundle) == (State.TOO_FEW, 312, None)
    assert is_calibrated(collection)


def test_pages_of_which_only_doubtful_words_were_passed_teach_nothing(collection: Collection) -> None:
    otherwise(collection)
    Page.objects.filter(collection=collection).update(approved_whole=False)
    assert fitted(collection).words == 0


def test_lines_that_other_passes_read_teach_nothing(collection: Collection) -> None:
    read_whole(collection, create_profile_version(), mostly_names, calibration=shipped(collection), documents=1)
    assert fitted(collection).words == 0


def test_passes_without_a_calibration_are_uncalibrated_until_people_have_read_enough(collection: Collection) -> None:
    choice = [{"enhancement": "plain", "weight": 1.0}]
    collection.profile = Profile.objects.create(name=f"collection {collection.pk}", choice=choice)
    collection.save()
    version = profile_version_of(collection)
    assert version.calibration is None
    assert calibration_of(Run(profile_version=version)).id == "uncalibrated"
    assert not is_calibrated(collection)
    read_whole(collection, version, mostly_names, calibration=UNCALIBRATED)
    made = fitted(collection)
    assert (made.state, made.prior, made.passes) == (State.ACTIVE, "uncalibrated", ["plain+starter"])
    assert profile_version_of(collection).calibration == made.bundle
    assert is_calibrated(collection)
    # With other passes it does not hold.
    collection.profile.choice = [{"enhancement": "clahe", "weight": 1.0}]
    collection.profile.save()
    assert profile_version_of(collection).calibration is None


def test_a_later_fit_replaces_the_one_before_or_ends_it(collection: Collection) -> None:
    otherwise(collection)
    first = fitted(collection)
    second = fitted(collection)
    first.refresh_from_db()
    assert (first.state, second.state, second.number) == (State.RETIRED, State.ACTIVE, 2)
    Page.objects.filter(collection=collection).update(approved_whole=False)
    as_shipped(collection, seed=5)
    third = fitted(collection)
    second.refresh_from_db()
    assert (second.state, third.state) == (State.RETIRED, State.NOT_BETTER)
    assert profile_version_of(collection).calibration["id"] == shipped(collection).id  # type: ignore[index]


def test_a_worker_that_died_leaves_it_to_the_next(collection: Collection) -> None:
    otherwise(collection)
    asked = ask_for_calibration(collection)
    taken = claim(queue=Queue.CPU, worker="died", limit=1, engine_digests=[])
    assert asked is not None
    assert taken is not None
    Work.objects.update(state=WorkState.QUEUED, token=None, lease_until=None)
    drain(Queue.CPU)
    asked.refresh_from_db()
    made_at = asked.made_at
    assert asked.state == State.ACTIVE
    with pytest.raises(LostLease):  # it comes back, and changes nothing
        calibrate(taken.work[0], taken.token)
    asked.refresh_from_db()
    assert asked.made_at == made_at
    assert collection.calibrations.count() == 1


def test_one_is_fitted_at_a_time(collection: Collection) -> None:
    assert ask_for_calibration(collection) is not None
    assert ask_for_calibration(collection) is None
    assert Work.objects.filter(step=Step.CALIBRATE).count() == 1


class TestWhenItIsDue:
    def test_twenty_pages_read_whole_make_it_due_once(self, collection: Collection) -> None:
        pages = otherwise(collection, documents=1, pages=20, lines=1, words=1)
        Page.objects.filter(pk=pages[0].pk).update(approved_whole=False)
        assert ask_where_due() == 0
        Page.objects.filter(pk=pages[0].pk).update(approved_whole=True)
        assert ask_where_due() == 1
        assert ask_where_due() == 0  # one waits
        drain(Queue.CPU)
        assert ask_where_due() == 0  # nothing has come since

    def test_later_pages_make_it_due_again_when_they_are_many(self, collection: Collection) -> None:
        pages = otherwise(collection, documents=1, pages=25, lines=1, words=1)
        long_ago = timezone.now() - timedelta(days=9)
        asked = CollectionCalibration.objects.create(
            collection=collection, number=1, state=State.TOO_FEW, pages=200, made_at=long_ago
        )
        CollectionCalibration.objects.filter(pk=asked.pk).update(asked_at=long_ago)
        assert ask_where_due() == 0, "25 more than 200 teach little"
        CollectionCalibration.objects.filter(pk=asked.pk).update(pages=100)
        assert ask_where_due() == 1
        assert len(pages) == 25

    def test_confidence_stays_as_it_is_while_a_promise_rests_on_it(self, collection: Collection) -> None:
        otherwise(collection, documents=1, pages=20, lines=1, words=1)
        promise = Promise.objects.create(
            collection=collection, profile_version=profile_version_of(collection), error=0.02
        )
        assert ask_where_due() == 0
        promise.state, promise.expired_at = Promise.State.EXPIRED, timezone.now()
        promise.save()
        assert ask_where_due() == 1


class TestByHand:
    def test_the_command_asks_for_it(self, collection: Collection) -> None:
        call_command("calibrate", collection=collection.title)
        assert collection.calibrations.get().state == State.WAITING
        with pytest.raises(CommandError, match="already"):
            call_command("calibrate", collection=str(collection.pk))

    def test_a_name_that_none_has_is_refused(self) -> None:
        with pytest.raises(CommandError, match="0 collections"):
            call_command("calibrate", collection="nowhere")

    def test_it_is_either_lines_or_a_collection(self) -> None:
        with pytest.raises(CommandError, match="not both"):
            call_command("calibrate")


def test_what_is_held_out_is_whole_documents_and_no_line_of_them_is_fitted_on(collection: Collection) -> None:
    otherwise(collection)
    material = step._gather(collection, reader_of(profile_version_of(collection)), lambda: None)
    split, kept = split_of(material.lines, material.pages)
    document_of = dict(Page.objects.values_list("pk", "document"))
    assert split == "document"
    assert [line.document for line in kept] == [str(document_of[page]) for page in material.pages]
    fit = refit_on(material.lines, material.pages, shipped(collection))
    assert len(fit.confidence) == material.words == 13 * len(list(trusted_lines(collection)))


def test_a_collection_of_few_documents_is_split_by_page(collection: Collection) -> None:
    otherwise(collection, documents=1, pages=24)
    assert fitted(collection).split == "page"


def test_work_that_is_given_up_leaves_an_attempt_that_says_so(collection: Collection) -> None:
    asked = ask_for_calibration(collection)
    assert asked is not None
    after_failure(Work.objects.get(calibration=asked), None)
    asked.refresh_from_db()
    assert asked.state == State.FAILED
    assert ask_for_calibration(collection) is not None
