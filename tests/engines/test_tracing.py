from __future__ import annotations

import cv2
import numpy as np
import pytest

from transcription.engines.segmenters.gutter import find_gutter
from transcription.engines.segmenters.polygons import PolygonOptions, outline_lines
from transcription.engines.segmenters.tracing import Maps, TracedLine, TracingOptions, trace
from transcription.htr.records import LineGeometry

SHAPE = (300, 400)


def maps_of(lines: list[list[tuple[float, float]]], *, rise: float = 12, ends: bool = True) -> Maps:
    """Perfect maps of these baselines; a line is a list of points, x growing."""
    drawn = {name: np.zeros(SHAPE, np.float32) for name in ("baseline", "end", "body", "printed")}
    for line in lines:
        points = np.rint(np.array(line)).astype(np.int32)
        cv2.polylines(drawn["baseline"], [points], False, 0.95, 3)
        if ends:
            for x, y in (points[0], points[-1]):
                cv2.circle(drawn["end"], (int(x), int(y)), 3, 0.95, -1)
    return Maps(**drawn, rise=np.full(SHAPE, rise, np.float32), fall=np.full(SHAPE, rise / 3, np.float32))


def level(y: float, left: float = 30, right: float = 370) -> list[tuple[float, float]]:
    return [(left, y), (right, y)]


def test_every_line_is_traced_to_its_ends() -> None:
    found = trace(maps_of([level(60), level(100), level(140, 30, 200)]), TracingOptions())
    spans = sorted((round(line.baseline[0, 1]), line.baseline[0, 0], line.baseline[-1, 0]) for line in found)
    assert [span[0] for span in spans] == [60, 100, 140]
    for _, left, _ in spans:
        assert left == pytest.approx(30, abs=4)
    assert spans[2][2] == pytest.approx(200, abs=4)
    assert all(line.rise == pytest.approx(12) for line in found)


def test_cells_of_a_row_stay_apart_though_their_baselines_touch() -> None:
    found = trace(maps_of([level(60, 30, 150), level(60, 154, 370)]), TracingOptions())
    assert len(found) == 2


def test_a_weak_place_within_a_line_is_joined() -> None:
    maps = maps_of([level(60)])
    maps.baseline[:, 190:202] = 0
    assert len(trace(maps, TracingOptions())) == 1
    maps.baseline[:, 160:240] = 0
    assert len(trace(maps, TracingOptions())) == 2


def test_slanted_and_bent_lines_are_followed() -> None:
    bent = [(x, 100 + 20 * np.sin(x / 60)) for x in range(30, 370, 10)]
    found = trace(maps_of([bent, [(30, 200), (370, 260)]]), TracingOptions())
    assert len(found) == 2
    assert all(np.ptp(line.baseline[:, 0]) > 330 for line in found)


def test_a_line_that_climbs_the_page_is_read_upwards() -> None:
    maps = maps_of([[(40, 30), (40, 270)], level(150, 120, 370)])
    [climbing] = [line for line in trace(maps, TracingOptions()) if np.ptp(line.baseline[:, 1]) > 100]
    assert climbing.baseline[0, 1] > climbing.baseline[-1, 1]


def test_what_is_not_sure_is_no_line() -> None:
    maps = maps_of([level(60)])
    assert (
        trace(Maps(*(getattr(maps, n) * (0.3 if n == "baseline" else 1) for n in Maps.__slots__)), TracingOptions())
        == []
    )


def test_outlines_keep_off_their_neighbours() -> None:
    lines = [
        TracedLine(np.array([[30.0, y], [370.0, y]]), rise=30, fall=14, chance=0.9, printed=0.0) for y in (60.0, 84.0)
    ]
    upper, lower = outline_lines(lines, PolygonOptions())
    assert lower[:, 1].min() >= 60
    assert upper[:, 1].max() <= 84
    alone = outline_lines(lines[:1], PolygonOptions(rise=1, fall=1))[0]
    assert alone[:, 1].min() == pytest.approx(30, abs=0.5)
    assert alone[:, 1].max() == pytest.approx(74, abs=0.5)


def geometry(left: int, right: int, y: int) -> LineGeometry:
    return LineGeometry(((left, y), (right, y)), ())


def spread(*, fold: int = 30) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    page = np.full((700, 1000), 220, np.uint8)
    page[:, 494:506] -= np.uint8(fold)
    return page


def test_a_spread_parts_where_its_fold_is() -> None:
    lines = [geometry(*side, y) for y in range(100, 600, 50) for side in ((60, 450), (540, 940))]
    assert find_gutter(spread(), lines) == pytest.approx(500, abs=8)
    assert find_gutter(spread(fold=0), lines) == pytest.approx(495, abs=40)


def test_a_blank_side_needs_a_fold_to_be_a_page() -> None:
    lines = [geometry(540, 940, y) for y in range(100, 600, 50)]
    assert find_gutter(spread(), lines) == pytest.approx(500, abs=8)
    assert find_gutter(spread(fold=0), lines) is None


def test_lines_across_the_middle_are_no_spread_and_upright_pages_are_none() -> None:
    assert find_gutter(spread(), [geometry(60, 940, y) for y in range(100, 600, 50)]) is None
    assert find_gutter(np.full((1000, 700), 220, np.uint8), [geometry(60, 300, 100), geometry(400, 650, 100)]) is None
