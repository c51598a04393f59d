from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.steps.journey import TEXTS, draw_page, drawn_layout
from transcription.engines.base import Recognizer
from transcription.engines.ctc_network import CtcNetwork
from transcription.engines.ctc_reader import CtcReader
from transcription.engines.halving import in_halves
from transcription.engines.registry import WEIGHTS
from transcription.engines.starter import Starter
from transcription.engines.weights_file import read_description, save_weights
from transcription.errors import WeightsError
from transcription.htr import voting
from transcription.htr.crop import cut_line
from transcription.htr.metrics import cer
from transcription.htr.records import Gray, Hints, ItemError, LineImage, ReadingRecord

SHIPPED = WEIGHTS / "starter.safetensors"
LANGUAGE_MODELS = [WEIGHTS / name for name in ("lm-weights.json", "lm-en.npz", "lm-fr.npz", "lm-generic.npz")]
TALL = WEIGHTS / "starter-tall.safetensors"
shipped = pytest.mark.skipif(not SHIPPED.exists(), reason="the starter's weights are not here")


@pytest.fixture(scope="module", params=["auto", "single"])
def starter(request: pytest.FixtureRequest) -> Starter:
    return Starter(SHIPPED, precision=request.param)


@pytest.fixture(scope="module")
def lines() -> list[Gray]:
    page = np.asarray(draw_page())
    return [cut_line(page, geometry) for geometry in drawn_layout(len(TEXTS)).lines]


def read(engine: Starter, crops: Sequence[Gray], hints: Hints | None = None) -> dict[int, ReadingRecord | ItemError]:
    results = list(engine.recognize((LineImage(key, crop) for key, crop in enumerate(crops)), hints or Hints()))
    assert sorted(result.key for result in results) == list(range(len(crops))), "one result for each crop"
    return {result.key: result for result in results}


def text_of(result: ReadingRecord | ItemError) -> str:
    assert isinstance(result, ReadingRecord)
    return result.text


def paper(height: int, width: int, value: int = 230) -> Gray:
    return np.full((height, width), value, dtype=np.uint8)


@shipped
class TestContract:
    def test_it_reads_what_was_drawn_in_order_of_keys_or_not(self, starter: Starter, lines: list[Gray]) -> None:
        assert isinstance(starter, Recognizer)
        texts = [text_of(read(starter, lines)[key]) for key in range(len(lines))]
        assert cer(" ".join(TEXTS), " ".join(texts)) < 0.5, texts

    def test_scores_and_spans_are_shares_one_for_each_character(self, starter: Starter, lines: list[Gray]) -> None:
        for result in read(starter, lines).values():
            assert isinstance(result, ReadingRecord)
            assert len(result.chars) == len(result.spans) == len(result.text)
            assert all(0 <= score <= 1 for score in result.chars)
            edges = [edge for span in result.spans for edge in span]
            assert all(0 <= edge <= 1 for edge in edges)
            assert edges == sorted(edges), "characters follow one another"

    def test_reading_twice_gives_the_same(self, starter: Starter, lines: list[Gray]) -> None:
        first, second = read(starter, lines), read(starter, lines)
        assert [text_of(first[k]) for k in first] == [text_of(second[k]) for k in first]
        assert [getattr(first[k], "chars", ()) for k in first] == [getattr(second[k], "chars", ()) for k in first]

    def test_company_in_a_batch_changes_no_text(self, starter: Starter, lines: list[Gray]) -> None:
        crowd = [*lines, paper(64, 900), lines[0][:, :300], *lines]
        together = read(starter, crowd)
        alone = [text_of(read(starter, [crop])[0]) for crop in crowd]
        assert [text_of(together[key]) for key in range(len(crowd))] == alone

    def test_the_search_reads_better_than_the_best_path(self, starter: Starter, lines: list[Gray]) -> None:
        plain = read(Starter(SHIPPED, decoder="greedy"), lines)
        for hints in (
            Hints(),
            Hints(language="en"),
            Hints(language="en", vocabulary=frozenset(" ".join(TEXTS).split())),
        ):
            told = read(starter, lines, hints)
            rates = [
                cer(" ".join(TEXTS), " ".join(text_of(found[key]) for key in range(len(lines))))
                for found in (plain, told)
            ]
            assert rates[1] <= rates[0], hints

    def test_the_nbest_texts_travel_with_the_reading(self, starter: Starter, lines: list[Gray]) -> None:
        for result in read(starter, lines).values():
            assert isinstance(result, ReadingRecord)
            assert 1 <= len(result.nbest) <= 5
            assert result.nbest[0].text == result.text
            assert sum(each.share for each in result.nbest) <= 1 + 1e-6

    def test_nothing_in_nothing_out(self, starter: Starter) -> None:
        assert read(starter, []) == {}

    @pytest.mark.parametrize("shape", [(0, 0), (64, 0), (0, 300), (64, 300, 3), (64,)])
    def test_what_is_no_line_image_is_an_error_of_that_item_alone(
        self, starter: Starter, lines: list[Gray], shape: tuple[int, ...]
    ) -> None:
        results = read(starter, [np.zeros(shape, np.uint8), lines[0]])
        assert isinstance(results[0], ItemError)
        assert text_of(results[1]) == text_of(read(starter, [lines[0]])[0])

    @pytest.mark.parametrize(
        "crop",
        [
            paper(1, 1),
            paper(64, 1),
            paper(1, 500),
            paper(64, 10_000),
            paper(64, 400, 0),
            paper(64, 400, 255),
            paper(2000, 30),
            np.random.default_rng(1).integers(0, 256, (64, 500), np.uint8),
        ],
        ids=["1x1", "1 wide", "1 high", "10,000 wide", "black", "white", "tower", "noise"],
    )
    def test_absurd_crops_give_a_result_never_an_exception(self, starter: Starter, crop: Gray) -> None:
        [result] = read(starter, [crop]).values()
        if isinstance(result, ReadingRecord) and result.text and crop.std() < 1:
            assert np.mean(result.chars) < 0.95, f"read {result.text!r} on nothing"


@pytest.mark.skipif(not TALL.exists(), reason="the second recogniser's weights are not here")
class TestTheSecondRecogniser:
    def test_it_sees_lines_higher_and_knows_the_same_characters(self) -> None:
        tall, low = Starter(TALL, decoder="greedy"), Starter(SHIPPED, decoder="greedy")
        assert (tall.reader.height, low.reader.height) == (64, 48)
        assert tall.alphabet == low.alphabet, "they share their language models"
        image = LineImage(0, paper(64, 640))
        steps = [len(each.values) for engine in (tall, low) for each in engine.log_probabilities([image])]  # type: ignore[union-attr]
        assert steps == [120, 120], "lines are as wide before both, so both take as long but for the height"

    def test_the_two_together_vote_on_what_was_drawn(self, lines: list[Gray]) -> None:
        readings = [read(Starter(weights, language_models=LANGUAGE_MODELS), lines) for weights in (SHIPPED, TALL)]
        texts = []
        for key in range(len(lines)):
            given = [
                voting.PassReading(str(n), str(n), found)
                for n, each in enumerate(readings)
                if isinstance(found := each[key], ReadingRecord)
            ]
            assert len(given) == 2
            texts.append(voting.vote(given).text)
        assert cer(" ".join(TEXTS), " ".join(texts)) < 0.5, texts


class TestWeights:
    def save(self, path: Path, network: torch.nn.Module | None = None, alphabet: str = "abc") -> Path:
        save_weights(path, network or CtcNetwork(len(alphabet) + 1), {"alphabet": alphabet})
        return path

    def test_what_was_saved_is_read_back(self, tmp_path: Path) -> None:
        path = self.save(tmp_path / "w.safetensors", alphabet="aé⟦")
        assert read_description(path)["alphabet"] == "aé⟦"
        assert Starter(path).alphabet == "aé⟦"
        assert list(tmp_path.iterdir()) == [path], "no partial file stays"

    def test_missing_weights_are_said_in_a_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match="restore it from the repository"):
            Starter(tmp_path / "none.safetensors")

    @pytest.mark.parametrize("damage", ["empty", "cut", "text", "header"])
    def test_damaged_weights_are_said_in_a_sentence(self, damage: str, tmp_path: Path) -> None:
        path = self.save(tmp_path / "w.safetensors")
        whole = path.read_bytes()
        path.write_bytes(
            {"empty": b"", "cut": whole[: len(whole) // 2], "text": b"hello" * 99, "header": b"\xff" * 8 + whole[8:]}[
                damage
            ]
        )
        with pytest.raises(WeightsError):
            Starter(path)

    def test_weights_of_another_network_or_alphabet_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match="does not fit"):
            Starter(self.save(tmp_path / "a.safetensors", torch.nn.Linear(2, 2)))
        with pytest.raises(WeightsError, match="does not fit"):
            Starter(self.save(tmp_path / "b.safetensors", CtcNetwork(9), alphabet="abc"))

    def test_a_safetensors_file_without_our_description_is_refused(self, tmp_path: Path) -> None:
        from safetensors.torch import save_file

        save_file({"x": torch.zeros(2)}, str(tmp_path / "other.safetensors"))
        with pytest.raises(WeightsError, match="not a Longhand weights file"):
            Starter(tmp_path / "other.safetensors")
        save_weights(tmp_path / "no-alphabet.safetensors", CtcNetwork(4), {"lines": 1})
        with pytest.raises(WeightsError):
            Starter(tmp_path / "no-alphabet.safetensors")


@shipped
def test_lines_that_a_device_does_not_hold_at_once_are_read_in_halves(
    lines: list[Gray], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Starter(SHIPPED)
    crops = lines * 4
    wanted = [text_of(result) for _, result in sorted(read(engine, crops).items())]
    before, sizes = CtcReader.forward, []

    def forward(reader: CtcReader, images: torch.Tensor) -> NDArray[np.float32]:
        sizes.append(len(images))
        if len(images) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return before(reader, images)

    monkeypatch.setattr(CtcReader, "forward", forward)
    images = [LineImage(key, crop) for key, crop in enumerate(crops)]
    results = sorted(in_halves(partial(engine.recognize, hints=Hints()), images), key=lambda result: result.key)
    assert [text_of(result) for result in results] == wanted
    assert max(sizes) > 2, "this test needs a batch that does not fit"
