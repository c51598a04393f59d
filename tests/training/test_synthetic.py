from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.training.line_sets import FONTS
from transcription.errors import BadInput
from transcription.training.synthetic import SyntheticLines

ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,-&£$^⟦⟧éàſ"


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    (tmp_path / "book.txt").write_text("The cat and the dog were à la maison ſur Mars, " * 20, encoding="utf-8")
    return tmp_path


def test_lines_are_64_pixels_high_dark_on_light_and_say_what_is_written(texts: Path) -> None:
    lines = SyntheticLines(FONTS, texts, ALPHABET)
    rng = np.random.default_rng(1)
    for _ in range(60):
        pixels, text = lines.draw(rng)
        assert pixels.dtype == np.uint8
        assert pixels.shape[0] == 64
        assert set(text) <= set(ALPHABET)
        if not text:
            continue
        assert float(np.median(pixels)) - float(pixels.min()) > 20, "there is ink on the paper"


def test_transcripts_figures_raised_and_struck_words_occur(texts: Path) -> None:
    lines = SyntheticLines(FONTS, texts, ALPHABET, transcripts=["Fait et passé à Paris"])
    rng = np.random.default_rng(2)
    drawn = " | ".join(lines.draw(rng)[1] for _ in range(300))
    assert "Paris" in drawn
    assert "⟦" in drawn
    assert "^" in drawn
    assert any(char.isdigit() for char in drawn)
    assert "ſ" not in drawn, "fonts draw it their own way"


def test_now_and_then_there_is_nothing_to_read(texts: Path) -> None:
    lines = SyntheticLines(FONTS, texts, ALPHABET)
    rng = np.random.default_rng(4)
    drawn = [lines.draw(rng) for _ in range(300)]
    empty = [pixels for pixels, text in drawn if not text]
    assert 1 <= len(empty) < 30
    assert all(float(np.percentile(pixels, 75)) - float(pixels.min()) < 70 for pixels in empty), "paper and ruling only"


def test_a_longer_text_makes_a_longer_line(texts: Path) -> None:
    lines = SyntheticLines(FONTS, texts, ALPHABET)
    rng = np.random.default_rng(3)
    widths = [(len(text), pixels.shape[1]) for pixels, text in (lines.draw(rng) for _ in range(120))]
    lengths, columns = np.array(widths).T
    assert np.corrcoef(lengths, columns)[0, 1] > 0.8


def test_what_is_missing_or_no_font_is_said_in_a_sentence(texts: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(BadInput, match=r"holds no \.ttf, \.otf or \.woff"):
        SyntheticLines(empty, texts, ALPHABET)
    with pytest.raises(BadInput, match=r"holds no \.txt"):
        SyntheticLines(FONTS, empty, ALPHABET)
    (empty / "broken.ttf").write_bytes(b"no font")
    with pytest.raises(BadInput, match="is not a font that can be opened"):
        SyntheticLines(empty, texts, ALPHABET)
