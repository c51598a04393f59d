"""What reviewers send: the filter of the queue, the saved line, the end of a page."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib.auth.models import User
from django.db import models
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from review.assignments import MOST_AT_ONCE, reviewers_of
from review.comments import LONGEST
from review.corrections import Decision
from review.models import Approval, PageReturn, Skip, WordDecision
from review.queue_filter import ME, NOBODY, Order, QueueFilter
from review.reasons import grouped_reasons
from review.stages import name_of
from transcription.htr.languages import language_name
from transcription.models import Collection, DisplacedText, Document, Role

NO_LANGUAGE = "-"  # in the address, of collections that do not say theirs
MOST_LINES = 10_000  # of a page
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
    document = forms.ModelChoiceField(Document.objects.none(), required=False, widget=forms.HiddenInput)
    whose = forms.ChoiceField(required=False, label=_("Whose"))
    reason = forms.ChoiceField(required=False, label=_("Why it waits"))
    language = forms.ChoiceField(required=False, label=_("Language"))
    order = forms.ChoiceField(
        required=False,
        label=_("Order"),
        choices=[(Order.USEFUL, _("most useful first")), (Order.PAGES, _("in page order"))],
    )
    after = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reviewable = Collection.objects.visible_to(user, Role.REVIEWER)
        _choices_of(self.fields["collection"], reviewable.order_by("title", "pk"))
        _choices_of(self.fields["document"], Document.objects.filter(collection__in=reviewable))
        people = reviewers_of(reviewable).exclude(pk=user.pk)
        self._choose("whose", [("", _("everybody’s")), (ME, _("mine")), (NOBODY, _("nobody’s"))])
        self._choose("whose", [(str(each.pk), name_of(each)) for each in people])
        self._choose("reason", [("", _("any reason")), *grouped_reasons()])
        tags = reviewable.order_by("language").values_list("language", flat=True).distinct()
        self._choose("language", [("", _("any language"))])
        self._choose("language", [(tag or NO_LANGUAGE, language_name(tag) if tag else _("not said")) for tag in tags])
        for name in ("collection", "order", "whose", "reason", "language"):
            self.fields[name].widget.attrs |= {"class": "input input-small", "data-submit": ""}

    def _choose(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [*cast("list[Any]", field.choices), *choices]

    @property
    def several_languages(self) -> bool:
        field = self.fields["language"]
        assert isinstance(field, forms.ChoiceField)
        return len(list(cast("list[Any]", field.choices))) > 2

    @property
    def wanted(self) -> QueueFilter:
        self.is_valid()
        data = self.cleaned_data
        collection, document, language = data.get("collection"), data.get("document"), data.get("language")
        return QueueFilter(
            collection=collection.pk if collection else None,
            document=document.pk if document else None,
            whose=data.get("whose") or "",
            reason=data.get("reason") or "",
            language=("" if language == NO_LANGUAGE else language) if language else None,
            order=Order(data.get("order") or Order.USEFUL),
        )

    @property
    def document_shown(self) -> Document | None:
        self.is_valid()
        return self.cleaned_data.get("document")

    @property
    def after_key(self) -> str:
        """The key that the part of the queue begins behind."""
        self.is_valid()
        return str(self.cleaned_data.get("after") or "")


def _choices_of(field: forms.Field, rows: QuerySet[Any]) -> None:
    assert isinstance(field, forms.ModelChoiceField)
    field.queryset = rows


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


class LinesField(forms.JSONField):
    """A list of ids of lines."""

    def clean(self, value: Any) -> list[int] | None:
        rows = super().clean(value)
        if rows is None:
            return None
        if (
            not isinstance(rows, list)
            or not all(type(row) is int and row > 0 for row in rows)
            or len(rows) > MOST_LINES
        ):
            raise forms.ValidationError(_("Lines are a list of their ids."))
        return rows


class ApprovalForm(forms.Form):
    mode = forms.ChoiceField(choices=Approval.Mode.choices)
    active_seconds = forms.FloatField(min_value=0)
    nothing_to_read = forms.BooleanField(required=False)
    read_lines = LinesField(required=False)
    passed_words = forms.IntegerField(required=False, min_value=0, max_value=100_000)


class ReturnForm(forms.Form):
    """An approved page is sent back; whose work it was reads the note."""

    kind = forms.ChoiceField(choices=PageReturn.Kind.choices)
    note = forms.CharField(
        max_length=LONGEST, error_messages={"required": _("Say what is to be changed: the note is what they go by.")}
    )


class SkipForm(forms.Form):
    reason = forms.ChoiceField(required=False, choices=Skip.Reason.choices)
    note = forms.CharField(required=False, max_length=300)

    @property
    def why(self) -> Skip.Reason:
        return Skip.Reason(self.cleaned_data["reason"] or Skip.Reason.LATER)


class CommentForm(forms.Form):
    """``line`` empty: about the page itself."""

    line = forms.IntegerField(required=False, min_value=1)
    text = forms.CharField(max_length=LONGEST, error_messages={"required": _("There is nothing to say yet.")})


class AssignForm(forms.Form):
    """Which pages of the queue a lead gives to whom."""

    class Scope(models.TextChoices):
        CHOSEN = "chosen", _("the chosen pages")
        FIRST = "first", _("the first pages of this list")
        ALL = "all", _("all pages of this list")

    scope = forms.ChoiceField(label=_("Assign"), choices=Scope.choices)
    count = forms.IntegerField(label=_("how many"), required=False, min_value=1, max_value=MOST_AT_ONCE, initial=20)
    to = forms.ChoiceField(label=_("to"))

    def __init__(self, *args: Any, lead: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = reviewers_of(Collection.objects.visible_to(lead, Role.LEAD))
        self.people = {str(person.pk): person for person in people}
        to = self.fields["to"]
        assert isinstance(to, forms.ChoiceField)
        named = [(pk, name_of(person)) for pk, person in self.people.items()]
        to.choices = [("", _("choose…")), *named, (NOBODY, _("nobody (take back)"))]
        for field in self.fields.values():
            field.widget.attrs["class"] = "input input-small"

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("scope") == self.Scope.FIRST and not data.get("count"):
            raise forms.ValidationError(_("Say how many pages."))
        return data

    @property
    def reviewer(self) -> User | None:
        """Whom the pages are for; None: they are nobody's again."""
        return self.people.get(self.cleaned_data["to"])


class TokenForm(forms.Form):
    token = forms.UUIDField()
