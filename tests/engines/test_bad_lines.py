"""Lines that are none: whatever the decoder and the numbers, they stop no batch and nobody is sure of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from django.conf import settings

from tests.steps.journey import TEXTS, draw_page, drawn_layout
from transcription.engines.registry import WEIGHTS, Registry
from transcription.engines.starter import Starter
from transcription.htr.crop import cut_line
from transcription.htr.records import Gray, Hints, ItemError, LineImage, ReadingRecord

pytestmark = pytest.mark.skipif(
    not (WEIGHTS / "starter.safetensors").exists(), reason="the starter's weights are not here"
)


def paper(height: int, width: int, value: int = 230) -> Gray:
    return np.full((height, width), value, dtype=np.uint8)


def read(engine: Starter, crops: Sequence[Gray]) -> dict[int, ReadingRecord | ItemError]:
    results = list(engine.recognize((LineImage(key, crop) for key, crop in enumerate(crops)), Hints()))
    assert sorted(result.key for result in results) == list(range(len(crops))), "one result for each crop"
    return {result.key: result for result in results}


def text_of(result: ReadingRecord | ItemError) -> str:
    assert isinstance(result, ReadingRecord)
    return result.text


@pytest.fixture(scope="module")
def lines() -> list[Gray]:
    page = np.asarray(draw_page())
    return [cut_line(page, geometry) for geometry in drawn_layout(len(TEXTS)).lines]


BAD_LINES = {
    "1x1": paper(1, 1),
    "1 wide": paper(64, 1),
    "1 high": paper(1, 500),
    "empty": paper(64, 700),
    "10,000 wide": paper(64, 10_000),
    "black": paper(64, 400, 0),
    "white": paper(64, 400, 255),
    "half black": np.hstack([paper(64, 350, 0), paper(64, 350)]),
    "tower": paper(2000, 30),
    "noise": np.random.default_rng(1).integers(0, 256, (64, 500), np.uint8),
    "grain": np.random.default_rng(2).normal(225, 3, (64, 700)).clip(0, 255).astype(np.uint8),
    "no image": np.zeros((64, 0), np.uint8),
}


@pytest.fixture(scope="module", params=[(d, p) for d in ("beam", "greedy") for p in ("auto", "single")], ids="-".join)
def engine(request: pytest.FixtureRequest) -> Starter:
    decoder, precision = request.param
    declared = settings.ENGINES["starter"]
    options = declared.get("OPTIONS", {}) | {"decoder": decoder, "precision": precision}
    engine = Registry({"starter": {**declared, "OPTIONS": options}}).recognizer("starter")
    assert isinstance(engine, Starter)
    return engine


def test_they_stop_nothing_and_change_nothing_that_is_read_beside_them(engine: Starter, lines: list[Gray]) -> None:
    alone = read(engine, lines)
    crowd = read(engine, [*lines, *BAD_LINES.values()])
    assert [text_of(crowd[key]) for key in range(len(lines))] == [text_of(alone[key]) for key in range(len(lines))]
    [error] = [result for result in crowd.values() if isinstance(result, ItemError)]
    assert error.code == "bad-crop"


@pytest.mark.parametrize("name", [name for name, crop in BAD_LINES.items() if crop.size and crop.std() < 5])
def test_nothing_is_read_where_nothing_is(engine: Starter, name: str) -> None:
    [result] = read(engine, [BAD_LINES[name]]).values()
    assert isinstance(result, ReadingRecord)
    assert not result.text or np.mean(result.chars) < 0.8, f"read {result.text!r} on nothing"


def test_a_line_upside_down_is_surer_the_right_way_up(engine: Starter, lines: list[Gray]) -> None:
    upright, turned = read(engine, lines), read(engine, [np.ascontiguousarray(crop[::-1, ::-1]) for crop in lines])
    means = []
    for found in (upright, turned):
        records = [result for result in found.values() if isinstance(result, ReadingRecord)]
        means.append(np.mean([score for record in records for score in record.chars]))
    assert means[1] < means[0] - 0.1
