"""How well a reader reads: error rates per set on lines or whole pages with ground truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from transcription.engines.base import Recognizer, Segmenter
from transcription.engines.halving import in_halves
from transcription.engines.word_lists import word_list
from transcription.errors import BadInput
from transcription.formats.ground_truth import read_ground_truth
from transcription.htr import voting
from transcription.htr.calibration import Calibration
from transcription.htr.crop import cut_line
from transcription.htr.enhance import Enhancement, enhance
from transcription.htr.evaluation import score_page
from transcription.htr.known_words import KnownWords
from transcription.htr.metrics import LineScore, score_line, summarise
from transcription.htr.records import Gray, Hints, LineGeometry, LineImage, ReadingRecord
from transcription.training.confidences import Confidences
from transcription.training.datasets import folder_of, load_lines, table_rows
from transcription.training.gain import gain_over_best

IMAGES = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}
GROUND_TRUTHS = (".xml", ".txt")
# Editorial marks of the Library of Congress's volunteers, not text on the page (data README).
_EDITORIAL = ("[deleted]", "[???]", "[?]", "[*", "*]")


@dataclass(frozen=True, slots=True)
class Pass:
    """An enhancement recipe and the recogniser that reads what it makes; ``voice`` as in ``voting.PassReading``."""

    name: str
    engine: str
    recognizer: Recognizer
    recipe: str = "plain"
    weight: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)
    voice: str = ""


@dataclass(frozen=True, slots=True)
class PageSample:
    """A page image with its ground truth in reading order; ``document`` is what a bootstrap draws.

    ``lines`` are the texts, blank ones left out; ``geometries`` are the lines that have a place, with text or without,
    in pixels of an image of ``size``, (0, 0) where the ground truth does not say. ``printed`` are those of ``lines``,
    by their place among them, that the ground truth calls print.
    """

    set: str
    document: str
    language: str
    image: Path
    lines: tuple[str, ...]
    geometries: tuple[LineGeometry, ...] = ()
    size: tuple[int, int] = (0, 0)
    printed: frozenset[int] = frozenset()


def read_lines(crops: Sequence[Gray], passes: Sequence[Pass], language: str) -> list[str]:
    """The voted text of each line image; with one pass, that pass's text. A line nobody could read is empty."""
    return [_text(found) for found in read_in_passes(crops, passes, language)]


def read_in_passes(crops: Sequence[Gray], passes: Sequence[Pass], language: str) -> list[list[voting.PassReading]]:
    """The readings of each line image, ready for the vote."""
    readings: list[list[voting.PassReading]] = [[] for _ in crops]
    for each in passes:
        images = (LineImage(key, enhance(crop, each.recipe, each.options)) for key, crop in enumerate(crops))
        for result in in_halves(partial(each.recognizer.recognize, hints=Hints(language=language)), images):
            if isinstance(result, ReadingRecord):
                readings[result.key].append(voting.PassReading(each.name, each.engine, result, each.weight, each.voice))
    return readings


def _text(found: list[voting.PassReading]) -> str:
    if not found:
        return ""
    return found[0].reading.text if len(found) == 1 else voting.vote(found).text


def evaluate_lines(
    folder: Path,
    split: str,
    passes: Sequence[Pass],
    *,
    limit: int,
    sets: list[str] | None,
    calibration: Calibration | None = None,
) -> Report:
    """Score the lines of ``folder`` (as shared line sets are laid out, or images beside .txt) set by set.

    With a ``calibration`` the report's "confidence" says set by set, and for "all", how far confidences hold. With
    several passes "passes" has the figures of each alone, and "gain" what the vote gains over the best of them.
    """
    scores: dict[str, list[LineScore]] = defaultdict(list)
    singles: dict[str, dict[str, list[LineScore]]] = {each.name: defaultdict(list) for each in passes}
    confidences: dict[str, Confidences] = defaultdict(Confidences)
    for name, batch in _line_batches(folder, split, limit, sets):
        language = name.partition("_")[0]
        readings = read_in_passes([pixels for _, pixels, _ in batch], passes, language)
        knows = KnownWords(word_list(language))
        for (document, _, reference), found in zip(batch, readings, strict=True):
            if calibration and found:
                consensus = voting.vote(found, calibration=calibration, knows=knows)
                text = consensus.text
                for group in (name, "all"):
                    confidences[group].add(f"{name}/{document}", consensus, reference)
            else:
                text = _text(found)
            scores[name].append(score_line(document, reference, text))
            alone = {each.pass_name: each.reading.text for each in found}
            for each, lines in singles.items():
                lines[name].append(score_line(document, reference, alone.get(each, "")))
    made = report(_some(scores, folder, split))
    if len(singles) > 1:
        made["passes"] = {each: report(lines) for each, lines in singles.items()}
        made["gain"] = gain_over_best(scores, singles)
    if calibration:
        made["confidence"] = {name: each.figures(calibration.errors) for name, each in sorted(confidences.items())}
    return made


def _line_batches(
    folder: Path, split: str, limit: int, sets: list[str] | None
) -> Iterator[tuple[str, list[tuple[str, Gray, str]]]]:
    if not any(folder_of(folder).glob("*.tsv")):
        lines = [
            (page.document, read_gray(page.image), " ".join(page.lines))
            for page in _loose_pages(folder, _without_editorial)
        ]
        if not lines:
            raise BadInput(f"{folder} holds neither <set>.tsv nor images beside .txt, ALTO or PAGE files.")
        yield folder.name, lines[: limit or None]
        return
    batch: list[tuple[str, Gray, str]] = []
    current = ""
    for sample in load_lines(folder, split, sets=sets, limit=limit):
        if batch and (sample.set != current or len(batch) >= 256):
            yield current, batch
            batch = []
        current = sample.set
        batch.append((sample.page, sample.pixels, sample.text))
    if batch:
        yield current, batch


def evaluate_pages(
    folder: Path, split: str, read: Callable[[Gray, str], list[str]], *, limit: int, sets: list[str] | None
) -> Report:
    """Score whole pages, found lines and all; ``read`` gives a page's lines in reading order for (image, language)."""
    scores: dict[str, list[LineScore]] = defaultdict(list)
    for page in load_pages(folder, split, limit=limit, sets=sets):
        scores[page.set].append(score_page(page.document, page.lines, read(read_gray(page.image), page.language)))
    return report(_some(scores, folder, split))


def _some(scores: dict[str, list[LineScore]], folder: Path, split: str) -> dict[str, list[LineScore]]:
    """``scores`` as they are; BadInput when nothing was scored: an error rate of nothing would look perfect."""
    if not scores:
        raise BadInput(f"{folder} holds no lines of the split “{split}” in the sets asked for.")
    return scores


def page_reader(segmenter: Segmenter, passes: Sequence[Pass]) -> Callable[[Gray, str], list[str]]:
    """Reads a page as the product does: find lines, cut, read in every pass, vote."""

    def read(image: Gray, language: str) -> list[str]:
        crops = [cut_line(image, geometry) for geometry in segmenter.segment(image).lines]
        return [text for text in read_lines(crops, passes, language) if text]

    return read


Report = dict[str, Any]


def report(scores: dict[str, list[LineScore]]) -> Report:
    """``{"sets": {name: figures}, "mean": figures}``; the mean is over sets, each counting once."""
    sets = {name: summarise(found) for name, found in sorted(scores.items())}
    keys = ("cer_strict", "cer_normalised", "wer_strict", "wer_normalised")
    mean = {key: sum(figures[key] for figures in sets.values()) / max(1, len(sets)) for key in keys}
    return {"sets": sets, "mean": mean}


def load_pages(
    folder: Path,
    split: str,
    *,
    limit: int,
    sets: list[str] | None,
    clean: Callable[[str], str] | None = None,
) -> Iterator[PageSample]:
    """Pages of a folder with a pages.tsv (set, split, language, image, ground_truth), or images beside ground truth.

    ``clean`` makes of a published line what is compared; by default editorial marks are dropped.
    """
    table = folder_of(folder) / "pages.tsv"
    if not table.exists():
        found = 0
        for page in _loose_pages(folder, clean or _without_editorial):
            found += 1
            if not limit or found <= limit:
                yield page
        if not found:
            raise BadInput(f"{folder} holds neither pages.tsv nor images beside .txt, ALTO or PAGE files.")
        return
    counts: dict[str, int] = defaultdict(int)
    with table.open(encoding="utf-8", newline="") as rows:
        for row in table_rows(rows, table, ("set", "split", "language", "image", "ground_truth")):
            name = row["set"]
            if row["split"] != split or (sets is not None and name not in sets) or (limit and counts[name] >= limit):
                continue
            counts[name] += 1
            page = PageSample(name, document_of(row["image"]), row["language"], folder / row["image"], ())
            yield _with_truth(page, folder / row["ground_truth"], clean or _without_editorial)


def document_of(image: str) -> str:
    """Pages of one letter are one document: the name without its page number."""
    return Path(image).stem.rsplit("-", 1)[0].rsplit("_", 1)[0]


def _loose_pages(folder: Path, clean: Callable[[str], str]) -> Iterator[PageSample]:
    for image in sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGES):
        truth = next((t for suffix in GROUND_TRUTHS if (t := image.with_suffix(suffix)).exists()), None)
        if truth is not None:
            yield _with_truth(PageSample(folder.name, image.stem, "", image, ()), truth, clean)


def _with_truth(page: PageSample, path: Path, clean: Callable[[str], str]) -> PageSample:
    if not path.exists():
        raise BadInput(f"{path} is missing; it is named as the ground truth of a page.")
    truth = read_ground_truth(path)
    lines = [(text, line.geometry) for line in truth.lines if (text := clean(line.text))]
    printed = frozenset(n for n, (_, place) in enumerate(lines) if place is not None and is_print(place))
    geometries = tuple(line.geometry for line in truth.lines if line.geometry is not None)
    texts = tuple(text for text, _ in lines)
    return replace(page, lines=texts, geometries=geometries, size=truth.size, printed=printed)


def is_print(line: LineGeometry) -> bool:
    """Whether somebody said of the line that no hand wrote it."""
    return line.production in ("printed", "typewritten")


def handwriting_of(page: PageSample) -> PageSample:
    """The page without the lines that its ground truth calls print."""
    lines = tuple(text for n, text in enumerate(page.lines) if n not in page.printed)
    geometries = tuple(line for line in page.geometries if not is_print(line))
    return replace(page, lines=lines, geometries=geometries, printed=frozenset())


def _without_editorial(text: str) -> str:
    for mark in _EDITORIAL:
        text = text.replace(mark, "")
    return text.strip()


def read_gray(path: Path) -> Gray:
    content = np.frombuffer(path.read_bytes() if path.exists() else b"", np.uint8)
    image = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE) if content.size else None
    if image is None:
        raise BadInput(f"{path} is not an image that can be read.")
    return image.astype(np.uint8)


def recipes_of(engine: str, recognizer: Recognizer, recipes: Iterable[str]) -> list[Pass]:
    """One pass of ``engine`` per enhancement, written as ``Enhancement.parse`` reads it; raises BadRecipe."""
    found = [Enhancement.parse(recipe) for recipe in recipes]
    return [Pass(f"{each}+{engine}", engine, recognizer, each.recipe, options=each.options) for each in found]
