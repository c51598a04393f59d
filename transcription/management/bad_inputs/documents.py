"""PDFs that are locked, endless or lie about their size."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from transcription.management.bad_inputs.files import BadFile

_CATALOGUE = b"<</Type/Catalog/Pages 2 0 R>>"
_ONE_PAGE = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"


def files() -> Iterator[BadFile]:
    yield BadFile("PDF", "no pages", "nothing.pdf", pdf([_CATALOGUE, b"<</Type/Pages/Kids[]/Count 0>>"]))
    yield BadFile("PDF", "a page 2,147,483,648 points high", "high.pdf", _page(b"[0 0 612 2147483648]"))
    yield BadFile("PDF", "a page of 1 GB of pixels at 300 dpi", "wide.pdf", _page(b"[0 0 7500 7500]"))
    yield BadFile("PDF", "a page without a size", "size.pdf", _page(b"[0 0 0 0]"))
    yield BadFile("PDF", "a page of not-a-number size", "nan.pdf", _page(b"[0 0 nan inf]"))
    lock = (
        b"/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -4/O<"
        + b"41" * 32
        + b">/U<"
        + b"42" * 32
        + b">>>/ID[<41><41>]"
    )
    yield BadFile("PDF", "encrypted", "locked.pdf", pdf([_CATALOGUE, _ONE_PAGE, _plain(b"[0 0 100 100]")], lock))
    yield BadFile(
        "PDF", "pages that hold themselves", "loop.pdf", pdf([_CATALOGUE, b"<</Type/Pages/Kids[2 0 R]/Count 9>>"])
    )
    yield BadFile(
        "PDF",
        "says 100,000 pages, has one",
        "counts.pdf",
        pdf([_CATALOGUE, b"<</Type/Pages/Kids[3 0 R]/Count 100000>>", _plain(b"[0 0 72 72]")]),
    )
    yield BadFile("PDF", "3,000 pages", "many.pdf", _many(3_000))
    yield BadFile(
        "PDF", "an image of 60,000 × 60,000 pixels", "image.pdf", _image(60_000, zlib.compress(bytes(100_000)))
    )
    bomb = zlib.compress(zlib.compress(bytes(100_000_000), 9), 9)
    yield BadFile(
        "PDF", "a picture packed twice, 100 MB", "packed.pdf", _image(2_000, bomb, b"[/FlateDecode/FlateDecode]")
    )
    yield BadFile(
        "PDF",
        "its table of contents refers to itself",
        "xref.pdf",
        b"%PDF-1.7\nxref\n0 1\n0000000000 65535 f \ntrailer\n<</Size 1/Root 1 0 R/Prev 9>>\nstartxref\n9\n%%EOF\n",
    )
    yield BadFile(
        "PDF",
        "100,000 nested lists",
        "nested.pdf",
        pdf([_CATALOGUE, _ONE_PAGE, b"<</Type/Page/Parent 2 0 R/MediaBox" + b"[" * 100_000 + b"]" * 100_000 + b">>"]),
    )
    yield BadFile(
        "PDF",
        "a script and a link to a program",
        "script.pdf",
        pdf(
            [
                b"<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>",
                _ONE_PAGE,
                _plain(b"[0 0 72 72]"),
            ]
        ),
    )


def pdf(objects: list[bytes], trailer: bytes = b"") -> bytes:
    """A PDF of these objects, the first its catalogue, with a correct cross-reference table."""
    out = bytearray(b"%PDF-1.6\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)
    return bytes(out)


def _plain(box: bytes) -> bytes:
    return b"<</Type/Page/Parent 2 0 R/MediaBox" + box + b">>"


def _page(box: bytes) -> bytes:
    return pdf([_CATALOGUE, _ONE_PAGE, _plain(box)])


def _many(number: int) -> bytes:
    kids = b" ".join(b"%d 0 R" % (3 + page) for page in range(number))
    return pdf([_CATALOGUE, b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, number), *[_plain(b"[0 0 72 72]")] * number])


def _image(side: int, data: bytes, filter_: bytes = b"/FlateDecode") -> bytes:
    size = b"/Width %d/Height %d" % (side, side)
    picture = b"<</Type/XObject/Subtype/Image%s/ColorSpace/DeviceGray/BitsPerComponent 8/Filter%s/Length %d>>" % (
        size,
        filter_,
        len(data),
    )
    draw = b"q 100 0 0 100 0 0 cm /I Do Q"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]/Resources<</XObject<</I 4 0 R>>>>/Contents 5 0 R>>"
    return pdf(
        [
            _CATALOGUE,
            _ONE_PAGE,
            page,
            picture + b"stream\n" + data + b"\nendstream",
            b"<</Length %d>>stream\n%s\nendstream" % (len(draw), draw),
        ]
    )
