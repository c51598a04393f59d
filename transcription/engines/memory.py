"""How much memory this process has and may have, in bytes: of the machine, of its control group, of its device; and
whether an error says that there was too little."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from transcription.errors import LonghandError, OutOfMemory

CGROUPS = Path("/sys/fs/cgroup")
SHORT = 0.08  # of all there is: with less left than that, what is loaded and idle goes
# What torch (CPU and CUDA), cuBLAS and cuDNN, ggml, OpenCV, libvips and C++ say, some without a class for it.
_SAID = (
    "out of memory",
    "not enough memory",
    "insufficient memory",
    "allocate memory",
    "failed to allocate",
    "unable to allocate",
    "alloc_failed",
    "bad_alloc",
)


def resident() -> int:
    """What this process holds at this moment, the pages of mapped files included."""
    return int(psutil.Process().memory_info().rss)


def available() -> int:
    """What may still be taken before the machine, or the tightest control group around this process, is full."""
    return min([int(psutil.virtual_memory().available), *(left for _, left in _groups())])


def total() -> int:
    return min([int(psutil.virtual_memory().total), *(limit for limit, _ in _groups())])


def is_short() -> bool:
    return available() < SHORT * total()


def give_back() -> None:
    """Return to the machine and the GPU what nothing refers to any more."""
    gc.collect()
    torch = sys.modules.get("torch")  # never imported for this
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    with suppress(OSError, AttributeError):  # glibc keeps freed memory in its arenas
        ctypes.CDLL(None).malloc_trim(0)


def ran_out(error: BaseException) -> bool:
    """Whether ``error`` means that memory did not suffice, so that the same may work with less at once."""
    if isinstance(error, LonghandError):
        return isinstance(error, OutOfMemory)  # what an endpoint says of its own memory is not about ours
    return isinstance(error, MemoryError) or tells_of_it(str(error))


def tells_of_it(said: str) -> bool:
    """Whether the words of a library mean that memory ran out."""
    said = said.lower()
    return any(words in said for words in _SAID)


def _groups() -> Iterator[tuple[int, int]]:
    """(limit, what is left) of this process's control group and those around it, where they have limits (version 2)."""
    try:
        listed = Path("/proc/self/cgroup").read_text()
    except OSError:
        return
    place = next((line[3:] for line in listed.splitlines() if line.startswith("0::")), "/")
    folder = CGROUPS / place.lstrip("/")
    for group in (folder, *folder.parents):
        if not group.is_relative_to(CGROUPS):
            return
        with suppress(OSError, ValueError, KeyError):
            limit = int((group / "memory.max").read_text())  # "max" is no number: no limit here
            used = int((group / "memory.current").read_text())
            statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
            yield limit, limit - used + int(statistics["inactive_file"])
