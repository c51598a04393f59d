"""Text as Longhand stores and compares it.

Stored text is diplomatic and NFC, with four inline marks: ``⟦x⟧`` struck, ``⸢x⸣`` inserted, ``x[?]`` an unclear
word, ``[…]`` illegible. Comparison knows two foldings: *strict* (NFC, white space collapsed) and *normalised*.
"""

from __future__ import annotations

import re
import unicodedata

UNCLEAR = "[?]"
ILLEGIBLE = "[…]"

_SPACE = re.compile(r"\s+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_MARKS = str.maketrans(
    {
        **dict.fromkeys("⟦⟧⸢⸣^¬", ""),
        "ſ": "s",
        **dict.fromkeys("‘’‚‛ʼ′`´", "'"),
        **dict.fromkeys("“”„‟«»″", '"'),
        **dict.fromkeys("‐‑‒–—―─−", "-"),
        "ﬀ": "ff",
        "ﬁ": "fi",
        "ﬂ": "fl",
        "ﬃ": "ffi",
        "ﬄ": "ffl",
        "ﬅ": "st",
        "ﬆ": "st",
        "œ": "oe",
        "Œ": "OE",
        "æ": "ae",
        "Æ": "AE",
        "…": "...",
    }
)
_SUPERSCRIPTS = str.maketrans({c: "^" + unicodedata.normalize("NFKC", c) for c in "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ"})
# A mark at the end of a line that only says "the word goes on".
_LINE_END_HYPHEN = re.compile(r"(?<=\w)[-=]\s*$")
_DOUBT = re.compile(r"\[\?\]|\[\.\.\.\]")


def clean(text: str) -> str:
    """Return ``text`` as it may be stored: NFC, no control characters, no lone surrogates, white space collapsed."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return strict(_CONTROL.sub("", text))


def strict(text: str) -> str:
    """NFC with runs of white space collapsed to one space and none at the ends."""
    return _SPACE.sub(" ", unicodedata.normalize("NFC", text)).strip()


def normalised(text: str) -> str:
    """The lenient folding of one line: mark characters removed with their content kept, quotes, dashes and ligatures
    plain, ſ → s, a hyphen at the line's end removed; case and punctuation kept."""
    text = plain_superscripts(strict(text)).translate(_MARKS)  # first, as marks may stand inside and behind the others
    removed = 1
    while removed:
        text, removed = _DOUBT.subn("", text)
    return strict(_LINE_END_HYPHEN.sub("", strict(text)))


def plain_superscripts(text: str) -> str:
    """Superscript letters as ``^`` and the letter: one spelling for what the sets spell in two."""
    return text.translate(_SUPERSCRIPTS)


def words(text: str) -> list[str]:
    """Split at white space; the units of word error rates, votes and confidence."""
    return text.split()


def clusters(text: str) -> list[str]:
    """Split into characters as people see them: a base with its combining marks, Korean syllables whole.

    Joining the parts gives ``text`` back; NFC never joins across parts. White space takes no marks.
    """
    if text.isascii():
        return list(text)
    parts: list[str] = []
    for char in text:
        if parts and _extends(char, parts[-1]):
            parts[-1] += char
        else:
            parts.append(char)
    return parts


def is_boundary(text: str, index: int) -> bool:
    """Whether a character as people see it ends before ``index`` in NFC text, and another one begins there."""
    return not 0 < index < len(text) or not _extends(text[index], text[index - 1])


def _extends(char: str, before: str) -> bool:
    if char.isascii() or before[-1].isspace():
        return False
    # Medial vowels and final consonants compose with the syllable before them (Unicode 3.12).
    return (
        unicodedata.category(char)[0] == "M"
        or char == "\u200d"
        or before[-1] == "\u200d"
        or "\u1160" <= char <= "\u11ff"
    )
