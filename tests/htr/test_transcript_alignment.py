from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcription.htr.transcript_alignment import FoundLine, TranscriptAlignment, align_transcript

ALPHABET = " abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-.,'"
LETTER = [
    "supper we all went in the woods",
    "to skate and skated until half past",
    "eight when I came in and",
    "am sitting down to drop a few",
    "lines home they all have condemned",
    "me for not bringing my skates",
    "with me and if it is convenient",
    "I wish that you would have them",
]
SURE = 0.9


def output_of(text: str, *, certain: float = 0.97) -> np.ndarray:
    """What a recogniser gives that reads ``text``: two frames and a blank for each character."""
    labels = [k for char in text for k in (ALPHABET.index(char) + 1, ALPHABET.index(char) + 1, 0)]
    output = np.full((len(labels) + 1, len(ALPHABET) + 1), np.log((1 - certain) / len(ALPHABET)), np.float32)
    for frame, k in enumerate([0, *labels]):
        output[frame, k] = np.log(certain)
    return output


def found(texts: Sequence[str], *, forced: bool) -> list[FoundLine]:
    return [FoundLine(text, output_of(text) if forced and text else None) for text in texts]


def placed_texts(alignment: TranscriptAlignment, least: float = SURE) -> dict[int, str]:
    return {each.line: each.text for each in alignment.placed if each.confidence >= least}


def misread(text: str, rate: float, seed: int) -> str:
    rng = random.Random(seed)
    return "".join(rng.choice("aeionrt") if char != " " and rng.random() < rate else char for char in text)


both = pytest.mark.parametrize("forced", [True, False], ids=["by-image", "by-edits"])
lines_of_words = st.lists(
    st.lists(st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=9), min_size=3, max_size=7).map(" ".join),
    min_size=1,
    max_size=8,
    unique=True,
)


@given(lines=lines_of_words)
@settings(deadline=None, max_examples=40)
def test_perfect_readings_align_perfectly(lines: list[str]) -> None:
    alignment = align_transcript(found(lines, forced=False), lines)
    assert [each.text for each in alignment.placed] == lines
    assert alignment.unplaced() == []


@given(lines=lines_of_words, data=st.data())
@settings(deadline=None, max_examples=40)
def test_no_word_is_placed_twice_and_none_is_lost(lines: list[str], data: st.DataObject) -> None:
    readings = data.draw(st.permutations([*lines, "zzz qqq xxx"]))
    alignment = align_transcript(found(readings[: data.draw(st.integers(0, len(readings)))], forced=False), lines)
    used = [k for each in alignment.placed for k in range(each.first, each.end)]
    assert len(used) == len(set(used))
    left = " ".join(alignment.unplaced()).split()
    assert len(used) + len(left) == len(" ".join(lines).split())


@both
def test_misread_lines_get_their_own_text(forced: bool) -> None:
    readings = [misread(text, 0.25, n) for n, text in enumerate(LETTER)]
    alignment = align_transcript(found(readings, forced=forced), LETTER, ALPHABET if forced else "")
    assert [each.text for each in alignment.placed] == LETTER


@both
def test_a_line_the_segmenter_missed_is_left_over_and_the_others_keep_theirs(forced: bool) -> None:
    readings = LETTER[:3] + LETTER[4:]
    alignment = align_transcript(found(readings, forced=forced), LETTER, ALPHABET if forced else "")
    assert placed_texts(alignment) == dict(enumerate(readings))
    assert alignment.unplaced(SURE) == [LETTER[3]]


@both
def test_a_stamp_and_a_page_number_get_nothing(forced: bool) -> None:
    readings = ["LIBRARY OF CONGRESS", *LETTER[:4], "QQ", *LETTER[4:]]
    alignment = align_transcript(found(readings, forced=forced), LETTER, ALPHABET if forced else "")
    assert placed_texts(alignment) == {n: text for n, text in enumerate(readings) if text in LETTER}


@both
def test_a_line_found_in_two_pieces_shares_its_words(forced: bool) -> None:
    readings = [*LETTER[:2], "eight when I", "came in and", *LETTER[3:]]
    alignment = align_transcript(found(readings, forced=forced), LETTER, ALPHABET if forced else "")
    assert placed_texts(alignment, 0.0) == dict(enumerate(readings))


@both
def test_two_lines_found_as_one_are_joined(forced: bool) -> None:
    readings = [*LETTER[:2], f"{LETTER[2]} {LETTER[3]}", *LETTER[4:]]
    alignment = align_transcript(found(readings, forced=forced), LETTER, ALPHABET if forced else "")
    assert placed_texts(alignment, 0.0)[2] == readings[2]
    assert alignment.unplaced() == []


@both
def test_a_transcript_without_line_breaks_is_broken_where_the_page_breaks_it(forced: bool) -> None:
    alignment = align_transcript(found(LETTER, forced=forced), [" ".join(LETTER)], ALPHABET if forced else "")
    assert placed_texts(alignment, 0.0) == dict(enumerate(LETTER))


@both
def test_columns_in_another_order_are_found(forced: bool) -> None:
    readings = LETTER[5:] + LETTER[:5]
    alignment = align_transcript(found(readings, forced=forced), LETTER, ALPHABET if forced else "")
    assert placed_texts(alignment) == dict(enumerate(readings))


@both
def test_a_word_written_whole_is_broken_where_the_page_breaks_it(forced: bool) -> None:
    transcript = ["and said it was an exhaustive", "description of the government"]
    readings = ["and said it was an exhaus-", "tive description of the government"]
    alignment = align_transcript(found(readings, forced=forced), transcript, ALPHABET if forced else "")
    assert placed_texts(alignment) == dict(enumerate(readings))
    assert alignment.unplaced(SURE) == []


@both
def test_a_line_that_shows_a_word_more_than_its_text_is_doubted(forced: bool) -> None:
    transcript = ["all went in the woods", "to skate and skated until"]
    readings = ["all went in the woods to", "skate and skated until half past"]
    alignment = align_transcript(found(readings, forced=forced), transcript, ALPHABET if forced else "")
    assert placed_texts(alignment).get(1) != "to skate and skated until"


@both
def test_a_text_of_another_page_is_placed_nowhere(forced: bool) -> None:
    other = ["Whereas the said William Hale", "of the parish of Whitcombe yeoman", "hath by indenture bearing date"]
    alignment = align_transcript(found(LETTER, forced=forced), other, ALPHABET if forced else "")
    assert placed_texts(alignment, 0.5) == {}
    assert alignment.unplaced(0.5) == other


@both
def test_what_is_kept_is_neither_given_away_nor_placed_again(forced: bool) -> None:
    words = len(LETTER[0].split())
    alignment = align_transcript(
        found(LETTER, forced=forced), LETTER, ALPHABET if forced else "", kept={3: range(words)}
    )
    assert 3 not in {each.line for each in alignment.placed}
    assert all(each.first >= words for each in alignment.placed)


@pytest.mark.parametrize("transcript", [[], [""], ["   ", "\n"]])
def test_no_text_and_no_lines_are_no_trouble(transcript: list[str]) -> None:
    assert align_transcript(found(LETTER, forced=False), transcript).placed == ()
    assert align_transcript([], LETTER).unplaced() == LETTER
    assert align_transcript([FoundLine("")], LETTER).placed == ()


def test_one_word_on_one_line_has_no_rival() -> None:
    alignment = align_transcript(found(["Whitcombe"], forced=True), ["Whitcombe"], ALPHABET)
    assert placed_texts(alignment) == {0: "Whitcombe"}
