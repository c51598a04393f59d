"""Every change of a layout: what becomes of the lines and of their texts, and that it can be taken back."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from pydantic import TypeAdapter, ValidationError

from tests.factories import create_layout, create_page, create_revision, create_run, create_user, create_vote, word
from transcription.errors import BadInput
from transcription.models import DisplacedText, Layout, Line, Page, Source
from transcription.steps.edit_layout import LayoutConflict, edit_layout
from transcription.steps.invariants import violations
from transcription.steps.layout_operations import MOST_LINES, Operation, TextAtStake
from transcription.steps.layouts import save_layout
from transcription.steps.moved_texts import settle_moved
from transcription.steps.undo_layout import layout_history, redo_layout, undo_layout

pytestmark = pytest.mark.django_db
OPERATION: TypeAdapter[Operation] = TypeAdapter(Operation)


@pytest.fixture
def page() -> Page:
    """Four lines, 60 px apart, each with a vote's text."""
    page = create_page()
    layout = create_layout(page=page, lines=4)
    run = create_run(page=page)
    for place, words in zip(layout.places.all(), ["a b c d", "e f", "g h", "i j"], strict=True):
        create_vote(run=run, line=place.line, words=[word(each) for each in words.split()])
    return page


@pytest.fixture
def anna() -> User:
    return create_user(username="anna")


def do(page: Page, author: User, **operation: Any) -> Layout:
    """One change, based on what is there."""
    base = page.layout.version if page.layout else 0
    return edit_layout(page=page, base_version=base, operation=OPERATION.validate_python(operation), author=author)[0]


def line(page: Page, position: int) -> Line:
    assert page.layout is not None
    return page.layout.places.select_related("line__current__author").get(position=position).line


def lines(page: Page) -> list[int]:
    assert page.layout is not None
    return list(page.layout.places.order_by("position").values_list("line", flat=True))


def texts(page: Page) -> list[str]:
    assert page.layout is not None
    found = page.layout.places.order_by("position").values_list("line__current__text", flat=True)
    return [text or "" for text in found]


def test_a_change_is_a_new_version_and_the_old_one_stays(page: Page, anna: User) -> None:
    before = page.layout
    assert before is not None
    layout = do(page, anna, kind="delete", lines=[line(page, 2).pk])
    assert (layout.version, layout.parent, layout.author, layout.source) == (2, before, anna, "anna")
    assert layout.change == "Line 2 deleted"
    assert before.places.count() == 4
    assert Page.objects.get(pk=page.pk).layout == layout


def test_a_deleted_line_stays_in_the_database_with_its_text(page: Page, anna: User) -> None:
    gone = line(page, 2)
    do(page, anna, kind="delete", lines=[gone.pk])
    assert texts(page) == ["a b c d", "g h", "i j"]
    assert Line.objects.get(pk=gone.pk).current.text == "e f"  # type: ignore[union-attr]


def test_a_line_that_a_person_typed_is_deleted_only_when_they_mean_it(page: Page, anna: User) -> None:
    create_revision(line=line(page, 2), text="typed", author=create_user())
    chosen = [line(page, 1).pk, line(page, 2).pk]
    with pytest.raises(TextAtStake, match=r"^Line 2 has text that a person typed"):
        do(page, anna, kind="delete", lines=chosen)
    do(page, anna, kind="delete", lines=chosen, sure=True)
    undo_layout(page=page, base_version=2, author=anna)
    assert texts(page) == ["a b c d", "typed", "g h", "i j"]


def test_a_page_may_lose_its_last_line_and_get_a_first_one(page: Page, anna: User) -> None:
    do(page, anna, kind="delete", lines=lines(page))
    assert lines(page) == []
    do(page, anna, kind="add", baseline=[[100, 300], [900, 300]])
    assert len(lines(page)) == 1


def test_an_added_line_gets_an_outline_and_its_place(page: Page, anna: User) -> None:
    layout = do(page, anna, kind="add", baseline=[[100, 190], [700, 192], [1100, 190]])
    assert layout.change == "Line 2 added"
    place = layout.places.get(position=2)
    assert place.baseline == [[100, 190], [700, 192], [1100, 190]]
    assert 160 < min(y for _x, y in place.polygon) < 190 < max(y for _x, y in place.polygon) < 220
    assert place.line.current is None


def test_an_added_line_stands_where_it_is_said_to(page: Page, anna: User) -> None:
    do(page, anna, kind="add", baseline=[[100, 900], [700, 900]], after=line(page, 1).pk)
    assert [bool(text) for text in texts(page)] == [True, False, True, True, True]


def test_a_cut_line_shares_its_text_out_by_the_place_of_the_cut(page: Page, anna: User) -> None:
    old = line(page, 1)
    layout = do(page, anna, kind="split", line=old.pk, share=0.5)
    assert layout.change == "Line 1 split in two"
    assert texts(page) == ["a b", "c d", "e f", "g h", "i j"]
    for position in (1, 2):
        assert list(line(page, position).derived_from.all()) == [old]
        assert line(page, position).current.source == Source.VOTE  # type: ignore[union-attr]
    assert lines(page)[2:] == [place.line_id for place in layout.parent.places.all()][1:]  # type: ignore[union-attr]


def test_who_cuts_a_line_may_say_where_its_text_parts(page: Page, anna: User) -> None:
    do(page, anna, kind="split", line=line(page, 1).pk, share=0.5, words=1)
    assert texts(page)[:2] == ["a", "b c d"]


def test_a_persons_text_stays_theirs_when_its_line_is_cut(page: Page, anna: User) -> None:
    bert = create_user(username="bert")
    create_revision(line=line(page, 1), text="alpha beta", author=bert)
    do(page, anna, kind="split", line=line(page, 1).pk, share=0.5)
    found = [(each.current.text, each.current.source, each.current.author) for each in map(line, [page] * 2, (1, 2))]  # type: ignore[union-attr]
    assert found == [("alpha", Source.PERSON, bert), ("beta", Source.PERSON, bert)]


def test_joined_lines_have_both_texts_and_come_from_both(page: Page, anna: User) -> None:
    first, second = line(page, 2), line(page, 3)
    layout = do(page, anna, kind="merge", lines=[second.pk, first.pk])
    assert layout.change == "Lines 2, 3 merged"
    assert texts(page) == ["a b c d", "e f g h", "i j"]
    assert set(line(page, 2).derived_from.all()) == {first, second}
    assert line(page, 2).current.source == Source.VOTE  # type: ignore[union-attr]


def test_pieces_side_by_side_are_joined_from_left_to_right_whatever_their_order(page: Page, anna: User) -> None:
    do(page, anna, kind="split", line=line(page, 1).pk, share=0.5)
    left, right, *others = lines(page)
    do(page, anna, kind="order", lines=[right, left, *others])
    do(page, anna, kind="merge", lines=[left, right])
    assert texts(page)[0] == "a b c d"
    assert page.layout is not None
    place = page.layout.places.get(position=1)
    assert (place.baseline[0], place.baseline[-1]) == ([100, 160], [1100, 160])


def test_the_words_of_one_person_stay_theirs_when_joined(page: Page, anna: User) -> None:
    bert = create_user(username="bert")
    for position in (2, 3):
        create_revision(line=line(page, position), text=f"typed {position}", author=bert)
    do(page, anna, kind="merge", lines=[line(page, 2).pk, line(page, 3).pk])
    current = line(page, 2).current
    assert current is not None
    assert (current.text, current.source, current.author) == ("typed 2 typed 3", Source.PERSON, bert)


def test_a_persons_words_joined_with_the_machines_are_answered_for_by_who_joined_them(page: Page, anna: User) -> None:
    create_revision(line=line(page, 2), text="typed", author=create_user(username="bert"))
    do(page, anna, kind="merge", lines=[line(page, 2).pk, line(page, 3).pk], text="typed  and seen")
    current = line(page, 2).current
    assert current is not None
    assert (current.text, current.source, current.author) == ("typed and seen", Source.PERSON, anna)


def test_lines_without_a_text_are_joined_to_one_without(anna: User) -> None:
    page = create_page()
    create_layout(page=page, lines=2)
    do(page, anna, kind="merge", lines=lines(page))
    assert line(page, 1).current is None


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"kind": "merge", "lines": [1]}, "nothing-to-join"),
        ({"kind": "split", "line": 1, "share": 0.0001}, "no-cut"),
        ({"kind": "reshape", "line": 1, "baseline": [[1, 1]]}, "no-baseline"),
        ({"kind": "reshape", "line": 1, "baseline": [[1, 1], [99, 1]], "polygon": [[1, 1], [5, 1]]}, "no-outline"),
        ({"kind": "add", "baseline": [[4000, 10], [5000, 10]]}, "no-baseline"),
        ({"kind": "order", "lines": [1, 2]}, "no-order"),
        ({"kind": "order", "lines": [1, 2, 3, 3]}, "no-order"),
        ({"kind": "delete", "lines": [10**9]}, "no-such-line"),
        ({"kind": "tag", "lines": [10**9], "production": "printed"}, "no-such-line"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    page: Page, anna: User, operation: dict[str, Any], code: str
) -> None:
    ids = dict(enumerate(lines(page), start=1))
    named = {
        key: [ids.get(each, each) for each in value] if key == "lines" else ids[value] if key == "line" else value
        for key, value in operation.items()
    }
    with pytest.raises(BadInput) as refused:
        do(page, anna, **named)
    assert refused.value.code == code
    assert page.layouts.count() == 1


@pytest.mark.parametrize(
    "operation",
    [
        {},
        {"kind": "explode"},
        {"kind": "delete", "lines": []},
        {"kind": "split", "line": 1, "share": 1.5},
        {"kind": "split", "line": 1, "share": float("nan")},
        {"kind": "tag", "lines": [1], "production": "painted"},
        {"kind": "tag", "lines": [1], "region": "<b>"},
        {"kind": "add", "baseline": [[1, 2, 3]]},
        {"kind": "add", "baseline": [[10**12, 2], [5, 5]]},
        {"kind": "add", "baseline": "x", "more": 1},
    ],
)
def test_what_is_no_operation_is_not_understood(operation: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OPERATION.validate_python(operation)


def test_a_page_holds_only_so_many_lines(page: Page, anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_LINES == 2000
    monkeypatch.setattr("transcription.steps.layout_operations.MOST_LINES", 4)
    with pytest.raises(BadInput, match="at most 4 lines"):
        do(page, anna, kind="add", baseline=[[100, 700], [900, 700]])
    with pytest.raises(BadInput, match="at most 4 lines"):
        do(page, anna, kind="split", line=line(page, 1).pk, share=0.5)


def test_lines_moved_drawn_anew_and_tagged_stay_themselves(page: Page, anna: User) -> None:
    ids = lines(page)
    moved = do(page, anna, kind="order", lines=[ids[1], ids[0], *ids[2:]])
    assert moved.change in ("Line 2 moved to place 1", "Line 1 moved to place 2")
    ring = [[90, 100], [1110, 100], [1110, 180], [90, 180]]
    drawn = do(page, anna, kind="reshape", line=ids[0], baseline=[[90, 165], [1110, 165]], polygon=ring)
    assert drawn.change == "Line 2 drawn anew"
    assert drawn.places.get(line=ids[0]).polygon == ring
    made = do(page, anna, kind="reshape", line=ids[0], baseline=[[90, 165], [1110, 165]])
    assert made.change == "Outline of line 2 made"
    tagged = do(page, anna, kind="tag", lines=ids[:2], production="printed")
    assert tagged.change == "Lines 1, 2: printed"
    assert [place.production for place in tagged.places.all()] == ["printed", "printed", "", ""]
    assert sorted(lines(page)) == sorted(ids)
    assert texts(page) == ["e f", "a b c d", "g h", "i j"]


def test_many_lines_moved_at_once_are_said_to_be(page: Page, anna: User) -> None:
    assert do(page, anna, kind="order", lines=lines(page)[::-1]).change == "Order of lines changed"


def test_what_changes_nothing_makes_no_version(page: Page, anna: User) -> None:
    do(page, anna, kind="order", lines=lines(page))
    do(page, anna, kind="tag", lines=lines(page), production="")
    assert page.layouts.count() == 1


def with_regions(page: Page, *kinds: tuple[str, str], of: list[str]) -> None:
    assert page.layout is not None
    page.layout.regions = [
        {"id": name, "kind": kind, "polygon": [[90, 90], [1110, 90], [1110, 400]]} for name, kind in kinds
    ]
    page.layout.save()
    for place, region in zip(page.layout.places.all(), of, strict=True):
        place.region = region
        place.save()


def regions(page: Page) -> list[tuple[str, str]]:
    assert page.layout is not None
    return [(region["id"], region["kind"]) for region in page.layout.regions]


def placed(page: Page) -> list[str]:
    assert page.layout is not None
    return [place.region for place in page.layout.places.all()]


def test_without_regions_the_kind_itself_is_the_lines_region(page: Page, anna: User) -> None:
    do(page, anna, kind="tag", lines=[line(page, 1).pk], region="heading")
    assert placed(page) == ["heading", "text", "text", "text"]
    assert regions(page) == []


def test_a_region_whose_lines_are_all_chosen_changes_its_kind(page: Page, anna: User) -> None:
    with_regions(page, ("a", "paragraph"), ("b", "paragraph"), of=["a", "a", "b", "b"])
    do(page, anna, kind="tag", lines=lines(page)[:2], region="heading")
    assert regions(page) == [("a", "heading"), ("b", "paragraph")]
    assert placed(page) == ["a", "a", "b", "b"]


def test_a_line_that_becomes_something_else_leaves_its_region(page: Page, anna: User) -> None:
    with_regions(page, ("a", "paragraph"), of=["a"] * 4)
    do(page, anna, kind="tag", lines=[line(page, 1).pk], region="heading")
    assert regions(page) == [("a", "paragraph"), ("r1", "heading")]
    assert placed(page) == ["r1", "a", "a", "a"]
    do(page, anna, kind="tag", lines=[line(page, 2).pk], region="heading")
    assert placed(page) == ["r1", "r1", "a", "a"], "it joins the one beside it"
    assert page.layout is not None
    heading = next(region for region in page.layout.regions if region["id"] == "r1")
    assert min(y for _x, y in heading["polygon"]) <= 120
    assert max(y for _x, y in heading["polygon"]) >= 232
    undo_layout(page=page, base_version=3, author=anna)
    undo_layout(page=page, base_version=4, author=anna)
    assert regions(page) == [("a", "paragraph")]


def test_a_region_that_loses_its_last_line_goes_and_one_that_never_had_any_stays(page: Page, anna: User) -> None:
    with_regions(page, ("a", "paragraph"), ("b", "heading"), ("c", "other"), of=["a", "a", "a", "b"])
    do(page, anna, kind="delete", lines=[line(page, 4).pk])
    assert [name for name, _kind in regions(page)] == ["a", "c"]


def test_a_new_line_stands_in_the_region_of_the_one_before_it(page: Page, anna: User) -> None:
    with_regions(page, ("a", "paragraph"), ("b", "heading"), of=["a", "a", "b", "b"])
    do(page, anna, kind="add", baseline=[[100, 190], [900, 190]])
    assert placed(page) == ["a", "a", "a", "b", "b"]


def test_a_change_based_on_another_version_is_refused_and_says_who_came_first(page: Page, anna: User) -> None:
    do(page, create_user(username="bert"), kind="delete", lines=[line(page, 1).pk])
    operation = OPERATION.validate_python({"kind": "delete", "lines": [line(page, 1).pk]})
    with pytest.raises(LayoutConflict, match="bert changed the lines"):
        edit_layout(page=page, base_version=1, operation=operation, author=anna)
    with pytest.raises(LayoutConflict):
        undo_layout(page=page, base_version=1, author=anna)
    assert page.layouts.count() == 2


def test_undo_and_redo_walk_the_history_and_a_new_change_ends_what_was_undone(page: Page, anna: User) -> None:
    original = texts(page)
    do(page, anna, kind="delete", lines=[line(page, 4).pk])
    do(page, anna, kind="split", line=line(page, 1).pk, share=0.5)
    do(page, anna, kind="merge", lines=lines(page)[2:4])
    states = [texts(page)]
    assert layout_history(page).undone == "Lines 3, 4 merged"

    def back() -> None:
        assert page.layout is not None
        undo_layout(page=page, base_version=page.layout.version, author=anna)

    def forth() -> None:
        assert page.layout is not None
        redo_layout(page=page, base_version=page.layout.version, author=anna)

    for _ in range(3):
        back()
        states.append(texts(page))
    assert states[-1] == original
    assert layout_history(page).undone == ""
    with pytest.raises(BadInput, match="no change"):
        back()
    assert layout_history(page).redone == "Line 4 deleted"
    for expected in states[-2::-1]:
        forth()
        assert texts(page) == expected
    with pytest.raises(BadInput, match="no change"):
        forth()
    back()
    back()
    forth()
    assert texts(page) == states[1]
    do(page, anna, kind="delete", lines=[line(page, 1).pk])
    assert layout_history(page).redone == ""
    assert layout_history(page).undone == "Line 1 deleted"
    back()
    assert texts(page) == states[1]
    back()
    back()
    assert texts(page) == original
    assert violations_of_lines() == []


def violations_of_lines() -> list[str]:
    """What does not hold, the page's journey apart: it was never begun."""
    return [each.name for each in violations() if "line" in each.name and "reading" not in each.name]


def test_undoing_ends_where_the_lines_were_found_anew(page: Page, anna: User) -> None:
    do(page, anna, kind="delete", lines=[line(page, 4).pk])
    assert page.layout is not None
    found = [(place.geometry, place.line) for place in page.layout.places.select_related("line")]
    page.layout = save_layout(page=page, places=found, source="classical@1")
    page.save()
    assert layout_history(page).undo is None
    assert layout_history(page).redo is None
    do(page, anna, kind="delete", lines=[line(page, 1).pk])
    assert layout_history(page).undo == Layout.objects.get(version=3)


def test_lines_that_come_back_by_undoing_are_the_same_lines(page: Page, anna: User) -> None:
    before = lines(page)
    do(page, anna, kind="merge", lines=before[:2])
    merged = line(page, 1)
    create_revision(line=merged, text="typed on the joined line", author=anna)
    undo_layout(page=page, base_version=2, author=anna, sure=True)
    assert lines(page) == before
    redo_layout(page=page, base_version=3, author=anna)
    assert line(page, 1) == merged
    assert texts(page)[0] == "typed on the joined line"


def put_aside(page: Page) -> list[tuple[str, Line | None]]:
    """Texts without a line, each with the line beside which it stood."""
    return [(each.revision.text, each.near) for each in DisplacedText.objects.unsettled().filter(page=page)]


def test_words_typed_on_a_line_are_not_undone_away_without_a_question(page: Page, anna: User) -> None:
    whole = line(page, 1)
    do(page, anna, kind="split", line=whole.pk, share=0.5)
    create_revision(line=line(page, 1), text="the old rector", author=anna)
    with pytest.raises(TextAtStake, match=r"^Line 1 has text that a person typed: “the old rector”"):
        undo_layout(page=page, base_version=2, author=anna)
    assert page.layouts.count() == 2
    undo_layout(page=page, base_version=2, author=anna, sure=True)
    assert put_aside(page) == [("the old rector", whole)]
    redo_layout(page=page, base_version=3, author=anna)
    assert texts(page)[0] == "the old rector"
    assert put_aside(page) == [], "it stands on its line again"
    undo_layout(page=page, base_version=4, author=anna, sure=True)
    assert put_aside(page) == [("the old rector", whole)], "once, however often it is undone"
    assert violations_of_lines() == []


def test_words_put_aside_by_undoing_are_put_on_no_line_by_what_is_read(page: Page, anna: User) -> None:
    whole = line(page, 1)
    do(page, anna, kind="split", line=whole.pk, share=0.5)
    create_revision(line=line(page, 1), text="the old rector", author=anna)
    undo_layout(page=page, base_version=2, author=anna, sure=True)
    settle_moved(run=create_run(page=page), readings={whole.pk: "the old rectory"})
    assert put_aside(page) == [("the old rector", whole)]
    assert texts(page)[0] == "a b c d"


def test_a_deletion_of_typed_words_is_done_again_only_when_they_mean_it(page: Page, anna: User) -> None:
    do(page, anna, kind="delete", lines=[line(page, 2).pk])
    undo_layout(page=page, base_version=2, author=anna)
    create_revision(line=line(page, 2), text="typed", author=anna)
    with pytest.raises(TextAtStake, match=r"^Line 2 has text that a person typed: “typed”"):
        redo_layout(page=page, base_version=3, author=anna)
    redo_layout(page=page, base_version=3, author=anna, sure=True)
    assert [text for text, _near in put_aside(page)] == ["typed"]


def test_typed_words_that_stand_on_the_lines_that_come_back_are_not_asked_about(page: Page, anna: User) -> None:
    for position, text in ((1, "typed on one"), (2, "typed on two")):
        create_revision(line=line(page, position), text=text, author=anna)
    do(page, anna, kind="merge", lines=lines(page)[:2])
    do(page, anna, kind="split", line=line(page, 1).pk, share=0.5)
    for version in (3, 4):
        undo_layout(page=page, base_version=version, author=anna)
    assert texts(page)[:2] == ["typed on one", "typed on two"]
    for version in (5, 6):
        redo_layout(page=page, base_version=version, author=anna)
    assert put_aside(page) == []


def test_of_two_neighbours_that_change_places_the_one_that_was_moved_is_named(page: Page, anna: User) -> None:
    one, two, three, four = lines(page)
    up = do(page, anna, kind="order", lines=[one, two, four, three], moved=four)
    assert up.change == "Line 4 moved to place 3"
    down = do(page, anna, kind="order", lines=[two, one, four, three], moved=one)
    assert down.change == "Line 1 moved to place 2"
