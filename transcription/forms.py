"""Forms of the browser. They check what a person typed; steps write it."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.validators import MinValueValidator
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from transcription.errors import BadInput
from transcription.formats.file_names import DEFAULT, LONGEST, check_template
from transcription.formats.word_list import LONGEST_NOTE, LONGEST_TERM, BadTerm, tidy_note, tidy_term
from transcription.htr.languages import COMMON, language_name, language_tag
from transcription.models import Collection, Document, Export, Membership, Role, Scope, TermKind, UploadLimit
from transcription.steps.export_formats import listed_formats


class AccessibleForm(forms.BaseForm):
    """Ties each field to its error and help texts, so that screen readers say them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fill_in()
        for name, field in self.fields.items():
            described = [f"{name}-help"] if field.help_text else []
            if self.is_bound and name in self.errors:
                field.widget.attrs["aria-invalid"] = "true"
                described.append(f"{name}-error")
            if described:
                field.widget.attrs["aria-describedby"] = " ".join(described)

    def fill_in(self) -> None:
        """Give fields what depends on who asks, such as their choices; before anything is checked."""


class CollectionForm(AccessibleForm, forms.ModelForm[Collection]):
    """What a catalogue knows about a collection, and what its reviewers should know."""

    class Meta:
        model = Collection
        fields = [
            *("title", "identifier", "dates", "creator", "language", "rights"),
            *("guidelines", "characters", "threshold", "spreads", "second_review", "name_reviewers"),
        ]
        help_texts = {
            "language": _(
                "a name or a code, such as English or en; English and French have language models of their own, "
                "others are read with the generic one"
            )
        }
        widgets = {
            "language": forms.TextInput(attrs={"list": "languages", "autocomplete": "off"}),
            "guidelines": forms.Textarea(attrs={"rows": 6}),
            "threshold": forms.NumberInput(attrs={"min": 0, "max": 1, "step": 0.05}),
        }

    # Not required: who does not say keeps what is chosen.
    spreads = forms.ChoiceField(label=_("two-page spreads"), choices=Collection.Spreads.choices, required=False)

    name_reviewers = forms.TypedChoiceField(
        label=_("reviewers in reports"),
        choices=[("True", _("leads see who reviewed how much")), ("False", _("everybody sees their own times only"))],
        coerce=lambda said: said == "True",
        empty_value=None,
        required=False,
    )

    languages = [(tag, language_name(tag)) for tag in COMMON]  # offered while typing

    def clean_title(self) -> str:
        title = " ".join(str(self.cleaned_data["title"]).split())
        if not title:
            raise forms.ValidationError(_("Give the collection a title."))
        return title

    def clean_name_reviewers(self) -> bool:
        """Not asked of a new collection, and left as it is where nothing was said."""
        said: bool | None = self.cleaned_data["name_reviewers"]
        return self.instance.name_reviewers if said is None else said

    def clean_language(self) -> str:
        """The BCP-47 tag: language models, exports and browsers know languages by it only."""
        typed = str(self.cleaned_data["language"]).strip()
        tag = language_tag(typed)
        if typed and not tag:
            raise forms.ValidationError(
                _(
                    "“%(typed)s” is no language known here. Write one language, as a code (en, fr, frm, de-AT) or by "
                    "its name in English, in French or in the language itself; leave it empty where several are mixed."
                ),
                params={"typed": typed},
            )
        return tag


class PromiseForm(AccessibleForm, forms.Form):
    """What a collection promises of text that is accepted unseen, and how many pages are audited for it; in percent."""

    promised = forms.DecimalField(
        label=_("promised error rate, %"),
        required=False,
        min_value=Decimal("0.1"),
        max_value=50,
        decimal_places=1,
        help_text=_("characters of a hundred that may be wrong in text accepted unseen; empty: nothing is promised"),
    )
    audited = forms.DecimalField(
        label=_("pages audited, %"),
        min_value=0,
        max_value=100,
        decimal_places=1,
        help_text=_("drawn at random among pages accepted unseen and approved ones, larger pages more often"),
    )

    def __init__(self, data: Any = None, *, collection: Collection) -> None:
        promised = collection.promised_error
        shown = {
            "promised": None if promised is None else round(100 * promised, 1),
            "audited": round(100 * collection.audit_rate, 1),
        }
        super().__init__(data, initial=shown)

    @property
    def error(self) -> float | None:
        """The promised rate, 0 to 1."""
        promised = self.cleaned_data["promised"]
        return None if promised is None else float(promised) / 100

    @property
    def rate(self) -> float:
        """The audited share, 0 to 1."""
        return float(self.cleaned_data["audited"]) / 100


class MemberForm(AccessibleForm, forms.Form):
    """A user by name and their role in one collection."""

    username = forms.CharField(label=_("user name"), max_length=150)
    role = forms.ChoiceField(label=_("role"), choices=Role.choices)

    def __init__(self, *args: Any, collection: Collection, **kwargs: Any) -> None:
        self.collection = collection
        super().__init__(*args, **kwargs)

    def clean_username(self) -> User:
        name = self.cleaned_data["username"].strip()
        try:
            return User.objects.get(username=name, is_active=True)
        except User.DoesNotExist:
            raise forms.ValidationError(
                _("There is no user “%(name)s”. Ask your administrator to create the account first."),
                params={"name": name},
            ) from None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        user, role = cleaned.get("username"), cleaned.get("role")
        if user and role != Role.ADMIN and is_last_admin(self.collection, user):
            raise forms.ValidationError(_("A collection needs an admin. Make somebody else admin first."))
        return cleaned


class LimitForm(AccessibleForm, forms.ModelForm[UploadLimit]):
    """What members of one role may bring into a collection; empty: what the installation allows."""

    class Meta:
        model = UploadLimit
        fields = ["file_mb", "document_pages", "megapixels", "archive_entries", "archive_mb"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs |= {"class": "input input-small num", "min": 1}
            field.validators.append(MinValueValidator(1))


class TakedownForm(AccessibleForm, forms.Form):
    """Why a page, or its whole document, is taken down."""

    reason = forms.CharField(label=_("reason"), max_length=1000)
    whole = forms.BooleanField(label=_("the whole document"), required=False)


class ExportForm(AccessibleForm, forms.Form):
    """What to export. Everything but the format may be left as it is offered."""

    format = forms.ChoiceField(
        label=_("format"),
        choices=lambda: [(code, each.label) for code, each in listed_formats().items()],
        error_messages={"invalid_choice": _("Choose one of the formats.")},
    )
    scope = forms.ChoiceField(label=_("pages"), choices=Export.Scope.choices, initial=Export.Scope.ALL)
    document = forms.ModelChoiceField(
        label=_("documents"), queryset=Document.objects.none(), required=False, empty_label=_("all of them")
    )
    spelling = forms.ChoiceField(
        label=_("spelling"),
        required=False,
        choices=[
            ("diplomatic", _("as it is written, with the marks of transcription")),
            ("normalised", _("made plain: ſ as s, no marks, no hyphens at line ends")),
        ],
    )
    names = forms.CharField(
        label=_("file names"),
        max_length=LONGEST,
        required=False,
        initial=DEFAULT,
        help_text=_(
            "folders with /; {identifier} {document} {collection} {reference} {page:04} {original} {number} {id}"
        ),
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
    )
    base = forms.URLField(
        label=_("address on the web"),
        max_length=300,
        required=False,
        assume_scheme="https",
        help_text=_("where you will put the files: manifests name themselves by it"),
        widget=forms.URLInput(attrs={"placeholder": "https://example.org/letters"}),
    )

    def __init__(self, *args: Any, collection: Collection, **kwargs: Any) -> None:
        # Before the form is built: building it checks what was sent.
        self.base_fields = copy.deepcopy(self.base_fields)  # type: ignore[misc]
        documents = self.base_fields["document"]
        assert isinstance(documents, forms.ModelChoiceField)
        documents.queryset = collection.documents.all()
        super().__init__(*args, **kwargs)

    def clean_names(self) -> str:
        try:
            return check_template(self.cleaned_data["names"])
        except BadInput as bad:
            raise forms.ValidationError(bad.message) from None


class TermForm(AccessibleForm, forms.Form):
    """One term of a vocabulary."""

    text = forms.CharField(
        label=_("word"), max_length=LONGEST_TERM, help_text=_("as it is written; it may be several words")
    )
    kind = forms.ChoiceField(label=_("kind"), choices=TermKind.choices, initial=TermKind.NAME)
    note = forms.CharField(label=_("note"), max_length=LONGEST_NOTE, required=False)

    def clean_text(self) -> str:
        try:
            return tidy_term(self.cleaned_data["text"])
        except BadTerm as bad:
            raise forms.ValidationError(bad.message) from None

    def clean_note(self) -> str:
        return tidy_note(self.cleaned_data["note"])


def is_last_admin(collection: Collection, user: User) -> bool:
    """Whether ``collection`` would be left without an admin if ``user`` were not one."""
    admins = Membership.objects.filter(collection=collection, role=Role.ADMIN)
    return admins.filter(user=user).exists() and not admins.exclude(user=user).exists()


MOST_BUDGET = 10**12  # tokens, or units of the currency


class BudgetForm(AccessibleForm, forms.Form):
    """The caps of one collection or endpoint, by hour, by day and in all; an empty field is no cap. Money is in whole
    units of the currency here."""

    hour_tokens = forms.IntegerField(label=_("tokens an hour"), min_value=0, required=False)
    hour_money = forms.DecimalField(label=_("money an hour"), min_value=0, decimal_places=6, required=False)
    day_tokens = forms.IntegerField(label=_("tokens a day"), min_value=0, required=False)
    day_money = forms.DecimalField(label=_("money a day"), min_value=0, decimal_places=6, required=False)
    total_tokens = forms.IntegerField(label=_("tokens in all"), min_value=0, required=False)
    total_money = forms.DecimalField(label=_("money in all"), min_value=0, decimal_places=6, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = "input input-small num"

    def clean(self) -> dict[str, Any]:
        """Numbers beyond what the ledger can hold are slips of the hand."""
        cleaned = super().clean() or self.cleaned_data
        for name, value in list(cleaned.items()):
            if value is not None and value > MOST_BUDGET:
                self.add_error(name, _("That is more than any budget; leave the field empty for no cap."))
        return cleaned


class TokenFields(forms.Form):
    """The fields of a token, with the collections that its user sees: known before anything is checked."""

    LASTS = {"30": _("30 days"), "90": _("90 days"), "365": _("a year"), "": _("until it is revoked")}

    name = forms.CharField(
        label=_("name"), max_length=80, help_text=_("which program uses it, so that you know it again")
    )
    scopes = forms.MultipleChoiceField(
        label=_("it may"),
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one: a token that may do nothing is of no use.")},
    )
    reach = forms.ChoiceField(label=_("where"), choices=[("everywhere", ""), ("chosen", "")])
    collections = forms.ModelMultipleChoiceField(
        label=_("collections"), queryset=Collection.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )
    lasts = forms.ChoiceField(label=_("it ends after"), choices=LASTS.items(), required=False)

    def __init__(self, data: Any = None, *, user: User) -> None:
        super().__init__(data, initial={"scopes": [Scope.READ, Scope.SUBMIT], "reach": "everywhere", "lasts": "90"})
        field = self.fields["collections"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = Collection.objects.visible_to(user)


class TokenForm(AccessibleForm, TokenFields):
    """What a new token is for, what it may do and until when."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("reach") == "chosen" and not cleaned.get("collections") and "collections" not in self.errors:
            self.add_error("collections", _("Choose at least one collection, or all of them."))
        return cleaned

    @property
    def expires_at(self) -> datetime | None:
        days = self.cleaned_data["lasts"]
        return timezone.now() + timedelta(days=int(days)) if days else None

    @property
    def chosen(self) -> QuerySet[Collection] | None:
        """The collections it is for; None: all that its user may see."""
        return self.cleaned_data["collections"] if self.cleaned_data["reach"] == "chosen" else None


class WebhookForm(AccessibleForm, forms.Form):
    """Where a program wants to be told."""

    url = forms.CharField(
        label=_("address"),
        max_length=500,
        help_text=_("begins with https:// and can be reached from the internet"),
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
    )
