"""Why a page waits for a person, in words: the machine's reasons and those of people."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from review.queue_filter import Waits
from transcription.models.route import REASONS

OF_PEOPLE: dict[str, str | Promise] = {
    Waits.RETURNED: _("changes requested"),
    Waits.SECOND: _("second review"),
    Waits.REJECTED: _("review rejected"),
    Waits.COMMENTS: _("open comments"),
    Waits.SKIPPED: _("skipped"),
    Waits.PERSON: _("taken into review by a person"),
}


def grouped_reasons() -> list[tuple[str, list[tuple[str, str]]]]:
    """All reasons as the choices of a form."""
    return [
        (str(_("of people")), [(code, str(label)) for code, label in OF_PEOPLE.items()]),
        (str(_("of the machine")), [(code, str(label)) for code, label in REASONS.items()]),
    ]
