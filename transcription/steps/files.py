"""Files in the default storage, on this machine or not."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage

from transcription.errors import ServiceUnavailable


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
    target = _place(name)
    if target is None:
        _send(path, name)
        path.unlink()
        return
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.replace(target)
    _sync_folder(target.parent)


def put_beside(path: Path, name: str) -> None:
    """The same, but ``path`` stays, until its owner has committed the row that names what was stored."""
    target = _place(name)
    if target is None:
        _send(path, name)
        return
    with path.open("rb") as file:
        os.fsync(file.fileno())
    unfinished = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        try:
            os.link(path, unfinished)
        except OSError:  # on another disk, or on one without hard links
            _copy(path, unfinished)
        if target.exists() and target.samefile(unfinished):
            return  # stored before a crash; renaming one name of a file to another of its names would do nothing
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
        _sync_folder(target.parent)


def _place(name: str) -> Path | None:
    """Where ``name`` is on this machine, its folder made; None in object storage."""
    try:
        target = Path(default_storage.path(name))
    except NotImplementedError:
        return None
    _make_folder(target.parent)
    return target


def _send(path: Path, name: str) -> None:
    default_storage.delete(name)  # where nothing may be overwritten, it would be stored under another name
    with path.open("rb") as file:
        stored = default_storage.save(name, File(file))
    if stored != name:
        raise ServiceUnavailable(f"The storage took {name} under another name, {stored}; that is tried again.")


def _copy(path: Path, target: Path) -> None:
    with path.open("rb") as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, 2**20)
        file.flush()
        os.fsync(file.fileno())


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
