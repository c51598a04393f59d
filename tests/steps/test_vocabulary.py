from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from tests.factories import create_collection, create_term, create_user
from tests.steps.journey import current_run, prepared_page, work_until_nothing_is_due
from transcription.errors import BadInput
from transcription.formats.word_list import WordEntry
from transcription.htr.lexicon import Lexicon
from transcription.htr.records import Hints, ItemError, LineImage, ReadingRecord
from transcription.models import Collection, PageState, Queue, Term, Vote
from transcription.steps import flow, queue, vocabulary
from transcription.steps.control import rerun
from transcription.steps.correct import save_line
from transcription.steps.invariants import violations
from transcription.steps.profiles import profile_version_of, registry
from transcription.steps.purge import purge_collection
from transcription.steps.recognize import recognize
from transcription.steps.vocabulary import (
    lexicon_at,
    merge_terms,
    pages_read_before,
    present_revision,
    remove_terms,
    words_at,
)
from transcription.steps.vote import suggestions
from transcription.steps.workers import held_engine_digests

pytestmark = pytest.mark.django_db
Install = Callable[..., None]


def entries(*texts: str, kind: str = "") -> list[WordEntry]:
    return [WordEntry(text, kind) for text in texts]


def texts_of(collection: Collection) -> list[str]:
    present = Term.objects.filter(collection=collection).present()
    return list(present.order_by("sort_key").values_list("text", flat=True))


class TestMerge:
    def test_lists_add_up_and_nothing_is_stored_twice(self) -> None:
        collection = create_collection()
        first = merge_terms(collection=collection, entries=entries("Smith", "York"))
        again = merge_terms(collection=collection, entries=entries("York", "Bath"))
        assert (first.added, again.added, again.known) == (2, 1, 1)
        assert texts_of(collection) == ["Bath", "Smith", "York"]
        assert present_revision(collection) == 2

    def test_a_kind_that_is_stated_replaces_the_known_one_and_one_that_is_not_leaves_it(self) -> None:
        collection = create_collection()
        merge_terms(collection=collection, entries=[WordEntry("York", "place", "a see")])
        assert merge_terms(collection=collection, entries=entries("York")).known == 1
        assert merge_terms(collection=collection, entries=entries("York", kind="name")).changed == 1
        term = Term.objects.get()
        assert (term.kind, term.note) == ("name", "a see")
        assert present_revision(collection) == 1, "the words are the same"

    def test_a_list_that_is_too_long_changes_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(vocabulary, "MOST_TERMS", 3)
        collection = create_collection()
        merge_terms(collection=collection, entries=entries("Smith", "York"))
        with pytest.raises(BadInput, match="at most 3 terms; this one has 2") as refused:
            merge_terms(collection=collection, entries=entries("Bath", "Wells"))
        assert refused.value.code == "too-many-terms"
        assert texts_of(collection) == ["Smith", "York"]
        assert present_revision(collection) == 1

    def test_collections_keep_their_words_to_themselves(self) -> None:
        one, other = create_collection(), create_collection()
        merge_terms(collection=one, entries=entries("Smith"))
        merge_terms(collection=other, entries=entries("Smith", "York"))
        assert remove_terms(collection=other, terms=Term.objects.all()) == 2
        assert (texts_of(one), texts_of(other)) == (["Smith"], [])

    def test_tens_of_thousands_of_terms_are_taken_and_known_again(self) -> None:
        collection = create_collection()
        many = entries(*(f"Name{number:05}" for number in range(30_000)))
        assert merge_terms(collection=collection, entries=many).added == 30_000
        assert merge_terms(collection=collection, entries=[*many, WordEntry("York")]).known == 30_000
        assert len(words_at(collection.pk, present_revision(collection))) == 30_001


class TestRevisions:
    def test_a_run_reads_with_the_words_there_were_as_it_began(self, media_root: Path, scribe: Install) -> None:
        collection = create_collection()
        merge_terms(collection=collection, entries=entries("Whitcombe"))
        page = prepared_page(media_root, collection=collection)
        pinned = current_run(page).vocabulary
        merge_terms(collection=collection, entries=entries("Smith"))
        remove_terms(collection=collection, terms=Term.objects.filter(text="Whitcombe"))
        assert words_at(collection.pk, pinned) == {"Whitcombe"}
        assert words_at(collection.pk, present_revision(collection)) == {"Smith"}

    def test_words_that_no_run_has_used_are_deleted_others_are_kept_out_of_sight(
        self, media_root: Path, scribe: Install
    ) -> None:
        collection = create_collection()
        create_term(collection=collection, text="used")
        prepared_page(media_root, collection=collection)
        create_term(collection=collection, text="mistake")
        assert remove_terms(collection=collection, terms=Term.objects.all()) == 2
        assert list(Term.objects.values_list("text", flat=True)) == ["used"]
        assert texts_of(collection) == []
        create_term(collection=collection, text="used")
        assert texts_of(collection) == ["used"]

    def test_pages_read_before_a_change_are_known_until_they_are_read_again(
        self, media_root: Path, scribe: Install
    ) -> None:
        collection = create_collection()
        page = prepared_page(media_root, collection=collection)
        approved = prepared_page(media_root, collection=collection)
        work_until_nothing_is_due()
        approved.refresh_from_db()
        approved.state = PageState.REVIEWED
        approved.save()
        assert not pages_read_before(collection).exists()
        create_term(collection=collection)
        assert list(pages_read_before(collection)) == [page]
        assert rerun(collection, pages=pages_read_before(collection)) == 1
        work_until_nothing_is_due()
        assert not pages_read_before(collection).exists()
        assert current_run(page).vocabulary == present_revision(collection)
        assert violations() == []

    def test_removing_nothing_is_no_change(self) -> None:
        collection = create_collection()
        create_term(collection=collection)
        assert remove_terms(collection=collection, terms=Term.objects.filter(text="nobody")) == 0
        assert present_revision(collection) == 1

    def test_a_purged_collection_takes_its_vocabulary_along(self, media_root: Path, scribe: Install) -> None:
        collection, other = create_collection(), create_collection()
        create_term(collection=collection)
        kept = create_term(collection=other)
        prepared_page(media_root, collection=collection)
        work_until_nothing_is_due()
        purge_collection(collection)
        assert list(Term.objects.all()) == [kept]


class Listener:
    """A recogniser that remembers what it was asked."""

    calls: list[tuple[int, Hints]] = []

    def recognize(self, crops: Iterable[LineImage], hints: Hints) -> Iterator[ReadingRecord | ItemError]:
        lines = list(crops)
        self.calls.append((len(lines), hints))
        for line in lines:
            yield ReadingRecord(line.key, "the", (0.9,) * 3)


class TestHints:
    @pytest.fixture
    def calls(self, settings: Any) -> Iterator[list[tuple[int, Hints]]]:
        settings.ENGINES = settings.ENGINES | {
            "starter": {"CLASS": "tests.steps.test_vocabulary.Listener", "VERSION": "1", "READS": ["lines"]}
        }
        registry.cache_clear()
        Listener.calls.clear()
        yield Listener.calls
        registry.cache_clear()

    def test_one_call_reads_many_pages_with_the_language_and_words_of_their_collection(
        self, media_root: Path, calls: list[tuple[int, Hints]]
    ) -> None:
        collection = create_collection(language="français")  # a row older than the form's check
        merge_terms(collection=collection, entries=entries("Saint Denis", "à"))
        pages = [prepared_page(media_root, collection=collection, lines=lines) for lines in (1, 3)]
        passes = current_run(pages[0]).profile_version.stage_passes.count()
        claim = queue.claim(queue=Queue.ENGINE, worker="w", limit=50, engine_digests=held_engine_digests())
        assert claim is not None
        recognize(claim.work, claim.token, lambda: None)
        assert calls == [(4 * passes, Hints(language="fr", vocabulary=frozenset({"Saint", "Denis"})))]

    def test_pages_of_several_collections_are_read_each_with_their_own_hints(
        self, media_root: Path, calls: list[tuple[int, Hints]]
    ) -> None:
        works, token = [], None
        for language, word in (("fr", "Denis"), ("en", "York")):
            collection = create_collection(language=language)
            create_term(collection=collection, text=word)
            prepared_page(media_root, collection=collection, lines=1)
            claim = queue.claim(queue=Queue.ENGINE, worker="w", limit=50, engine_digests=held_engine_digests())
            assert claim is not None
            works += claim.work
            token = token or claim.token
        assert token is not None
        recognize(works, token, lambda: None)
        assert [hints for _, hints in calls] == [
            Hints("fr", frozenset({"Denis"})),
            Hints("en", frozenset({"York"})),
        ]

    def test_the_words_are_fetched_once_for_all_pages(
        self, media_root: Path, calls: list[tuple[int, Hints]], django_assert_max_num_queries: Any
    ) -> None:
        collection = create_collection()
        create_term(collection=collection)
        words_at(collection.pk, 1)
        with django_assert_max_num_queries(0):
            words_at(collection.pk, 1)
            lexicon_at(collection.pk, 1)


def voted(text: str, confidence: float, *others: str) -> dict[str, Any]:
    alternatives = [{"text": other, "support": 0.2, "passes": ["clahe+starter"]} for other in others]
    return {"text": text, "confidence": confidence, "alternatives": alternatives}


class TestSuggestions:
    lexicon = Lexicon(["Whitcombe", "Smith", "Smythe", "Marion", "Marian", "Marien", "Marson"])

    def offered(self, word: dict[str, Any]) -> list[str]:
        return [each["text"] for each in suggestions(word, self.lexicon, 0.7)]

    def test_a_doubtful_word_gets_what_is_near_marked_as_read_by_nobody(self) -> None:
        assert suggestions(voted("Smyth,", 0.3), self.lexicon, 0.7) == [
            {"text": "Smith,", "support": 0.0, "passes": ["vocabulary"], "span": None},
            {"text": "Smythe,", "support": 0.0, "passes": ["vocabulary"], "span": None},
        ]

    def test_what_a_pass_has_read_is_not_offered_twice(self) -> None:
        assert self.offered(voted("Smyth", 0.3, "Smith")) == ["Smythe"]

    def test_no_more_are_offered_than_help_and_there_are_keys_for(self) -> None:
        assert len(self.offered(voted("Marlon", 0.3))) == 3
        assert len(self.offered(voted("Marlon", 0.3, *"abcdefgh"))) == 1
        assert self.offered(voted("Marlon", 0.3, *"abcdefghi")) == []

    def test_a_word_that_reads_well_gets_only_what_it_may_be_a_slip_for(self) -> None:
        assert self.offered(voted("Whitcomhe", 0.95)) == ["Whitcombe"]
        assert self.offered(voted("Whltcomhe", 0.95)) == []
        assert self.offered(voted("Marion", 0.95)) == [], "known"
        assert "Marian" in self.offered(voted("Marion", 0.5)), "known, but doubtful"

    def test_the_vote_offers_words_and_changes_no_text(self, media_root: Path, scribe: Install) -> None:
        scribe(text="the old rectar", score=0.4)
        collection = create_collection()
        merge_terms(collection=collection, entries=entries("Rector", "oldest"))
        page = prepared_page(media_root, collection=collection, lines=1)
        work_until_nothing_is_due()
        vote = Vote.objects.get(run=current_run(page))
        assert vote.text == "the old rectar"
        assert vote.words[2]["alternatives"] == [
            {"text": "rector", "support": 0.0, "passes": ["vocabulary"], "span": None}
        ]
        assert [word["alternatives"] for word in vote.words[:2]] == [[], []]
        assert violations() == []

    def test_a_persons_text_is_not_touched_by_reading_with_new_words(self, media_root: Path, scribe: Install) -> None:
        collection = create_collection()
        page = prepared_page(media_root, collection=collection, lines=1)
        work_until_nothing_is_due()
        line = page.lines.get()
        save_line(line=line, text="a person's", base_revision=1, author=create_user())
        create_term(collection=collection, text="Rectory")
        rerun(collection)
        work_until_nothing_is_due()
        line.refresh_from_db()
        assert line.current is not None
        assert line.current.text == "a person's"


def test_words_are_sorted_and_found_without_case_accents_and_ligatures() -> None:
    assert vocabulary.sort_key("Œuvre d'Été") == "oeuvre d'ete"
    assert vocabulary.sort_key("Straße") == vocabulary.sort_key("STRASSE")


def test_a_page_gets_its_suggestions_in_a_moment() -> None:
    syllables = ["ma", "ri", "an", "ton", "ber", "whit", "combe", "ford", "ley", "ham", "sto", "wel", "har"]
    words = [(a + b + c + d).capitalize() for a in syllables for b in syllables for c in syllables for d in syllables]
    many = Lexicon(words[:20_000])
    page = [voted(f"{word[:3]}x{word[4:]}", 0.4) for word in words[:20_000:80]][:240]
    started = time.perf_counter()
    found = [suggestions(word, many, 0.7) for word in page]
    # Measured below 50 ms for a page of 30 lines; the bound leaves room for a busy machine.
    assert time.perf_counter() - started < 0.5
    assert sum(map(bool, found)) > 200


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_being_begun_keeps_its_words_from_being_deleted(media_root: Path, scribe: Install) -> None:
    """Whoever removes words waits until the run is committed, and then sees that it needs them."""
    collection = create_collection()
    create_term(collection=collection, text="needed")
    with transaction.atomic():
        page = prepared_page(media_root, collection=collection)
    create_term(collection=collection, text="mistake")
    removed = threading.Event()

    def remove() -> None:
        remove_terms(collection=collection, terms=Term.objects.all())
        removed.set()
        connection.close()

    with transaction.atomic():
        flow.start_run(page=page, profile_version=profile_version_of(collection), layout=page.layout, lane=1)
        remover = threading.Thread(target=remove)
        remover.start()
        assert not removed.wait(0.5), "it must wait for the run"
    remover.join(10)
    assert removed.is_set()
    assert words_at(collection.pk, current_run(page).vocabulary) == {"needed", "mistake"}
    assert texts_of(collection) == []
