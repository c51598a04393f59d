"""Mails about notifications: gathered into one a person, kept until a mail server has taken them.

Two moves, each safe to repeat and to run in several processes. `gather` turns notifications that have waited for some
minutes into a Mail row, in one transaction. `send` takes a row by moving ``not_before`` ahead, talks to the server
outside any transaction, and writes what came of it. A process that dies in between leaves a row that is tried again: a
mail may come twice, with one Message-ID, but none is lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import ngettext

from transcription.models import Mail, MailWish, Notification
from transcription.steps.told import path_of, sentence

logger = logging.getLogger(__name__)

GATHERED_FOR = timedelta(minutes=10)  # of a person's first notification, so that a busy hour is no flood of mails
SENDING = timedelta(minutes=5)  # after which a mail that a process took is anybody's again
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)
MOST_ATTEMPTS = 40  # ten days
MOST_IN_A_MAIL = 50
ABOUT_ONE_MAIL = (SMTPRecipientsRefused, SMTPDataError, ValueError)  # the server is there, and may take the next


def wants_mails(user: User) -> bool:
    return bool(user.email) and not MailWish.objects.filter(user=user, wanted=False).exists()


def gather() -> int:
    """Make mails of the notifications of everybody whose first one has waited long enough; how many."""
    due = Notification.objects.filter(to_mail=True, created_at__lt=Now() - GATHERED_FOR)
    if not settings.MAILS:
        due.update(to_mail=False)  # nobody is mailed weeks later about what they have long seen
        return 0
    people = User.objects.filter(pk__in=due.values("user")).order_by("pk")
    return sum(_gather_for(user) for user in people)


def _gather_for(user: User) -> bool:
    with transaction.atomic():
        waiting = Notification.objects.select_for_update(skip_locked=True, of=("self",)).filter(user=user, to_mail=True)
        found = list(waiting.select_related("actor", "collection", "page__original").order_by("pk"))
        if not found:
            return False
        mail = _written(user, found) if user.is_active and wants_mails(user) else None
        if mail is not None:
            mail.save()
        Notification.objects.filter(pk__in=[each.pk for each in found]).update(to_mail=False, mail=mail)
        return mail is not None


def _written(user: User, about: Sequence[Notification]) -> Mail:
    with translation.override(settings.LANGUAGE_CODE):
        if len(about) == 1:
            subject = sentence(about[0])
        else:
            said = ngettext("%(count)d thing to know", "%(count)d things to know", len(about))
            subject = said % {"count": len(about)}
        context = {
            "user": user,
            "rows": [
                {
                    "sentence": sentence(each),
                    "note": each.details.get("note", ""),
                    "address": settings.ADDRESS + path_of(each),
                }
                for each in about[:MOST_IN_A_MAIL]
            ],
            "more": max(len(about) - MOST_IN_A_MAIL, 0),
            "address": settings.ADDRESS + reverse("transcription:notifications"),
        }
        body = render_to_string("transcription/mail.txt", context)
    subject = " ".join(f"Longhand: {subject}".split())  # a title with a line break must not end the header
    return Mail(user=user, subject=subject[:200], body=body, not_before=Now())


def send(stopping: Callable[[], bool] = lambda: False) -> int:
    """Send what is due, one after the other; how many the server took. Ends at the first that it does not take for
    a reason that would meet the others too."""
    sent = 0
    while settings.MAILS and not stopping():
        mail = _taken()
        if mail is None:
            break
        try:
            _deliver(mail)
        except (SMTPException, OSError, ValueError) as fault:
            wait = min(FIRST_WAIT * 2 ** min(mail.attempts - 1, 20), LONGEST_WAIT)
            said = f"{type(fault).__name__}: {fault}"
            Mail.objects.filter(pk=mail.pk).update(error=said[:400], not_before=Now() + wait)
            logger.warning("Mail %s was not taken at attempt %s, it is tried again: %s", mail.pk, mail.attempts, said)
            if not isinstance(fault, ABOUT_ONE_MAIL):
                break
        else:
            Mail.objects.filter(pk=mail.pk).update(sent_at=Now(), error="")
            sent += 1
    return sent


def _taken() -> Mail | None:
    with transaction.atomic():
        due = Mail.objects.filter(sent_at=None, not_before__lte=Now(), attempts__lt=MOST_ATTEMPTS)
        mail = due.select_for_update(skip_locked=True, of=("self",)).select_related("user").order_by("pk").first()
        if mail is not None:
            mail.attempts += 1
            Mail.objects.filter(pk=mail.pk).update(attempts=mail.attempts, not_before=Now() + SENDING)
        return mail


def _deliver(mail: Mail) -> None:
    """Give the mail to the server. Raises SMTPException, OSError or ValueError where it does not take it."""
    if not mail.user.email:
        raise ValueError("the user has no address")
    host = urlsplit(settings.ADDRESS).hostname or "localhost"
    identity = f"<longhand-{mail.pk}.{mail.created_at.timestamp():.0f}@{host}>"
    headers = {"Message-ID": identity, "Auto-Submitted": "auto-generated"}
    EmailMessage(mail.subject, mail.body, to=[mail.user.email], headers=headers).send()
