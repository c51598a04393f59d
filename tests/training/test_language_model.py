from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.training.line_sets import write_set
from transcription.engines.language_model_file import load_language_model
from transcription.errors import BadInput
from transcription.training import language_model
from transcription.training.datasets import split_of
from transcription.training.language_model import build, sources

ALPHABET = " abcdefghijklmnopqrstuvwxyzé.'"


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "en-book.txt").write_text("call me _ishmael_. some years ago " * 40, encoding="utf-8")
    (folder / "fr-livre.txt").write_text("il était une fois un roi ’tis " * 40, encoding="utf-8")
    return folder


def test_running_text_comes_in_lines_as_people_write_them(texts: Path) -> None:
    english, french = sources([], texts)
    assert (english.name, english.language, french.language) == ("en-book", "en", "fr")
    assert all(len(line) <= 45 for line in english.lines)
    assert " ".join(english.lines) == " ".join(("call me ishmael. some years ago " * 40).split())
    assert "'tis" in " ".join(french.lines), "quotes are plain, as the recogniser is taught"


def test_only_train_transcripts_are_counted(texts: Path, tmp_path: Path) -> None:
    pages = [f"p{k}" for k in range(60)]
    rows = [("train", page, f"{page}.png", f"line of {page}") for page in pages]
    write_set(tmp_path / "lines", "en_a", [*rows, ("dev", "d", "d.png", "secret")])
    [_, _, found] = sources([tmp_path / "lines"], texts)
    trained = [page for page in pages if split_of("en_a", page, "train") == "train"]
    assert 0 < len(trained) < 60
    assert sorted(found.lines) == sorted(f"line of {page}" for page in trained)
    assert found.language == "en"


def test_whole_pages_are_counted_without_dev_and_without_tuned_documents(texts: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    rows = ["set\tsplit\tlanguage\timage\tground_truth\tkind\tlicence"]
    names = [f"letter{k}" for k in range(60)]
    for name, split in [*((name, "train") for name in names), ("secret", "dev")]:
        (folder / f"{name}-1.txt").write_text(f"dear {name}\n[deleted]\n", encoding="utf-8")
        rows.append(f"en_x\t{split}\ten\t{name}-1.jpg\t{name}-1.txt\ttxt\t")
    (folder / "pages.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    found = sources([], texts, folder)[-1]
    trained = {f"dear {name}" for name in names if split_of("en_x", name, "train") == "train"}
    assert 0 < len(trained) < 60
    assert {line for line in found.lines if line} == trained


def test_a_model_is_built_of_its_language_and_says_of_what(
    texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language_model, "SIZES", {"en": 200, "fr": 10_000, "generic": 10_000})
    found = sources([], texts)
    built = build("en", ALPHABET, found, tmp_path)
    assert sum(built["kept"]) <= 300
    model, description = load_language_model(tmp_path / "lm-en.npz")
    assert list(description["sources"]) == ["en-book"]
    build("generic", ALPHABET, found, tmp_path)
    generic, described = load_language_model(tmp_path / "lm-generic.npz")
    assert list(described["sources"]) == ["en-book", "fr-livre"]
    french = np.array([ALPHABET.index(char) + 1 for char in "il était une fois"], np.uint8)
    assert generic.costs_of([french])[0].sum(dtype=int) < model.costs_of([french])[0].sum(dtype=int)
    json.dumps(description)


def test_what_is_missing_is_said(texts: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"holds no <language>-<name>\.txt"):
        sources([], tmp_path / "empty")
    with pytest.raises(BadInput, match="no text of the language"):
        build("fr", ALPHABET, [source for source in sources([], texts) if source.language == "en"], tmp_path)
