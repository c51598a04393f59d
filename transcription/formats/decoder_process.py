"""The process in which uploads are decoded: ``python -m transcription.formats.decoder_process``.

It reads one JSON object, {"limits": …, "jobs": […]}, from standard input and answers on standard output, a line for
"ready" and a JSON line for each job. It limits itself before it looks at a byte of any upload, has no network where
the kernel allows, and may die at any time: ``decode`` takes what has not been answered as not decodable.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import resource
import signal
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transcription.errors import BadInput
from transcription.formats.kinds import Kind
from transcription.formats.limits import Limits

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_MAX_OUTPUT_BYTES = 4 << 30
# What Pillow, libvips and pdfium are known to let escape on malformed files, besides errors of their own.
_DECODER_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    EOFError,
    RuntimeError,
    SyntaxError,
    struct.error,
    zlib.error,
)


def main() -> int:
    request = json.loads(sys.stdin.buffer.read())
    limits = Limits(**request["limits"])
    _confine(limits)
    # The libraries' C code writes warnings to the standard descriptors: the answers go where it cannot reach them.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    print("ready", file=answers, flush=True)
    for job in request["jobs"]:
        answer, exhausted = _answer(job, limits)
        print(json.dumps(answer), file=answers, flush=True)
        if exhausted:  # memory that could not be had may have left anything half done
            return 0
    return 0


def _confine(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MAX_OUTPUT_BYTES, _MAX_OUTPUT_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # Without a network, where the kernel lets us; root keeps its user, else it could not read others' files.
    if libc.unshare(_CLONE_NEWNET) != 0 and os.geteuid() != 0:
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))


def _answer(job: dict[str, Any], limits: Limits) -> tuple[dict[str, Any], bool]:
    """Do one job. Returns the answer, and whether this process should not go on."""
    _start_clock(limits.seconds(job["action"]))
    try:
        return _ACTIONS[job["action"]](job, limits), False
    except BadInput as error:
        return {"code": error.code, "reason": error.message}, False
    except MemoryError:
        gigabytes = limits.memory_bytes / (1 << 30)
        reason = f"needs more than {gigabytes:.3g} GiB of memory to be decoded. Export it at a lower resolution"
        return {"code": "out-of-memory", "reason": reason}, True
    except _DECODER_ERRORS as error:
        return _damaged(error), False


def _damaged(error: Exception) -> dict[str, Any]:
    return {
        "code": "damaged",
        "reason": "is damaged: it cannot be decoded. Copy or scan it again",
        "detail": f"{type(error).__name__}: {error}"[:500],
    }


def _start_clock(seconds: int) -> None:
    """Die by SIGALRM or SIGXCPU if this job takes longer, even inside C code."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = math.ceil(usage.ru_utime + usage.ru_stime)
    resource.setrlimit(resource.RLIMIT_CPU, (used + 2 * seconds, resource.RLIM_INFINITY))  # libvips has threads
    signal.alarm(seconds)


def _probe(job: dict[str, Any], limits: Limits) -> dict[str, Any]:
    path, kind = Path(job["path"]), Kind(job["kind"])
    if kind is Kind.PDF:
        from transcription.formats import pdf_decoder

        return {"frames": pdf_decoder.frames(path, limits)}
    from transcription.formats import raster_decoder

    return {"frames": raster_decoder.frames(path, kind, limits)}


def _extract(job: dict[str, Any], limits: Limits) -> dict[str, Any]:
    from transcription.formats import pyramid_writer

    path, kind, frame = Path(job["path"]), Kind(job["kind"]), int(job["frame"])
    if kind is Kind.PDF:
        from transcription.formats import pdf_decoder

        decoded = pdf_decoder.load(path, frame, limits)
    else:
        from transcription.formats import raster_decoder

        decoded = raster_decoder.load(path, kind, frame, limits)
    image, framing = pyramid_writer.framed(decoded.image, **job["cut"])
    try:
        pyramid_writer.write_pyramid(image, Path(job["pyramid"]))
        pyramid_writer.write_thumbnail(image, Path(job["thumbnail"]))
    except pyramid_writer.WRITE_ERRORS as error:  # the pixels were all in memory: it is our disk, not the file
        if "memory" in str(error).lower():
            raise MemoryError(str(error)) from error
        return {"code": "not-written", "reason": str(error)[:500]}
    answer = {"width": image.width, "height": image.height, "transform": decoded.transform | framing}
    return answer | ({"text": decoded.text} if decoded.text else {})


def _list(job: dict[str, Any], limits: Limits) -> dict[str, Any]:
    from transcription.formats import zip_decoder

    return {"entries": zip_decoder.entries(Path(job["path"]), limits)}


def _unpack(job: dict[str, Any], limits: Limits) -> dict[str, Any]:
    from transcription.formats import zip_decoder

    try:
        return {"size": zip_decoder.unpack(Path(job["path"]), int(job["number"]), Path(job["target"]), limits)}
    except OSError as error:
        return {"code": "not-written", "reason": str(error)[:500]}


_ACTIONS: dict[str, Callable[[dict[str, Any], Limits], dict[str, Any]]] = {
    "probe": _probe,
    "extract": _extract,
    "list": _list,
    "unpack": _unpack,
}


if __name__ == "__main__":
    sys.exit(main())
