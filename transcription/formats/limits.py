"""How much one upload may ask of us."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a decoder may use for one file. Sides and pixels are those of one frame; seconds are wall time and CPU
    time alike, for one file."""

    max_pixels: int = 150_000_000
    max_side: int = 30_000
    max_frames: int = 2_000
    memory_bytes: int = 3 << 30  # address space, libraries included
    probe_seconds: int = 20
    extract_seconds: int = 60
