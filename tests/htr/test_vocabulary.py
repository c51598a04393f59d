from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.vocabulary import Bonus, Vocabulary

ALPHABET = " abcABC-'^1é"
BONUS = Bonus(trust=-0.5, word=1.0)
WORDS = st.lists(st.text("abcABCé", min_size=1, max_size=5), max_size=6)


def gains_of(vocabulary: Vocabulary, text: str, *, surprise: float = 0.0, alpha: float = 1.0) -> list[float]:
    """What each character of a whole line adds, and its end."""
    node, lent, gains = np.array([vocabulary.root]), np.zeros(1, np.float32), []
    surprised = np.array([surprise], np.float32)
    for char in text:
        code = np.array([ALPHABET.index(char) + 1])
        gain, lent = vocabulary.gains(node, lent, code, surprised, alpha)
        gains.append(float(gain[0]))
        node = vocabulary.following(node, code).astype(np.intp)
    return [*gains, float(vocabulary.ends(node, lent)[0])]


def weight(vocabulary: Vocabulary, text: str, surprise: float = 0.0) -> float:
    """The logarithm of what a whole line gains."""
    return sum(gains_of(vocabulary, text, surprise=surprise))


def listed_in(words: set[str], text: str) -> list[str]:
    spelled = {word[0].lower() + word[1:] for word in words if len(word) > 1}
    return [word for word in text.split() if word[0].lower() + word[1:] in spelled]


@given(WORDS, st.lists(st.text("abcABCé", max_size=5), max_size=5))
def test_a_line_gains_by_its_listed_words_and_by_nothing_else(words: list[str], line: list[str]) -> None:
    text = " ".join(line)
    vocabulary, listed = Vocabulary(words, ALPHABET, BONUS), listed_in(set(words), text)
    assert weight(vocabulary, text) == pytest.approx(BONUS.word * len(listed), abs=1e-4)
    alone = [weight(vocabulary, word, surprise=4) for word in listed]
    assert weight(vocabulary, text, surprise=4) == pytest.approx(sum(alone), abs=1e-3)
    assert all(gain >= BONUS.word - 1e-4 for gain in alone)


def test_surprise_is_capped_at_what_the_list_would_say() -> None:
    vocabulary = Vocabulary(["abc", "abb", "cab", "cac"], ALPHABET, BONUS)
    # P(a) = 1/2, P(b | a) = 1, P(c | ab) = 1/2
    expected = [4 - 0.5 - np.log(2), 4 - 0.5, 4 - 0.5 - np.log(2), 1.0]
    assert gains_of(vocabulary, "abc", surprise=4) == pytest.approx(expected, abs=1e-5)
    assert gains_of(vocabulary, "abc", surprise=4, alpha=0.5)[0] == pytest.approx(expected[0] / 2)
    assert gains_of(vocabulary, "abc", surprise=0.2)[:3] == [0, 0, 0], "what the model knows needs no help"


@pytest.mark.parametrize("text", ["abb", "ab", "ab c", "ab1", "abca"])
def test_what_was_lent_on_the_way_is_paid_back(text: str) -> None:
    vocabulary = Vocabulary(["abc"], ALPHABET, BONUS)
    gains = gains_of(vocabulary, text, surprise=4)
    assert gains[0] > 0
    assert sum(gains) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    ("listed", "text"),
    [
        ("abc", "Abc"),
        ("Abc", "abc"),
        ("abc-cab", "cab"),
        ("b'abc", "a'abc"),
        ("c^ab", "c^ab"),
        ("ab  ab", "ab"),
        ("cabe\u0301", "cabé"),
        ("ab", "ab-c"),
        ("xabz", "ab"),
    ],
)
def test_first_letters_joints_and_marks_are_taken_kindly(listed: str, text: str) -> None:
    assert weight(Vocabulary([listed], ALPHABET, BONUS), text) == pytest.approx(BONUS.word)


@pytest.mark.parametrize("text", ["aBc", "ab", "abca", "abc1"])
def test_what_is_no_listed_word_gains_nothing(text: str) -> None:
    assert weight(Vocabulary(["abc"], ALPHABET, BONUS), text, surprise=4) == pytest.approx(0, abs=1e-5)


def test_single_characters_and_foreign_ones_are_not_listed() -> None:
    assert len(Vocabulary(["a", "-", "", "xyz", "a b"], ALPHABET, BONUS)) == 0
