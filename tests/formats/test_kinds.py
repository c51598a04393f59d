from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.formats.kinds import Kind, safe_name, sniff


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", Kind.JPEG),
        (b"\x89PNG\r\n\x1a\n\x00\x00", Kind.PNG),
        (b"II*\x00\x08\x00", Kind.TIFF),
        (b"MM\x00+\x00\x08", Kind.TIFF),
        (b"\x00\x00junk from a scanner\n%PDF-1.4", Kind.PDF),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", Kind.WEBP),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", None),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", Kind.JP2),
        (b"PK\x03\x04\x14\x00", Kind.ZIP),
        (b"\x00\x00\x00\x18ftypheic", Kind.HEIC),
        (b"BM was here, wrote the clerk", Kind.TEXT),
        ("Mon cher père, ".encode(), Kind.TEXT),
        ("Mon cher père, je vous écris".encode("latin-1"), Kind.TEXT),
        (b"\xef\xbb\xbf<?xml version='1.0'?>", Kind.MARKUP),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", Kind.MARKUP),
        (b"\x00" * 1024, None),
        (b"", None),
    ],
)
def test_a_file_is_known_by_its_first_bytes(head: bytes, kind: Kind | None) -> None:
    assert sniff(head) == kind


@given(st.binary(max_size=1100))
def test_any_bytes_can_be_sniffed(head: bytes) -> None:
    sniff(head)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("f12.jpg", "f12.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Scans\\Box 3\\f12.tif", "f12.tif"),
        ("f\x00\x1b[31m1\r\n2.jpg", "f[31m12.jpg"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("Actes notariés  №7 — 1824.pdf", "Actes notariés №7 — 1824.pdf"),
        ("می‌خواهم.png", "می‌خواهم.png"),
        ("", "unnamed"),
        ("///", "unnamed"),
        ("..", "unnamed"),
        ("\x00\x01", "unnamed"),
        ("lone \ud800 surrogate.jpg", "lone surrogate.jpg"),
    ],
)
def test_a_name_keeps_its_words_and_loses_what_could_harm(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(st.text(st.characters(exclude_categories=()), max_size=400))
def test_a_safe_name_is_short_printable_never_empty_and_stays_as_it_is(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe) <= 200
    assert not set(safe) & set("/\\\x00\r\n\t\x1b\u202e")
    safe.encode()
    assert safe_name(safe) == safe


def test_a_long_name_keeps_its_suffix() -> None:
    assert safe_name("é" * 500 + ".tiff") == "é" * 195 + ".tiff"
