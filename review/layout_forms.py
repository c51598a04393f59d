"""What the screen of a page's lines sends: one operation, and the layout version it is based on."""

from __future__ import annotations

from typing import Any

import pydantic
from django import forms
from django.utils.translation import gettext_lazy as _

from transcription.steps.layout_operations import Operation

_OPERATION: pydantic.TypeAdapter[Operation] = pydantic.TypeAdapter(Operation)
MOST_CHARACTERS = 200_000


class OperationField(forms.CharField):
    """An operation as JSON."""

    def clean(self, value: Any) -> Operation:
        text = super().clean(value)
        try:
            return _OPERATION.validate_json(text)
        except pydantic.ValidationError as error:
            fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(str(part) for part in fault["loc"]) or "operation"
            raise forms.ValidationError(
                _("The change was not understood (%(where)s: %(fault)s). Nothing was changed."),
                params={"where": where, "fault": fault["msg"]},
            ) from error


class VersionForm(forms.Form):
    version = forms.IntegerField(min_value=0)


class BackForm(VersionForm):
    """``sure``: also where words that a person typed lose their line."""

    sure = forms.BooleanField(required=False)


class ChangeForm(VersionForm):
    operation = OperationField(max_length=MOST_CHARACTERS)
