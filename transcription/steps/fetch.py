"""Calling addresses that other people named, without becoming their way into this network.

``fetch`` and ``fetch_bytes`` get, ``post`` sends. Each address is checked by ``reachable``, the connection goes to
exactly the machine that was checked, a redirect is checked like a first address, and size and time have limits that no
slow or compressed answer gets around. No cookies, no proxies of the environment, no credentials.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path

import httpcore2
import httpx2

from transcription.errors import BadInput, NotAnswered, ServiceUnavailable
from transcription.steps.reachable import addresses_of, checked_url

USER_AGENT = "Longhand (transcription of archives)"
MAX_REDIRECTS = 5
KEPT_OF_AN_ANSWER = 4096  # bytes of what a receiver says to a post
_STALL_SECONDS = 20.0  # without a byte
_CONNECT_SECONDS = 10.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429})  # besides 5xx: the server may answer later
_LONGEST_PAUSE = 24 * 3600.0
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_PIECE = 2**18


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came: the address after all redirects, its content type as sent (lower case, without parameters), its
    bytes' number and SHA-256."""

    url: str
    content_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered to a post: its status, whatever it is, and the first bytes of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def fetch(
    url: str,
    into: Path,
    *,
    max_bytes: int,
    seconds: float,
    accept: str = "*/*",
    plain_http: bool = False,
    progress: Callable[[], None] = lambda: None,
) -> Fetched:
    """Get ``url`` into the file ``into``; nothing is left there where it fails. ``progress`` is called as bytes come.

    Raises BadInput (``wrong-url``, ``no-such-host``, ``address-refused``, ``too-large``, ``not-fetched``,
    ``too-many-redirects``, ``encoded``) for what will not change by itself; NotAnswered, with the pause that the server
    asked for, or ServiceUnavailable for what may.
    """
    try:
        with into.open("wb") as file:
            return _get(url, file.write, progress, max_bytes, seconds, accept, plain_http)
    except BaseException:
        into.unlink(missing_ok=True)
        raise


def fetch_bytes(
    url: str,
    *,
    max_bytes: int,
    seconds: float,
    accept: str = "*/*",
    plain_http: bool = False,
    progress: Callable[[], None] = lambda: None,
) -> tuple[bytes, Fetched]:
    """Get what is small, into memory. Raises as ``fetch``."""
    pieces: list[bytes] = []
    fetched = _get(url, pieces.append, progress, max_bytes, seconds, accept, plain_http)
    return b"".join(pieces), fetched


def post(url: str, *, body: bytes, headers: Mapping[str, str], seconds: float, plain_http: bool = False) -> Answer:
    """Send ``body`` once; redirects are not followed, any status is an answer. Raises as ``fetch``."""
    target = checked_url(url, plain_http=plain_http)
    with _calling(target, "POST", headers, body, seconds) as (answer, call):
        kept = bytearray()
        for piece in answer.iter_stream():
            kept += piece
            if len(kept) >= KEPT_OF_AN_ANSWER:
                break
        call.check_time()
        return Answer(answer.status, _headers(answer), bytes(kept[:KEPT_OF_AN_ANSWER]))


def _get(
    url: str,
    write: Callable[[bytes], object],
    progress: Callable[[], None],
    max_bytes: int,
    seconds: float,
    accept: str,
    plain_http: bool,
) -> Fetched:
    target = checked_url(url, plain_http=plain_http)
    ends = time.monotonic() + seconds
    for _ in range(MAX_REDIRECTS + 1):
        asked = {"Accept": accept, "Accept-Encoding": "identity"}
        with _calling(target, "GET", asked, None, ends - time.monotonic()) as (answer, call):
            headers = _headers(answer)
            if answer.status in _REDIRECTS and "location" in headers:
                target = checked_url(_joined(target, headers["location"]), plain_http=plain_http)
                continue
            _check_status(target, answer.status, headers)
            size, digest = 0, hashlib.sha256()
            _check_size(target, _declared(headers), max_bytes)
            for piece in _decoded(target, answer.iter_stream(), headers.get("content-encoding", "")):
                size += len(piece)
                _check_size(target, size, max_bytes)
                digest.update(piece)
                write(piece)
                progress()
            call.check_time()
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        return Fetched(str(target), content_type, size, digest.hexdigest())
    raise BadInput(f"“{target.host}” sends from one address to another without end.", code="too-many-redirects")


@dataclass(slots=True)
class _Call(httpcore2.NetworkBackend):
    """Connects one call to the addresses that were checked, and hangs up when its time is over, whatever the other side
    does: a byte now and then would keep every other time-out waiting."""

    url: httpx2.URL
    seconds: float
    expired: bool = False
    _line: socket.socket | None = None
    _timer: threading.Timer | None = field(default=None)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        failure: Exception = httpcore2.ConnectError("no address")
        for address in addresses_of(self.url):
            try:
                stream = httpcore2.SyncBackend().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
                continue
            self._line = stream.get_extra_info("socket").dup()  # TLS takes the first away
            self._timer = threading.Timer(max(0.0, self.seconds), self._hang_up)
            self._timer.daemon = True
            self._timer.start()
            return stream
        raise failure

    def _hang_up(self) -> None:
        self.expired = True
        try:
            assert self._line is not None
            self._line.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other side was first

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._line is not None:
            self._line.close()

    def check_time(self) -> None:
        """A connection that we hung up looks like one that ended well."""
        if self.expired:
            raise ServiceUnavailable(f"“{self.url.host}” was too slow; try again later.")


@contextmanager
def _calling(
    url: httpx2.URL, method: str, headers: Mapping[str, str], body: bytes | None, seconds: float
) -> Iterator[tuple[httpcore2.Response, _Call]]:
    call = _Call(url, seconds)
    target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    sent: list[tuple[bytes | str, bytes | str]] = [("Host", url.netloc), ("User-Agent", USER_AGENT), *headers.items()]
    sent += [("Connection", "close"), *([] if body is None else [("Content-Length", str(len(body)))])]
    timeouts = {"connect": min(_CONNECT_SECONDS, seconds), "read": _STALL_SECONDS, "write": _STALL_SECONDS, "pool": 1.0}
    try:
        if seconds <= 0:
            raise ServiceUnavailable(f"“{url.host}” was too slow; try again later.")
        with (
            httpcore2.ConnectionPool(ssl_context=_tls(), network_backend=call) as pool,
            pool.stream(method, target, headers=sent, content=body, extensions={"timeout": timeouts}) as answer,
        ):
            yield answer, call
    except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        call.check_time()
        raise ServiceUnavailable(
            f"“{url.host}” does not answer as it should ({str(error) or type(error).__name__}); try again later."
        ) from error
    finally:
        call.close()


@cache
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context()


def _joined(base: httpx2.URL, location: str) -> str:
    try:
        return str(base.join(location))
    except (httpx2.InvalidURL, UnicodeError, ValueError):
        return location


def _headers(answer: httpcore2.Response) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}


def _declared(headers: Mapping[str, str]) -> int:
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdecimal() and len(length) < 19 else 0


def _check_size(url: httpx2.URL, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise BadInput(f"What “{url.host}” sends is larger than {max_bytes / 2**20:,.0f} MB.", code="too-large")


def _check_status(url: httpx2.URL, status: int, headers: Mapping[str, str]) -> None:
    if 200 <= status < 300:
        return
    if status >= 500 or status in _PASSING:
        raise NotAnswered(
            f"“{url.host}” answers {status} and may be busy; it is tried again later.",
            pause=_pause(headers.get("retry-after", "")),
        )
    if status in {401, 403}:
        raise BadInput(f"“{url.host}” gives {_shown(url)} only to those it knows ({status}).", code="not-fetched")
    raise BadInput(f"“{url.host}” answers {status} for {_shown(url)}: check the address.", code="not-fetched")


def _shown(url: httpx2.URL) -> str:
    path = url.raw_path.decode("ascii", "replace")
    return path if len(path) <= 120 else f"{path[:119]}…"


def _pause(retry_after: str) -> float | None:
    """Seconds that a server asks for, given as a number or as a date."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal() and len(text) < 9:
        return min(_LONGEST_PAUSE, float(text))
    try:
        asked = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(_LONGEST_PAUSE, max(0.0, asked))


def _decoded(url: httpx2.URL, pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The body, unpacked where the server packed it unasked: one layer, a little at a time."""
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        yield from pieces
        return
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise BadInput(f"“{url.host}” sends its answer packed as {encoding[:40]}, which was not asked.", code="encoded")
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        for piece in pieces:
            left = piece
            while left:
                yield unpacker.decompress(left, _PIECE)
                left = unpacker.unconsumed_tail
        yield unpacker.flush()
    except zlib.error:
        unpacker = zlib.decompressobj()
    if not unpacker.eof:
        raise ServiceUnavailable(f"“{url.host}” sent a damaged answer; try again later.")
