"""The API put together: its routers, its errors, and its description, OpenAPI 3.1."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.datastructures import MultiValueDict
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase
from ninja.openapi.schema import OpenAPISchema
from ninja.parser import Parser

from transcription.api import catalogue, exports, jobs, me, pages, uploads, webhooks
from transcription.api.answers import KEY_HEADER
from transcription.api.problems import CONTENT_TYPE, Problem, handle_problems
from transcription.steps.idempotency import LONGEST_KEY

DESCRIPTION = """
Submit documents to be read, follow them, collect and search texts, describe and export collections.

**Tokens.** Every call carries `Authorization: Bearer lh_…`. You make tokens in your browser, under *API tokens*; each
has scopes (`read`, `submit`, `manage`, `export`), may be for certain collections only, and reaches nothing that you
could not see yourself.

**Errors** are problem details (RFC 9457): `code` is stable, `detail` is one sentence.

**Sending again.** A POST may carry an `Idempotency-Key` of yours. Sent again within 24 hours with the same body it gets
the same answer, and nothing is done twice; with another body it is refused (422).

**Lists** go on at their `next`. **Too many calls** are answered 429 with `Retry-After`.

**Webhooks** are signed as the Standard Webhooks specification says, and arrive at least once.
"""
_PROBLEMS = {
    "400": "The request cannot be read",
    "401": "No token, or one that opens nothing",
    "403": "The token or its user may not do that",
    "404": "Not found",
    "409": "Somebody or something else was first",
    "413": "Too large",
    "415": "Wrong media type",
    "422": "The request is not as it should be",
    "429": "Too many calls",
    "500": "Unexpected",
    "503": "Cannot answer now",
    "507": "The disk is full",
}


class StrictParser(Parser):
    """JSON as RFC 8259 has it, neither NaN nor nesting without end; and no parameter that an operation does not know:
    whoever misspells a filter would take everything for what they asked."""

    def parse_body(self, request: HttpRequest) -> Any:
        try:
            return json.loads(request.body, parse_constant=_refuse)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error

    def parse_querydict(
        self, data: MultiValueDict[str, Any], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        if data is not request.FILES:
            known = _parameters(request, "query" if data is request.GET else "form")
            if unknown := sorted(set(data) - known):
                said = f"There is no parameter “{unknown[0][:100]}” here. There are: {', '.join(sorted(known))}."
                raise Problem(422, said, code="unknown-parameter")
        parsed: dict[str, Any] = super().parse_querydict(data, list_fields, request)
        return parsed


def _parameters(request: HttpRequest, kind: str) -> frozenset[str]:
    match = request.resolver_match
    assert match is not None
    path = "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", match.route)
    return _described().get((path, (request.method or "").lower(), kind), frozenset())


@lru_cache(maxsize=1)
def _described() -> dict[tuple[str, str, str], frozenset[str]]:
    """Names of the parameters of every operation, of its query and of its form."""
    found: dict[tuple[str, str, str], frozenset[str]] = {}
    for path, methods in api.get_openapi_schema()["paths"].items():
        for method, operation in methods.items():
            query = [each["name"] for each in operation["parameters"] if each["in"] == "query"]
            form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data", {})
            found[path, method, "query"] = frozenset(query)
            found[path, method, "form"] = frozenset(form.get("schema", {}).get("properties", {}))
    return found


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


class DocsPage(DocsBase):
    """Shows the description; everything it loads comes from this installation."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        shown = {
            "url": self.get_openapi_url(api, kwargs),
            "layout": "BaseLayout",
            "deepLinking": True,
            "validatorUrl": None,  # else it sends the description to a server of its maker
            "persistAuthorization": False,
        }
        return render(request, "transcription/api_docs.html", {"shown": shown, "title": api.title})


class LonghandAPI(NinjaAPI):
    """Adds to the description what holds for every operation: its problems, and the key of what is made."""

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**kwargs)
        schema["components"]["schemas"]["Problem"] = _PROBLEM
        for path, methods in schema["paths"].items():
            for method, operation in methods.items():
                _add_problems(operation, path)
                if method == "post" and not operation.pop("x-no-key", False):
                    operation["parameters"].append(_KEY)
        return schema


_PROBLEM = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "One sentence: what is wrong, and what to do."},
        "code": {"type": "string", "description": "Stable, for programs."},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"where": {"type": "string"}, "message": {"type": "string"}},
                "required": ["where", "message"],
            },
        },
    },
}
_KEY = {
    "in": "header",
    "name": KEY_HEADER,
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"},
    "description": "Your name for this request: sent again with it, nothing is done twice.",
}


def _add_problems(operation: dict[str, Any], path: str) -> None:
    problem = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status, description in _PROBLEMS.items():
        if status == "404" and "{" not in path and "requestBody" not in operation:
            continue
        operation["responses"].setdefault(status, {"description": description, "content": problem})


api = LonghandAPI(
    title="Longhand",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api",
    docs=DocsPage(),
    parser=StrictParser(),
)
handle_problems(api)
for each in (jobs, uploads, catalogue, pages, exports, webhooks, me):
    api.add_router("", each.router)
