from __future__ import annotations

from transcription.htr.confusions import confusions
from transcription.htr.replacing import Pattern


def test_a_letter_that_is_always_corrected_is_proposed_once_for_all_words() -> None:
    pairs = [("the ſirſt", "the firft"), ("ſor the", "for the"), ("oſ May", "of May"), ("the end", "the end")]
    [found] = confusions(pairs)
    assert found.pattern == Pattern("ſ", "f")
    assert (found.corrected, found.seen, found.precision) == (4, 4, 1.0)
    assert ("ſor", "for") in found.examples


def test_places_that_people_let_stand_count_against_it() -> None:
    pairs = [("ſor", "for"), ("ſort", "fort"), ("ſo", "fo"), ("ſaid", "ſaid")]
    by_pattern = {each.pattern: each for each in confusions(pairs)}
    assert (by_pattern[Pattern("ſo", "fo")].seen, by_pattern[Pattern("ſo", "fo")].precision) == (3, 1.0)
    assert by_pattern[Pattern("ſ", "f")].precision == 0.75


def test_letters_that_are_mostly_right_are_proposed_with_their_neighbors_only() -> None:
    pairs = [("tbe", "the"), ("tbis", "this"), ("tbat", "that")] + [("be bold", "be bold")] * 5
    found = {each.pattern for each in confusions(pairs)}
    assert Pattern("b", "h") not in found
    assert Pattern("tb", "th") in found


def test_a_word_for_a_word_is_whole() -> None:
    found = confusions([("ye parish", "the parish")] * 3 + [("yeoman", "yeoman")] * 9)
    assert [each.pattern for each in found] == [Pattern("ye", "the", whole_words=True)]


def test_letters_that_were_corrected_in_one_word_only_are_not_generalised() -> None:
    [found] = confusions([("firft", "first")] * 5)
    assert found.pattern == Pattern("firft", "first", whole_words=True)


def test_twice_is_no_system() -> None:
    assert confusions([("ſor", "for")] * 2) == []


def test_a_letter_with_its_mark_is_one_letter() -> None:
    [found] = confusions([("an̄o", "anno"), ("an̄us", "annus"), ("pen̄y", "penny")])
    assert found.pattern == Pattern("n̄", "nn")
