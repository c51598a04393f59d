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
    data = path.read_bytes()
    if not data:
        raise BadInput(f"“{path.name}” is empty (0 bytes): export it again.", code="empty")
    if not (_starts_xml(data) or path.suffix.lower() == ".xml"):
        return plain_text.read(data, path.name)
    root = parse(data, path.name)
    match local_name(root):
        case "alto":
            return alto.from_root(root, path.name)
        case "PcGts":
            return page_xml.from_root(root, path.name)
        case other:
            raise BadInput(
                f"“{path.name}” is neither ALTO nor PAGE XML: its root is <{other}>. Export it as one of them.",
                code="not-ground-truth",
            )


def _starts_xml(data: bytes) -> bool:
    """A transcription may begin with an angle bracket too; XML files begin with a declaration or one of our roots."""
    head = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:400]
    return sniff(data[:400]) is Kind.MARKUP and (head.startswith(b"<?xml") or b"alto" in head or b"PcGts" in head)
