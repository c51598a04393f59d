"""What people read of failures."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from django.template.loader import render_to_string
from django.utils import translation

from transcription import errors
from transcription.models import Failure
from transcription.models.failure_kind import KINDS

FORMATS = Path(errors.__file__).parent / "formats"
# Raised where a person asked and is answered at once: they leave no failure behind.
NO_FAILURES = {"not-ground-truth"}


def said(code: str, language: str) -> str:
    with translation.override(language):
        return render_to_string("failure_said.html", {"failure": Failure(code=code, message="f12.tif ends early.")})


def test_a_french_reader_is_told_the_kind_before_the_english_sentence() -> None:
    found = said("damaged", "fr")
    assert found.index("Le fichier est endommagé") < found.index('<span class="faint" lang="en">f12.tif ends early.')
    assert said("damaged", "en").strip() == '<span lang="en">f12.tif ends early.</span>'


def test_a_code_that_nobody_described_shows_its_sentence() -> None:
    assert said("of-tomorrow", "fr").strip() == '<span lang="en">f12.tif ends early.</span>'


def codes_in(file: Path) -> set[str]:
    calls = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    words = [word for call in calls for word in call.keywords if word.arg == "code"]
    return {str(word.value.value) for word in words if isinstance(word.value, ast.Constant)}


@pytest.mark.parametrize(
    "name", ["decode", "raster_decoder", "pdf_decoder", "kinds", "alto", "page_xml", "xml_reading"]
)
def test_what_a_file_may_be_refused_for_has_a_sentence(name: str) -> None:
    assert codes_in(FORMATS / f"{name}.py") - NO_FAILURES <= KINDS.keys()
