from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from transcription.engines.batching import BUCKET, FittedLine, batches, fit_lines
from transcription.htr.records import LineImage


def line(key: int, width: int) -> FittedLine:
    return FittedLine(key, np.zeros((48, width), np.uint8))


@given(st.lists(st.integers(1, 900), max_size=60), st.integers(1, 4_000))
def test_every_line_is_in_one_batch_of_its_own_bucket_and_no_batch_is_too_big(widths: list[int], columns: int) -> None:
    made = list(batches([line(key, width) for key, width in enumerate(widths)], columns))
    assert sorted(each.key for batch in made for each in batch) == list(range(len(widths)))
    for batch in made:
        assert {each.bucket for each in batch} == {batch[0].bucket}
        assert len(batch) == 1 or len(batch) * batch[0].bucket <= columns


@given(st.integers(1, 3_200))
def test_a_line_is_padded_by_less_than_a_bucket(width: int) -> None:
    assert 0 <= line(0, width).bucket - width < BUCKET


def test_lines_of_one_width_share_as_few_batches_as_fit() -> None:
    assert [len(batch) for batch in batches([line(key, 100) for key in range(7)], 3 * 128)] == [3, 3, 1]


def test_what_is_no_image_is_an_error_and_the_rest_is_brought_to_height() -> None:
    crops = [LineImage(4, np.zeros((64, 640), np.uint8)), LineImage(7, np.zeros((64, 0), np.uint8))]
    fitted, [error] = fit_lines(crops, 48, 300)
    assert [(each.key, each.pixels.shape) for each in fitted] == [(4, (48, 300))]
    assert (error.key, error.code) == (7, "bad-crop")
    assert "(64, 0)" in error.message
