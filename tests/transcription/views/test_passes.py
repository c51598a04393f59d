"""Choosing passes and previewing them: what is stored, what is refused, what a preview may be asked for."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image

from tests.factories import create_collection, create_layout, create_page, create_run
from tests.steps.journey import draw_page
from transcription.formats.decode import extract
from transcription.formats.pyramid import read_gray
from transcription.htr.crop import cut_line
from transcription.htr.enhance import RECIPES, enhance
from transcription.htr.records import LineGeometry
from transcription.models import Collection, LayoutLine, Line, Page, PageState, Profile, Role
from transcription.steps.choose_passes import (
    bundled_choice,
    bundled_passes,
    choose_passes,
    is_calibrated,
    own_profile,
    present_passes,
)
from transcription.steps.profiles import THOROUGH, profile_version_of
from transcription.views.preview import MOST_PIXELS, line_image, reading_scale


@pytest.fixture
def staff(member: Callable[[Role], Client]) -> Client:
    return member(Role.STAFF)


@pytest.fixture
def admin(member: Callable[[Role], Client]) -> Client:
    return member(Role.ADMIN)


@pytest.fixture
def page(collection: Collection, media_root: Path, tmp_path: Path) -> Page:
    """A drawn page of 900 × 560 px with two lines."""
    scan = tmp_path / "scan.png"
    draw_page().save(scan)
    target = media_root / "pages" / "1.tif"
    target.parent.mkdir(parents=True)
    extract(scan, "scan.png", 0, target, media_root / "pages" / "1.jpg")
    page = create_page(collection=collection, width=900, height=560, pyramid="pages/1.tif", thumbnail="pages/1.jpg")
    layout = create_layout(page=page, lines=0)
    for position, bottom in enumerate((108, 238), 1):
        LayoutLine.objects.create(
            layout=layout,
            line=Line.objects.create(page=page),
            position=position,
            baseline=[[50, bottom], [850, bottom]],
            polygon=[[50, bottom - 55], [850, bottom - 55], [850, bottom + 20], [50, bottom + 20]],
        )
    return page


def url(collection: Collection, name: str = "passes", *more: object) -> str:
    return reverse(f"transcription:{name}", args=[collection.pk, *more])


def save(client: Client, collection: Collection, *passes: tuple[str, object], **more: object) -> Any:
    given = {"enhancement": [text for text, _ in passes], "weight": [weight for _, weight in passes]}
    return client.post(url(collection), given | more)


class TestTheScreen:
    def test_shows_the_present_passes_and_every_recipe(self, staff: Client, collection: Collection) -> None:
        answer = staff.get(url(collection))
        config = answer.context["config"]
        assert [each["enhancement"] for each in config["passes"]] == [
            str(each.enhancement) for each in bundled_passes()
        ]
        assert [each["name"] for each in config["recipes"]] == list(RECIPES)
        assert config["page"] is None
        assert "when the collection has a page" in answer.content.decode()

    def test_starts_with_the_page_asked_for(self, staff: Client, collection: Collection, page: Page) -> None:
        second = create_page(document=page.document, pyramid=page.pyramid)
        create_page(document=page.document)  # its image is not prepared
        config = staff.get(url(collection), {"page": second.pk}).context["config"]
        assert (config["page"]["id"], config["page"]["number"], config["page"]["total"]) == (second.pk, 2, 2)
        assert config["page"]["lines"] == []
        first = staff.get(url(collection)).context["config"]["page"]
        assert (first["id"], first["number"], len(first["lines"])) == (page.pk, 1, 2)

    @pytest.mark.parametrize("wanted", ["0", "-1", "x", "9" * 18, "9" * 40, "²", "1e3", "\x00"])
    def test_knows_no_page_that_there_is_not(self, staff: Client, collection: Collection, wanted: str) -> None:
        assert staff.get(url(collection), {"page": wanted}).status_code == 404

    def test_knows_no_page_of_another_collection(self, staff: Client, collection: Collection, page: Page) -> None:
        other = create_collection()
        other.memberships.create(user_id=staff.session["_auth_user_id"], role=Role.STAFF)
        assert staff.get(url(other), {"page": page.pk}).status_code == 404
        assert staff.get(url(collection), {"page": page.pk}).status_code == 200

    def test_gives_pages_by_their_number(self, staff: Client, collection: Collection, page: Page) -> None:
        found = staff.get(url(collection, "passes_page", 1)).json()
        assert (found["id"], found["label"], found["scale"]) == (page.pk, page.label, reading_scale(page))
        for number in (0, 2, 10**30):
            assert staff.get(url(collection, "passes_page", number)).status_code == 404

    def test_still_opens_where_the_choice_is_of_a_later_version(self, admin: Client, collection: Collection) -> None:
        choice = [{"enhancement": "super-resolution:factor=2", "weight": 1.0}]
        collection.profile = Profile.objects.create(name=own_profile(collection), choice=choice)
        collection.save()
        answer = admin.get(url(collection))
        assert answer.status_code == 200
        assert "No recipe is called “super-resolution”" in answer.content.decode()
        save(admin, collection, ("blur", 1))
        collection.refresh_from_db()
        assert [str(each.enhancement) for each in present_passes(collection)] == ["blur"]


class TestSaving:
    def test_stores_the_choice_and_says_so(self, admin: Client, collection: Collection, page: Page) -> None:
        passes = [("sauvola:k=0.12", "0.5"), ("background/thicken:amount=0.80", 1)]
        answer = save(admin, collection, *passes, page=page.pk)
        assert answer["Location"] == f"{url(collection)}?page={page.pk}"
        collection.refresh_from_db()
        assert [(str(each.enhancement), each.weight) for each in present_passes(collection)] == [
            ("sauvola:k=0.12", 0.5),
            ("background/thicken:amount=0.8", 1.0),
        ]
        assert collection.profile is not None
        assert collection.profile.name == own_profile(collection)
        assert "Saved." in admin.get(url(collection)).content.decode()
        save(admin, collection, *passes)
        assert "These were the passes already." in admin.get(url(collection)).content.decode()

    def test_of_the_bundled_passes_gives_the_bundled_profile(self, admin: Client, collection: Collection) -> None:
        save(admin, collection, ("blur", 1))
        save(admin, collection, *((str(each.enhancement), each.weight) for each in bundled_passes()))
        collection.refresh_from_db()
        assert present_passes(collection) == bundled_passes()
        assert profile_version_of(collection).calibration is not None

    @pytest.mark.parametrize("role", [Role.STAFF, Role.REVIEWER, Role.LEAD])
    def test_is_for_admins(self, collection: Collection, member: Callable[[Role], Client], role: Role) -> None:
        assert save(member(role), collection, ("blur", 1)).status_code == 404
        assert present_passes(collection) == bundled_passes()

    @pytest.mark.parametrize(
        ("passes", "said"),
        [
            ([], "1 to 8 passes; these are 0"),
            ([("blur", 1)] * 2, "Two passes are the same"),
            ([(f"gamma:exponent={n}", 1) for n in range(1, 6)] * 2, "1 to 8 passes; these are 9"),
            ([("plain", 1), ("super", 1)], "Pass 2: No recipe is called “super”"),
            ([("blur:sigma=nan", 1)], "Pass 1: “sigma” of the recipe “blur” is nan"),
            ([("blur:sigma=1e400", 1)], "takes a number from 0.2 to 4"),
            ([("blur:<script>=1", 1)], "&lt;script&gt;"),
            ([("x" * 5000, 1)], "characters long"),
            ([("blur", "nan")], "weight"),
            ([("blur", "inf")], "weight"),
            ([("blur", "much")], "Pass 1: its weight must be a number"),
            ([("blur", "0")], "must be from 0.1 to 3"),
            ([("blur", "")], "its weight must be a number"),
        ],
    )
    def test_of_what_is_wrong_changes_nothing_and_says_why(
        self, admin: Client, collection: Collection, passes: list[tuple[str, object]], said: str
    ) -> None:
        answer = save(admin, collection, *passes)
        assert answer.status_code == 422
        assert said in answer.content.decode()
        collection.refresh_from_db()
        assert present_passes(collection) == bundled_passes()

    def test_of_what_is_wrong_keeps_what_was_typed(self, admin: Client, collection: Collection) -> None:
        answer = save(admin, collection, ("blur:sigma=2", 1), ("blur:sigma=2", 1))
        assert [each["enhancement"] for each in answer.context["config"]["passes"]] == ["blur:sigma=2"] * 2


class TestReadingAgain:
    def test_is_offered_for_pages_read_with_other_passes_and_done_on_request(
        self, admin: Client, collection: Collection, page: Page
    ) -> None:
        page.state = PageState.IN_REVIEW
        page.save()
        create_run(page=page, profile_version=profile_version_of(collection))
        approved = create_page(document=page.document, state=PageState.REVIEWED)
        create_run(page=approved, profile_version=profile_version_of(collection))
        assert "with other passes" not in admin.get(url(collection)).content.decode()
        save(admin, collection, ("blur", 1))
        assert "1 page was read with other passes" in admin.get(url(collection)).content.decode()
        said = admin.post(url(collection, "passes_rerun"), follow=True).content.decode()
        assert "1 page is read again." in said
        page.refresh_from_db()
        assert page.run is not None
        assert [each.name for each in page.run.profile_version.passes.all()] == ["blur+starter"]
        assert approved.runs.count() == 1


def region(client: Client, page: Page, **query: Any) -> Any:
    asked: dict[str, Any] = {"x": 0, "y": 0, "width": 900, "height": 300, "enhancement": "plain"} | query
    return client.get(reverse("transcription:enhanced_region", args=[page.pk]), asked)


def pixels(answer: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    assert answer.status_code == 200, answer.content
    image = Image.open(io.BytesIO(answer.content))
    assert (image.format, image.mode) == ("JPEG", "L")
    return np.asarray(image)


class TestARegion:
    def test_is_shown_at_the_size_at_which_lines_are_read(self, staff: Client, page: Page) -> None:
        scale = reading_scale(page)
        assert scale == pytest.approx(64 / (1.16 * 75), abs=0.001)
        answer = region(staff, page)
        assert pixels(answer).shape == (round(300 * scale), round(900 * scale))
        assert "private" in answer["Cache-Control"]
        assert "immutable" in answer["Cache-Control"]

    def test_is_enhanced_as_asked(self, staff: Client, page: Page) -> None:
        plain = pixels(region(staff, page)).astype(int)
        negative = pixels(region(staff, page, enhancement="invert"))
        assert np.abs(255 - plain - negative).mean() < 3
        chained = pixels(region(staff, page, enhancement="background/gamma:exponent=3"))
        assert chained.mean() != pytest.approx(plain.mean(), abs=0.5)

    def test_stays_where_it_is_when_lines_are_padded(self, staff: Client, page: Page) -> None:
        padded = pixels(region(staff, page, enhancement="pad:above=1,below=1/invert"))
        assert (padded == pixels(region(staff, page, enhancement="invert"))).all()
        assert (pixels(region(staff, page, enhancement="pad")) == pixels(region(staff, page))).all()

    def test_is_cut_where_the_page_ends(self, staff: Client, page: Page) -> None:
        scale = reading_scale(page)
        assert pixels(region(staff, page, x=-100, y=-10, width=300)).shape == (round(290 * scale), round(200 * scale))

    @pytest.mark.parametrize(
        "query",
        [
            {"enhancement": "nothing"},
            {"enhancement": ""},
            {"enhancement": "blur:sigma=nan"},
            {"enhancement": "blur:sigma=1e9"},
            {"enhancement": "blur/blur"},
            {"enhancement": "x" * 3000},
            {"width": "x"},
            {"width": ""},
            {"width": "nan"},
            {"width": 0},
            {"height": -5},
            {"x": 10**12},
            {"x": "9" * 5000},
            {"width": 100_000, "height": 100_000},
            {"width": 3000, "height": 3000},
        ],
    )
    def test_asked_for_wrongly_is_a_bad_request_in_a_sentence(
        self, staff: Client, page: Page, query: dict[str, object]
    ) -> None:
        answer = region(staff, page, **query)
        assert answer.status_code == 400
        assert answer["Content-Type"].startswith("text/plain")
        assert answer.content.decode().endswith(".")
        assert len(answer.content) < 400

    def test_outside_of_the_page_is_not_found(self, staff: Client, page: Page) -> None:
        assert region(staff, page, x=900).status_code == 404

    def test_of_a_page_without_an_image_is_not_found(self, staff: Client, collection: Collection) -> None:
        assert region(staff, create_page(collection=collection)).status_code == 404

    def test_never_has_more_pixels_than_allowed(self, staff: Client, page: Page) -> None:
        LayoutLine.objects.filter(layout=page.layout).update(polygon=[[0, 0], [9, 0], [9, 9], [0, 9]])
        assert reading_scale(page) == 2.0
        assert region(staff, page, height=416).status_code == 200
        assert MOST_PIXELS < 900 * 418 * 4
        assert region(staff, page, height=418).status_code == 400


class TestALine:
    def test_is_what_engines_get(self, staff: Client, page: Page, media_root: Path) -> None:
        image = read_gray(media_root / page.pyramid)[0]
        for place in LayoutLine.objects.filter(layout=page.layout):
            expected = enhance(cut_line(image, place.geometry), "clahe", {"clip_limit": 4.0})
            address = reverse("transcription:enhanced_line", args=[page.pk, place.line_id])
            found = pixels(staff.get(address, {"enhancement": "clahe:clip_limit=4"}))
            assert found.shape == expected.shape
            assert np.abs(found.astype(int) - expected).mean() < 2, "but for JPEG"

    @pytest.mark.parametrize("drop", [0, 60, -140, 300, -450])
    def test_is_cut_alike_from_its_part_of_the_page(self, page: Page, media_root: Path, drop: int) -> None:
        image = read_gray(media_root / page.pyramid)[0]
        geometry = LineGeometry(
            baseline=((60, 250), (840, 250 + drop)),
            polygon=((60, 200), (840, 200 + drop), (840, 270 + drop), (60, 270)),
        )
        assert (line_image(media_root / page.pyramid, geometry) == cut_line(image, geometry)).all()

    def test_without_an_area_is_blank(self, page: Page, media_root: Path) -> None:
        assert (line_image(media_root / page.pyramid, LineGeometry((), ())) == 255).all()

    def test_of_another_page_or_an_earlier_layout_is_not_found(
        self, staff: Client, collection: Collection, page: Page
    ) -> None:
        other = create_page(collection=collection, pyramid=page.pyramid)
        line = create_layout(page=other).places.get(position=1).line_id
        assert staff.get(reverse("transcription:enhanced_line", args=[page.pk, line])).status_code == 404
        old = page.lines.order_by("pk")[0].pk
        assert staff.get(reverse("transcription:enhanced_line", args=[page.pk, old])).status_code == 200
        create_layout(page=page)
        assert staff.get(reverse("transcription:enhanced_line", args=[page.pk, old])).status_code == 404

    def test_asked_for_wrongly_is_a_bad_request(self, staff: Client, page: Page) -> None:
        line = page.lines.order_by("pk")[0].pk
        address = reverse("transcription:enhanced_line", args=[page.pk, line])
        assert staff.get(address, {"enhancement": "blur:sigma=inf"}).status_code == 400

    def test_that_lies_outside_of_the_page_is_not_found(self, staff: Client, page: Page) -> None:
        place = LayoutLine.objects.filter(layout=page.layout).first()
        assert place is not None
        place.polygon = [[5000, 5000], [5900, 5000], [5900, 5060], [5000, 5060]]
        place.baseline = [[5000, 5050], [5900, 5050]]
        place.save()
        address = reverse("transcription:enhanced_line", args=[page.pk, place.line_id])
        assert staff.get(address).status_code == 404


def test_the_settings_of_a_script_are_data_not_markup(staff: Client, collection: Collection, page: Page) -> None:
    page.original.name = "</script><script>alert(1)</script>.png"
    page.original.save()
    screen = staff.get(url(collection)).content.decode()
    assert "<script>alert" not in screen
    raw = screen.split('id="passes-config" type="application/json">')[1].split("</script>")[0]
    assert "script" in json.loads(raw)["page"]["label"]


def test_a_choice_of_one_collection_is_not_seen_in_another(staff: Client, collection: Collection) -> None:
    other = create_collection()
    choose_passes(collection=other, passes=bundled_passes()[:1])
    assert len(staff.get(url(collection)).context["config"]["passes"]) == len(bundled_passes())


class TestNamedProfiles:
    def name(self, client: Client, collection: Collection, name: str) -> Any:
        given = {"enhancement": ["blur"], "weight": [1], "name": name}
        return client.post(url(collection, "profile_name"), given, follow=True)

    def test_show_in_the_editor_and_are_not_saved(self, admin: Client, collection: Collection) -> None:
        answer = self.name(admin, collection, "Blurred")
        config = answer.context["config"]
        assert ([each["enhancement"] for each in config["passes"]], config["unsaved"]) == (["blur"], True)
        assert "Kept as “Blurred”." in answer.content.decode()
        assert present_passes(collection) == bundled_passes()
        again = self.name(admin, collection, "blurred")
        assert again.status_code == 422
        assert "There is a profile “blurred” already" in again.content.decode()

    def test_a_bundled_one_is_taken_as_it_is_with_its_calibration(self, admin: Client, collection: Collection) -> None:
        address = f"{url(collection)}?bundled={THOROUGH}"
        assert address in admin.get(url(collection)).content.decode()
        config = admin.get(address).context["config"]
        assert config["unsaved"]
        assert config["passes"] in [each["passes"] for each in config["calibrated"]]
        assert {each["engine"] for each in config["passes"]} == {"starter", "starter-tall"}
        assert admin.get(f"{url(collection)}?bundled=best").status_code == 404
        choice = bundled_choice(THOROUGH)
        choose_passes(collection=collection, passes=choice.passes, thresholds=choice.thresholds)
        collection.refresh_from_db()
        assert collection.profile is not None
        assert collection.profile.name == THOROUGH
        assert is_calibrated(collection)
        assert "is a name that Longhand uses itself" in self.name(admin, collection, "Thorough").content.decode()

    def test_are_removed_by_those_who_named_them(
        self, admin: Client, collection: Collection, member: Callable[[Role], Client]
    ) -> None:
        self.name(admin, collection, "Blurred")
        named = Profile.objects.get(shared=True)
        address = url(collection, "profile_remove", named.pk)
        assert member(Role.ADMIN).post(address).status_code == 404
        assert "“Blurred” is removed." in admin.post(address, follow=True).content.decode()
        assert not Profile.objects.filter(shared=True).exists()

    @pytest.mark.parametrize("key", ["0", "x", "", "9" * 30])
    @pytest.mark.parametrize("kind", ["profile", "version"])
    def test_and_versions_that_there_are_not_are_not_found(
        self, admin: Client, collection: Collection, kind: str, key: str
    ) -> None:
        assert admin.get(url(collection), {kind: key}).status_code == 404

    def test_and_versions_of_another_collection_are_not_shown(self, admin: Client, collection: Collection) -> None:
        other = create_collection()
        version = choose_passes(collection=other, passes=bundled_passes()[:1])
        assert admin.get(url(collection), {"version": version.pk}).status_code == 404
        save(admin, collection, ("plain", 1))
        mine = profile_version_of(Collection.objects.get(pk=collection.pk))
        assert admin.get(url(collection), {"version": mine.pk}).status_code == 200
