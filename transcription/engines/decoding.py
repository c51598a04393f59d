"""How the starter's output is decoded: its language models and tuned weights, chosen by what is known of a line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from transcription.engines.language_model_file import load_language_model
from transcription.errors import WeightsError
from transcription.htr.beam import Scoring, Search
from transcription.htr.decoder import CharacterScore, Decoder
from transcription.htr.language_model import LanguageModel
from transcription.htr.records import Hints
from transcription.htr.vocabulary import Bonus, Vocabulary

LANGUAGES = ("en", "fr")  # those with a model of their own
_THREE_LETTERS = {"eng": "en", "fra": "fr", "fre": "fr"}  # ISO 639-2
GENERIC = "generic"
WEIGHTS_FILE = "lm-weights.json"


@dataclass(frozen=True, slots=True)
class DecodingWeights:
    """What was tuned for one language: the model's weight, a bonus a character, a listed word's, and P(right)."""

    alpha: float = 0.7
    beta: float = 1.7
    bonus: Bonus = field(default_factory=Bonus)
    score: CharacterScore = field(default_factory=CharacterScore)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> DecodingWeights:
        """Raises TypeError or KeyError when that is not what ``to_json`` wrote."""
        return cls(
            float(found["alpha"]), float(found["beta"]), Bonus(**found["bonus"]), CharacterScore(**found["score"])
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def language_of(language: str) -> str:
    """The model's name for a collection's language tag."""
    primary = re.split("[-_]", language.strip().lower())[0]
    primary = _THREE_LETTERS.get(primary, primary)
    return primary if primary in LANGUAGES else GENERIC


class Decoders:
    """Decoders by language and vocabulary. Models are loaded on first use and kept; vocabularies a few at a time.

    ``files`` are lm-weights.json and lm-<language>.npz; with none of them, decoding goes without a model. Raises
    WeightsError when a file is missing, damaged or made for another alphabet.
    """

    def __init__(self, files: Sequence[Path], alphabet: str, options: Search | None = None) -> None:
        self.alphabet = alphabet
        self._options = options or Search()
        self._paths = {path.name: path for path in files}
        self._weights = _read_weights(self._paths[WEIGHTS_FILE]) if WEIGHTS_FILE in self._paths else {}
        self._models: dict[str, LanguageModel] = {}
        self._vocabulary = lru_cache(maxsize=4)(self._compile)

    def decoder(self, hints: Hints) -> Decoder:
        """The decoder for lines of which ``hints`` is known."""
        name = language_of(hints.language)
        if not any(path.endswith(".npz") for path in self._paths):
            return Decoder(self.alphabet, options=self._options)
        return self.tuned(name, self._weights.get(name, DecodingWeights()), hints.vocabulary)

    def tuned(self, name: str, weights: DecodingWeights, words: frozenset[str] = frozenset()) -> Decoder:
        """The decoder with the model called ``name`` at given weights."""
        vocabulary = self._vocabulary(words, weights.bonus) if words else None
        scoring = Scoring(self._model(name), weights.alpha, weights.beta, vocabulary)
        return Decoder(self.alphabet, scoring, self._options, weights.score)

    def add(self, name: str, model: LanguageModel) -> None:
        """Have ``model`` at hand for ``tuned`` under a name of its own."""
        self._models[name] = model

    def drop(self, name: str) -> None:
        """Forget a model that was added."""
        del self._models[name]

    def _compile(self, words: frozenset[str], bonus: Bonus) -> Vocabulary:
        return Vocabulary(words, self.alphabet, bonus)

    def _model(self, name: str) -> LanguageModel:
        if name not in self._models:
            path = self._paths.get(f"lm-{name}.npz")
            if path is None:
                raise WeightsError(f"There is no lm-{name}.npz among the files of this engine; build it or name it.")
            model = load_language_model(path)[0]
            if model.alphabet != self.alphabet:
                raise WeightsError(f"{path} was made for another alphabet than the weights; build it again.")
            self._models[name] = model
        return self._models[name]


def _read_weights(path: Path) -> dict[str, DecodingWeights]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: DecodingWeights.from_json(found[name]) for name in (*LANGUAGES, GENERIC)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} does not hold decoding weights ({error}); restore it or tune again.") from error
