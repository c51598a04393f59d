from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.line_sets import Row, write_set
from transcription.errors import BadInput
from transcription.training.datasets import alphabet_of, load_lines, target_text


def rows(split: str, pages: int, lines: int = 2) -> list[Row]:
    return [(split, f"{split}{p}", f"{split}{p}-{n}.png", f"line {n}") for p in range(pages) for n in range(lines)]


def test_lines_of_a_split_come_with_their_page_pixels_and_text(tmp_path: Path) -> None:
    write_set(tmp_path, "en_a", [("dev", "p1", "p1-1.png", 'He said "so'), ("train", "p2", "p2-1.png", "other")])
    [sample] = load_lines(tmp_path, "dev")
    assert (sample.set, sample.page, sample.name, sample.text) == ("en_a", "p1", "p1-1.png", 'He said "so')
    assert sample.pixels.shape[0] == 64


def test_what_things_are_tuned_on_shares_no_page_with_training_and_none_with_dev(tmp_path: Path) -> None:
    write_set(tmp_path, "en_a", rows("train", 60) + rows("dev", 3))
    pages = {split: {sample.page for sample in load_lines(tmp_path, split)} for split in ("train", "tune", "dev")}
    assert pages["tune"], "some pages are kept for tuning"
    assert len(pages["tune"]) < 12
    assert not pages["train"] & pages["tune"]
    assert pages["train"] | pages["tune"] == {f"train{p}" for p in range(60)}
    assert pages["dev"] == {"dev0", "dev1", "dev2"}
    assert pages["tune"] == {sample.page for sample in load_lines(tmp_path, "tune")}, "always the same pages"


def test_sets_and_limits_choose(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_set(tmp_path, name, rows("dev", 3))
    assert [s.set for s in load_lines(tmp_path, "dev", limit=2)] == ["a", "a", "b", "b"]
    assert {s.set for s in load_lines(tmp_path, "dev", sets=["b"])} == {"b"}


def test_what_is_missing_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"holds no <set>\.tsv"):
        list(load_lines(tmp_path, "dev"))
    write_set(tmp_path, "a", rows("dev", 1), images=False)
    with pytest.raises(BadInput, match=r"a\.tar is missing"):
        list(load_lines(tmp_path, "dev"))


@pytest.mark.parametrize(
    ("published", "taught"),
    [
        ("“so” – ’tis", '"so" - \'tis'),
        (">struck< kept", "⟦struck⟧ kept"),
        ("a < b", "a < b"),
        ("  two  words ", "two words"),
    ],
)
def test_sets_are_taught_in_one_spelling(published: str, taught: str) -> None:
    assert target_text(published) == taught


@given(st.text(max_size=40))
def test_one_spelling_is_reached_in_one_step(text: str) -> None:
    assert target_text(target_text(text)) == target_text(text)


@given(st.lists(st.text(max_size=10), max_size=10))
def test_an_alphabet_is_each_frequent_character_once_most_frequent_first(texts: list[str]) -> None:
    joined = "".join(texts)
    alphabet = alphabet_of(iter(texts), at_least=2)
    assert len(set(alphabet)) == len(alphabet)
    assert set(alphabet) == {char for char in joined if joined.count(char) >= 2}
    assert [joined.count(char) for char in alphabet] == sorted((joined.count(c) for c in alphabet), reverse=True)
