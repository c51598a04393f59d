"""Whether a word is one that the language or the collection is known to hold."""

from __future__ import annotations

from collections.abc import Collection

from transcription.htr.lexicon import Lexicon, core_of


class KnownWords:
    """Answers for the words of a language and those of a collection's vocabulary.

    ``listed`` are words of the language as `htr.lexicon.core_of` spells them, None where there is no list.
    """

    def __init__(self, listed: Collection[str] | None, vocabulary: Lexicon | None = None) -> None:
        self._listed = listed
        self._vocabulary = vocabulary

    def __call__(self, text: str) -> bool | None:
        """Whether every word of ``text`` is known; None of figures and single letters, which no list tells of, and of
        an unlisted word where there is no list of its language."""
        cores = [(word, core_of(word)) for word in text.split()]
        told = [(word, core) for word, core in cores if len(core) > 1 and any(map(str.isalpha, core))]
        if not told:
            return None
        unknown = [word for word, core in told if self._listed is None or core not in self._listed]
        if not unknown or (self._vocabulary is not None and all(map(self._vocabulary.knows, unknown))):
            return True
        return None if self._listed is None else False
