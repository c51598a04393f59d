from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.evaluation import score_page
from transcription.htr.metrics import edit_counts
from transcription.htr.text import normalised

LINES = st.lists(st.text("abc- ", max_size=10), max_size=6)
LETTER = ["Dear Sir, I received", "yours of the 14th in-", "stant and am glad"]


@given(LINES)
def test_a_page_against_itself_has_no_edits(lines: list[str]) -> None:
    score = score_page("d", lines, lines)
    assert score.edits == score.edits_normalised == score.word_edits == score.word_edits_normalised == 0
    assert score.chars == sum(len(" ".join(line.split())) for line in lines)


@given(LINES, LINES)
def test_never_more_edits_than_the_page_as_one_text(reference: list[str], hypothesis: list[str]) -> None:
    def page(lines: list[str]) -> str:
        return normalised(" ".join(normalised(line) for line in lines if line.strip()))

    score = score_page("d", reference, hypothesis)
    assert score.edits_normalised <= edit_counts(page(reference), page(hypothesis))


@given(st.permutations(LETTER))
def test_the_order_of_lines_costs_nothing(found: list[str]) -> None:
    assert score_page("d", LETTER, found).edits == 0


def test_other_line_breaks_cost_nothing() -> None:
    assert score_page("d", ["one two three", "four five six"], ["one two", "three four five", "six"]).edits == 0


def test_a_missed_line_costs_its_length_and_an_invented_one_its_own() -> None:
    assert score_page("d", LETTER, LETTER[:2]).edits == len(LETTER[2]) + 0
    invented = score_page("d", LETTER[:2], LETTER)
    assert invented.edits == len(LETTER[2])
    assert invented.chars == len(LETTER[0]) + len(LETTER[1])


def test_nothing_found_is_all_deletions() -> None:
    score = score_page("d", LETTER, [])
    assert (score.edits, score.word_edits) == (score.chars, score.words)
    assert score.lines == 3


def test_blank_lines_do_not_count() -> None:
    assert score_page("d", ["a", "  ", ""], ["", "a"]) == score_page("d", ["a"], ["a"])
