"""Why a word reads as it does, as the dialog of the page's screen and of the editor shows it."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from transcription.models import Line, Vote
from transcription.views.access import SignedInRequest, page_or_404, signed_in
from transcription.views.page_text import DOUBTFUL
from transcription.views.word_account import account_of


@require_safe
@signed_in
def word_why(request: SignedInRequest, pk: int, index: int) -> HttpResponse:
    """The account of a word of the line's latest vote. ``?below=`` is the percentage under which the screen marks."""
    line = get_object_or_404(Line.objects.only("page"), pk=pk)
    page = page_or_404(request, line.page_id)
    votes = Vote.objects.filter(line=line, run=page.run_id).select_related("run__profile_version")
    vote = votes.order_by("-stage").first()
    if vote is None or index >= len(vote.words):
        raise Http404(_("The vote on this line has no such word; reload the page."))
    asked = request.GET.get("below", "")
    below = min(100, int(asked)) / 100 if asked.isascii() and asked.isdigit() and len(asked) <= 3 else DOUBTFUL
    return render(request, "transcription/word.html", {"word": account_of(vote, index, below=below)})
