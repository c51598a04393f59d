#!/usr/bin/env python
"""Longhand's command line: ``manage.py help`` lists what it can do."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Run one command. Faults of the environment or of its servers end in one sentence, not in a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    from django.core.management import execute_from_command_line
    from django.db.utils import OperationalError

    from project.env import WrongEnvironment
    from transcription.engines.endpoints import WrongEndpoints

    try:
        execute_from_command_line(sys.argv)
    except (WrongEnvironment, WrongEndpoints) as error:
        print(error, file=sys.stderr)
        return 2
    except OperationalError as error:
        from django.conf import settings
        from django.db import connection

        if connection.connection is not None:
            raise  # the server answered: its error is a fault of ours and deserves its traceback
        remedy = "start them with make run or manage.py services start" if settings.EMBEDDED_DATABASE else ""
        print(f"PostgreSQL does not answer; {remedy or 'check DATABASE_URL'}.\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
