"""The report screens, their tables as files, and the printed summary; for leads."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from review.reporting import people, progress, quality
from review.reporting.report import Report
from review.reporting.scope import OutOfScope, ReportScope, scope_for
from review.reporting.sections import SECTIONS, Section
from review.reporting.sheets import XLSX, as_csv, as_xlsx
from review.reporting.summary import summary_of
from review.reporting.summary_pdf import write_summary
from transcription.models import Audit
from transcription.views.access import SignedInRequest, signed_in


def _scope(request: SignedInRequest) -> ReportScope:
    """What the user leads, narrowed to what they chose; 404 for who leads nothing of it."""
    try:
        return scope_for(
            request.user, collection=request.GET.get("collection", ""), period=request.GET.get("period", "")
        )
    except OutOfScope as error:
        raise Http404 from error


def _section(name: str) -> Section:
    if name not in SECTIONS:
        raise Http404
    return SECTIONS[name]


@require_GET
@signed_in
def overview(request: SignedInRequest, name: str = "progress") -> HttpResponse:
    """One section; the first one also says the most important numbers."""
    section, scope = _section(name), _scope(request)
    chosen = str(scope.chosen.pk) if scope.chosen is not None else ""
    context: dict[str, Any] = {
        "section": "reports",
        "sections": SECTIONS.values(),
        "shown": section,
        "reports": section.build(scope),
        "collections": scope.led,
        "chosen": chosen,
        "collection": scope.chosen,
        "period": scope.period,
        "query": urlencode({"period": scope.period, "collection": chosen}),
    }
    if section.name == "progress":
        context |= _figures(scope)
    if section.name == "quality":
        context["attempts"] = quality.attempts(scope)
    return render(request, "reports/overview.html", context)


def _figures(scope: ReportScope) -> dict[str, Any]:
    unseen = next((each for each in quality.measured(quality.samples(scope)) if each.kind == Audit.Kind.MACHINE), None)
    times = people.Times()
    for each in people.by_mode(people.times(scope.counts)).values():
        times.add(each)
    return {"standing": progress.standing(scope), "unseen": unseen, "times": times}


def _report(scope: ReportScope, section: str, name: str) -> Report:
    found = next((each for each in _section(section).build(scope) if each.name == name), None)
    if found is None:
        raise Http404
    return found


def _file(content: str | bytes, kind: str, name: str) -> HttpResponse:
    answer = HttpResponse(content, content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@require_GET
@signed_in
def table(request: SignedInRequest, section: str, name: str) -> HttpResponse:
    """One report as CSV in UTF-8."""
    scope = _scope(request)
    return _file(
        as_csv(_report(scope, section, name)), "text/csv; charset=utf-8", f"longhand-{name}-{scope.period}.csv"
    )


@require_GET
@signed_in
def sheet(request: SignedInRequest, section: str, name: str) -> HttpResponse:
    """One report as a workbook."""
    scope = _scope(request)
    return _file(as_xlsx([_report(scope, section, name)]), XLSX, f"longhand-{name}-{scope.period}.xlsx")


@require_GET
@signed_in
def workbook(request: SignedInRequest) -> HttpResponse:
    """All reports, a sheet each."""
    scope = _scope(request)
    every = [report for section in SECTIONS.values() for report in section.build(scope)]
    return _file(as_xlsx(every), XLSX, f"longhand-reports-{scope.period}.xlsx")


@require_GET
@signed_in
def summary(request: SignedInRequest) -> HttpResponse:
    """The chosen collection on one printed page."""
    scope = _scope(request)
    if scope.chosen is None:
        raise Http404
    pdf = write_summary(summary_of(scope, at=timezone.localtime()))
    name = slugify(scope.chosen.title) or str(scope.chosen.pk)
    answer = HttpResponse(pdf, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="longhand-{name}.pdf"'
    return answer
