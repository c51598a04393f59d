"""An endpoint for tests: speaks OpenAI's chat completions over real HTTP, counts what it serves by itself, and fails on
purpose. Run in this process (`FakeEndpoint.started`) or as one of its own (``python -m tests.fake_endpoint``).

What each call meets is either the next of ``script`` or drawn by ``chances``:

    ok, slow              served and counted
    no-usage, garbage     served and counted, but the answer does not say so
    drop, late-error      served and counted; then the connection breaks, or the answer is HTTP 500
    busy, unavailable     HTTP 429 with Retry-After, HTTP 503: not served
    error, refuse:<code>  HTTP 500 that costs nothing; any other status, not served
    no-logprobs           HTTP 400 where probabilities are asked for
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import struct
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

SERVED = {"ok", "slow", "no-usage", "garbage", "drop", "late-error"}
PIXELS_A_TOKEN = 28 * 28


@dataclass(slots=True)
class FakeEndpoint:
    """Its own truth: what was asked, in order, and how many tokens each request cost."""

    text: str = "the old rector"
    script: list[str] = field(default_factory=list)
    chances: dict[str, float] = field(default_factory=dict)
    retry_after: str = "0.05"
    slow_seconds: float = 0.3
    probability: float = 0.9  # of every token
    finish: str = "stop"
    surcharge: int = 0  # tokens counted beyond what the request holds
    looks: bool = False  # at the image: another text for another picture
    requests: list[dict[str, Any]] = field(default_factory=list)  # bodies; kept only in this process
    headers: list[dict[str, str]] = field(default_factory=list)
    met: list[str] = field(default_factory=list)
    counted: dict[str, tuple[int, int]] = field(default_factory=dict)  # by X-Request-Id
    tokens: int = 0
    at_once: int = 0
    most_at_once: int = 0
    port: int = 0
    keep: bool = True
    _chance: random.Random = field(default_factory=lambda: random.Random(5))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @contextmanager
    def started(self) -> Iterator[FakeEndpoint]:
        """Serve from a thread of this process."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        server = asyncio.run_coroutine_threadsafe(self._listen(), loop).result()  # the caller's thread may have a loop
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(self._stop, loop, server)
            thread.join()
            loop.close()

    def _stop(self, loop: asyncio.AbstractEventLoop, server: asyncio.Server) -> None:
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.call_later(0.05, loop.stop)

    async def _listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {n.lower(): v for n, _, v in (line.partition(": ") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                if head[0].startswith("GET /counts"):
                    self._send(writer, 200, json.dumps(self.counts()).encode())
                    continue
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                try:
                    goes_on = await self._answer(writer, head[0], headers, body)
                finally:
                    self.at_once -= 1
                if not goes_on:
                    break
        writer.close()

    def counts(self) -> dict[str, Any]:
        met = {kind: self.met.count(kind) for kind in set(self.met)}
        return {"tokens": self.tokens, "counted": self.counted, "calls": len(self.met), "met": met}

    async def _answer(self, writer: asyncio.StreamWriter, line: str, headers: dict[str, str], raw: bytes) -> bool:
        """Answer one call; False where the connection ends with it."""
        body = json.loads(raw)
        if self.keep:
            self.requests.append(body)
            self.headers.append(headers)
        if not line.startswith("POST /v1/chat/completions"):
            self._send(writer, 404, b'{"error": {"message": "no such place"}}')
            return True
        how = self._drawn()
        if how == "no-logprobs":
            how = "refuse:400" if "logprobs" in body else "ok"
        self.met.append(how)
        if how == "busy":
            self._send(writer, 429, b'{"error": {"message": "slow down"}}', f"Retry-After: {self.retry_after}\r\n")
        elif how == "unavailable":
            self._send(writer, 503, b"loading")
        elif how == "error":
            self._send(writer, 500, b'{"error": {"message": "out of luck"}}')
        elif how.startswith("refuse:"):
            said = {"error": {"message": f"logprobs: not for you, {headers.get('authorization', '')}"}}
            self._send(writer, int(how[7:]), json.dumps(said).encode(), "Location: http://127.0.0.1:1/\r\n")
        else:
            return await self._serve_model(writer, how, headers, body)
        return True

    def _drawn(self) -> str:
        if self.script:
            return self.script.pop(0)
        drawn = self._chance.random()
        for how, chance in self.chances.items():
            drawn -= chance
            if drawn < 0:
                return how
        return "ok"

    async def _serve_model(
        self, writer: asyncio.StreamWriter, how: str, headers: dict[str, str], body: dict[str, Any]
    ) -> bool:
        assert how in SERVED, how
        usage = self._count(body)
        self.counted[headers.get("x-request-id", str(len(self.counted)))] = usage
        self.tokens += sum(usage)
        if how == "slow":
            await asyncio.sleep(self.slow_seconds)
        if how == "drop":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
            with suppress(ConnectionError):
                await writer.drain()
            return False
        if how == "garbage":
            self._send(writer, 200, b"\xff<html>" * 20)
        elif how == "late-error":
            self._send(writer, 500, b'{"error": {"message": "out of memory"}}')
        else:
            self._send(writer, 200, json.dumps(self._completion(body, usage, how != "no-usage")).encode())
        return True

    def _count(self, body: dict[str, Any]) -> tuple[int, int]:
        [message] = body["messages"]
        text, image = message["content"]
        width, height = image_size(image["image_url"]["url"])
        came_in = len(text["text"].split()) + 8 + width * height // PIXELS_A_TOKEN + self.surcharge
        most = body.get("max_tokens", body.get("max_completion_tokens"))
        return came_in, min(len(self._text(body)) + 1, most)

    def _text(self, body: dict[str, Any]) -> str:
        image = body["messages"][0]["content"][1]["image_url"]["url"]
        return f"{self.text} {zlib.crc32(image.encode())}" if self.looks else self.text

    def _completion(self, body: dict[str, Any], usage: tuple[int, int], says_usage: bool) -> dict[str, Any]:
        import math

        text = self._text(body)
        choice: dict[str, Any] = {
            "message": {"role": "assistant", "content": text},
            "finish_reason": "length" if len(text) + 1 > usage[1] else self.finish,
        }
        if body.get("logprobs"):
            value = math.log(self.probability)
            tokens = [{"token": char, "logprob": value, "bytes": list(char.encode())} for char in text]
            choice["logprobs"] = {"content": tokens}
        made: dict[str, Any] = {"object": "chat.completion", "choices": [choice]}
        if says_usage:
            came_in, out = usage
            made["usage"] = {"prompt_tokens": came_in, "completion_tokens": out, "total_tokens": came_in + out}
        return made

    def _send(self, writer: asyncio.StreamWriter, status: int, body: bytes, more: str = "") -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        writer.write(head.encode() + body)


def image_size(address: str) -> tuple[int, int]:
    """(width, height) of a data URI's image: of a PNG by its header, of a JPEG by decoding it."""
    kind, _, data = address.partition(";base64,")
    if kind == "data:image/png":
        width, height = struct.unpack(">II", base64.b64decode(data[:64])[16:24])
        return width, height
    import cv2
    import numpy as np

    assert kind == "data:image/jpeg", kind
    height, width = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), 0).shape
    return width, height


async def _run(options: dict[str, Any]) -> None:
    endpoint = FakeEndpoint(keep=False, **options)
    server = await endpoint._listen()
    print(endpoint.port, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_run(json.loads(sys.argv[1])))
