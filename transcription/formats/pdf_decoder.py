"""Pages of a PDF as pictures; runs in the decoder process only. Messages are predicates, as in raster_decoder."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium_c

from transcription.errors import BadInput
from transcription.formats.characters import printable
from transcription.formats.limits import Limits
from transcription.formats.raster_decoder import Decoded, check_size, damaged, too_many_frames

_POINTS_PER_INCH = 72.0
_DEFAULT_SCALE = 300 / _POINTS_PER_INCH
_MIN_SCALE, _MAX_SCALE = 36 / _POINTS_PER_INCH, 600 / _POINTS_PER_INCH
_COVERING = 0.6  # share of the page from which an image counts as the scan itself
_PASSWORD_ERRORS = frozenset({pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY})
_TAIL = 65_536
_LONGEST_TEXT = 200_000  # characters of a page's text layer
_MAX_DEPTH = 3  # of forms within forms in which the scan is looked for


def frames(path: Path, limits: Limits) -> list[tuple[int, int, int]]:
    """Return (index, width, height) of every page at the scale at which it will be rendered."""
    with _document(path) as document:
        number = len(document)
        if number > limits.max_frames:
            raise too_many_frames(limits, found=number)
        if number == 0:
            raise _no_pages()
        found = []
        for index in range(number):
            with _page(document, index) as page:
                found.append((index, *_size(page, _scale(page, index, limits))))
        return found


def load(path: Path, index: int, limits: Limits) -> Decoded:
    """Render one page on white. A page that is one scan is rendered at the scan's resolution, others at 300 dpi."""
    import pyvips

    with _document(path) as document:
        if not 0 <= index < len(document):
            raise BadInput(f"has no page {index + 1}", code="no-such-frame")
        with _page(document, index) as page:
            scale = _scale(page, index, limits)
            check_size(*_size(page, scale), limits)
            text = _text_layer(page)
            bitmap = page.render(scale=scale, rev_byteorder=True, may_draw_forms=False)
            pixels = bitmap.to_pil().convert("RGB")
            transform: dict[str, int | float | bool] = {
                "source_width": page.get_width(),
                "source_height": page.get_height(),
                "rotation": page.get_rotation(),
                "mirrored": False,
                "scale": scale,
            }
    raster = pyvips.Image.new_from_memory(pixels.tobytes(), pixels.width, pixels.height, 3, "uchar")
    return Decoded(raster.copy(interpretation="srgb"), transform, text)


def _text_layer(page: pypdfium2.PdfPage) -> str:
    """The text behind the page's picture, as it comes; empty where there is none or none can be had."""
    try:
        found = page.get_textpage().get_text_range(count=-1, errors="ignore")
    except (pypdfium2.PdfiumError, ValueError, UnicodeError):
        return ""
    return printable(str(found)[:_LONGEST_TEXT]).replace("\r\n", "\n").strip()


@contextmanager
def _document(path: Path) -> Iterator[pypdfium2.PdfDocument]:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        tail = file.read()
    if b"startxref" not in tail and b"%%EOF" not in tail:
        raise BadInput("is damaged: the PDF ends before its table of contents. Copy or export it again", code="damaged")
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if error.err_code in _PASSWORD_ERRORS:
            raise BadInput(
                "is an encrypted PDF and needs a password to be opened. Remove the protection and upload it again",
                code="encrypted",
            ) from error
        if _declares_no_pages(path):
            raise _no_pages() from error
        raise BadInput("is damaged: the PDF cannot be opened. Copy or export it again", code="damaged") from error
    try:
        yield document
    finally:
        document.close()


@contextmanager
def _page(document: pypdfium2.PdfDocument, index: int) -> Iterator[pypdfium2.PdfPage]:
    try:
        page = document[index]
    except pypdfium2.PdfiumError as error:
        raise BadInput(
            f"is damaged: page {index + 1} of the PDF cannot be read. Export it again", code="damaged"
        ) from error
    try:
        yield page
    except pypdfium2.PdfiumError as error:
        raise damaged(str(error)) from error
    finally:
        page.close()


def _no_pages() -> BadInput:
    return BadInput("is a PDF without any pages. Export it again from where it came", code="no-pages")


def _declares_no_pages(path: Path) -> bool:
    """Some readers refuse a PDF without pages as malformed; tell it from a damaged one."""
    if path.stat().st_size > 1_000_000:
        return False
    data = path.read_bytes()
    return bool(re.search(rb"/Count\s+0\b", data)) and not re.search(rb"/Type\s*/Page\b", data)


def _size(page: pypdfium2.PdfPage, scale: float) -> tuple[int, int]:
    """The pixels that pypdfium2 will make of a page."""
    return math.ceil(page.get_width() * scale), math.ceil(page.get_height() * scale)


def _scale(page: pypdfium2.PdfPage, index: int, limits: Limits) -> float:
    """Pixels per point: the resolution of the scan where there is one, else 300 dpi, lowered until the page fits."""
    width, height = float(page.get_width()), float(page.get_height())
    if not (math.isfinite(width) and math.isfinite(height) and width > 0 and height > 0):
        raise BadInput(f"is damaged: page {index + 1} has no size. Export it again", code="damaged")
    scale = _scan_scale(page, width * height, limits) or _DEFAULT_SCALE
    # A hair less, so that rounding up does not add a row to a scan's own pixels.
    scale = min(scale, limits.max_side / max(width, height), math.sqrt(limits.max_pixels / (width * height))) * (
        1 - 1e-7
    )
    while math.ceil(width * scale) * math.ceil(height * scale) > limits.max_pixels:  # rounding up added a row too many
        scale *= 1 - 1e-4
    if scale < _MIN_SCALE / 2:
        raise BadInput(
            f"has a page size that cannot be right: page {index + 1} is {width / _POINTS_PER_INCH:,.0f} × "
            f"{height / _POINTS_PER_INCH:,.0f} inches. Export it again with its true size",
            code="too-many-pixels",
        )
    return scale


def _scan_scale(page: pypdfium2.PdfPage, area: float, limits: Limits) -> float | None:
    best: float | None = None
    for image in page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_IMAGE], max_depth=_MAX_DEPTH):
        left, bottom, right, top = image.get_bounds()
        covered = abs((right - left) * (top - bottom))
        columns, rows = image.get_px_size()
        if columns * rows > limits.max_pixels:
            check_size(columns, rows, limits)
        if covered < _COVERING * area:
            continue
        scale = math.sqrt(columns * rows / covered)  # the same for an image laid sideways
        if _MIN_SCALE <= scale <= _MAX_SCALE and (best is None or scale > best):
            best = scale
    return best
