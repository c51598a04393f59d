from __future__ import annotations

import random
import time
import timeit
from dataclasses import replace
from functools import partial
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcription.htr.confidence import FEATURES
from transcription.htr.records import Consensus, Hypothesis, ReadingRecord, WordVote
from transcription.htr.text import clusters, strict
from transcription.htr.voting import NoReadings, PassReading, vote


def reading(
    text: str, *, score: float = 0.9, name: str = "", engine: str = "", weight: float = 1.0, spans: bool = False
) -> PassReading:
    """A pass of its own engine unless told otherwise, with the same score for every character."""
    extents = tuple((k / len(text), (k + 1) / len(text)) for k in range(len(text))) if spans else ()
    record = ReadingRecord(key=1, text=text, chars=(score,) * len(text), spans=extents)
    return PassReading(
        pass_name=name or f"plain+{engine or text}", engine=engine or name or text, reading=record, weight=weight
    )


def voted(*texts: str, **options: float) -> Consensus:
    return vote([reading(text, name=f"pass{k}", **options) for k, text in enumerate(texts)])  # type: ignore[arg-type]


def support(consensus: Consensus, text: str) -> float:
    """Share of the vote for a text in a line of one word."""
    found = [(word.text, word.support) for word in consensus.words]
    found += [(other.text, other.support) for word in consensus.words for other in word.alternatives]
    return dict(found).get(text, 0.0)


WORDS = st.sampled_from(["the", "house", "hause", "hovse", "to", "day", "today", "a", "é", "e\u0301t", "x[?]", "⟦old⟧"])
LINES = st.lists(WORDS, max_size=6).map(" ".join)
SCORES = st.floats(0, 1, width=32)


@st.composite
def some_readings(draw: st.DrawFn, texts: st.SearchStrategy[str] = LINES) -> list[PassReading]:
    found = []
    for k in range(draw(st.integers(1, 5))):
        text = draw(texts)
        chars = tuple(draw(st.lists(SCORES, min_size=len(text), max_size=len(text))))
        record = ReadingRecord(key=k, text=text, chars=chars)
        found.append(PassReading(f"pass{k}", draw(st.sampled_from("ABC")), record))
    return found


@given(some_readings(), st.randoms(use_true_random=False))
def test_the_order_of_the_readings_does_not_matter(readings: list[PassReading], rng: random.Random) -> None:
    shuffled = list(readings)
    rng.shuffle(shuffled)
    assert vote(shuffled) == vote(readings)


@given(st.one_of(LINES, st.text(max_size=20)), st.integers(1, 5), st.floats(0.05, 1))
def test_identical_readings_give_that_text_and_no_less_confidence(text: str, count: int, score: float) -> None:
    one = vote([reading(text, name="a", score=score)])
    many = vote([reading(text, name="abcde"[k], score=score) for k in range(count)])
    assert many.text == one.text == strict(text)
    assert all(word.support == pytest.approx(1) for word in many.words)
    for alone, together in zip(one.words, many.words, strict=True):
        assert together.confidence >= alone.confidence - 1e-12
        assert together.score >= alone.score - 1e-12


@given(some_readings(st.one_of(LINES, st.text(st.characters(), max_size=15))))
@settings(max_examples=300)
def test_a_vote_never_fails_and_is_consistent(readings: list[PassReading]) -> None:
    consensus = vote(readings)
    assert consensus.text == " ".join(word.text for word in consensus.words)
    assert consensus.text == strict(consensus.text)
    assert consensus.readings == len(readings)
    for word in consensus.words:
        assert word.text
        assert 0 <= word.score <= 1
        assert 0 < word.confidence < 1
        assert 0 < word.support <= 1 + 1e-9
        assert len(word.features) == len(FEATURES)
        assert word.text not in {other.text for other in word.alternatives}


@given(some_readings(st.one_of(LINES, st.text(st.characters(), max_size=15))))
def test_a_vote_never_invents_a_character_nor_parts_a_base_from_its_marks(readings: list[PassReading]) -> None:
    known = {cluster for given_ in readings for cluster in clusters(strict(given_.reading.text))}
    assert set(clusters(vote(readings).text)) <= known | {" "}


@given(some_readings(LINES))
def test_every_word_of_a_single_dispute_is_kept(readings: list[PassReading]) -> None:
    consensus = vote(readings)
    if not consensus.words:
        return
    kept = {piece for word in consensus.words for piece in word.text.split()}
    kept |= {piece for word in consensus.words for other in word.alternatives for piece in other.text.split()}
    assert {piece for given_ in readings for piece in strict(given_.reading.text).split()} <= kept


@given(st.lists(st.tuples(st.sampled_from(["house", "hause", "mouse"]), st.sampled_from("AB")), min_size=1, max_size=4))
def test_another_engine_moves_a_vote_more_than_the_same_engine_again(cast: list[tuple[str, str]]) -> None:
    readings = [reading(text, name=f"p{k}", engine=engine) for k, (text, engine) in enumerate(cast)]
    first = readings[0]
    again = vote([*readings, PassReading("p9", first.engine, first.reading)])
    other = vote([*readings, PassReading("p9", "Z", first.reading)])
    text, before = first.reading.text, vote(readings)
    if all(consensus.words[0].passes for consensus in (before, again, other)):  # no word composed of characters
        gains = [support(consensus, text) - support(before, text) for consensus in (again, other)]
        assert -1e-9 <= gains[0] <= gains[1] + 1e-9


UNICODE = st.text(
    st.one_of(
        st.sampled_from("ab  ſﬁﬆæ\u0301\u0308\u0323\u05b8\u064e\u200d[]?…⟦⟧⸢⸣"),
        st.characters(min_codepoint=0x05D0, max_codepoint=0x05EA),  # Hebrew
        st.characters(min_codepoint=0x0621, max_codepoint=0x064A),  # Arabic
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=12,
)


@st.composite
def any_readings(draw: st.DrawFn) -> list[PassReading]:
    """Of any text, with places, n-best lists, weights, and names and voices that several may share."""
    base, found = draw(UNICODE), []
    for k in range(draw(st.integers(1, 4))):
        text = draw(st.one_of(st.just(base), UNICODE, st.just(base[1:]), st.just(base + "x")))
        low, high = draw(st.tuples(SCORES, SCORES))
        chars = tuple((low, high)[i % 2] for i in range(len(text)))
        spans = tuple((i / len(text), (i + 1) / len(text)) for i in range(len(text))) if draw(st.booleans()) else ()
        record = ReadingRecord(k, text, chars, spans, nbest=(Hypothesis(text, 0.6), Hypothesis(base, 0.3)))
        name, voice = draw(st.sampled_from(["p", "q", f"r{k}"])), draw(st.sampled_from("AB"))
        found.append(PassReading(name, f"engine{k}", record, draw(st.sampled_from([1.0, 0.7])), voice))
    return found


@given(any_readings(), st.randoms(use_true_random=False))
def test_the_order_of_readings_of_any_text_does_not_matter(readings: list[PassReading], rng: random.Random) -> None:
    shuffled = list(readings)
    rng.shuffle(shuffled)
    assert vote(shuffled) == vote(readings)


@given(any_readings())
def test_no_character_of_any_script_is_invented(readings: list[PassReading]) -> None:
    consensus = vote(readings)
    known = {cluster for each in readings for cluster in clusters(strict(each.reading.text))} | {" "}
    assert set(clusters(consensus.text)) <= known
    known |= {cluster for each in readings for one in each.reading.nbest for cluster in clusters(one.text)}
    for word in consensus.words:
        for other in word.alternatives:
            assert set(clusters(other.text)) <= known


@given(UNICODE, st.integers(2, 5), st.booleans(), st.floats(0.05, 1))
def test_the_same_text_of_any_script_is_kept_and_trusted_no_less(
    text: str, count: int, one_voice: bool, score: float
) -> None:
    def read(k: int) -> PassReading:
        record = ReadingRecord(k, text, (score,) * len(text))
        return PassReading(f"p{k}", f"e{k}", record, voice="A" if one_voice else f"v{k}")

    alone, together = vote([read(0)]), vote([read(k) for k in range(count)])
    assert together.text == strict(text)
    for one, many in zip(alone.words, together.words, strict=True):
        assert many.confidence >= one.confidence - 1e-12
        assert many.alternatives == ()


@given(st.lists(st.tuples(UNICODE.map(lambda t: "".join(t.split())), st.sampled_from("AB")), min_size=1, max_size=4))
def test_a_copy_by_the_same_voice_moves_a_word_of_any_script_less_than_one_by_another(
    cast: list[tuple[str, str]],
) -> None:
    readings = [
        PassReading(f"p{k}", f"e{k}", ReadingRecord(k, text, (0.9,) * len(text)), voice=voice)
        for k, (text, voice) in enumerate(cast)
    ]
    first = readings[0]
    text = strict(first.reading.text)
    outcomes = [
        vote(readings),
        vote([*readings, PassReading("p9", "e9", first.reading, voice=first.voice)]),
        vote([*readings, PassReading("p9", "e9", first.reading, voice="Z")]),
    ]
    if text and all(len(each.words) == 1 and each.words[0].passes for each in outcomes):
        before, again, other = [support(each, text) for each in outcomes]
        assert -1e-9 <= again - before <= other - before + 1e-9


def test_agreement_of_another_engine_is_worth_more_than_of_the_same() -> None:
    alone = vote([reading("house", name="a", engine="A")]).words[0]
    again = vote([reading("house", name=n, engine="A") for n in "ab"]).words[0]
    other = vote([reading("house", name=n, engine=n) for n in "ab"]).words[0]
    assert alone.score < again.score < other.score
    assert alone.confidence < again.confidence < other.confidence


def test_engines_that_read_with_the_same_eyes_are_one_voice() -> None:
    crowd = [replace(reading("hause", name=f"a{k}", engine=f"A{k}"), voice="A") for k in range(8)]
    others = [reading("house", name="b"), reading("house", name="c")]
    assert vote([*crowd, *others]).text == "house"
    assert vote([replace(each, voice="") for each in crowd] + others).text == "hause"


def test_many_passes_of_one_engine_do_not_outvote_two_other_engines() -> None:
    crowd = [reading("hause", name=f"a{k}", engine="A") for k in range(8)]
    assert vote([*crowd, reading("house", name="b"), reading("house", name="c")]).text == "house"


def test_the_majority_wins_word_by_word() -> None:
    consensus = voted("tke old house", "the old hause", "the o1d house")
    assert consensus.text == "the old house"
    assert [other.text for other in consensus.words[0].alternatives] == ["tke"]
    assert consensus.words[0].alternatives[0].passes == ("pass0",)
    assert consensus.words[0].passes == ("pass1", "pass2")
    assert consensus.words[0].support == pytest.approx(2 / 3)


def test_three_readings_with_an_error_each_in_one_word_compose_the_right_one() -> None:
    consensus = voted("Wasbington", "Washimgton", "Woshington")
    assert consensus.text == "Washington"
    assert consensus.words[0].passes == ()
    assert {other.text for other in consensus.words[0].alternatives} == {"Wasbington", "Washimgton", "Woshington"}


def test_words_that_do_not_resemble_each_other_are_never_mixed() -> None:
    assert voted("cat", "dog", "pint").text in {"cat", "dog", "pint"}


def test_a_tie_goes_to_the_higher_score_then_to_the_pass_first_by_name() -> None:
    sure, unsure = reading("mill", name="b", score=0.95), reading("dog", name="a", score=0.6)
    assert vote([sure, unsure]).text == "mill"
    assert vote([reading("mill", name="b"), reading("dog", name="a")]).text == "dog"


def test_a_tie_goes_to_the_better_engine_before_it_goes_to_the_higher_score() -> None:
    trusted, sure = reading("mill", name="b", score=0.5), reading("dog", name="a", score=1.0, weight=0.5)
    assert vote([sure, trusted]).text == "mill"


def test_an_inserted_word_is_voted_away_and_kept() -> None:
    consensus = voted("the house", "the old house", "the house")
    assert consensus.text == "the house"
    assert [other.text for other in consensus.words[0].alternatives] == ["the old"]


def test_a_word_voted_away_is_said_to_be_read_by_those_who_read_its_neighbor_too() -> None:
    both = voted("the house", "the old house", "the house").words[0]
    assert [(other.text, other.passes) for other in both.alternatives] == [("the old", ("pass1",))]
    nobody = voted("the house", "thy old house", "the house", "the house").words[0]
    assert {other.text: other.passes for other in nobody.alternatives} == {"thy": ("pass1",), "the old": ()}


def test_a_missing_word_is_put_back_and_its_absence_is_an_alternative() -> None:
    consensus = voted("the house", "the old house", "the old house")
    assert consensus.text == "the old house"
    assert [(other.text, other.passes) for other in consensus.words[1].alternatives] == [("", ("pass0",))]


def test_a_word_broken_in_two_is_one_choice() -> None:
    consensus = voted("we go today now", "we go to day now", "we go today now")
    assert consensus.text == "we go today now"
    assert [other.text for other in consensus.words[2].alternatives] == ["to day"]
    assert voted("we go today now", "we go to day now", "we go to day now").words[2].text == "to day"


def test_two_readings_that_insert_the_same_word_agree_on_it() -> None:
    consensus = voted("dear sir", "my dear sir", "my dear sin", "mv dear sir", "dear sir I")
    assert consensus.text == "my dear sir"


def test_marks_are_never_cut_through() -> None:
    consensus = voted("hous[?]", "house", "hou[?]e")
    assert consensus.text.count("[") == consensus.text.count("[?]")
    assert voted("⟦old⟧", "⟦old", "o1d⟧").text.count("⟦") == voted("⟦old⟧", "⟦old", "o1d⟧").text.count("⟧")


def test_combining_marks_stay_with_their_base() -> None:
    text = voted("q\u0303uo", "q\u0303ua", "quo\u0303", "q\u0303uo").text
    assert text == "q\u0303uo"


def test_decomposed_and_composed_readings_agree() -> None:
    consensus = voted("cafe\u0301", "café")
    assert consensus.text == "café"
    assert consensus.words[0].support == 1


def test_a_word_stands_where_its_best_reader_saw_it() -> None:
    consensus = vote([reading("ab cd", spans=True, name="a"), reading("ab cd", name="b", score=0.95)])
    assert consensus.words[0].span == pytest.approx((0.0, 0.4))
    assert consensus.words[1].span == pytest.approx((0.6, 1.0))
    assert vote([reading("ab", name="a")]).words[0].span is None


def placed(text: str, *, name: str, leftwards: bool = False) -> PassReading:
    """A reading whose characters stand side by side in the direction of writing."""
    edges = [(k / len(text), (k + 1) / len(text)) for k in range(len(text))]
    spans = tuple((1 - end, 1 - start) for start, end in edges) if leftwards else tuple(edges)
    return PassReading(name, name, ReadingRecord(1, text, (0.9,) * len(text), spans))


def test_each_alternative_keeps_its_own_place() -> None:
    consensus = vote([placed("ab cd", name="a"), placed("ab cd", name="b"), placed("abcdef cd", name="c")])
    [other] = consensus.words[0].alternatives
    assert other.text == "abcdef"
    assert other.span == pytest.approx((0, 6 / 9))
    assert consensus.words[0].span == pytest.approx((0, 0.4))


def test_a_word_voted_away_keeps_its_place_together_with_its_neighbor() -> None:
    consensus = vote([placed("the house", name="a"), placed("the old house", name="b"), placed("the house", name="c")])
    [other] = consensus.words[0].alternatives
    assert other.text == "the old"
    assert other.span == pytest.approx((0, 7 / 13))


@pytest.mark.parametrize(
    ("texts", "right"),
    [
        (["שלום עולס", "שלום עולם", "שלוס עולם"], "שלום עולם"),
        (["מֶלֶךְ הָעוֹלָם", "מֶלֶךְ הָעוֹלָם", "מלך העולם"], "מֶלֶךְ הָעוֹלָם"),
        (["بسم اللة", "بسم الله", "يسم الله"], "بسم الله"),
        (["كِتَابٌ جديد", "كِتَابٌ حديد", "كِتَابٌ جديد"], "كِتَابٌ جديد"),
        (["שנת 1848 בלונדון", "שנת 1843 בלונדון", "שנת 1848 בלונרון"], "שנת 1848 בלונדון"),
    ],
)
def test_right_to_left_lines_are_voted_on_in_the_order_in_which_they_are_spoken(texts: list[str], right: str) -> None:
    consensus = vote([placed(text, name=f"p{k}", leftwards=True) for k, text in enumerate(texts)])
    assert consensus.text == strict(right)
    spans = [word.span for word in consensus.words]
    assert all(span is not None and span[0] < span[1] for span in spans)
    assert spans == sorted(spans, reverse=True)  # type: ignore[type-var]  # the first word stands farthest right
    assert spans[0] is not None
    assert spans[0][1] == pytest.approx(1.0)


def test_long_s_and_ligatures_are_characters_of_their_own() -> None:
    assert voted("ſecret", "ſecret", "secret").text == "ſecret"
    assert voted("ﬁrſt", "firſt", "ﬁrſt").text == "ﬁrſt"
    assert [other.text for other in voted("ﬁrſt", "firſt", "ﬁrſt").words[0].alternatives] == ["firſt"]


def test_empty_readings_vote_for_nothing() -> None:
    assert voted("", "", "").words == ()
    assert voted("", "", "smudge", score=0.4).text == ""
    assert voted("", "house").text == "house"


def test_no_readings_is_an_error_of_its_own() -> None:
    with pytest.raises(NoReadings, match="at least one reading"):
        vote([])


def test_scores_that_are_not_numbers_do_no_harm() -> None:
    assert voted("house", "mouse", "house", score=float("nan")).text == "house"
    assert voted("house", "mouse", "house", score=0.0).text == "house"


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_doubtful_words_are_less_confident_than_agreed_ones(order: tuple[int, ...]) -> None:
    texts = ["the old house", "the old hause", "the old mouse"]
    words: tuple[WordVote, ...] = vote([reading(texts[k], name=str(k)) for k in order]).words
    assert words[2].confidence < words[0].confidence


def test_five_readings_of_fifty_characters_cost_less_than_three_milliseconds_of_a_core() -> None:
    line = "the honorable Secretary of the Navy, Washington DC"
    slips = [line, line, line.replace("Navy", "Nary"), line.replace("the", "tbe", 1), line.replace("DC", "D C")]
    readings = [reading(text, name=f"p{k}", engine="AB"[k % 2], spans=True) for k, text in enumerate(slips)]
    # About 0.4 ms on an idle core; the margin is for loaded machines, the test for accidental blow-ups.
    seconds = min(timeit.repeat(partial(vote, readings), number=20, repeat=5, timer=time.process_time)) / 20
    assert seconds < 0.003
