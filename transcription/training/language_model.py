"""Build the starter's language models: `python -m transcription.training.language_model LINES… --texts TEXTS`.

Counts running text, the transcripts of line sets' `train` split and, with `--pages`, those of whole pages (without the
documents of which `tune` takes lines), all as the recogniser is taught to write them. Writes lm-en.npz, lm-fr.npz and
lm-generic.npz. How they are used is tuned after that: `transcription.training.decoding`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transcription.engines.language_model_file import load_language_model, save_language_model
from transcription.engines.registry import WEIGHTS
from transcription.engines.weights_file import read_description
from transcription.errors import BadInput
from transcription.htr.language_model import Grams
from transcription.htr.text import ILLEGIBLE
from transcription.training.align import without_editorial
from transcription.training.datasets import folder_of, load_lines, split_of, target_text
from transcription.training.evaluation import load_pages
from transcription.training.grams import Counts, count, prune, smooth

ORDER = 6
SIZES = {"en": 600_000, "fr": 500_000, "generic": 700_000}  # n-grams; about 3.5 bytes each in the file
_LINE = 45  # characters: running text is broken into lines as long as people write them
_MARKUP = str.maketrans("", "", "_=*{}|~")  # Project Gutenberg's italics and the like


@dataclass(frozen=True, slots=True)
class Source:
    """A text to count: where it comes from, its language (two letters) and its lines."""

    name: str
    language: str
    lines: tuple[str, ...]


def sources(lines: Sequence[Path], texts: Path, pages: Path | None = None) -> list[Source]:
    """Running text (<language>-<name>.txt), the train transcripts of line sets (<language>_<name>) and those of the
    pages whose sets have none of these.

    Raises BadInput when a folder is missing or holds nothing of the kind.
    """
    found = [_running_text(path) for path in sorted(folder_of(texts).glob("*.txt"))]
    if not found:
        raise BadInput(f"{texts} holds no <language>-<name>.txt.")
    by_set: dict[str, list[str]] = {}
    for folder in lines:
        for sample in load_lines(folder, "train"):
            by_set.setdefault(sample.set, []).append(target_text(sample.text))
    written = set(by_set)
    for page in load_pages(pages, "train", limit=0, sets=None, clean=without_editorial) if pages else ():
        if page.set not in written and split_of(page.set, page.document, "train") == "train":
            by_set.setdefault(page.set, []).extend(target_text(line.replace(ILLEGIBLE, "")) for line in page.lines)
    return found + [Source(name, name.partition("_")[0], tuple(rows)) for name, rows in by_set.items()]


def _running_text(path: Path) -> Source:
    text = target_text(path.read_text(encoding="utf-8").translate(_MARKUP))
    return Source(path.stem, path.stem.partition("-")[0], tuple(_broken(text.split())))


def _broken(words: Sequence[str]) -> Iterator[str]:
    line = ""
    for word in words:
        if line and len(line) + 1 + len(word) > _LINE:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    if line:
        yield line


def grams_of(language: str, alphabet: str, found: Sequence[Source]) -> tuple[list[Counts], list[Grams]]:
    """What was counted of the sources of a language ("generic": of all), and what is kept of it. Raises BadInput when
    there are none."""
    lines = [line for source in _of(language, found) for line in source.lines]
    if not lines:
        raise BadInput(f"There is no text of the language “{language}”.")
    counted = count(lines, alphabet, ORDER)
    return counted, prune(counted, smooth(counted, len(alphabet) + 1), SIZES[language])


def _of(language: str, found: Sequence[Source]) -> list[Source]:
    return [source for source in found if language in ("generic", source.language)]


def build(language: str, alphabet: str, found: Sequence[Source], out: Path) -> dict[str, Any]:
    """Count, smooth, prune and write one model; what it came to."""
    counted, grams = grams_of(language, alphabet, found)
    description = {
        "alphabet": alphabet,
        "language": language,
        "smoothing": "interpolated modified Kneser-Ney",
        "sources": {source.name: sum(map(len, source.lines)) for source in _of(language, found)},
        "counted": [len(each.keys) for each in counted],
        "kept": [len(each.keys) for each in grams],
        "made": time.strftime("%Y-%m-%d"),
    }
    path = out / f"lm-{language}.npz"
    save_language_model(path, grams, description)
    model = load_language_model(path)[0]
    return {"file": path.name, "bytes": path.stat().st_size, "kept": description["kept"], "states": len(model.costs)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", type=Path, nargs="+", help="folders of <set>.tsv; only their train split is counted")
    parser.add_argument("--texts", type=Path, required=True, help="folder of <language>-<name>.txt")
    parser.add_argument("--pages", type=Path, help="folder with pages.tsv: transcripts of whole pages")
    parser.add_argument("--weights", type=Path, default=WEIGHTS / "starter.safetensors", help="names the alphabet")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    given = parser.parse_args()
    alphabet = str(read_description(given.weights)["alphabet"])
    found = sources(given.lines, given.texts, given.pages)
    for language in SIZES:
        print(json.dumps(build(language, alphabet, found, given.out)), flush=True)


if __name__ == "__main__":
    main()
