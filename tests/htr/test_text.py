from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.text import clean, clusters, normalised, plain_superscripts, strict, words

LETTERS = st.text(st.sampled_from("ab -=¬⟦⟧⸢⸣[]?….ſﬁ'“ᵗœe\u0301\u0308 \n"), max_size=30)
ANY = st.one_of(LETTERS, st.text(max_size=40))


@given(ANY)
def test_normalised_of_normalised_changes_nothing(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


@given(ANY)
def test_strict_of_strict_changes_nothing(text: str) -> None:
    assert strict(strict(text)) == strict(text)


@given(ANY)
def test_normalised_does_not_tell_nfd_from_nfc(text: str) -> None:
    assert normalised(unicodedata.normalize("NFD", text)) == normalised(text)


@given(st.text(st.characters(), max_size=40))
def test_clean_text_can_be_stored_and_stays_clean(text: str) -> None:
    cleaned = clean(text)
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    assert "\x00" not in cleaned
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("stored", "compared"),
    [
        ("the ⟦old⟧ ⸢new⸣ house", "the old new house"),
        ("a word[?] and […]", "a word and"),
        ("Congreſs of the ﬁrſt", "Congress of the first"),
        ("“quoted” ‘so’ — and", "\"quoted\" 'so' - and"),
        ("to be con¬", "to be con"),
        ("to be con-", "to be con"),
        ("to be con‐", "to be con"),
        ("to be con=", "to be con"),
        ("he said -", "he said -"),
        ("well-known", "well-known"),
        ("yᵉ 4ᵗʰ", "ye 4th"),
        ("y^e 4^th", "ye 4th"),
        ("Case, Kept.", "Case, Kept."),
    ],
)
def test_normalised_folds_marks_and_old_letters(stored: str, compared: str) -> None:
    assert normalised(stored) == compared


def test_superscripts_get_one_spelling() -> None:
    assert plain_superscripts("Mʳ") == "M^r"


def test_words_are_split_at_any_white_space() -> None:
    assert words(" one\ttwo\n three ") == ["one", "two", "three"]


@given(ANY)
def test_clusters_join_to_the_text_and_never_compose_across(text: str) -> None:
    parts = clusters(text)
    assert "".join(parts) == text
    assert "".join(unicodedata.normalize("NFC", part) for part in parts) == unicodedata.normalize("NFC", text)


def test_a_mark_stays_with_its_base() -> None:
    assert clusters("n\u0303a\u0323\u0302!") == ["n\u0303", "a\u0323\u0302", "!"]
    assert clusters("각") == ["각"]
    assert clusters(unicodedata.normalize("NFD", "각가")) == ["\u1100\u1161\u11a8", "\u1100\u1161"]
