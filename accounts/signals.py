"""Deeds that no view of ours does: Django, allauth and axes say when they happen."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import password_changed, password_reset, password_set
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed
from axes.signals import user_locked_out
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest

from transcription.models import Membership
from transcription.models.deed import Verb
from transcription.steps.record_deed import record


@receiver(user_logged_in)
def _logged_in(user: User, **_: Any) -> None:
    record(Verb.LOGGED_IN, about=user.get_username(), actor=user)


@receiver(user_logged_out)
def _logged_out(user: User | None, **_: Any) -> None:
    if user is not None:
        record(Verb.LOGGED_OUT, about=user.get_username(), actor=user)


@receiver(user_login_failed)
def _login_failed(credentials: dict[str, str], **_: Any) -> None:
    record(Verb.LOGIN_FAILED, about=_known(credentials.get("username") or credentials.get("email") or ""))


@receiver(user_locked_out)
def _locked_out(username: str, **_: Any) -> None:
    record(Verb.LOCKED_OUT, about=_known(username))


def _known(name: str) -> str:
    """A name that is somebody's; what was typed may also be a password in the wrong field."""
    known = User.objects.filter(username__iexact=name).first() or User.objects.filter(email__iexact=name or "-").first()
    return known.get_username() if known else ""


@receiver([password_changed, password_reset, password_set])
def _password(request: HttpRequest, user: User, **_: Any) -> None:
    record(Verb.PASSWORD_CHANGED, about=user.get_username(), actor=user)


@receiver(authentication_failed)
def _factor_failed(user: User, authenticator: Authenticator, **_: Any) -> None:
    record(Verb.LOGIN_FAILED, about=user.get_username(), details={"factor": str(authenticator.type)})


@receiver(post_save, sender=Authenticator)
def _factor_added(instance: Authenticator, created: bool, **_: Any) -> None:
    if created:
        user = instance.user
        record(Verb.SECOND_FACTOR_ADDED, about=user.get_username(), actor=user, details={"kind": str(instance.type)})


@receiver(post_delete, sender=Authenticator)
def _factor_removed(instance: Authenticator, **_: Any) -> None:
    record(Verb.SECOND_FACTOR_REMOVED, about=instance.user.get_username(), details={"kind": str(instance.type)})


@receiver(post_save, sender=Membership)
def _member_set(instance: Membership, **_: Any) -> None:
    record(
        Verb.MEMBER_SET,
        about=instance.user.get_username(),
        collection=instance.collection_id,
        details={"role": str(instance.role)},
    )


@receiver(post_delete, sender=Membership)
def _member_removed(instance: Membership, **_: Any) -> None:
    record(Verb.MEMBER_REMOVED, about=instance.user.get_username(), collection=instance.collection_id)


@receiver(post_save, sender=LogEntry)
def _administered(instance: LogEntry, **_: Any) -> None:
    record(
        Verb.ADMINISTERED,
        about=f"{instance.content_type}: {instance.object_repr}"[:300],
        actor=instance.user,
        details={"change": instance.get_change_message()[:500]},
    )
