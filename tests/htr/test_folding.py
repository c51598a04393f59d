from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.folding import MOST_LETTERS, fold, is_broken, lexemes, tokens


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("ſiſter", "sister"),
        ("Straße", "strasse"),
        ("Œuvre", "oeuvre"),
        ("ﬁnd", "find"),
        ("yᵉ", "ye"),
        ("Þorn", "thorn"),
        ("Ångström", "angstrom"),
        ("e\u0301glise", "eglise"),
        ("Mar⸢y⸣e", "marye"),
        ("⟦Iohn⟧", "iohn"),
        ("W^m", "wm"),
        ("שָׁלוֹם", "שלום"),
        ("कि", "कि"),
    ],
)
def test_case_accents_long_s_and_ligatures_make_no_difference(written: str, found: str) -> None:
    assert lexemes(written) == (found,)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("Will'm", ("willm", "will", "m")),
        ("l’église", ("leglise", "l", "eglise")),
        ("to-day", ("today", "to", "day")),
        ("5/6/1702", ("561702", "5", "6", "1702")),
        ("Ma[?]ry", ("mary", "ma", "ry")),
        ("[…]", ()),
        ("&", ()),
    ],
)
def test_a_word_is_found_whole_and_by_its_parts(written: str, found: tuple[str, ...]) -> None:
    assert lexemes(written) == found


@pytest.mark.parametrize("text", ["was bap-", "was bap=", "was bap¬", "was bap‐ "])
def test_a_hyphen_at_the_end_breaks_a_word(text: str) -> None:
    assert is_broken(text)


@pytest.mark.parametrize("text", ["was baptised", "paid —", "- ", "", "so it is –"])
def test_a_dash_that_stands_alone_breaks_none(text: str) -> None:
    assert not is_broken(text)


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_composed_and_decomposed_text_fold_alike(text: str) -> None:
    assert fold(unicodedata.normalize("NFC", text)) == fold(unicodedata.normalize("NFD", text))


@given(st.text(st.characters(), max_size=60))
def test_any_text_has_lexemes_that_a_database_takes_and_tokens_that_stand_in_it(text: str) -> None:
    end = 0
    for token in tokens(text):
        assert end <= token.start < token.end <= len(text)
        end = token.end
        assert token.lexemes == lexemes(text[token.start : token.end])
        for lexeme in token.lexemes:
            assert 0 < len(lexeme) <= MOST_LETTERS
            assert "\0" not in lexeme
            assert lexeme.encode().decode() == lexeme
