"""A program that calls the API, for tests: with a token, and with eyes for what problems look like."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from tests.steps.journey import TEXTS, draw_page
from transcription.models import Collection, Scope
from transcription.steps.tokens import Issued, issue_token

ALL = tuple(Scope)
BASE = "/api/v1"


class Program:
    """Calls with one token; answers are those of Django's test client."""

    def __init__(self, issued: Issued) -> None:
        self.token, self.secret = issued.token, issued.secret
        self._client = Client(raise_request_exception=False)

    def call(self, method: str, path: str, *, key: str = "", **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.secret}"} | ({"Idempotency-Key": key} if key else {})
        address = path if path.startswith("/api/") else f"{BASE}{path}"
        return getattr(self._client, method)(address, headers=headers, **more)

    def get(self, path: str, **query: Any) -> Any:
        return self.call("get", path, data=query)

    def post(self, path: str, body: object = None, *, key: str = "") -> Any:
        return self.call("post", path, key=key, data=json.dumps(body), content_type="application/json")

    def patch(self, path: str, body: object) -> Any:
        return self.call("patch", path, data=json.dumps(body), content_type="application/json")

    def delete(self, path: str) -> Any:
        return self.call("delete", path)

    def send(self, path: str, data: bytes, *, name: str = "scan.png", key: str = "", **fields: Any) -> Any:
        return self.call("post", path, key=key, data={"file": SimpleUploadedFile(name, data)} | fields)

    def submit(self, *texts: str, key: str = "", name: str = "scan.png", **fields: Any) -> Any:
        """Submit a drawn page of ``texts``."""
        return self.send("/transcribe", scan(*texts), name=name, key=key, **fields)


def program(
    user: User, *, scopes: Sequence[Scope] = ALL, collections: Iterable[Collection] | None = None, **more: Any
) -> Program:
    return Program(issue_token(user=user, name="test", scopes=scopes, collections=collections, **more))


def scan(*texts: str) -> bytes:
    file = io.BytesIO()
    draw_page(texts or TEXTS).save(file, "PNG")
    return file.getvalue()


def problem(response: HttpResponse, status: int, code: str) -> dict[str, Any]:
    """The problem that ``response`` is, checked for its form."""
    assert response.status_code == status, response.content[:500]
    assert response["Content-Type"] == "application/problem+json"
    told: dict[str, Any] = json.loads(response.content)
    assert {"type", "title", "status", "detail", "code", "instance"} <= told.keys()
    assert (told["status"], told["code"]) == (status, code), told
    assert told["detail"]
    return told
