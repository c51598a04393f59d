from __future__ import annotations

import pytest

from review.palette import palette
from tests.factories import create_collection

pytestmark = pytest.mark.django_db


def test_marks_come_first_then_the_characters_of_the_collection_each_once() -> None:
    found = palette(create_collection(characters="ſ  «» ⟦⟧ ſ [?] ꝑ n̄ w.c."))
    assert [each["before"] + each["after"] for each in found] == [
        "⟦⟧", "⸢⸣", "[?]", "[…]", "ſ", "«»", "ꝑ", "n̄", "w.c.",
    ]  # fmt: skip


def test_two_that_open_and_close_enclose_and_others_are_written_as_they_are() -> None:
    own = {each["before"]: each["after"] for each in palette(create_collection(characters="«» “” xy )( ab"))[4:]}
    assert own == {"«": "»", "“": "”", "xy": "", ")(": "", "ab": ""}


def test_a_letter_is_said_by_its_name() -> None:
    assert palette(create_collection(characters="ſ"))[4]["label"] == "ſ latin small letter long s"
