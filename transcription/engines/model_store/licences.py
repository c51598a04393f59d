"""Under which licence a model was given away, as far as it says so itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from transcription.engines.model_store.gguf_header import read_gguf_header
from transcription.errors import WeightsError

UNSAID = {"", "other", "unknown", "none", "unlicensed"}
_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*$", re.DOTALL | re.MULTILINE)
_LINE = re.compile(r"^(license|license_name)\s*:\s*[\"']?([^\"'\n#]+)", re.MULTILINE)
LARGEST_CARD = 2**20  # bytes


def licence_of_card(text: str) -> str:
    """What a model card's front matter names; "" where it names nothing that says anything."""
    found = _FRONT_MATTER.search(text)
    named = dict(_LINE.findall(found.group(1))) if found else {}
    return _said(named.get("license"), named.get("license_name"))


def licence_of_folder(folder: Path, files: Iterable[Path]) -> str:
    """What its README.md or one of its GGUF files names; "" for nothing."""
    card = folder / "README.md"
    if card.is_file() and (said := licence_of_card(_beginning(card))):
        return said
    for path in files:
        if path.suffix.lower() == ".gguf":
            try:
                strings = read_gguf_header(path).strings
            except WeightsError:
                continue  # the inspection speaks of it
            if said := _said(strings.get("general.license"), strings.get("general.license.name")):
                return said
    return ""


def licence_of_hub(licence: object, name: object, tags: Iterable[str]) -> str:
    """What a hub's card data names, else the hub's own tag."""
    tagged = next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), "")
    if isinstance(licence, list):
        licence = ", ".join(str(each) for each in licence)
    return _said(licence or tagged, name)


def _said(licence: object, name: object) -> str:
    for each in (licence, name):
        text = str(each or "").strip()
        if text.lower() not in UNSAID:
            return text
    return ""


def _beginning(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(LARGEST_CARD).decode("utf-8", "replace")
