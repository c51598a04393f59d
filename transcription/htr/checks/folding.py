"""Text made plain for looking: what checks compare is not what is stored."""

from __future__ import annotations

import re
import unicodedata

from transcription.htr.text import clean, normalised

# A line holds a hundred characters, a runaway answer a million: what makes it one shows in its beginning and its end.
MOST = 2_000
_NOT_WORD = re.compile(r"[^\w]+|_+")
_DETAIL = 60


def shortened(text: str) -> str:
    """At most ``MOST`` characters of a text, NFC: its beginning and its end."""
    text = unicodedata.normalize("NFC", text)
    if len(text) <= MOST:
        return text
    return f"{text[: MOST * 3 // 4]} {text[-(MOST // 4) + 1 :]}"


def plain(text: str) -> str:
    """One line, marks of the transcript taken away, small letters, straight quotes; accents and punctuation stay."""
    return unicodedata.normalize("NFC", normalised(clean(text)).casefold())


def words_only(text: str) -> list[str]:
    """The words of a ``plain`` text: letters and figures, apostrophes part words."""
    return _NOT_WORD.sub(" ", text).split()


def without_accents(text: str) -> str:
    """Letters without what stands above and below them."""
    return "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))


def quoted(text: str) -> str:
    """What is shown of a text as the reason why it failed."""
    text = " ".join(text.split())
    return text if len(text) <= _DETAIL else f"{text[: _DETAIL - 1]}…"
