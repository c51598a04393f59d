from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.errors import BadInput
from transcription.formats import word_list
from transcription.formats.word_list import WordEntry, read_word_list, write_csv


def read(text: str, name: str = "names.txt") -> list[WordEntry]:
    return read_word_list(text.encode(), name).entries


def test_a_text_file_holds_a_term_a_line() -> None:
    found = read("# the parish\nWhitcombe\n\n  Smith \r\nSaint-Denis  sur\tLoire\rLa  Rochelle")
    assert [entry.text for entry in found] == ["Whitcombe", "Smith", "Saint-Denis sur Loire", "La Rochelle"]
    assert {entry.kind for entry in found} == {""}


def test_terms_are_composed_and_repeated_ones_merged() -> None:
    found = read_word_list("Andre\u0301\nAndré\nAndré\n".encode(), "a.txt")
    assert [entry.text for entry in found.entries] == ["André"]
    assert found.repeated == 2


def test_a_byte_order_mark_is_no_part_of_the_first_term() -> None:
    assert read_word_list(b"\xef\xbb\xbfSmith\n", "a.txt").entries == [WordEntry("Smith")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_holds_kind_and_note_with_any_delimiter(delimiter: str) -> None:
    rows = [["term", "kind", "note"], ["Smith", "name", "rector"], ["Whitcombe", "place", ""], ["ship", "", "2, or 3"]]
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows(rows)
    assert read(buffer.getvalue(), "list.csv") == [
        WordEntry("Smith", "name", "rector"),
        WordEntry("Whitcombe", "place"),
        WordEntry("ship", "", "2, or 3"),
    ]


def test_a_header_may_be_missing_or_name_the_columns_in_any_order() -> None:
    assert read("Smith,name\nYork,place", "a.csv") == [WordEntry("Smith", "name"), WordEntry("York", "place")]
    assert read("note;type;mot\nx;lieu;York", "a.csv") == [WordEntry("York", "place", "x")]
    assert read("name,kind\nSmith,person", "a.csv") == [WordEntry("Smith", "name")]
    assert read("word\nSmith", "a.csv") == [WordEntry("Smith")]
    assert read("Name\nSmith", "a.csv") == [WordEntry("Name"), WordEntry("Smith")], "it may be a word of the list"


def test_a_bad_line_costs_that_line_and_is_named() -> None:
    found = read_word_list(f"Smith\nbell\x07\n{'x' * 101}\n---\nYork\n".encode(), "a.txt")
    assert [entry.text for entry in found.entries] == ["Smith", "York"]
    assert [problem.line for problem in found.problems] == [2, 3, 4]
    assert "U+0007" in found.problems[0].message
    assert "101 characters" in found.problems[1].message
    assert "no letter" in found.problems[2].message


def test_a_row_without_a_term_is_said_by_its_cell() -> None:
    assert read_word_list(b"Smith,name\n,place,by the sea\n", "a.csv").problems == [
        word_list.LineProblem(2, "The first cell is empty.")
    ]
    assert read_word_list(b"note,term\nsea,\nx,Smith", "a.csv").problems == [
        word_list.LineProblem(2, "The cell of the term is empty.")
    ]


def test_single_letters_and_bare_numbers_are_left_out() -> None:
    found = read_word_list("Smith\nB\n1824\n12/7\nYork 2\n字\n".encode(), "a.txt")
    assert [entry.text for entry in found.entries] == ["Smith", "York 2", "字"]
    assert [(problem.line, problem.skipped) for problem in found.problems] == [(2, True), (3, True), (4, True)]


def test_terms_that_differ_in_capitals_only_are_taken_and_said_last() -> None:
    found = read_word_list(b"Douglass\nDOUGLASS\n---\ndouglass\nDouglass\n", "a.txt")
    assert [entry.text for entry in found.entries] == ["Douglass", "DOUGLASS", "douglass"]
    assert [(problem.line, problem.skipped) for problem in found.problems] == [(3, True), (2, False), (4, False)]
    assert "of line 1 differ in capitals only" in found.problems[-1].message


def test_a_quotation_mark_that_is_not_closed_costs_one_line() -> None:
    found = read_word_list(b'term,kind\n"Smith,name\nYork,place\n"Bath, Spa",place\n', "a.csv")
    assert [(entry.text, entry.kind) for entry in found.entries] == [("York", "place"), ("Bath, Spa", "place")]
    assert [problem.line for problem in found.problems] == [2]


def test_an_unknown_kind_is_said_and_the_term_taken() -> None:
    found = read_word_list(b"Smith,horse\n", "a.csv")
    assert found.entries == [WordEntry("Smith")]
    assert [(problem.line, problem.skipped) for problem in found.problems] == [(1, False)]


def test_a_kind_said_later_is_kept() -> None:
    assert read("Smith\nSmith,name,rector\nSmith,place,x", "a.csv") == [WordEntry("Smith", "name", "rector")]


@pytest.mark.parametrize(
    ("data", "name", "code", "said"),
    [
        (b"", "a.txt", "empty", "empty"),
        (b" \n \n", "a.txt", "empty", "empty"),
        (b"# only this\n", "a.txt", "no-words", "no terms"),
        (b"Smith\nAndr\xe9\n", "a.txt", "not-utf8", "line 2 holds the byte 0xE9"),
        (b"\xef\xbb\xbfSmith\r\nYork\r\nAndr\xe9\n", "a.csv", "not-utf8", "line 3 "),
        ("Smith\n".encode("utf-16"), "a.txt", "not-utf8", "UTF-16"),
        (b"PK\x03\x04xxxx", "a.csv", "not-text", "CSV UTF-8"),
        (b"Smith\x00York", "a.txt", "not-text", "not a text file"),
        (b"Smith\n", "a.xlsx", "unknown-type", "upload a .txt file"),
        (b"Smith\n", "names", "unknown-type", "upload a .txt file"),
    ],
)
def test_what_is_no_word_list_is_refused_in_one_sentence(data: bytes, name: str, code: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as refused:
        read_word_list(data, name)
    assert refused.value.code == code


def test_a_file_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_list, "LARGEST_FILE", 10)
    with pytest.raises(BadInput, match="Split it") as refused:
        read_word_list(b"Smith\nYork\nBath\n", "a.txt")
    assert refused.value.code == "too-large"


def test_no_spreadsheet_runs_what_is_downloaded_and_it_comes_back_as_it_was() -> None:
    entries = [
        WordEntry("=HYPERLINK(1)", "name", "@me"),
        WordEntry("-ville", "place", "+1"),
        WordEntry("'t Hooft", "name"),
    ]
    data = b"".join(write_csv(entries))
    cells = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    assert cells[1:] == [["'=HYPERLINK(1)", "name", "'@me"], ["'-ville", "place", "'+1"], ["'t Hooft", "name", ""]]
    assert read_word_list(data, "a.csv").entries == entries


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp")), min_size=1, max_size=40
)


@given(st.lists(TEXTS, unique=True))
def test_a_list_survives_the_way_out_and_back(texts: list[str]) -> None:
    data = "\n".join(texts).encode()
    if not data.strip():
        return
    try:
        entries = read_word_list(data, "a.txt").entries
    except BadInput:
        return
    kept = [entry for entry in entries if not entry.text.startswith("#")]
    if kept:
        named = [WordEntry(entry.text, "term") for entry in kept]
        assert read_word_list(b"".join(write_csv(named)), "a.csv").entries == named


@given(st.binary(max_size=200), st.sampled_from(["a.txt", "a.csv", "a.tsv"]))
def test_any_bytes_are_a_list_or_refused(data: bytes, name: str) -> None:
    try:
        found = read_word_list(data, name)
    except BadInput:
        return
    assert all(entry.text.strip() for entry in found.entries)
