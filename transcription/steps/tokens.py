"""Make, recognise and revoke the tokens of programs."""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models.functions import Now

from transcription.errors import LonghandError
from transcription.models import Collection, Scope, Token

MARK = "lh_"
_SHOWN = len(MARK) + 8
LONGEST = 100  # characters; a longer one is none of ours


class TooManyCalls(LonghandError):
    """A token was used more often than is allowed; ``seconds`` is how long to wait."""

    code = "too-many-requests"

    def __init__(self, message: str, *, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token; ``secret`` is shown once and kept nowhere."""

    token: Token
    secret: str


def issue_token(
    *,
    user: User,
    name: str,
    scopes: Sequence[Scope],
    expires_at: datetime | None = None,
    collections: Iterable[Collection] | None = None,
) -> Issued:
    """A token for ``user``; ``collections`` None: all that its user may see, now and later."""
    secret = f"{MARK}{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        token = Token.objects.create(
            user=user,
            name=name,
            prefix=secret[:_SHOWN],
            digest=_digest(secret),
            scopes=[scope.value for scope in Scope if scope in scopes],
            everywhere=collections is None,
            expires_at=expires_at,
        )
        token.collections.set(collections or ())
    return Issued(token, secret)


def revoke_token(token: Token) -> None:
    """From its next call on the token opens nothing; one revoked before keeps its time."""
    Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=Now())


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


# The generic cell rate algorithm, in one statement: every call moves ``spent_until`` on by the even distance between
# calls; one that would carry it further than a burst beyond the present is refused, and moves nothing.
_SPEND = """
UPDATE transcription_token SET last_used_at = clock_timestamp(),
    spent_until = greatest(spent_until, clock_timestamp()) + make_interval(secs => %(distance)s)
WHERE id = %(token)s
  AND coalesce(spent_until, clock_timestamp()) <= clock_timestamp() + make_interval(secs => %(burst)s)
RETURNING id
"""
_WAIT = """
SELECT extract(epoch FROM spent_until - clock_timestamp()) - %(burst)s FROM transcription_token WHERE id = %(token)s
"""


def token_in_use(secret: str) -> Token | None:
    """The token that ``secret`` is, where it opens anything, noted as used; None otherwise.

    Raises TooManyCalls. The counting is in the database, which every call needs anyway: no broker can take it away.
    """
    if not secret.startswith(MARK) or len(secret) > LONGEST:
        return None
    token = Token.objects.usable().select_related("user").filter(digest=_digest(secret)).first()
    if token is None:
        return None
    distance = 60.0 / settings.API_CALLS_PER_MINUTE
    parameters = {"token": token.pk, "distance": distance, "burst": distance * (settings.API_BURST - 1)}
    with connection.cursor() as cursor:
        cursor.execute(_SPEND, parameters)
        if cursor.fetchone() is None:
            cursor.execute(_WAIT, parameters)
            (wait,) = cursor.fetchone() or (1.0,)
            raise TooManyCalls(
                f"This token may be used {settings.API_CALLS_PER_MINUTE} times a minute and {settings.API_BURST} times "
                "in a row. Wait as Retry-After says.",
                seconds=max(1, math.ceil(wait)),
            )
    return token
