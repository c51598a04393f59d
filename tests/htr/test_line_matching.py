from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.line_matching import LineMatch, match_geometries
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
    matches = match_geometries(old, new)
    same = [match.same for match in matches if match.same is not None]
    assert len(matches) == len(new)
    assert len(same) == len(set(same))
    assert all(match.same not in match.derived for match in matches)


@given(st.integers(1, 8), st.integers(-3, 3), st.integers(-3, 3))
def test_a_page_shifted_by_a_few_pixels_has_the_same_lines(count: int, dx: int, dy: int) -> None:
    old = [line(50, 60 * n + 10, 900, 60 * n + 50) for n in range(count)]
    new = [line(50 + dx, 60 * n + 10 + dy, 900 + dx, 60 * n + 50 + dy) for n in range(count)]
    assert match_geometries(old, new) == [LineMatch(n, ()) for n in range(count)]


def test_neighbours_that_touch_are_not_the_same() -> None:
    assert match_geometries([line(0, 0, 800, 50)], [line(0, 45, 800, 95)]) == [LineMatch(None, ())]


def test_two_lines_merged_into_one_are_both_its_parents() -> None:
    old = [line(0, 0, 400, 50), line(420, 0, 820, 50)]
    assert match_geometries(old, [line(0, 0, 820, 50)]) == [LineMatch(None, (0, 1))]
