"""Checks of what was read: is this text what stands on the line, or a machine's noise, talk or invention?

Every check is a pure function that says what it found, in a few words, or nothing. Codes are stable: they are stored
with votes. A bad but honest reading fails none of them; that it is bad is for its confidence to say.
"""

from __future__ import annotations

from transcription.htr.checks.checking import CAP, OWN, Context, failures, own_failures, source_failures
from transcription.htr.checks.codes import CODES, Code, Failed

__all__ = ["CAP", "CODES", "OWN", "Code", "Context", "Failed", "failures", "own_failures", "source_failures"]
