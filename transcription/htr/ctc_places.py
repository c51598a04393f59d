"""Where on its line each character of a given text stands: the best path that spells it, for many lines at once.

Viterbi's algorithm over the states blank, c1, blank, c2, … blank (Graves et al., ICML 2006), in single precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NEVER = np.float32(-1e30)  # a log-probability that adds up without becoming NaN


@dataclass(frozen=True, slots=True)
class Places:
    """Of each character: its first frame, number of frames and strongest frame, and the logarithm of its posterior
    there; (L,) each."""

    starts: NDArray[np.intp]
    lengths: NDArray[np.intp]
    peaks: NDArray[np.intp]
    heights: NDArray[np.float32]


def places(lines: Sequence[NDArray[np.float32]], texts: Sequence[NDArray[np.uint8]]) -> list[Places]:
    """The places of ``texts`` (classes, (L,) each) on ``lines`` (log-probabilities, (T, C) each).

    Raises ValueError where a text needs more frames than its line has.
    """
    if not lines:
        return []
    emitted, skips = _emissions(lines, texts)
    frames = np.array([len(line) for line in lines])
    sizes = np.array([len(text) for text in texts])
    states = _best_path(emitted, skips, frames, sizes)  # (T, B)
    found = []
    for row, (line, text) in enumerate(zip(lines, texts, strict=True)):
        path = states[: len(line), row]
        on = np.flatnonzero(path % 2 == 1)
        spelled = path[on] // 2
        firsts = np.searchsorted(spelled, np.arange(len(text)))
        lengths = np.diff(np.append(firsts, len(on)))
        if len(text) and (not len(on) or (lengths < 1).any()):
            raise ValueError(f"a text of {len(text)} characters has no path through {len(line)} frames")
        scores = line[on, text[spelled]] if len(text) else np.zeros(0, np.float32)
        heights = np.maximum.reduceat(scores, firsts) if len(text) else scores
        at_height = np.flatnonzero(scores == np.repeat(heights, lengths))
        peaks = at_height[np.searchsorted(at_height, firsts)] if len(text) else firsts
        found.append(Places(on[firsts], lengths, on[peaks], heights) if len(text) else _nothing())
    return found


def _nothing() -> Places:
    none = np.zeros(0, np.intp)
    return Places(none, none, none, np.zeros(0, np.float32))


def _emissions(
    lines: Sequence[NDArray[np.float32]], texts: Sequence[NDArray[np.uint8]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Log-probabilities of every state at every frame (T, B, S), never beyond a text's end; and what it costs to skip
    the blank before each state (B, S): nothing between unlike characters."""
    longest, widest = max(map(len, lines)), 2 * max(map(len, texts)) + 1
    emitted = np.full((longest, len(lines), widest), _NEVER)
    skips = np.full((len(lines), widest), _NEVER)
    for row, (line, text) in enumerate(zip(lines, texts, strict=True)):
        classes = np.zeros(2 * len(text) + 1, np.intp)
        classes[1::2] = text
        emitted[: len(line), row, : len(classes)] = line[:, classes]
        skips[row, 3 : len(classes) : 2][text[1:] != text[:-1]] = 0
    return emitted, skips


def _best_path(
    emitted: NDArray[np.float32], skips: NDArray[np.float32], frames: NDArray[np.intp], sizes: NDArray[np.intp]
) -> NDArray[np.intp]:
    """The state at each frame, (T, B); what stands beyond a line's last frame means nothing."""
    longest, count, widest = emitted.shape
    came = np.zeros((longest, count, widest), np.int8)  # by how many states each one was reached from behind
    scores = np.full((count, widest), _NEVER)
    scores[:, :2] = emitted[0, :, :2]
    rows = np.arange(count)
    last = np.zeros(count, np.intp)
    step = np.full((count, widest), _NEVER)
    skip = np.full((count, widest), _NEVER)
    for frame in range(longest):
        if frame:
            step[:, 1:] = scores[:, :-1]
            np.add(scores[:, :-2], skips[:, 2:], out=skip[:, 2:])
            best = np.maximum(scores, step)
            stepped = step > scores
            skipped = skip > best
            came[frame] = np.where(skipped, np.int8(2), stepped)
            np.maximum(best, skip, out=best)
            best += emitted[frame]
            scores = np.maximum(best, _NEVER)
        ends = frames == frame + 1
        if ends.any():
            blank, char = scores[rows, 2 * sizes], scores[rows, np.maximum(2 * sizes - 1, 0)]
            last[ends] = np.where((sizes > 0) & (char >= blank), 2 * sizes - 1, 2 * sizes)[ends]
    states = np.zeros((longest, count), np.intp)
    at = last
    for frame in range(longest - 1, -1, -1):
        states[frame] = at
        at = np.where(frames > frame, at - came[frame][rows, at], at)
    return states
