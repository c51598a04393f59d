"""What a person types into the search field, as terms. There is no wrong query: what is no syntax is a word.

Words must all be on the line; "words in quotes" stand side by side; -word must not be there; word* begins so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from transcription.htr.folding import lexemes
from transcription.htr.search_words import quoted

MOST_CHARACTERS = 300
MOST_WORDS = 16
LEAST_PREFIX = 2  # letters before a *
_PIECE = re.compile(r'(?P<minus>(?<!\S)[-−])?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»", '"'))

Similar = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class QueryWord:
    """One written word of a query: its lexemes, the whole first, and whether a longer word will do."""

    lexemes: tuple[str, ...]
    prefix: bool = False

    @property
    def whole(self) -> str:
        return self.lexemes[0]

    def fits(self, found: Iterable[str], similar: Similar | None = None) -> bool:
        """Whether a word of a line with the lexemes ``found`` is this one, or one of those ``similar`` to it."""
        found = set(found)
        if self.whole in found or (similar and not found.isdisjoint(similar.get(self.whole, ()))):
            return True
        if self.prefix and any(lexeme.startswith(self.whole) for lexeme in found):
            return True
        return len(self.lexemes) > 1 and found.issuperset(self.lexemes[1:])

    def tsquery(self, similar: Similar | None = None) -> str:
        end = ":*" if self.prefix else ""
        choices = [quoted(self.whole) + end]
        if len(self.lexemes) > 1:
            *parts, last = (quoted(lexeme) for lexeme in self.lexemes[1:])
            choices.append(f"({' & '.join([*parts, last + end])})")
        choices += [quoted(lexeme) for lexeme in (similar or {}).get(self.whole, ())]
        return choices[0] if len(choices) == 1 else f"({' | '.join(choices)})"


@dataclass(frozen=True, slots=True)
class Term:
    """One word, or several that stand side by side in this order."""

    words: tuple[QueryWord, ...]

    def tsquery(self, similar: Similar | None = None) -> str:
        return f"({' <-> '.join(word.tsquery(similar) for word in self.words)})"

    def places(self, line: Sequence[Iterable[str]], similar: Similar | None = None) -> set[int]:
        """Indexes of the words of ``line``, each given by its lexemes, that this term is found in."""
        count = len(self.words)
        found: set[int] = set()
        for start in range(len(line) - count + 1):
            if all(word.fits(line[start + k], similar) for k, word in enumerate(self.words)):
                found.update(range(start, start + count))
        if not found and count == 1:  # "5/6" is on a line that has both, side by side or not
            parts = set(self.words[0].lexemes[1:])
            found = {index for index, of_word in enumerate(line) if parts.intersection(of_word)}
        return found


@dataclass(frozen=True, slots=True)
class Query:
    """``terms`` must all be on a line, none of ``without`` may. ``dropped``: there were more words than are looked
    for."""

    terms: tuple[Term, ...] = ()
    without: tuple[Term, ...] = ()
    dropped: bool = False

    @property
    def words(self) -> list[QueryWord]:
        return [word for term in self.terms for word in term.words]

    @property
    def too_short(self) -> bool:
        """One letter of an alphabet stands on every line; where a sign is a word, one will do."""
        return all(len(word.whole) < 2 and (word.whole < "\u3000" and not word.whole.isdigit()) for word in self.words)

    def tsquery(self, similar: Similar | None = None) -> str:
        return " & ".join(term.tsquery(similar) for term in self.terms)

    def any_word(self) -> str:
        """What holds at least one of the words, in PostgreSQL's spelling."""
        return " | ".join(word.tsquery() for word in self.words)

    def forbidden(self) -> str:
        """What a line must not hold; empty where it may hold anything."""
        return " | ".join(term.tsquery() for term in self.without)


def parse(text: str) -> Query:
    """The query that ``text`` is; never raises."""
    terms: list[Term] = []
    without: list[Term] = []
    room = MOST_WORDS
    dropped = len(text) > MOST_CHARACTERS
    text = text[:MOST_CHARACTERS].translate(_QUOTES)
    for piece in _PIECE.finditer(text):
        written = piece["phrase"].split() if piece["phrase"] is not None else [piece["word"]]
        words = tuple(word for word in map(_word, written) if word is not None)
        dropped = dropped or len(words) > room
        words = words[:room]
        room -= len(words)
        if words:
            (without if piece["minus"] else terms).append(Term(words))
    return Query(tuple(dict.fromkeys(terms)), tuple(dict.fromkeys(without)), dropped)


def _word(written: str) -> QueryWord | None:
    found = lexemes(written)
    if not found:
        return None
    return QueryWord(found, written.endswith("*") and len(found[0]) >= LEAST_PREFIX)
