"""The search index: one row for each line that a page shows, and the words of each collection.

Nothing here is a source: ``steps/search_index.py`` makes it from lines, votes and layouts. Triggers write a SearchMark
for every page that changed, in the transaction that changed it, so no change can pass the index by. No foreign keys
are enforced: rows of what was deleted go when the page's mark is settled, and what they name is looked up again
before it is shown.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models.lookups import Lookup
from django.db.models.sql.compiler import SQLCompiler

from transcription.models.page import PageState

# What a person typed stands before what was brought, that before what a machine read: by confidence in thousandths.
RANK_PERSON, RANK_IMPORT, RANK_SURE = 3000, 2000, 1000
_LINE_BITS = 48
EVERY_LINE = ""  # the word of SearchWord that every line has: how many lines there are


def weight_of(rank: int, line: int = 0) -> int:
    """The one number that rows are ordered by, highest first: by rank, then by the line's id; each line has its own."""
    return (rank << _LINE_BITS) + line


@SearchVectorField.register_lookup
class Matches(Lookup[Any]):
    """``vector__matches="'john' & 'smith'"``: a tsquery as PostgreSQL spells it; no configuration folds it again."""

    lookup_name = "matches"
    prepare_rhs = False

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, parameters = self.process_lhs(compiler, connection)
        return f"{left} @@ %s::tsquery", (*parameters, self.rhs)


class SearchLine(models.Model):
    """One line of a page's present layout. ``said`` holds the lexemes of its text, ``other`` those that only other
    readings have, ``every`` both at their places; ``revision`` and ``vote`` are what they were made of."""

    line = models.OneToOneField(
        "transcription.Line", on_delete=models.DO_NOTHING, db_constraint=False, primary_key=True, related_name="+"
    )
    page = models.ForeignKey(
        "transcription.Page", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    collection_id = models.BigIntegerField()
    document_id = models.BigIntegerField()
    revision_id = models.BigIntegerField(null=True)
    vote_id = models.BigIntegerField(null=True, help_text="whose alternatives are searched, or whose confidence stands")
    state = models.CharField(max_length=10, choices=PageState)
    weight = models.BigIntegerField(help_text="``weight_of`` its rank and line")
    # Of the machine's text; null where a person's stands or nothing was scored.
    confidence = models.FloatField(null=True)
    written_at = models.DateTimeField(null=True, help_text="when the text became what it is")
    said = SearchVectorField()
    other = SearchVectorField()
    every = SearchVectorField()
    digest = models.CharField(max_length=32, help_text="of all of the above, to tell what has changed")

    class Meta:
        indexes = [
            GinIndex(fields=["said", "other", "every"], name="search_words", fastupdate=False),
            models.Index(fields=["weight"], name="search_weight"),
            models.Index(fields=["collection_id", "weight"], name="search_collection"),
            models.Index(fields=["document_id", "weight"], name="search_document"),
            models.Index(fields=["page"], name="search_page"),
        ]

    def __str__(self) -> str:
        return f"search row of line {self.line_id}"


class SearchWord(models.Model):
    """How many lines of a collection have a word, in their text or in other readings; EVERY_LINE says how many there
    are. Never 0."""

    collection_id = models.BigIntegerField()
    word = models.CharField(max_length=200)
    skeleton = models.CharField(max_length=200, help_text="the word without what was spelt freely; htr.similar_words")
    lines = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection_id", "word"], name="one_search_word")]
        indexes = [
            GinIndex(fields=["word"], opclasses=["gin_trgm_ops"], name="search_word_likeness"),
            models.Index(fields=["word"], opclasses=["varchar_pattern_ops"], name="search_word_prefix"),
            models.Index(fields=["skeleton"], name="search_word_skeleton"),
        ]

    def __str__(self) -> str:
        return f"{self.word} ({self.lines})"


class SearchMark(models.Model):
    """A page whose rows in the index may be out of date, since when."""

    page_id = models.BigIntegerField(primary_key=True)
    marked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"page {self.page_id} since {self.marked_at}"
