"""Everything that the screens say is said in every language that they offer."""

from __future__ import annotations

import gettext
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from pytest_django.fixtures import Settings

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = [code for code, _ in settings.LANGUAGES if code != "en"]
CATALOGUE = Path("LC_MESSAGES/django.po")
SOURCES = ["accounts", "project", "review", "templates", "transcription"]

needs_gettext = pytest.mark.skipif(not shutil.which("msgfmt"), reason="no gettext here: apt-get install gettext")


def _compiled(path: Path) -> dict[object, str]:
    with path.open("rb") as file:
        found: dict[object, str] = vars(gettext.GNUTranslations(file))["_catalog"]
    return {key: text for key, text in found.items() if key}


@needs_gettext
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_translated(
    language: str, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where the sources stand there is a locale folder, and what is collected would be written into that.
    for folder in SOURCES:
        (tmp_path / folder).symlink_to(ROOT / folder)
    collected = tmp_path / "locale" / language / CATALOGUE
    collected.parent.mkdir(parents=True)
    shutil.copy(ROOT / "locale" / language / CATALOGUE, collected)
    settings.LOCALE_PATHS = [str(tmp_path / "locale")]
    monkeypatch.chdir(tmp_path)
    call_command("makemessages", locale=[language], symlinks=True, no_location=True, verbosity=0)
    for which in ("--untranslated", "--only-fuzzy"):
        command = ["msgattrib", which, "--no-obsolete", "--no-wrap", str(collected)]
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        sentences = [line for line in found.splitlines() if line.startswith("msgid ") and line != 'msgid ""']
        assert sentences == [], "translate these in locale/, then run `make messages`"


@needs_gettext
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_written(language: str, tmp_path: Path) -> None:
    written = ROOT / "locale" / language / CATALOGUE
    subprocess.run(["msgfmt", "--check", "-o", str(tmp_path / "django.mo"), str(written)], check=True)
    assert _compiled(written.with_suffix(".mo")) == _compiled(tmp_path / "django.mo"), "run `make messages`"


@pytest.mark.django_db
def test_the_browser_s_language_is_spoken_until_another_is_chosen(client: Client) -> None:
    def heading() -> str:
        return client.get("/accounts/login/", headers={"Accept-Language": "fr-CA,fr;q=0.9"}).content.decode()

    assert "Se connecter" in heading()
    assert '<html lang="fr"' in heading()
    answer = client.post("/language/", {"language": "en", "next": "/accounts/login/"})
    assert answer.status_code == 302
    assert "Log in" in heading()


@pytest.mark.django_db
def test_nobody_is_sent_elsewhere_by_choosing_a_language(client: Client) -> None:
    answer = client.post("/language/", {"language": "fr", "next": "https://elsewhere.example/"})
    assert answer.headers["Location"] == "/"
