from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.steps.journey import TEXTS, draw_page
from transcription.engines.registry import WEIGHTS
from transcription.errors import BadInput
from transcription.training import align
from transcription.training.datasets import load_lines


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """One train page with its transcript, editorial marks and a line that is not on it, and one dev page."""
    folder = tmp_path / "pages"
    folder.mkdir()
    rows = ["set\tsplit\tlanguage\timage\tground_truth"]
    for name, split in (("letter-1", "train"), ("letter-2", "dev")):
        draw_page().save(folder / f"{name}.png")
        text = "\n".join([TEXTS[0], f"[*{TEXTS[1]}*]", TEXTS[2], "Witness my hand this fourth day"])
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
        rows.append(f"letters\t{split}\ten\t{name}.png\t{name}.txt")
    (folder / "pages.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    weights = WEIGHTS / "starter.safetensors"
    monkeypatch.setattr("sys.argv", ["align", *map(str, arguments), "--weights", str(weights)])
    align.main()


def test_lines_of_train_pages_are_written_as_training_reads_them(
    pages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, pages, tmp_path / "out", "--sets", "letters")
    said = json.loads(capsys.readouterr().out)["sets"]["letters"]
    assert (said["pages"], said["accepted"], said["transcript_lines"]) == (1, 3, 4)
    lines = [sample for split in ("train", "tune") for sample in load_lines(tmp_path / "out", split)]
    assert [line.text for line in lines] == list(TEXTS)
    assert {(line.page, line.pixels.shape[0]) for line in lines} == {("letter", 64)}
    assert all(np.ptp(line.pixels) > 100 for line in lines), "there is ink"
    assert not list((tmp_path / "out").glob("*.partial"))


def test_a_set_without_pages_is_said(pages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="no pages of the set “other”"):
        run(monkeypatch, pages, tmp_path / "out", "--sets", "other")


@pytest.mark.parametrize(
    ("published", "shown"),
    [
        ("[*in the margin*]", "in the margin"),
        ("Cyrus [McNeely] Hopedale", "Cyrus McNeely Hopedale"),
        ("I [deleted] went [?] home", "I […] went home"),
        ("[???]", "[…]"),
    ],
)
def test_editorial_marks_are_taken_out_and_omissions_marked(published: str, shown: str) -> None:
    assert align.without_editorial(published) == shown
