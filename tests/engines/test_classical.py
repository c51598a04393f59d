import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.engines.drawn_pages import written_page
from transcription.engines.segmenters.classical import ClassicalOptions, ClassicalSegmenter
from transcription.htr.geometry import area, bounding_box
from transcription.htr.layout_metrics import score_baselines

LAYOUT = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "layout"


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


def test_the_version_follows_the_options() -> None:
    assert ClassicalSegmenter().version == ClassicalSegmenter(ClassicalOptions()).version
    assert ClassicalSegmenter().version != ClassicalSegmenter(ClassicalOptions(long_side=1000)).version


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
