"""What vision encoders made of images, kept for the next pass that looks at the same pixels: encoding is most of the
work. One cache for all engines of a process, bounded in bytes, the longest unused going first."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class EmbeddingCache:
    """Arrays by key, at most ``room`` bytes of them."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.hits = self.misses = 0
        self._kept: OrderedDict[str, Floats] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> Floats | None:
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                self.misses += 1
            else:
                self.hits += 1
                self._kept.move_to_end(key)
            return found

    def put(self, key: str, values: Floats) -> None:
        """Keep ``values`` unless they alone are larger than the room."""
        with self._lock:
            if values.nbytes > self.room or key in self._kept:
                return
            self._kept[key] = values
            self._bytes += values.nbytes
            while self._bytes > self.room:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    @property
    def nbytes(self) -> int:
        return self._bytes


def image_key(pixels: NDArray[np.uint8], encoder: str) -> str:
    """Names an image (its shape and bytes) as the vision encoder in state ``encoder`` sees it."""
    state = hashlib.sha256(f"{encoder} {pixels.shape}".encode())
    state.update(np.ascontiguousarray(pixels).data)
    return state.hexdigest()


SHARED = EmbeddingCache(256 * 2**20)
