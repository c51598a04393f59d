"""What one file of the table is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BadFile:
    """``group`` is its format, ``what`` is wrong with it, in words for a table."""

    group: str
    what: str
    name: str
    data: bytes
