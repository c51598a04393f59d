from __future__ import annotations

import pytest

from tests.factories import create_collection, create_document, create_original, create_page, create_work
from transcription.models import Document, Part, Step
from transcription.steps.arrange import arrange_pages, move_page, natural_key, order_by_name

pytestmark = pytest.mark.django_db


def test_names_are_ordered_as_people_count() -> None:
    ordered = ["0003.tif", "cover.jpg", "p1.jpg", "p1b.jpg", "P2.jpg", "p2 (copy).jpg", "p10.jpg"]
    assert sorted(sorted(ordered, key=len), key=natural_key) == ordered
    assert sorted(["b", "a2", "a"], key=natural_key) == ["a", "a2", "b"]


def test_pages_stand_in_the_order_of_their_files_whatever_order_they_were_opened_in() -> None:
    document = create_document()
    for position, name in enumerate(("049.jpg", "050.jpg", "048.jpg", "9.jpg"), start=1):
        original = create_original(document=document, name=name)
        create_page(document=document, original=original, position=position)
    assert arrange_pages(document) == 4
    named = document.pages.order_by("position").values_list("original__name", flat=True)
    assert list(named) == ["9.jpg", "048.jpg", "049.jpg", "050.jpg"]
    assert arrange_pages(document) == 0


def test_frames_of_one_file_stay_together_in_their_order() -> None:
    document = create_document()
    film = create_original(document=document, name="film.tif", frames=3)
    create_page(document=document, original=create_original(document=document, name="a.jpg"), position=4)
    for frame in (2, 0, 1):
        create_page(document=document, original=film, frame=frame, position=frame + 1)
    arrange_pages(document)
    assert list(document.pages.order_by("position").values_list("original__name", "frame")) == [
        ("a.jpg", 0),
        ("film.tif", 0),
        ("film.tif", 1),
        ("film.tif", 2),
    ]


def test_nothing_moves_while_files_are_still_to_be_opened() -> None:
    collection = create_collection()
    document = create_document(collection=collection)
    for position, name in enumerate(("b.jpg", "a.jpg"), start=1):
        create_page(document=document, original=create_original(document=document, name=name), position=position)
    create_work(collection=collection, step=Step.UNPACK, original=create_original(document=document, name="c.jpg"))
    assert arrange_pages(document) == 0


def labels(document: Document) -> list[str]:
    return list(document.pages.order_by("position").values_list("original__name", flat=True))


def test_pages_that_a_person_put_in_order_stay_so_and_later_ones_follow_by_name() -> None:
    document = create_document()
    pages = {}
    for name in ("1.jpg", "2.jpg", "3.jpg", "cover.jpg"):
        pages[name] = create_page(document=document, original=create_original(document=document, name=name))
    move_page(page=pages["cover.jpg"], position=1)
    assert move_page(page=pages["1.jpg"], position=99)[-1] == pages["1.jpg"].pk
    assert labels(document) == ["cover.jpg", "2.jpg", "3.jpg", "1.jpg"]
    for name in ("10.jpg", "0.jpg"):
        create_page(document=document, original=create_original(document=document, name=name))
    other_half = create_page(document=document, original=pages["2.jpg"].original, part=Part.RIGHT)
    document.refresh_from_db()
    arrange_pages(document)
    assert labels(document) == ["cover.jpg", "2.jpg", "2.jpg", "3.jpg", "1.jpg", "0.jpg", "10.jpg"]
    other_half.refresh_from_db()
    assert other_half.position == 3, "the other half of a spread stands beside its own"
    order_by_name(document)
    assert labels(document) == ["0.jpg", "1.jpg", "2.jpg", "2.jpg", "3.jpg", "10.jpg", "cover.jpg"]
