from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from tests.steps.journey import TEXTS, draw_page, drawn_layout
from transcription.engines.base import Recognizer, Releasable, TextScorer
from transcription.engines.batching import batches, fit_lines
from transcription.engines.characters import BEGIN, BLANK, END, READ
from transcription.engines.ctc_network import INPUT_HEIGHT
from transcription.engines.ctc_reader import CtcReader
from transcription.engines.registry import WEIGHTS
from transcription.engines.vision_projection import compressed, image_length
from transcription.engines.vision_stack import VisionStack
from transcription.engines.visionllm import VisionLlm
from transcription.errors import WeightsError
from transcription.htr.crop import cut_line
from transcription.htr.records import Gray, Hints, ItemError, LineImage, ReadingRecord, TextScores
from transcription.training.small_visionllm import small_llama, write_small_visionllm

pytestmark = pytest.mark.skipif(
    not (WEIGHTS / "starter.safetensors").exists(), reason="the starter's weights, the encoder, are not here"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("visionllm")
    write_small_visionllm(made)
    return made


@pytest.fixture(scope="module")
def engine(folder: Path) -> VisionLlm:
    return VisionLlm(folder, precision="single", sequences=3)


@pytest.fixture(scope="module")
def lines() -> list[Gray]:
    page = np.asarray(draw_page())
    return [cut_line(page, geometry) for geometry in drawn_layout(len(TEXTS)).lines]


def images(crops: Sequence[Gray]) -> list[LineImage]:
    return [LineImage(key, crop) for key, crop in enumerate(crops)]


def read(engine: VisionLlm, crops: Sequence[Gray]) -> dict[int, ReadingRecord]:
    results = list(engine.recognize(images(crops), Hints()))
    assert sorted(result.key for result in results) == list(range(len(crops))), "one result for each crop"
    return {result.key: result for result in results if isinstance(result, ReadingRecord)}


class TestReading:
    def test_it_is_what_the_steps_ask_for(self, engine: VisionLlm) -> None:
        assert isinstance(engine, Recognizer)
        assert isinstance(engine, TextScorer)
        assert isinstance(engine, Releasable)

    def test_each_character_has_a_score_and_a_place(self, engine: VisionLlm, lines: list[Gray]) -> None:
        found = read(engine, lines)
        assert any(record.text for record in found.values())
        for record in found.values():
            assert all(0 < score <= 1 for score in record.chars)
            edges = [edge for span in record.spans for edge in span]
            assert edges == sorted(edges)
            assert record.usage.tokens_in > record.usage.tokens_out > 0

    def test_a_line_reads_alike_alone_and_in_company(self, engine: VisionLlm, lines: list[Gray]) -> None:
        together = read(engine, [*lines, *lines])
        for key, crop in enumerate(lines):
            alone = read(engine, [crop])[0]
            assert together[key].text == together[key + len(lines)].text == alone.text
            assert np.allclose(together[key].chars, alone.chars, atol=1e-4)

    def test_a_crop_that_is_no_image_fails_alone(self, engine: VisionLlm, lines: list[Gray]) -> None:
        results = list(engine.recognize(images([np.zeros((0, 5), np.uint8), lines[0]]), Hints()))
        assert {type(result): result.key for result in results} == {ItemError: 0, ReadingRecord: 1}

    def test_empty_paper_and_absurd_crops_are_read_as_little(self, engine: VisionLlm) -> None:
        absurd = [np.full(shape, 230, np.uint8) for shape in ((64, 400), (1, 1), (64, 3), (2000, 9))]
        assert all(len(record.text) < 40 for record in read(engine, absurd).values())

    def test_a_line_with_more_characters_than_the_context_holds_fails_alone(
        self, folder: Path, lines: list[Gray]
    ) -> None:
        short = VisionLlm(folder, precision="single", length=80)
        results = list(short.recognize(images([np.tile(lines[0], (1, 4)), lines[0][:, :200]]), Hints()))
        errors = [result for result in results if isinstance(result, ItemError)]
        assert [(error.key, error.code) for error in errors] == [(0, "context-full")]
        assert any(isinstance(result, ReadingRecord) and result.key == 1 for result in results)

    def test_what_was_released_comes_back_on_the_next_use(self, folder: Path, lines: list[Gray]) -> None:
        engine = VisionLlm(folder, precision="single")
        before = read(engine, lines[:2])
        engine.release()
        engine.release()
        assert {k: r.text for k, r in read(engine, lines[:2]).items()} == {k: r.text for k, r in before.items()}


class TestScoring:
    def test_its_own_text_scores_as_it_was_read(self, engine: VisionLlm, lines: list[Gray]) -> None:
        found = read(engine, lines)
        texts = [found[key].text for key in range(len(lines))]
        for result in engine.score(images(lines), texts):
            assert isinstance(result, TextScores)
            assert np.allclose(np.exp(result.chars), found[result.key].chars, atol=1e-4)

    def test_scores_are_those_of_the_networks_in_torch(
        self, engine: VisionLlm, folder: Path, lines: list[Gray]
    ) -> None:
        texts = ["the parish", "paid"]
        found = {result.key: result for result in engine.score(images(lines[:2]), texts)}
        stack = VisionStack(folder)
        llama = small_llama(stack.vocabulary)
        reader = CtcReader(stack.network, device="cpu", precision="single")
        fitted, _ = fit_lines(images(lines[:2]), INPUT_HEIGHT, 3_200)
        for batch in batches(fitted, reader.columns):
            for line, output in zip(batch, reader.encode(batch), strict=True):
                seen = compressed(*output)
                tokens = stack.vocabulary.encode(texts[line.key])
                fill = image_length(len(seen)) - len(seen)
                with torch.inference_mode():
                    row = torch.cat(
                        (
                            llama.embedding(torch.tensor([BEGIN])),
                            stack.projection(torch.from_numpy(seen.values)),
                            llama.embedding(torch.tensor([BLANK] * fill + [READ] + tokens)),
                        )
                    )
                    after = llama(row[None])[0, -len(tokens) - 1 :].log_softmax(-1)
                wanted = after[range(len(tokens) + 1), [*tokens, END]].tolist()
                score = found[line.key]
                assert isinstance(score, TextScores)
                assert np.allclose([*score.chars, score.end], wanted, atol=1e-3)

    def test_an_empty_text_and_characters_nobody_taught_it_have_scores(
        self, engine: VisionLlm, lines: list[Gray]
    ) -> None:
        texts = ["", "a’中"]
        found = {result.key: result for result in engine.score(images(lines[:2]), texts)}
        empty, strange = found[0], found[1]
        assert isinstance(empty, TextScores)
        assert isinstance(strange, TextScores)
        assert empty.chars == ()
        assert math.isfinite(empty.total)
        assert len(strange.chars) == 3
        assert strange.chars[2] < -10, "it cannot write this"
        assert strange.chars[1] > -100

    def test_many_texts_are_scored_in_groups(self, engine: VisionLlm, lines: list[Gray]) -> None:
        crops = [lines[0][:, :150]] * 7
        found = [result for result in engine.score(images(crops), ["the"] * 7) if isinstance(result, TextScores)]
        assert sorted(result.key for result in found) == list(range(7))
        assert max(result.total for result in found) - min(result.total for result in found) < 1e-3


class TestTheFolder:
    @pytest.fixture
    def copy(self, folder: Path, tmp_path: Path) -> Path:
        return shutil.copytree(folder, tmp_path / "copy")

    def test_a_missing_file_is_named(self, copy: Path) -> None:
        (copy / "llm.gguf").unlink()
        with pytest.raises(WeightsError, match=r"llm\.gguf"):
            VisionLlm(copy)

    def test_a_language_model_of_another_training_is_refused(self, copy: Path) -> None:
        write_small_visionllm(copy / "other", numbers="f16")
        shutil.copyfile(copy / "other" / "llm.gguf", copy / "llm.gguf")
        with pytest.raises(WeightsError, match="Bring the files of one training together"):
            VisionLlm(copy)

    def test_an_encoder_of_another_training_is_refused(self, copy: Path) -> None:
        (copy / "encoder.safetensors").write_bytes(b"something else")
        with pytest.raises(WeightsError, match="not what the projection was trained with"):
            VisionLlm(copy)

    def test_a_projection_of_another_size_is_refused(self, copy: Path) -> None:
        self._described(copy, {"hidden": 17})
        with pytest.raises(WeightsError, match="does not fit its network"):
            VisionLlm(copy)

    def test_a_description_with_an_absurd_size_is_refused(self, copy: Path) -> None:
        self._described(copy, {"width": 10**9})
        with pytest.raises(WeightsError, match="width"):
            VisionLlm(copy)

    def test_another_kind_of_weights_is_refused(self, copy: Path) -> None:
        shutil.copyfile(WEIGHTS / "starter.safetensors", copy / "projection.safetensors")
        with pytest.raises(WeightsError, match="no projection"):
            VisionLlm(copy)

    def test_a_file_that_is_no_safetensors_is_refused(self, copy: Path) -> None:
        (copy / "projection.safetensors").write_bytes(b"\x80\x04pickle")
        with pytest.raises(WeightsError):
            VisionLlm(copy)

    def _described(self, folder: Path, changes: dict[str, int]) -> None:
        path = folder / "projection.safetensors"
        with safe_open(str(path), "pt") as file:
            description = json.loads(file.metadata()["longhand"]) | changes
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        save_file(tensors, str(path), metadata={"longhand": json.dumps(description)})
