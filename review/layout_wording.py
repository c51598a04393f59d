"""What the script of the lines' screen says, so that it can be translated like everything else."""

from __future__ import annotations

from django.utils.translation import gettext as _


def texts() -> dict[str, str]:
    """The script's sentences by key, in the language of the request. ``{name}`` is filled in there."""
    return {
        "line": _("Line {number}"),
        "lineSays": _("Line {number}: {text}"),
        "lines": _("{count} lines chosen"),
        "adding": _("A new line"),
        "numbering": _("Lines in a new order"),
        "none": _("No line is chosen. Choose one in the image or in the list."),
        "noText": _("(no text)"),
        "waits": _("to be read"),
        "typed": _("typed by {name}"),
        "mixed": _("(different)"),
        "region": _("{kind}, lines {lines}"),
        "saved": _("All changes are saved as you go"),
        "saving": _("Saving…"),
        "savedNow": _("Saved"),
        "unsaved": _("1 change not saved yet"),
        "readOnly": _("Read only"),
        "offline": _("No connection to the server. Your change is kept here and sent as soon as it answers."),
        "serverDown": _("The server does not answer properly. Your change is kept here; trying again."),
        "signedOut": _("You were signed out. Your change is kept here until you are signed in again."),
        "signIn": _("Sign in in a new tab"),
        "tryNow": _("Try now"),
        "tryClaim": _("Try again"),
        "findOther": _("Find another page"),
        "perhapsMade": _(
            "The connection was lost while your change was saved. These are the lines now: look if it is there."
        ),
        "refused": _("Not done: {message}"),
        "undo": _("Undo: {change}"),
        "redo": _("Redo: {change}"),
        "nothingToUndo": _("Nothing to undo."),
        "nothingToRedo": _("Nothing to redo."),
        "hintSelect": _("Choose a line. Drag its points, or press p to move them by keys."),
        "hintSelected": _("Drag the points of line {number}, or press p to move them by keys."),
        "hintSeveral": _("{count} lines are chosen: m merges them, Delete removes them."),
        "hintAdd": _(
            "Click along the foot of the writing; Enter or a double click ends the line. "
            "By keys: arrows move the cross (Shift: further), Space sets a point."
        ),
        "hintAddingOne": _("1 point. Click on along the writing; Backspace takes it back, Esc gives up."),
        "hintAdding": _(
            "{count} points. Enter or a double click ends the line, Backspace takes the last point back, Esc gives up."
        ),
        "hintSplit": _("Click on the line where it is to be split, or move the mark with ← and → and press Enter."),
        "hintOrder": _(
            "Click the lines one after the other as they are read, in the image or in the list; Enter ends. "
            "{count} so far."
        ),
        "hintPoints": _(
            "Tab goes from point to point, arrows move it (Shift: by 10), i inserts one after it, "
            "Delete removes it, Esc ends."
        ),
        "hintReadOnly": _("You can look at the lines, but not change them."),
        "noLines": _("There are no lines on this page yet. Press a and draw the first one."),
        "chooseFirst": _("Choose a line first."),
        "chooseTwo": _("Choose two or more lines to merge: Shift or Ctrl with a click, or Shift with the arrow keys."),
        "tooFewPoints": _("A line needs two points at least."),
        "fewestBaseline": _("A baseline keeps at least two points."),
        "fewestPolygon": _("An outline keeps at least three points."),
        "baselinePoint": _("Baseline point {number} of {total}, {x} across, {y} down"),
        "polygonPoint": _("Outline point {number} of {total}, {x} across, {y} down"),
        "pointsOf": _("Points of line {number}"),
        "pointsOfNone": _("Lines of the page"),
        "cutAt": _("Split at {percent} % of line {number}: “{before}” | “{after}”"),
        "crossAt": _("Cross at {x} across, {y} down"),
        "readOne": _("Read 1 changed line again"),
        "readMany": _("Read {count} changed lines again"),
        "readNone": _("Work out the page’s confidence again"),
        "readNothing": _("Nothing to read again"),
        "waitNone": _("No line needs to be read; what has changed is counted anew."),
        "waitOne": _("1 line waits to be read again; the others keep what was read."),
        "waitMany": _("{count} lines wait to be read again; the others keep what was read."),
        "waitNothing": _("What was read is of these lines."),
        "readingOne": _("Reading 1 line…"),
        "readingMany": _("Reading {count} lines…"),
        "readingRest": _("Read; putting the page together…"),
        "readDone": _("The changed lines are read."),
        "readFailed": _("The lines could not be read: {message}"),
        "openPage": _("Open the page"),
        "toText": _("Go on with the text"),
        "deleteOne": _("Line {numbers} has text that a person typed: “{text}”."),
        "deleteMany": _("Lines {numbers} have text that people typed."),
        "orderNone": _("No line was clicked; the order stays."),
        "imageMissing": _("The image of this page cannot be shown. Its lines can be chosen in the list."),
        "selected": _("Line {number} chosen: {text}"),
        "overlayOff": _("Outlines hidden"),
        "overlayOn": _("Outlines shown"),
    }
