"""Every route of the URL configuration, and the table of what each kind of person is answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.urls import URLPattern, URLResolver, get_resolver

TABLE = Path(__file__).with_name("routes.txt")
PEOPLE = ("anonymous", "revoked", "stranger", "staff", "reviewer", "lead", "admin", "superuser")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Of one's own account, and what describes the API: these answer other methods than GET and POST as one of them.
CARELESS = ("account_", "mfa_", "socialaccount_", "openid_connect_", "api:openapi-")
_OLD = "accounts/social/"  # redirects that allauth keeps for old links; they have no names
_ARGUMENT = re.compile(r"([\w/-]*?)[^\w<(]*(?:<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^)]*\))")


@dataclass(frozen=True, slots=True)
class Route:
    """``arguments``: (name, the path before it), such as ("pk", "review/audits/lines")."""

    name: str
    arguments: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """What each of PEOPLE is answered: a status, or ``login`` for a redirect to the login page."""

    name: str
    method: str
    answers: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name:<42} {self.method:<6} " + " ".join(f"{answer:<9}" for answer in self.answers).rstrip()


def routes() -> dict[str, Route]:
    """Every route by its name with its namespaces; Django's own administration, which has a test of its own, is not
    among them. A route without a name stands under its path and fails, since nothing can reverse it."""
    return {route.name: route for route in _walk(get_resolver().url_patterns, "", "")}


def _walk(patterns: list[URLPattern | URLResolver], space: str, before: str) -> Iterator[Route]:
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            if pattern.namespace != "admin":
                inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
                yield from _walk(pattern.url_patterns, inner, path)
        elif not path.startswith(_OLD):
            arguments = tuple((a or b, noun) for noun, a, b in _ARGUMENT.findall(path))
            yield Route(f"{space}{pattern.name or path}", arguments)


def methods_of(name: str) -> tuple[str, ...]:
    """The methods that are tried on a route."""
    return METHODS[:2] if name.startswith(CARELESS) else METHODS


def table() -> list[Row]:
    lines = (line.split("#")[0].split() for line in TABLE.read_text().splitlines())
    return [Row(words[0], words[1], tuple(words[2:])) for words in lines if words]
