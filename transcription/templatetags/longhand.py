"""Template tags that every screen uses: icons, numbers as people say them, the count of pages that wait for review."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from transcription.models import Collection, Page, Role
from transcription.steps.notify import unread

register = template.Library()

MINUTE = 60
HOUR = 3600
DAY = 86_400
MOST_COUNTED = 999  # more is not read anyway, and counting them would cost every request


@register.simple_tag
def icon(name: str) -> SafeString:
    """The icon of this name from static/img/icons.svg; decorative, so the text beside it must say what it means."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', static("img/icons.svg"), name
    )


@register.simple_tag(takes_context=True)
def review_count(context: dict[str, Any]) -> int:
    """Pages that wait for review and that this user may review, counted up to a thousand."""
    user: AbstractBaseUser | AnonymousUser | None = context.get("user")
    if user is None or not user.is_authenticated:
        return 0
    waiting = Page.objects.visible_to(user, Role.REVIEWER).awaiting_review().order_by()
    return waiting.values("pk")[: MOST_COUNTED + 1].count()


@register.simple_tag(takes_context=True)
def unread_count(context: dict[str, Any]) -> int:
    """Notifications that this user has not read, counted up to a thousand."""
    user = context.get("user")
    if user is None or not user.is_authenticated:
        return 0
    return unread(user).order_by().values("pk")[: MOST_COUNTED + 1].count()


@register.simple_tag(takes_context=True)
def holds_role(context: dict[str, Any], role: str) -> bool:
    """Whether this user holds ``role`` (or one that includes it) in any collection."""
    user = context.get("user")
    return bool(user and user.is_authenticated and Collection.objects.visible_to(user, Role(role)).exists())


@register.filter
def middle(text: str, length: int) -> str:
    """``text`` in at most ``length`` characters, its middle left out: scans differ at the end of their names."""
    if len(text) <= length:
        return text
    end = (length - 1) // 2
    return f"{text[: length - 1 - end].rstrip()}…{text[-end:].lstrip()}"


@register.filter
def percent(share: float | None) -> str:
    """A share in [0, 1] as whole per cent; never 100 % unless it is all of it."""
    if share is None:
        return "–"
    return f"{min(round(share * 100), 99) if share < 1 else 100} %"


@register.filter
def wrong_characters(rate: float | None) -> str:
    """An error rate as people count: “3 wrong characters in 100”."""
    if rate is None:
        return ""
    count = round(rate * 100)
    if count < 1:
        return _("under 1 wrong character in 100")
    said = ngettext("%(count)d wrong character in 100", "%(count)d wrong characters in 100", count)
    return said % {"count": count}


@register.filter
def coordinate(number: float) -> str:
    """A number as SVG reads it, whatever the language of the page."""
    return f"{number:g}"


@register.filter
def below(height: float, floor: float) -> str:
    """Where something of this height begins that stands on ``floor``, as SVG reads it."""
    return coordinate(floor - height)


@register.filter
def millionths(amount: int) -> str:
    """Money in millionths as units with two decimals; what is less than a hundredth keeps four."""
    units = amount / 1_000_000
    return f"{units:,.4f}" if 0 < units < 0.01 else f"{units:,.2f}"


@register.filter
def ratio(part: float, whole: float) -> str:
    """``part`` of ``whole`` as a CSS percentage."""
    return f"{100 * part / whole:.2f}%" if whole else "0%"


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds as people say them: "40 s", "32 min", "3 h 10 min", "2 d"."""
    if seconds is None:
        return ""
    if seconds < MINUTE:
        return _("%(count)d s") % {"count": round(seconds)}
    if seconds < HOUR:
        return _("%(count)d min") % {"count": round(seconds / MINUTE)}
    if seconds < DAY:
        minutes = round(seconds / MINUTE)
        return _("%(hours)d h %(minutes)d min") % {"hours": minutes // 60, "minutes": minutes % 60}
    days = round(seconds / DAY)
    return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}


@register.filter
def initials(user: AbstractBaseUser) -> str:
    """Two letters that stand for a user."""
    name = str(getattr(user, "get_full_name", lambda: "")() or user.get_username())
    parts = name.replace(".", " ").replace("_", " ").split()
    return (parts[0][:1] + parts[-1][:1] if len(parts) > 1 else name[:2]).upper()
