"""Invitations: sent by admins, used once by whoever has the link."""

from __future__ import annotations

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.adapters import INVITED
from accounts.forms import AccountForm, InvitationForm
from accounts.invitations import NoInvitation, invite, join, make_account, standing_invitation, withdraw
from accounts.models import Invitation
from transcription.models import Collection, Role
from transcription.views.access import SignedInRequest, signed_in

SHOWN = 100


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def invitation_list(request: SignedInRequest) -> HttpResponse:
    """Past invitations and the form of the next; its link is shown once, on the answer to the form."""
    if not (request.user.is_superuser or Collection.objects.visible_to(request.user, Role.ADMIN).exists()):
        raise Http404
    form = InvitationForm(request.POST or None, inviter=request.user)
    made = link = None
    sent = False
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        made, key = invite(inviter=request.user, roles=form.roles(), email=wanted["email"], days=wanted["days"])
        link = request.build_absolute_uri(reverse("accounts:invitation", args=[key]))
        sent = _send(made, link)
        form = InvitationForm(inviter=request.user)
    invitations = Invitation.objects.visible_to(request.user).select_related("inviter", "user")
    context = {
        "section": "people",
        "tab": "invitations",
        "form": form,
        "link": link,
        "made": made,
        "sent": sent,
        "invitations": invitations.prefetch_related("roles__collection")[:SHOWN],
        "standing": set(Invitation.objects.standing().values_list("pk", flat=True)),
    }
    return render(request, "accounts/invitations.html", context, status=422 if form.errors else 200)


def _send(invitation: Invitation, link: str) -> bool:
    if not (settings.MAILS and invitation.email):
        return False
    text = render_to_string("accounts/invitation_mail.txt", {"invitation": invitation, "link": link})
    return bool(send_mail(_("You are invited to Longhand"), text, None, [invitation.email], fail_silently=True))


@require_POST
@signed_in
def invitation_withdraw(request: SignedInRequest, pk: int) -> HttpResponse:
    withdraw(get_object_or_404(Invitation.objects.visible_to(request.user), pk=pk))
    messages.success(request, _("The link works no more."))
    return redirect("accounts:invitations")


@never_cache
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, key: str) -> HttpResponse:
    """Make an account by a link, or take its roles with the account one has. The link never goes to other sites."""
    found = standing_invitation(key)
    if found is None:
        return render(request, "accounts/invitation_gone.html", status=410)
    try:
        if isinstance(request.user, User) or request.user.is_authenticated:
            return _join(request, found, key)
        return _make(request, found, key)
    except NoInvitation:  # somebody used it between the look and the lock
        return render(request, "accounts/invitation_gone.html", status=410)


def _join(request: HttpRequest, found: Invitation, key: str) -> HttpResponse:
    if request.method == "POST":
        assert isinstance(request.user, User) or request.user.is_authenticated
        join(key=key, user=request.user)
        messages.success(request, _("The collections of the invitation are yours to work in."))
        return redirect("transcription:collections")
    return render(request, "accounts/invitation.html", {"invitation": found, "joining": True})


def _make(request: HttpRequest, found: Invitation, key: str) -> HttpResponse:
    request.session[INVITED] = key  # for whoever comes back from the provider
    form = AccountForm(request.POST or None, initial={"email": found.email})
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        user = make_account(
            key=key,
            username=wanted["username"],
            full_name=wanted["full_name"],
            email=wanted["email"],
            password=wanted["password"],
        )
        request.session.pop(INVITED, None)
        answer: HttpResponse = perform_login(
            request, Login(user=user, redirect_url=reverse("transcription:collections"))
        )
        return answer
    context = {"invitation": found, "form": form, "provider": settings.OIDC_URL and settings.OIDC_NAME}
    return render(request, "accounts/invitation.html", context, status=422 if form.errors else 200)
