"""The numbers of a trial as its screen shows them: what stands, what was tried, and which is better."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from transcription.steps.trial_comparison import Cost, Figures
from transcription.templatetags.longhand import millionths, percent

LEAST_DIFFERENCE = 0.005  # of a share: less is shown as the same number
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class FigureRow:
    """``verdict`` is "better" or "worse" for the trial, or empty."""

    label: str
    present: str
    tried: str
    verdict: str = ""


def figure_rows(
    present: Figures, tried: Figures, *, counted: int, pages: int, currency: str, comparable: bool
) -> list[FigureRow]:
    """What is known of the two sides; costs are divided by the number of pages. Where their confidence is not
    ``comparable``, nobody says which is better by it."""
    rows = [
        FigureRow(
            _("Words expected to be right"),
            percent(present.confidence),
            percent(tried.confidence),
            _verdict(tried.confidence, present.confidence) if comparable else "",
        ),
        FigureRow(
            _("Unsure words"),
            percent(present.unsure_share),
            percent(tried.unsure_share),
            _verdict(present.unsure_share, tried.unsure_share) if comparable else "",
        ),
    ]
    if counted:
        label = ngettext(
            "Characters wrong, on %(count)d line that a person typed",
            "Characters wrong, on %(count)d lines that people typed",
            counted,
        )
        verdict = _verdict(present.error_rate, tried.error_rate, least=0.0005)
        rows.append(FigureRow(label % {"count": counted}, rate(present.error_rate), rate(tried.error_rate), verdict))
    return [*rows, *_costs(present.cost, tried.cost, max(1, pages), currency)]


def rate(share: float | None) -> str:
    """An error rate in [0, 1] or above it, as per cent with one decimal."""
    return NOTHING if share is None else f"{100 * share:.1f} %"


def _costs(present: Cost | None, tried: Cost | None, pages: int, currency: str) -> Iterator[FigureRow]:
    sides = (present, tried)
    before, after = (
        NOTHING if each is None else _("%(count).1f s") % {"count": each.seconds / pages} for each in sides
    )
    yield FigureRow(_("Time of engines a page"), before, after)
    known = [each for each in sides if each is not None]
    if any(each.tokens for each in known):
        before, after = (NOTHING if each is None else f"{each.tokens / pages:,.0f}" for each in sides)
        yield FigureRow(_("Tokens a page"), before, after)
    if any(each.money for each in known):
        before, after = (NOTHING if each is None else millionths(round(each.money / pages)) for each in sides)
        yield FigureRow(_("Money a page, %(currency)s") % {"currency": currency}, before, after)


def _verdict(good: float | None, bad: float | None, *, least: float = LEAST_DIFFERENCE) -> str:
    """What a trial is whose number, where more is better, is ``good`` against ``bad``."""
    if good is None or bad is None or abs(good - bad) < least:
        return ""
    return "better" if good > bad else "worse"
