"""Script and language that do not belong: a line of a French register that comes back in English was translated.

Handwriting mixes languages, too: Latin stands in any register, names and titles are foreign, a letter quotes a verse.
So a text fails only where it has several words of the strange language, next to none of its own, and is no Latin.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from transcription.htr.checks.folding import plain, quoted, shortened, words_only
from transcription.htr.checks.function_words import FUNCTION_WORDS

LEAST_WORDS = 5
LEAST_STRANGE = 3  # little words, not all the same, that the other language has and the collection's has not
STRANGE_SHARE = 0.28  # of all words
MOST_OWN = 0.34  # little words of the collection's language for each strange one
LEAST_LETTERS = 4
STRANGE_LETTERS = 0.3  # share of the letters in a script that is not the language's
_OF_NAMES = frozenset(
    """
    de du des la le les d von van der den di da del della dos
    """.split()  # noqa: SIM905 as a list it would be a page
)  # in any language
# Scripts that no transcript in another one has by the way; of the others (a Greek or a Hebrew word) it takes a share.
_APART = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "DEVANAGARI", "BENGALI", "TAMIL", "EMOJI"})
_SCRIPTS: dict[str, frozenset[str]] = {
    **dict.fromkeys(["el", "grc"], frozenset({"GREEK"})),
    **dict.fromkeys(["ru", "uk", "bg", "be", "mk", "cu"], frozenset({"CYRILLIC"})),
    "sr": frozenset({"CYRILLIC", "LATIN"}),
    **dict.fromkeys(["he", "yi"], frozenset({"HEBREW"})),
    **dict.fromkeys(["ar", "fa", "ur", "ps", "ug"], frozenset({"ARABIC"})),
    "zh": frozenset({"CJK"}),
    "ja": frozenset({"CJK", "HIRAGANA", "KATAKANA"}),
    "ko": frozenset({"HANGUL", "CJK"}),
    "hy": frozenset({"ARMENIAN"}),
    "ka": frozenset({"GEORGIAN"}),
}
_LATIN = frozenset(
    """
    en fr de es it nl pt sv da no nb nn la pl cs sk sl hr hu ro fi et lv lt is ga gd cy br eu ca oc gl
    sq tr mt lb ang enm frm fro gmh gml dum sco af
    """.split()  # noqa: SIM905 as a list it would be a page
)


def foreign_script(text: str, language: str) -> str:
    """Letters of a script that ``language`` (BCP-47, "" for unknown) is not written in, "" where there are too few.

    Where the language is not known, only what stands out of a text in another script counts.
    """
    letters = [(char, script_of(char)) for char in shortened(text) if char.isalpha() or ord(char) >= 0x2600]
    letters = [(char, script) for char, script in letters if script]
    expected = _expected(language)
    if expected is None:
        scripts = [script for _, script in letters]
        expected = frozenset({max(set(scripts), key=lambda s: (scripts.count(s), s))}) if scripts else frozenset()
        if expected & {"CJK", "HIRAGANA", "KATAKANA", "HANGUL"}:
            return ""
    strange = [char for char, script in letters if script not in expected]
    if "LATIN" not in expected:  # names, numbers and quotations in Latin letters stand in any other script
        own = len(letters) - len(strange)
        return quoted("".join(strange)) if len(strange) >= 3 * LEAST_LETTERS and own == 0 else ""
    apart = [char for char, script in letters if script in _APART - expected]
    if len(apart) >= 2 or "EMOJI" in {script_of(char) for char in apart}:
        return quoted("".join(apart))
    if len(strange) >= LEAST_LETTERS and len(strange) >= STRANGE_LETTERS * len(letters):
        return quoted("".join(strange))
    return ""


def other_language(text: str, language: str, *, names: bool = True) -> str:
    """The language that a text is written in, with the words that show it, "" where it may well be ``language``.

    With ``names`` the little words of names ("de la") show nothing: the line may hold a foreign name.
    """
    passed_over = _OF_NAMES if names else frozenset[str]()
    own = FUNCTION_WORDS.get(language.partition("-")[0].lower())
    words = words_only(plain(shortened(text)))
    if own is None or len(words) < LEAST_WORDS:
        return ""
    at_home = sum(word in own for word in words)
    found, told = "", list[str]()
    for other, listed in FUNCTION_WORDS.items():
        strange = [word for word in words if word in listed and word not in own and word not in passed_over]
        if len(strange) > len(told):
            found, told = other, strange
    # Words that both have ("a", "on", "la") speak for neither; they must not save a translation.
    shared = FUNCTION_WORDS.get(found, frozenset())
    at_home -= sum(word in own and word in shared for word in words)
    if (
        len(set(told)) < 2
        or len(told) < LEAST_STRANGE
        or len(told) < STRANGE_SHARE * len(words)
        or at_home > MOST_OWN * len(told)
    ):
        return ""
    return f"{found}: {quoted(' '.join(told))}"


def _expected(language: str) -> frozenset[str] | None:
    primary, _, rest = language.lower().partition("-")
    if "latn" in rest or primary in _LATIN:
        return frozenset({"LATIN"})
    return _SCRIPTS.get(primary)


@lru_cache(maxsize=4096)
def script_of(char: str) -> str:
    """The script of a letter by its name in Unicode; "EMOJI" for pictures; "" for what is of no script."""
    if 0x1F300 <= ord(char) <= 0x1FAFF or 0x2705 <= ord(char) <= 0x2764:
        return "EMOJI"
    if not char.isalpha() or unicodedata.category(char) in ("Lm", "Sk"):
        return ""
    name = unicodedata.name(char, "")
    first = name.split(" ", 1)[0].split("-", 1)[0]
    return "LATIN" if first in ("FEMININE", "MASCULINE", "MODIFIER", "SUPERSCRIPT", "FULLWIDTH", "SCRIPT") else first
