"""A PDF written forwards, an object after the other: a book of thousands of pages needs the memory of one.

Libraries for PDF keep the whole file until its end. What is needed here is little: pages with one JPEG each, and one
font without a shape (ISO 32000-1, 7.5 and 9.7).
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import IO

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

EM = 1000  # units of the font
ADVANCE = 500  # of every character
ASCENT, DESCENT = 800, -200
_MOST_CHARACTERS = 65_000  # different ones in one file
_RANGE = 100  # mappings in one block of a CMap, as the format allows


class PdfFile:
    """Objects are numbered as they are asked for and may be written in any order, each but once."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._at = 0
        self._offsets: list[int] = [0]
        self._write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")

    def number(self) -> int:
        """The number of an object that will be written."""
        self._offsets.append(0)
        return len(self._offsets) - 1

    def put(self, body: bytes, number: int | None = None) -> int:
        number = self.number() if number is None else number
        self._offsets[number] = self._at
        self._write(b"%d 0 obj\n%b\nendobj\n" % (number, body))
        return number

    def put_stream(self, data: bytes, entries: bytes = b"", number: int | None = None) -> int:
        """A stream, packed; one that ``entries`` say is packed otherwise stays as it is."""
        if b"/Filter" not in entries:
            data, entries = zlib.compress(data, 6), entries + b" /Filter /FlateDecode"
        return self.put(b"<< /Length %d %b >>\nstream\n%b\nendstream" % (len(data), entries, data), number)

    def finish(self, root: int, info: int) -> None:
        """Write the table of all objects and the end."""
        start = self._at
        self._write(b"xref\n0 %d\n0000000000 65535 f \n" % len(self._offsets))
        for offset in self._offsets[1:]:
            self._write(b"%010d 00000 n \n" % offset)
        trailer = b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        self._write(trailer % (len(self._offsets), root, info, start))

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._at += len(data)


def text_string(text: str) -> bytes:
    """A PDF string of any Unicode text."""
    return b"<%b>" % (b"\xfe\xff" + text.encode("utf-16-be", "replace")).hex().encode()


def date_string(at: datetime) -> bytes:
    return b"(D:%b+00'00')" % at.strftime("%Y%m%d%H%M%S").encode()


class InvisibleFont:
    """A font in which every character has a place, a width and a meaning, and no shape: it covers all of Unicode.

    Characters get codes as they come; ``put`` writes what they mean once all have come.
    """

    def __init__(self, pdf: PdfFile) -> None:
        self._pdf = pdf
        self.number = pdf.number()
        self._codes: dict[str, int] = {}

    def codes(self, text: str) -> bytes:
        """The text as a hexadecimal string of this font's codes."""
        found = [self._codes.setdefault(char, len(self._codes) + 1) for char in text]
        if len(self._codes) > _MOST_CHARACTERS:
            raise ValueError(f"more than {_MOST_CHARACTERS} different characters in one PDF")
        return b"<%b>" % "".join(f"{code:04x}" for code in found).encode()

    def put(self) -> None:
        pdf = self._pdf
        font = font_program()
        program = pdf.put_stream(font, b"/Length1 %d" % len(font))
        descriptor = pdf.put(
            b"<< /Type /FontDescriptor /FontName /Invisible /Flags 5 /FontBBox [0 %d %d %d] /ItalicAngle 0 "
            b"/Ascent %d /Descent %d /CapHeight %d /StemV 80 /FontFile2 %d 0 R >>"
            % (DESCENT, ADVANCE, ASCENT, ASCENT, DESCENT, ASCENT, program)
        )
        one_shape = b"\x00\x00" + b"\x00\x01" * len(self._codes)
        glyphs = pdf.put_stream(one_shape)
        cid = pdf.put(
            b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Invisible /FontDescriptor %d 0 R /DW %d "
            b"/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /CIDToGIDMap %d 0 R >>"
            % (descriptor, ADVANCE, glyphs)
        )
        meanings = pdf.put_stream(_to_unicode(list(self._codes)))
        pdf.put(
            b"<< /Type /Font /Subtype /Type0 /BaseFont /Invisible /Encoding /Identity-H /DescendantFonts [%d 0 R] "
            b"/ToUnicode %d 0 R >>" % (cid, meanings),
            self.number,
        )


def _to_unicode(characters: Sequence[str]) -> bytes:
    """The CMap that says which character each code is, from 1 on."""
    blocks = []
    for start in range(0, len(characters), _RANGE):
        block = characters[start : start + _RANGE]
        mapped = "\n".join(
            f"<{code:04x}> <{char.encode('utf-16-be', 'replace').hex()}>" for code, char in enumerate(block, start + 1)
        )
        blocks.append(f"{len(block)} beginbfchar\n{mapped}\nendbfchar\n")
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        "1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n"
        f"{''.join(blocks)}endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    ).encode()


@lru_cache(maxsize=1)
def font_program() -> bytes:
    """A TrueType font of one character that fills its place; nothing of it is ever painted."""
    pen = TTGlyphPen(None)
    for index, corner in enumerate([(0, DESCENT), (0, ASCENT), (ADVANCE, ASCENT), (ADVANCE, DESCENT)]):
        pen.lineTo(corner) if index else pen.moveTo(corner)
    pen.closePath()
    filled = pen.glyph()
    builder = FontBuilder(EM, isTTF=True)
    builder.setupGlyphOrder([".notdef", "any"])
    builder.setupCharacterMap({0x20: "any"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "any": filled})
    builder.setupHorizontalMetrics({".notdef": (ADVANCE, 0), "any": (ADVANCE, 0)})
    builder.setupHorizontalHeader(ascent=ASCENT, descent=DESCENT)
    builder.setupNameTable({"familyName": "Invisible", "styleName": "Regular", "psName": "Invisible"})
    builder.setupOS2(sTypoAscender=ASCENT, sTypoDescender=DESCENT, usWinAscent=ASCENT, usWinDescent=-DESCENT)
    builder.setupPost()
    builder.updateHead(created=0, modified=0)
    made = io.BytesIO()
    builder.font.recalcTimestamp = False
    builder.save(made)
    return made.getvalue()
