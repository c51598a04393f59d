"""Word lists in and out: plain text with a term a line, or CSV with term, kind and note. UTF-8 only.

A bad line costs that line and is said by its number; only a file that is no word list at all is refused.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from transcription.errors import BadInput
from transcription.formats.kinds import safe_name
from transcription.formats.spreadsheet import inert_cell, without_apostrophe
from transcription.formats.text_file import LINE_END, decoded_text
from transcription.htr.text import strict

LARGEST_FILE = 16 * 2**20  # bytes: 100,000 terms with notes are about 5 MB
LONGEST_TERM = 100  # characters
LONGEST_NOTE = 200
KINDS = ("name", "place", "term")

_SUFFIXES = {".txt": "", ".csv": ",", ".tsv": "\t"}
_DELIMITERS = "\t;,"  # of two that fit as well, the one that terms hold less often
_SNIFFED = 50  # lines
_JOINERS = frozenset("\u200c\u200d")  # Persian and Indic words need them
# What spreadsheets run when a cell begins with it. An apostrophe before it is shown by none of them.

_TERM_HEADERS = frozenset({"term", "terms", "word", "words", "terme", "termes", "mot", "mots"})
_KIND_HEADERS = frozenset({"kind", "type", "category", "genre", "catégorie"})
_NOTE_HEADERS = frozenset({"note", "notes", "comment", "remark", "remarque", "commentaire"})
_KIND_WORDS = {
    **dict.fromkeys(("name", "names", "person", "people", "nom", "noms", "personne"), "name"),
    **dict.fromkeys(("place", "places", "location", "toponym", "lieu", "lieux"), "place"),
    **dict.fromkeys(("term", "terms", "word", "words", "terme", "termes", "mot"), "term"),
}


@dataclass(frozen=True, slots=True)
class WordEntry:
    """One term; ``kind`` is one of KINDS, or empty where the list does not say."""

    text: str
    kind: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class LineProblem:
    """What is wrong with one line (counted from 1), in one sentence; ``skipped`` when nothing of it was taken."""

    line: int
    message: str
    skipped: bool = True


@dataclass(slots=True)
class WordList:
    """What a file holds: each term once, in order; ``repeated`` counts lines that only said a term again."""

    entries: list[WordEntry] = field(default_factory=list)
    problems: list[LineProblem] = field(default_factory=list)
    repeated: int = 0


class BadTerm(BadInput):
    """One term that cannot be taken; the message reads on after "line 7: "."""

    code = "bad-term"


def read_word_list(data: bytes, name: str) -> WordList:
    """Return the terms of a .txt, .csv or .tsv file; blank lines and lines that begin with # are passed over.

    Raises BadInput ``empty``, ``too-large``, ``unknown-type``, ``not-text``, ``not-utf8`` or ``no-words``.
    """
    name = safe_name(name)
    suffix = PurePath(name).suffix.lower()
    if suffix not in _SUFFIXES:
        raise BadInput(
            f"“{name}” is not a word list: upload a .txt file with one term a line, or a .csv file.",
            code="unknown-type",
        )
    lines = LINE_END.split(decoded_text(data, name, most=LARGEST_FILE))
    found = WordList()
    rows = _text_rows(lines) if suffix == ".txt" else _csv_rows(lines, found, suffix)
    _collect(rows, found)
    if not found.entries and not found.problems:
        raise BadInput(f"“{name}” holds no terms: write one on each line.", code="no-words")
    return found


def tidy_term(text: str) -> str:
    """``text`` as it is stored: NFC, white space collapsed, without an apostrophe put there against formulas.

    Raises BadTerm for what is no term: control characters, too long, without any letter, a single letter.
    """
    text = without_apostrophe(text).replace("\t", " ")
    shown = _shown(text)
    bad = next((char for char in text if _is_control(char)), None)
    if bad is not None:
        raise BadTerm(f"“{shown}” holds the control character U+{ord(bad):04X}; delete it.")
    term = strict(text)
    if len(term) > LONGEST_TERM:
        raise BadTerm(f"“{shown}” has {len(term):,} characters, {LONGEST_TERM} are allowed; write one term a line.")
    if not any(map(str.isalnum, term)):
        raise BadTerm(f"“{shown}” holds no letter.")
    # Every page has numbers and letters alone: listed, they would draw readings away from words.
    if not any(map(str.isalpha, term)):
        raise BadTerm(f"“{shown}” is a bare number, which is hardly useful in a vocabulary.")
    if len(term) == 1 and term.lower() != term.upper():  # a single ideograph is a word
        raise BadTerm(f"“{shown}” is a single letter, which is hardly useful in a vocabulary.")
    return term


def write_csv(entries: Iterable[WordEntry]) -> Iterator[bytes]:
    """The entries as CSV with a header, in UTF-8 with the mark that spreadsheets ask for; in chunks.

    Cells that a spreadsheet would run get an apostrophe before them, which ``read_word_list`` takes away again.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["term", "kind", "note"])
    yield b"\xef\xbb\xbf"
    for number, entry in enumerate(entries, start=1):
        writer.writerow(inert_cell(cell) for cell in (entry.text, entry.kind, entry.note))
        if number % 1000 == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _text_rows(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines, start=1):
        if not _is_blank(line):
            yield number, [line]


def _csv_rows(lines: list[str], found: WordList, suffix: str) -> Iterator[tuple[int, list[str]]]:
    """Rows as (line, [term, kind, note]). Each line is a row of its own: a stray quote costs one line, not the rest."""
    delimiter = _delimiter(lines, _SUFFIXES[suffix])
    columns: Mapping[str, int] | None = None
    for number, line in enumerate(lines, start=1):
        if _is_blank(line):
            continue
        try:
            cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True), [])
        except csv.Error:
            found.problems.append(LineProblem(number, f"“{_shown(line)}” holds a quotation mark that is not closed."))
            continue
        if columns is None:
            columns = _header(cells)
            if columns:
                continue
            columns = {"term": 0, "kind": 1, "note": 2}
        row = [
            cells[columns[key]] if columns.get(key, len(cells)) < len(cells) else "" for key in ("term", "kind", "note")
        ]
        if not any(cell.strip() for cell in cells):
            continue
        if row[0].strip():
            yield number, row
        else:
            which = "first cell" if columns["term"] == 0 else "cell of the term"
            found.problems.append(LineProblem(number, f"The {which} is empty."))


def _delimiter(lines: list[str], default: str) -> str:
    seen = [line for line in lines if not _is_blank(line)][:_SNIFFED]
    counts = {delimiter: sum(delimiter in line for line in seen) for delimiter in _DELIMITERS}
    best = max(counts, key=lambda delimiter: counts[delimiter])
    return best if counts[best] else default


def _header(cells: list[str]) -> dict[str, int]:
    """Column of each field when these are headings, else empty. "name" heads terms only beside a known heading."""
    words = [cell.strip().casefold() for cell in cells]
    kind = next((at for at, word in enumerate(words) if word in _KIND_HEADERS), None)
    note = next((at for at, word in enumerate(words) if word in _NOTE_HEADERS), None)
    known = _TERM_HEADERS if kind is None and note is None else _TERM_HEADERS | {"name", "nom", "text"}
    term = next((at for at, word in enumerate(words) if word in known), None)
    if term is None or (len(cells) > 1 and kind is None and note is None):
        return {}
    return {"term": term} | {key: at for key, at in (("kind", kind), ("note", note)) if at is not None}


def _collect(rows: Iterable[tuple[int, list[str]]], found: WordList) -> None:
    """Check rows and add their terms to ``found``; a term said again adds the kind or note it had not.

    Terms that differ in capitals stay apart, as texts are diplomatic, and are said.
    """
    places: dict[str, int] = {}
    alike: dict[str, tuple[str, int]] = {}  # the first term of each spelling, whatever its capitals, and its line
    variants: list[LineProblem] = []
    for line, row in rows:
        text, kind, note = [*row, "", ""][:3]
        try:
            term = tidy_term(text.strip())
        except BadTerm as bad:
            found.problems.append(LineProblem(line, bad.message))
            continue
        known = _KIND_WORDS.get(kind.strip().casefold(), "")
        if kind.strip() and not known:
            message = (
                f"“{_shown(kind)}” is no kind (name, place or term); “{_shown(term)}” was taken without it. "
                "A new word without a kind is shown as a term."
            )
            found.problems.append(LineProblem(line, message, skipped=False))
        entry = WordEntry(term, known, tidy_note(note))
        if term not in places:
            places[term] = len(found.entries)
            found.entries.append(entry)
            first_so, at = alike.setdefault(term.casefold(), (term, line))
            if first_so != term:
                both = f"“{_shown(term)}” and “{_shown(first_so)}” of line {at:,}"
                variants.append(LineProblem(line, f"{both} differ in capitals only; both were taken.", skipped=False))
            continue
        found.repeated += 1
        first = found.entries[places[term]]
        found.entries[places[term]] = WordEntry(term, first.kind or entry.kind, first.note or entry.note)
    found.problems += variants  # behind what is wrong: they may be meant


def tidy_note(note: str) -> str:
    """A remark as it is stored: what cannot be shown left out, cut where it is too long."""
    return strict("".join(char for char in without_apostrophe(note) if not _is_control(char)))[:LONGEST_NOTE].rstrip()


def _is_blank(line: str) -> bool:
    text = line.strip()
    return not text or text.startswith("#")


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and char not in _JOINERS


def _shown(text: str) -> str:
    """The beginning of ``text``, fit to be quoted in a sentence."""
    safe = "".join("\ufffd" if _is_control(char) else char for char in text)
    return strict(safe if len(safe) <= 40 else f"{safe[:39]}…")
