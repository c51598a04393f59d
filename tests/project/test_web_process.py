from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client

ROOT = Path(__file__).resolve().parents[2]

LOADED = """
import json, sys
import psutil
from project.wsgi import application
from django.urls import get_resolver

def walk(patterns):
    return sum(walk(p.url_patterns) if hasattr(p, "url_patterns") else 1 for p in patterns)

urls = walk(get_resolver().url_patterns)
print(json.dumps({"modules": sorted(sys.modules), "rss": psutil.Process().memory_info().rss, "urls": urls}))
"""

WORKER = """
import json, sys
from project import celery_app
celery_app.loader.import_default_modules()
print(json.dumps({"modules": sorted(sys.modules), "tasks": sorted(celery_app.tasks)}))
"""


def run(code: str) -> dict[str, list[str]]:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded: dict[str, list[str]] = json.loads(done.stdout)
    return loaded


def test_web_process_loads_no_model_library_and_stays_small() -> None:
    loaded = run(LOADED)
    assert loaded["urls"] > 3
    assert not {"torch", "transformers", "llama_cpp"} & set(loaded["modules"])
    assert loaded["rss"] < 250 * 2**20  # type: ignore[operator]


def test_workers_know_their_tasks_without_loading_torch() -> None:
    loaded = run(WORKER)
    assert {"transcription.tasks.drain_cpu", "transcription.tasks.drain_engine"} <= set(loaded["tasks"])
    assert "torch" not in loaded["modules"]


@pytest.mark.django_db
def test_every_answer_forbids_foreign_scripts(client: Client) -> None:
    response = client.get("/accounts/login/")
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "DENY"
