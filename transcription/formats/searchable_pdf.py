"""Searchable PDF, one file a document: the page's image, and its text under it, each word in its place.

The text is not seen: it is there to be searched, selected and read aloud, whatever its script. What runs from right to
left is written in the order in which it is seen, as PDF wants it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby

from fpdf.bidi import BidiParagraph

from transcription.formats.jpeg import jpeg_shape
from transcription.formats.pdf_file import (
    ADVANCE,
    ASCENT,
    DESCENT,
    EM,
    InvisibleFont,
    PdfFile,
    date_string,
    text_string,
)
from transcription.formats.placing import box, word_boxes
from transcription.formats.records import TranscribedLine
from transcription.formats.writing import DocumentToWrite, Folder, Manner, PageToWrite, by_document
from transcription.htr.records import Point

IMAGE_SIDE = 3000  # pixels, of images that are no JPEG of their page already
_LONG_SIDE = 842  # points of a page, as A4 has it: how large the paper was is seldom known
_CLEAR = 0.9  # of the distance of two lines, that one of them may fill
_LEAST_APART = 0.3  # of a line's height
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\u200f\u202b\u202e\u2067\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
)


def write(pages: Iterator[PageToWrite], folder: Folder, manner: Manner) -> None:
    for document, of_document in by_document(pages):
        with folder.file(f"{document.name}.pdf", packed=True) as file:
            pdf = PdfFile(file)
            font = InvisibleFont(pdf)
            tree = pdf.number()
            leaves = [_page(pdf, font, tree, each) for each in of_document]
            kids = b" ".join(b"%d 0 R" % leaf for leaf in leaves)
            pdf.put(b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, len(leaves)), tree)
            font.put()
            language = b" /Lang " + text_string(document.language) if document.language else b""
            root = pdf.put(
                b"<< /Type /Catalog /Pages %d 0 R /ViewerPreferences << /DisplayDocTitle true >>%b >>"
                % (tree, language)
            )
            pdf.finish(root, pdf.put(_info(document)))


def _info(document: DocumentToWrite) -> bytes:
    facts = {"Title": document.title, "Author": document.creator, "Subject": document.identifier}
    said = b" ".join(b"/%b %b" % (name.encode(), text_string(value)) for name, value in facts.items() if value)
    return b"<< %b /Producer (Longhand) /CreationDate %b >>" % (said, date_string(datetime.now(UTC)))


def _page(pdf: PdfFile, font: InvisibleFont, tree: int, each: PageToWrite) -> int:
    """Write a page with its image and its text; the number of its object."""
    picture = each.image.faithful(IMAGE_SIDE)
    colors = b"/DeviceGray" if (jpeg_shape(picture.data) or (0, 0, 3))[2] == 1 else b"/DeviceRGB"
    image = pdf.put_stream(
        picture.data,
        b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace %b /BitsPerComponent 8 /Filter /DCTDecode"
        % (picture.width, picture.height, colors),
    )
    size = max(1, each.page.size[0]), max(1, each.page.size[1])
    point = _LONG_SIDE / max(size)
    width, height = size[0] * point, size[1] * point
    lines = each.page.lines
    text = b"".join(_line(line, size, font, high) for line, high in zip(lines, _heights(lines), strict=True))
    shown = b"q %.3f 0 0 %.3f 0 0 cm /Image Do Q" % (width, height)
    content = pdf.put_stream(b"q %.6f 0 0 %.6f 0 0 cm BT 3 Tr\n%bET Q\n%b" % (point, point, text, shown))
    return pdf.put(
        b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 %.3f %.3f] /Contents %d 0 R "
        b"/Resources << /Font << /Text %d 0 R >> /XObject << /Image %d 0 R >> >> >>"
        % (tree, width, height, content, font.number, image)
    )


def _heights(lines: Sequence[TranscribedLine]) -> list[float]:
    """How much of its height each line may use, in (0, 1], so that it does not reach into those above and below it:
    readers of PDF take lines that overlap for one, and what is selected in one would cover the other."""
    boxes = [box(line.geometry.polygon) if line.geometry and line.geometry.polygon else None for line in lines]
    shares = []
    for mine in boxes:
        share = 1.0
        for other in boxes if mine is not None else ():
            if mine is None or other is None or other is mine or other[2] <= mine[0] or mine[2] <= other[0]:
                continue
            apart = abs(mine[1] + mine[3] - other[1] - other[3]) / 2
            if apart >= _LEAST_APART * (mine[3] - mine[1]):  # nearer ones stand side by side
                share = min(share, _CLEAR * apart / max(1, mine[3] - mine[1]))
        shares.append(share)
    return shares


def _line(line: TranscribedLine, size: tuple[int, int], font: InvisibleFont, high: float) -> bytes:
    """The words of a line where they stand, and the spaces between them; ``high`` of their height is used."""
    words = word_boxes(line, size)
    quads = [_lowered(_corners(word.polygon, place), high) for word, place in words]
    texts = [word.text for word, _ in words]
    runs = [*zip(texts, quads, strict=True)]
    if _RIGHT_TO_LEFT.search("".join(texts)):
        runs = _seen_order(texts, quads)
    written = []
    for index, (text, quad) in enumerate(runs):
        if not words[0][0].polygon:
            quad = _narrowed(quad, len(text))
        written.append(_shown(text, quad, size[1], font))
        if index + 1 < len(runs) and " " not in (text[-1:], runs[index + 1][0][:1]):
            written.append(_shown(" ", _between(quad, runs[index + 1][1]), size[1], font))
    return b"".join(written)


Quad = Sequence[Point]  # top left, top right, bottom right, bottom left, as the writing runs


def _corners(polygon: Sequence[Point] | None, box: tuple[int, int, int, int]) -> Quad:
    if polygon is not None and len(polygon) == 4:
        return polygon
    left, top, right, bottom = box
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def _lowered(quad: Quad, share: float) -> Quad:
    """The middle of a place, ``share`` of it high."""
    cut = (1 - share) / 2
    top_left, top_right, bottom_right, bottom_left = quad
    return (
        _along(top_left, bottom_left, cut),
        _along(top_right, bottom_right, cut),
        _along(top_right, bottom_right, 1 - cut),
        _along(top_left, bottom_left, 1 - cut),
    )


def _narrowed(quad: Quad, letters: int) -> Quad:
    """A place that was only estimated, made no wider than its letters are likely to be."""
    high = max(1, quad[3][1] - quad[0][1])
    return _part(quad, 0.0, min(1.0, letters * high / max(1, quad[1][0] - quad[0][0])))


def _between(before: Quad, after: Quad) -> Quad:
    """The gap between two words; a narrow one at the end of the first where they touch."""
    (_, _), top, bottom, (_, _) = before
    wide = max(1, after[0][0] - top[0])
    return (top, (top[0] + wide, top[1]), (bottom[0] + wide, bottom[1]), bottom)


def _shown(text: str, quad: Quad, height: int, font: InvisibleFont) -> bytes:
    """The operators that write ``text`` into ``quad``, as wide and as high as it is."""
    (x0, y0), _, (x2, y2), (x3, y3) = quad
    wide = max(math.hypot(x2 - x3, y2 - y3), 1e-3)
    high = max(math.hypot(x0 - x3, y0 - y3), 1e-3)
    cos, sin = (x2 - x3) / wide, (y3 - y2) / wide  # the page's y grows downwards, PDF's upwards
    stretched = wide / (len(text) * high * ADVANCE / (ASCENT - DESCENT))
    em = high * EM / (ASCENT - DESCENT)
    lift = -DESCENT / EM * em
    x, y = x3 - sin * lift, height - y3 + cos * lift
    return b"/Text %.3f Tf %.3f Tz %.5f %.5f %.5f %.5f %.3f %.3f Tm %b Tj\n" % (
        *(em, 100 * stretched, cos, sin, -sin, cos, x, y),
        font.codes(text),
    )


def _seen_order(texts: Sequence[str], quads: Sequence[Quad]) -> list[tuple[str, Quad]]:
    """Stretches of words from left to right as they are seen, their characters in that order too. A stretch has its
    share of its word's place; where the words' places run against that order, all share the line's."""
    of_word = [number for number, text in enumerate(texts) for _ in range(len(text) + 1)]
    places = [place for text in texts for place in range(len(text) + 1)]
    shown = BidiParagraph(" ".join(texts), preserve_bn_chars=True).get_reordered_characters()
    runs: list[tuple[str, Quad]] = []
    for number, found in groupby(shown, lambda char: of_word[char.character_index]):
        text, quad = texts[number], quads[number]
        chars = [char for char in found if places[char.character_index] < len(text)]
        if not chars:
            continue
        indices = [places[char.character_index] for char in chars]
        start, end = min(indices) / len(text), (max(indices) + 1) / len(text)
        if chars[0].embedding_level % 2:
            start, end = 1 - end, 1 - start
        runs.append(("".join(text[place] for place in indices), _part(quad, start, end)))
    lefts = [quad[0][0] for _, quad in runs]
    return runs if lefts == sorted(lefts) else _spread([text for text, _ in runs], quads)


def _spread(texts: Sequence[str], quads: Sequence[Quad]) -> list[tuple[str, Quad]]:
    """The texts one after the other over all the places together, by their lengths."""
    first, last = min(quads, key=lambda quad: quad[0][0]), max(quads, key=lambda quad: quad[1][0])
    whole = (first[0], last[1], last[2], first[3])
    total = sum(len(text) + 1 for text in texts) - 1
    starts = [sum(len(text) + 1 for text in texts[:index]) for index in range(len(texts))]
    return [
        (text, _part(whole, start / total, (start + len(text)) / total))
        for text, start in zip(texts, starts, strict=True)
    ]


def _part(quad: Quad, start: float, end: float) -> Quad:
    top_left, top_right, bottom_right, bottom_left = quad
    return (
        _along(top_left, top_right, start),
        _along(top_left, top_right, end),
        _along(bottom_left, bottom_right, end),
        _along(bottom_left, bottom_right, start),
    )


def _along(one: Point, other: Point, share: float) -> Point:
    return round(one[0] + (other[0] - one[0]) * share), round(one[1] + (other[1] - one[1]) * share)
