"""What one line of known text says of those that read it: the vote, each pass alone, each word's confidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transcription.htr.calibration import word_labels
from transcription.htr.risk import count_edits

FINE_BINS = 30  # of confidence: the diagram's ten and the fifteen of the calibration error are made of whole ones
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Judged:
    """Counts of one line; passes by name, bins by number. Edits and characters are normalised.

    ``best``: passes that no other had fewer edits than; several may share it. ``words`` are those of the vote that a
    pass stood for, ``alone`` those that no other pass did.
    """

    characters: int
    edits: int
    pass_edits: Mapping[str, int]
    best: Sequence[str]
    words: Counter[str]
    right: Counter[str]
    alone: Counter[str]
    alone_right: Counter[str]
    bin_words: Counter[int]
    bin_right: Counter[int]
    bin_sum: Counter[int]  # millionths


def judge_line(truth: str, voted: str, words: Sequence[Mapping[str, Any]], readings: Mapping[str, str]) -> Judged:
    """Hold the vote (its text and its words, as votes keep them) and each pass's reading against ``truth``.

    ``readings`` are texts by the name of the pass, as words name their passes.
    """
    edits, characters = count_edits(truth, voted)
    pass_edits = {name: count_edits(truth, text)[0] for name, text in readings.items()}
    fewest = min(pass_edits.values(), default=0)
    judged = Judged(
        characters=characters,
        edits=edits,
        pass_edits=pass_edits,
        best=[name for name, count in pass_edits.items() if count == fewest],
        words=Counter(),
        right=Counter(),
        alone=Counter(),
        alone_right=Counter(),
        bin_words=Counter(),
        bin_right=Counter(),
        bin_sum=Counter(),
    )
    labels = word_labels([str(word["text"]) for word in words], truth)
    for word, is_right in zip(words, labels, strict=True):
        supporters = [name for name in word.get("passes", ()) if name in readings]
        judged.words.update(supporters)
        if len(supporters) == 1:
            judged.alone.update(supporters)
        if is_right:
            judged.right.update(supporters)
            if len(supporters) == 1:
                judged.alone_right.update(supporters)
        confidence = float(word["confidence"])
        fine = min(int(confidence * FINE_BINS), FINE_BINS - 1)
        judged.bin_words[fine] += 1
        judged.bin_right[fine] += is_right
        judged.bin_sum[fine] += round(confidence * MILLION)
    return judged
