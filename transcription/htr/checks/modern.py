"""Modernised spelling: a language model writes "était" where the page has "estoit".

A text is held against what another family of engines read there. It takes several words that differ just as old
spelling differs from new: a misreading seldom does that twice on a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rapidfuzz.distance import Levenshtein

from transcription.htr.checks.folding import plain, quoted, shortened, without_accents

LEAST_MODERN = 2  # words of a line
SHARE = 0.5  # of all words in which the two differ

# Old ending or letters → new. Applied to words without accents; each may apply once or not.
_Rule = tuple[str, str | Callable[[re.Match[str]], str]]
_FRENCH: list[_Rule] = [
    (r"oi(?=(?:s|t|ent)$)", "ai"),
    (r"oi(?=bl|tre$)", "ai"),
    (r"([ae])ns$", r"\1nts"),
    (r"y$", "i"),
    (r"y(?=s$)", "i"),
    (r"(?<=[aeo])y(?=[^aeiou])", "i"),
    (r"(?<=[aeiouy])s(?=[tmnlvcpq])", ""),
    (r"^sc(?=av)", "s"),
    (r"z$", "s"),
    (r"ct(?=s?$|e?s?$)", "t"),
    (r"(?<=[aeiou])(ll|tt|pp|ff|nn)(?=[aeiou])", lambda found: found.group()[0]),
    (r"eu(?=$|e?s?$)", "u"),
    (r"^cog?n(?=oi)", "conn"),
    (r"ez$", "es"),
    (r"x$", "s"),
    (r"uy$", "ui"),
    (r"ai(?=n?gn)", "a"),
]
_ENGLISH: list[_Rule] = [
    (r"ck(?=s?$)", "c"),
    (r"'d$", "ed"),
    (r"(?<=[^aeiou])d$", "ed"),
    (r"ll(?=$|y$)", "l"),
    (r"(?<=[^aeiou])e$", ""),
    (r"ie$", "y"),
    (r"y(?=[a-z])", "i"),
    (r"ew(?=$|n$|ed$|s$)", "ow"),
    (r"^en(?=quir)", "in"),
    (r"our(?=$|s$|ed$)", "or"),
    (r"^ant(?=ient)", "anc"),
    (r"ea(?=t$|d$)", "e"),
    (r"x(?=ion)", "ct"),
]
_LETTERS: list[_Rule] = [
    (r"^v(?=[^aeiouyr])", "u"),
    (r"(?<=[a-z])u(?=[aeiou])", "v"),
    (r"^i(?=[aeou])", "j"),
    (r"(?<=[bd])i(?=ect|our)", "j"),
]
_RULES = [(re.compile(old), new) for old, new in [*_FRENCH, *_ENGLISH, *_LETTERS]]
_WHOLE = dict(
    pair.split(":")
    for pair in """
    wch:which wth:with yt:that yr:your yrs:yours ye:the yn:then ym:them shew:show shewn:shown shewed:showed chuse:choose
    recd:received reced:received compleat:complete hath:has doth:does thro:through tho:though altho:although
    publick:public cou'd:could wou'd:would shou'd:should &:and &:et mr:mister dont:don't cant:can't wont:won't
    untill:until receiv'd:received saturday:saturday to-day:today to-morrow:tomorrow to-night:tonight
    cy:ci nud:nu tems:temps lad:ladite led:ledit sr:sieur mre:messire pnt:present pnte:presente
    scavoir:savoir cest:cet ceste:cette iceluy:celui faict:fait dict:dit
    """.split()  # noqa: SIM905 pairs read better in rows
)
_MOST_RULES = 3


def modernised(text: str, other: str) -> str:
    """Words of ``text`` that stand in ``other`` in an older spelling, "" where there are hardly any."""
    new, old = plain(shortened(text)).split(), plain(shortened(other)).split()
    modern: list[str] = []
    differing = 0
    for step in Levenshtein.opcodes(old, new):
        if step.tag == "equal":
            continue
        olds, news = old[step.src_start : step.src_end], new[step.dest_start : step.dest_end]
        differing += max(len(olds), len(news))
        if len(olds) == len(news):
            modern += [f"{one} → {two}" for one, two in zip(olds, news, strict=True) if is_modern(two, one)]
    if len(modern) < max(LEAST_MODERN, SHARE * differing):
        return ""
    return quoted(", ".join(modern))


def is_modern(new: str, old: str) -> bool:
    """Whether ``new`` is a later spelling of ``old``; accents alone make none."""
    new, old = (without_accents(word).strip('.,;:!?"()^') for word in (new, old))
    new, old = new.replace("^", ""), old.replace("^", "")
    if new == old or not new or not old:
        return False
    if _WHOLE.get(old) == new:
        return True
    reached = {old}
    for _ in range(_MOST_RULES):
        reached |= {rule.sub(later, word) for word in reached for rule, later in _RULES}
        if new in reached:
            return True
    return False
