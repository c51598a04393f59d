"""What a machine takes for what, learned from lines that people looked at: ``ſ → f`` in 40 of 44 places.

A pair is the machine's text of a line and the text that stood when a person was done with it; equal where they let it
stand. What was corrected is generalised from the word to the letters, with and without their neighbors; how often the
same letters stood there and were right decides whether that is proposed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from transcription.htr.replacing import Pattern, places, replaced
from transcription.htr.text import clusters, words

FEWEST = 3  # corrections; fewer are no system
FEWEST_WORDS = 2  # in which letters were corrected; of one word only the whole word is known
LEAST_PRECISION = 0.6
MOST_WEIGHED = 200  # candidates that are counted against all lines
EXAMPLES = 3
_LONGEST = 3  # characters that are taken for one another; more is another word
_AS_GOOD = 0.1  # a wider pattern stands for a narrower one that is no more precise than this beyond it


@dataclass(frozen=True, slots=True)
class Confusion:
    """``pattern`` was corrected so in ``corrected`` of ``seen`` places; ``examples`` are (machine's word, person's)."""

    pattern: Pattern
    corrected: int
    seen: int
    examples: tuple[tuple[str, str], ...]

    @property
    def precision(self) -> float:
        return self.corrected / self.seen


def confusions(pairs: Sequence[tuple[str, str]]) -> list[Confusion]:
    """The systematic ones, those first that a replacement would set right most often; wide patterns before narrow."""
    counts: Counter[Pattern] = Counter()
    examples: defaultdict[Pattern, Counter[tuple[str, str]]] = defaultdict(Counter)
    for machine, person in pairs:
        for before, after in _changed_words(machine, person):
            for pattern in _patterns(before, after):
                counts[pattern] += 1
                examples[pattern][before, after] += 1
    frequent = [
        pattern
        for pattern, times in counts.most_common()
        if times >= FEWEST and (pattern.whole_words or len(examples[pattern]) >= FEWEST_WORDS)
    ]
    weighed = []
    for pattern in frequent[:MOST_WEIGHED]:
        seen = sum(len(places(machine, pattern)) for machine, _ in pairs if pattern.find in machine)
        if seen and counts[pattern] / seen >= LEAST_PRECISION:
            shown = tuple(example for example, _ in examples[pattern].most_common(EXAMPLES))
            weighed.append(Confusion(pattern, min(counts[pattern], seen), seen, shown))
    return _widest(weighed)


def _widest(weighed: Sequence[Confusion]) -> list[Confusion]:
    """Without those that another one corrects just as well."""
    chosen: list[Confusion] = []
    for each in sorted(weighed, key=lambda it: (it.pattern.whole_words, len(it.pattern.find), -it.corrected)):
        if not any(_covers(wide, each) for wide in chosen):
            chosen.append(each)
    return sorted(chosen, key=lambda it: (-it.corrected * it.precision, it.pattern.find))


def _covers(wide: Confusion, narrow: Confusion) -> bool:
    same = replaced(narrow.pattern.find, wide.pattern)[0] == narrow.pattern.put
    return same and wide.precision >= narrow.precision - _AS_GOOD


def _changed_words(machine: str, person: str) -> Iterator[tuple[str, str]]:
    """Words that were corrected one for one."""
    if machine == person:
        return
    before, after = words(machine), words(person)
    for tag, low, high, first, last in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "replace" and high - low == last - first:
            yield from zip(before[low:high], after[first:last], strict=True)


def _patterns(before: str, after: str) -> Iterator[Pattern]:
    """What may be said of a corrected word: the whole of it, the letters that differ, and those with neighbors."""
    if before[0].isalnum() and before[-1].isalnum():
        yield Pattern(before, after, whole_words=True)
    old, new = clusters(before), clusters(after)
    for tag, low, high, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal" or high - low > _LONGEST or last - first > _LONGEST:
            continue
        for left, right in ((0, 0), (1, 0), (0, 1), (1, 1)):
            if low - left < 0 or high + right > len(old) or high - low + left + right == 0:
                continue
            context = "".join(old[low - left : low]), "".join(old[high : high + right])
            find, put = (context[0] + "".join(core) + context[1] for core in (old[low:high], new[first:last]))
            yield Pattern(find, put)
