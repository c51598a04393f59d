from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcription.htr.records import LineGeometry
from transcription.htr.resegmentation import (
    Displaced,
    OldLine,
    Piece,
    Plan,
    PlannedLine,
    divide_by_readings,
    plan_layout,
)


def line(left: int, top: int, right: int, bottom: int) -> LineGeometry:
    base = bottom - (bottom - top) // 4
    return LineGeometry(
        baseline=((left, base), (right, base)), polygon=((left, top), (right, top), (right, bottom), (left, bottom))
    )


def old(geometry: LineGeometry, text: str, *, kept: bool = True) -> OldLine:
    return OldLine(geometry, tuple(text.split()), kept)


WHOLE = line(0, 0, 800, 50)
LEFT, RIGHT = line(0, 0, 390, 50), line(410, 0, 800, 50)


def texts(before: list[OldLine], plan: Plan) -> list[str | None]:
    """The text of each line; None for one that is to be read."""
    return [
        " ".join(before[each.same].words)
        if each.same is not None
        else " ".join(word for piece in each.pieces for word in before[piece.old].words[piece.first : piece.end])
        if each.pieces
        else None
        for each in plan.lines
    ]


class TestOneLine:
    def test_found_again_is_the_same_line(self) -> None:
        plan = plan_layout([old(WHOLE, "anno domini")], [line(4, 3, 790, 52)])
        assert plan == Plan((PlannedLine(0, 0),), ())

    def test_found_shorter_than_half_is_the_same_line_all_the_same(self) -> None:
        assert plan_layout([old(WHOLE, "anno domini")], [LEFT]).lines == (PlannedLine(0, 0),)

    def test_nobody_wrote_on_and_found_shorter_than_half_is_read_again(self) -> None:
        plan = plan_layout([old(WHOLE, "anno domini", kept=False)], [line(0, 0, 300, 50)])
        assert plan.lines == (PlannedLine(0, None, (0,)),)

    def test_no_longer_found_stays_behind_what_was_read_before_it(self) -> None:
        before = [old(line(0, 100 * n, 800, 100 * n + 50), f"word{n}") for n in range(3)]
        plan = plan_layout(before, [before[0].geometry, before[2].geometry])
        assert [(each.new, each.same) for each in plan.lines] == [(0, 0), (None, 1), (1, 2)]
        assert plan_layout(before, []).lines == tuple(PlannedLine(None, n) for n in range(3))

    def test_no_longer_found_is_displaced_where_another_one_stands(self) -> None:
        plan = plan_layout([old(WHOLE, "anno domini")], [line(0, 30, 800, 80)])
        assert plan == Plan((PlannedLine(0, None),), (Displaced(0, 0),))

    def test_on_which_only_the_machine_wrote_is_let_go(self) -> None:
        assert plan_layout([old(WHOLE, "anno", kept=False)], []) == Plan((), ())

    def test_said_to_be_empty_stays_so(self) -> None:
        assert plan_layout([old(WHOLE, "")], [WHOLE]).lines == (PlannedLine(0, 0),)
        assert plan_layout([old(WHOLE, "")], []).lines == ()


class TestALineInPieces:
    def test_is_divided_between_its_words(self) -> None:
        before = [old(WHOLE, "the old rector of Whitcombe wrote this")]
        plan = plan_layout(before, [LEFT, RIGHT])
        assert texts(before, plan) == ["the old rector of", "Whitcombe wrote this"]
        assert [each.derived for each in plan.lines] == [(0,), (0,)]

    def test_is_divided_by_the_length_of_the_pieces(self) -> None:
        before = [old(WHOLE, "aaaa bbbb cccc dddd eeee ffff gggg hhhh")]
        plan = plan_layout(before, [line(0, 0, 590, 50), line(610, 0, 800, 50)])
        assert texts(before, plan) == ["aaaa bbbb cccc dddd eeee ffff", "gggg hhhh"]

    def test_begins_at_the_right_where_its_writing_does(self) -> None:
        before = [old(WHOLE, "שלום לכם מלאכי השרת")]
        assert texts(before, plan_layout(before, [LEFT, RIGHT])) == ["מלאכי השרת", "שלום לכם"]

    def test_gives_nothing_to_a_mark_between_its_letters(self) -> None:
        plan = plan_layout([old(WHOLE, "anno domini")], [WHOLE, line(300, 5, 330, 20)])
        assert plan.lines == (PlannedLine(0, 0), PlannedLine(1, None))

    def test_is_read_again_where_only_the_machine_wrote(self) -> None:
        plan = plan_layout([old(WHOLE, "anno domini", kept=False)], [LEFT, RIGHT])
        assert [each.pieces for each in plan.lines] == [(), ()]


class TestALineOfSeveral:
    def test_joins_their_words_in_reading_order(self) -> None:
        before = [old(LEFT, "anno domini"), old(RIGHT, "1743")]
        plan = plan_layout(before, [WHOLE])
        assert plan.lines == (PlannedLine(0, None, (0, 1), (Piece(0, 0, 2), Piece(1, 0, 1))),)

    def test_keeps_the_machines_words_between_a_persons(self) -> None:
        before = [old(LEFT, "anno domini"), old(RIGHT, "1743", kept=False)]
        assert texts(before, plan_layout(before, [WHOLE])) == ["anno domini 1743"]

    def test_drops_what_the_machine_read_where_a_person_wrote(self) -> None:
        before = [old(WHOLE, "anno domini"), old(line(0, 5, 800, 55), "amo domini", kept=False)]
        assert texts(before, plan_layout(before, [WHOLE])) == ["anno domini"]

    def test_is_read_again_where_only_the_machine_wrote(self) -> None:
        plan = plan_layout([old(LEFT, "a", kept=False), old(RIGHT, "b", kept=False)], [WHOLE])
        assert plan.lines == (PlannedLine(0, None, (0, 1)),)

    def test_is_no_line_of_the_machines_that_is_most_of_it(self) -> None:
        before = [old(line(0, 0, 700, 50), "anno", kept=False), old(line(710, 0, 800, 50), "1743")]
        plan = plan_layout(before, [WHOLE])
        assert plan.lines[0].same is None
        assert texts(before, plan) == ["anno 1743"]


geometries = st.lists(
    st.builds(
        lambda column, width, row, shift, height: line(
            110 * column, 40 * row + shift, 110 * (column + width) - 8, 40 * row + shift + height
        ),
        st.integers(0, 5),
        st.integers(1, 6),
        st.integers(0, 4),
        st.integers(-12, 12),
        st.integers(20, 60),
    ),
    max_size=8,
)
old_lines = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=8, max_size=8)


def written(layout: list[LineGeometry], about: list[tuple[int, bool]]) -> list[OldLine]:
    """Lines with words that occur once on the page."""
    return [
        OldLine(geometry, tuple(f"w{n}x{k}" for k in range(count)), kept)
        for n, (geometry, (count, kept)) in enumerate(zip(layout, about, strict=False))
    ]


def carried_out(before: list[OldLine], new: list[LineGeometry], plan: Plan) -> list[OldLine]:
    """The lines as they stand when the plan is carried out; a line that is to be read has no words yet."""
    after = []
    for each, text in zip(plan.lines, texts(before, plan), strict=True):
        geometry = new[each.new] if each.new is not None else before[each.same or 0].geometry
        kept = before[each.same].kept if each.same is not None else bool(each.pieces)
        after.append(OldLine(geometry, tuple((text or "").split()), kept))
    return after


@settings(max_examples=1500, deadline=None)
@given(geometries, old_lines, geometries)
def test_no_human_word_is_lost_or_doubled_and_every_line_found_stands_once(
    layout: list[LineGeometry], about: list[tuple[int, bool]], new: list[LineGeometry]
) -> None:
    before = written(layout, about)
    plan = plan_layout(before, new)
    assert [each.new for each in plan.lines if each.new is not None] == list(range(len(new)))
    after = carried_out(before, new, plan)
    human = Counter(word for each in before if each.kept for word in each.words)
    standing = Counter(word for each in after for word in each.words)
    standing += Counter(word for each in plan.displaced for word in before[each.old].words)
    assert max(standing.values(), default=1) == 1, "no word twice, the machine's neither"
    assert human <= standing, "no human word lost"
    on_kept_lines = Counter(word for each in after if each.kept for word in each.words)
    for each in plan.displaced:
        assert before[each.old].kept
        on_kept_lines += Counter(before[each.old].words)
    assert human <= on_kept_lines, "what a person wrote stands where no vote replaces it"
    used = [each.same for each in plan.lines if each.same is not None]
    assert len(used) == len(set(used)), "no old line is two new ones"
    for each in plan.lines:
        ranges = [(piece.old, piece.first) for piece in each.pieces]
        assert ranges == sorted(ranges), "words keep their order"


@settings(max_examples=700, deadline=None)
@given(geometries, old_lines, geometries)
def test_finding_the_same_lines_again_changes_nothing(
    layout: list[LineGeometry], about: list[tuple[int, bool]], new: list[LineGeometry]
) -> None:
    before = written(layout, about)
    after = carried_out(before, new, plan_layout(before, new))
    again = plan_layout(after, new)
    assert carried_out(after, new, again) == after
    assert again.displaced == ()
    assert all(each.same is not None for each in again.lines if each.pieces == ()) or not after


@given(geometries, old_lines, st.integers(-4, 4), st.integers(-4, 4))
def test_a_page_that_was_moved_a_little_has_the_same_lines(
    layout: list[LineGeometry], about: list[tuple[int, bool]], dx: int, dy: int
) -> None:
    apart = [geometry for n, geometry in enumerate(layout) if not n] + [
        line(0, 200 + 70 * n, 600, 250 + 70 * n) for n in range(4)
    ]
    before = written(apart, about)
    moved = [
        replace(
            each,
            baseline=tuple((x + dx, y + dy) for x, y in each.baseline),
            polygon=tuple((x + dx, y + dy) for x, y in each.polygon),
        )
        for each in apart[-4:]
    ]
    plan = plan_layout(before[-4:], moved)
    assert [each.same for each in plan.lines] == list(range(4))


class TestDividing:
    def test_readings_move_words_that_geometry_put_on_the_wrong_piece(self) -> None:
        words = ["the", "old", "rector", "of", "Whitcombe"]
        assert divide_by_readings(words, ["the old rectr", "of Whitcomb"], [2, 5]) == [3, 5]

    def test_readings_that_say_nothing_move_nothing(self) -> None:
        words = ["the", "old", "rector"]
        assert divide_by_readings(words, ["", ""], [2, 3]) == [2, 3]
        assert divide_by_readings(words, ["xx", "yyyyyyy"], [2, 3]) in ([2, 3], [1, 3])

    @given(
        st.lists(st.text("ab", min_size=1, max_size=4), max_size=6),
        st.lists(st.text("ab ", max_size=8), min_size=1, max_size=3),
    )
    def test_every_word_stays_on_one_line_in_order(self, words: list[str], readings: list[str]) -> None:
        ends = [len(words)] * len(readings)
        found = divide_by_readings(words, readings, ends)
        assert found == sorted(found)
        assert found[-1] == len(words)
        assert len(found) == len(readings)


@pytest.mark.parametrize("text", ["", "x"])
def test_lines_without_any_place_are_no_trouble(text: str) -> None:
    nowhere = LineGeometry((), ())
    plan = plan_layout([old(nowhere, text)], [nowhere, WHOLE])
    assert [each.new for each in plan.lines if each.new is not None] == [0, 1]
    assert any(each.same == 0 for each in plan.lines) == bool(text)
