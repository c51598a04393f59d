"""Fail when a model has changed without a migration. Needs no server: migrations are read from their files."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path


def main() -> int:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    import django
    from django.core.management import call_command

    django.setup()
    # makemigrations also looks whether the database's history agrees, and warns where no database answers.
    warnings.filterwarnings("ignore", message="Got an error checking a consistent migration history")
    call_command("makemigrations", check_changes=True, dry_run=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
