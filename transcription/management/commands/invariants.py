"""`manage.py invariants`: nothing stuck, lost or double; exit 1 with the rows otherwise."""

from __future__ import annotations

import json
import sys

from django.core.management.base import BaseCommand

from transcription.steps.invariants import INVARIANTS, violations


class Command(BaseCommand):
    help = "Check in SQL that nothing is stuck, lost or double. Prints JSON; exit status 1 when something is."

    def handle(self, **options: object) -> None:
        found = violations()
        report = {"checked": len(INVARIANTS), "violations": [{"invariant": v.name, "rows": v.rows} for v in found]}
        self.stdout.write(json.dumps(report, default=str, ensure_ascii=False, indent=2))
        if found:
            sys.exit(1)
