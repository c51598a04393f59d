"""A Longhand of its own for a measurement: PostgreSQL and Valkey in a folder that nobody else uses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from project import services
from project.rights import ServicesError
from transcription.errors import EngineFailure, ServiceUnavailable

MANAGE = Path(__file__).resolve().parents[2] / "manage.py"


def run_in_own_installation(folder: Path, code: str) -> None:
    """Run Python ``code`` in a process whose database is empty and may be filled; ``folder`` holds everything and is
    left without running servers.

    Raises ServiceUnavailable where no server can be started, EngineFailure with the last of what was said where the
    code fails.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LONGHAND_")}
    for name in ("DATABASE_URL", "REDIS_URL"):  # never those that hold somebody's pages
        environment.pop(name, None)
    environment |= {"LONGHAND_DATA": str(folder), "LONGHAND_LOG_LEVEL": "WARNING", "OMP_NUM_THREADS": "1"}
    environment |= {"DJANGO_SETTINGS_MODULE": "project.settings"}
    manage = [sys.executable, str(MANAGE)]
    try:
        services.start(folder / "services")
        for command in (["migrate", "--verbosity", "0"], ["shell", "-c", code]):
            subprocess.run([*manage, *command], env=environment, check=True, capture_output=True, text=True)
    except ServicesError as error:
        raise ServiceUnavailable(str(error)) from error
    except subprocess.CalledProcessError as error:
        raise EngineFailure(f"It could not be measured: {error.stderr[-2000:]}") from error
    finally:
        services.stop(folder / "services")
