"""Training of the projection on lines that nobody wrote: positions that show a character each, a little blurred."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from transcription.engines.characters import BLANK, SIGNS, CharacterVocabulary
from transcription.errors import BadInput
from transcription.training.character_llama import image_row, line_row
from transcription.training.llama_torch import Llama, LlamaShape
from transcription.training.lora import adapt, merge
from transcription.training.misreadings import Misreader, Mixture, confusions
from transcription.training.seen_lines import SeenLine, load_seen, save_seen
from transcription.training.vision_llm import Settings, begun, seen_batches, train

VOCABULARY = CharacterVocabulary(" abcd")
CLASSES, FEATURES = len(VOCABULARY.of_classes()), 3


def a_llama() -> Llama:
    torch.manual_seed(0)
    return Llama(LlamaShape(len(VOCABULARY), width=16, layers=2, heads=2, kv_heads=1, hidden=24, context=96))


def seen(text: str, rng: np.random.Generator) -> SeenLine:
    values = rng.random((len(text), CLASSES + FEATURES)) * 0.1
    values[np.arange(len(text)), [VOCABULARY.alphabet.index(char) + 1 for char in text]] = 0.9
    return SeenLine(values.astype(np.float16), text, "en_test")


def lines(count: int) -> list[SeenLine]:
    rng = np.random.default_rng(1)
    return [seen("".join(rng.choice(list("abcd"), rng.integers(3, 12))), rng) for _ in range(count)]


class TestTraining:
    @pytest.fixture
    def run(self, tmp_path: Path) -> Path:
        save_seen(tmp_path / "train.npz", lines(24))
        save_seen(tmp_path / "tune.npz", lines(8))
        return tmp_path

    @pytest.mark.parametrize("rank", [0, 2])
    def test_it_learns_and_changes_the_llama_only_where_it_may(self, run: Path, rank: int) -> None:
        llama = a_llama()
        before = {name: tensor.clone() for name, tensor in llama.state_dict().items()}
        kept = train(run, llama, VOCABULARY, Settings(seconds=1.0, rank=rank, compiles=False))
        state = torch.load(run / "projection.pt", weights_only=True)
        assert kept < 2.3, "nats a character; all alike would be the logarithm of ten"
        assert set(state["llama"]) == set(before), "changes are merged"
        changed = {name for name in before if not torch.equal(before[name], state["llama"][name])}
        assert bool(changed) == bool(rank)
        assert all("attention." in name or name.split(".")[-2] in ("gate", "up", "down") for name in changed)

    def test_without_lines_it_says_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="run the stage “look” first"):
            train(tmp_path, a_llama(), VOCABULARY, Settings(seconds=1))

    def test_lines_come_back_as_they_were_kept(self, run: Path) -> None:
        for kept, line in zip(load_seen(run / "tune.npz"), lines(8), strict=True):
            assert kept.text == line.text
            assert np.array_equal(kept.values, line.values)


class TestBatches:
    def test_each_line_comes_once_and_its_image_stands_before_its_text(self) -> None:
        given = lines(30)
        batches = list(seen_batches(given, VOCABULARY, 96, np.random.default_rng(0)))
        assert sum(len(batch.tokens) for batch in batches) == 30
        for batch in batches:
            assert (batch.tokens[batch.rows, batch.places] == BLANK).all(), "embeddings take these places"
            assert (batch.targets[batch.rows, batch.places] == -100).all()

    def test_lines_that_find_no_room_are_left_out(self) -> None:
        assert list(seen_batches(lines(3), VOCABULARY, 20)) == []

    def test_an_image_of_text_is_a_row_as_of_a_line(self) -> None:
        tokens = np.array(VOCABULARY.encode("abca"), np.int64)
        row = image_row(Mixture(tokens, tokens, np.ones(4, np.float32)), tokens)
        batch = next(seen_batches([seen("abca", np.random.default_rng(0))], VOCABULARY, 96))
        assert row.targets.tolist() == batch.targets[0, : len(row.targets)].tolist()
        assert len(line_row(tokens).targets) == 5


def test_merged_changes_compute_as_they_did_beside_the_weights() -> None:
    llama = a_llama().eval()
    for parameter in adapt(llama, 3):
        torch.nn.init.normal_(parameter, std=0.2)
    x = torch.randn(2, 7, 16)
    with torch.inference_mode():
        assert torch.allclose(llama(x), merge(llama)(x), atol=1e-5)


def test_a_projection_begins_with_the_llamas_own_embeddings() -> None:
    llama = a_llama()
    values = torch.zeros(1, CLASSES + FEATURES)
    values[0, 2] = 1.0
    wanted = llama.embedding.weight[VOCABULARY.encode(VOCABULARY.alphabet[1])]
    assert torch.allclose(begun(llama, VOCABULARY, CLASSES + FEATURES)(values), wanted, atol=1e-6)


class TestMisreadings:
    def test_a_class_is_taken_for_what_the_network_holds_second(self) -> None:
        output = np.log(np.array([[0.1, 0.6, 0.3, 1e-6], [0.9, 0.05, 0.03, 0.02]], np.float32))
        table = confusions([output], 4)
        assert table[1].argmax() == 2
        assert np.allclose(table.sum(1), 1)
        assert (table[:, 0] == 0).all()

    def test_what_is_drawn_is_made_of_characters_and_blanks(self) -> None:
        rng = np.random.default_rng(0)
        misreader = Misreader(np.full((CLASSES, CLASSES), 1 / CLASSES))
        tokens = rng.integers(len(SIGNS), len(VOCABULARY), 40)
        for _ in range(50):
            drawn = misreader.draw(tokens, rng)
            assert 0 < len(drawn) < 80
            assert {BLANK, *range(len(SIGNS), len(VOCABULARY))} >= {*drawn.first.tolist(), *drawn.second.tolist()}
            assert ((drawn.weight > 0.3) & (drawn.weight <= 1)).all()
