"""What the browser runs is what VENDOR.json names, byte for byte."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

VENDOR = Path(__file__).resolve().parents[2] / "static" / "vendor"
PACKAGES = json.loads((VENDOR / "VENDOR.json").read_text(encoding="utf-8"))["packages"]
FILES = {entry["path"]: entry["sha256"] for package in PACKAGES for entry in package["files"]}


@pytest.mark.parametrize("path", sorted(FILES))
def test_vendored_file_has_its_recorded_digest(path: str) -> None:
    assert hashlib.sha256((VENDOR / path).read_bytes()).hexdigest() == FILES[path]


def test_every_file_in_the_folder_is_named_in_the_manifest() -> None:
    found = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()}
    assert found - set(FILES) == {"VENDOR.json", "fonts/fonts.css"}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package["name"])
def test_every_package_carries_its_licence_and_an_exact_version(
    package: dict[str, object],
) -> None:
    files = package["files"]
    assert isinstance(files, list)
    assert any("LICENSE" in entry["path"] for entry in files)
    assert re.fullmatch(r"\d+\.\d+\.\d+", str(package["version"]))


def test_no_script_points_to_a_source_map_that_is_not_there() -> None:
    for script in VENDOR.rglob("*.js"):
        assert b"sourceMappingURL" not in script.read_bytes()


def test_every_font_in_the_stylesheet_exists() -> None:
    names = re.findall(
        r'url\("([^"]+)"\)',
        (VENDOR / "fonts" / "fonts.css").read_text(encoding="utf-8"),
    )
    assert len(names) == 5
    assert all((VENDOR / "fonts" / name).is_file() for name in names)
