"""Files in the default storage, on this machine or not."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage


def scratch_folder() -> Path:
    """A folder beside the media on the same disk, so that finished files are moved, not copied."""
    folder = Path(settings.DATA) / "incoming"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def local_path(name: str) -> Iterator[Path]:
    """The stored file as a local path: itself on a filesystem, a temporary copy from object storage."""
    try:
        yield Path(default_storage.path(name))
        return
    except NotImplementedError:
        pass
    with tempfile.TemporaryDirectory(dir=scratch_folder()) as folder:
        copy = Path(folder) / Path(name).name
        with default_storage.open(name, "rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, 2**20)
        yield copy


def put(path: Path, name: str) -> None:
    """Move a finished local file into the storage under ``name``, durably: it is there after a power cut.

    An existing file of that name is replaced (derivatives are made again); originals have names of their own.
    """
    try:
        target = Path(default_storage.path(name))
    except NotImplementedError:
        with path.open("rb") as file:
            default_storage.save(name, File(file))
        path.unlink()
        return
    with path.open("rb") as file:
        os.fsync(file.fileno())
    _make_folder(target.parent)
    path.replace(target)
    _sync_folder(target.parent)


def delete_files(names: Iterable[str]) -> None:
    """Delete stored files; one that is not there is none."""
    for name in names:
        default_storage.delete(name)


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it; each new one is on disk in the one above it."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
