"""Checks of texts as people read of them: what is called by which code, in a few words and in a sentence."""

from __future__ import annotations

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Check(models.TextChoices):
    """What a text may fail, by the codes of `htr.checks`; a vote keeps them, and a decision as its reasons."""

    REPETITION = "repetition", _("repeats itself")
    REFUSAL = "refusal", _("a machine's refusal")
    CHATTER = "chatter", _("a machine's talk")
    PROMPT_LEAK = "prompt-leak", _("a machine's instructions")
    MARKUP = "markup", _("markup")
    FOREIGN_SCRIPT = "foreign-script", _("another script")
    OTHER_LANGUAGE = "other-language", _("another language")
    TOO_LONG = "too-long", _("too long for its line")
    NO_INK = "no-ink", _("text without ink")
    NOT_READ = "not-read", _("ink without text")
    UNLIKE_OTHERS = "unlike-others", _("unlike what others read")
    MODERNISED = "modernised", _("modern spelling")

    @property
    def sentence(self) -> str | Promise:
        return _SENTENCES[self]


_SENTENCES: dict[Check, str | Promise] = {
    Check.REPETITION: _("Repeats itself: looks like a machine's loop, not like writing."),
    Check.REFUSAL: _("Says that it cannot read: this is a machine's answer, not what stands here."),
    Check.CHATTER: _("Speaks about the text: these are a machine's words, not the writer's."),
    Check.PROMPT_LEAK: _("Repeats what the machine was asked to do: nobody wrote this."),
    Check.MARKUP: _("Holds markup of a program, which no pen wrote."),
    Check.FOREIGN_SCRIPT: _("Has letters of a script that this collection is not written in."),
    Check.OTHER_LANGUAGE: _("Is in another language than the collection: it may be translated."),
    Check.TOO_LONG: _("Is longer than this line has room for: some of it may be made up."),
    Check.NO_INK: _("Has text where hardly any ink is: there may be nothing to read."),
    Check.NOT_READ: _("Has ink, but no text was read."),
    Check.UNLIKE_OTHERS: _("Resembles nothing that other engines read here: it may be made up or translated."),
    Check.MODERNISED: _("Has modern spelling where another engine read the old one."),
}
