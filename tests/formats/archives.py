"""ZIP archives as tests want them, sound and otherwise."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping


def packed(files: Mapping[str, bytes] | Mapping[str | zipfile.ZipInfo, bytes], *, method: int = 8) -> bytes:
    """An archive of these files; a name that ends in / is a folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()
