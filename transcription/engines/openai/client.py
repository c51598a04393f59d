"""HTTP to one endpoint: what it answered, or how a call failed and whether it may have cost something."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
from pydantic import SecretStr

from transcription.engines.openai.answer import parse_object, storable
from transcription.errors import EngineFailure

MOST_BYTES = 8 * 2**20  # of an answer
LONGEST_PAUSE = 3600.0  # seconds
# Statuses with which servers turn a request away before a model sees it. 503 is among them: "come back later" is said
# by whoever had no place for the request.
REFUSED = frozenset({400, 401, 402, 403, 404, 405, 409, 410, 411, 413, 415, 422, 429, 503})
BUSY = frozenset({429, 503})
OURS = frozenset({401, 402, 403, 404, 405, 410})  # nothing about the item: the operator must act


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came, its headers read and the key struck out."""

    status: int
    body: bytes
    retry_after: float | None


class NotSent(Exception):
    """The endpoint was never reached: the call cost nothing."""


class Lost(Exception):
    """The call was sent and its answer did not come whole: it may have been billed."""


@dataclass(slots=True)
class Pacer:
    """How fast one endpoint may be called from this process; shared by all that call it."""

    resume_at: float = 0.0  # monotonic seconds
    refusals: int = 0  # in a row
    last_success: float = 0.0
    chance: random.Random = field(default_factory=random.Random)

    def remaining(self) -> float:
        """Seconds until the next call may go out."""
        return max(0.0, self.resume_at - time.monotonic())

    def refused(self, retry_after: float | None) -> None:
        """Pause everybody: as long as the endpoint said, else longer each time; with a jitter, so that processes that
        were turned away together do not come back together."""
        self.refusals += 1
        wait = min(30.0, 0.25 * 2.0 ** min(self.refusals, 8)) if retry_after is None else retry_after
        jitter = self.chance.uniform(0.5, 1.0) if retry_after is None else self.chance.uniform(1.0, 1.2)
        self.resume_at = max(self.resume_at, time.monotonic() + wait * jitter)

    def served(self) -> None:
        self.refusals, self.last_success = 0, time.monotonic()


_pacers: dict[str, Pacer] = {}


def pacer_of(url: str) -> Pacer:
    """The one pacer of an address in this process."""
    return _pacers.setdefault(url, Pacer())


class Client:
    """Posts to ``{url}/chat/completions``; safe to call from several threads. Follows no redirect, sends its key to
    ``url`` only, and shows it nowhere."""

    def __init__(
        self, url: str, key: SecretStr, *, concurrency: int, connect: float, read: float, total: float
    ) -> None:
        self._address = f"{url}/chat/completions"
        self._key = key
        self._total = total
        self._http = httpx2.Client(
            timeout=httpx2.Timeout(connect=connect, read=read, write=read, pool=connect),
            # Idle connections are closed before servers do so: a call sent on a closing one would be lost.
            limits=httpx2.Limits(max_connections=concurrency, keepalive_expiry=2.0),
            follow_redirects=False,
            # Not compressed: a small answer that unpacks to gigabytes would be held before its size is known.
            headers={"Accept-Encoding": "identity", "Content-Type": "application/json"},
        )

    def close(self) -> None:
        self._http.close()

    def post(self, body: bytes, number: int) -> Reply:
        """Send one call; ``number`` is its charge's, so that an endpoint's log can be held against the ledger.

        Raises NotSent or Lost, and EngineFailure where no such call can be made at all.
        """
        headers = {"X-Request-Id": f"longhand-{number}"}
        if key := self._key.get_secret_value():
            headers["Authorization"] = f"Bearer {key}"
        ends = time.monotonic() + self._total
        try:
            with self._http.stream("POST", self._address, content=body, headers=headers) as answer:
                received = bytearray()
                for chunk in answer.iter_bytes():
                    received += chunk
                    if len(received) > MOST_BYTES:
                        raise Lost(f"its answer has more than {MOST_BYTES // 2**20} MiB")
                    if time.monotonic() > ends:
                        raise Lost(f"it took more than {self._total:.0f} s to answer")
                wait = _retry_after(answer.headers.get("Retry-After"))
                return Reply(answer.status_code, self._without_key(bytes(received)), wait)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise NotSent(_kind(error)) from None
        except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.InvalidURL) as error:
            raise EngineFailure(f"{self._address} cannot be called: {_kind(error)}.", code="endpoint-address") from None
        except httpx2.TimeoutException:
            raise Lost("it did not answer in time") from None
        except httpx2.HTTPError as error:
            raise Lost(f"the connection broke ({_kind(error)})") from None

    def _without_key(self, body: bytes) -> bytes:
        """Servers quote the key they refuse, and what they say is shown and logged."""
        key = self._key.get_secret_value().encode()
        return body.replace(key, b"[key]") if key else body


def said(reply: Reply) -> str:
    """An error's message as the endpoint put it, shortened; empty where it said nothing readable."""
    try:
        found = parse_object(reply.body)
    except EngineFailure:
        return ""
    error = found.get("error", found.get("message", found.get("detail")))
    message = error.get("message") if isinstance(error, dict) else error
    return " ".join(storable(message).split())[:200] if isinstance(message, str) else ""


def _kind(error: Exception) -> str:
    return type(error).__name__


def _retry_after(value: str | None) -> float | None:
    """Seconds a Retry-After header asks for: a number of them or a date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            then = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = ((then if then.tzinfo else then.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_PAUSE)
