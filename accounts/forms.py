"""Forms of invitations and of what an invited person types."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.contrib.auth.models import User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.utils.translation import gettext_lazy as _

from transcription.forms import AccessibleForm
from transcription.models import Collection, Role

ROLES_AT_ONCE = 3


class InvitationForm(AccessibleForm, forms.Form):
    """Whom to invite, for how long, and to which roles in collections that the inviter administers."""

    email = forms.EmailField(
        label=_("e-mail address"), required=False, help_text=_("it becomes theirs without being asked again")
    )
    days = forms.TypedChoiceField(
        label=_("valid for"),
        coerce=int,
        choices=[(1, _("one day")), (7, _("one week")), (30, _("thirty days"))],
        initial=7,
    )

    def __init__(self, *args: Any, inviter: User, **kwargs: Any) -> None:
        self.inviter = inviter
        super().__init__(*args, **kwargs)

    def fill_in(self) -> None:
        administered = Collection.objects.visible_to(self.inviter, Role.ADMIN)
        for number in range(1, ROLES_AT_ONCE + 1):
            self.fields[f"collection{number}"] = forms.ModelChoiceField(
                label=_("collection"), queryset=administered, required=False, empty_label=_("none")
            )
            self.fields[f"role{number}"] = forms.ChoiceField(
                label=_("role"), choices=Role.choices, initial=Role.REVIEWER, required=False
            )

    @property
    def pairs(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        numbers = range(1, ROLES_AT_ONCE + 1)
        return [(self[f"collection{number}"], self[f"role{number}"]) for number in numbers]

    def roles(self) -> dict[Collection, Role]:
        chosen = self.cleaned_data
        numbers = range(1, ROLES_AT_ONCE + 1)
        return {
            chosen[f"collection{number}"]: Role(chosen[f"role{number}"] or Role.REVIEWER)
            for number in numbers
            if chosen[f"collection{number}"]
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        chosen = any(cleaned.get(f"collection{number}") for number in range(1, ROLES_AT_ONCE + 1))
        if not chosen and not self.inviter.is_superuser and not self.errors:
            self.add_error("collection1", _("Choose at least one collection."))
        return cleaned


class AccountForm(AccessibleForm, forms.Form):
    """What somebody who was invited says of themselves."""

    username = forms.CharField(
        label=_("user name"),
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    full_name = forms.CharField(
        label=_("full name"),
        max_length=150,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        help_text=_("as colleagues see it beside your corrections"),
    )
    email = forms.EmailField(
        label=_("e-mail address"),
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        help_text=_("for a forgotten password"),
    )
    password = forms.CharField(
        label=_("password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("at least ten characters"),
    )
    again = forms.CharField(
        label=_("password, once more"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_username(self) -> str:
        name = str(self.cleaned_data["username"])
        if User.objects.filter(username__iexact=name).exists():
            raise forms.ValidationError(_("Somebody has this name already; choose another."))
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        password = cleaned.get("password")
        if password and cleaned.get("again") is not None and password != cleaned["again"]:
            self.add_error("again", _("The two passwords differ; type both again."))
        elif password:
            someone = User(username=cleaned.get("username", ""), email=cleaned.get("email", ""))
            try:
                password_validation.validate_password(password, someone)
            except forms.ValidationError as weak:
                self.add_error("password", weak)
        return cleaned
