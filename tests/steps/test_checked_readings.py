from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.records import Hypothesis, ItemError, PageText, ReadingRecord
from transcription.steps.checked_readings import LONGEST_LINE, checked, checked_page, checked_result

ANY_TEXT = st.text(alphabet=st.characters(), max_size=40)
ANY_FLOAT = st.floats(width=32)


@given(ANY_TEXT, st.data())
def test_whatever_an_engine_says_can_be_stored_or_is_an_error(text: str, data: st.DataObject) -> None:
    chars = tuple(data.draw(st.lists(ANY_FLOAT, min_size=len(text), max_size=len(text))))
    spans = tuple(data.draw(st.lists(st.tuples(ANY_FLOAT, ANY_FLOAT), max_size=len(text))))
    nbest = tuple(Hypothesis(*each) for each in data.draw(st.lists(st.tuples(ANY_TEXT, ANY_FLOAT), max_size=3)))
    result = checked_result(ReadingRecord(1, text, chars, spans, data.draw(ANY_FLOAT), nbest), 7)
    assert result.key == 7
    if isinstance(result, ItemError):
        assert result.message
        return
    result.text.encode("utf-8")
    assert unicodedata.is_normalized("NFC", result.text)
    assert "\x00" not in result.text
    assert len(result.chars) == len(result.text)
    assert len(result.spans) in (0, len(result.text))
    assert all(0 <= value <= 1 for value in [*result.chars, *(edge for span in result.spans for edge in span)])
    assert not result.nbest or result.nbest[0].text == result.text


@given(st.lists(ANY_TEXT, max_size=4), st.data())
def test_whatever_an_engine_says_of_a_page_can_be_stored_or_is_an_error(lines: list[str], data: st.DataObject) -> None:
    chars = tuple(tuple(data.draw(st.lists(ANY_FLOAT, min_size=len(e), max_size=len(e)))) for e in lines)
    result = checked_page(PageText(1, tuple(lines), chars, "\n".join(lines), data.draw(ANY_FLOAT)), 7)
    assert result.key == 7
    if isinstance(result, ItemError):
        assert result.code == "bad-scores"
        return
    for line, scores in zip(result.lines, result.chars, strict=True):
        assert line
        line.encode("utf-8")
        assert unicodedata.is_normalized("NFC", line)
        assert "\x00" not in line
        assert len(scores) == len(line)
        assert all(0 <= score <= 1 for score in scores)
    assert 0 <= result.milliseconds < float("inf")
    assert checked_page(result, 7) == result, "nothing is left to mend"


def test_characters_that_stay_keep_their_scores_and_places() -> None:
    record = ReadingRecord(
        0, " a \tb\x00c", (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7), tuple((i / 7, i / 7) for i in range(7))
    )
    result = checked_result(record, 0)
    assert isinstance(result, ReadingRecord)
    assert result.text == "a bc"
    assert result.chars == (0.2, 0.3, 0.5, 0.7)
    assert [span[0] for span in result.spans] == [1 / 7, 2 / 7, 4 / 7, 6 / 7]


def test_characters_that_become_one_share_what_they_had() -> None:
    result = checked_result(ReadingRecord(0, "e\u0301a", (0.2, 0.4, 0.9)), 0)
    assert isinstance(result, ReadingRecord)
    assert result.text == "éa"
    assert result.chars == (0.5, 0.5)


def test_a_good_reading_goes_through_as_it_is() -> None:
    record = ReadingRecord(3, "Mary", (0.9, 0.8, 0.7, 1.0), ((0.0, 0.2),) * 4, 12.0, (Hypothesis("Mary", 0.7),))
    assert checked_result(record, 3) == record
    longest = ReadingRecord(0, "x" * LONGEST_LINE, (0.5,) * LONGEST_LINE)
    assert checked_result(longest, 0) == longest


def test_results_without_a_line_are_left_out() -> None:
    given_ = [ReadingRecord(key, "a", (0.5,)) for key in (0, 1, 2, -1)]
    assert [result.key for result in checked(given_, [None, None])] == [0, 1]
