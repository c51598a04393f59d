"""Transcripts that reach for other files or unfold without end, and names that are no names."""

from __future__ import annotations

from collections.abc import Iterator

from transcription.management.bad_inputs.archives import EVIL
from transcription.management.bad_inputs.files import BadFile
from transcription.management.bad_inputs.samples import alto, encoded, page_xml, picture

_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
_BILLION = f'<!DOCTYPE x [<!ENTITY l0 "ha">{_LAUGHS}]>'
_FILE = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
_NETWORK = '<!DOCTYPE x SYSTEM "http://169.254.169.254/x.dtd">'
_PARAMETER = '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>'


def files() -> Iterator[BadFile]:
    for what, name, data in (
        ("entity that reads /etc/passwd", "entity.xml", page_xml("&f;", before=_FILE)),
        ("document type from the network", "network.xml", page_xml("x", before=_NETWORK)),
        ("parameter entity", "parameter.xml", alto("x", before=_PARAMETER)),
        ("billion laughs", "laughs.xml", page_xml("&l9;", before=_BILLION)),
        (
            "a quadratic unfolding",
            "quadratic.xml",
            page_xml("&a;" * 50_000, before=f'<!DOCTYPE x [<!ENTITY a "{"a" * 50_000}">]>'),
        ),
        (
            "200,000 elements within one another",
            "deep.xml",
            b"<alto>" + b"<a>" * 200_000 + b"</a>" * 200_000 + b"</alto>",
        ),
        ("another kind of XML", "other.xml", b"<?xml version='1.0'?><html><body>hello</body></html>"),
        ("an encoding that it is not in", "encoding.xml", b"<?xml version='1.0' encoding='UTF-16'?><alto>x</alto>"),
        ("no text", "none.xml", page_xml("")),
        ("3 MB", "long.txt", b"word " * 600_000),
        ("2,001 words", "words.txt", b"word " * 2_001),
        ("NUL bytes", "nul.txt", b"a\x00b\x00c\x00" * 100),
        ("a JPEG named .txt", "picture.txt", encoded(picture(41), "JPEG")),
        ("empty", "empty.txt", b""),
    ):
        yield BadFile("transcript", what, name, data)
    scan = [encoded(picture(50 + number, "L", (64, 48)), "PNG") for number in range(8)]
    for what, name, data in (
        ("a path that leads up", f"../../../{EVIL}.png", scan[0]),
        ("an absolute path", f"/etc/{EVIL}.png", scan[1]),
        ("control characters and an escape", "a\x07\x1b[31mb\r\n.png", scan[2]),
        ("written from right to left (exe.jpg)", "gpj\u202eexe.png", scan[3]),
        ("4,000 characters", "x" * 4_000 + ".png", scan[4]),
        ("a NUL byte and half a character", "a\x00\ud800.png", scan[5]),
        ("markup", "<img src=x onerror=alert(1)>.png", scan[6]),
        ("only dots", "...", scan[7]),
    ):
        yield BadFile("name", what, name, data)
