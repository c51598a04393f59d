"""Values that several operations take or give: texts that PostgreSQL can store, lists that go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from transcription.models.keyset import Slice, paged

M = TypeVar("M", bound=Model)

BIGINT = 2**63 - 1
MOST = 200  # rows of one answer
_NO_NUL = r"^[^\u0000]*$"
_SAYS_SOMETHING = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"

Id = Annotated[int, Field(ge=1, le=BIGINT)]


Text = Annotated[str, StringConstraints(pattern=_NO_NUL)]
Name = Annotated[str, StringConstraints(min_length=1, pattern=_SAYS_SOMETHING)]


class Asked(BaseModel):
    """What a request says. Not one of ninja's own, which would take a string for an object that has a ``title``; and
    nothing that is not known here, as it was meant for something."""

    model_config = ConfigDict(extra="forbid")


class Listing(Asked):
    """Which part of a list is wanted."""

    after: Annotated[
        str, Field(max_length=500, description="The key that `next` of the part before this one holds.")
    ] = ""
    limit: Annotated[int, Field(ge=1, le=MOST, description="How many at most.")] = 50


def part_of(rows: QuerySet[M], wanted: Listing, *, order: Sequence[str]) -> Slice[M]:
    """The rows after the key, as many as are wanted; a key that cannot be read gives the first ones."""
    return paged(rows, order=order, size=wanted.limit, after=wanted.after)


def next_url(request: HttpRequest, after: str) -> str | None:
    """The address of the next part of a list, all else as it was asked; None on the last."""
    if not after:
        return None
    asked = request.GET.copy()
    asked["after"] = after
    return f"{request.path}?{urlencode(list(asked.lists()), doseq=True)}"
