"""A hub and a plain web server in one: the routes of the hub's API that huggingface_hub asks, and files with ranges.

``break_after``: the connection is cut after so many bytes of a file, once for each number in it.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "c0ffee" + "0" * 34


@dataclass
class HubServer:
    """``files`` by their names; ``card`` is the card's front matter as the hub parses it."""

    files: dict[str, bytes]
    card: dict[str, Any] = field(default_factory=dict)
    hub_id: str = "archive/small"
    status: int = 200
    break_after: list[int] = field(default_factory=list)
    lie: bytes | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)  # path, Range
    sent: int = 0
    url: str = ""

    def described(self) -> dict[str, Any]:
        return {
            "_id": "1",
            "id": self.hub_id,
            "sha": COMMIT,
            "private": False,
            "tags": [f"license:{self.card['license']}"] if "license" in self.card else [],
            "cardData": self.card,
            "siblings": [self._sibling(name, content) for name, content in self.files.items()],
        }

    def _sibling(self, name: str, content: bytes) -> dict[str, Any]:
        if name.endswith((".safetensors", ".gguf", ".bin")):
            sha256 = hashlib.sha256(content).hexdigest()
            lfs = {"sha256": sha256, "size": len(content), "pointerSize": 130}
            return {"rfilename": name, "size": len(content), "blobId": "0" * 40, "lfs": lfs}
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        return {"rfilename": name, "size": len(content), "blobId": blob}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer

    def do_GET(self) -> None:
        hub = self.hub
        path = self.path.partition("?")[0]
        hub.requests.append((path, self.headers.get("Range", "")))
        api = re.fullmatch(rf"/api/models/{hub.hub_id}(/revision/(?P<revision>[^/]+))?", path)
        if api:
            known = api["revision"] in (None, "main", COMMIT)
            self._answer_json(hub.described() if known else {"error": "Invalid rev id"}, 200 if known else 404, known)
            return
        name = path.removeprefix(f"/{hub.hub_id}/resolve/{COMMIT}/").removeprefix("/plain/")
        if path.startswith("/api/") or name not in hub.files:
            self._answer_json({"error": "Repository not found"}, 404, True, "RepoNotFound")
            return
        self._send_file(hub.files[name] if hub.lie is None else hub.lie)

    def _answer_json(self, body: object, status: int, known: bool, error: str = "") -> None:
        raw = json.dumps(body).encode()
        self.send_response(self.hub.status if status == 200 else status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        if error or not known:
            self.send_header("X-Error-Code", error or "RevisionNotFound")
        self.end_headers()
        self.wfile.write(raw)

    def _send_file(self, content: bytes) -> None:
        etag = f'"{hashlib.md5(content).hexdigest()}"'
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        begins = int(wanted[1]) if wanted and self.headers.get("If-Range") == etag else 0
        part = content[begins:]
        self.send_response(206 if begins else 200)
        if begins:
            self.send_header("Content-Range", f"bytes {begins}-{len(content) - 1}/{len(content)}")
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        cut = self.hub.break_after.pop(0) if self.hub.break_after else None
        self.wfile.write(part[:cut])
        self.hub.sent += len(part[:cut])
        if cut is not None:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(hub: HubServer) -> Iterator[HubServer]:
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield hub
        server.shutdown()
