"""The files as they were received, each once, byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from transcription.errors import PermanentError
from transcription.formats.file_names import safe_part
from transcription.formats.writing import Folder, Manner, PageToWrite, by_document

_CHUNK = 1 << 20


def write(pages: Iterator[PageToWrite], folder: Folder, manner: Manner) -> None:
    """``<document>/<file name>``. Raises PermanentError ``altered-original`` where a file is not what was received."""
    for document, of_document in by_document(pages):
        written: set[str] = set()
        names: set[str] = set()
        for each in of_document:
            original = each.original
            if original.key in written:
                continue
            written.add(original.key)
            name = safe_part(original.name)
            if name.casefold() in names:
                stem, dot, suffix = name.rpartition(".")
                name = f"{stem or suffix}_{original.key[:8]}{dot}{suffix if stem else ''}"
            names.add(name.casefold())
            digest = hashlib.sha256()
            with original.open() as source, folder.file(f"{document.name}/{name}", packed=True) as file:
                while chunk := source.read(_CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
            if digest.hexdigest() != original.sha256:
                raise PermanentError(
                    f"The stored file of “{original.name}” has changed since it was received. Restore it from your "
                    "backup, then ask for the package again.",
                    code="altered-original",
                )
