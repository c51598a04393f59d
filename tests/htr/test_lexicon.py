from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from transcription.htr import lexicon
from transcription.htr.lexicon import Lexicon, words_of

LETTERS = "abcdeiosuvjé"
WORDS = st.text(LETTERS, min_size=1, max_size=12)
PARISH = Lexicon(["Smith", "François", "Whitcombe", "PARIS", "McDonald", "Preston", "Carter", "Universel", "l'Étang"])


def nearest(word: str) -> list[str]:
    return [near.text for near in PARISH.near(word, limit=3)]


@pytest.mark.parametrize(
    ("read", "offered"),
    [
        ("Smyth", ["Smith"]),
        ("Francois", ["François"]),
        ("FRANCOIS", ["FRANÇOIS"]),
        ("Whltcomhe", ["Whitcombe"]),
        ("whitcomhe", ["whitcombe"]),
        ("Pariz", ["Paris"]),
        ("PARIZ", ["PARIS"]),
        ("mcDonalt", ["mcDonald"]),
        ("Preſlon", ["Preſton"]),
        ("vniuersal", ["vniuersel"]),
        ("l'Etanq", ["l'Étang"]),
    ],
)
def test_words_are_offered_in_the_spelling_of_what_was_read(read: str, offered: list[str]) -> None:
    assert nearest(read) == offered


def test_an_article_before_a_word_and_a_possessive_after_it_stay() -> None:
    assert nearest("d'Etanq,") == ["d'Étang,"]
    assert nearest("L’ETANG") == ["L’ÉTANG"]
    assert nearest("Carter’s") == []
    assert nearest("Corter's") == ["Carter's"]
    assert PARISH.knows("qu'Étang")
    assert PARISH.knows("Smith’s.")


def test_punctuation_and_marks_around_a_word_stay() -> None:
    assert nearest("“Smlth,”") == ["“Smith,”"]
    assert nearest("⟦Smyth⟧") == ["⟦Smith⟧"]
    assert nearest("Smyth[?]") == ["Smith[?]"]


@pytest.mark.parametrize("word", ["", "—", "Sm", "Smi", "Smith", "to day", "Sm[?]yth", "Xxxxxx"])
def test_nothing_is_offered_for_what_is_short_known_broken_or_far(word: str) -> None:
    assert nearest(word) == []


def test_short_words_may_differ_in_one_letter_longer_ones_in_two() -> None:
    assert nearest("Smuth") == ["Smith"]
    assert nearest("Smuhh") == []
    assert nearest("Cortir") == ["Carter"]


def test_the_cheapest_difference_comes_first() -> None:
    found = Lexicon(["Maxton", "Marion", "Manton", "Merlon"]).near("Marlon", limit=9)
    assert [near.text for near in found] == ["Marion", "Merlon", "Manton", "Maxton"]
    assert [near.cost for near in found] == [0.6, 1.0, 1.2, 1.6]
    assert Lexicon(["Maxton", "Marion"]).near("Marlon", limit=1) == found[:1]


def test_of_a_word_that_reads_well_only_a_slip_is_looked_for() -> None:
    def slips(word: str) -> list[str]:
        return [near.text for near in PARISH.near(word, limit=3, sure=True)]

    assert slips("Corter") == ["Carter"]
    assert slips("Cortir") == []
    assert slips("Smuth") == [], "short words are near to many"
    assert slips("Francois") == ["François"]
    assert [near.text for near in Lexicon(["Zoé"]).near("Zoe", limit=3, sure=True)] == []
    assert [near.text for near in Lexicon(["Noël"]).near("Noel", limit=3, sure=True)] == ["Noël"]


def test_known_words_are_known_in_any_case_and_old_spelling() -> None:
    for word in ("Smith", "SMITH,", "ſmith", "vniverſel", "(paris)"):
        assert PARISH.knows(word), word
    assert not PARISH.knows("Smyth")
    assert not PARISH.knows("Francois")
    assert not PARISH.knows("—")


@given(st.lists(WORDS, min_size=1, max_size=30), WORDS)
def test_every_word_within_its_edits_is_found(words: list[str], read: str) -> None:
    """PassJoin loses nothing: the same words as comparing with each of them."""
    bare = lexicon._bare(read)
    edits = 2 if len(bare) >= 6 else 1
    expected = {
        lexicon._in_place_of(read, bare, word, lexicon._bare(word))[0]
        for word in words
        if min(len(word), len(read)) >= lexicon.SHORTEST and Levenshtein.distance(lexicon._bare(word), bare) <= edits
    } - {read}
    assert {near.text for near in Lexicon(words).near(read, limit=1000)} == expected


@given(st.lists(st.text(max_size=12), max_size=8), st.text(max_size=12))
def test_any_text_is_looked_up_without_an_error(words: list[str], read: str) -> None:
    found = Lexicon(words)
    found.knows(read)
    for near in found.near(read, limit=3):
        assert near.text != read
        assert near.cost > 0


def test_terms_are_taken_apart_into_words() -> None:
    assert words_of(["Saint-Denis sur Loire", "St. Mary", "a", "—"]) == {
        "Saint-Denis",
        "sur",
        "Loire",
        "St.",
        "Mary",
    }


def test_a_page_is_looked_up_in_a_moment_among_twenty_thousand_words() -> None:
    syllables = [
        "ma",
        "ri",
        "an",
        "ton",
        "ber",
        "whit",
        "combe",
        "ford",
        "ley",
        "ham",
        "sto",
        "wel",
        "har",
        "gre",
        "pe",
    ]
    words = [(a + b + c + d).capitalize() for a in syllables for b in syllables for c in syllables for d in syllables]
    many = Lexicon(words[:20_000])
    page = [word[:2] + "x" + word[3:] for word in words[:20_000:100]][:200]
    started = time.perf_counter()
    for word in page:
        many.near(word, limit=3)
    # Measured 30-40 ms on a busy core; ten times that would be a defect, not a busy machine.
    assert time.perf_counter() - started < 0.4
