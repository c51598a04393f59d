"""How often checks raise a false alarm: on true texts of lines, on what an engine read there, and on both together; and
how many texts that do not stand on a line they find."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transcription.errors import BadInput
from transcription.htr.checks import Context, Failed, own_failures, source_failures
from transcription.htr.ink import ink_share
from transcription.training.datasets import LineSample, load_lines
from transcription.training.evaluation import Pass, read_in_passes

EXAMPLES = 20
_BATCH = 256
_AS_LONG = 8  # characters by which a text that stands elsewhere may be longer or shorter


@dataclass(slots=True)
class _Tally:
    """Texts looked at, those that failed, and by which checks."""

    lines: int = 0
    flagged: int = 0
    codes: Counter[str] = field(default_factory=Counter)

    def add(self, failed: Sequence[Failed]) -> None:
        self.lines += 1
        self.flagged += bool(failed)
        self.codes.update({each.code for each in failed})

    def figures(self) -> dict[str, Any]:
        share = self.flagged / self.lines if self.lines else None
        return {"lines": self.lines, "flagged": self.flagged, "share": share, "codes": dict(sorted(self.codes.items()))}


def evaluate_checks(
    folder: Path, split: str, passes: Sequence[Pass] = (), *, limit: int = 0, sets: list[str] | None = None
) -> dict[str, Any]:
    """False alarms on the true texts of line sets, set by set and in all.

    With ``passes`` also "readings": what they read, checked as readings are; "against": true texts held against these
    readings, as those of another family of engines; "elsewhere": the texts of other lines of the set, about as long, in
    their place, which should be found. Raises BadInput where there is nothing to look at.
    """
    tallies: dict[str, dict[str, _Tally]] = defaultdict(lambda: defaultdict(_Tally))
    examples: list[dict[str, str]] = []
    for name, samples in _by_set(load_lines(folder, split, sets=sets, limit=limit)):
        language = name.partition("_")[0]
        contexts = [
            Context(each.pixels.shape[1] / each.pixels.shape[0], ink_share(each.pixels), language) for each in samples
        ]
        readings = _readings(samples, passes, language)
        for index, (sample, context) in enumerate(zip(samples, contexts, strict=True)):
            found = {"texts": own_failures(sample.text, context) + source_failures(sample.text, context, ())}
            if readings[index]:
                text = readings[index][0]
                found["readings"] = own_failures(text, context) + source_failures(text, context, ())
                found["against"] = own_failures(sample.text, context)
                found["against"] += source_failures(sample.text, context, readings[index])
                if (other := _elsewhere(samples, index)) is not None:
                    found["elsewhere"] = own_failures(other, context) + source_failures(other, context, readings[index])
            for kind, failed in found.items():
                for group in (name, "all"):
                    tallies[kind][group].add(failed)
                if kind != "elsewhere":
                    examples += [
                        {"kind": kind, "set": name, "code": each.code, "detail": each.detail, "text": sample.text}
                        for each in failed
                    ]
    if not tallies:
        raise BadInput(f"{folder} holds no lines of the split “{split}” in the sets asked for.")
    report: dict[str, Any] = {
        kind: {name: tally.figures() for name, tally in sorted(groups.items())} for kind, groups in tallies.items()
    }
    return report | {"examples": examples[: EXAMPLES * len(tallies)]}


def _by_set(samples: Iterable[LineSample]) -> Iterable[tuple[str, list[LineSample]]]:
    batch: list[LineSample] = []
    for sample in samples:
        if batch and (sample.set != batch[0].set or len(batch) >= _BATCH):
            yield batch[0].set, batch
            batch = []
        batch.append(sample)
    if batch:
        yield batch[0].set, batch


def _readings(samples: Sequence[LineSample], passes: Sequence[Pass], language: str) -> list[list[str]]:
    if not passes:
        return [[] for _ in samples]
    found = read_in_passes([each.pixels for each in samples], passes, language)
    return [[each.reading.text for each in readings] for readings in found]


def _elsewhere(samples: Sequence[LineSample], index: int) -> str | None:
    """The text of the next line of the batch that is about as long and says something else; None where none is."""
    here = samples[index].text
    for other in [*samples[index + 1 :], *samples[:index]]:
        if other.text != here and abs(len(other.text) - len(here)) <= _AS_LONG:
            return other.text
    return None
