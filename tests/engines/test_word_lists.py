from __future__ import annotations

from pathlib import Path

import pytest

from transcription.engines.word_lists import save_word_list, word_list
from transcription.htr.known_words import KnownWords
from transcription.htr.lexicon import core_of


@pytest.mark.parametrize(("language", "word"), [("fr", "maison"), ("French", "maison"), ("en-GB", "house")])
def test_bundled_lists_are_found_by_whatever_a_collection_calls_its_language(language: str, word: str) -> None:
    listed = word_list(language)
    assert listed is not None
    assert KnownWords(listed)(word) is True
    assert core_of(word) in listed


@pytest.mark.parametrize("language", ["", "de", "Klingon", "../fr"])
def test_languages_without_a_list_have_none(language: str) -> None:
    assert word_list(language) is None


def test_the_same_words_make_the_same_file(tmp_path: Path) -> None:
    save_word_list(["b", "a"], tmp_path / "words-de.txt.gz")
    first = (tmp_path / "words-de.txt.gz").read_bytes()
    save_word_list(["a", "b", "a"], tmp_path / "words-de.txt.gz")
    assert (tmp_path / "words-de.txt.gz").read_bytes() == first
    assert word_list("de", tmp_path) == {"a", "b"}
