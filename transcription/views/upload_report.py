"""What became of uploaded files, kept in the session until it is shown once, where the upload leads to."""

from __future__ import annotations

from typing import Any

from transcription.models import Collection
from transcription.views.access import SignedInRequest


def take_report(request: SignedInRequest, key: str, collection: Collection) -> dict[str, Any] | None:
    """The report on ``collection`` kept under ``key``, which is then forgotten; None when there is none to show."""
    report: dict[str, Any] | None = request.session.get(key)
    if report is None or request.method != "GET" or report["collection"] != collection.pk:
        return None
    del request.session[key]
    return report
