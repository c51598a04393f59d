from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from transcription.engines.decoding import GENERIC, LANGUAGES, Decoders, DecodingWeights, language_of
from transcription.engines.language_model_file import load_language_model, save_language_model
from transcription.engines.registry import WEIGHTS
from transcription.errors import WeightsError
from transcription.htr.decoder import CharacterScore
from transcription.htr.records import Hints
from transcription.htr.vocabulary import Bonus
from transcription.training.grams import count, prune, smooth

ALPHABET = " abc"
NAMES = ("lm-weights.json", *(f"lm-{name}.npz" for name in (*LANGUAGES, GENERIC)))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    counted = count(["ab abc", "c"], ALPHABET, 3)
    grams = prune(counted, smooth(counted, len(ALPHABET) + 1), 100)
    for name in NAMES[1:]:
        save_language_model(tmp_path / name, grams, {"alphabet": ALPHABET, "language": name})
    weights = {name: DecodingWeights(alpha=0.1 * k).to_json() for k, name in enumerate((*LANGUAGES, GENERIC), 1)}
    (tmp_path / NAMES[0]).write_text(json.dumps(weights))
    return [tmp_path / name for name in NAMES]


@pytest.mark.parametrize(
    ("tag", "model"),
    [
        ("en", "en"),
        ("en-GB", "en"),
        ("EN", "en"),
        ("fr", "fr"),
        ("fra", "fr"),
        ("frr", GENERIC),  # North Frisian
        ("fry", GENERIC),
        ("", GENERIC),
        ("de", GENERIC),
        ("la", GENERIC),
    ],
)
def test_a_collections_language_chooses_its_model(tag: str, model: str) -> None:
    assert language_of(tag) == model


def test_models_and_weights_go_by_language(files: list[Path]) -> None:
    decoders = Decoders(files, ALPHABET)
    english, french, other = (decoders.decoder(Hints(language=tag)).scoring for tag in ("en", "fr", "de"))
    assert [scoring.alpha for scoring in (english, french, other)] == pytest.approx([0.1, 0.2, 0.3])
    assert english.model is not french.model
    assert decoders.decoder(Hints(language="en-US")).scoring.model is english.model, "loaded once"


def test_a_vocabulary_is_compiled_once_for_all_calls(files: list[Path]) -> None:
    decoders = Decoders(files, ALPHABET)
    first, second = (decoders.decoder(Hints(vocabulary=frozenset(["abc", "cab"]))).scoring for _ in range(2))
    assert first.vocabulary is second.vocabulary
    assert first.vocabulary is not None
    assert len(first.vocabulary) == 2
    assert decoders.decoder(Hints()).scoring.vocabulary is None


def test_without_files_decoding_goes_without_a_model() -> None:
    assert Decoders([], ALPHABET).decoder(Hints("en", frozenset(["abc"]))).scoring.model is None


def test_a_saved_model_says_what_the_saved_one_said(files: list[Path]) -> None:
    model, description = load_language_model(files[1])
    assert (description["alphabet"], description["order"]) == (ALPHABET, 3)
    text = np.array([2, 3, 4], np.uint8)
    again = load_language_model(files[2])[0]
    assert model.costs_of([text])[0].tolist() == again.costs_of([text])[0].tolist()
    assert not list(files[0].parent.glob("*.partial"))


def test_weights_survive_being_written() -> None:
    weights = DecodingWeights(0.4, 1.1, Bonus(-2.0, 0.3), CharacterScore(0.1, 0.2, 0.3, 0.1, -0.4, -0.5, -0.6))
    assert DecodingWeights.from_json(json.loads(json.dumps(weights.to_json()))) == weights


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and then nothing", b"hello" * 100])
def test_damaged_models_are_said_in_a_sentence(files: list[Path], content: bytes) -> None:
    files[1].write_bytes(content)
    with pytest.raises(WeightsError, match="restore it from the repository or build it again"):
        Decoders(files, ALPHABET).decoder(Hints(language="en"))


def test_a_model_cut_short_is_said_in_a_sentence(files: list[Path]) -> None:
    whole = files[1].read_bytes()
    files[1].write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="not a Longhand language model"):
        load_language_model(files[1])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"en": {"alpha": 1}}', '{"en": 3, "fr": 3, "generic": 3}'])
def test_damaged_weights_are_said_in_a_sentence(files: list[Path], text: str) -> None:
    files[0].write_text(text)
    with pytest.raises(WeightsError, match="does not hold decoding weights"):
        Decoders(files, ALPHABET)


def test_missing_models_and_other_alphabets_are_said_in_a_sentence(files: list[Path]) -> None:
    with pytest.raises(WeightsError, match=r"lm-fr\.npz"):
        Decoders(files[:2], ALPHABET).decoder(Hints(language="fr"))
    with pytest.raises(WeightsError, match="another alphabet"):
        Decoders(files, ALPHABET + "d").decoder(Hints(language="en"))


@pytest.mark.skipif(not (WEIGHTS / NAMES[0]).exists(), reason="the language models are not here")
@pytest.mark.parametrize("name", [*LANGUAGES, GENERIC])
def test_the_shipped_models_are_small_and_know_their_language(name: str) -> None:
    path = WEIGHTS / f"lm-{name}.npz"
    assert path.stat().st_size <= 4 * 2**20
    model, description = load_language_model(path)
    assert description["sources"], "the file names what was counted"
    number = {char: k + 1 for k, char in enumerate(model.alphabet)}

    def cost(text: str) -> int:
        return int(model.costs_of([np.array([number[c] for c in text], np.uint8)])[0].sum(dtype=int))

    right, wrong = {
        "en": ("the house of my father", "lhe hovse of mg falher"),
        "fr": ("la maison de mon père", "ia maison dc mon pere"),
        GENERIC: ("je suis, the house", "jc suis, lhe honse"),
    }[name]
    assert cost(right) < cost(wrong)
