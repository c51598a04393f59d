from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.folding import tokens
from transcription.htr.search_query import MOST_WORDS, parse


def terms(text: str) -> list[list[str]]:
    return [[word.whole for word in term.words] for term in parse(text).terms]


def test_words_phrases_and_words_left_out_are_told_apart() -> None:
    query = parse('Rector "the parish of" -Smith "Anne')
    assert terms('Rector "the parish of" -Smith "Anne') == [["rector"], ["the", "parish", "of"], ["anne"]]
    assert query.forbidden() == "('smith')"


def test_quotes_of_other_languages_are_quotes() -> None:
    assert terms("„der Pfarrer“ «la mère»") == [["der", "pfarrer"], ["la", "mere"]]


def test_a_star_makes_a_prefix_where_two_letters_stand_before_it() -> None:
    assert parse("bap*").tsquery() == "('bap':*)"
    assert parse("b*").tsquery() == "('b')"
    assert terms("*") == []


def test_a_hyphen_inside_a_word_leaves_nothing_out() -> None:
    query = parse("to-day - x")
    assert query.without == ()
    assert query.tsquery() == "(('today' | ('to' & 'day'))) & ('x')"


def test_too_short_and_too_long_queries_say_so() -> None:
    assert parse("").too_short
    assert parse("a b").too_short
    assert parse("-smith").too_short
    assert not parse("a parish").too_short
    assert not parse("漢").too_short
    assert not parse("5").too_short
    assert parse(" ".join(f"word{k}" for k in range(40))).dropped
    assert len(parse(" ".join(f"word{k}" for k in range(40))).words) == MOST_WORDS


def lexemes_of(text: str) -> list[tuple[str, ...]]:
    return [token.lexemes for token in tokens(text)]


def test_a_phrase_is_found_where_its_words_stand_side_by_side() -> None:
    line = lexemes_of("the old rector of the parish")
    (term,) = parse('"rector of"').terms
    assert term.places(line) == {2, 3}
    assert parse('"rector parish"').terms[0].places(line) == set()


def test_parts_of_a_word_are_found_wherever_they_stand() -> None:
    assert parse("Smith,Jones").terms[0].places(lexemes_of("Jones and Smith")) == {0, 2}


def test_similar_spellings_are_found_where_they_are_given() -> None:
    line = lexemes_of("Marye Smyth")
    assert parse("smith").terms[0].places(line) == set()
    assert parse("smith").terms[0].places(line, {"smith": ["smyth"]}) == {1}


@given(st.text(st.characters(), max_size=400))
def test_any_text_is_a_query(text: str) -> None:
    query = parse(text)
    assert len(query.words) <= MOST_WORDS
    assert isinstance(query.tsquery(), str)
    assert query.too_short in (True, False)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_what_is_typed_plainly_is_found_in_the_line_it_was_copied_from(text: str) -> None:
    plain = " ".join(word for word in text.split() if not set(word) & set('"“”„‟«»-−*'))
    line = lexemes_of(plain)
    for term in parse(plain).terms:
        assert term.places(line)
