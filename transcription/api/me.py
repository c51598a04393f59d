"""What the token in use may do."""

from __future__ import annotations

from datetime import datetime

from ninja import Field, Router, Schema

from transcription.api.access import ApiRequest, Bearer
from transcription.models import Scope

router = Router(tags=["token"])


class TokenOut(Schema):
    user: str
    name: str
    prefix: str
    scopes: list[str]
    collections: list[int] | None = Field(description="Null: all that its user may see.")
    expires_at: datetime | None


@router.get("/token", auth=Bearer(), response=TokenOut, summary="What this token may do")
def get_token(request: ApiRequest) -> TokenOut:
    token = request.auth
    named = None if token.everywhere else list(token.visible_collections().values_list("pk", flat=True))
    return TokenOut(
        user=token.user.get_username(),
        name=token.name,
        prefix=token.prefix,
        scopes=[scope.value for scope in Scope if scope.value in token.scopes],
        collections=named,
        expires_at=token.expires_at,
    )
