"""Language models as files: n-grams in compressed arrays, and what is to be known of them as JSON.

Keys are sorted, so that their differences are small: written byte by byte apart they shrink to about two bytes each.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from transcription.errors import WeightsError
from transcription.htr.language_model import Grams, LanguageModel


def save_language_model(path: Path, grams: Sequence[Grams], description: dict[str, Any]) -> None:
    """Write the n-grams and their ``description`` (JSON; it names the alphabet) to ``path``, whole or not at all."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for order, each in enumerate(grams, 1):
        steps = np.diff(each.keys, prepend=np.uint64(0))
        arrays[f"keys{order}"] = np.ascontiguousarray(steps.astype("<u8").view(np.uint8).reshape(-1, 8).T)
        arrays[f"costs{order}"] = each.costs
    text = json.dumps({**description, "order": len(grams)}, ensure_ascii=False).encode()
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, description=np.frombuffer(text, np.uint8), **arrays)
    partial.replace(path)


def load_language_model(path: Path) -> tuple[LanguageModel, dict[str, Any]]:
    """The model with its description. Raises WeightsError when the file is missing or not one of ours."""
    try:
        with np.load(path, allow_pickle=False) as file:
            description: dict[str, Any] = json.loads(file["description"].tobytes())
            grams = [
                Grams(_keys(file[f"keys{order}"]), file[f"costs{order}"])
                for order in range(1, int(description["order"]) + 1)
            ]
        return LanguageModel(str(description["alphabet"]), grams), description
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path} is not a Longhand language model ({error}); restore it from the repository or build it again."
        ) from error


def _keys(planes: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    steps = np.ascontiguousarray(planes.T).view("<u8").reshape(-1)
    return np.cumsum(steps, dtype=np.uint64)
