"""``make run`` installs less than ``make test``: what it imports must be among what it installs."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
RUN_EXTRAS = frozenset({"embedded", "engines"})

IMPORTED = """
import json, sys
import project.wsgi, project.processes, gunicorn.app.wsgiapp, gunicorn.workers.gthread
import celery.bin.celery, celery.bin.worker, celery.concurrency.prefork, celery.worker.worker, kombu.transport.redis
from django.urls import get_resolver
from project import celery_app
get_resolver().url_patterns
celery_app.loader.import_default_modules()
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def installed_by(name: str, extras: frozenset[str]) -> set[str]:
    """Names of all distributions that installing ``name[extras]`` brings, itself included."""
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = [(canonicalize_name(name), extras)]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.add(current)
        try:
            wanted = requires(current[0]) or []
        except PackageNotFoundError:
            continue  # for another platform
        for requirement in map(Requirement, wanted):
            contexts = [{"extra": extra} for extra in current[1] or {""}]
            if requirement.marker is None or any(requirement.marker.evaluate(context) for context in contexts):
                waiting.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return {distribution for distribution, _ in found}


def test_run_imports_nothing_that_only_the_tests_install() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    owners = packages_distributions()
    imported = {canonicalize_name(owner) for module in json.loads(done.stdout) for owner in owners.get(module, [])}
    assert {"django", "celery", "kombu", "gunicorn"} <= imported
    optional = {"setuptools", "greenlet", "pygments", "pyyaml"}  # tried by libraries and done without
    assert imported - installed_by("longhand", RUN_EXTRAS) - optional == set()
