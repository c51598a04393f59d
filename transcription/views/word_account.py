"""One voted word as screens explain it: who read what, with which support, and why it was or was not marked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from transcription.htr.checks import CAP
from transcription.htr.confidence import chosen
from transcription.htr.explanation import causes_of
from transcription.models import Reading, Vote
from transcription.steps.vote import VOCABULARY, calibration_of

LEAST_POINTS = 1  # of 100; what moves the confidence by less is not worth a sentence


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reading of the word. ``support`` is its share of the vote, None for what no pass stands behind; ``origin``
    says where it is from then."""

    text: str
    support: float | None
    passes: list[str]
    origin: str = ""
    won: bool = False


@dataclass(frozen=True, slots=True)
class Cause:
    """A sentence, and by how many of 100 points it moves the confidence; None where it is not of the model."""

    sentence: str
    points: int | None = None


@dataclass(frozen=True, slots=True)
class WordAccount:
    text: str
    confidence: float
    below: float
    calibrated: bool
    candidates: list[Candidate]
    passes: int
    by_letters: bool = False  # another reading has more of the vote
    lowering: list[Cause] = field(default_factory=list)
    raising: list[Cause] = field(default_factory=list)

    @property
    def marked(self) -> bool:
        return self.confidence < self.below


def account_of(vote: Vote, index: int, *, below: float) -> WordAccount:
    """The account of one word of a vote; ``below`` is the confidence under which the reader's screen marks words."""
    word = vote.words[index]
    readings = Reading.objects.filter(run=vote.run_id, line=vote.line_id)
    heard = set(readings.values_list("pass_version__name", flat=True)) - set(vote.left_out)
    calibration = calibration_of(vote.run)
    lowering: list[Cause] = []
    raising: list[Cause] = []
    for cause, moved in causes_of(calibration, chosen(word.get("features", ()), calibration)).items():
        points = round(100 * moved)
        if abs(points) >= LEAST_POINTS:
            said = Cause(_sentence(cause, word, len(heard), low=points < 0), points)
            (lowering if points < 0 else raising).append(said)
    failed = [Cause(str(check.sentence)) for check in vote.failed_checks]
    if failed:
        failed.append(
            Cause(
                _("No word of a line that failed a check is trusted more than %(cap)d %%.") % {"cap": round(100 * CAP)}
            )
        )
    return WordAccount(
        text=word["text"],
        confidence=word["confidence"],
        below=below,
        calibrated=bool(vote.run.profile_version.calibration),
        candidates=_candidates(word),
        passes=len(heard),
        by_letters=any(other.get("support", 0) > word.get("support", 0) for other in word["alternatives"]),
        lowering=[*failed, *_unheard(vote), *lowering],
        raising=raising,
    )


def _candidates(word: dict[str, Any]) -> list[Candidate]:
    passes = list(word.get("passes", ()))
    origin = "" if passes else _("put together from what the passes read")
    found = [Candidate(word["text"], word.get("support"), passes, origin, won=True)]
    for other in word["alternatives"]:
        passes = list(other["passes"])
        if passes == [VOCABULARY]:
            found.append(Candidate(other["text"], None, [], _("in the vocabulary, not read")))
        elif not passes and not other.get("support"):
            found.append(Candidate(other["text"], None, [], _("another guess of the machine")))
        else:
            found.append(Candidate(other["text"], other.get("support"), passes))
    return found


def _unheard(vote: Vote) -> list[Cause]:
    return [
        Cause(
            _("%(name)s was not heard: %(why)s.")
            % {"name": name, "why": ", ".join(str(check.label) for check in checks) or _("a check")}
        )
        for name, checks in vote.left_out.items()
    ]


def _sentence(cause: str, word: dict[str, Any], heard: int, *, low: bool) -> str:
    if cause == "passes":
        return _agreement(word, heard)
    if cause == "characters":
        return (
            _("The pass that is surest of it hesitated over its letters.")
            if low
            else _("The pass that is surest of it hesitated over none of its letters.")
        )
    if cause == "line":
        return _("The passes differ on much of this line.") if low else _("The passes agree on most of this line.")
    if cause == "kind":
        return (
            _("Words of its length and signs are misread more often than others.")
            if low
            else _("Words of its length and signs are misread less often than others.")
        )
    if cause == "belief":
        return (
            _("Those who read it so weighed other readings, too.")
            if low
            else _("Those who read it so weighed hardly anything else.")
        )
    if cause == "known":
        return (
            _("Neither the word list nor the vocabulary knows it.")
            if low
            else _("The word list or vocabulary knows it.")
        )
    return _("What else is known of the word speaks against it.") if low else _("What else is known speaks for it.")


def _agreement(word: dict[str, Any], heard: int) -> str:
    read = len(word.get("passes", ()))
    if not read:
        return _("No pass read it so; it is put together from the letters of several.")
    said = ngettext(
        "%(read)d of %(heard)d pass read “%(text)s”.", "%(read)d of %(heard)d passes read “%(text)s”.", heard
    ) % {"read": read, "heard": max(read, heard), "text": word["text"]}
    rivals = [other for other in word["alternatives"] if other.get("support")]
    if not rivals:
        return said
    strongest = rivals[0]
    against = (
        _("The strongest objection is “%(text)s”.") % {"text": strongest["text"]}
        if strongest["text"]
        else _("The strongest objection is that no word stands here.")
    )
    return f"{said} {against}"
