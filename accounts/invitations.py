"""Invite somebody, and let them in once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Invitation, InvitedRole
from transcription.errors import PermanentError
from transcription.models import Collection, Membership, Role, roles_from
from transcription.models.deed import Verb
from transcription.steps.record_deed import record

KEY_BYTES = 32
LONGEST_DAYS = 60


class NoInvitation(PermanentError):
    code = "no-invitation"


def invite(
    *, inviter: User, roles: Mapping[Collection, Role], email: str = "", days: int = 7
) -> tuple[Invitation, str]:
    """An invitation and its key, which is nowhere else: whoever loses it is invited again."""
    key = secrets.token_urlsafe(KEY_BYTES)
    with transaction.atomic():
        invitation = Invitation.objects.create(
            digest=_digest(key),
            email=email,
            inviter=inviter,
            expires_at=timezone.now() + timedelta(days=min(days, LONGEST_DAYS)),
        )
        for collection, role in roles.items():
            InvitedRole.objects.create(invitation=invitation, collection=collection, role=role)
            record(
                Verb.INVITED,
                about=email or invitation,
                collection=collection,
                actor=inviter,
                details={"role": role.value, "invitation": invitation.pk},
            )
        if not roles:
            record(Verb.INVITED, about=email or invitation, actor=inviter, details={"invitation": invitation.pk})
    return invitation, key


def standing_invitation(key: str) -> Invitation | None:
    """The invitation of a key that can still be used."""
    return Invitation.objects.standing().select_related("inviter").filter(digest=_digest(key)).first()


def withdraw(invitation: Invitation) -> None:
    with transaction.atomic():
        changed = Invitation.objects.standing().filter(pk=invitation.pk).update(withdrawn_at=Now())
        if changed:
            record(Verb.INVITATION_WITHDRAWN, about=invitation, details={"invitation": invitation.pk})


def make_account(*, key: str, username: str, full_name: str, email: str, password: str | None) -> User:
    """A user by an invitation, with its roles. Raises NoInvitation where it was used meanwhile or ran out."""
    with transaction.atomic():
        invitation = _locked(key)
        first, _, last = full_name.strip().rpartition(" ")
        user = User.objects.create_user(username, email=email, password=password, first_name=first, last_name=last)
        if email:
            # Whoever invites says whose address it is; one that was typed by the guest is not vouched for.
            vouched = email.casefold() == invitation.email.casefold()
            EmailAddress.objects.create(user=user, email=email, primary=True, verified=vouched)
        _use(invitation, user)
    return user


def join(*, key: str, user: User) -> None:
    """Give somebody who has an account the roles of an invitation; a higher role that they hold stays."""
    with transaction.atomic():
        _use(_locked(key), user)


def _locked(key: str) -> Invitation:
    invitation = Invitation.objects.standing().select_for_update().filter(digest=_digest(key)).first()
    if invitation is None:
        raise NoInvitation("This invitation was used, was withdrawn or has run out. Ask for another one.")
    return invitation


def _use(invitation: Invitation, user: User) -> None:
    invitation.used_at, invitation.user = timezone.now(), user
    invitation.save(update_fields=["used_at", "user"])
    record(Verb.INVITATION_USED, about=user.get_username(), actor=user, details={"invitation": invitation.pk})
    for invited in invitation.roles.select_related("collection"):
        role = Role(invited.role)
        higher = Membership.objects.filter(user=user, collection=invited.collection, role__in=roles_from(role))
        if not higher.exists():
            Membership.objects.update_or_create(user=user, collection=invited.collection, defaults={"role": role})


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
