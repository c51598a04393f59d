from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    GPT2Config,
    TrOCRConfig,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessorPil,
)

from transcription.engines.base import Recognizer, Releasable, TextScorer
from transcription.engines.halving import in_halves
from transcription.engines.trocr import TrOcr
from transcription.engines.trocr.checkpoint import load_checkpoint
from transcription.engines.trocr.decoder import SteppingDecoder
from transcription.engines.trocr.images import ImageForm, read_image_form
from transcription.engines.trocr.int8 import Int8Linear
from transcription.engines.trocr.network import Network
from transcription.engines.trocr.search import EarlyStopping, Found, Rules, period, search, without_repeats
from transcription.engines.trocr.spelling import Spelling, stored
from transcription.errors import EngineFailure, OutOfMemory, WeightsError
from transcription.htr.records import Gray, Hints, ItemError, LineImage, ReadingRecord, TextScores
from transcription.training.random_trocr import random_trocr
from transcription.training.small_trocr import END, PAD, START, random_line

LOADER: Any = VisionEncoderDecoderModel
EARLY = {"no": False, "yes": True, "never": "never"}


@pytest.fixture(scope="module")
def drawn() -> list[tuple[Gray, str]]:
    rng = np.random.default_rng(99)
    return [random_line(rng) for _ in range(12)]


@pytest.fixture(scope="module")
def lines(drawn: list[tuple[Gray, str]]) -> list[LineImage]:
    return [LineImage(key, pixels) for key, (pixels, _) in enumerate(drawn)]


@pytest.fixture(scope="module")
def single(small_trocr: Path) -> TrOcr:
    return TrOcr(small_trocr, precision="single")


def read(engine: TrOcr, lines: Sequence[LineImage]) -> dict[int, ReadingRecord]:
    results = list(engine.recognize(lines, Hints()))
    assert sorted(result.key for result in results) == sorted(line.key for line in lines), "one result for each"
    return {result.key: result for result in results if isinstance(result, ReadingRecord)}


def texts(engine: TrOcr, lines: Sequence[LineImage]) -> list[str]:
    found = read(engine, lines)
    return [found[line.key].text for line in lines]


class TestContract:
    def test_it_reads_and_scores_and_can_give_its_memory_back(self, single: TrOcr) -> None:
        assert isinstance(single, Recognizer)
        assert isinstance(single, TextScorer)
        assert isinstance(single, Releasable)

    def test_it_reads_what_was_drawn(
        self, single: TrOcr, lines: list[LineImage], drawn: list[tuple[Gray, str]]
    ) -> None:
        right = [text == wanted for text, (_, wanted) in zip(texts(single, lines), drawn, strict=True)]
        assert sum(right) >= len(right) // 2
        for record in read(single, lines).values():
            assert all(0 <= score <= 1 for score in record.chars)
            assert record.usage.tokens_out >= 1

    @pytest.mark.parametrize("precision", ["single", "int8", "bfloat16"])
    @pytest.mark.parametrize("beams", [1, 3])
    def test_company_in_a_batch_changes_no_text(
        self, small_trocr: Path, lines: list[LineImage], precision: Any, beams: int
    ) -> None:
        engine = TrOcr(small_trocr, precision=precision, beams=beams)
        blank = LineImage(50, np.full((64, 90), 240, np.uint8))
        together = read(engine, [*lines, blank])
        for line in lines:
            alone = read(engine, [line])[line.key]
            assert alone.text == together[line.key].text
            assert alone.chars == pytest.approx(together[line.key].chars, abs=0.02 if precision == "bfloat16" else 1e-4)

    def test_released_weights_come_back_on_the_next_use(self, small_trocr: Path, lines: list[LineImage]) -> None:
        engine = TrOcr(small_trocr)
        before = texts(engine, lines[:2])
        engine.release()
        assert texts(engine, lines[:2]) == before

    def test_nothing_in_nothing_out(self, single: TrOcr) -> None:
        assert list(single.recognize([], Hints())) == []
        assert list(single.score([], [])) == []

    @pytest.mark.parametrize("shape", [(0, 0), (64, 0), (64, 300, 3), (64,)])
    def test_what_is_no_line_image_fails_alone(
        self, single: TrOcr, lines: list[LineImage], shape: tuple[int, ...]
    ) -> None:
        results = list(single.recognize([LineImage(90, np.zeros(shape, np.uint8)), lines[0]], Hints()))
        assert [type(result) for result in results] == [ItemError, ReadingRecord]
        assert [type(result) for result in single.score([LineImage(90, np.zeros(shape, np.uint8))], ["a"])] == [
            ItemError
        ]

    @pytest.mark.parametrize("shape", [(1, 1), (64, 1), (1, 500), (64, 10_000), (2000, 30)])
    def test_absurd_crops_give_a_result(self, single: TrOcr, shape: tuple[int, int]) -> None:
        assert len(read(single, [LineImage(0, np.full(shape, 230, np.uint8))])) == 1


class TestEqualToGenerate:
    def encoded(self, small_trocr: Path, lines: list[LineImage]) -> tuple[Network, Any, torch.Tensor]:
        network = Network(load_checkpoint(small_trocr), torch.device("cpu"), "single")
        form = read_image_form(small_trocr)
        images = form.normalised(torch.from_numpy(form.resized(lines)), torch.float32)
        return network, LOADER.from_pretrained(small_trocr).eval(), images

    def test_greedy_token_for_token_with_the_same_scores(self, small_trocr: Path, lines: list[LineImage]) -> None:
        network, reference, images = self.encoded(small_trocr, lines)
        wanted = reference.generate(
            images, num_beams=1, max_new_tokens=20, output_scores=True, return_dict_in_generate=True
        )
        scores = reference.compute_transition_scores(wanted.sequences, wanted.scores, normalize_logits=True)
        found = network.search(network.encode(lines), [20] * len(lines), Rules(START, (END,)))
        for [own], tokens, values in zip(found, wanted.sequences[:, 1:].tolist(), scores.tolist(), strict=True):
            length = len(own.tokens)
            assert list(own.tokens) == tokens[:length]
            assert set(tokens[length:]) <= {PAD}
            assert own.log_probs == pytest.approx(values[:length], abs=1e-4)

    @pytest.mark.parametrize(
        ("beams", "length_penalty", "early_stopping", "longest"),
        [(2, 1.0, "no", 20), (4, 1.0, "yes", 20), (3, 0.0, "never", 20), (3, 2.0, "no", 20), (4, 0.6, "never", 4)],
    )
    def test_beams_with_the_same_texts_in_the_same_order_and_the_same_scores(
        self,
        small_trocr: Path,
        lines: list[LineImage],
        beams: int,
        length_penalty: float,
        early_stopping: EarlyStopping,
        longest: int,
    ) -> None:
        network, reference, images = self.encoded(small_trocr, lines)
        wanted = reference.generate(
            images,
            num_beams=beams,
            num_return_sequences=beams,
            max_new_tokens=longest,
            length_penalty=length_penalty,
            early_stopping=EARLY[early_stopping],
            output_scores=True,
            return_dict_in_generate=True,
        )
        rules = Rules(START, (END,), beams, length_penalty, early_stopping)
        found = [own for line in network.search(network.encode(lines), [longest] * len(lines), rules) for own in line]
        assert len(found) == len(wanted.sequences)
        for own, tokens in zip(found, wanted.sequences[:, 1:].tolist(), strict=True):
            assert list(own.tokens) == tokens[: len(own.tokens)]
            assert set(tokens[len(own.tokens) :]) <= {PAD}
        assert [own.score for own in found] == pytest.approx(wanted.sequences_scores.tolist(), abs=1e-4)

    @pytest.mark.slow
    def test_base_size_with_random_weights(self) -> None:
        network: Any = random_trocr("base")
        images = torch.randn(2, 3, 384, 384)
        with torch.inference_mode():
            states = network.encoder(images).last_hidden_state
            decoder = SteppingDecoder(network, 32)
            for beams in (1, 3):
                wanted = network.generate(
                    images, num_beams=beams, max_new_tokens=5, output_scores=True, return_dict_in_generate=True
                )
                found = search(decoder, states, [5, 5], Rules(START, (END,), beams))
                for [own, *_], tokens in zip(found, wanted.sequences[:, 1:].tolist(), strict=True):
                    assert list(own.tokens) == tokens[: len(own.tokens)]
                if beams > 1:
                    scores = [own.score for own, *_ in found]
                    assert scores == pytest.approx(wanted.sequences_scores.tolist(), abs=1e-4)

    @pytest.mark.parametrize("scaled", [True, False])
    def test_decoders_with_sinusoidal_positions_and_of_another_width(self, scaled: bool) -> None:
        torch.manual_seed(3)
        encoder = ViTConfig(hidden_size=24, num_hidden_layers=1, num_attention_heads=2, image_size=32, patch_size=16)
        decoder = TrOCRConfig(
            vocab_size=60,
            d_model=32,
            decoder_layers=2,
            decoder_attention_heads=2,
            decoder_ffn_dim=64,
            use_learned_position_embeddings=False,
            layernorm_embedding=False,
            scale_embedding=scaled,
        )
        network: Any = LOADER(VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)).eval()
        network.config.decoder.cross_attention_hidden_size = None
        states = torch.randn(2, 5, 24)
        tokens = torch.tensor([[2, 7, 9, 11], [2, 30, 31, 32]])
        own = SteppingDecoder(network, 16)
        with torch.inference_mode():
            outputs = network(encoder_outputs=(states,), decoder_input_ids=tokens[:, :-1])
            wanted = outputs.logits.log_softmax(-1).gather(-1, tokens[:, 1:, None])[..., 0]
            assert torch.allclose(own.forced(tokens, own.states(states)), wanted, atol=1e-4)

    def test_a_checkpoint_with_sinusoidal_positions_that_transformers_itself_cannot_run(
        self, small_trocr: Path, tmp_path: Path, lines: list[LineImage]
    ) -> None:
        folder = Path(shutil.copytree(small_trocr, tmp_path / "model"))
        network: Any = LOADER.from_pretrained(folder)
        config = network.config
        config.decoder.use_learned_position_embeddings = False
        torch.manual_seed(5)
        network = LOADER(config).eval()
        network.save_pretrained(folder)
        tokens = torch.tensor([[2, 7, 9, 11]])
        with torch.inference_mode():
            own = Network(load_checkpoint(folder), torch.device("cpu"), "single")
            states = own.encode(lines[:1])
            outputs = network(encoder_outputs=(states,), decoder_input_ids=tokens[:, :-1])
            wanted = outputs.logits.log_softmax(-1).gather(-1, tokens[:, 1:, None])[0, :, 0]
            [found] = own.forced(states, [0], [tokens[0, 1:].tolist()])
        assert found == pytest.approx(wanted.tolist(), abs=1e-4)


class TestForcedScores:
    def test_they_are_those_of_the_search_for_the_text_it_found(self, single: TrOcr, lines: list[LineImage]) -> None:
        for key, record in read(single, lines).items():
            [scores] = single.score([lines[key]], [record.text])
            assert isinstance(scores, TextScores)
            assert len(scores.chars) == len(record.text)
            words = [np.exp(value) for value in scores.chars if value]
            assert {round(float(word), 3) for word in words} <= {round(score, 3) for score in record.chars} | {1.0}

    def test_the_text_on_the_line_is_more_probable_than_another_and_a_crop_is_encoded_once(
        self, small_trocr: Path, lines: list[LineImage], drawn: list[tuple[Gray, str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine = TrOcr(small_trocr)
        encoded: list[int] = []
        before = Network.encode

        def encode(network: Network, lines: Sequence[LineImage]) -> torch.Tensor:
            encoded.append(len(lines))
            return before(network, lines)

        list(engine.score([lines[0]], ["Mary"]))  # asks once how lines begin
        monkeypatch.setattr(Network, "encode", encode)
        given = [drawn[0][1], "June June June", "Burials in May"]
        results = {r.text: r for r in engine.score([lines[0]] * 3, given) if isinstance(r, TextScores)}
        assert max(results.values(), key=lambda scores: scores.total).text == given[0]
        assert encoded == [1]

    def test_what_cannot_be_written_fails_alone(self, single: TrOcr, lines: list[LineImage]) -> None:
        results = list(single.score(lines[:2], ["☃" * 60, "Mary"]))
        assert sorted(type(result).__name__ for result in results) == ["ItemError", "TextScores"]

    def test_given_texts_are_weighed_beside_its_own_and_never_replace_it(
        self, small_trocr: Path, lines: list[LineImage], drawn: list[tuple[Gray, str]]
    ) -> None:
        engine = TrOcr(small_trocr, beams=3)
        own = read(engine, lines)
        given = [LineImage(line.key, line.pixels, ("June June June June", "☃" * 60)) for line in lines]
        for key, record in read(engine, given).items():
            assert record.text == own[key].text
            assert record.nbest[0].text == record.text
            found = {each.text: each.share for each in record.nbest}
            assert "June June June June" in found
            assert not any("☃" in text for text in found), "longer than the network reads"
            assert sum(found.values()) == pytest.approx(1)
            assert found["June June June June"] < 0.01


class TestMemory:
    @pytest.mark.parametrize(
        "error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("not enough memory: 9 GB")]
    )
    def test_lines_that_do_not_fit_at_once_are_read_in_halves(
        self, small_trocr: Path, lines: list[LineImage], monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        engine = TrOcr(small_trocr)
        wanted, before, sizes = texts(engine, lines), Network.encode, []

        def encode(network: Network, lines: Sequence[LineImage]) -> torch.Tensor:
            sizes.append(len(lines))
            if len(lines) > 3:
                raise error
            return before(network, lines)

        monkeypatch.setattr(Network, "encode", encode)
        found = {result.key: result for result in in_halves(partial(engine.recognize, hints=Hints()), lines)}
        assert [getattr(found[line.key], "text", None) for line in lines] == wanted
        assert sizes == [12, 6, 3, 3, 3, 3]

    def test_it_says_so_itself_in_reading_and_in_scoring(
        self, small_trocr: Path, lines: list[LineImage], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def encode(network: Network, lines: Sequence[LineImage]) -> torch.Tensor:
            raise MemoryError

        engine = TrOcr(small_trocr)
        monkeypatch.setattr(Network, "encode", encode)
        with pytest.raises(OutOfMemory, match="for 12 lines"):
            list(engine.recognize(lines, Hints()))
        with pytest.raises(OutOfMemory, match="for 2 lines"):
            list(engine.score(lines[:2], ["1", "2"]))

    def test_other_failures_of_the_network_are_said_as_such(
        self, small_trocr: Path, lines: list[LineImage], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def encode(network: Network, lines: Sequence[LineImage]) -> torch.Tensor:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

        engine = TrOcr(small_trocr)
        monkeypatch.setattr(Network, "encode", encode)
        with pytest.raises(EngineFailure, match="mat1"):
            list(engine.recognize(lines, Hints()))


class TestRepeats:
    def test_a_stretch_over_and_over_is_found(self) -> None:
        assert period([5] * 16, 16) == 1
        assert period([9, *[1, 2, 3] * 6], 16) == 3
        assert period([5] * 15, 16) == 0
        assert period([1, 2, 3, 4, 5, 6, 7, 8] * 3, 16) == 0, "four times at least"
        assert period(list(range(40)), 16) == 0

    def test_one_of_them_stays(self) -> None:
        tokens = (9, 8, *[1, 2] * 8)
        found = without_repeats(Found(tokens, (-0.5,) * len(tokens), -1.0, ended=False), 16)
        assert found.tokens == (9, 8, 1, 2)
        assert len(found.log_probs) == 4

    @pytest.mark.parametrize("beams", [1, 3])
    def test_a_network_that_turns_in_circles_is_stopped(self, small_trocr: Path, beams: int) -> None:
        network = Network(load_checkpoint(small_trocr), torch.device("cpu"), "single")
        decoder = network._decoder._decoder  # type: ignore[attr-defined]
        words = len(decoder._decoder.embed_tokens.weight)
        decoder._head = torch.nn.Linear(96, words)
        with torch.no_grad():
            decoder._head.weight.zero_()
            decoder._head.bias.copy_(torch.linspace(0, 9, words))
        states = torch.randn(2, 33, 64)
        found = network.search(states, [60, 60], Rules(START, (END,), beams, repeats=16))
        assert all(line[0].tokens == (words - 1,) for line in found)

    def test_numbers_that_are_none_fail_alone(self, small_trocr: Path, lines: list[LineImage]) -> None:
        engine = TrOcr(small_trocr)
        with torch.no_grad():
            engine._network()._encoder.layernorm.weight.fill_(float("nan"))
        for beams in (1, 2):
            engine._beams = beams
            results = list(engine.recognize(lines[:2], Hints()))
            assert {result.code for result in results if isinstance(result, ItemError)} == {"no-numbers"}
        assert all(isinstance(result, ItemError) for result in engine.score(lines[:1], ["Mary"]))


class TestImages:
    @pytest.mark.parametrize("resample", [2, 3])
    def test_they_are_those_of_transformers_own_processor(self, lines: list[LineImage], resample: int) -> None:
        processor: Any = ViTImageProcessorPil(
            size={"height": 96, "width": 128}, image_mean=[0.4, 0.5, 0.6], image_std=[0.5, 0.4, 0.3], resample=resample
        )
        form = ImageForm(96, 128, resample, 1 / 255, (0.4, 0.5, 0.6), (0.5, 0.4, 0.3))
        wanted = processor(
            images=[Image.fromarray(line.pixels).convert("RGB") for line in lines], return_tensors="pt"
        ).pixel_values
        found = form.normalised(torch.from_numpy(form.resized(lines)), torch.float32)
        assert torch.allclose(found, wanted, atol=1e-6)

    @pytest.mark.parametrize(
        "asked", [{"size": 32}, {"size": {"height": 32, "width": 32}}, {"size": 32, "resample": 3}]
    )
    def test_old_and_new_ways_to_say_the_size(self, tmp_path: Path, asked: dict[str, Any]) -> None:
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(asked))
        assert (read_image_form(tmp_path).height, read_image_form(tmp_path).width) == (32, 32)

    @pytest.mark.parametrize(
        "asked",
        [
            {"size": {"shortest_edge": 32}},
            {"size": 32, "do_center_crop": True},
            {"size": 32, "image_std": [0, 0, 0]},
            [],
        ],
    )
    def test_what_is_not_known_is_refused(self, tmp_path: Path, asked: Any) -> None:
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(asked))
        with pytest.raises(WeightsError):
            read_image_form(tmp_path)


class TestSpelling:
    def test_a_sign_of_several_tokens_has_their_product(self, small_trocr: Path) -> None:
        spelling = Spelling(load_checkpoint(small_trocr).tokenizer)
        tokens = spelling.spell("Zoë")
        assert tokens is not None
        assert len(tokens) == 4, "the last letter is two bytes"
        spelt = spelling.read(tokens)
        assert spelt.text == "Zoë"
        assert spelt.scores([np.log(0.5)] * 4) == pytest.approx((0.5, 0.5, 0.25))
        assert sum(spelt.logarithms([-1.0] * 4)) == pytest.approx(-4)

    def test_what_is_stored_is_composed_and_its_scores_stay_in_step(self) -> None:
        text, scores = stored(
            "  e\u0301a \t b\x00\ufffd ", (0.1, 0.2, 0.9, 0.5, 0.8, 0.7, 0.6, 0.3, 0.4, 0.2, 0.1, 0.1)
        )
        assert text == "éa b"
        assert scores == (0.5, 0.8, 0.3, 0.4)
        assert stored("", ()) == ("", ())


class TestFolders:
    @pytest.fixture
    def folder(self, small_trocr: Path, tmp_path: Path) -> Path:
        return Path(shutil.copytree(small_trocr, tmp_path / "model"))

    @pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
    def test_a_missing_file_is_named(self, folder: Path, name: str) -> None:
        (folder / name).unlink()
        with pytest.raises(WeightsError, match=name.partition(".")[0]):
            TrOcr(folder)

    @pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json"])
    @pytest.mark.parametrize("damage", [b"", b"\xff\x00hello", b'{"a": 1'])
    def test_a_damaged_file_is_said(self, folder: Path, name: str, damage: bytes) -> None:
        (folder / name).write_bytes(damage)
        with pytest.raises(WeightsError):
            TrOcr(folder)

    def test_weights_cut_short_are_said(self, folder: Path) -> None:
        path = folder / "model.safetensors"
        path.write_bytes(path.read_bytes()[:100_000])
        with pytest.raises(WeightsError, match="fetch the model again"):
            TrOcr(folder)

    def test_pickles_are_refused_by_name(self, folder: Path) -> None:
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
        with pytest.raises(WeightsError, match=r"pytorch_model\.bin.*safetensors"):
            TrOcr(folder)

    def test_another_kind_of_model_is_refused(self, folder: Path) -> None:
        (folder / "config.json").write_text('{"model_type": "bert"}')
        with pytest.raises(WeightsError, match="bert"):
            TrOcr(folder)

    def test_weights_of_another_shape_are_refused(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        config["decoder"]["decoder_layers"] = 3
        (folder / "config.json").write_text(json.dumps(config))
        with pytest.raises(WeightsError, match="lacks"):
            TrOcr(folder)

    def test_images_of_another_size_than_the_network_takes_are_refused(self, folder: Path) -> None:
        for name in ("preprocessor_config.json", "processor_config.json"):
            (folder / name).write_text((folder / name).read_text().replace("256", "128"))
        with pytest.raises(WeightsError, match="32 × 256"):
            TrOcr(folder)

    def test_the_sign_to_start_with_is_never_the_tokenizers(self, folder: Path, lines: list[LineImage]) -> None:
        (folder / "generation_config.json").unlink()
        assert load_checkpoint(folder).signs.start == START
        assert load_checkpoint(folder).signs.ends == (END,)

    def test_what_a_device_cannot_do_is_said(self, small_trocr: Path) -> None:
        with pytest.raises(EngineFailure, match="GPUs only"):
            TrOcr(small_trocr, precision="float16", device="cpu")
        with pytest.raises(EngineFailure, match="beams"):
            TrOcr(small_trocr, beams=0)


class TestOtherDecoders:
    @pytest.mark.parametrize("precision", ["single", "int8"])
    def test_they_read_through_generate(self, small_trocr: Path, tmp_path: Path, precision: Any) -> None:
        folder = Path(shutil.copytree(small_trocr, tmp_path / "model"))
        torch.manual_seed(4)
        encoder = ViTConfig(
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
            image_size=(32, 256),  # type: ignore[arg-type]
            patch_size=(32, 8),  # type: ignore[arg-type]
        )
        decoder = GPT2Config(vocab_size=370, n_embd=32, n_layer=1, n_head=2, n_positions=64, add_cross_attention=True)
        config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
        config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = START, PAD, END
        network: Any = LOADER(config)
        network.generation_config.update(decoder_start_token_id=START, pad_token_id=PAD, eos_token_id=END)
        network.save_pretrained(folder)
        rng = np.random.default_rng(1)
        lines = [LineImage(key, random_line(rng)[0], ("Mary",)) for key in range(3)]
        for beams in (1, 2):
            engine = TrOcr(folder, precision=precision, beams=beams, max_new_tokens=6)
            for record in read(engine, lines).values():
                assert record.usage.tokens_out <= 6
                assert "Mary" in {each.text for each in record.nbest}
            [scores] = engine.score(lines[:1], ["Mary Anne"])
            assert isinstance(scores, TextScores)
            assert scores.total < 0


class TestInt8:
    @pytest.mark.parametrize("many", [True, False])
    def test_it_is_near_and_no_token_depends_on_another(self, many: bool) -> None:
        torch.manual_seed(1)
        linear = torch.nn.Linear(96, 200)
        layer, tokens = Int8Linear(linear, many=many), torch.randn(3, 300, 96)
        tokens[0, 0] = 0
        with torch.inference_mode():
            wanted, found = linear(tokens), layer(tokens)
            assert float((found - wanted).norm() / wanted.norm()) < 0.02
            assert torch.equal(layer(tokens[1:2, 7:8])[0, 0], found[1, 7])

    def test_its_texts_agree_with_single_precision(
        self, small_trocr: Path, single: TrOcr, lines: list[LineImage]
    ) -> None:
        pairs = zip(texts(TrOcr(small_trocr, precision="int8"), lines), texts(single, lines), strict=True)
        assert sum(one == other for one, other in pairs) >= len(lines) - 1


@pytest.mark.slow
def test_a_compiled_encoder_reads_the_same_or_says_that_it_could_not_be(
    small_trocr: Path, single: TrOcr, lines: list[LineImage]
) -> None:
    assert texts(TrOcr(small_trocr, precision="single", compile=True), lines[:2]) == texts(single, lines[:2])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_a_gpu_reads_what_a_cpu_reads(small_trocr: Path, single: TrOcr, lines: list[LineImage], precision: Any) -> None:
    found = texts(TrOcr(small_trocr, precision=precision, device="cuda"), lines)
    assert sum(one == other for one, other in zip(found, texts(single, lines), strict=True)) >= len(lines) - 1


def test_the_known_models_name_classes_that_exist() -> None:
    from transcription.engines.known_models import KNOWN_MODELS

    assert {model.hub for model in KNOWN_MODELS} == {
        f"microsoft/trocr-{size}-{kind}" for size in ("small", "base", "large") for kind in ("handwritten", "printed")
    }
    assert {model.engine for model in KNOWN_MODELS} == {f"{TrOcr.__module__.rpartition('.')[0]}.TrOcr"}
    assert len(get_args(EarlyStopping)) == 3
