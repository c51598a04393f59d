"""A worker of `test_budgets`: reads lines through an endpoint and pays by the real ledger, until it has made its calls
or the budget is spent: ``python -m tests.faults.spender COLLECTION LINES``."""

from __future__ import annotations

import sys

import django
import numpy as np

from transcription.errors import BudgetSpent, Postponed
from transcription.htr.records import Hints, LineImage, Usage


def main(collection: int, count: int) -> None:
    django.setup()
    from transcription.engines.openai import OpenAiEndpoint
    from transcription.engines.openai.meter import Answer, Unmetered
    from transcription.steps import ledger
    from transcription.steps.profiles import registry

    class Purse(Unmetered):
        """The ledger, for lines that belong to no page."""

        def reserve(self, key: int, most: Usage) -> int:
            return ledger.reserve(ledger.Payer("paid", collection, line_id=key), most)

        def settle(self, charge: int, usage: Usage | None, answer: Answer | None) -> None:
            ledger.settle(charge, usage)

        def refund(self, charge: int) -> None:
            ledger.refund(charge)

    engine = registry().recognizer("paid")
    assert isinstance(engine, OpenAiEndpoint)
    line = np.full((64, 120), 200, np.uint8)
    done = 0
    while done < count:
        try:
            for _ in engine.metered(Purse()).recognize((LineImage(key, line) for key in range(done, count)), Hints()):
                done += 1
        except BudgetSpent:
            print("spent", flush=True)
            return
        except Postponed:
            continue  # the endpoint asked for a pause
    print("done", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
