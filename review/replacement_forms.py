"""What a lead asks for when texts of a collection are searched and replaced."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.utils.translation import gettext_lazy as _

from transcription.htr.replacing import Pattern
from transcription.steps.find_places import LONGEST, Key, checked_pattern

_MOST_LEFT_OUT = 200_000  # characters of the list of places that stay


class PatternForm(forms.Form):
    """What is looked for and what is put there, from the address: a preview can be kept and reloaded."""

    find = forms.CharField(label=_("Find"), max_length=LONGEST)
    put = forms.CharField(label=_("Replace with"), max_length=LONGEST, required=False)
    words = forms.BooleanField(label=_("whole words"), required=False)
    any_case = forms.BooleanField(label=_("ignore case"), required=False)
    typed = forms.BooleanField(label=_("also what people typed or brought"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("find", "put"):
            attributes = {"class": "input transcript", "autocomplete": "off", "spellcheck": "false"}
            self.fields[name].widget.attrs |= attributes
        self.fields["find"].widget.attrs |= {"data-search": ""}

    @property
    def pattern(self) -> Pattern:
        """Of a valid form. Raises BadInput, saying what of it cannot be used."""
        data = self.cleaned_data
        return checked_pattern(Pattern(data["find"], data["put"], data["words"], not data["any_case"]))


class AppliedForm(PatternForm):
    """A preview that is to be made true: what was seen, without the places that were ticked off."""

    as_of = forms.IntegerField(min_value=0)
    leave = forms.CharField(required=False, max_length=_MOST_LEFT_OUT)

    def clean_leave(self) -> dict[int, list[int]]:
        """``line:place,line:place`` as the numbers of places by line."""
        left: dict[int, list[int]] = {}
        for each in filter(None, self.cleaned_data["leave"].split(",")):
            line, _colon, place = each.partition(":")
            if not (line.isdecimal() and place.isdecimal() and len(each) < 30):
                raise forms.ValidationError(_("The places to leave could not be read: look for them again."))
            left.setdefault(int(line), []).append(int(place))
        return left


def pattern_query(pattern: Pattern, *, typed: bool = False) -> str:
    """The part of an address that asks for a preview of ``pattern``."""
    flags = (("words", pattern.whole_words), ("any_case", not pattern.match_case), ("typed", typed))
    return urlencode({"find": pattern.find, "put": pattern.put} | {name: "on" for name, is_set in flags if is_set})


def read_key(text: str) -> Key | None:
    """A key as ``write_key`` wrote it; None where it cannot be read: links outlive changes."""
    parts = text.split("-")
    if len(parts) != len(Key._fields) or not all(part.isdecimal() and len(part) < 19 for part in parts):
        return None
    return Key(*map(int, parts))


def write_key(key: Key) -> str:
    return "-".join(map(str, key))
