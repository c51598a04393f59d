"""The index is what the lines are, whatever happens to them."""

from __future__ import annotations

import pytest

from tests.factories import create_layout, create_page, create_run, create_user, create_vote, word
from transcription.models import Page, SearchLine, SearchMark, SearchWord
from transcription.steps.correct import save_line
from transcription.steps.search_index import differences, mark_all_pages, settle_marks

pytestmark = pytest.mark.django_db


@pytest.fixture
def page() -> Page:
    made = create_page()
    layout = create_layout(page=made)
    run = create_run(page=made)
    for place in layout.places.all():
        create_vote(run=run, line=place.line, words=[word("John"), word("Smlth", 0.4, "Smith", "Smyth")])
    return made


def counts() -> dict[str, int]:
    return dict(SearchWord.objects.values_list("word", "lines"))


def test_a_voted_page_is_marked_and_indexed_with_its_alternatives(page: Page) -> None:
    assert SearchMark.objects.filter(pk=page.pk).exists()
    assert settle_marks() == (1, 0)
    assert not SearchMark.objects.exists()
    assert SearchLine.objects.filter(said__matches="'smlth'").count() == 2
    assert SearchLine.objects.filter(other__matches="'smyth'").count() == 2
    assert SearchLine.objects.filter(every__matches="'john' <-> 'smith'").count() == 2
    assert counts() == {"john": 2, "smlth": 2, "smith": 2, "smyth": 2}
    assert list(differences()) == []


def test_settling_twice_changes_nothing(page: Page) -> None:
    settle_marks()
    mark_all_pages()
    assert settle_marks() == (1, 0)
    assert counts() == {"john": 2, "smlth": 2, "smith": 2, "smyth": 2}


def test_what_a_person_typed_refutes_what_readings_had(page: Page) -> None:
    settle_marks()
    line = page.lines.order_by("pk")[0]
    save_line(line=line, text="Joan Smith", base_revision=1, author=create_user())
    settle_marks()
    assert counts() == {"john": 1, "joan": 1, "smlth": 1, "smith": 2, "smyth": 1}
    assert list(differences()) == []
