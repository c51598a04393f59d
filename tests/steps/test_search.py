"""What is found, for whom, in which order, and how much of what was misread."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import (
    create_collection,
    create_layout,
    create_membership,
    create_page,
    create_revision,
    create_run,
    create_user,
    create_vote,
    word,
)
from transcription.htr.records import ReadingRecord
from transcription.htr.voting import PassReading, vote
from transcription.models import Collection, Line, Page, PageState, Source
from transcription.steps import search as searching
from transcription.steps.search import Filters, Found, Level, Sure, search
from transcription.steps.search_hits import hits_on_page, line_hits
from transcription.steps.search_index import settle_marks
from transcription.steps.search_plan import Expected, Way
from transcription.steps.vote import words_as_json

pytestmark = pytest.mark.django_db


def page_of(
    *texts: str, collection: Collection | None = None, source: Source = Source.PERSON, **fields: object
) -> Page:
    """An indexed page with a line for each of ``texts``."""
    page = create_page(collection=collection, **fields)  # type: ignore[arg-type]
    layout = create_layout(page=page, lines=len(texts))
    for place, text in zip(layout.places.order_by("position"), texts, strict=True):
        create_revision(line=place.line, text=text, source=source)
    settle_marks()
    return page


def voted_page(*lines: list[dict[str, object]], collection: Collection | None = None) -> Page:
    page = create_page(collection=collection)
    layout = create_layout(page=page, lines=len(lines))
    run = create_run(page=page)
    for place, words in zip(layout.places.order_by("position"), lines, strict=True):
        create_vote(run=run, line=place.line, words=words)
    settle_marks()
    return page


def everything(text: str, **options: object) -> Found:
    return search(user=create_user(superuser=True), text=text, **options)  # type: ignore[arg-type]


def texts(found: Found) -> list[str]:
    return [Line.objects.get(pk=each.row.line_id).current.text for each in found.lines]  # type: ignore[union-attr]


def test_all_words_must_be_on_the_line_in_any_order_case_and_accent() -> None:
    page_of("Ann Smyth, the Réctor", "Ann the widow", "Smyth alone")
    assert texts(everything("smyth ann")) == ["Ann Smyth, the Réctor"]
    assert texts(everything("rector")) == ["Ann Smyth, the Réctor"]


def test_a_phrase_stands_side_by_side_and_a_word_after_minus_is_not_there() -> None:
    page_of("the old rector", "the rector old", "the old rector of Ash")
    assert texts(everything('"old rector" -ash')) == ["the old rector"]


def test_a_prefix_finds_what_begins_so() -> None:
    page_of("was baptised", "the baptism", "a bap")
    assert set(texts(everything("bapt*"))) == {"was baptised", "the baptism"}


def test_a_word_broken_over_two_lines_is_found_where_it_begins_and_shown_with_its_rest() -> None:
    page_of("John was bap-", "tised here")
    found = everything("baptised")
    (hit,) = line_hits(found, create_user(superuser=True))
    assert hit.text == "John was bap-"
    assert hit.goes_on == "tised"
    assert [piece for piece, word_hit in hit.pieces if word_hit] == ["bap-"]


def test_typed_stands_before_brought_before_read_by_confidence_before_alternatives_before_similar_spellings() -> None:
    voted_page([word("Smith", 0.6)], [word("Smith", 0.9)], [word("Smlth", 0.5, "Smith")], [word("Smythe", 0.9)])
    page_of("Smith typed")
    page_of("Smith brought", source=Source.IMPORT)
    found = everything("smith")
    assert texts(found) == ["Smith typed", "Smith brought", "Smith", "Smith", "Smlth", "Smythe"]
    assert [each.level for each in found.lines] == [*[Level.TEXT] * 4, Level.OTHER, Level.NEAR]
    assert [each.row.confidence for each in found.lines[2:4]] == [0.9, 0.6]
    assert found.count == 5


def test_what_was_read_otherwise_is_shown_with_who_read_it() -> None:
    voted_page([word("John"), word("Smlth", 0.4, "Smith")])
    found = everything('"john smith"')
    (hit,) = line_hits(found, create_user(superuser=True))
    assert [(other.text, other.passes) for other in hit.others] == [("Smith", ("adaptive+starter",))]
    assert [(piece, bool(word_hit and word_hit.others)) for piece, word_hit in hit.pieces if word_hit] == [
        ("John", False),
        ("Smlth", True),
    ]


def test_a_line_that_a_person_corrected_is_not_found_by_what_was_misread() -> None:
    page = voted_page([word("Smlth", 0.4, "Smith")])
    create_revision(line=page.lines.get(), text="Smythe")
    settle_marks()
    assert texts(everything("smlth", similar=False)) == []
    assert texts(everything("smith", similar=False)) == []
    assert texts(everything("smythe")) == ["Smythe"]


def test_similar_spellings_follow_where_few_are_found_or_when_asked_for_or_never() -> None:
    page_of(*["Smith"] * 3, "Smyth", "Snith")
    assert texts(everything("smith", size=3)) == ["Smith"] * 3
    assert everything("smith", size=3).similar_left_out
    assert texts(everything("smith")) == ["Smith"] * 3 + ["Snith", "Smyth"]
    assert len(everything("smith", similar=False).lines) == 3
    first = everything("smith", size=3, similar=True)
    assert len(everything("smith", size=3, similar=True, after=first.after).lines) == 2


def test_similar_spellings_are_nearest_first_and_of_a_word_that_is_nowhere() -> None:
    page_of("Katharine", "Catherine", "Margaret")
    found = everything("katherine")
    assert texts(found) == ["Catherine", "Katharine"]
    assert found.count == 0


def test_pages_of_results_follow_each_other_without_gap_or_repetition() -> None:
    page_of(*[f"Smith {k}" for k in range(7)])
    voted_page([word("Smith", 0.3)], [word("Smlth", 0.5, "Smith")], [word("Smith", 0.3)], [word("Snith", 0.4)])
    user, after, seen = create_user(superuser=True), "", list[int]()
    for _ in range(20):
        found = search(user=user, text="smith", similar=True, after=after, size=3)
        seen += [each.row.line_id for each in found.lines]
        after = found.after
        if not after:
            break
    assert len(seen) == len(set(seen)) == 11


@pytest.mark.parametrize("key", ["x", "W10", "WzAsICJhIl0", "Wzk5LDFd", "é", "WzAsMWU5OV0"])
def test_a_key_that_cannot_be_read_gives_the_first_page(key: str) -> None:
    page_of("Smith")
    assert len(everything("smith", after=key).lines) == 1


def test_frequent_words_are_walked_to_the_same_lines_as_they_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    page_of(*[f"Smith of {k}" for k in range(12)], "Jones of 3")
    voted_page([word("Smith", 0.3)], [word("Smlth", 0.5, "Smith")], [word("Snith", 0.4)])
    looked_up = [(each.row.line_id, each.level) for each in everything("smith of", similar=True).lines]
    monkeypatch.setattr(Expected, "way", lambda self, wanted: Way.WALKED)
    assert [(each.row.line_id, each.level) for each in everything("smith of", similar=True).lines] == looked_up


def test_nobody_finds_lines_of_collections_that_are_not_theirs() -> None:
    mine, other = create_collection(title="Mine"), create_collection(title="Other")
    user = create_membership(collection=mine).user
    page_of("Smith here", "Smyth here", collection=mine)
    page_of("Smith there", "Smithe there", "Smittson", collection=other)
    assert texts(search(user=user, text="smith", similar=True)) == ["Smith here", "Smyth here"]
    assert search(user=user, text="smith", filters=Filters(collection=other.pk)).lines == []
    assert search(user=user, text="there", similar=False).lines == []
    assert [each.word for each in search(user=user, text="smittson").suggested] == ["smith"]
    assert search(user=create_user(), text="smith").lines == []


def test_a_hit_is_shown_only_to_who_may_see_its_page_now() -> None:
    collection = create_collection()
    membership = create_membership(collection=collection)
    page_of("Smith", collection=collection)
    found = search(user=membership.user, text="smith")
    assert len(line_hits(found, membership.user)) == 1
    membership.delete()
    assert line_hits(found, membership.user) == []


def test_filters_narrow_by_collection_document_state_sureness_and_day() -> None:
    first = page_of("Smith one")
    second = page_of("Smith two", state=PageState.REVIEWED)
    voted_page([word("Smith", 0.4)], [word("Smith", 0.95)])
    today = date.today()
    assert texts(everything("smith", filters=Filters(collection=first.collection_id))) == ["Smith one"]
    assert texts(everything("smith", filters=Filters(document=second.document_id))) == ["Smith two"]
    assert texts(everything("smith", filters=Filters(states=(PageState.REVIEWED,)))) == ["Smith two"]
    assert len(everything("smith", filters=Filters(sure=Sure.PERSON)).lines) == 2
    assert [each.row.confidence for each in everything("smith", filters=Filters(sure=Sure.LOW)).lines] == [0.4]
    assert len(everything("smith", filters=Filters(sure=Sure.HIGH)).lines) == 3
    assert len(everything("smith", filters=Filters(since=today, until=today)).lines) == 4
    assert everything("smith", filters=Filters(since=today + timedelta(days=2))).lines == []
    assert everything("smith", filters=Filters(until=today - timedelta(days=2))).lines == []
    assert everything("smith", filters=Filters(since=date.min, until=date.max)).count == 4


def test_a_count_says_no_more_than_was_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "MOST_COUNTED", 5)
    page_of(*["John Smith"] * 9)
    assert everything("john smith", size=2).count == 6
    assert everything("smith", size=2).count == 9


def test_only_lines_of_the_present_layout_are_found() -> None:
    page = page_of("Smith old")
    create_layout(page=page, lines=1)
    settle_marks()
    assert everything("smith").lines == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(), max_size=60))
def test_no_text_is_a_wrong_query(text: str, some_lines: Page) -> None:
    user = create_user(superuser=True)
    line_hits(search(user=user, text=text, similar=True), user)
    hits_on_page(some_lines, text, some_lines.lines.all()[0].pk)


@pytest.fixture
def some_lines() -> Page:
    return page_of("it's 'quoted' \\ & | ! <-> :* (x)", "Smith %s %(x)s")


@pytest.mark.parametrize("text", ["'; DROP TABLE x --", "a:* & | !", "(((", "\\", "'", '"', "%s %", "smith:A", "<->"])
def test_what_looks_like_syntax_is_words(text: str, some_lines: Page) -> None:
    user = create_user(superuser=True)
    line_hits(search(user=user, text=text, similar=True), user)


NAMES = [
    "John", "William", "Thomas", "Anne", "Marye", "Katharine", "Elizabeth", "Robert", "Richard", "Joane", "Agnes",
    "Edmund", "Humfrey", "Bridget", "Whitcombe", "Alder", "Smyth", "Fletcher", "Hathaway", "Greenslade", "Thornbury",
    "Pennington", "Ashdowne", "Blackmore", "Carew",
]  # fmt: skip


def test_misread_names_are_found_by_what_other_passes_read() -> None:
    """Three passes misread letters of names independently; the vote gets many wrong. Of those that any pass had right,
    at least nine in ten must be found by typing the name, through alternatives alone."""
    chance = random.Random(4)
    page = create_page()
    # Letters after each tell one from another, so that a name is found only where it was planted.
    names = [f"{NAMES[k % len(NAMES)]}{chr(97 + k // len(NAMES))}{chr(97 + k % 26)}" for k in range(400)]
    layout = create_layout(page=page, lines=len(names))
    run = create_run(page=page)
    planted = []
    for place, name in zip(layout.places.order_by("position"), names, strict=True):
        line = f"baptised {name} of this parish"
        seen = [_misread(line, chance) for _ in range(3)]
        readings = [
            PassReading(f"pass{k}", f"engine{k}", ReadingRecord(place.line_id, text, (0.8,) * len(text), ()))
            for k, text in enumerate(seen)
        ]
        consensus = vote(readings)
        create_vote(run=run, line=place.line, words=words_as_json(consensus))
        if name not in consensus.text.split() and any(name in text.split() for text in seen):
            planted.append((name, place.line_id))
    settle_marks()
    user = create_user(superuser=True)
    found = sum(
        line in {each.row.line_id for each in search(user=user, text=name, similar=False, size=200).lines}
        for name, line in planted
    )
    assert len(planted) >= 30
    assert found >= 0.9 * len(planted)


def _misread(line: str, chance: random.Random) -> str:
    return "".join(chance.choice("aeioulnrstm") if char.isalpha() and chance.random() < 0.1 else char for char in line)
