"""Transcriptions that people made elsewhere, in whatever format they came."""

from __future__ import annotations

from pathlib import Path

from transcription.errors import BadInput
from transcription.formats import alto, page_xml, plain_text
from transcription.formats.kinds import Kind, sniff
from transcription.formats.records import TranscribedPage
from transcription.formats.xml_reading import local_name, parse


def read_ground_truth(path: Path) -> TranscribedPage:
    """Return the transcription in an ALTO, PAGE or text file, told by its content. Its name is the file's.

    Raises BadInput: ``empty``, ``not-xml``, ``doctype``, ``not-ground-truth``, ``not-text`` …
    """
    return parse_ground_truth(path.read_bytes(), path.name)


def parse_ground_truth(data: bytes, name: str) -> TranscribedPage:
    """As ``read_ground_truth``, of the bytes of a file called ``name``."""
    if not data:
        raise BadInput(f"“{name}” is empty (0 bytes): export it again.", code="empty")
    if not is_markup(data, name):
        return plain_text.read(data, name)
    root = parse(data, name)
    match local_name(root):
        case "alto":
            return alto.from_root(root, name)
        case "PcGts":
            return page_xml.from_root(root, name)
        case other:
            raise BadInput(
                f"“{name}” is neither ALTO nor PAGE XML: its root is <{other}>. Export it as one of them.",
                code="not-ground-truth",
            )


def is_markup(data: bytes, name: str) -> bool:
    """Whether a file is read as XML rather than as plain text."""
    return _starts_xml(data) or name.lower().endswith(".xml")


def _starts_xml(data: bytes) -> bool:
    """A transcription may begin with an angle bracket too; XML files begin with a declaration or one of our roots."""
    head = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:400]
    return sniff(data[:400]) is Kind.MARKUP and (head.startswith(b"<?xml") or b"alto" in head or b"PcGts" in head)
