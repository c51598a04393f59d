import json
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from transcription.engines.segmenters.classical import ClassicalOptions, ClassicalSegmenter
from transcription.htr.geometry import area, bounding_box
from transcription.htr.layout_metrics import score_baselines
from transcription.htr.records import Gray, Point

LAYOUT = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "layout"


def written_page(
    *, lines: int = 12, width: int = 1400, height: int = 1800, columns: int = 1, degrees: float = 0.0, bow: float = 0.0
) -> tuple[Gray, list[tuple[Point, ...]]]:
    """A page of pen-like loops and where its baselines are. ``bow`` is how far a line sags in its middle, in pixels."""
    random = np.random.default_rng(7)
    page = np.full((height, width), 225, np.uint8)
    baselines = []
    spacing = (height - 300) // lines
    column_width = (width - 200) // columns
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    for column in range(columns):
        left = 100 + column * column_width
        right = left + column_width - (240 if columns > 1 else 0)
        for row in range(lines):
            y0 = 200 + row * spacing
            line = []
            x = left
            while x < right - 30:
                for _ in range(int(random.integers(2, 8))):
                    y = y0 + bow * np.sin(np.pi * (x - left) / (right - left))
                    tall = 2.2 if random.random() < 0.25 else 1.0
                    high = 0.16 * spacing * tall
                    drop = 0.16 * spacing if random.random() < 0.12 else 0.0
                    cv2.ellipse(
                        page, (round(x), round(y - high + drop)), (7, round(high)), 15, 20, 340, 40, 3, cv2.LINE_AA
                    )
                    line.append((x, y))
                    x += 17
                x += 24
            moved = np.array(line) @ turn[:, :2].T + turn[:, 2]
            baselines.append(tuple((round(px), round(py)) for px, py in moved))
    page = cv2.warpAffine(page, turn, (width, height), borderValue=225).astype(np.uint8)
    noise = random.normal(0, 4, page.shape)
    return np.clip(page + noise, 0, 255).astype(np.uint8), baselines


@pytest.mark.parametrize(
    "shape",
    [
        {"lines": 12},
        {"lines": 26},
        {"lines": 3},
        {"lines": 14, "degrees": 3.0},
        {"lines": 14, "degrees": -4.0},
        {"lines": 14, "bow": 30.0},
        {"lines": 20, "columns": 2},
        {"lines": 12, "width": 2800, "height": 3600},
    ],
    ids=str,
)
def test_the_lines_of_a_written_page_are_found(shape: dict[str, float]) -> None:
    page, baselines = written_page(**shape)  # type: ignore[arg-type]
    layout = ClassicalSegmenter().segment(page)
    score = score_baselines([line.baseline for line in layout.lines], baselines)
    assert score.f1 > 0.93, score
    assert score.line_error < 0.1, score


def test_lines_come_in_reading_order_and_columns_apart() -> None:
    page, _ = written_page(lines=20, columns=2)
    layout = ClassicalSegmenter().segment(page)
    sides = [line.baseline[0][0] > 600 for line in layout.lines]
    assert sides == [False] * 20 + [True] * 20
    left = [line.baseline[0][1] for line, right in zip(layout.lines, sides, strict=True) if not right]
    assert left == sorted(left)


def test_geometry_is_whole_on_the_page_and_of_few_points() -> None:
    page, _ = written_page(degrees=3.0)
    layout = ClassicalSegmenter().segment(page)
    assert layout.size == (page.shape[1], page.shape[0])
    for line in layout.lines:
        left, top, right, bottom = bounding_box(line.baseline + line.polygon)
        assert left >= 0
        assert top >= 0
        assert right < page.shape[1]
        assert bottom < page.shape[0]
        assert 2 <= len(line.baseline) <= 12
        assert 3 <= len(line.polygon) <= 60
        assert area(line.polygon) > 0
        assert all(type(value) is int for point in line.baseline + line.polygon for value in point)


def test_polygons_hold_the_ink_of_their_lines() -> None:
    page, _ = written_page()
    held = np.zeros(page.shape, np.uint8)
    for line in ClassicalSegmenter().segment(page).lines:
        cv2.fillPoly(held, [np.array(line.polygon, np.int32)], 1)
    ink = page < 120
    assert held[ink].mean() > 0.97


def test_ruled_lines_and_a_black_frame_are_not_writing() -> None:
    page, baselines = written_page()
    for y in range(150, 1700, 62):
        page[y : y + 2] = 150
    page[:40], page[-40:], page[:, :40], page[:, -40:] = 5, 5, 5, 5
    layout = ClassicalSegmenter().segment(page)
    assert score_baselines([line.baseline for line in layout.lines], baselines).f1 > 0.9


def noise() -> Gray:
    return np.random.default_rng(1).integers(0, 256, (1500, 1100), dtype=np.uint8)


NO_PAGES = {
    "white": np.full((1500, 1100), 255, np.uint8),
    "black": np.zeros((1500, 1100), np.uint8),
    "tiny": np.full((16, 16), 200, np.uint8),
    "one pixel": np.zeros((1, 1), np.uint8),
    "empty": np.zeros((0, 0), np.uint8),
    "gradient": np.tile(np.linspace(0, 255, 1100).astype(np.uint8), (1500, 1)),
    "paper": np.clip(np.random.default_rng(2).normal(230, 3, (1500, 1100)), 0, 255).astype(np.uint8),
    "wide strip": np.full((40, 30000), 230, np.uint8),
}


@pytest.mark.parametrize("name", NO_PAGES)
def test_what_holds_no_writing_gives_no_lines_and_says_why(name: str) -> None:
    layout = ClassicalSegmenter().segment(NO_PAGES[name])
    assert layout.lines == ()
    assert layout.note.endswith(".")
    assert layout.size == NO_PAGES[name].shape[::-1]


@pytest.mark.parametrize("shape", [(1500, 1100), (30, 30), (24, 480), (480, 24), (3000, 160), (60, 1200)])
def test_noise_of_any_shape_ends_soon_and_without_an_error(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    started = time.process_time()
    layout = ClassicalSegmenter().segment(pixels)
    assert time.process_time() - started < 5
    assert layout.lines or layout.note


def test_the_version_follows_the_options() -> None:
    assert ClassicalSegmenter().version == ClassicalSegmenter(ClassicalOptions()).version
    assert ClassicalSegmenter().version != ClassicalSegmenter(ClassicalOptions(long_side=1000)).version


def test_the_same_page_gives_the_same_layout() -> None:
    page, _ = written_page(lines=5)
    assert ClassicalSegmenter().segment(page) == ClassicalSegmenter().segment(page)


def test_importing_it_loads_neither_torch_nor_django() -> None:
    code = "import sys, transcription.engines.segmenters.classical; print({'torch', 'django'} & set(sys.modules))"
    root = Path(__file__).resolve().parents[2]
    found = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


@pytest.mark.skipif(not LAYOUT.is_dir(), reason="real page layouts are not on this machine")
def test_real_letters_and_minutes_are_segmented() -> None:
    scores = []
    with (LAYOUT / "layout.jsonl").open(encoding="utf-8") as rows:
        for row in map(json.loads, rows):
            if row["image"] not in {f"{name}-011.jpg" for name in ("fr_copiste", "fr_cremma19", "fr_fondue18")}:
                continue
            page = cv2.imread(str(LAYOUT / row["image"]), cv2.IMREAD_GRAYSCALE)
            assert page is not None
            found = ClassicalSegmenter().segment(page.astype(np.uint8))
            scores.append(score_baselines([x.baseline for x in found.lines], [x["baseline"] for x in row["lines"]]).f1)
    assert len(scores) == 3
    assert sum(scores) / 3 > 0.85
