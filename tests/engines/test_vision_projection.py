from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from transcription.engines.vision_projection import (
    IMAGE_STEP,
    VisionProjection,
    compressed,
    image_length,
    shown_columns,
)


def posteriors(*columns: dict[int, float], classes: int = 4) -> NDArray[np.float32]:
    """Rows of which each names some classes' shares; the blank has the rest."""
    rows = np.zeros((len(columns), classes), np.float32)
    for row, shares in zip(rows, columns, strict=True):
        for number, share in shares.items():
            row[number] = share
        row[0] = 1 - row.sum()
    return rows


class TestShownColumns:
    def test_a_run_of_one_character_is_its_peak(self) -> None:
        assert shown_columns(posteriors({}, {1: 0.7}, {1: 0.9}, {1: 0.6}, {})).tolist() == [2]

    def test_doubled_characters_stay_two(self) -> None:
        assert shown_columns(posteriors({1: 0.9}, {}, {1: 0.9})).tolist() == [0, 2]

    def test_neighbours_without_a_blank_between_stay_apart(self) -> None:
        assert shown_columns(posteriors({1: 0.9}, {2: 0.8}, {1: 0.7})).tolist() == [0, 1, 2]

    def test_a_faint_character_counts_where_it_stands_by_itself(self) -> None:
        assert shown_columns(posteriors({1: 0.9}, {}, {2: 0.2}, {}, {3: 0.05}, {})).tolist() == [0, 2]

    def test_the_slope_of_a_peak_does_not(self) -> None:
        assert shown_columns(posteriors({1: 0.3}, {1: 0.9}, {1: 0.4}, {1: 0.2}, {})).tolist() == [1]

    def test_of_empty_paper_and_of_nothing_nothing_is_left(self) -> None:
        assert shown_columns(posteriors({}, {}, {})).tolist() == []
        assert shown_columns(np.zeros((0, 4), np.float32)).tolist() == []

    def test_what_is_kept_says_where_it_stood(self) -> None:
        output = posteriors({}, {1: 0.9}, {})
        found = compressed(np.log(output + 1e-9), np.ones((3, 2), np.float32))
        assert found.columns.tolist() == [1]
        assert found.width == 3
        assert np.allclose(found.values, [[*output[1], 1, 1]], atol=1e-6)


def test_an_image_takes_a_multiple_of_the_step() -> None:
    assert [image_length(n) for n in (0, 1, IMAGE_STEP, IMAGE_STEP + 1)] == [*[IMAGE_STEP] * 3, 2 * IMAGE_STEP]


def test_a_projection_begins_as_the_mean_embedding_of_what_the_encoder_believes() -> None:
    embeddings = torch.randn(4, 8)
    projection = VisionProjection(4, 3, 8, hidden=5)
    projection.begin(embeddings)
    shares = torch.tensor([[0.1, 0.6, 0.3, 0.0], [1.0, 0.0, 0.0, 0.0]])
    found = projection(torch.cat((shares, torch.randn(2, 3)), 1))
    assert torch.allclose(found, shares @ embeddings, atol=1e-6)
