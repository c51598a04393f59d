"""Who works on a collection: leads say so, though not who its admins are."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from transcription.forms import MemberForm, is_last_admin
from transcription.models import Collection, Membership, Role
from transcription.views.access import SignedInRequest, collection_or_404, holds, signed_in


@require_http_methods(["GET", "POST"])
@signed_in
def members(request: SignedInRequest, pk: int) -> HttpResponse:
    """The members; posted, adds one or changes the role of one."""
    collection = collection_or_404(request, pk, Role.LEAD)
    if request.method != "POST":
        return _screen(request, collection, MemberForm(collection=collection, initial={"role": Role.REVIEWER}))
    form = MemberForm(request.POST, collection=collection)
    if not form.is_valid():
        return _screen(request, collection, form)
    user, role = form.cleaned_data["username"], Role(form.cleaned_data["role"])
    _refuse_admins(request, collection, role, *collection.memberships.filter(user=user))
    Membership.objects.update_or_create(user=user, collection=collection, defaults={"role": role})
    messages.success(request, _("%(name)s is now %(role)s.") % {"name": user.get_username(), "role": role.label})
    return redirect("transcription:members", collection.pk)


@require_POST
@signed_in
def member_remove(request: SignedInRequest, pk: int, member: int) -> HttpResponse:
    collection = collection_or_404(request, pk, Role.LEAD)
    membership = get_object_or_404(Membership.objects.select_related("user"), pk=member, collection=collection)
    _refuse_admins(request, collection, None, membership)
    if is_last_admin(collection, membership.user):
        messages.error(request, _("A collection needs an admin. Make somebody else admin first."))
    else:
        membership.delete()
        messages.success(
            request, _("%(name)s no longer sees this collection.") % {"name": membership.user.get_username()}
        )
    return redirect("transcription:members", collection.pk)


def _refuse_admins(request: SignedInRequest, collection: Collection, role: Role | None, *held: Membership) -> None:
    """Leads neither make nor unmake admins."""
    concerned = role == Role.ADMIN or any(membership.role == Role.ADMIN for membership in held)
    if concerned and not holds(request, collection, Role.ADMIN):
        raise PermissionDenied


def _screen(request: SignedInRequest, collection: Collection, form: MemberForm) -> HttpResponse:
    administers = holds(request, collection, Role.ADMIN)
    context = {
        "section": "collections",
        "collection": collection,
        "member_form": form,
        "members": collection.memberships.select_related("user").order_by("user__username"),
        "roles": [choice for choice in Role.choices if administers or choice[0] != Role.ADMIN],
        "administers": administers,
    }
    return render(request, "transcription/members.html", context, status=422 if form.errors else 200)
