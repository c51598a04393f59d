"""The names of checks, as they are stored, and what one that failed has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Code = Literal[
    "repetition",
    "refusal",
    "chatter",
    "prompt-leak",
    "markup",
    "foreign-script",
    "other-language",
    "too-long",
    "no-ink",
    "not-read",
    "unlike-others",
    "modernised",
]
CODES: tuple[Code, ...] = get_args(Code)


@dataclass(frozen=True, slots=True)
class Failed:
    """A check that failed; ``detail`` is the part of the text that made it fail, or the figures, for people to read."""

    code: Code
    detail: str = ""
