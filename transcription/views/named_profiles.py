"""Profiles under a name, for any collection to begin with."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from transcription.errors import BadInput
from transcription.models import Role
from transcription.steps.profile_history import name_profile, remove_profile, shared_profiles
from transcription.views.access import SignedInRequest, collection_or_404, signed_in
from transcription.views.passes import back_to_passes, passes_screen
from transcription.views.posted_passes import PostedPasses


@require_POST
@signed_in
def profile_name(request: SignedInRequest, pk: int) -> HttpResponse:
    """Keep the passes of the form under a name; the collection's own stay what they are."""
    collection = collection_or_404(request, pk, Role.ADMIN)
    posted = PostedPasses.of(request)
    try:
        kept = name_profile(name=request.POST.get("name", ""), choice=posted.choice(), author=request.user)
    except BadInput as error:
        return passes_screen(request, collection, posted=posted, refused=error.message)
    said = _("Kept as “%(name)s”. This collection is read as before until you save.")
    messages.success(request, said % {"name": kept.name})
    return redirect(f"{back_to_passes(request, collection).partition('?')[0]}?profile={kept.pk}")


@require_POST
@signed_in
def profile_remove(request: SignedInRequest, pk: int, profile: int) -> HttpResponse:
    """Forget a named profile; for whoever named it, and superusers."""
    collection = collection_or_404(request, pk, Role.ADMIN)
    unwanted = get_object_or_404(shared_profiles(), pk=profile)
    if unwanted.author_id != request.user.pk and not request.user.is_superuser:
        raise Http404
    remove_profile(unwanted)
    said = _("“%(name)s” is removed. Collections that began with it are read as before.")
    messages.success(request, said % {"name": unwanted.name})
    return redirect("transcription:passes", collection.pk)
