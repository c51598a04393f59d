"""Budgets under fire: sixteen worker processes, an endpoint that speaks real HTTP and counts for itself, 10,000 calls.

What the endpoint counted is the truth that the ledger is held against, call by call (its requests bear the charge's
number) and in sum.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.factories import create_collection
from transcription.models import Cap, Charge, ChargeState, Span, Spending, scope_of

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

WORKERS = 16
CALLS = 10_000  # of both tests together
DECLARED = """
[[endpoint]]
name = "paid"
url = "http://127.0.0.1:{port}/v1"
model = "m"
image_tokens = 60
image_height = 32
max_tokens = 40
concurrency = 4
total_seconds = 10
bills_errors = {bills_errors}
"""


@contextmanager
def endpoint(data: Path, *, bills_errors: bool, **options: Any) -> Iterator[str]:
    """The fake endpoint as a process of its own, declared in ``data``; gives the address of its counts."""
    command = [sys.executable, "-m", "tests.fake_endpoint", json.dumps(options)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        declared = DECLARED.format(port=port, bills_errors=str(bills_errors).lower())
        (data / "endpoints.toml").write_text(declared, encoding="utf-8")
        yield f"http://127.0.0.1:{port}/counts"
    finally:
        process.kill()
        process.wait()


def counts(address: str) -> dict[str, Any]:
    with urllib.request.urlopen(address, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    found["counted"] = {request.removeprefix("longhand-"): sum(t) for request, t in found["counted"].items()}
    return found


def spend(environment: dict[str, str], collection: int, calls: int) -> list[subprocess.Popen[str]]:
    each = -(-calls // WORKERS)
    command = [sys.executable, "-m", "tests.faults.spender", str(collection), str(each)]
    settings = {"DJANGO_SETTINGS_MODULE": "project.settings", "OMP_NUM_THREADS": "1"}
    return [
        subprocess.Popen(command, env=environment | settings, stdout=subprocess.PIPE, text=True) for _ in range(WORKERS)
    ]


def charged(collection: int) -> dict[str, tuple[str, int]]:
    rows = Charge.objects.filter(collection_id=collection).values_list("pk", "state", "tokens")
    return {str(pk): (state, tokens) for pk, state, tokens in rows}


def used(collection: int) -> int:
    """What the counter that caps are held against says."""
    return Spending.objects.get(scope=scope_of(collection_id=collection), span=Span.TOTAL).tokens


def test_without_a_crash_the_ledger_is_what_the_endpoint_counted(process_environment: dict[str, str]) -> None:
    collection = create_collection().pk
    data = Path(process_environment["LONGHAND_DATA"])
    chances = {"busy": 0.04, "unavailable": 0.01, "error": 0.02, "slow": 0.01}
    with endpoint(data, bills_errors=False, chances=chances, slow_seconds=0.2, retry_after="0.02") as address:
        workers = spend(process_environment, collection, CALLS // 2)
        assert {worker.communicate(timeout=240)[0].strip() for worker in workers} == {"done"}
        truth = counts(address)
    assert truth["calls"] >= CALLS // 2
    assert truth["met"]["busy"] > 0
    ledger = charged(collection)
    assert not [pk for pk, (state, _) in ledger.items() if state == ChargeState.RESERVED]
    assert {pk: tokens for pk, (_, tokens) in ledger.items() if tokens} == truth["counted"]
    assert used(collection) == truth["tokens"]


def test_no_token_over_a_cap_whatever_dies(process_environment: dict[str, str]) -> None:
    collection = create_collection()
    calls = CALLS - CALLS // 2
    cap = calls * 60  # a call uses about a hundred tokens: somewhat more than half of them fit in
    Cap.objects.create(collection=collection, span=Span.DAY, tokens=cap)
    data = Path(process_environment["LONGHAND_DATA"])
    chances = {"busy": 0.03, "error": 0.01, "late-error": 0.01, "drop": 0.01, "garbage": 0.01, "no-usage": 0.01}
    seen: list[tuple[int, int]] = []
    with endpoint(data, bills_errors=True, chances=chances | {"slow": 0.02}, retry_after="0.02") as address:
        workers = spend(process_environment, collection.pk, calls)
        dice = random.Random(3)
        victims = dice.sample(workers, 5)
        ends = time.monotonic() + 240
        while any(worker.poll() is None for worker in workers):
            assert time.monotonic() < ends, "the workers do not end"
            time.sleep(0.3)
            truth = counts(address)
            if victims and truth["calls"] > calls // 20 * (6 - len(victims)):
                victims.pop().kill()
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT coalesce(sum(tokens), 0) FROM transcription_charge WHERE collection_id = %s",
                    [collection.pk],
                )
                seen.append((truth["tokens"], int(cursor.fetchone()[0])))
        truth = counts(address)
        said = {worker.communicate()[0].strip() for worker in workers if worker.returncode == 0}
    assert not victims, "every victim was killed in the middle"
    assert len(seen) > 5
    assert all(token <= cap and booked <= cap for token, booked in seen)
    assert truth["tokens"] <= used(collection.pk) <= cap
    ledger = charged(collection.pk)
    assert used(collection.pk) == sum(tokens for _, tokens in ledger.values())
    for pk, tokens in truth["counted"].items():
        assert ledger[pk][1] >= tokens, "no call is booked below what the endpoint counted"
    left = [pk for pk, (state, _) in ledger.items() if state == ChargeState.RESERVED]
    reserved = Charge.objects.filter(pk__in=left)
    assert all(charge.tokens == charge.reserved_in + charge.reserved_out for charge in reserved)
    assert "spent" in said, "the cap was reached"
