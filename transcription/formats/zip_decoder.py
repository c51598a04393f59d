"""What a ZIP archive holds, and its files one by one; runs in the decoder process only. Messages are predicates, as in
raster_decoder.

Nothing an archive says of itself is believed: files that share bytes with others (Fifield, "A better zip bomb", WOOT
2019) are found by where they lie, sizes are counted while unpacking, and no name of an archive becomes a path of ours.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from transcription.errors import BadInput
from transcription.formats.kinds import safe_name
from transcription.formats.limits import Limits

Listed = tuple[int, str, int, str]  # number in the archive, path, bytes, code of why it is not taken or ""

_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})  # others let an archive choose how much memory
_ENCRYPTED, _UTF8 = 0x1, 0x800
_LOCAL_HEADER = 30
_PIECE = 2**20
_LONGEST_PATH = 500
_HIDDEN_FOLDERS = frozenset({"__macosx", "@eadir", ".git"})
_HIDDEN_FILES = frozenset({"thumbs.db", "desktop.ini"})
_ERRORS = (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, OSError, ValueError, RuntimeError)


def entries(path: Path, limits: Limits) -> list[Listed]:
    """The files of an archive in its own order, without folders and what systems hide. Raises BadInput."""
    archive = _opened(path)
    members = archive.infolist()
    if len(members) > limits.max_entries:
        raise BadInput(
            f"holds {len(members):,} files, where {limits.max_entries:,} are allowed. Split it into several",
            code="too-many-entries",
        )
    if any(_is_office(member.filename) for member in members):
        raise BadInput("is an office document or an e-book. Export it as PDF", code="unsupported-kind")
    _check_places(members, path)
    _check_expansion(members, path, limits)
    listed: list[Listed] = []
    seen: set[str] = set()
    for number, member in enumerate(members):
        name = _name(member)
        if member.is_dir() or _is_hidden(name):
            continue
        shown = _shown(name)
        code = _fault(member, name, limits) or ("twice" if shown in seen else "")
        seen.add(shown)
        listed.append((number, shown, member.file_size, code))
    if not listed:
        raise BadInput("is an archive without any files. Pack it again", code="no-pages")
    if all(code == "encrypted" for *_, code in listed):
        raise BadInput(
            "is an encrypted archive and needs a password to be opened. Pack it again without one", code="encrypted"
        )
    return listed


def unpack(path: Path, number: int, target: Path, limits: Limits) -> int:
    """Write one file of an archive to ``target``; returns its bytes. Raises BadInput where it is damaged or larger than
    it says."""
    archive = _opened(path)
    member = archive.infolist()[number]
    size = 0
    try:
        with archive.open(member) as source, target.open("wb") as file:
            while piece := source.read(_PIECE):
                size += len(piece)
                if size > min(member.file_size, limits.max_entry_bytes):
                    raise _lies()
                file.write(piece)
    except zlib.error as error:
        raise _damaged() from error
    except _ERRORS as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's trouble, not the archive's
        raise _damaged() from error
    if size != member.file_size:
        raise _damaged()
    return size


@cache
def _opened(path: Path) -> zipfile.ZipFile:
    """Read its table of contents once a process, not once a file."""
    try:
        return zipfile.ZipFile(path)
    except _ERRORS as error:
        raise BadInput(
            "is damaged: the archive's table of contents cannot be read. Copy or pack it again", code="damaged"
        ) from error


def _check_places(members: Sequence[zipfile.ZipInfo], path: Path) -> None:
    """Raise BadInput where two files of an archive share bytes, or one lies behind its end."""
    end = 0
    for member in sorted(members, key=lambda each: each.header_offset):
        if member.header_offset < end:
            raise BadInput(
                "is no honest archive: files in it share their bytes. Pack it again", code="overlapping-entries"
            )
        end = member.header_offset + _LOCAL_HEADER + len(member.orig_filename) + member.compress_size
    if end > path.stat().st_size:
        raise BadInput("is damaged: the archive ends too early. Copy or pack it again", code="damaged")


def _check_expansion(members: Sequence[zipfile.ZipInfo], path: Path, limits: Limits) -> None:
    total = sum(member.file_size for member in members)
    if total > limits.max_expansion or total > max(limits.free_expansion, limits.max_ratio * path.stat().st_size):
        packed = path.stat().st_size / 2**20
        raise BadInput(
            f"would unpack to {total / 2**30:,.1f} GiB from {packed:,.1f} MiB, which archives of scans do not. Split "
            "it into several, or upload its files unpacked",
            code="archive-bomb",
        )


def _fault(member: zipfile.ZipInfo, name: str, limits: Limits) -> str:
    """Why a file is not taken, as a code; empty where it is."""
    parts = name.split("/")
    if not parts[0] or ".." in parts or ":" in parts[0] or len(name) > _LONGEST_PATH:
        return "hostile-name"
    mode = member.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "not-a-file"
    if member.flag_bits & _ENCRYPTED:
        return "encrypted"
    if member.compress_type not in _METHODS:
        return "unsupported-packing"
    return "too-large" if member.file_size > limits.max_entry_bytes else ""


def _name(member: zipfile.ZipInfo) -> str:
    """The path as it was meant: many programs write UTF-8 without saying so, and backslashes for slashes."""
    name = member.filename
    if not member.flag_bits & _UTF8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _shown(name: str) -> str:
    """Every part of a path made safe; it is shown and compared, never opened."""
    parts = (part if part == ".." else safe_name(part) for part in name.split("/") if part not in ("", "."))
    return "/".join(parts)[:_LONGEST_PATH]


def _is_hidden(name: str) -> bool:
    *folders, last = name.casefold().split("/")
    hidden = last in _HIDDEN_FILES or last.startswith("._") or (last.startswith(".") and last != "..")
    return hidden or not _HIDDEN_FOLDERS.isdisjoint(folders)


def _is_office(name: str) -> bool:
    return name in {"[Content_Types].xml", "mimetype", "META-INF/container.xml"}


def _damaged() -> BadInput:
    return BadInput("is damaged in the archive. Copy or pack it again", code="damaged")


def _lies() -> BadInput:
    return BadInput("is larger than the archive says. Pack it again", code="lying-header")
