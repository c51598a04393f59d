from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

ROOT = Path(__file__).resolve().parents[2]

CHILD = """
import django
django.setup()
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
print(User.objects.get().username, default_storage.open("seen.txt").read().decode())
"""


def test_a_child_process_sees_the_rows_and_files_of_its_test(process_environment: dict[str, str]) -> None:
    User.objects.create_user("clara")
    default_storage.save("seen.txt", ContentFile(b"by both"))
    done = subprocess.run(
        [sys.executable, "-c", CHILD], cwd=ROOT, env=process_environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "clara by both", done.stderr
