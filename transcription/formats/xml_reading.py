"""Reading XML that strangers wrote: no entities, no network, no document type; names without their namespaces."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from transcription.errors import BadInput
from transcription.formats.characters import printable as printable  # with the rest of what XML needs
from transcription.htr.records import Point

_MAX_BYTES = 64 << 20
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_LARGEST = 1_000_000  # a coordinate beyond this is a slip, not a page


def parse(data: bytes, name: str) -> etree._Element:
    """Return the root of an XML file. Raises BadInput with code ``too-large``, ``not-xml`` or ``doctype``."""
    if len(data) > _MAX_BYTES:
        raise BadInput(f"“{name}” is too large for the text of one page: split it page by page.", code="too-large")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    if b"<!DOCTYPE" in data:  # before anything in it is unfolded
        raise _declares_type(name)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        reason = getattr(error, "msg", None) or error
        raise BadInput(f"“{name}” is not well-formed XML ({reason}): export it again.", code="not-xml") from error
    if root.getroottree().docinfo.internalDTD is not None:  # in an encoding of which it was not seen
        raise _declares_type(name)
    return root


def _declares_type(name: str) -> BadInput:
    return BadInput(
        f"“{name}” declares a document type, which may hide other files' content: remove its DOCTYPE line.",
        code="doctype",
    )


def local_name(element: etree._Element) -> str:
    return etree.QName(element.tag).localname


def children(element: etree._Element, name: str) -> Iterator[etree._Element]:
    return (child for child in element if local_name(child) == name)


def child(element: etree._Element, name: str) -> etree._Element | None:
    return next(children(element, name), None)


def descendants(element: etree._Element, name: str) -> Iterator[etree._Element]:
    return (found for found in element.iter() if local_name(found) == name)


def number(value: str | None) -> float | None:
    """A finite number, else None."""
    match = _NUMBER.fullmatch((value or "").strip())
    found = float(match.group()) if match else None
    return found if found is not None and abs(found) <= _LARGEST else None


def probability(value: str | None) -> float | None:
    found = number(value)
    return found if found is not None and 0.0 <= found <= 1.0 else None


def points(value: str | None) -> tuple[Point, ...]:
    """Points of "x,y x,y" or "x y x y"; empty where the numbers do not pair up."""
    numbers = [float(match) for match in _NUMBER.findall(value or "")]
    if len(numbers) % 2 or any(abs(found) > _LARGEST for found in numbers):
        return ()
    return tuple((round(x), round(y)) for x, y in zip(numbers[::2], numbers[1::2], strict=True))


def opened(polygon: tuple[Point, ...]) -> tuple[Point, ...]:
    """A polygon that does not repeat its first point; empty if it spans nothing."""
    if len(polygon) > 1 and polygon[0] == polygon[-1]:
        polygon = polygon[:-1]
    return polygon if len(polygon) >= 3 else ()
