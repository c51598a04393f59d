from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.factories import create_collection, create_page, create_run
from tests.steps.journey import prepared_page, work_until_nothing_is_due
from transcription.errors import BadInput
from transcription.htr.confidence import UNCALIBRATED
from transcription.htr.enhance import Enhancement
from transcription.models import Collection, PageState, PassVersion, Profile, ProfileVersion, Reading, Vote
from transcription.steps.choose_passes import (
    ChosenPass,
    bundled_passes,
    choose_passes,
    is_calibrated,
    own_profile,
    pages_read_otherwise,
    present_passes,
)
from transcription.steps.control import rerun
from transcription.steps.create import create_collection as make_collection
from transcription.steps.profiles import (
    BUNDLED,
    DEFAULT_PROFILE,
    THOROUGH,
    default_profile_version,
    profile_version_of,
    segmenter_in_use,
    shipped_calibration,
)
from transcription.steps.purge import purge_collection

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection(scribe: Callable[..., None]) -> Collection:
    scribe()
    return make_collection(title="Vestry minutes", owner=None)


def passes(*written: str, weight: float = 1.0) -> list[ChosenPass]:
    return [ChosenPass(Enhancement.parse(each), weight) for each in written]


def names(version: ProfileVersion) -> list[str]:
    ordered = version.stage_passes.order_by("position").select_related("pass_version")
    return [each.pass_version.name for each in ordered]


def test_a_new_collection_is_read_with_the_bundled_passes(collection: Collection) -> None:
    assert present_passes(collection) == bundled_passes()
    assert [str(each.enhancement) for each in bundled_passes()] == [
        *("stretch:slant=-0.15", "stretch:height=1.07", "stretch:width=1.17", "stretch:width=1.33"),
        "stretch:width=1,slant=-0.2",
    ]
    assert is_calibrated(collection)


def test_chosen_passes_make_an_immutable_version_of_the_collections_own_profile(collection: Collection) -> None:
    chosen = passes("sauvola:k=0.12", "background/thicken:amount=0.8", "plain")
    first = choose_passes(collection=collection, passes=chosen)
    assert names(first) == ["sauvola:k=0.12+starter", "background/thicken:amount=0.8+starter", "plain+starter"]
    assert (first.profile.name, first.number, first.segmenter) == (own_profile(collection), 1, segmenter_in_use())
    fresh = Collection.objects.get(pk=collection.pk)
    assert present_passes(fresh) == chosen
    assert profile_version_of(fresh) == first
    second = choose_passes(collection=collection, passes=chosen[:1])
    assert (second.profile, second.number) == (first.profile, 2)
    assert names(first)[1:] == ["background/thicken:amount=0.8+starter", "plain+starter"], "the first is as it was"
    assert choose_passes(collection=collection, passes=chosen) == first, "the same passes are the same version"


def test_an_unchanged_recipe_is_the_pass_that_the_bundled_profile_has(collection: Collection) -> None:
    bundled = default_profile_version()
    version = choose_passes(collection=collection, passes=passes("stretch:width=1.17,height=1", "blur"))
    shared = set(version.passes.values_list("pk", flat=True)) & set(bundled.passes.values_list("pk", flat=True))
    assert PassVersion.objects.get(pk=shared.pop()).name == "stretch:width=1.17+starter"


def test_the_bundled_passes_mean_the_bundled_profile(collection: Collection) -> None:
    choose_passes(collection=collection, passes=passes("blur"))
    version = choose_passes(collection=collection, passes=bundled_passes())
    assert version == default_profile_version()
    assert Collection.objects.get(pk=collection.pk).profile == Profile.objects.get(name=DEFAULT_PROFILE)


def test_the_passes_of_the_thorough_profile_mean_it_with_its_own_calibration(collection: Collection) -> None:
    thorough = [ChosenPass(Enhancement.stored(e.recipe, e.options), e.weight, e.engine) for e in BUNDLED[THOROUGH][0]]
    version = choose_passes(collection=collection, passes=thorough)
    assert version.profile.name == THOROUGH
    assert {each.engine for each in version.passes.all()} == {"starter", "starter-tall"}
    assert version.calibration == shipped_calibration(THOROUGH) != default_profile_version().calibration
    fresh = Collection.objects.get(pk=collection.pk)
    assert present_passes(fresh) == thorough
    assert is_calibrated(fresh)
    assert profile_version_of(fresh) == version


def test_a_collection_without_a_profile_of_its_own_takes_no_others_passes(collection: Collection) -> None:
    other = make_collection(title="Letters", owner=None)
    choose_passes(collection=other, passes=passes("blur"))
    assert present_passes(collection) == bundled_passes()


def test_new_weights_of_the_engine_make_a_new_version_of_the_chosen_passes(
    collection: Collection, scribe: Callable[..., None], settings: object
) -> None:
    before = choose_passes(collection=collection, passes=passes("blur", "gamma"))
    scribe()
    settings.ENGINES["starter"]["VERSION"] = "2"  # type: ignore[attr-defined]
    after = profile_version_of(Collection.objects.get(pk=collection.pk))
    assert after != before
    assert (after.profile, after.number, names(after)) == (before.profile, 2, names(before))
    digests = {each.passes.values_list("engine_digest", flat=True)[0] for each in (before, after)}
    assert len(digests) == 2, "workers take the new one's work"
    assert profile_version_of(Collection.objects.get(pk=collection.pk)) == after


class TestCalibration:
    def test_is_not_claimed_for_passes_that_it_was_not_fitted_for(self, collection: Collection) -> None:
        version = choose_passes(collection=collection, passes=passes("plain", "blur"))
        assert version.calibration is None
        assert not is_calibrated(collection)

    def test_nor_where_the_weights_are_others(self, collection: Collection) -> None:
        others = [ChosenPass(each.enhancement, 0.9) for each in bundled_passes()]
        assert choose_passes(collection=collection, passes=others).calibration is None

    def test_holds_for_the_bundled_passes_in_another_order(self, collection: Collection) -> None:
        version = choose_passes(collection=collection, passes=bundled_passes()[::-1])
        assert version.profile.name == own_profile(collection)
        assert version.calibration == default_profile_version().calibration


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("chosen", "code"),
        [
            ([], "bad-number-of-passes"),
            (passes(*(f"blur:sigma={n}" for n in (0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3))), "bad-number-of-passes"),
            (passes("blur", "plain", "blur:sigma=0.8"), "pass-twice"),
            (passes("blur", weight=0), "bad-weight"),
            (passes("blur", weight=-1), "bad-weight"),
            (passes("blur", weight=float("nan")), "bad-weight"),
            (passes("blur", weight=float("inf")), "bad-weight"),
        ],
    )
    def test_changes_nothing(self, collection: Collection, chosen: list[ChosenPass], code: str) -> None:
        with pytest.raises(BadInput) as caught:
            choose_passes(collection=collection, passes=chosen)
        assert caught.value.code == code
        assert present_passes(Collection.objects.get(pk=collection.pk)) == bundled_passes()


class TestPagesReadOtherwise:
    def test_are_those_whose_passes_or_weights_differ(self, collection: Collection) -> None:
        page = create_page(collection=collection, state=PageState.IN_REVIEW)
        create_run(page=page, profile_version=profile_version_of(collection))
        assert not pages_read_otherwise(collection).exists()
        choose_passes(collection=collection, passes=[*bundled_passes()[:3], ChosenPass(Enhancement.parse("adaptive"))])
        assert list(pages_read_otherwise(collection)) == [page]
        choose_passes(collection=collection, passes=bundled_passes())
        assert not pages_read_otherwise(collection).exists()

    def test_are_not_those_that_an_older_engine_read_with_the_same_passes(
        self, collection: Collection, scribe: Callable[..., None], settings: object
    ) -> None:
        page = create_page(collection=collection, state=PageState.ACCEPTED)
        create_run(page=page, profile_version=choose_passes(collection=collection, passes=passes("blur")))
        scribe()
        settings.ENGINES["starter"]["VERSION"] = "2"  # type: ignore[attr-defined]
        assert profile_version_of(collection).number == 2
        assert not pages_read_otherwise(collection).exists()

    def test_are_never_approved_nor_still_on_their_way(self, collection: Collection) -> None:
        for state in (PageState.REVIEWED, PageState.SEGMENTED):
            page = create_page(collection=collection, state=state)
            create_run(page=page, profile_version=profile_version_of(collection))
        choose_passes(collection=collection, passes=passes("blur"))
        assert not pages_read_otherwise(collection).exists()


def test_pages_are_read_with_the_passes_chosen_for_their_collection(
    collection: Collection, media_root: Path, tmp_path: Path
) -> None:
    page = prepared_page(media_root, collection=collection, lines=2)
    work_until_nothing_is_due()
    page.refresh_from_db()
    assert page.run is not None
    assert set(names(page.run.profile_version)) == {f"{each.enhancement}+starter" for each in bundled_passes()}
    chosen = passes("show_through/thicken:amount=0.3", "pad", "denoise:search=5")
    choose_passes(collection=collection, passes=chosen)
    assert list(pages_read_otherwise(collection)) == [page]
    assert rerun(collection, pages=pages_read_otherwise(collection)) == 1
    work_until_nothing_is_due()
    page.refresh_from_db()
    readings = Reading.objects.filter(run=page.run).select_related("pass_version")
    found = sorted({reading.pass_version.name for reading in readings})
    assert found == sorted(f"{each.enhancement}+starter" for each in chosen)
    assert page.state in {PageState.ACCEPTED, PageState.IN_REVIEW}
    assert set(Vote.objects.filter(run=page.run).values_list("calibration", flat=True)) == {UNCALIBRATED.id}
    assert not pages_read_otherwise(collection).exists()


def test_a_long_enhancement_has_a_short_name_of_its_own(collection: Collection) -> None:
    long = "clahe:clip_limit=3,tiles=4/background:scale=1.5/thicken:amount={}/sharpen:amount=0.5,sigma=0.9"
    version = choose_passes(collection=collection, passes=passes(long.format(0.4), long.format(0.6)))
    found = names(version)
    assert len(set(found)) == 2
    assert all(len(name) <= 80 for name in found)


def test_a_purged_collection_takes_its_profile_with_it(collection: Collection, media_root: Path) -> None:
    version = choose_passes(collection=collection, passes=passes("blur"))
    prepared_page(media_root, collection=collection)
    other = create_collection(profile=default_profile_version().profile)
    purge_collection(collection)
    assert not Profile.objects.filter(pk=version.profile_id).exists()
    assert Collection.objects.get() == other
    assert Profile.objects.filter(name=DEFAULT_PROFILE).exists()
