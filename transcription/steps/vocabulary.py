"""Change a collection's vocabulary, pin the revision a run reads with, and look words up in it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection, transaction
from django.db.models import Max, QuerySet

from transcription.errors import BadInput
from transcription.formats.word_list import WordEntry
from transcription.htr.lexicon import Lexicon, words_of
from transcription.models import Collection, Page, PageState, Run, Term, TermKind, Vocabulary

MOST_TERMS = 100_000  # the tree of a beam search over as many takes about 250 MB in the process that reads
BATCH = 5000
FEW = 500  # entries that are looked up one by one; for more, the whole vocabulary is fetched
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ſ": "s", "ß": "ss", "ﬁ": "fi", "ﬂ": "fl"})


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of a list: terms that were new, known ones that got another kind or note, ones left as they were."""

    added: int
    changed: int
    known: int


def merge_terms(*, collection: Collection, entries: Sequence[WordEntry]) -> Merged:
    """Add ``entries`` (each text once) to the vocabulary; a kind or note that an entry states replaces the known one.

    Raises BadInput ``too-many-terms``, having changed nothing.
    """
    with transaction.atomic():
        vocabulary = _locked(collection)
        present = _present(collection, entries)
        new, changed, known = [], [], 0
        for entry in entries:
            term = present.get(entry.text)
            if term is None:
                new.append(_term(collection, entry, since=vocabulary.revision + 1))
            elif _restate(term, entry):
                changed.append(term)
            else:
                known += 1
        count = Term.objects.filter(collection=collection).present().count()
        if count + len(new) > MOST_TERMS:
            raise BadInput(
                f"A vocabulary holds at most {MOST_TERMS:,} terms; this one has {count:,} and the list would add "
                f"{len(new):,}. Leave out what any dictionary holds: names and places help most.",
                code="too-many-terms",
            )
        if new:
            _next_revision(vocabulary)
            Term.objects.bulk_create(new, batch_size=BATCH)
        Term.objects.bulk_update(changed, ["kind", "note"], batch_size=BATCH)
    return Merged(len(new), len(changed), known)


def remove_terms(*, collection: Collection, terms: QuerySet[Term]) -> int:
    """Take ``terms`` out of the vocabulary; returns how many.

    Those that a run was begun with are kept for its sake, out of sight; the others are deleted.
    """
    with transaction.atomic():
        vocabulary = _locked(collection)
        chosen = terms.filter(collection=collection, until=None)
        # Runs that are being begun hold the vocabulary's row until they are committed: none is missed here.
        last = Run.objects.filter(page__collection=collection).aggregate(last=Max("vocabulary"))["last"] or 0
        deleted, _ = chosen.filter(since__gt=last).delete()
        retired = chosen.update(until=vocabulary.revision + 1)
        if deleted or retired:
            _next_revision(vocabulary)
    return deleted + retired


def pin_vocabulary(collection_id: int) -> int:
    """The revision that a run beginning in this transaction reads with; its terms cannot be deleted any more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT revision FROM transcription_vocabulary WHERE collection_id = %s FOR SHARE", [collection_id]
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def present_revision(collection: Collection) -> int:
    """The revision of the vocabulary now; 0 where there never was a word."""
    return Vocabulary.objects.filter(collection=collection).values_list("revision", flat=True).first() or 0


def pages_read_before(collection: Collection) -> QuerySet[Page]:
    """Pages whose machine text may change if they are read with the present vocabulary; approved ones never do."""
    finished = collection.pages.filter(state__in=[PageState.ACCEPTED, PageState.IN_REVIEW], approved_at=None)
    return finished.filter(run__vocabulary__lt=present_revision(collection))


# What a revision holds never changes once a run has pinned it, so that both may be kept as long as there is room.
@lru_cache(maxsize=8)
def words_at(collection_id: int, revision: int) -> frozenset[str]:
    """The words of a pinned revision of a collection's vocabulary."""
    if not revision:
        return frozenset()
    terms = Term.objects.filter(collection=collection_id).at(revision)
    return words_of(terms.values_list("text", flat=True))


@lru_cache(maxsize=2)
def lexicon_at(collection_id: int, revision: int) -> Lexicon:
    """The words of a pinned revision, indexed for looking up what is near a word."""
    return Lexicon(words_at(collection_id, revision))


def sort_key(text: str) -> str:
    """``text`` without case and accents, ligatures written out: how people look for it in a list."""
    plain = unicodedata.normalize("NFD", text.casefold().translate(_LIGATURES))
    return "".join(char for char in plain if not unicodedata.combining(char))


def _locked(collection: Collection) -> Vocabulary:
    Vocabulary.objects.get_or_create(collection=collection)
    return Vocabulary.objects.select_for_update().get(collection=collection)


def _present(collection: Collection, entries: Sequence[WordEntry]) -> dict[str, Term]:
    """The terms that ``entries`` may name, by their text."""
    terms = Term.objects.filter(collection=collection).present()
    if len(entries) <= FEW:
        terms = terms.filter(text__in=[entry.text for entry in entries])
    return {term.text: term for term in terms}


def _next_revision(vocabulary: Vocabulary) -> None:
    vocabulary.revision += 1
    vocabulary.save(update_fields=["revision", "changed_at"])


def _term(collection: Collection, entry: WordEntry, *, since: int) -> Term:
    kind = entry.kind or TermKind.TERM
    return Term(
        collection=collection, text=entry.text, sort_key=sort_key(entry.text), kind=kind, note=entry.note, since=since
    )


def _restate(term: Term, entry: WordEntry) -> bool:
    """Give ``term`` the kind and note that ``entry`` states; True if that changed it."""
    before = (term.kind, term.note)
    term.kind, term.note = entry.kind or term.kind, entry.note or term.note
    return before != (term.kind, term.note)
