from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from tests.factories import create_collection, create_work
from transcription.models import Collection, Step, Work, WorkState
from transcription.steps.sample import reset_demo

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.django_db
class TestSample:
    def test_the_sample_is_made_once_and_drawn_by_a_worker(self, settings: Settings) -> None:
        settings.DEMO = True
        for _ in range(2):
            call_command("create_sample", stdout=io.StringIO())
        assert Collection.objects.get().is_sample
        assert [work.step for work in Work.objects.all()] == [Step.SAMPLE]
        assert set(User.objects.values_list("username", flat=True)) == set(settings.DEMO_ACCOUNTS)

    def test_no_well_known_password_is_set_where_settings_forbid_it(self, settings: Settings) -> None:
        settings.DEMO = False
        with pytest.raises(CommandError, match="LONGHAND_DEMO"):
            call_command("create_sample", stdout=io.StringIO())
        assert not User.objects.exists()
        assert not Collection.objects.exists()

    def test_a_reset_touches_no_real_collection(self, settings: Settings) -> None:
        settings.DEMO = True
        real = create_collection(title="Parish registers")
        call_command("create_sample", stdout=io.StringIO())
        first = Collection.objects.get(is_sample=True)
        second = reset_demo(User.objects.get(username="admin"))
        assert second.pk != first.pk
        assert set(Collection.objects.all()) == {real, second}


def test_the_sweeper_sweeps_until_it_is_told_to_stop(process_environment: dict[str, str]) -> None:
    work = create_work(collection=create_collection())
    Work.objects.filter(pk=work.pk).update(
        state=WorkState.RUNNING, token="0" * 32, lease_until="2020-01-01T00:00:00Z", company=1
    )
    environment = process_environment | {"LONGHAND_SWEEP_SECONDS": "0.1"}
    sweeper = subprocess.Popen([sys.executable, "manage.py", "sweep"], cwd=ROOT, env=os.environ | environment)
    try:
        ends = time.monotonic() + 30
        while time.monotonic() < ends and Work.objects.get().state != WorkState.QUEUED:
            time.sleep(0.1)
        freed = Work.objects.get()
        assert (freed.state, freed.interruptions, freed.alone) == (WorkState.QUEUED, 1, True)
        sweeper.send_signal(signal.SIGTERM)
        assert sweeper.wait(10) == 0
    finally:
        sweeper.kill()
        sweeper.wait()
