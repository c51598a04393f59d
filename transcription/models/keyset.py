"""Paging by key: a page of rows starts after a row, not after a count, so that deep pages cost what the first does."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import BooleanField, F, Field, Func, Model, Q, QuerySet, Value

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Slice(Generic[M]):
    """Rows of one page in order, and the keys of its neighbors; an empty key: there is none."""

    rows: list[M]
    before: str
    after: str


def paged(rows: QuerySet[M], *, order: Sequence[str], size: int, after: str = "", before: str = "") -> Slice[M]:
    """The ``size`` rows after (or before) a key in ``order``, whose fields must not be null and end in a unique one.

    Field names may carry "-" for falling order. A key that cannot be read gives the first page: links outlive changes.
    """
    backward = bool(before) and not after
    key = _decode(after or before, len(order))
    if key is None:
        backward = False
    direction = [_flip(field) for field in order] if backward else list(order)
    found = rows.order_by(*direction)
    if key is not None:
        try:
            found = found.filter(_beyond(direction, key))
        except (ValueError, TypeError, ValidationError):
            key, backward, found = None, False, rows.order_by(*order)
    window = list(found[: size + 1])
    more, window = len(window) > size, window[:size]
    if backward:
        window.reverse()
    has_before, has_after = (more, True) if backward else (key is not None, more)
    return Slice(
        rows=window,
        before=_encode(window[0], order) if window and has_before else "",
        after=_encode(window[-1], order) if window and has_after else "",
    )


def _beyond(order: Sequence[str], key: Sequence[Any]) -> Q:
    """(a > x) or (a = x and b > y) or …, each comparison in its field's direction.

    In a form that PostgreSQL begins an index's scan with: a comparison of rows, (a, b) > (x, y), where all fields go in
    one direction, which the first field's value bounds besides, else that bound alone.
    """
    names = [field.removeprefix("-") for field in order]
    falling = [field.startswith("-") for field in order]
    bound = Q(**{f"{names[0]}__{'lte' if falling[0] else 'gte'}": key[0]})  # refuses what is no value of the field
    if len(set(falling)) == 1:
        fields, values = _Row(*map(F, names)), _Row(*map(Value, key))
        return bound & Q(_Behind(fields, values, arg_joiner=" < " if falling[0] else " > "))
    condition = Q()
    equal = Q()
    for name, value, falls in zip(names, key, falling, strict=True):
        condition |= equal & Q(**{f"{name}__{'lt' if falls else 'gt'}": value})
        equal &= Q(**{name: value})
    return bound & condition


class _Row(Func):
    template = "(%(expressions)s)"
    output_field = Field()


class _Behind(Func):
    template = "%(expressions)s"
    output_field = BooleanField()


def _flip(field: str) -> str:
    return field[1:] if field.startswith("-") else f"-{field}"


def _encode(row: Model, order: Sequence[str]) -> str:
    values = [getattr(row, field.removeprefix("-")) for field in order]
    return base64.urlsafe_b64encode(json.dumps(values, default=str).encode()).decode().rstrip("=")


def _decode(key: str, fields: int) -> list[Any] | None:
    try:
        values = json.loads(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return values if isinstance(values, list) and len(values) == fields and all(map(_is_storable, values)) else None


def _is_storable(value: object) -> bool:
    """Whether it is a scalar that PostgreSQL can be asked about."""
    if isinstance(value, str):
        return "\x00" not in value and not any("\ud800" <= char <= "\udfff" for char in value)
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
