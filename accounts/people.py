"""What a superuser does to an account."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet

from transcription.errors import PermanentError
from transcription.models.deed import Verb
from transcription.steps.record_deed import record


class LastSuperuser(PermanentError):
    code = "last-superuser"


def set_active(user: User, *, active: bool) -> None:
    """Let somebody in, or no more: every session ends with the next request. Raises LastSuperuser."""
    with transaction.atomic():
        locked = _locked(user)
        if not active:
            _refuse_last(locked)
        if locked.is_active != active:
            locked.is_active = active
            locked.save(update_fields=["is_active"])
            record(Verb.USER_ACTIVATED if active else Verb.USER_DEACTIVATED, about=locked.get_username())


def set_superuser(user: User, *, superuser: bool) -> None:
    """Superusers see and do everything, Django's administration included. Raises LastSuperuser."""
    with transaction.atomic():
        locked = _locked(user)
        if not superuser:
            _refuse_last(locked)
        if locked.is_superuser != superuser:
            locked.is_superuser = locked.is_staff = superuser
            locked.save(update_fields=["is_superuser", "is_staff"])
            record(Verb.SUPERUSER_SET, about=locked.get_username(), details={"superuser": superuser})


def forget_factors(user: User) -> int:
    """For whoever lost their telephone: the password alone lets them in again, until they add another factor."""
    count: int = Authenticator.objects.filter(user=user).delete()[0]
    return count


def wrong_passwords(user: User) -> int:
    """How many addresses wait because of wrong passwords for this user."""
    waiting: int = _attempts(user).filter(failures_since_start__gte=settings.AXES_FAILURE_LIMIT).count()
    return waiting


def unlock(user: User) -> None:
    with transaction.atomic():
        if _attempts(user).delete()[0]:
            record(Verb.UNLOCKED, about=user.get_username())


def _attempts(user: User) -> QuerySet[AccessAttempt]:
    names = [name.casefold() for name in (user.get_username(), user.email) if name]
    attempts: QuerySet[AccessAttempt] = AccessAttempt.objects.filter(username__in=names)
    return attempts


def _locked(user: User) -> User:
    """Superusers are locked together, so that two of them cannot dismiss each other at once."""
    list(User.objects.select_for_update().filter(Q(is_superuser=True) | Q(pk=user.pk)).order_by("pk"))
    return User.objects.get(pk=user.pk)


def _refuse_last(user: User) -> None:
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    if user.is_superuser and not others.exists():
        raise LastSuperuser("Longhand needs a superuser. Make somebody else one first.")
