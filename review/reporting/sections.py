"""The sections of the report screen, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise as Lazy
from django.utils.translation import gettext_lazy as _

from review.reporting import costs, health, passes, people, progress, quality
from review.reporting.report import Report
from review.reporting.scope import ReportScope


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    title: str | Lazy
    build: Callable[[ReportScope], list[Report]]


SECTIONS = {
    section.name: section
    for section in (
        Section("progress", _("Progress"), progress.build),
        Section("quality", _("Quality"), quality.build),
        Section("passes", _("Engines and passes"), passes.build),
        Section("review", _("Review"), people.build),
        Section("costs", _("Costs"), costs.build),
        Section("health", _("Failures and workers"), health.build),
    )
}
