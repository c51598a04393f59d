"""Users, for superusers: who there is, what they may do, and whether they may still come in."""

from __future__ import annotations

from urllib.parse import urlencode

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Count, Exists, OuterRef, Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts import people
from transcription.errors import PermanentError
from transcription.models import Deed
from transcription.models.keyset import Slice, paged
from transcription.views.access import SignedInRequest, signed_in

PAGE_SIZE = 50
DEEDS_SHOWN = 10


@require_GET
@signed_in
def user_list(request: SignedInRequest) -> HttpResponse:
    """Everybody with an account, by name."""
    _superusers_only(request)
    searched = request.GET.get("q", "").strip()
    users = User.objects.annotate(
        collections=Count("memberships"), second_factor=Exists(Authenticator.objects.filter(user=OuterRef("pk")))
    )
    if searched:
        wanted = Q(username__icontains=searched) | Q(email__icontains=searched)
        users = users.filter(wanted | Q(first_name__icontains=searched) | Q(last_name__icontains=searched))
    part: Slice[User] = paged(
        users,
        order=("username", "pk"),
        size=PAGE_SIZE,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
    )
    context = {
        "section": "people",
        "part": part,
        "searched_people": searched,
        "kept_people": urlencode({"q": searched}) if searched else "",
        "tab": "users",
    }
    return render(request, "accounts/users.html", context)


@require_GET
@signed_in
def user_page(request: SignedInRequest, pk: int) -> HttpResponse:
    """One user: roles, second factors, what they did last."""
    _superusers_only(request)
    user = get_object_or_404(User, pk=pk)
    context = {
        "section": "people",
        "person": user,
        "memberships": user.memberships.select_related("collection").order_by("collection__title"),
        "factors": Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.RECOVERY_CODES),
        "waiting": people.wrong_passwords(user),
        "deeds": Deed.objects.filter(actor=user).select_related("collection")[:DEEDS_SHOWN],
        "tab": "users",
    }
    return render(request, "accounts/user.html", context)


@require_POST
@signed_in
def user_control(request: SignedInRequest, pk: int, act: str) -> HttpResponse:
    """Deactivate, activate, make or unmake a superuser, unlock, forget second factors."""
    _superusers_only(request)
    user = get_object_or_404(User, pk=pk)
    name = {"name": user.get_username()}
    try:
        if act in ("deactivate", "activate"):
            people.set_active(user, active=act == "activate")
            said = _("%(name)s can log in again.") if act == "activate" else _("%(name)s can log in no more.")
        elif act in ("promote", "demote"):
            people.set_superuser(user, superuser=act == "promote")
            said = _("%(name)s is a superuser.") if act == "promote" else _("%(name)s is no superuser any more.")
        elif act == "unlock":
            people.unlock(user)
            said = _("%(name)s can try to log in again.")
        else:
            people.forget_factors(user)
            said = _("%(name)s logs in with the password alone, until they add a second factor again.")
        messages.success(request, said % name)
    except PermanentError as refused:
        messages.error(request, refused.message)
    return redirect("accounts:user", user.pk)


def _superusers_only(request: SignedInRequest) -> None:
    if not request.user.is_superuser:
        raise Http404
