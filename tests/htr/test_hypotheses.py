from __future__ import annotations

import time
import timeit
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.hypotheses import MOST_OFFERS, offers_of
from transcription.htr.records import Hypothesis, ReadingRecord
from transcription.htr.voting import PassReading, vote

WORDS = st.sampled_from(["the", "house", "hause", "to", "day", "today", "a", "é", "x[?]"])
LINES = st.lists(WORDS, max_size=6).map(" ".join)


def reading(text: str, *others: str, name: str = "p", score: float = 0.9) -> PassReading:
    """A pass that settled on ``text`` and weighed ``others``, each half as likely as the one before."""
    nbest = tuple(Hypothesis(each, 0.5 / 2**k) for k, each in enumerate([text, *others]))
    return PassReading(name, name, ReadingRecord(1, text, (score,) * len(text), nbest=nbest))


def alternatives(*readings: PassReading) -> list[list[str]]:
    return [[other.text for other in word.alternatives] for word in vote(readings).words]


@given(st.lists(st.tuples(LINES, st.lists(LINES, max_size=4)), min_size=1, max_size=4))
def test_what_was_weighed_changes_neither_text_nor_confidence(cast: list[tuple[str, list[str]]]) -> None:
    with_lists = vote([reading(text, *others, name=f"p{k}") for k, (text, others) in enumerate(cast)])
    without = vote([reading(text, name=f"p{k}") for k, (text, _) in enumerate(cast)])
    assert with_lists.text == without.text
    for told, plain in zip(with_lists.words, without.words, strict=True):
        assert (told.confidence, told.score, told.support, told.span) == (
            plain.confidence,
            plain.score,
            plain.support,
            plain.span,
        )
        known = len(told.alternatives) - len(plain.alternatives)
        assert 0 <= known <= MOST_OFFERS
        texts = [other.text for other in told.alternatives]
        assert told.text not in texts


@given(st.lists(st.tuples(LINES, st.lists(LINES, max_size=3)), min_size=2, max_size=4))
def test_the_order_of_the_readings_does_not_matter(cast: list[tuple[str, list[str]]]) -> None:
    readings = [reading(text, *others, name=f"p{k}") for k, (text, others) in enumerate(cast)]
    assert vote(readings) == vote(readings[::-1])


def test_differing_words_are_offered_without_support() -> None:
    [_, word] = vote([reading("old house", "old hause", "old mouse")]).words
    assert [(other.text, other.support, other.passes) for other in word.alternatives] == [
        ("hause", 0.0, ()),
        ("mouse", 0.0, ()),
    ]


def test_votes_come_before_offers_and_are_not_repeated() -> None:
    found = alternatives(
        reading("house", name="a"), reading("house", "hause", "mouse", name="b"), reading("hause", name="c")
    )
    assert found == [["hause", "mouse"]]


def test_a_word_broken_left_out_or_put_in_is_offered_in_its_place() -> None:
    assert alternatives(reading("go today", "go to day")) == [[], ["to day"]]
    assert alternatives(reading("go to", "go")) == [[], [""]]
    assert alternatives(reading("go", "go to")) == [["go to"]]
    assert alternatives(reading("go", "to go")) == [["to go"]]


def test_offers_of_two_passes_add_up() -> None:
    cast = [reading("house", "mouse", "hause", name="a"), reading("house", "louse", "hause", name="b")]
    assert alternatives(*cast)[0][0] in {"mouse", "louse", "hause"}
    assert set(alternatives(*cast)[0]) == {"mouse", "louse", "hause"}


def test_what_was_hardly_believed_is_not_offered() -> None:
    assert offers_of("house", [Hypothesis("house", 0.97), Hypothesis("mouse", 0.01)]) == []


@pytest.mark.parametrize("text", ["", "house"])
def test_empty_texts_do_no_harm(text: str) -> None:
    vote([reading(text, "", "a b", "a")])


def test_three_nbest_lists_cost_less_than_three_milliseconds_of_a_core() -> None:
    line = "the honorable Secretary of the Navy, Washington DC"
    others = [line.replace("Navy", "Nary"), line.replace("the", "tbe", 1), line.replace("DC", "D C"), line[:-3]]
    readings = [reading(line, *others, name=f"p{k}") for k in range(3)]
    seconds = min(timeit.repeat(partial(vote, readings), number=20, repeat=5, timer=time.process_time)) / 20
    assert seconds < 0.003
