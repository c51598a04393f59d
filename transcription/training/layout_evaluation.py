"""How well a segmenter finds lines: baselines, their number and order, its time, and what its lines cost in reading."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcription.engines.base import Segmenter
from transcription.errors import BadInput
from transcription.formats.records import production_of
from transcription.htr.crop import cut_line
from transcription.htr.evaluation import score_page
from transcription.htr.geometry import chain, scale, to_points
from transcription.htr.layout_metrics import LayoutScore, OrderScore, score_baselines, score_order
from transcription.htr.metrics import LineScore, bootstrap, summarise
from transcription.htr.records import Gray, LineGeometry
from transcription.training.datasets import folder_of, split_of
from transcription.training.evaluation import (
    PageSample,
    Pass,
    Report,
    document_of,
    handwriting_of,
    is_print,
    load_pages,
    read_gray,
    read_lines,
)

LAYOUTS = "layout.jsonl"
ALL = "all"  # splits of a layout.jsonl together
Figures = dict[str, Any]
_Sums = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PageLayoutScore:
    """One page: ``baselines`` is None where the ground truth has no coordinates; ``seconds`` are of processor time."""

    document: str
    found: int
    true: int
    seconds: float
    baselines: LayoutScore | None
    order: OrderScore | None
    reading: LineScore | None  # on the lines found
    reading_true: LineScore | None  # on the true lines


def evaluate_layout(
    folder: Path,
    split: str,
    segmenter: Segmenter,
    *,
    limit: int,
    sets: list[str] | None,
    passes: Sequence[Pass] = (),
    handwriting: bool = False,
) -> Report:
    """Score the segmenter's lines set by set; with ``passes`` also what is read on them and on the true lines.

    ``handwriting`` leaves out what the ground truth calls print, and of what is found the lines that the segmenter
    itself calls so: many projects transcribe no print, and what is found of it is then no error. Each page is segmented
    once. Raises BadInput for a folder without pages of the split, and for ``passes`` where no page has a text.
    """
    scores: dict[str, list[PageLayoutScore]] = defaultdict(list)
    for page in load_layouts(folder, split, limit=limit, sets=sets):
        scores[page.set].append(score_page_layout(page, segmenter, passes, handwriting=handwriting))
    if not scores:
        raise BadInput(f"{folder} holds no pages of the split “{split}” in the sets asked for.")
    if passes and not any(page.reading for pages in scores.values() for page in pages):
        raise BadInput(f"{folder} holds no texts, so nothing that is read can be compared; leave out --recognition.")
    figures = {name: figures_of(pages) for name, pages in sorted(scores.items())}
    return {"sets": figures, "mean": _mean(list(figures.values()))}


def load_layouts(folder: Path, split: str, *, limit: int, sets: list[str] | None) -> Iterator[PageSample]:
    """Pages as ``load_pages`` gives them, or those of a layout.jsonl, which have no texts.

    Published layouts are all for training: their splits are "train", "tune" (carved out of it by page, as that of
    lines) and "all".
    """
    table = folder_of(folder) / LAYOUTS
    if not table.exists():
        yield from load_pages(folder, split, limit=limit, sets=sets)
        return
    counts: dict[str, int] = defaultdict(int)
    for number, row in enumerate(table.read_text(encoding="utf-8").splitlines(), start=1):
        page, published = _published(row, folder, f"{table}, line {number}")
        chosen = split in (ALL, split_of(page.set, published, "train")) and (sets is None or page.set in sets)
        if chosen and not (limit and counts[page.set] >= limit):
            counts[page.set] += 1
            yield page


def _published(row: str, folder: Path, where: str) -> tuple[PageSample, str]:
    """The page of a row of layout.jsonl and its published name."""
    try:
        found = json.loads(row)
        lines = tuple(
            LineGeometry(
                baseline=to_points(chain(line["baseline"])),
                polygon=to_points(chain(line["polygon"])),
                region=line.get("region") or "text",
                production=production_of((line.get("tag") or "",)),
            )
            for line in found["lines"]
        )
        image, published = str(found["image"]), str(found["page"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{where}: not an object with image, page and lines of baseline and polygon.") from error
    name = Path(image).stem.rpartition("-")[0]
    return PageSample(name, document_of(published), name.partition("_")[0], folder / image, (), lines), published


def score_page_layout(
    page: PageSample, segmenter: Segmenter, passes: Sequence[Pass], *, handwriting: bool = False
) -> PageLayoutScore:
    """Segment one page and compare; texts are read only with ``passes`` and where the page has some."""
    image = read_gray(page.image)
    started = time.process_time()
    found = segmenter.segment(image).lines
    seconds = time.process_time() - started
    if handwriting:
        page, found = handwriting_of(page), tuple(line for line in found if not is_print(line))
    true = _true_lines(page, image)
    baselines = score_baselines(_baselines(found), _baselines(true)) if true else None
    readable = bool(passes and page.lines)
    return PageLayoutScore(
        document=page.document,
        found=baselines.found if baselines else len(found),
        true=baselines.true if baselines else len(page.lines),
        seconds=seconds,
        baselines=baselines,
        order=score_order(baselines.matches) if baselines else None,
        reading=_read(page, image, found, passes) if readable else None,
        reading_true=_read(page, image, true, passes) if readable and true else None,
    )


def _true_lines(page: PageSample, image: Gray) -> tuple[LineGeometry, ...]:
    """The page's lines in pixels of ``image``, where the ground truth gives baselines; else none."""
    if not any(len(line.baseline) > 1 for line in page.geometries):
        return ()
    width, height = page.size
    if not (width and height) or (width, height) == image.shape[::-1]:
        return page.geometries
    return tuple(scale(line, image.shape[1] / width, image.shape[0] / height) for line in page.geometries)


def _baselines(lines: Sequence[LineGeometry]) -> list[tuple[tuple[int, int], ...]]:
    return [line.baseline for line in lines]


def _read(page: PageSample, image: Gray, lines: Sequence[LineGeometry], passes: Sequence[Pass]) -> LineScore:
    crops = [cut_line(image, line) for line in lines if len(line.polygon) > 2]
    texts = read_lines(crops, passes, page.language) if crops else []
    return score_page(page.document, page.lines, [text for text in texts if text])


def figures_of(pages: Sequence[PageLayoutScore]) -> Figures:
    """The figures of one set. Precision, recall and distances are means over pages, as in cBAD; ``…_low`` and
    ``…_high`` are 95 % bootstrap intervals by document. What the ground truth cannot tell is absent."""
    seconds = [page.seconds for page in pages]
    figures: Figures = {
        "pages": len(pages),
        "lines_true": sum(page.true for page in pages),
        "lines_found": sum(page.found for page in pages),
        "page_line_error": float(np.mean([abs(page.found - page.true) / max(1, page.true) for page in pages])),
        "cpu_seconds_median": float(np.median(seconds)),
        "cpu_seconds_max": float(np.max(seconds)),
    }
    counts = _by_document(pages, lambda page: (page.found, page.true))
    _add(figures, "line_error", counts, _line_error)
    placed = [page for page in pages if page.baselines is not None]
    if placed:
        sums = _by_document(placed, _baseline_counts)
        for name, statistic in (("precision", _ratio(0)), ("recall", _ratio(1)), ("f1", _f1)):
            _add(figures, name, sums, statistic)
        for name, statistic in (("order_kendall", _ratio(0)), ("order_moves", _ratio(1))):
            _add(figures, name, _by_document(placed, _order_counts), statistic)
    found = [page.reading for page in pages if page.reading]
    if found:
        figures["found"] = summarise(found)
    true = [page.reading_true for page in pages if page.reading_true]
    if true:
        figures["true"] = summarise(true)
        both = [page for page in pages if page.reading and page.reading_true]
        for name, kind in (("strict", ""), ("normalised", "_normalised")):
            _add(figures, f"cer_{name}_difference", _by_document(both, _edits(kind)), _ratio(0, 1))
    return figures


def _by_document(
    pages: Sequence[PageLayoutScore], values: Callable[[PageLayoutScore], tuple[float, ...]]
) -> NDArray[np.float64]:
    """The sums of ``values`` for each document, (documents, k)."""
    documents: dict[str, NDArray[np.float64]] = {}
    for page in pages:
        added = np.array(values(page), dtype=np.float64)
        documents[page.document] = documents.get(page.document, np.zeros_like(added)) + added
    return np.array(list(documents.values()))


def _add(figures: Figures, name: str, sums: _Sums, statistic: Callable[[_Sums], _Sums]) -> None:
    figures[name] = float(statistic(sums.sum(axis=0, keepdims=True))[0])
    figures[f"{name}_low"], figures[f"{name}_high"] = bootstrap(sums, statistic)


def _line_error(sums: _Sums) -> _Sums:
    return np.abs(sums[:, 0] - sums[:, 1]) / np.maximum(1, sums[:, 1])


def _baseline_counts(page: PageLayoutScore) -> tuple[float, ...]:
    assert page.baselines is not None
    return page.baselines.precision, page.baselines.recall, 1


def _order_counts(page: PageLayoutScore) -> tuple[float, ...]:
    assert page.order is not None
    return page.order.kendall, page.order.moves, float(page.order.lines > 1)


def _edits(kind: str) -> Callable[[PageLayoutScore], tuple[float, ...]]:
    def counts(page: PageLayoutScore) -> tuple[float, ...]:
        found, true = page.reading, page.reading_true
        return getattr(found, f"edits{kind}"), getattr(true, f"edits{kind}"), getattr(true, f"chars{kind}")

    return counts


def _ratio(above: int, less: int | None = None) -> Callable[[_Sums], _Sums]:
    """Column ``above``, less another one, divided by the last."""

    def ratio(sums: _Sums) -> _Sums:
        return (sums[:, above] - (sums[:, less] if less is not None else 0)) / np.maximum(1, sums[:, -1])

    return ratio


def _f1(sums: _Sums) -> _Sums:
    """Of the means of precision and recall."""
    return 2 * sums[:, 0] * sums[:, 1] / np.maximum(1e-9, sums[:, 0] + sums[:, 1]) / np.maximum(1, sums[:, -1])


_MEANS = ("precision", "recall", "f1", "line_error", "page_line_error", "order_kendall", "order_moves")
_READING_MEANS = ("cer_strict", "cer_normalised", "wer_strict", "wer_normalised")


def _mean(every: Sequence[Figures]) -> Figures:
    """Over the sets that have a figure, each counting once. What was read on the lines found is averaged over the sets
    with true lines, where there are some, so that the two compare."""
    mean: Figures = _mean_of(every, (*_MEANS, "cer_strict_difference", "cer_normalised_difference"))
    for lines in ("found", "true"):
        compared = [figures for figures in every if "true" in figures] or every
        read = [figures[lines] for figures in compared if lines in figures]
        if read:
            mean[lines] = _mean_of(read, _READING_MEANS)
    return mean


def _mean_of(every: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Figures:
    return {
        name: float(np.mean([figures[name] for figures in every if name in figures]))
        for name in names
        if any(name in figures for figures in every)
    }
