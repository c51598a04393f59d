"""Which characters a text may hold wherever it is stored or written."""

from __future__ import annotations

import re

_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def printable(text: str) -> str:
    """``text`` without what XML cannot hold: control characters, lone surrogates, U+FFFE and U+FFFF."""
    return _NOT_XML.sub("", text)
