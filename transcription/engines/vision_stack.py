"""The folder of a vision stack: an encoder's weights, a projection, a language model, and whether they belong together.

`projection.safetensors` describes itself: its sizes, its alphabet, and the SHA-256 of the encoder and of `llm.gguf`
that it was trained with. The encoder is `encoder.safetensors` of the folder or else the bundled recogniser.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transcription.engines.characters import CharacterVocabulary
from transcription.engines.ctc_network import CtcNetwork
from transcription.engines.registry import WEIGHTS, file_digest
from transcription.engines.vision_projection import VisionProjection
from transcription.engines.weights_file import load_tensors, read_description
from transcription.errors import WeightsError

PROJECTION, LANGUAGE_MODEL, ENCODER = "projection.safetensors", "llm.gguf", "encoder.safetensors"
KIND = "vision-projection"


class VisionStack:
    """What stands in ``folder``, checked. Raises WeightsError when something is missing or does not fit the rest."""

    def __init__(self, folder: Path) -> None:
        path = folder / PROJECTION
        self._description = read_description(path)
        if self._description.get("kind") != KIND:
            raise WeightsError(
                f"{path} is no projection from an encoder to a language model; train it or bring it again."
            )
        own = folder / ENCODER
        self.encoder = own if own.exists() else WEIGHTS / "starter.safetensors"
        self.language_model = folder / LANGUAGE_MODEL
        self._belongs(self.encoder, "encoder")
        self._belongs(self.language_model, "llm")
        self.vocabulary = CharacterVocabulary(str(self._description.get("alphabet", "")))
        self.network = CtcNetwork(len(self.vocabulary.alphabet) + 1)
        _fill(self.network, self.encoder)
        self.projection = VisionProjection(*(self._size(name) for name in ("classes", "features", "width", "hidden")))
        _fill(self.projection, path)
        self.projection.eval()
        self.width = self._size("width")
        if self._size("classes") != len(self.vocabulary.alphabet) + 1:
            raise WeightsError(
                f"{path} takes {self._size('classes')} classes for an alphabet of {len(self.vocabulary.alphabet)} "
                "characters and a blank; train it again."
            )

    def check_language_model(self, tokens: int, width: int) -> None:
        """Raise WeightsError unless a language model with ``tokens`` of ``width`` numbers is the projection's."""
        if (tokens, width) != (len(self.vocabulary), self.width):
            raise WeightsError(
                f"{self.language_model} has {tokens} tokens of {width} numbers; its projection was trained for "
                f"{len(self.vocabulary)} of {self.width}. Bring the files of one training together."
            )

    def _belongs(self, path: Path, part: str) -> None:
        found, wanted = file_digest(path), str(self._description.get(part, ""))
        if found != wanted:
            raise WeightsError(
                f"{path} is not what the projection was trained with: its SHA-256 begins with {found[:12]}, not with "
                f"{wanted[:12] or '(none)'}. Bring the files of one training together."
            )

    def _size(self, name: str) -> int:
        value: Any = self._description.get(name)
        if not isinstance(value, int) or not 0 < value < 100_000:
            raise WeightsError(f"The description of {PROJECTION} gives {value!r} for “{name}”; train it again.")
        return value


def _fill(network: CtcNetwork | VisionProjection, path: Path) -> None:
    try:
        network.load_state_dict(load_tensors(path))
    except RuntimeError as error:
        raise WeightsError(f"{path} does not fit its network: {error}") from error
