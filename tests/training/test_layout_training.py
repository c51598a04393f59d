from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.engines.drawn_pages import written_page
from transcription.engines.segmenters.line_network import MAPS, LineNetwork
from transcription.engines.weights_file import read_description
from transcription.errors import BadInput
from transcription.htr.records import LineGeometry
from transcription.training.layout_augment import Sheet, beside, letterhead, view, weather
from transcription.training.layout_drawn import Printer
from transcription.training.layout_pages import load_layouts, split_of
from transcription.training.layout_targets import TaughtLine, draw_targets, taught
from transcription.training.segmenter import Plan, Windows, loss_of, rate_at, train

FONTS = Path(__file__).resolve().parents[2] / "transcription" / "training" / "sample" / "fonts"


def layout_file(folder: Path, *, pages: int = 3) -> Path:
    """A layout.jsonl beside pages that were drawn, as the published ones are laid out."""
    rows = []
    for number in range(pages):
        page, baselines = written_page(lines=8 + number, width=800, height=1024)
        name = f"xx_drawn-{number:03d}.jpg"
        cv2.imwrite(str(folder / name), page)
        lines = []
        for baseline in baselines:
            (x0, y0), (x1, y1) = baseline[0], baseline[-1]
            outline = [[x0, y0 - 30], [x1, y1 - 30], [x1, y1 + 12], [x0, y0 + 12]]
            course = [[x0, y0], [x1, y1]]
            lines.append({"baseline": course, "polygon": outline, "region": "text", "tag": "printed"})
        rows.append(json.dumps({"image": name, "page": f"box{number}/p{number}00.jpg", "lines": lines}))
    table = folder / "layout.jsonl"
    table.write_text("\n".join(rows), encoding="utf-8")
    return table


def texts_in(folder: Path) -> Path:
    folder.mkdir()
    (folder / "a.txt").write_text("the quick brown fox jumps over the lazy dog " * 30, encoding="utf-8")
    return folder


def all_pages(table: Path) -> list[str]:
    return [page.name for split in ("train", "tune") for page in load_layouts(table, split)]


def line_at(y: float, *, left: float = 40, right: float = 300) -> TaughtLine:
    outline = np.array([[left, y - 20], [right, y - 20], [right, y + 8], [left, y + 8]], np.float64)
    return TaughtLine(np.array([[left, y], [right, y]], np.float64), outline, 20, 8, printed=None)


def test_published_layouts_are_read_each_page_in_one_split(tmp_path: Path) -> None:
    assert sorted(all_pages(layout_file(tmp_path))) == [f"xx_drawn-{n:03d}.jpg" for n in range(3)]


def test_a_damaged_row_is_named_by_its_line(tmp_path: Path) -> None:
    table = layout_file(tmp_path, pages=1)
    table.write_text(table.read_text() + '\n{"image": 3', encoding="utf-8")
    with pytest.raises(BadInput, match="line 2"):
        all_pages(table)
    with pytest.raises(BadInput, match="missing"):
        all_pages(tmp_path / "nothing.jsonl")


def test_neighbours_in_a_volume_are_never_split() -> None:
    names = [split_of("xx", f"vol/scan_12{digit}.jpg") for digit in range(10)]
    assert len(set(names)) == 1


def test_a_line_is_taught_with_the_reach_of_its_outline() -> None:
    line = taught(LineGeometry(((10, 100), (200, 100)), ((10, 60), (200, 60), (200, 112), (10, 112))))
    assert line is not None
    assert line.rise == pytest.approx(40, abs=2)
    assert line.fall == pytest.approx(12, abs=2)
    assert line.printed is None
    assert taught(LineGeometry((), ((10, 60), (200, 60), (200, 112)))) is None
    assert taught(LineGeometry(((5, 5), (5, 5)), ((10, 60), (200, 60), (200, 112)))) is None


def test_targets_show_baselines_ends_bodies_and_heights_where_they_are() -> None:
    target, weight = draw_targets([line_at(101)], (128, 320))
    by_name = dict(zip(MAPS, target, strict=True))
    known = dict(zip(MAPS, weight, strict=True))
    assert by_name["baseline"][50, 20:150].min() == 1
    assert by_name["baseline"][40].max() == 0
    assert by_name["end"][50, 20] == 1 == by_name["end"][50, 150]
    assert by_name["end"][50, 80] == 0
    assert by_name["body"][44, 80] == 1
    assert by_name["rise"][50, 80] == pytest.approx(np.log2(20))
    assert known["rise"][50, 80] == 1
    assert known["rise"][20, 80] == 0
    assert known["printed"].max() == 0  # nobody said


def test_a_view_moves_lines_with_the_pixels() -> None:
    image = np.full((600, 500), 230, np.uint8)
    lines = tuple(line_at(y, left=60, right=440) for y in range(80, 560, 60))
    for line in lines:
        (x0, y), (x1, _) = line.baseline
        image[int(y) - 3 : int(y) + 1, int(x0) : int(x1)] = 20
    rng = np.random.default_rng(3)
    seen_lines = 0
    for _ in range(12):
        seen = view(Sheet(image, lines), 320, rng)
        assert seen.image.shape == (320, 320)
        for line in seen.lines:
            for x, y in line.baseline:
                if 8 < x < 312 and 8 < y < 312:
                    around = seen.image[int(y) - 5 : int(y) + 5, int(x) - 2 : int(x) + 3]
                    seen_lines += 1
                    assert around.min() < 140
    assert seen_lines > 100


def test_two_pages_stand_side_by_side_with_their_lines() -> None:
    left = Sheet(np.full((200, 300), 240, np.uint8), (line_at(60),))
    right = Sheet(np.full((260, 320), 240, np.uint8), (line_at(90),))
    both = beside(left, right, np.random.default_rng(1))
    assert both.image.shape[0] == 260
    assert both.lines[1].baseline[0, 0] >= 340


def test_letterheads_are_print_where_nothing_was_written(tmp_path: Path) -> None:
    printer = Printer(FONTS, FONTS, texts_in(tmp_path / "texts"))
    rng = np.random.default_rng(2)
    blank = Sheet(np.full((700, 600), 235, np.uint8), (line_at(300, left=20, right=580),))
    headed = [letterhead(blank, printer.printed_lines(rng), rng) for _ in range(6)]
    new = [line for sheet in headed for line in sheet.lines[1:]]
    assert new
    assert all(line.printed for line in new)
    assert all(abs(line.baseline[0, 1] - 300) > 8 for line in new)
    page = printer.page(rng)
    assert page.image.shape[0] == 1024


def test_weather_keeps_size_and_range() -> None:
    page, _ = written_page(lines=6, width=320, height=320)
    rng = np.random.default_rng(4)
    for _ in range(60):
        changed = weather(page, page, rng)
        assert changed.shape == page.shape
        assert changed.dtype == np.uint8


def test_the_loss_is_least_for_what_is_true() -> None:
    target, weight = (torch.from_numpy(each)[None] for each in draw_targets([line_at(101)], (128, 320)))
    true = torch.where(target > 0.5, 12.0, -12.0)
    for name in ("rise", "fall"):
        true[:, MAPS.index(name)] = target[:, MAPS.index(name)]
    batch = (torch.zeros(1), target, weight, torch.tensor([0]))
    turns = torch.tensor([[9.0, 0, 0, 0]])
    best = float(loss_of(true, turns, batch))
    assert best < 0.05
    assert float(loss_of(torch.zeros_like(true), turns, batch)) > best
    assert float(loss_of(true, turns.flip(1), batch)) > best


def test_the_rate_warms_up_and_falls_away() -> None:
    assert rate_at(0, 0.0, 1.0) < 0.01
    assert rate_at(1000, 0.1, 1.0) > 0.9
    assert rate_at(1000, 1.0, 1.0) == pytest.approx(0.01)


@pytest.mark.slow
def test_a_run_learns_saves_and_goes_on(tmp_path: Path) -> None:
    plan = Plan(layout_file(tmp_path), tmp_path / "run", seconds=6.0)
    train(plan)
    about = read_description(tmp_path / "run" / "segmenter.safetensors")
    assert about["kind"] == "segmenter"
    assert about["windows"] > 0
    train(Plan(plan.layouts, plan.run, seconds=9.0))
    assert read_description(tmp_path / "run" / "segmenter.safetensors")["windows"] > about["windows"]


def test_windows_come_in_batches_of_one_size(tmp_path: Path) -> None:
    pages = [page for split in ("train", "tune") for page in load_layouts(layout_file(tmp_path), split)]
    images, targets, weights, turns = next(iter(Windows(pages, None, [1])))
    assert images.shape[1:] == (1, 640, 640)
    assert targets.shape == weights.shape == (len(images), len(MAPS), 320, 320)
    assert turns.shape == (len(images),)
    maps, found = LineNetwork()(images[:1])
    assert maps.shape[1:] == targets.shape[1:]
    assert found.shape == (1, 4)
