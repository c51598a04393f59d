"""Train what tells print from handwriting: `python -m transcription.training.print_lines LINES --run RUN …`.

Print is set in the fonts of ``--printed-fonts`` and cut from pages whose projects tag it; handwriting are the real
lines of LINES, lines cut from the same pages, and lines drawn in handwriting fonts. A quarter of the print fonts and
the tune parts of the real lines are kept for the figures that are printed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch.nn import functional

from transcription.engines.registry import WEIGHTS
from transcription.engines.segmenters.print_network import HEIGHT, KIND, WINDOW, PrintNetwork, windows_of
from transcription.engines.weights_file import read_description, save_weights
from transcription.htr.crop import LINE_HEIGHT, cut_line
from transcription.htr.records import Gray
from transcription.training.augment import weather
from transcription.training.datasets import load_lines
from transcription.training.layout_pages import load_layouts, load_scans
from transcription.training.synthetic import SyntheticLines

BATCH = 64
PEAK_RATE = 2e-3
DRAWN_PRINT, DRAWN_HANDS, REAL_A_SET = 8000, 2000, 350  # lines
KEPT_FONTS = 4  # every so many-th print font is never learned from


def set_in_type(
    fonts: Sequence[Path], texts: Path, count: int, papers: Sequence[Gray], rng: np.random.Generator
) -> Iterator[Gray]:
    """Lines of print: one size, a straight baseline, equal gaps; often with the edge of the lines above and below. Half
    of them have paper and ink of a line in ``papers``, so that no collection's paper is a sign of handwriting."""
    words = [word for path in sorted(texts.glob("*.txt")) for word in path.read_text("utf-8").split()]
    faces = [[ImageFont.truetype(str(font), size) for size in (16, 24, 36, 50)] for font in fonts]
    for _ in range(count):
        font = faces[rng.integers(len(faces))][rng.integers(4)]
        said = [_some(words, rng) for _ in range(3)]
        if rng.random() < 0.25:
            said = [text.upper() for text in said]
        ascent, descent = font.getmetrics()
        pitch = (ascent + descent) * rng.uniform(0.85, 1.3)
        canvas = Image.new("L", (max(16, int(font.getlength(said[1])) + 8), int(3 * pitch)), 0)
        pen = ImageDraw.Draw(canvas)
        shown = (1,) if rng.random() < 0.4 else (0, 1, 2)
        for row in shown:
            pen.text((4, pitch * (row + 0.8)), said[row], fill=255, font=font, anchor="ls")
        top = pitch * 1.8 - ascent * rng.uniform(0.75, 1.15)
        bottom = pitch * 1.8 + descent * rng.uniform(0.4, 1.3)
        strokes = np.asarray(canvas.crop((0, int(top), canvas.width, int(bottom))), np.float32) / 255
        width = max(16, round(strokes.shape[1] * LINE_HEIGHT / strokes.shape[0]))
        ink = np.asarray(cv2.resize(strokes, (width, LINE_HEIGHT), interpolation=cv2.INTER_AREA), np.float64)
        light, dark, grain = rng.uniform(150, 255), rng.uniform(10, 120), rng.uniform(0, 6)
        if papers and rng.random() < 0.5:
            like = papers[int(rng.integers(len(papers)))]
            dark, light = (float(level) for level in np.percentile(like, [2, 75]))
            grain = float(np.std(like[like > light - 12])) if (like > light - 12).any() else 0.0
        paper = light + grain * rng.normal(0, 1, ink.shape)
        inked = paper + (dark - paper) * ink * rng.uniform(0.6, 1.0)
        yield coarse(bleached(np.clip(inked, 0, 255).astype(np.uint8), rng), rng)


def _some(words: Sequence[str], rng: np.random.Generator) -> str:
    count = int(rng.integers(1, 12))
    start = int(rng.integers(len(words) - count))
    return " ".join(words[start : start + count])


def bleached(pixels: Gray, rng: np.random.Generator) -> Gray:
    """As a scanner that makes paper pure white shows it, now and then."""
    if rng.random() < 0.5:
        return pixels
    white = max(1.0, float(np.percentile(pixels, 60)) - rng.uniform(0, 12))
    whitened: Gray = np.clip(pixels.astype(np.float32) * 255 / white, 0, 255).astype(np.uint8)
    return whitened


def drawn(fonts: Sequence[Path], texts: Path, alphabet: str, count: int, rng: np.random.Generator) -> Iterator[Gray]:
    """Lines in handwriting fonts, so that being drawn is no sign of print."""
    with tempfile.TemporaryDirectory() as folder:
        for font in fonts:
            shutil.copy(font, folder)
        lines = SyntheticLines(Path(folder), texts, alphabet)
        for _ in range(count):
            pixels, text = lines.draw(rng)
            if text:
                yield coarse(bleached(pixels, rng), rng)


def coarse(pixels: Gray, rng: np.random.Generator) -> Gray:
    """As small writing looks once it is enlarged, now and then."""
    if rng.random() < 0.5:
        return pixels
    height = int(rng.integers(14, 40))
    width = max(8, round(pixels.shape[1] * height / pixels.shape[0]))
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, pixels.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.uint8)


def tagged(layouts: Path, pages: Path, split: str, said: str) -> Iterator[Gray]:
    """Lines of pages on which somebody told print from handwriting."""
    every = [load_layouts(layouts, split)] + ([load_scans(pages, "train")] if split == "train" else [])
    for source in every:
        for page in source:
            for line in page.lines:
                if line.production == said and len(line.polygon) > 2:
                    yield cut_line(page.image, line)


def _window(line: Gray, rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A window anywhere on the line as another camera would see it."""
    rows, columns = line.shape
    stretch = float(np.exp(rng.normal(0, 0.12)))
    reach = max(16, round(WINDOW / HEIGHT * rows / stretch))
    left = int(rng.integers(0, max(1, columns - reach)))
    part = line[:, left : left + reach]
    trim = int(rng.integers(0, max(1, rows // 8)))
    part = np.ascontiguousarray(part[trim : rows - int(rng.integers(0, max(1, rows // 8)))])
    found: np.ndarray[Any, np.dtype[np.float32]] = windows_of(weather(part, rng))[0]
    return found


def train(run: Path, prints: Sequence[Gray], hands: Sequence[Gray], seconds: float) -> PrintNetwork:
    rng = np.random.default_rng(11)
    torch.manual_seed(11)
    torch.set_num_threads(1)
    network = PrintNetwork().train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, weight_decay=0.02)
    began, step = time.monotonic(), 0
    losses: list[float] = []
    while (done := (time.monotonic() - began) / seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = PEAK_RATE * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * done)))
        wanted = (rng.random(BATCH) < 0.5).astype(np.float32)
        pools = [prints if each else hands for each in wanted]
        lines = [pool[int(rng.integers(len(pool)))] for pool in pools]
        windows = torch.from_numpy(np.stack([_window(line, rng) for line in lines])[:, None])
        loss = functional.binary_cross_entropy_with_logits(network(windows), torch.from_numpy(wanted))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        step += 1
        losses.append(float(loss.detach()))
        if step % 100 == 0:
            print(json.dumps({"step": step, "loss": round(float(np.mean(losses[-100:])), 4)}), flush=True)
    save_weights(run / "print.safetensors", network.eval(), {"kind": KIND, "windows": step * BATCH})
    return network


def chances(network: PrintNetwork, lines: Sequence[Gray]) -> list[float]:
    with torch.inference_mode():
        return [float(torch.sigmoid(network(torch.from_numpy(windows_of(line)[:, None])).mean())) for line in lines]


def figures(network: PrintNetwork, lines: Mapping[str, Sequence[Gray]]) -> dict[str, Any]:
    """For each kind of kept line the share that is called print, at some limits."""
    report: dict[str, Any] = {}
    for name, each in lines.items():
        found = np.array(chances(network, each))
        called = {str(limit): round(float((found >= limit).mean()), 4) for limit in (0.5, 0.7, 0.8, 0.9, 0.95)}
        report[name] = {"lines": len(found), "called_print": called} if len(found) else {"lines": 0}
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", type=Path, help="folder of <set>.tsv beside <set>.tar")
    parser.add_argument("--layouts", type=Path, required=True, help="layout.jsonl beside its page images")
    parser.add_argument("--pages", type=Path, required=True, help="folder with a pages.tsv whose ALTO has coordinates")
    parser.add_argument("--printed-fonts", type=Path, required=True)
    parser.add_argument("--fonts", type=Path, required=True, help="of handwriting")
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=5)
    given = parser.parse_args()
    given.run.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    rng = np.random.default_rng(7)
    alphabet = str(read_description(WEIGHTS / "starter.safetensors")["alphabet"])
    types = sorted(given.printed_fonts.glob("*.woff"))
    kept = types[::KEPT_FONTS]
    learned = [font for font in types if font not in kept]
    hands_fonts = sorted(given.fonts.glob("*.woff"))
    real = [each.pixels for each in load_lines(given.lines, "train", limit=REAL_A_SET)]
    prints = list(set_in_type(learned, given.texts, DRAWN_PRINT, real, rng))
    real_prints = list(tagged(given.layouts, given.pages, "train", "printed"))
    hands = [coarse(bleached(pixels, rng), rng) for pixels in real]
    hands += list(tagged(given.layouts, given.pages, "train", "handwritten"))[::2]
    hands += list(drawn(hands_fonts, given.texts, alphabet, DRAWN_HANDS, rng))
    print(
        json.dumps({"drawn print": len(prints), "real print": len(real_prints), "handwriting": len(hands)}), flush=True
    )
    network = train(given.run, prints + real_prints * 6, hands, given.minutes * 60)
    tune = {
        "print in other fonts": list(set_in_type(kept, given.texts, 300, real, rng)),
        "real print": list(tagged(given.layouts, given.pages, "tune", "printed")),
        "handwriting on the same pages": list(tagged(given.layouts, given.pages, "tune", "handwritten")),
        "real handwriting": [each.pixels for each in load_lines(given.lines, "tune", limit=60)],
    }
    print(json.dumps(figures(network, tune), indent=2))


if __name__ == "__main__":
    main()
