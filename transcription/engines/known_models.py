"""Models that are known to work here, by name: what `manage.py models pull NAME` fetches and how it is best used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from transcription.engines.model_store.manifest import Reads


@dataclass(frozen=True, slots=True)
class KnownModel:
    """``hub`` is the id on Hugging Face, ``engine`` the class that reads with it, ``reads`` what a profile may use it
    for ("lines", "print": lines of print only), ``options`` those to begin with."""

    name: str
    hub: str
    engine: str
    license: str
    reads: tuple[Reads, ...]
    options: dict[str, Any] = field(default_factory=dict)


_TROCR = "transcription.engines.trocr.TrOcr"
KNOWN_MODELS: tuple[KnownModel, ...] = tuple(
    KnownModel(
        name=f"trocr-{size}-{kind}",
        hub=f"microsoft/trocr-{size}-{kind}",
        engine=_TROCR,
        license="MIT",
        reads=("lines",) if kind == "handwritten" else ("print",),
        # Beams bring alternatives for the vote and the reviewer; print has few that are worth their time.
        options={"beams": 4} if kind == "handwritten" else {},
    )
    for kind in ("handwritten", "printed")
    for size in ("small", "base", "large")
)
