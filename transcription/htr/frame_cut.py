"""Sizes of what is turned and cut. Plain numbers only: the decoder process has little memory and imports this."""

from __future__ import annotations


def turned_size(size: tuple[int, int], turns: int) -> tuple[int, int]:
    """(width, height) of an image of ``size`` after ``turns`` quarter turns."""
    return (size[1], size[0]) if turns % 2 else size


def columns_at(width: int, gutter: float, *, right: bool) -> tuple[int, int]:
    """The columns of one page of a spread that parts at ``gutter``, a share of its ``width``; neither page is empty."""
    at = min(max(round(gutter * width), 1), width - 1)
    return (at, width) if right else (0, at)
