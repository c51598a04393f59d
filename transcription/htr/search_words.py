"""What a line is found by: the words of its text, and what readings had in their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rapidfuzz.distance import Levenshtein

from transcription.htr.folding import Token, is_broken, lexemes, tokens

LAST_PLACE = 16_383  # of a tsvector; words further on are found, not told apart
MOST_PLACES = 255  # of one lexeme in a tsvector
MOST_JOINS = 16  # spellings of a word that is broken over two lines

Vector = dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class Other:
    """What was read otherwise: ``text`` instead of the word, by these passes. ``before`` counts words it comes after
    the first word in whose place it stands."""

    text: str
    lexemes: tuple[str, ...]
    support: float
    passes: tuple[str, ...]
    before: int = 0


@dataclass(slots=True)
class LineWord:
    """A word of a line's text with what was read in its place; ``whole`` are its lexemes where it goes on in the next
    line, spelt in all ways that were read."""

    token: Token
    others: list[Other] = field(default_factory=list)
    whole: tuple[str, ...] = ()
    other_wholes: tuple[str, ...] = ()

    @property
    def said(self) -> tuple[str, ...]:
        return (*self.token.lexemes, *self.whole)

    @property
    def otherwise(self) -> tuple[str, ...]:
        """Lexemes that are no part of the text."""
        return (*(lexeme for other in self.others for lexeme in other.lexemes), *self.other_wholes)


@dataclass(frozen=True, slots=True)
class Vectors:
    """Lexemes with their places, 1-based: of the text, of other readings where the text does not have them, of both."""

    said: Vector
    other: Vector
    every: Vector


def words_of_line(
    text: str, voted: Sequence[Mapping[str, Any]] = (), following: tuple[str, Sequence[Mapping[str, Any]]] | None = None
) -> list[LineWord]:
    """The words of a line. ``voted`` are a Vote's words where the text is the machine's, else none; ``following`` are
    text and voted words of the line that comes next on the page."""
    words = [LineWord(token) for token in tokens(text)]
    _add_alternatives(words, voted)
    if words and following is not None and is_broken(text):
        _join(words[-1], words_of_line(*following)[:1])
    return words


def _add_alternatives(words: list[LineWord], voted: Sequence[Mapping[str, Any]]) -> None:
    if not words or not any(word.get("alternatives") for word in voted):
        return
    places = _places(words, voted)
    for place, word in zip(places, voted, strict=True):
        for other in word.get("alternatives", ()):
            passes = tuple(other.get("passes", ()))
            for shift, token in enumerate(tokens(str(other["text"]))):
                standing = words[min(place + shift, len(words) - 1)]
                if token.lexemes != standing.token.lexemes:
                    read = Other(str(other["text"]), token.lexemes, float(other.get("support", 0.0)), passes, shift)
                    standing.others.append(read)


def _places(words: Sequence[LineWord], voted: Sequence[Mapping[str, Any]]) -> list[int]:
    """At which word of the text each voted word stands; a text that was changed since is aligned with the vote."""
    first: list[int] = []
    spelt: list[tuple[str, ...]] = []
    for word in voted:
        first.append(len(spelt))
        spelt += [token.lexemes for token in tokens(str(word["text"]))]
    there = [word.token.lexemes for word in words]
    where = list(range(len(spelt)))
    if spelt != there:
        for step in Levenshtein.opcodes(spelt, there):
            for number, index in enumerate(range(step.src_start, step.src_end)):
                where[index] = min(step.dest_start + number, max(step.dest_start, step.dest_end - 1))
    last = len(words) - 1
    return [min(where[index], last) if index < len(where) else last for index in first]


def _join(broken: LineWord, rest: Sequence[LineWord]) -> None:
    """Give the word at the line's end the lexemes it has together with its rest on the next line."""
    for word in rest:
        broken.whole = lexemes(broken.token.lexemes[0] + word.token.lexemes[0])
        beginnings = [broken.token.lexemes[0], *(other.lexemes[0] for other in broken.others)]
        ends = [word.token.lexemes[0], *(other.lexemes[0] for other in word.others)]
        wholes = dict.fromkeys(beginning + end for beginning in beginnings for end in ends)
        broken.other_wholes = tuple(whole for whole in wholes if whole not in broken.whole)[:MOST_JOINS]


def vectors(words: Sequence[LineWord]) -> Vectors:
    """The lexemes of a line with their places, as they are stored."""
    said: Vector = {}
    other: Vector = {}
    for place, word in enumerate(words, start=1):
        _put(said, word.said, place)
        _put(other, word.otherwise, place)
    every = {lexeme: sorted({*said.get(lexeme, ()), *other.get(lexeme, ())}) for lexeme in {**said, **other}}
    elsewhere = {lexeme: [place for place in other[lexeme] if place not in said.get(lexeme, ())] for lexeme in other}
    return Vectors(said, {lexeme: places for lexeme, places in elsewhere.items() if places}, every)


def _put(vector: Vector, found: Sequence[str], place: int) -> None:
    for lexeme in found:
        places = vector.setdefault(lexeme, [])
        if min(place, LAST_PLACE) not in places and len(places) < MOST_PLACES:
            places.append(min(place, LAST_PLACE))


def tsvector(vector: Vector) -> str:
    """``vector`` in PostgreSQL's spelling, the same for the same vector."""
    return " ".join(f"{quoted(lexeme)}:{','.join(map(str, places))}" for lexeme, places in sorted(vector.items()))


def quoted(lexeme: str) -> str:
    """A lexeme as PostgreSQL's text search reads it, whatever it holds."""
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
