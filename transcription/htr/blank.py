"""Whether a segmenter says for sure that a page has nothing on it."""

from __future__ import annotations

import re

BLANK = "blank page"  # the note of a segmenter that is sure
_DOUBT = re.compile(
    r"\?|\b(?:may|might|perhaps|possibly|probably|likely|nearly|almost|not sure|unsure)\b", re.IGNORECASE
)


def is_blank(note: str) -> bool:
    """True for “blank page”, with or without more said about it; False where the note has doubts or says something else
    (“no writing was found” may as well mean that it was too faint)."""
    return note.strip().casefold().startswith("blank") and not _DOUBT.search(note)
