from __future__ import annotations

import pytest

from transcription.templatetags.longhand import below, coordinate, wrong_characters


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (None, ""),
        (0.004, "under 1 wrong character in 100"),
        (0.012, "1 wrong character in 100"),
        (0.034, "3 wrong characters in 100"),
    ],
)
def test_an_error_rate_is_said_as_people_count(rate: float | None, said: str) -> None:
    assert wrong_characters(rate) == said


def test_svg_reads_numbers_with_a_point() -> None:
    assert coordinate(40.50) == "40.5"
    assert below(36.25, 254) == "217.75"
