"""What reviewers send: the filter of the queue, the saved line, the end of a page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from review.corrections import Decision
from review.models import Approval, WordDecision
from review.queue import Order, QueueFilter
from transcription.models import Collection, DisplacedText, Role

LONGEST_LINE = 5000  # characters


class SettleForm(forms.Form):
    """What was done with a text that lost its line; ``line`` is the one that it was used on."""

    outcome = forms.ChoiceField(choices=DisplacedText.Outcome)
    line = forms.IntegerField(required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("outcome") == DisplacedText.Outcome.USED and not data.get("line"):
            raise forms.ValidationError(_("Which line was it used on?"))
        return data


class QueueForm(forms.Form):
    """The queue's filter, from the address; what does not fit is ignored rather than refused."""

    collection = forms.ModelChoiceField(
        Collection.objects.none(), required=False, label=_("Collection"), empty_label=_("All collections")
    )
    order = forms.ChoiceField(
        required=False,
        label=_("Order"),
        choices=[(Order.USEFUL, _("most useful first")), (Order.PAGES, _("in page order"))],
    )
    mine = forms.BooleanField(required=False, label=_("only pages I work on"))
    after = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        collection = self.fields["collection"]
        assert isinstance(collection, forms.ModelChoiceField)
        collection.queryset = Collection.objects.visible_to(user, Role.REVIEWER).order_by("title", "pk")
        for name in ("collection", "order"):
            self.fields[name].widget.attrs |= {"class": "input input-small", "data-submit": ""}
        self.fields["mine"].widget.attrs |= {"data-submit": ""}

    @property
    def wanted(self) -> QueueFilter:
        self.is_valid()
        data = self.cleaned_data
        collection = data.get("collection")
        return QueueFilter(
            collection=collection.pk if collection else None,
            mine=bool(data.get("mine")),
            order=Order(data.get("order") or Order.USEFUL),
        )

    @property
    def after_key(self) -> str:
        """The key that the part of the queue begins behind."""
        self.is_valid()
        return str(self.cleaned_data.get("after") or "")


class DecisionsField(forms.JSONField):
    """A list of {word, kind, after}."""

    def clean(self, value: Any) -> list[Decision]:
        rows = super().clean(value) or []
        try:
            decisions = [Decision(int(row["word"]), WordDecision.Kind(row["kind"]), str(row["after"])) for row in rows]
        except (TypeError, KeyError, ValueError) as error:
            raise forms.ValidationError(_("Decisions are a list of word, kind and after.")) from error
        if any(decision.word < 0 for decision in decisions):
            raise forms.ValidationError(_("Words are counted from 0."))
        return decisions


class LineForm(forms.Form):
    text = forms.CharField(required=False, max_length=LONGEST_LINE, strip=False)
    base_revision = forms.IntegerField(min_value=0)
    decisions = DecisionsField(required=False)


class ApprovalForm(forms.Form):
    mode = forms.ChoiceField(choices=Approval.Mode.choices)
    active_seconds = forms.FloatField(min_value=0)
    nothing_to_read = forms.BooleanField(required=False)


class TokenForm(forms.Form):
    token = forms.UUIDField()
