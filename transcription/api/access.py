"""Who calls: a token, never a cookie. What it reaches is what its user may see, cut by its scopes and collections."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest
from ninja.security import HttpBearer

from transcription.api.problems import Problem
from transcription.models import Collection, Document, Export, Job, Page, Role, Scope, Token
from transcription.steps.tokens import token_in_use

T = TypeVar("T")
WHOLE_PAGE = ("collection", "document", "original", "layout", "run__profile_version")  # what telling a page needs


class ApiRequest(HttpRequest):
    """A request whose token is known; operations get it from ``Bearer``."""

    auth: Token


class Bearer(HttpBearer):
    """Lets tokens in that have ``scope``; None: any token."""

    def __init__(self, scope: Scope | None = None) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> Token:
        found = token_in_use(token)
        if found is None:
            raise Problem(
                401,
                "This token opens nothing: it is unknown, revoked or expired. Make another one in your browser.",
                code="token-refused",
                headers={"WWW-Authenticate": 'Bearer realm="Longhand", error="invalid_token"'},
            )
        if self.scope is not None and self.scope.value not in found.scopes:
            scope = self.scope.value
            raise Problem(
                403,
                f"This token may not do that: it lacks the scope “{scope}”. It has: {', '.join(found.scopes)}.",
                code="insufficient-scope",
                headers={"WWW-Authenticate": f'Bearer realm="Longhand", error="insufficient_scope", scope="{scope}"'},
            )
        return found


def owner_of(request: ApiRequest) -> User:
    """The person for whom the token acts."""
    user = request.auth.user
    assert isinstance(user, User)
    return user


def collection_for(request: ApiRequest, pk: int, role: Role = Role.STAFF) -> Collection:
    """The collection; 404 where the token does not see it, 403 where its user holds too little of a role in it."""
    found = request.auth.visible_collections().filter(pk=pk).first()
    if found is None:
        raise Http404
    if role != Role.STAFF and not request.auth.visible_collections(role).filter(pk=pk).exists():
        raise Problem(
            403, f"In this collection that takes the role “{role.value}”, which you do not hold.", code="role"
        )
    return found


def document_for(request: ApiRequest, pk: int) -> Document:
    found = Document.objects.filter(pk=pk, collection__in=request.auth.visible_collections())
    return _one(found.select_related("collection").first())


def page_for(request: ApiRequest, pk: int) -> Page:
    pages = Page.objects.filter(pk=pk, collection__in=request.auth.visible_collections())
    return _one(pages.select_related(*WHOLE_PAGE).first())


def job_for(request: ApiRequest, pk: UUID) -> Job:
    return _one(Job.objects.visible_to(request.auth).select_related("collection").filter(pk=pk).first())


def export_for(request: ApiRequest, pk: UUID) -> Export:
    exports = Export.objects.filter(pk=pk, collection__in=request.auth.visible_collections())
    return _one(exports.select_related("collection").first())


def _one(found: T | None) -> T:
    if found is None:
        raise Http404
    return found
