"""Decoding the output of a CTC network. Graves et al., ICML 2006.

Class 0 is the blank; class k is the k-th character of the alphabet, counted from 1.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcription.htr.text import clusters

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Decoded:
    """NFC text with one score in [0, 1] and one span (start, end; shares of the frames) per character."""

    text: str
    chars: tuple[float, ...]
    spans: tuple[Span, ...]


def greedy(log_probs: NDArray[np.float32], alphabet: str) -> Decoded:
    """Best path: repeats collapsed, blanks dropped, spaces at the ends dropped and double spaces made one.

    ``log_probs`` is (T, C) with C = len(alphabet) + 1; pass only the frames that show the line, not its padding, as
    spans are shares of T. A character's score is its highest posterior over its frames; its span reaches half-way to
    the peaks of its neighbours. Raises ValueError when C does not fit the alphabet.
    """
    frames, classes = log_probs.shape  # (T, C)
    if classes != len(alphabet) + 1:
        raise ValueError(f"{classes} classes for an alphabet of {len(alphabet)} characters and a blank")
    if not frames:
        return Decoded("", (), ())
    best = log_probs.argmax(axis=1)  # (T,)
    tops = log_probs[np.arange(frames), best]  # (T,)
    starts = np.flatnonzero(np.concatenate(([True], best[1:] != best[:-1])))  # runs of one class
    heights = np.maximum.reduceat(tops, starts)
    lengths = np.diff(np.append(starts, frames))
    # The first frame of each run that reaches the run's height.
    at_peak = np.flatnonzero(tops == np.repeat(heights, lengths))
    peaks = at_peak[np.searchsorted(at_peak, starts)]
    shown = best[starts] != 0
    if not shown.any():
        return Decoded("", (), ())
    text = "".join([alphabet[k - 1] for k in best[starts][shown].tolist()])
    scores = np.clip(np.exp(heights[shown].astype(np.float64)), 0.0, 1.0).tolist()
    spans = extents(peaks[shown], starts[shown], lengths[shown], frames)
    return tidy(text, scores, spans)


def extents(peaks: NDArray[np.intp], starts: NDArray[np.intp], lengths: NDArray[np.intp], frames: int) -> list[Span]:
    """Spans from peak frames; the outer sides of the first and last character mirror their inner sides."""
    centers = peaks + 0.5
    if len(centers) == 1:  # no neighbour to measure by: the frames themselves
        start = int(starts[0])
        return [(start / frames, (start + int(lengths[0])) / frames)]
    middles = (centers[1:] + centers[:-1]) / 2
    first = max(0.0, 2 * centers[0] - middles[0])
    last = min(float(frames), 2 * centers[-1] - middles[-1])
    edges = (np.concatenate(([first], middles, [last])) / frames).tolist()
    return list(itertools.pairwise(edges))


def covering(spans: Sequence[Span]) -> Span:
    """The extent of all ``spans`` together, in whichever direction the line is written."""
    starts, ends = zip(*spans, strict=True)
    return min(starts), max(ends)


def tidy(text: str, scores: list[float], spans: list[Span]) -> Decoded:
    """Collapse white space and compose to NFC with all three kept in step; ``spans`` may be empty."""
    if not unicodedata.is_normalized("NFC", text):
        text, scores, spans = compose(text, scores, spans)
    if text == " ".join(text.split()):
        return Decoded(text, tuple(scores), tuple(spans))
    kept = [i for i, char in enumerate(text) if not char.isspace() or (i and not text[i - 1].isspace())]
    if kept and text[kept[-1]].isspace():
        kept.pop()
    return Decoded(
        "".join(" " if text[i].isspace() else text[i] for i in kept),
        tuple(scores[i] for i in kept),
        tuple(spans[i] for i in kept) if spans else (),
    )


def compose(text: str, scores: list[float], spans: list[Span]) -> tuple[str, list[float], list[Span]]:
    """NFC of ``text`` with scores and spans kept in step: a composed character has its cluster's lowest score and
    whole extent. ``spans`` may be empty."""
    out: list[str] = []
    out_scores: list[float] = []
    out_spans: list[Span] = []
    at = 0
    for cluster in clusters(text):
        end = at + len(cluster)
        composed = unicodedata.normalize("NFC", cluster)
        out.append(composed)
        out_scores += [min(scores[at:end])] * len(composed)
        if spans:
            out_spans += [covering(spans[at:end])] * len(composed)
        at = end
    return "".join(out), out_scores, out_spans
