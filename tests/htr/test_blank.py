from __future__ import annotations

import pytest

from transcription.htr.blank import BLANK, is_blank


@pytest.mark.parametrize("note", [BLANK, "Blank page.", "Blank page: only show-through of the other side."])
def test_a_note_that_is_sure_means_a_blank_page(note: str) -> None:
    assert is_blank(note)


@pytest.mark.parametrize(
    "note",
    ["", "Blank page?", "Probably blank page", "Blank, perhaps very faint", "No writing was found on this page."],
)
def test_a_note_in_doubt_or_of_something_else_does_not(note: str) -> None:
    assert not is_blank(note)
