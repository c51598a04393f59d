"""A large ZIP written in parts: each part is a ZIP by itself, whole or not there; joined without packing anew.

Beside each part stands what it holds (names, sizes, SHA-256), so that a whole can be checked against its parts.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO

_LEVEL = 4  # of deflate: nearly as small as 6 on text, and half as long
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in a ZIP."""

    name: str
    size: int
    sha256: str


class _Hashing:
    """A file that is written forwards, counted and hashed on its way."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file, self._name = file, name
        self._digest, self._size = hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        self._size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def entry(self) -> Entry:
        return Entry(self._name, self._size, self._digest.hexdigest())


@dataclass(slots=True)
class ZipFolder:
    """A `writing.Folder` in an open ZIP; all names are put under ``prefix``."""

    archive: zipfile.ZipFile
    dated: datetime
    prefix: str = ""
    entries: list[Entry] = field(default_factory=list)

    @contextmanager
    def file(self, name: str, *, packed: bool = False) -> Iterator[IO[bytes]]:
        info = zipfile.ZipInfo(f"{self.prefix}{name}", self.dated.timetuple()[:6])
        info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
        info._compresslevel = _LEVEL  # type: ignore[attr-defined]  # public as compress_level from Python 3.13 on
        info.external_attr = 0o644 << 16
        with self.archive.open(info, "w", force_zip64=packed) as file:
            hashing = _Hashing(file, info.filename)
            yield hashing  # type: ignore[misc]  # only ever written to
        self.entries.append(hashing.entry())


def write_part(path: Path, *, dated: datetime, prefix: str, write: Callable[[ZipFolder], int]) -> int:
    """Write one part and its list; ``write`` says how many pages it put in. Whole on disk, or not under this name."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.writing")
    try:
        with temporary.open("wb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                folder = ZipFolder(archive, dated, prefix)
                pages = write(folder)
            file.flush()
            os.fsync(file.fileno())
        listed = {"pages": pages, "entries": [[each.name, each.size, each.sha256] for each in folder.entries]}
        _write_whole(list_of(path), json.dumps(listed).encode())
        temporary.replace(path)  # last: a part that is there has its list
    finally:
        temporary.unlink(missing_ok=True)
    return pages


def list_of(part: Path) -> Path:
    return part.with_suffix(".json")


def read_list(part: Path) -> tuple[int, list[Entry]]:
    """The pages and the files of a part."""
    listed = json.loads(list_of(part).read_text(encoding="utf-8"))
    return int(listed["pages"]), [Entry(name, size, digest) for name, size, digest in listed["entries"]]


def _write_whole(path: Path, data: bytes) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.writing")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def join_parts(parts: Sequence[Path], target: Path, progress: Callable[[], None] = lambda: None) -> None:
    """Make one ZIP of several by copying their bytes as they are; on disk when it returns."""
    with target.open("w+b") as file, zipfile.ZipFile(file, "w") as whole:
        for part in parts:
            offset = file.tell()
            with part.open("rb") as source, zipfile.ZipFile(source) as archive:
                infos, left = archive.infolist(), archive.start_dir
                source.seek(0)
                while left:
                    chunk = source.read(min(_CHUNK, left))
                    file.write(chunk)
                    left -= len(chunk)
            for info in infos:
                info.header_offset += offset
            whole.filelist += infos
            # What zipfile writes when it closes: the directory of all files, behind the last of them.
            whole.start_dir = file.tell()
            whole._didModify = True  # type: ignore[attr-defined]
            progress()
        whole.close()
        file.flush()
        os.fsync(file.fileno())


def differing(path: Path, expected: Sequence[Entry], progress: Callable[[], None] = lambda: None) -> str:
    """Read every file of a ZIP; the name of the first that is not as expected, empty where all are."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if names != [each.name for each in expected]:
            return next((a for a, b in zip(names, expected, strict=False) if a != b.name), "the list of files")
        for each in expected:
            digest = hashlib.sha256()
            with archive.open(each.name) as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
            if digest.hexdigest() != each.sha256:
                return each.name
            progress()
    return ""
