"""What the editor's script says, so that it can be translated like everything else. ``{name}`` is filled in there."""

from __future__ import annotations

from django.utils.translation import gettext as _


def texts() -> dict[str, str]:
    """The script's sentences by key, in the language of the request."""
    return {
        "saved": _("Saved"),
        "savedNow": _("Saved just now"),
        "savedSeconds": _("Saved {seconds} s ago"),
        "savedMinutes": _("Saved {minutes} min ago"),
        "saving": _("Saving…"),
        "unsavedOne": _("1 line not saved yet"),
        "unsavedMany": _("{count} lines not saved yet"),
        "notYet": _("All changes are saved as you go"),
        "offline": _(
            "No connection to the server. What you type is kept on this computer and saved as soon as it answers."
        ),
        "serverDown": _("The server does not answer properly. What you type is kept on this computer; trying again."),
        "signedOut": _("You were signed out. What you type is kept on this computer."),
        "signIn": _("Sign in in a new tab"),
        "tryNow": _("Try now"),
        "refused": _("Line {line} was refused: {message} Your text is kept on this computer."),
        "restoredOne": _("Text of 1 line that was not saved last time was restored."),
        "restoredMany": _("Text of {count} lines that was not saved last time was restored."),
        "findOther": _("Find another page"),
        "tryClaim": _("Try again"),
        "notSaved": _("not saved"),
        "conflict": _("changed meanwhile: choose"),
        "passes": _("{count} of {total} passes"),
        "vocabulary": _("in the vocabulary, not read"),
        "noPasses": _("another guess of the machine"),
        "asRead": _("as read"),
        "composed": _("put together from what the passes read"),
        "whole_page": _("whole page read"),
        "doubtful_words": _("doubtful words checked"),
        "nothing": _("(nothing)"),
        "edit": _("edit…"),
        "line": _("Line {position}"),
        "editLine": _("Text of line {position}"),
        "emptyLine": _("(no text)"),
        "by": _("{name}"),
        "unsureWord": _("{word}, unsure"),
        "settledWord": _("{word}, settled"),
        "unsureOf": _("Unsure {number} of {total}"),
        "unsureLeft": _("{left} of {total} unsure words left"),
        "unsureNone": _("No unsure words on this page"),
        "unsureDone": _("All {total} unsure words settled"),
        "announceWord": _("Unsure {number} of {total}, line {position}: {word}."),
        "announceAlternative": _("{key}: {text}, {passes}."),
        "announceLine": _("Line {position}: {text}"),
        "noneLeft": _("No unsure word is left. Ctrl+Enter approves the page."),
        "lastLine": _("That was the last line. Ctrl+Enter approves the page."),
        "nothingToUndo": _("Nothing to undo."),
        "nothingToRedo": _("Nothing to redo."),
        "undone": _("Line {position} is as it was."),
        "approved": _("{page} approved"),
        "approveUnseen": _("{left} of {total} unsure words have not been settled. They stay as the machine read them."),
        "approveFirst": _("Not approved yet: some lines are not saved. Nothing is lost; try again in a moment."),
        "noLines": _("No lines were found on this page. If it holds no writing, choose “Nothing to read”."),
        "lightNormal": _("Light: as scanned"),
        "lightStrong": _("Light: strong contrast"),
        "lightInverted": _("Light: inverted"),
        "imageMissing": _("The image of this page cannot be shown. The text can be worked on all the same."),
    }
