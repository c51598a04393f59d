"""Trying passes in the browser: what is posted, what is shown, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import create_trial, create_user
from tests.steps.cascade import cascade, engines
from tests.steps.journey import prepared_page, work_until_nothing_is_due
from transcription.models import ChosenVersion, Collection, Page, Role, Trial, Vote, Work
from transcription.steps.choose_passes import (
    ChosenPass,
    bundled_passes,
    choose_passes,
    present_choice,
    present_passes,
)
from transcription.steps.correct import save_line

__all__ = ["engines"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engines")]


@pytest.fixture
def admin(member: Callable[[Role], Client]) -> Client:
    return member(Role.ADMIN)


@pytest.fixture
def page(collection: Collection, media_root: Path) -> Page:
    choose_passes(collection=collection, passes=cascade()[:1])
    page = prepared_page(media_root, collection=collection, lines=4)
    work_until_nothing_is_due()
    page.refresh_from_db()
    return page


def posted(*pages: object, **more: object) -> dict[str, Any]:
    cheap_and_slow = {"enhancement": ["plain"] * 2, "weight": [1, 2], "engine": ["quick", "slow"], "stage": [0, 1]}
    return cheap_and_slow | {"threshold": ["0.6"], "try": list(pages)} | more


def start(client: Client, collection: Collection, *pages: object, **more: object) -> Any:
    return client.post(reverse("transcription:trial_start", args=[collection.pk]), posted(*pages, **more))


def shown(client: Client, trial: Trial, name: str = "trial") -> str:
    answer = client.get(reverse(f"transcription:{name}", args=[trial.pk]))
    assert answer.status_code in {200, 286}
    return " ".join(answer.content.decode().split())


class TestStarting:
    def test_reads_the_pages_whose_numbers_were_typed_and_saves_nothing(
        self, admin: Client, collection: Collection, page: Page, media_root: Path
    ) -> None:
        second = prepared_page(media_root, collection=collection)
        Work.objects.filter(page=second).delete()
        answer = start(admin, collection, "2", "", "1", "1")
        trial = Trial.objects.get()
        assert answer["Location"] == reverse("transcription:trial", args=[trial.pk])
        assert set(trial.runs.values_list("page", flat=True)) == {page.pk, second.pk}
        assert trial.profile_version.thresholds == [0.6, 0.7]
        assert present_passes(collection) == cascade()[:1]
        assert "Being read: 0 of 2 passes" in shown(admin, trial)

    @pytest.mark.parametrize(
        ("pages", "more", "said"),
        [
            (("2",), {}, "There is no page “2”: the pages that can be shown are numbered from 1 to 1."),
            (("x",), {}, "There is no page “x”"),
            (("9" * 30,), {}, "There is no page “99999999999999999999”"),
            (("-1",), {}, "There is no page “-1”"),
            ((), {}, "1 to 3 pages; these are 0"),
            (("1",), {"threshold": ["1.5"]}, "The threshold after stage 1 is 1.5; it must be from 0.1 to 0.99."),
            (("1",), {"threshold": ["nan"]}, "The threshold after stage 1 is nan"),
            (("1",), {"threshold": ["high"]}, "The threshold after stage 1 must be a number"),
            (("1",), {"engine": ["quick", "nobody"]}, "No engine “nobody” reads here"),
        ],
    )
    def test_of_what_is_wrong_says_so_and_keeps_what_was_typed(
        self, admin: Client, collection: Collection, page: Page, pages: tuple[str, ...], more: Any, said: str
    ) -> None:
        answer = start(admin, collection, *pages, **more)
        assert answer.status_code == 422
        assert said in answer.content.decode()
        assert [each["engine"] for each in answer.context["config"]["passes"]][:1] == ["quick"]
        assert answer.context["config"]["unsaved"]
        assert not Trial.objects.exists()

    def test_is_for_admins(self, collection: Collection, page: Page, member: Callable[[Role], Client]) -> None:
        assert start(member(Role.LEAD), collection, "1").status_code == 404


class TestTheComparison:
    def test_shows_texts_confidence_costs_and_errors(self, admin: Client, collection: Collection, page: Page) -> None:
        place = page.layout.places.order_by("position")[1]  # type: ignore[union-attr]
        save_line(line=place.line, text="the bold rector", base_revision=1, author=create_user())
        start(admin, collection, "1")
        work_until_nothing_is_due()
        said = shown(admin, Trial.objects.get(), "trial_live")
        assert "2 of 4 lines differ" in said
        assert "2 read in stage 2" in said
        assert "the <del>old</del> rector" in said
        assert "the <ins>bold</ins> rector" in said
        assert "Characters wrong, on 1 line that a person typed" in said
        assert "<td>6.7 %</td><td>0.0 % <span" in said
        assert "by a person" in said
        assert f"/pages/{page.pk}/lines/{place.line_id}/enhanced.jpg" in said

    def test_says_where_confidence_is_not_on_one_scale(self, admin: Client, collection: Collection, page: Page) -> None:
        start(admin, collection, "1")
        work_until_nothing_is_due()
        trial = Trial.objects.get()
        assert "not on one scale" not in shown(admin, trial)
        Vote.objects.filter(run=page.run).update(calibration="fitted")
        said = shown(admin, trial)
        assert "not on one scale" in said
        figures = said.partition("Words expected to be right")[2].partition("Time of engines")[0]
        assert "better" not in figures

    def test_leads_back_to_the_editor_with_the_tried_passes_unsaved(
        self, admin: Client, collection: Collection, page: Page
    ) -> None:
        start(admin, collection, "1")
        trial = Trial.objects.get()
        url = reverse("transcription:passes", args=[collection.pk])
        answer = admin.get(url, {"trial": str(trial.pk)})
        config = answer.context["config"]
        assert [each["engine"] for each in config["passes"]] == ["quick", "slow"]
        assert config["thresholds"] == [0.6]
        assert config["unsaved"]
        assert "They are not saved." in answer.content.decode()
        for unknown in ("x", "0" * 36, "00000000-0000-0000-0000-000000000000"):
            assert admin.get(url, {"trial": unknown}).status_code == 404


class TestTheEnd:
    def test_using_saves_the_passes_with_their_thresholds_and_who_did_it(
        self, admin: Client, collection: Collection, page: Page
    ) -> None:
        start(admin, collection, "1")
        work_until_nothing_is_due()
        trial = Trial.objects.get()
        answer = admin.post(reverse("transcription:trial_use", args=[trial.pk]), follow=True)
        said = answer.content.decode()
        assert "Saved." in said
        assert "1 page was read with other passes" in said
        collection.refresh_from_db()
        assert present_choice(collection).thresholds == (0.6,)
        assert present_passes(collection) == cascade()
        chosen = ChosenVersion.objects.last()
        assert chosen is not None
        assert chosen.author_id == int(admin.session["_auth_user_id"])

    def test_discarding_deletes_it_and_says_so(self, admin: Client, collection: Collection, page: Page) -> None:
        start(admin, collection, "1")
        trial = Trial.objects.get()
        answer = admin.post(reverse("transcription:trial_discard", args=[trial.pk]), follow=True)
        assert "The trial is discarded." in answer.content.decode()
        assert not Trial.objects.exists()

    def test_passes_of_an_engine_that_is_gone_are_not_used(self, admin: Client, collection: Collection) -> None:
        trial = create_trial(
            collection=collection, passes=[ChosenPass(bundled_passes()[0].enhancement, engine="quick")]
        )
        versions = trial.profile_version.stage_passes.all()
        versions[0].pass_version.__class__.objects.filter(stagepass__in=versions).update(engine="gone")
        answer = admin.post(reverse("transcription:trial_use", args=[trial.pk]), follow=True)
        assert "No engine “gone” reads here" in answer.content.decode()
        assert present_passes(collection) == bundled_passes()


class TestTheEstimate:
    def test_says_pages_lines_time_and_what_people_typed(
        self, admin: Client, collection: Collection, page: Page
    ) -> None:
        place = page.layout.places.first()  # type: ignore[union-attr]
        assert place is not None
        save_line(line=place.line, text="typed", base_revision=1, author=create_user())
        choose_passes(collection=collection, passes=cascade())
        url = reverse("transcription:passes", args=[collection.pk])
        said = " ".join(admin.get(url).content.decode().split())
        assert "1 page, 4 lines" in said
        assert "of these about 2 again in stage 2" in said
        assert "not measured yet: plain+slow" in said
        assert "1 line with a person’s text keeps it." in said
        start(admin, collection, "1")
        work_until_nothing_is_due()
        estimate = admin.get(url).context["estimate"]
        assert estimate.unmeasured == ()
        assert estimate.seconds > 0
        assert "as measured here" in admin.get(url).content.decode()
