"""Versions that a collection had, and profiles that people named."""

from __future__ import annotations

import pytest

from tests.factories import create_collection, create_page, create_run, create_trial, create_user
from tests.steps.cascade import CLAHE, PLAIN, cascade, engines
from transcription.errors import BadInput
from transcription.models import Profile, Run
from transcription.steps.choose_passes import (
    ChosenPass,
    bundled_choice,
    checked,
    choice_of_profile,
    choose_passes,
    own_profile,
    present_choice,
)
from transcription.steps.profile_history import (
    name_profile,
    past_versions,
    remove_profile,
    shared_profiles,
    versions_of,
)
from transcription.steps.profiles import profile_version_of, registry
from transcription.views.told_versions import told_versions

__all__ = ["engines"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engines")]


class TestVersions:
    def test_say_who_chose_them_and_what_each_changed(self) -> None:
        collection, author = create_collection(), create_user()
        quick, slow = cascade()
        for passes, thresholds in (
            ([quick], []),
            ([quick, slow], []),
            ([quick, slow], [0.5]),
            ([quick, ChosenPass(PLAIN, 1.5, "slow", 1)], [0.5]),
            ([ChosenPass(PLAIN, engine="slow"), ChosenPass(CLAHE, engine="quick")], []),
        ):
            choose_passes(collection=collection, passes=passes, thresholds=thresholds, author=author)
        told = told_versions(past_versions(collection))
        assert {each.past.author for each in told} == {author}
        assert [each.changes for each in told] == [
            [
                "clahe+quick was added in stage 1.",
                "plain+quick was removed.",
                "plain+slow went from stage 2 to stage 1.",
                "The weight of plain+slow went from 1.5 to 1.",
            ],
            ["The weight of plain+slow went from 2 to 1.5."],
            ["Lines go on to stage 2 below 0.5 instead of 0.7."],
            ["plain+slow was added in stage 2."],
            [],
        ]

    def test_that_nobody_chose_are_told_from_when_they_first_read(self, settings: object) -> None:
        collection = create_collection()
        page = create_page(collection=collection)
        bundled = create_run(page=page, profile_version=profile_version_of(collection)).profile_version
        choose_passes(collection=collection, passes=cascade())
        registry.cache_clear()
        settings.ENGINES["quick"]["VERSION"] = "2"  # type: ignore[attr-defined]
        present = profile_version_of(collection)
        Run.objects.create(page=page, profile_version=present, number=9)
        told = told_versions(past_versions(collection))
        assert [each.past.version for each in told][::2] == [present, bundled]
        assert [each.past.is_chosen for each in told] == [False, True, False]
        assert [each.past.pages for each in told] == [0, 0, 1]
        assert told[0].changes == ["quick had changed: other weights, options or code."]

    def test_saved_again_are_no_new_ones(self) -> None:
        collection = create_collection()
        for _ in range(2):
            choose_passes(collection=collection, passes=cascade())
        assert len(past_versions(collection)) == 1

    def test_of_trials_and_of_other_collections_are_not_among_them(self) -> None:
        collection, other = create_collection(), create_collection()
        choose_passes(collection=other, passes=cascade())
        trial = create_trial(collection=collection, passes=cascade())
        page = create_page(collection=collection)
        Run.objects.create(page=page, profile_version=trial.profile_version, number=1, trial=trial)
        assert past_versions(collection) == []
        assert not versions_of(collection).exists()
        assert versions_of(other).count() == 1


class TestNamedProfiles:
    def test_are_copied_and_never_change_with_a_collection(self) -> None:
        named = name_profile(name="  Two   stages ", choice=checked(cascade(), [0.4]), author=create_user())
        assert named.name == "Two stages"
        choice = choice_of_profile(named)
        first, second = create_collection(), create_collection()
        for collection in (first, second):
            choose_passes(collection=collection, passes=choice.passes, thresholds=choice.thresholds)
        choose_passes(collection=first, passes=cascade()[:1])
        named.refresh_from_db()
        assert choice_of_profile(named) == choice == present_choice(second)
        remove_profile(named)
        assert present_choice(second) == choice
        assert not shared_profiles().exists()

    @pytest.mark.parametrize(
        "name", ["", "  ", "x" * 61, "starter", "Collection 5", "trials of collection 5", "a\x00b", "a\u202eb"]
    )
    def test_have_names_of_their_own(self, name: str) -> None:
        with pytest.raises(BadInput) as refused:
            name_profile(name=name, choice=bundled_choice(), author=create_user())
        assert refused.value.code == "bad-name"
        assert not shared_profiles().exists()

    def test_have_names_that_nobody_else_took(self) -> None:
        name_profile(name="Letters", choice=bundled_choice(), author=create_user())
        with pytest.raises(BadInput) as refused:
            name_profile(name="letters", choice=bundled_choice(), author=create_user())
        assert refused.value.code == "name-taken"

    def test_a_collections_own_profile_is_not_removed_as_one(self) -> None:
        collection = create_collection()
        choose_passes(collection=collection, passes=cascade())
        remove_profile(Profile.objects.get(name=own_profile(collection)))
        assert Profile.objects.filter(name=own_profile(collection)).exists()
