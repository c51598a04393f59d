"""Models that people bring, from `manage.py models add` to the vote on a page, through real steps."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django.fixtures import Settings

from tests.factories import create_collection, create_user
from tests.steps.journey import receive_page, work_until_nothing_is_due
from transcription.engines.registry import WEIGHTS
from transcription.models import Collection, Failure, Page, PageReading, PageState, Profile, Reading, Vote
from transcription.steps.brought_models import engine_reports
from transcription.steps.profiles import PassRecipe, registry, version_at_present

pytestmark = pytest.mark.django_db
SMALL = ["context=256", "page_context=256", "max_tokens=12", "page_max_tokens=24"]


@pytest.fixture(autouse=True)
def folder_of_models(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    settings.MODELS = tmp_path / "models"
    registry.cache_clear()
    yield settings.MODELS
    registry.cache_clear()


@pytest.fixture
def small_llava(tmp_path: Path) -> Path:
    pytest.importorskip("llama_cpp", reason="the extra llamacpp is not installed")
    from transcription.training.small_llava import write_small_llava

    (tmp_path / "pair").mkdir()
    write_small_llava(tmp_path / "pair")
    return tmp_path / "pair"


def models(*arguments: str) -> str:
    out = io.StringIO()
    call_command("models", *arguments, stdout=out)
    return out.getvalue()


def collection_reading_with(*engines: str) -> Collection:
    """A collection whose profile has one pass a given engine."""
    stage = [PassRecipe("plain", engine, 1.0, {}) for engine in engines]
    version_at_present("brought", [stage])
    collection = create_collection()
    collection.profile = Profile.objects.get(name="brought")
    collection.save()
    return collection


def read_a_page(folder: Path, collection: Collection) -> Page:
    receive_page(folder, collection=collection)
    work_until_nothing_is_due()
    page = Page.objects.get()
    assert not Failure.objects.exists(), [failure.message for failure in Failure.objects.all()]
    assert page.state in {PageState.ACCEPTED, PageState.IN_REVIEW}
    assert Vote.objects.filter(run=page.run).exists()
    return page


def test_a_checkpoint_is_added_and_reads_a_page_from_its_upload_to_its_vote(
    tmp_path: Path, small_trocr: Path, settings: Settings
) -> None:
    before = registry().names()
    said = models("add", str(small_trocr), "--name", "old-hand", "--licence", "MIT", "--option", "beams=2")
    assert "read by trocr, licence MIT" in said
    assert registry().names() == [*before, "old-hand"], "it is an engine at once, without a new start"
    assert registry().readers()["old-hand"] == ["lines"]
    collection = collection_reading_with("starter-greedy", "old-hand")
    page = read_a_page(tmp_path, collection)
    brought = Reading.objects.filter(run=page.run, pass_version__engine="old-hand")
    assert brought.count() == Reading.objects.filter(run=page.run, pass_version__engine="starter-greedy").count() > 0
    assert set(brought.values_list("pass_version__engine_digest", flat=True)) == {registry().digest("old-hand")}
    assert "old-hand" in registry().loaded()
    with pytest.raises(CommandError, match="is needed by"):
        models("remove", "old-hand")
    client = Client()
    client.force_login(create_user(superuser=True))
    shown = client.get("/engines/").content.decode()
    assert "old-hand" in shown
    assert "MIT" in shown
    assert str(collection) in shown
    client.force_login(create_user())
    assert client.get("/engines/").status_code == 404
    models("remove", "old-hand", "--force")
    assert "old-hand" not in registry().names()


def test_a_model_that_was_changed_is_not_loaded_and_says_so_on_the_page(
    tmp_path: Path, small_trocr: Path, folder_of_models: Path
) -> None:
    models("add", str(small_trocr), "--name", "old-hand", "--licence", "MIT")
    assert models("verify") == "old-hand: as it came.\n"
    collection = collection_reading_with("old-hand")
    weights = folder_of_models / "old-hand" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(SystemExit):
        models("verify")
    receive_page(tmp_path, collection=collection)
    work_until_nothing_is_due()
    assert not Reading.objects.exists()
    assert "model.safetensors was changed" in Failure.objects.get().message
    report = next(each for each in engine_reports() if each.name == "old-hand")
    assert report.checked_at is None


@pytest.mark.parametrize("mode", ["lines", "pages"])
def test_a_gguf_pair_is_added_and_reads_a_page_from_its_upload_to_its_vote(
    mode: str, tmp_path: Path, small_llava: Path
) -> None:
    options = [word for each in SMALL for word in ("--option", each)]
    models("add", str(small_llava), "--name", "pair", "--licence", "MIT", "--reads", mode, *options)
    assert registry().readers()["pair"] == [mode]
    page = read_a_page(tmp_path, collection_reading_with("starter-greedy", "pair"))
    if mode == "pages":
        assert PageReading.objects.filter(run=page.run, tokens_in__gt=0).count() == 1
    else:
        assert Reading.objects.filter(run=page.run, pass_version__engine="pair", tokens_in__gt=0).exists()


def test_a_gguf_pair_declares_its_prompts_and_its_options_are_part_of_its_digest(small_llava: Path) -> None:
    models("add", str(small_llava), "--name", "pair", "--licence", "MIT")
    prompts = registry().declaration("pair")["FILES"]["prompts"]
    assert prompts == ["../prompts/line-v1.txt", "../prompts/page-v1.txt"]
    assert all((WEIGHTS / prompt).is_file() for prompt in prompts)
    without = registry().digest("pair")
    models("remove", "pair")
    models("add", str(small_llava), "--name", "pair", "--licence", "MIT", "--option", "grammar=true")
    assert registry().digest("pair") != without, "options are part of it"


def test_names_and_options_that_cannot_be_are_refused(small_trocr: Path) -> None:
    for arguments, sentence in (
        (("add", str(small_trocr), "--name", "starter", "--licence", "MIT"), "is an engine of Longhand itself"),
        (("add", str(small_trocr), "--licence", "MIT", "--option", "beams"), "not of the form --option KEY=VALUE"),
        (("add", str(small_trocr), "--name", "x"), "--licence TEXT"),
        (("remove", "nobody"), "No model is called"),
    ):
        with pytest.raises(CommandError, match=sentence):
            models(*arguments)
    assert "No model was brought yet" in models("list")
