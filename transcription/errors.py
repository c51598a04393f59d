"""Every error Longhand raises on purpose, with a stable code.

    LonghandError
    ├── TransientError            try again with back-off; becomes permanent when the tries run out
    │   ├── ServiceUnavailable    the database, the broker or an endpoint did not answer
    │   │   └── NotAnswered       a web server has no time; it may say for how long
    │   ├── OutOfMemory           a batch was too large for its device
    │   ├── EngineTimeout         an engine made no progress in its time
    │   └── Postponed             now is not the time; the work waits, uncounted
    │       ├── BudgetSpent       a cap on tokens or money leaves no room
    │       └── EndpointBusy      an endpoint takes no calls now
    ├── PermanentError            the same input fails in the same way: a Failure row at once
    │   ├── BadInput              what was uploaded cannot be used; ``code`` says in which way
    │   ├── EngineFailure         a model failed on this input
    │   ├── WeightsError          weights are missing, changed or of the wrong kind
    │   └── WorkerKiller          the item took its worker down three times on its own
    ├── Conflict                  somebody else's change came first
    └── LostLease                 the work was given to somebody else while we computed

A message is one sentence for the person who reads it: what was found, what was expected, what to do.
"""

from __future__ import annotations


class LonghandError(Exception):
    """Base of all errors that Longhand raises on purpose; ``code`` is stable, the message is for people."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class TransientError(LonghandError):
    """May succeed when tried again."""

    code = "transient"


class ServiceUnavailable(TransientError):
    code = "service-unavailable"


class NotAnswered(ServiceUnavailable):
    """A web server answered that it cannot now; ``pause`` (seconds): how long it asked to be left alone, if it did."""

    def __init__(self, message: str, *, pause: float | None = None) -> None:
        super().__init__(message)
        self.pause = pause


class OutOfMemory(TransientError):
    code = "out-of-memory"


class EngineTimeout(TransientError):
    code = "engine-timeout"


class Postponed(TransientError):
    """It is nobody's fault, and trying at once would be in vain; ``seconds`` is how long to wait."""

    code = "postponed"

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class BudgetSpent(Postponed):
    """No room is left under a cap; ``seconds`` is how long it takes until there may be some. ``collection`` says
    whose cap it is, None where it is the endpoint's own."""

    code = "budget-spent"

    def __init__(self, message: str, *, seconds: float, collection: int | None = None) -> None:
        super().__init__(message, seconds=seconds)
        self.collection = collection


class EndpointBusy(Postponed):
    """An endpoint does not answer, or said for how long it wants no calls."""

    code = "endpoint-busy"


class PermanentError(LonghandError):
    """Fails again in the same way with the same input."""

    code = "permanent"


class BadInput(PermanentError):
    """What was uploaded cannot be used. ``code`` names the way: empty, damaged, too-large, encrypted …"""

    code = "bad-input"


class EngineFailure(PermanentError):
    code = "engine-failure"


class WeightsError(PermanentError):
    code = "weights"


class WorkerKiller(PermanentError):
    code = "worker-killer"


class Conflict(LonghandError):
    """A save was based on a revision that is no longer the current one."""

    code = "conflict"


class LostLease(LonghandError):
    """The token of this work is no longer ours; nothing may be written."""

    code = "lost-lease"
