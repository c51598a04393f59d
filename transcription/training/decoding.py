"""Tune how the starter's output is decoded: `python -m transcription.training.decoding tune LINES…`, or `measure`.

The network reads the `tune` split once; then weights are chosen by decoding again and again. An error rate is the mean
over sets, each weighted by the square root of its size. What is tuned, language by language, in this order:

1. alpha and beta, the weights of model and length: half on the models as they are, which have counted other pages of
   the same sets, half on models that never saw the set in question, as they have not seen the collections to come;
2. what a listed word is worth, on models that never saw the set, with a list that an archive could have made of pages
   transcribed before: the words of the set's *train* pages that are written with a capital and hardly ever without (no
   word is taken from tune pages); half of it with another set's list, which should do no harm;
3. the weights of a character's score, fitted on which characters are right.

A language with fewer than LEAST characters in its tune lines is tuned on all sets together, each with its own model.
`measure` prints error rates and decoding time, greedy beside beam search. Neither ever looks at `dev`.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from transcription.engines.decoding import GENERIC, LANGUAGES, WEIGHTS_FILE, Decoders, DecodingWeights, language_of
from transcription.engines.registry import WEIGHTS
from transcription.engines.starter import DECODED_LINES, Starter
from transcription.htr.calibration import fit
from transcription.htr.ctc import greedy
from transcription.htr.ctc_forced import LineProbabilities
from transcription.htr.decoder import CharacterScore, Decoder
from transcription.htr.language_model import LanguageModel
from transcription.htr.metrics import edit_counts
from transcription.htr.records import LineImage
from transcription.htr.text import normalised
from transcription.htr.vocabulary import Bonus
from transcription.training.datasets import load_lines, target_text
from transcription.training.language_model import Source, grams_of, sources

LEAST = 2_000  # characters, below which a language's own lines say too little
SOUGHT = 500  # lines that weights are sought on, as many of each set, evenly picked by width
MODELS = [f"lm-{name}.npz" for name in (*LANGUAGES, GENERIC)]
_CAPITALIZED = re.compile(r"\b[^\W\d_a-zà-ÿ][\w^]{3,}")


@dataclass(frozen=True, slots=True)
class Output:
    """One tune line: its set, its text and what the network made of it, (T, C)."""

    set: str
    text: str
    log_probs: NDArray[np.float32]


Lists = Mapping[str, frozenset[str]]  # words by set


def read_outputs(starter: Starter, folders: Iterable[Path], limit: int = 0) -> list[Output]:
    """What the network makes of the tune lines, by rising width."""
    samples = [sample for folder in folders for sample in load_lines(folder, "tune", limit=limit)]
    read = starter.log_probabilities(LineImage(key, sample.pixels) for key, sample in enumerate(samples))
    outputs = [
        Output(samples[result.key].set, samples[result.key].text, result.values.copy())
        for result in read
        if isinstance(result, LineProbabilities)
    ]
    return sorted(outputs, key=lambda output: len(output.log_probs))


def names_of(folders: Iterable[Path]) -> dict[str, frozenset[str]]:
    """For each set the words of its train transcripts that are capitalised within lines and hardly ever written small:
    names of people and places, mostly."""
    written: dict[str, Counter[str]] = defaultdict(Counter)
    for folder in folders:
        for sample in load_lines(folder, "train"):
            written[sample.set].update(re.findall(r"\b[^\W\d_][\w^]{3,}", target_text(sample.text)))
    return {
        name: frozenset(
            word for word, count in words.items() if _CAPITALIZED.fullmatch(word) and 5 * words[word.lower()] <= count
        )
        for name, words in written.items()
    }


def foreign_lists(lists: Lists) -> dict[str, frozenset[str]]:
    """For each set the list of the next one, by name."""
    names = sorted(lists)
    return {name: lists[other] for name, other in zip(names, [*names[1:], *names[:1]], strict=True)}


def texts_of(decoder: Decoder, outputs: Sequence[Output]) -> list[str]:
    texts: list[str] = []
    for start in range(0, len(outputs), DECODED_LINES):
        some = [output.log_probs for output in outputs[start : start + DECODED_LINES]]
        texts += [reading.decoded.text for reading in decoder.decode(some)]
    return texts


def rates(outputs: Sequence[Output], texts: Sequence[str]) -> dict[str, tuple[float, int]]:
    """Normalised CER and reference length of each set."""
    edits: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for output, text in zip(outputs, texts, strict=True):
        reference = normalised(output.text)
        edits[output.set] += edit_counts(reference, normalised(text))
        sizes[output.set] += len(reference)
    return {name: (edits[name] / max(1, sizes[name]), sizes[name]) for name in sorted(sizes)}


def mean_rate(found: Mapping[str, tuple[float, int]]) -> float:
    """Mean over sets, weighted by the square root of their size."""
    weights = {name: math.sqrt(size) for name, (_, size) in found.items()}
    return sum(weights[name] * rate for name, (rate, _) in found.items()) / max(1e-9, sum(weights.values()))


def descend(
    start: Sequence[float], steps: Sequence[float], loss: Callable[[Sequence[float]], float], *, halvings: int = 2
) -> tuple[list[float], float]:
    """Coordinate descent: each value is moved by its step as long as that lowers ``loss``, then steps are halved."""
    seen: dict[tuple[float, ...], float] = {}

    def known(values: list[float]) -> float:
        key = tuple(values)
        if key not in seen:
            seen[key] = loss(values)
        return seen[key]

    best, least = list(start), known(list(start))
    for halving in range(halvings + 1):
        moved = True
        while moved:
            moved = False
            for place, step in enumerate(steps):
                for sign in (1, -1):
                    trial = list(best)
                    trial[place] = round(trial[place] + sign * step / 2**halving, 6)
                    value = known(trial)
                    if value < least - 1e-9:
                        best, least, moved = trial, value, True
                        break
    return best, least


class Tuner:
    """Tunes one language's weights on its outputs; ``models`` names the model that reads each set, ``strangers`` one
    that was built without it."""

    def __init__(
        self,
        decoders: Decoders,
        outputs: Sequence[Output],
        models: Mapping[str, str],
        strangers: Mapping[str, str],
        lists: Lists,
    ) -> None:
        self._decoders = decoders
        self._models = models
        self._strangers = strangers
        self._lists = lists
        self._by_set: dict[str, list[Output]] = defaultdict(list)
        for output in outputs:
            self._by_set[output.set].append(output)
        most = max(1, SOUGHT // max(1, len(self._by_set)))
        self._sought = {name: some[:: -(-len(some) // most)] for name, some in self._by_set.items()}

    def loss(self, weights: DecodingWeights, models: Mapping[str, str], lists: Lists | None = None) -> float:
        """The error rate of the lines that weights are sought on."""
        found: dict[str, tuple[float, int]] = {}
        for name, outputs in self._sought.items():
            words = lists.get(name, frozenset()) if lists else frozenset()
            decoder = self._decoders.tuned(models[name], weights, words)
            found |= rates(outputs, texts_of(decoder, outputs))
        return mean_rate(found)

    def tune(self, weights: DecodingWeights) -> tuple[DecodingWeights, dict[str, float]]:
        """Better weights than ``weights``, and the error rates on the way there, of the lines they were sought on."""
        sought = [output for some in self._sought.values() for output in some]
        bare = mean_rate(rates(sought, [greedy(each.log_probs, self._decoders.alphabet).text for each in sought]))

        def with_model(values: Sequence[float]) -> float:
            trial = replace(weights, alpha=values[0], beta=values[1])
            return (self.loss(trial, self._models) + self.loss(trial, self._strangers)) / 2

        alpha, beta = descend([weights.alpha, weights.beta], [0.2, 0.5], with_model, halvings=1)[0]
        chosen = replace(weights, alpha=alpha, beta=beta)
        foreign = foreign_lists(self._lists)

        def with_lists(values: Sequence[float]) -> float:
            trial = replace(chosen, bonus=Bonus(*values))
            return (self.loss(trial, self._strangers, self._lists) + self.loss(trial, self._strangers, foreign)) / 2

        bonus = descend([weights.bonus.trust, weights.bonus.word], [0.8, 0.4], with_lists, halvings=1)[0]
        chosen = replace(chosen, bonus=Bonus(*bonus))
        figures = {
            "greedy": bare,
            "model": self.loss(chosen, self._models),
            "strange_model": self.loss(chosen, self._strangers),
            "strange_model_vocabulary": self.loss(chosen, self._strangers, self._lists),
            "strange_model_foreign_vocabulary": self.loss(chosen, self._strangers, foreign),
        }
        return replace(chosen, score=self._score(chosen)), figures

    def _score(self, weights: DecodingWeights) -> CharacterScore:
        """Fitted so that a character's score is the share of such characters that are right."""
        features, right = [], []
        for name, outputs in self._by_set.items():
            decoder = self._decoders.tuned(self._models[name], weights)
            for start in range(0, len(outputs), DECODED_LINES):
                some = outputs[start : start + DECODED_LINES]
                found = decoder.characters([output.log_probs for output in some])
                for output, (text, known) in zip(some, found, strict=True):
                    features.append(known)
                    right.append(_right(text, target_text(output.text)))
        names = [field.name for field in fields(CharacterScore)][1:]
        fitted = fit(np.concatenate(features), np.concatenate(right), names)
        slopes = [weight / scale for weight, scale in zip(fitted.weights, fitted.scales, strict=True)]
        bias = fitted.bias - sum(slope * mean for slope, mean in zip(slopes, fitted.means, strict=True))
        return CharacterScore(round(bias, 4), *(round(slope, 4) for slope in slopes))


def _right(text: str, reference: str) -> NDArray[np.bool_]:
    """Which characters of ``text`` the reference has at their place."""
    right = np.ones(len(text), bool)
    for edit in Levenshtein.editops(text, reference):
        if edit.tag != "insert":
            right[edit.src_pos] = False
    return right


def tune(decoders: Decoders, outputs: Sequence[Output], lists: Lists, counted: Sequence[Source]) -> dict[str, Any]:
    """The content of lm-weights.json; ``counted`` is what the models were built of."""
    own = {output.set: language_of(output.set.partition("_")[0]) for output in outputs}
    tuned: dict[str, Any] = {}
    for name in (*LANGUAGES, GENERIC):
        began = time.monotonic()
        mine = [output for output in outputs if name in (GENERIC, own[output.set])]
        scarce = name != GENERIC and sum(len(output.text) for output in mine) < LEAST
        used = outputs if scarce else mine
        models = {output.set: own[output.set] if name != GENERIC else GENERIC for output in used}
        strangers = {each: f"{model} without {each}" for each, model in models.items()}
        for each, model in models.items():
            without = [source for source in counted if source.name != each]
            grams = grams_of(model, decoders.alphabet, without)[1]
            decoders.add(strangers[each], LanguageModel(decoders.alphabet, grams))
        weights, figures = Tuner(decoders, used, models, strangers, lists).tune(DecodingWeights())
        for each in strangers.values():
            decoders.drop(each)
        tuned[name] = weights.to_json() | {
            "tuned_on": {
                "lines": len(used),
                "sets": sorted(models),
                "cer": {way: round(rate, 4) for way, rate in figures.items()},
            }
        }
        print(json.dumps({name: tuned[name], "seconds": round(time.monotonic() - began)}), flush=True)
    return tuned


def measure(decoders: Decoders, outputs: Sequence[Output], lists: Lists, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Error rates of each set and milliseconds a line: greedy, with the model of the set's language, with the words of
    its train pages, and with those of another set's, which should do no harm."""
    foreign = foreign_lists(lists)
    ways: dict[str, Lists | None] = {"greedy": None, "model": {}, "vocabulary": lists, "foreign_vocabulary": foreign}
    by_set: dict[str, list[Output]] = defaultdict(list)
    for output in outputs:
        by_set[output.set].append(output)
    report: dict[str, Any] = {}
    for way, words in ways.items():
        found: dict[str, tuple[float, int]] = {}
        began = time.process_time()
        for name, some in by_set.items():
            language = language_of(name.partition("_")[0])
            if words is None:
                texts = [greedy(output.log_probs, decoders.alphabet).text for output in some]
            else:
                tuned = DecodingWeights.from_json(weights[language])
                texts = texts_of(decoders.tuned(language, tuned, words.get(name, frozenset())), some)
            found |= rates(some, texts)
        spent = (time.process_time() - began) * 1000 / len(outputs)
        report[way] = {"milliseconds": round(spent, 3)} | summary(found)
    return report


def summary(found: Mapping[str, tuple[float, int]]) -> dict[str, Any]:
    languages: dict[str, dict[str, tuple[float, int]]] = defaultdict(dict)
    for name, figures in found.items():
        languages[language_of(name.partition("_")[0])][name] = figures
    return {
        "mean": round(mean_rate(found), 4),
        **{language: round(mean_rate(some), 4) for language, some in languages.items()},
        "sets": {name: round(rate, 4) for name, (rate, _) in found.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=["tune", "measure"])
    parser.add_argument("lines", type=Path, nargs="+", help="folders of <set>.tsv beside <set>.tar")
    parser.add_argument("--weights", type=Path, default=WEIGHTS / "starter.safetensors")
    parser.add_argument("--texts", type=Path, help="to tune: the running text that the models were built of")
    parser.add_argument("--pages", type=Path, help="to tune: the folder of whole pages that they were built of")
    parser.add_argument("--models", type=Path, default=WEIGHTS, help="folder of lm-*.npz; lm-weights.json goes there")
    parser.add_argument("--limit", type=int, default=0, help="at most so many lines a set")
    given = parser.parse_args()
    starter = Starter(given.weights)
    decoders = Decoders([given.models / name for name in MODELS], starter.alphabet)
    outputs, lists = read_outputs(starter, given.lines, given.limit), names_of(given.lines)
    path = given.models / WEIGHTS_FILE
    if given.stage == "tune":
        if given.texts is None:
            parser.error("to tune, give --texts (and --pages) as they were given to build the models")
        counted = sources(given.lines, given.texts, given.pages)
        text = json.dumps(tune(decoders, outputs, lists, counted), indent=1, ensure_ascii=False)
        partial = path.with_suffix(".partial")
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(path)
    report = measure(decoders, outputs, lists, json.loads(path.read_text(encoding="utf-8")))
    print(json.dumps({"lines": len(outputs), **report}, indent=1))


if __name__ == "__main__":
    main()
