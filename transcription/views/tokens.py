"""A user's tokens: make one, which is shown once, see what there are, revoke them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from transcription.forms import TokenForm
from transcription.models import Collection, Scope, Token
from transcription.steps.tokens import Issued, issue_token, revoke_token
from transcription.views.access import SignedInRequest, signed_in

MOST_SHOWN = 200


@require_http_methods(["GET", "POST"])
@signed_in
def tokens(request: SignedInRequest) -> HttpResponse:
    """The new token is in the answer to the form itself: it is nowhere to be read a second time."""
    form = TokenForm(request.POST or None, user=request.user)
    issued: Issued | None = None
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        issued = issue_token(
            user=request.user,
            name=wanted["name"],
            scopes=[Scope(scope) for scope in wanted["scopes"]],
            expires_at=form.expires_at,
            collections=form.chosen,
        )
        form = TokenForm(user=request.user)
    context = {
        "section": "tokens",
        "tab": "tokens",
        "form": form,
        "issued": issued,
        "tokens": Token.objects.filter(user=request.user).prefetch_related("collections")[:MOST_SHOWN],
        "choosable": Collection.objects.visible_to(request.user).exists(),
    }
    answer = render(request, "transcription/tokens.html", context, status=422 if form.errors else 200)
    answer["Cache-Control"] = "no-store"
    return answer


@require_POST
@signed_in
def token_revoke(request: SignedInRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(Token, pk=pk, user=request.user)
    revoke_token(token)
    messages.success(request, _("“%(name)s” is revoked: it opens nothing any more.") % {"name": token.name})
    return redirect("transcription:tokens")
