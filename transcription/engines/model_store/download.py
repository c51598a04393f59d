"""One file over HTTP, whole or not at all; what broke off goes on where it stopped, in another process too.

huggingface_hub 2 throws away what a killed download had fetched, so its files come this way as well.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2

from transcription.engines.model_store.store import file_sha256
from transcription.errors import PermanentError, ServiceUnavailable, WeightsError

logger = logging.getLogger(__name__)
TRIES = 5  # without a byte in between
PIECE = 2**20
TIMEOUT = httpx2.Timeout(30.0)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """``size`` (bytes), ``sha256`` and ``git_sha1`` (git's own name of its content) as far as its server tells them."""

    name: str
    url: str
    size: int | None = None
    sha256: str | None = None
    git_sha1: str | None = None


def download(
    file: RemoteFile,
    folder: Path,
    *,
    headers: Mapping[str, str] | None = None,
    make_room: Callable[[int], None],
    pause: float = 1.0,
) -> Path:
    """Fetch ``file`` into ``folder``, or find it there whole. ``make_room`` is asked for the bytes still to come.

    Raises ServiceUnavailable when the server does not answer, WeightsError when its bytes are not those promised.
    """
    target = folder / file.name
    if target.exists():
        _check(target, file)
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    with httpx2.Client(follow_redirects=True, timeout=TIMEOUT, headers=dict(headers or {})) as client:
        tries = 0
        while True:
            before = _size(partial)
            try:
                _fetch(client, file, partial, make_room)
                break
            except httpx2.TransportError as error:
                tries = 0 if _size(partial) > before else tries + 1
                if tries >= TRIES:
                    raise ServiceUnavailable(
                        f"{file.url} breaks off ({str(error) or type(error).__name__}); what came is kept: try again."
                    ) from error
                logger.info("%s broke off after %d bytes; going on from there.", file.url, _size(partial))
                time.sleep(pause * tries)
    try:
        _check(partial, file)
    except WeightsError:
        _noted(partial).unlink(missing_ok=True)
        partial.unlink()
        raise
    _noted(partial).unlink(missing_ok=True)
    partial.replace(target)
    return target


def _fetch(client: httpx2.Client, file: RemoteFile, partial: Path, make_room: Callable[[int], None]) -> None:
    """Append to ``partial`` what it lacks; from the beginning where the server has another file now."""
    have = _size(partial)
    if file.size is not None and have == file.size:
        return
    headers = {"Accept-Encoding": "identity"}  # the file's own bytes, or a range of them would mean something else
    mark = _mark_of(partial)
    if have and mark:
        headers |= {"Range": f"bytes={have}-", "If-Range": mark}
    with client.stream("GET", file.url, headers=headers) as answer:
        _refuse(answer, file)
        if answer.status_code != httpx2.codes.PARTIAL_CONTENT or not _begins_at(answer, have):
            if answer.status_code == httpx2.codes.PARTIAL_CONTENT:
                partial.unlink(missing_ok=True)
                raise httpx2.RemoteProtocolError("the server sent another part than it was asked for")
            have = 0
        coming = _length(answer)
        if coming is not None:
            make_room(coming)
        _note_mark(partial, answer)
        with partial.open("ab" if have else "wb") as out:
            for piece in answer.iter_raw():  # as they come: what is gathered would be lost with the connection
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
    if coming is not None and _size(partial) < have + coming:
        raise httpx2.RemoteProtocolError("the server closed before the end")


def _refuse(answer: httpx2.Response, file: RemoteFile) -> None:
    code = answer.status_code
    if code in (200, 206):
        return
    if code >= 500 or code in (408, 429):
        raise httpx2.RemoteProtocolError(f"the server answered {code}")
    if code in (401, 403):
        raise PermanentError(
            f"{file.url} is not for everybody (the server answered {code}); accept its terms there, and set HF_TOKEN "
            "for a hub's file."
        )
    raise PermanentError(f"{file.url} cannot be had: the server answered {code}.")


def _check(path: Path, file: RemoteFile) -> None:
    found = path.stat().st_size
    if file.size is not None and found != file.size:
        raise WeightsError(f"{file.name} came with {found} bytes, not the {file.size} its server spoke of; pull again.")
    if file.sha256 is not None and (digest := file_sha256(path)) != file.sha256:
        raise WeightsError(f"{file.name} came with the SHA-256 {digest}, not {file.sha256}; it was thrown away.")
    if file.git_sha1 is not None and (name := _git_sha1(path)) != file.git_sha1:
        raise WeightsError(f"{file.name} came as git's {name}, not {file.git_sha1}; it was thrown away.")


def _git_sha1(path: Path) -> str:
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _begins_at(answer: httpx2.Response, place: int) -> bool:
    return answer.headers.get("content-range", "").startswith(f"bytes {place}-")


def _length(answer: httpx2.Response) -> int | None:
    length = answer.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _noted(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.mark")


def _note_mark(partial: Path, answer: httpx2.Response) -> None:
    """Keep what tells this state of the file from another one: a strong ETag, or else its date."""
    mark = answer.headers.get("etag", "")
    if not mark or mark.startswith("W/"):
        mark = answer.headers.get("last-modified", "")
    _noted(partial).write_text(json.dumps(mark), encoding="utf-8")


def _mark_of(partial: Path) -> str:
    try:
        return str(json.loads(_noted(partial).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return ""
