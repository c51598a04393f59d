"""The small Llama in torch and the same weights in llama.cpp."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from transcription.engines.characters import BEGIN, END, SIGNS, CharacterVocabulary
from transcription.engines.llama_runtime import LlamaContext, LlamaModel
from transcription.training.gguf_export import Numbers, export_llama
from transcription.training.llama_torch import Llama, LlamaShape

VOCABULARY = CharacterVocabulary(" earns^ſé⟦⟧")
LENGTH = 40


def a_llama(*, kv_heads: int = 2) -> Llama:
    torch.manual_seed(3)
    shape = LlamaShape(len(VOCABULARY), width=32, layers=3, heads=4, kv_heads=kv_heads, hidden=48, context=64)
    llama = Llama(shape).eval()
    with torch.no_grad():  # as they are drawn they hardly do anything; norms are not all one in a trained model
        for parameter in llama.parameters():
            parameter.mul_(5) if parameter.dim() > 1 else parameter.uniform_(0.5, 1.5)
    return llama


def loaded(path: Path, llama: Llama, numbers: Numbers = "f32") -> LlamaContext:
    export_llama(path, llama, VOCABULARY, numbers=numbers)
    return LlamaContext(LlamaModel(path), sequences=2, length=64, rows=128, exact=True)


@pytest.fixture(scope="module")
def llama() -> Llama:
    return a_llama()


@pytest.fixture(scope="module")
def context(llama: Llama, tmp_path_factory: pytest.TempPathFactory) -> LlamaContext:
    return loaded(tmp_path_factory.mktemp("llama") / "llm.gguf", llama)


@pytest.fixture
def tokens() -> list[int]:
    return [BEGIN, *np.random.default_rng(0).integers(len(SIGNS), len(VOCABULARY), LENGTH - 1).tolist()]


def by_torch(llama: Llama, embeddings: torch.Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    with torch.inference_mode():
        found: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = llama(embeddings[None])[0].numpy()
    return found


class TestTheSameLogits:
    @pytest.mark.parametrize("kv_heads", [1, 2, 4])
    def test_of_tokens(self, tmp_path: Path, tokens: list[int], kv_heads: int) -> None:
        llama = a_llama(kv_heads=kv_heads)
        found = loaded(tmp_path / "llm.gguf", llama).decode_tokens(tokens, range(LENGTH), [0] * LENGTH, range(LENGTH))
        wanted = by_torch(llama, llama.embedding(torch.tensor(tokens)))
        assert np.abs(wanted).max() > 1, "logits that say something"
        assert np.abs(found - wanted).max() < 1e-3

    def test_of_injected_embeddings_between_tokens(
        self, llama: Llama, context: LlamaContext, tokens: list[int]
    ) -> None:
        image = torch.randn(9, llama.shape.width, generator=torch.Generator().manual_seed(1))
        rows = torch.cat((llama.embedding(torch.tensor(tokens[:3])), image, llama.embedding(torch.tensor(tokens[3:]))))
        wanted = by_torch(llama, rows.detach())
        context.clear(0)
        before = context.decode_tokens(tokens[:3], range(3), [0] * 3, range(3))
        seen = context.decode_embeddings(image.numpy(), range(3, 12), [0] * 9, range(9))
        rest = range(12, LENGTH + 9)
        after = context.decode_tokens(tokens[3:], rest, [0] * len(rest), range(len(rest)))
        assert np.abs(np.concatenate((before, seen, after)) - wanted).max() < 1e-3

    def test_of_a_tokens_own_embedding_and_the_token(
        self, llama: Llama, context: LlamaContext, tokens: list[int]
    ) -> None:
        for sequence in (0, 1):
            context.clear(sequence)
        embeddings = llama.embedding(torch.tensor(tokens)).detach().numpy()
        one = context.decode_tokens(tokens, range(LENGTH), [0] * LENGTH, range(LENGTH))
        other = context.decode_embeddings(embeddings, range(LENGTH), [1] * LENGTH, range(LENGTH))
        assert np.abs(one - other).max() < 1e-4

    def test_of_two_sequences_step_by_step_side_by_side(
        self, llama: Llama, context: LlamaContext, tokens: list[int]
    ) -> None:
        """One is ahead of the other by five positions: neither sees the other or its positions."""
        for sequence in (0, 1):
            context.clear(sequence)
        back = tokens[::-1]
        wanted = [by_torch(llama, llama.embedding(torch.tensor(row))) for row in (tokens, back)]
        context.decode_tokens(tokens[:5], range(5), [0] * 5)
        for step in range(LENGTH - 5):
            found = context.decode_tokens([tokens[step + 5], back[step]], [step + 5, step], [0, 1], [0, 1])
            assert np.abs(found[0] - wanted[0][step + 5]).max() < 1e-3
            assert np.abs(found[1] - wanted[1][step]).max() < 1e-3

    def test_but_for_a_hundredth_in_half_precision(self, tmp_path: Path, llama: Llama, tokens: list[int]) -> None:
        context = loaded(tmp_path / "llm.gguf", llama, "f16")
        found = context.decode_tokens(tokens, range(LENGTH), [0] * LENGTH, range(LENGTH))
        wanted = by_torch(llama, llama.embedding(torch.tensor(tokens)))
        assert 0 < np.abs(found - wanted).max() < 0.01 * np.abs(wanted).max()


class TestTheVocabulary:
    def test_llama_cpp_takes_a_text_apart_as_we_do(self, context: LlamaContext) -> None:
        text = " ne sera⟦r⟧ſé^e"
        assert context.model.tokens(text) == VOCABULARY.encode(text)
        assert context.model.text(VOCABULARY.encode(text)) == text

    def test_signs_stand_for_no_text(self, context: LlamaContext) -> None:
        assert all(context.model.is_control(token) for token in range(len(SIGNS)))
        assert context.model.text(range(len(SIGNS))) == ""
        assert context.model.is_end(context.model.end)

    def test_signs_written_in_a_text_are_letters(self) -> None:
        """The engine never asks llama.cpp to take a text apart: it ends the process at a character it does not know."""
        assert not set(range(len(SIGNS))) & set(VOCABULARY.encode("seans"))
        assert VOCABULARY.encode("</s>").count(END) == 0
