"""How the editor's script is answered: JSON, with a stable ``code`` and one sentence for people on every refusal."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec

from django import forms
from django.contrib.auth.models import User
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from review.claims import NotInReview, PageHeld
from review.editor import revision_data
from review.layouts import LayoutChanged
from review.stages import NotYours
from transcription.errors import BadInput, Conflict
from transcription.steps.correct import RevisionConflict

P = ParamSpec("P")
Answer = Callable[Concatenate[HttpRequest, P], dict[str, Any]]


def answers_json(view: Answer[P]) -> Callable[Concatenate[HttpRequest, P], JsonResponse]:
    """Make a view of a function that returns what to answer, or raises a Conflict or a form's ValidationError.

    401: signed out · 400: the form's first fault · 409: somebody else's text or lines are current (they come along) ·
    423: the page is held by somebody else, is somebody else's to review, or no longer in review.
    """

    @require_POST
    @wraps(view)
    def answer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> JsonResponse:
        if not request.user.is_authenticated:
            message = _("You were signed out. Your text is kept on this computer.")
            return _refusal(HTTPStatus.UNAUTHORIZED, "signed-out", message)
        try:
            return JsonResponse(view(request, *args, **kwargs))
        except RevisionConflict as conflict:
            current = revision_data(conflict.current)
            return _refusal(HTTPStatus.CONFLICT, conflict.code, conflict.message, current=current)
        except (PageHeld, NotInReview, NotYours) as conflict:
            return _refusal(HTTPStatus.LOCKED, conflict.code, conflict.message)
        except LayoutChanged as conflict:
            return _refusal(HTTPStatus.CONFLICT, conflict.code, conflict.message, layout=conflict.layout)
        except Conflict as conflict:
            return _refusal(HTTPStatus.CONFLICT, conflict.code, conflict.message)
        except BadInput as fault:
            return _refusal(HTTPStatus.BAD_REQUEST, fault.code, fault.message)
        except forms.ValidationError as fault:
            return _refusal(HTTPStatus.BAD_REQUEST, "bad-request", " ".join(fault.messages))

    return answer


def cleaned(form: forms.Form) -> dict[str, Any]:
    """The form's values. Raises ValidationError with all of its faults."""
    if not form.is_valid():
        raise forms.ValidationError([f"{name}: {' '.join(map(str, faults))}" for name, faults in form.errors.items()])
    return form.cleaned_data


def signed_in(request: HttpRequest) -> User:
    """The user of a view that only signed-in people reach."""
    assert isinstance(request.user, User)
    return request.user


def _refusal(status: HTTPStatus, code: str, message: str, **more: Any) -> JsonResponse:
    return JsonResponse({"code": code, "message": message, **more}, status=status)
