"""A transformers checkpoint in a folder: checked, loaded without network, code or pickles, and its signs made out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoTokenizer, VisionEncoderDecoderModel
from transformers.utils import logging

from transcription.engines.trocr.images import ImageForm, read_image_form
from transcription.errors import WeightsError

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack")
TOKENIZERS = ("tokenizer.json", "vocab.json", "sentencepiece.bpe.model", "spiece.model", "tokenizer.model", "vocab.txt")


@dataclass(frozen=True, slots=True)
class Signs:
    """Tokens that are no text: the decoder's first input, its padding, what ends a line, and all that are not spelled.

    TrOCR's first input is the sign </s> that also ends a line, and never <s>.
    """

    start: int
    pad: int
    ends: tuple[int, ...]
    begin: int | None  # the tokenizer's <s>: some fine-tuned checkpoints write it before every line


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a folder held: ``network`` in single precision on the CPU; ``longest`` tokens fit into its positions."""

    network: Any  # a VisionEncoderDecoderModel: the types of its mixins do not fit each other
    tokenizer: Any
    signs: Signs
    form: ImageForm
    longest: int


def load_checkpoint(folder: Path) -> Checkpoint:
    """Raises WeightsError, with what is wrong and what to do, for everything that is no whole checkpoint."""
    _check_config(folder)
    _check_files(folder)
    form = read_image_form(folder)
    network = _network(folder)
    tokenizer = _tokenizer(folder)
    _check_image_size(folder, network, form)
    longest = _positions(network)
    return Checkpoint(network, tokenizer, _signs(folder, network, tokenizer), form, longest)


def _check_config(folder: Path) -> None:
    path = folder / "config.json"
    try:
        kind = json.loads(path.read_text(encoding="utf-8"))["model_type"]
    except OSError as error:
        raise WeightsError(f"{path} is missing or cannot be read; fetch the model again.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} does not describe a model ({error}); fetch the model again.") from error
    if kind != "vision-encoder-decoder":
        raise WeightsError(
            f"{folder} is a model of the kind “{kind}”; trocr reads with the kind “vision-encoder-decoder” only."
        )


def _check_files(folder: Path) -> None:
    if not any((folder / name).is_file() for name in WEIGHTS):
        pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
        if pickles:
            raise WeightsError(
                f"{folder} has weights only as {pickles[0]}, a file that can run code when it is loaded; "
                "bring the model as safetensors."
            )
        raise WeightsError(f"{folder / WEIGHTS[0]} is missing; fetch the model again.")
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise WeightsError(f"{folder} has no tokenizer ({TOKENIZERS[0]}); fetch the model again, with all its files.")


def _network(folder: Path) -> Any:
    loader: Any = VisionEncoderDecoderModel
    quiet = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        network, found = loader.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{folder} cannot be loaded ({_short(error)}); fetch the model again.") from error
    finally:
        logging.set_verbosity(quiet)
    # The pooler reads nothing here, so it may be absent; anything else would be random numbers.
    lost = sorted(name for name in found["missing_keys"] if ".pooler." not in name)
    lost += sorted(str(each[0]) for each in found.get("mismatched_keys", ()))
    if lost:
        raise WeightsError(
            f"{folder} lacks {len(lost)} of the weights that its config.json describes ({lost[0]}); "
            "fetch the model again."
        )
    return network.eval()


def _tokenizer(folder: Path) -> Any:
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the tokenizers' library raises it bare for damaged files
        raise WeightsError(f"The tokenizer in {folder} cannot be loaded ({_short(error)}); fetch it again.") from error


def _check_image_size(folder: Path, network: Any, form: ImageForm) -> None:
    wanted = getattr(network.config.encoder, "image_size", None)
    if wanted is None:
        return
    height, width = (wanted, wanted) if isinstance(wanted, int) else tuple(wanted)
    if (height, width) != (form.height, form.width):
        raise WeightsError(
            f"{folder} brings images to {form.height} × {form.width} pixels, but its network takes "
            f"{height} × {width}; fetch the model again."
        )


def _positions(network: Any) -> int:
    """How many tokens the decoder has positions for, its first input left out."""
    config = network.config.decoder
    for name in ("max_position_embeddings", "n_positions"):
        if isinstance(getattr(config, name, None), int):
            return int(getattr(config, name)) - 1
    return 511


def _signs(folder: Path, network: Any, tokenizer: Any) -> Signs:
    """From the generation config, else the config, else the decoder's: the first that says something.

    The tokenizer's cls sign is never taken for a start, though that is what many scripts do.
    """
    sources = (network.generation_config, network.config, network.config.decoder)
    start = _first(sources, "decoder_start_token_id")
    ends = _first(sources, "eos_token_id", tokenizer.eos_token_id)
    if start is None or ends is None:
        raise WeightsError(
            f"{folder} does not say which token begins or ends a line; add decoder_start_token_id and eos_token_id "
            "to its generation_config.json."
        )
    every = tuple(ends) if isinstance(ends, list | tuple) else (int(ends),)
    pad = _first(sources, "pad_token_id", tokenizer.pad_token_id)
    begin = tokenizer.bos_token_id
    return Signs(int(start), every[0] if pad is None else int(pad), every, begin if begin != start else None)


def _first(sources: Iterable[Any], name: str, otherwise: Any = None) -> Any:
    found = (getattr(source, name, None) for source in sources)
    return next((each for each in found if each is not None), otherwise)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
