from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.line_matching import DERIVED, overlaps
from transcription.htr.records import LineGeometry


def line(left: int, top: int, right: int, bottom: int) -> LineGeometry:
    return LineGeometry(
        baseline=((left, bottom), (right, bottom)),
        polygon=((left, top), (right, top), (right, bottom), (left, bottom)),
    )


lines = st.lists(
    st.builds(
        lambda left, top, width, height: line(left, top, left + width, top + height),
        st.integers(0, 500),
        st.integers(0, 500),
        st.integers(1, 600),
        st.integers(1, 80),
    ),
    max_size=6,
)


@given(lines, lines)
def test_no_old_line_is_two_new_ones(old: list[LineGeometry], new: list[LineGeometry]) -> None:
    found = overlaps(old, new)
    same = found.same()
    assert found.union.shape == found.smaller.shape == (len(new), len(old))
    assert len(set(same.values())) == len(same)
    assert all((found.union <= found.smaller + 1e-9).all(axis=1)) if old and new else True


@given(st.integers(1, 8), st.integers(-3, 3), st.integers(-3, 3))
def test_a_page_shifted_by_a_few_pixels_has_the_same_lines(count: int, dx: int, dy: int) -> None:
    old = [line(50, 60 * n + 10, 900, 60 * n + 50) for n in range(count)]
    new = [line(50 + dx, 60 * n + 10 + dy, 900 + dx, 60 * n + 50 + dy) for n in range(count)]
    assert overlaps(old, new).same() == {n: n for n in range(count)}


def test_neighbours_that_touch_are_not_the_same() -> None:
    found = overlaps([line(0, 0, 800, 50)], [line(0, 45, 800, 95)])
    assert found.same() == {}
    assert found.smaller[0, 0] < DERIVED


def test_two_lines_merged_into_one_both_lie_in_it() -> None:
    old = [line(0, 0, 400, 50), line(420, 0, 820, 50)]
    found = overlaps(old, [line(0, 0, 820, 50)])
    assert found.same() == {}
    assert (found.smaller >= DERIVED).all()


def test_a_line_nobody_drew_an_outline_around_has_a_low_one() -> None:
    bare = LineGeometry(((0, 50), (800, 50)), ())
    assert overlaps([bare], [line(0, 40, 800, 52)]).smaller[0, 0] > DERIVED
