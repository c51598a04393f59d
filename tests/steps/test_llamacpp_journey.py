"""A page from its upload to its vote, read by llama.cpp itself with the small LLaVA pair."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

pytest.importorskip("llama_cpp", reason="the extra llamacpp is not installed")

from tests.steps.journey import receive_page, work_until_nothing_is_due
from transcription.models import Failure, Page, PageReading, PageState, Reading, Vote
from transcription.steps.profiles import DEFAULT_STAGES, registry
from transcription.training.small_llava import write_small_llava

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("mode", ["lines", "pages"])
def test_a_page_is_read_from_upload_to_vote(mode: str, tmp_path: Path, settings: Settings) -> None:
    write_small_llava(tmp_path / "model")
    limits = {"context": 256, "page_context": 256, "max_tokens": 12, "page_max_tokens": 24}
    engine = {
        "CLASS": "transcription.engines.llamacpp.LlamaCpp",
        "VERSION": "1",
        "READS": [mode],
        "OPTIONS": limits,
        "FILES": {"prompts": ["../prompts/line-v1.txt", "../prompts/page-v1.txt"]},
        "RUNTIME": {"model": tmp_path / "model"},
    }
    settings.ENGINES = settings.ENGINES | {"starter": engine}
    registry.cache_clear()
    try:
        receive_page(tmp_path)
        work_until_nothing_is_due()
    finally:
        registry.cache_clear()
    page = Page.objects.get()
    assert page.state in {PageState.ACCEPTED, PageState.IN_REVIEW}
    assert not Failure.objects.exists()
    assert Vote.objects.filter(run=page.run).exists()
    if mode == "pages":
        assert PageReading.objects.filter(run=page.run).count() == len(DEFAULT_STAGES[0]), "one a pass"
        assert all(reading.tokens_in > 0 for reading in PageReading.objects.all())
    else:
        assert Reading.objects.filter(run=page.run, tokens_in__gt=0).count() >= 4
