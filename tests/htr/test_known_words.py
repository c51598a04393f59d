from __future__ import annotations

import pytest

from transcription.htr.known_words import KnownWords
from transcription.htr.lexicon import Lexicon, core_of

LISTED = frozenset(map(core_of, ["maison", "the", "to", "day"]))


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("Maiſon,", True),
        ("la-maison", False),
        ("to day", True),
        ("to dqy", False),
        ("1789", None),
        ("a", None),
        ("[…]", None),
    ],
)
def test_words_of_the_language_are_known_however_they_are_written(text: str, known: bool | None) -> None:
    assert KnownWords(LISTED)(text) is known


def test_the_collections_vocabulary_knows_more() -> None:
    knows = KnownWords(LISTED, Lexicon(["Whitcombe"]))
    assert knows("Whitcombe’s") is True
    assert knows("the Whitcombe") is True
    assert knows("Whitcomhe") is False


def test_without_a_list_of_the_language_only_the_vocabulary_can_tell() -> None:
    knows = KnownWords(None, Lexicon(["Whitcombe"]))
    assert knows("Whitcombe") is True
    assert knows("Haus") is None
