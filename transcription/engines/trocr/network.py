"""A checkpoint at work on one device: line images to the encoder's states, these to tokens, and how probable given
tokens are."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.trocr.modeling_trocr import TrOCRForCausalLM

from transcription.engines import memory
from transcription.engines.device import number_type
from transcription.engines.trocr.checkpoint import Checkpoint, Signs
from transcription.engines.trocr.decoder import SteppingDecoder
from transcription.engines.trocr.int8 import quantise_decoder, quantise_encoder
from transcription.engines.trocr.search import Found, Rules, search
from transcription.errors import EngineFailure
from transcription.htr.records import LineImage

logger = logging.getLogger(__name__)
TrocrPrecision = Literal["auto", "single", "bfloat16", "float16", "int8"]


class _Decoder(Protocol):
    def search(self, encoded: Tensor, longest: Sequence[int], rules: Rules) -> list[list[Found]]: ...
    def forced(self, encoded: Tensor, tokens: Tensor) -> Tensor: ...


class Network:
    """``checkpoint`` on ``device`` with numbers of ``precision``; it is changed and can no longer be trained."""

    def __init__(
        self, checkpoint: Checkpoint, device: torch.device, precision: TrocrPrecision, *, compiled: bool = False
    ) -> None:
        self.signs, self.longest = checkpoint.signs, checkpoint.longest
        self._form, self._device = checkpoint.form, device
        self.numbers = _numbers(device, precision)
        network = checkpoint.network
        own_loop = isinstance(network.decoder, TrOCRForCausalLM)
        head = quantise_decoder(network) if precision == "int8" and own_loop else None
        if precision == "int8":
            quantise_encoder(network)
        network.to(device, self.numbers)
        self._encoder = network.encoder
        self._compiled: Any = torch.compile(network.encoder) if compiled else None
        self._decoder: _Decoder = (
            _OwnLoop(network, self.longest + 1, head) if own_loop else _Generating(network, self.signs)
        )
        self._opening: tuple[int, ...] | None = None

    def encode(self, lines: Sequence[LineImage]) -> Tensor:
        """The encoder's states (B, S, E).

        On a CPU line by line: as fast as together, and what a line's states are cannot depend on the others.
        """
        images = torch.from_numpy(self._form.resized(lines)).to(self._device)
        with torch.inference_mode():
            at_once = torch.split(images, 1 if self._device.type == "cpu" else len(images))
            return torch.cat([self._encode(self._form.normalised(some, self.numbers)) for some in at_once])

    def search(self, encoded: Tensor, longest: Sequence[int], rules: Rules) -> list[list[Found]]:
        """See `search.search`."""
        with torch.inference_mode():
            return self._decoder.search(encoded, longest, rules)

    def forced(self, encoded: Tensor, rows: Sequence[int], texts: Sequence[Sequence[int]]) -> list[tuple[float, ...]]:
        """For each of ``texts`` (tokens, the end included) on the line ``rows`` says, the natural logarithm of each of
        its tokens' probability after those before it."""
        if not texts:
            return []
        first = (self.signs.start, *self._opens_with())
        longest = max(map(len, texts))
        padded = [[*first, *text, *[self.signs.pad] * (longest - len(text))] for text in texts]
        with torch.inference_mode():
            tokens = torch.tensor(padded, device=self._device)
            found = self._decoder.forced(encoded[torch.tensor(rows, device=self._device)], tokens)
        before = len(first) - 1
        values = found[:, before:].float().tolist()
        return [tuple(row[: len(text)]) for row, text in zip(values, texts, strict=True)]

    def _opens_with(self) -> tuple[int, ...]:
        """Some fine-tuned checkpoints write <s> before every line: asked on an empty one, once."""
        if self._opening is None:
            begin = self.signs.begin
            empty = self.encode([LineImage(0, np.full((64, 512), 255, np.uint8))])
            found = self.search(empty, [1], Rules(self.signs.start, self.signs.ends))[0]
            self._opening = (begin,) if begin is not None and found and found[0].tokens == (begin,) else ()
        return self._opening

    def _encode(self, images: Tensor) -> Tensor:
        if self._compiled is not None:
            try:
                return self._compiled(images).last_hidden_state  # type: ignore[no-any-return]
            except RuntimeError as error:  # what torch's compilers raise is a RuntimeError too
                if memory.ran_out(error):
                    raise
                logger.warning("The encoder could not be compiled and runs as it is: %s", str(error)[:300])
                self._compiled = None
        return self._encoder(images).last_hidden_state  # type: ignore[no-any-return]


class _OwnLoop:
    def __init__(self, network: Any, positions: int, head: torch.nn.Module | None) -> None:
        self._decoder = SteppingDecoder(network, positions, head=head)

    def search(self, encoded: Tensor, longest: Sequence[int], rules: Rules) -> list[list[Found]]:
        return search(self._decoder, self._decoder.states(encoded), longest, rules)

    def forced(self, encoded: Tensor, tokens: Tensor) -> Tensor:
        return self._decoder.forced(tokens, self._decoder.states(encoded))


class _Generating:
    """Decoders other than TrOCR's own, through transformers' `generate`: slower, and without a stop at repetitions."""

    def __init__(self, network: Any, signs: Signs) -> None:
        self._network, self._signs = network, signs

    def search(self, encoded: Tensor, longest: Sequence[int], rules: Rules) -> list[list[Found]]:
        beams = {"num_beams": rules.beams, "num_return_sequences": rules.beams, "length_penalty": rules.length_penalty}
        early = {"no": False, "yes": True, "never": "never"}[rules.early_stopping]
        found = self._network.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=encoded),
            do_sample=False,
            decoder_start_token_id=rules.start,
            eos_token_id=list(rules.ends),
            pad_token_id=self._signs.pad,
            min_new_tokens=rules.least or None,
            max_new_tokens=max(longest),
            **(beams | {"early_stopping": early} if rules.beams > 1 else {"num_beams": 1}),
        )
        rows = torch.arange(len(encoded), device=encoded.device).repeat_interleave(rules.beams)
        log_probs = self.forced(encoded[rows], found).tolist()
        texts: list[list[Found]] = [[] for _ in longest]
        for line, tokens, values in zip(rows.tolist(), found[:, 1:].tolist(), log_probs, strict=True):
            kept = tokens[: longest[line]]
            end = next((place for place, token in enumerate(kept) if token in rules.ends), None)
            length = len(kept) if end is None else end + 1
            score = sum(values[:length]) / length**rules.length_penalty
            texts[line].append(Found(tuple(kept[:length]), tuple(values[:length]), score, end is not None))
        return texts

    def forced(self, encoded: Tensor, tokens: Tensor) -> Tensor:
        outputs = self._network(
            encoder_outputs=BaseModelOutput(last_hidden_state=encoded),
            decoder_input_ids=tokens[:, :-1],
            use_cache=False,
        )
        chosen: Tensor = outputs.logits.float().log_softmax(-1).gather(-1, tokens[:, 1:, None])[..., 0]
        return chosen


def _numbers(device: torch.device, precision: TrocrPrecision) -> torch.dtype:
    """What numbers the network has where it is not quantised."""
    if precision == "int8" and device.type != "cpu":
        raise EngineFailure("trocr reads with precision int8 on CPUs only; choose auto or float16 for a GPU.")
    if precision == "float16" and device.type == "cpu":
        raise EngineFailure("trocr reads with precision float16 on GPUs only; choose auto, bfloat16 or int8 for a CPU.")
    if precision == "auto":
        return number_type(device, "auto")
    return {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision, torch.float32)
