"""The folder of brought models: a folder for each, taken in whole or not at all, checked before it is used."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from transcription.engines.model_store.inspection import chat_template_digest, faults
from transcription.engines.model_store.kinds import guess_engine
from transcription.engines.model_store.manifest import (
    MANIFEST,
    NAME,
    EngineKind,
    FileEntry,
    Manifest,
    Reads,
    check_name,
    first_fault,
    read_manifest,
)
from transcription.errors import WeightsError

logger = logging.getLogger(__name__)
INCOMING, CHECKED = ".incoming", ".checked"
SPARE_BYTES = 256 * 2**20  # of the disk, left to others


@dataclass(frozen=True, slots=True)
class Origin:
    """What a person said of a model that is coming in; the engine is None where the files say it themselves."""

    name: str
    engine: EngineKind | None
    options: dict[str, Any]
    reads: tuple[Reads, ...]
    source: str
    licence: str


class ModelStore:
    """Models in ``folder``. Reading its manifests is cheap, so a web process may ask as often as it likes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Models whose manifest can be read, in order; those that cannot are for `verify` to speak of."""
        return [name for name in self.folders() if self._readable(name)]

    def folders(self) -> list[str]:
        """All that lies here as a model, whole or not."""
        try:
            found = sorted(entry.name for entry in os.scandir(self.folder) if entry.is_dir(follow_symlinks=False))
        except OSError:
            return []
        return [name for name in found if NAME.fullmatch(name)]

    def path(self, name: str) -> Path:
        return self.folder / name

    def manifest(self, name: str) -> Manifest:
        """Raises WeightsError when there is no such model or its manifest is damaged."""
        path = self.path(name) / MANIFEST
        try:
            stat = path.stat()
        except OSError as error:
            raise WeightsError(f"No model is called “{name}” here; pull or add it with manage.py models.") from error
        return _manifest_of(self.path(name), stat.st_size, stat.st_mtime_ns, stat.st_ino)

    def _readable(self, name: str) -> bool:
        try:
            self.manifest(name)
        except WeightsError as error:
            logger.debug("%s", error.message)
            return False
        return True

    def faults(self, name: str, *, hash_all: bool = True) -> list[str]:
        """Why the model may not be used, a sentence each; none when it is as it came.

        Without ``hash_all``, bytes are hashed only of files that look touched since they were hashed last.
        """
        try:
            manifest = read_manifest(self.path(name))
        except WeightsError as error:
            self._checked_file(name).unlink(missing_ok=True)
            return [error.message]
        found: list[str] = []
        there, strange = _files(self.path(name))
        found += strange
        found += [f"{file} is missing." for file in sorted(manifest.files.keys() - there.keys())]
        extra = sorted(there.keys() - manifest.files.keys())
        found += [f"{file} is there and does not belong to the model." for file in extra]
        known = {} if hash_all else self._hashed_before(name)
        hashed: dict[str, list[Any]] = {}
        for file in sorted(there.keys() & manifest.files.keys()):
            found += faults(there[file], file)
            looks = _looks(there[file])
            if known.get(file) != [*looks, manifest.files[file].sha256]:
                sha256 = file_sha256(there[file])
                if sha256 != manifest.files[file].sha256:
                    found.append(f"{file} was changed: its SHA-256 is {sha256}, not {manifest.files[file].sha256}.")
            hashed[file] = [*looks, manifest.files[file].sha256]
            found += _template_faults(there[file], file, manifest)
        if found:
            self._checked_file(name).unlink(missing_ok=True)
        elif hash_all or hashed != known:
            self._remember(name, hashed)
        return found

    def check(self, name: str) -> None:
        """What stands before every load. Raises WeightsError naming the first fault."""
        found = self.faults(name, hash_all=False)
        if found:
            more = f" ({len(found) - 1} more: manage.py models verify {name})" if len(found) > 1 else ""
            raise WeightsError(f"Model “{name}” is not loaded: {found[0]}{more}")

    def checked_at(self, name: str) -> datetime | None:
        """When its bytes were last found to be right; None if never, or if they were found wrong since."""
        try:
            return datetime.fromtimestamp(self._checked_file(name).stat().st_mtime, UTC)
        except OSError:
            return None

    def remove(self, name: str) -> None:
        """A process that has the model loaded goes on with it."""
        if name not in self.folders():
            raise WeightsError(f"No model is called “{name}” here.")
        with self._incoming(name) as incoming:
            gone = incoming.with_name(f"{name}.removed")
            shutil.rmtree(gone, ignore_errors=True)
            self.path(name).rename(gone)
            self._checked_file(name).unlink(missing_ok=True)
            shutil.rmtree(gone)

    @contextmanager
    def incoming(self, name: str, source: str) -> Iterator[Path]:
        """A folder to gather the model ``name`` in. Until `take_in` takes it, what lies in it stays for another try
        from the same ``source``; what came from another one is thrown away.

        Raises WeightsError when the model is here already or another process is just bringing it.
        """
        try:
            check_name(name)
        except ValueError as error:
            raise WeightsError(f"{error}.") from error
        if self.path(name).exists():
            raise WeightsError(f"A model “{name}” is here already; remove it first, or give this one another --name.")
        with self._incoming(name) as folder:
            noted = folder.with_name(f"{name}.source")
            if not noted.exists() or noted.read_text(encoding="utf-8") != source:
                shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(exist_ok=True)
            noted.write_text(source, encoding="utf-8")
            yield folder
            if not folder.exists():
                noted.unlink()

    @contextmanager
    def _incoming(self, name: str) -> Iterator[Path]:
        parent = self.folder / INCOMING
        parent.mkdir(parents=True, exist_ok=True)
        with (parent / f"{name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise WeightsError(f"Another process is just bringing or removing “{name}”; wait for it.") from error
            yield parent / name

    def take_in(self, folder: Path, origin: Origin) -> Manifest:
        """Make ``folder`` (of `incoming`) a model, whole or not at all. Raises WeightsError with every fault."""
        there, found = _files(folder)
        if not there:
            raise WeightsError("It holds no file of a model; expected safetensors or GGUF and what goes with them.")
        for name, path in there.items():
            found += faults(path, name)
        if found:
            raise WeightsError(" ".join(found))
        entries = {name: FileEntry(size=path.stat().st_size, sha256=file_sha256(path)) for name, path in there.items()}
        templates = {name: chat_template_digest(path) for name, path in there.items() if _is_gguf(name)}
        try:
            manifest = Manifest(
                name=origin.name,
                engine=origin.engine or guess_engine(folder),
                options=origin.options,
                reads=origin.reads,
                source=origin.source,
                licence=origin.licence,
                files=entries,
                chat_templates={name: digest for name, digest in templates.items() if digest is not None},
                added=datetime.now(UTC).replace(microsecond=0),
            )
        except ValidationError as error:
            raise WeightsError(f"This cannot be a model: {first_fault(error)}.") from error
        manifest.write(folder)
        self._remember(origin.name, {name: [*_looks(path), entries[name].sha256] for name, path in there.items()})
        folder.rename(self.path(origin.name))
        return manifest

    def make_room(self, needed: int) -> None:
        """Raises WeightsError where the disk has no room for so many bytes more."""
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if needed + SPARE_BYTES > free:
            raise WeightsError(
                f"{needed / 1e9:.2f} GB are needed and the disk of {self.folder} has {free / 1e9:.2f} GB left; make "
                "room, or set LONGHAND_MODELS to a folder of another disk."
            )

    def _checked_file(self, name: str) -> Path:
        return self.folder / CHECKED / f"{name}.json"

    def _hashed_before(self, name: str) -> dict[str, list[Any]]:
        try:
            return dict(json.loads(self._checked_file(name).read_text()))
        except (OSError, ValueError, TypeError):
            return {}

    def _remember(self, name: str, hashed: Mapping[str, list[Any]]) -> None:
        path = self._checked_file(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_text(json.dumps(hashed))
            partial.replace(path)
        except OSError as error:  # a worker may be allowed to read here and not to write: it hashes again next time
            logger.info("What was checked of model “%s” is not remembered: %s.", name, error)


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=256)
def _manifest_of(folder: Path, size: int, mtime: int, inode: int) -> Manifest:
    return read_manifest(folder)


def _looks(path: Path) -> list[int]:
    """What changes when a file is written to: size and times; that of the inode cannot be set back."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _is_gguf(name: str) -> bool:
    return name.lower().endswith(".gguf")


def _template_faults(path: Path, name: str, manifest: Manifest) -> list[str]:
    if not _is_gguf(name):
        return []
    try:
        found = chat_template_digest(path)
    except WeightsError:
        return []  # said already
    pinned = manifest.chat_templates.get(name)
    if found == pinned:
        return []
    return [
        f"The chat template of {name} is not the one that was pinned: its SHA-256 is {found or 'none, it has none'}, "
        f"not {pinned or 'none'}."
    ]


def _files(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """The files below ``folder`` by their names in it, and a sentence for each thing that is no plain file."""
    found: dict[str, Path] = {}
    strange: list[str] = []
    for parent, folders, files in os.walk(folder):
        for each in sorted([*folders, *files]):
            path = Path(parent) / each
            name = path.relative_to(folder).as_posix()
            if path.is_symlink():
                strange.append(f"{name} is a link; a model's files lie in its folder themselves.")
            elif each in files and name != MANIFEST:
                if path.is_file():
                    found[name] = path
                else:
                    strange.append(f"{name} is no plain file.")
    return found, strange
