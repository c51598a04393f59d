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
    # Of archives: files, bytes of one file and of all together; beyond what is free, how many times the archive's own.
    max_entries: int = 20_000
    max_entry_bytes: int = 512 << 20
    max_expansion: int = 20 << 30
    free_expansion: int = 1 << 30
    max_ratio: int = 100

    def seconds(self, action: str) -> int:
        """What the decoder has for one job: headers are read fast, pixels are not."""
        return self.probe_seconds if action in {"probe", "list"} else self.extract_seconds
