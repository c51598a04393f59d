"""Reading uploads safely: each file is decoded in a throw-away process with limits of its own.

Whatever a file does to its decoder, what leaves here is an answer or BadInput with a code and a sentence for the
person who uploaded it:

    empty, not-an-image, unsupported-kind, damaged, encrypted, no-pages, no-such-frame, too-many-pixels,
    too-many-frames, out-of-memory, decoder-crashed, decoder-too-slow; of archives besides too-many-entries,
    overlapping-entries, archive-bomb, lying-header
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transcription.errors import BadInput, ServiceUnavailable
from transcription.formats.kinds import ACCEPTED, ACCEPTED_LABEL, ARCHIVES, HEAD_BYTES, Kind, safe_name, sniff
from transcription.formats.limits import Limits
from transcription.htr.framing import Framing

__all__ = ["Cut", "Extracted", "FileInfo", "FrameInfo", "Limits", "Listed", "accepted_kind", "extract", "list_archive"]
__all__ += ["probe", "probe_many", "unpack_archive"]

logger = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parents[2]
_GRACE_SECONDS = 15  # for the process to start on a busy machine, beyond the time of its jobs
_SHOWN_NAME = 80
_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """One picture of a file; ``index`` is what ``extract`` takes, 0-based. Pixels are those of the upright picture."""

    index: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class FileInfo:
    kind: Kind
    frames: tuple[FrameInfo, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """What of a frame, upright by its file's own word, is a page: the frame turned by ``frame_turn`` quarter turns
    clockwise, of it the page left or right of ``gutter`` (a share of its width) or, where ``side`` is empty, all of it,
    and that turned by ``turn``."""

    frame_turn: int = 0
    side: str = ""
    gutter: float = 0.5
    turn: int = 0


_WHOLE = Cut()


@dataclass(frozen=True, slots=True)
class Extracted:
    """What was stored of one frame. ``transform`` leads from the original to it: source_width and source_height
    (pixels, points for a PDF), mirrored (left and right, before turning), rotation (degrees clockwise, already part
    of source_width and source_height for a PDF), scale; then what Framing.to_json gives. ``text`` is the text layer of
    a PDF's page."""

    width: int
    height: int
    transform: dict[str, Any]
    framing: Framing
    text: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of an archive: its number there, its path with every part made safe, its bytes as the archive says them,
    and a code for why it is not to be unpacked, empty where it is."""

    number: int
    path: str
    size: int
    fault: str


def probe(path: Path, name: str, limits: Limits = _DEFAULT_LIMITS) -> FileInfo:
    """Return what a file holds, from its headers. ``name`` is what people know it by.

    Raises BadInput, or ServiceUnavailable where the file cannot be opened or the decoder does not start.
    """
    (found,) = probe_many([(path, name)], limits)
    if isinstance(found, BadInput):
        raise found
    return found


def probe_many(files: Sequence[tuple[Path, str]], limits: Limits = _DEFAULT_LIMITS) -> list[FileInfo | BadInput]:
    """Probe several (path, name) in as few processes as can be; a file that fails does so alone."""
    results: list[FileInfo | BadInput | None] = [None] * len(files)
    jobs: list[dict[str, Any]] = []
    places: list[int] = []
    for place, (path, name) in enumerate(files):
        try:
            kind = accepted_kind(path, name)
        except BadInput as error:
            results[place] = error
            continue
        jobs.append({"action": "probe", "path": str(path.absolute()), "kind": kind})
        places.append(place)
    for place, job, answer in zip(places, jobs, _answers(jobs, limits), strict=True):
        results[place] = (
            FileInfo(job["kind"], tuple(FrameInfo(*frame) for frame in answer["frames"]))
            if "frames" in answer
            else _refusal(files[place][1], answer)
        )
    return [result for result in results if result is not None]


def extract(
    path: Path,
    name: str,
    frame: int,
    pyramid: Path,
    thumbnail: Path,
    limits: Limits = _DEFAULT_LIMITS,
    cut: Cut = _WHOLE,
) -> Extracted:
    """Decode every pixel of one frame and store it upright, or the ``cut`` of it: a pyramid TIFF and a JPEG thumbnail.

    Both appear under their names only when they are complete and on disk; what stood there is replaced.
    Raises BadInput, or ServiceUnavailable where the disk does not give the file or take the results.
    """
    kind = accepted_kind(path, name)
    with _unfinished(pyramid) as unfinished_pyramid, _unfinished(thumbnail) as unfinished_thumbnail:
        job = {
            "action": "extract",
            "path": str(path.absolute()),
            "kind": kind,
            "frame": frame,
            "pyramid": str(unfinished_pyramid.absolute()),
            "thumbnail": str(unfinished_thumbnail.absolute()),
            "cut": asdict(cut),
        }
        (answer,) = _answers([job], limits)
        if answer.get("code") == "not-written":
            raise ServiceUnavailable(f"The page could not be stored in {pyramid.parent}: {answer['reason']}")
        if "width" not in answer:
            raise _refusal(name, answer)
        _publish(unfinished_thumbnail, thumbnail)
        _publish(unfinished_pyramid, pyramid)
    framing = Framing.from_json(answer["transform"], (answer["width"], answer["height"]))
    return Extracted(answer["width"], answer["height"], answer["transform"], framing, answer.get("text", ""))


def list_archive(path: Path, name: str, limits: Limits = _DEFAULT_LIMITS) -> list[Listed]:
    """What a ZIP archive holds, in its own order. Raises BadInput, or ServiceUnavailable as ``probe``."""
    (answer,) = _answers([{"action": "list", "path": str(path.absolute())}], limits)
    if "entries" not in answer:
        raise _refusal(name, answer)
    return [Listed(*entry) for entry in answer["entries"]]


def unpack_archive(
    path: Path, files: Sequence[tuple[Listed, Path]], limits: Limits = _DEFAULT_LIMITS
) -> list[BadInput | None]:
    """Unpack each listed file of an archive to its path; None for each that is there now.

    Raises ServiceUnavailable where the disk does not take them.
    """
    jobs = [
        {"action": "unpack", "path": str(path.absolute()), "number": listed.number, "target": str(target.absolute())}
        for listed, target in files
    ]
    answers = _answers(jobs, limits)
    for answer in answers:
        if answer.get("code") == "not-written":
            raise ServiceUnavailable(f"The files of the archive could not be unpacked: {answer['reason']}")
    return [
        None if "size" in answer else _refusal(listed.path, answer)
        for (listed, _), answer in zip(files, answers, strict=True)
    ]


def accepted_kind(path: Path, name: str, *, archives: bool = False) -> Kind:
    """The kind of a file by its first bytes. Raises BadInput for an empty file and for kinds that are not read;
    archives are taken only where they are asked for."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise ServiceUnavailable(f"The stored file of “{safe_name(name)}” cannot be opened: {error}.") from error
    if not head:
        raise _refusal(name, {"code": "empty", "reason": "is empty (0 bytes). Upload it again"})
    kind = sniff(head)
    if kind in ACCEPTED or (archives and kind in ARCHIVES):
        return kind
    suffix = Path(safe_name(name)).suffix
    ending = f" though its name ends in {suffix}" if suffix else ""
    if kind is None:
        what = "holds only zero bytes" if not head.strip(b"\x00") else "is not an image or PDF"
        reason = f"{what}{ending}. Copy it again from where it came; {ACCEPTED_LABEL} can be read"
        raise _refusal(name, {"code": "not-an-image", "reason": reason})
    text = kind in (Kind.TEXT, Kind.MARKUP)
    reason = f"is {kind.label}{ending if text else ''}. Upload {ACCEPTED_LABEL}"
    raise _refusal(name, {"code": "not-an-image" if text else "unsupported-kind", "reason": reason})


def _refusal(name: str, answer: dict[str, Any]) -> BadInput:
    shown = safe_name(name)
    if len(shown) > _SHOWN_NAME:
        shown = f"{shown[: _SHOWN_NAME // 2]}…{shown[-_SHOWN_NAME // 2 + 1 :]}"
    if "detail" in answer:
        logger.info("%s: %s", shown, answer["detail"])
    return BadInput(f"“{shown}” {answer['reason']}.", code=answer["code"])


@contextlib.contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """A name beside ``target`` to write under; whatever is left there at the end is removed."""
    path = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _publish(unfinished: Path, target: Path) -> None:
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _answers(jobs: list[dict[str, Any]], limits: Limits) -> list[dict[str, Any]]:
    """One answer a job, in order. A job that takes its process down is answered for; the others get a new one."""
    answers: list[dict[str, Any]] = []
    while len(answers) < len(jobs):
        left = jobs[len(answers) :]
        found, death = _decoder(left, limits)
        answers += found
        if len(found) < len(left) and (death is not None or not found):
            answers.append(death or _crashed("without a word"))
    return answers


def _decoder(jobs: list[dict[str, Any]], limits: Limits) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Run one decoder process; returns its answers and, where it died, what that says of the first job without one."""
    seconds = sum(limits.seconds(job["action"]) for job in jobs)
    request = json.dumps({"limits": asdict(limits), "jobs": jobs})
    process = subprocess.Popen(
        [sys.executable, "-m", "transcription.formats.decoder_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=_ROOT,
        env=_environment(),
    )
    late = False
    try:
        out, err = process.communicate(request.encode(), timeout=seconds + _GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        late = True
        process.kill()
        out, err = process.communicate()
    except BaseException:  # a worker told to stop while it waits must not leave the decoder behind
        process.kill()
        process.wait()
        raise
    lines = out.decode("utf-8", "replace").splitlines(keepends=True)
    if not lines or lines[0] != "ready\n":
        last = err.decode("utf-8", "replace").strip().splitlines()[-1:]
        logger.error("the decoder did not start (%s): %s", process.returncode, err.decode("utf-8", "replace"))
        raise ServiceUnavailable(f"The decoder process did not start: {''.join(last) or process.returncode}.")
    found = [json.loads(line) for line in lines[1:] if line.endswith("\n")]
    if process.returncode == 0:
        return found, None
    if late or process.returncode in (-signal.SIGALRM, -signal.SIGXCPU):
        each = limits.seconds(jobs[0]["action"])
        unit = "second" if each == 1 else "seconds"
        reason = f"took longer than {each} {unit} to decode. Export it again, at a lower resolution if it is large"
        return found, {"code": "decoder-too-slow", "reason": reason}
    return found, _crashed(f"with code {process.returncode}")


def _crashed(how: str) -> dict[str, Any]:
    return {
        "code": "decoder-crashed",
        "reason": "could not be decoded: the decoder broke down over it. Export it again from where it came",
        "detail": f"the decoder process ended {how}",
    }


def _environment() -> dict[str, str]:
    """No secret of ours is in reach of a decoder; one allocation arena, so that address space means memory."""
    kept = {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV") if key in os.environ}
    return {
        **kept,
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MALLOC_ARENA_MAX": "2",
        "VIPS_CONCURRENCY": "2",
    }
