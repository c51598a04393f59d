"""What is known of a brought model: `model.json` beside its files."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from transcription.errors import WeightsError

MANIFEST = "model.json"
Reads = Literal["lines", "pages", "print"]
EngineKind = Literal["trocr", "llamacpp", "visionllm"]
ENGINE_KINDS: tuple[EngineKind, ...] = get_args(EngineKind)
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")  # 40: as long as the name of an engine may be in the database
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def check_name(name: str) -> str:
    """``name``, if a model may be called so. Raises ValueError."""
    if not NAME.fullmatch(name):
        raise ValueError(
            f"“{name}” cannot be a model's name; use up to 40 of a-z, 0-9, “.”, “_” and “-”, a letter or digit first"
        )
    return name


def check_file_name(name: str) -> str:
    """``name``, if it is a path inside a model's folder. Raises ValueError."""
    path = PurePosixPath(name)
    inside = not path.is_absolute() and name == str(path) and not any(each.startswith(".") for each in path.parts)
    if not path.parts or not inside or "\\" in name or not name.isprintable() or name == MANIFEST:
        raise ValueError(f"“{name}” cannot be the name of a model's file")
    return name


class FileEntry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(ge=0)
    sha256: Sha256


class Manifest(BaseModel):
    """``files`` are all of the model's files by their paths in its folder; ``chat_templates`` holds the SHA-256 of the
    chat template (UTF-8) of each GGUF file that has one. ``source`` says where it came from, ``options`` what its
    engine is built with, ``reads`` what profiles may use it for (its engine's first use when empty)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, AfterValidator(check_name)]
    engine: EngineKind
    options: dict[str, Any] = {}
    reads: tuple[Reads, ...] = ()
    source: str = Field(min_length=1)
    licence: str = Field(min_length=1)
    files: dict[Annotated[str, AfterValidator(check_file_name)], FileEntry] = Field(min_length=1)
    chat_templates: dict[str, Sha256] = {}
    added: datetime

    @field_validator("options")
    @classmethod
    def _are_harmless(cls, options: dict[str, Any]) -> dict[str, Any]:
        if "trust_remote_code" in options:
            raise ValueError("trust_remote_code is no option here: Longhand runs no code that comes with a model")
        if wrong := [key for key in options if not key.isidentifier() or key == "model"]:
            raise ValueError(f"“{wrong[0]}” cannot be an option's name")
        return options

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files.values())

    @property
    def state(self) -> list[list[str]]:
        """The bytes it is made of, as far as they decide what it reads: [file, SHA-256], in order."""
        return [[name, self.files[name].sha256] for name in sorted(self.files)]

    def write(self, folder: Path) -> None:
        text = self.model_dump_json(indent=2)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Raises WeightsError when there is none, or none of ours, or one of another folder."""
    path = folder / MANIFEST
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise WeightsError(
            f"Model “{folder.name}” has no {MANIFEST} that can be read ({error.strerror}); remove it, then pull or add "
            "it again."
        ) from error
    except ValidationError as error:
        raise WeightsError(
            f"The {MANIFEST} of model “{folder.name}” is not as Longhand wrote it ({first_fault(error)}); remove the "
            "model, then pull or add it again."
        ) from error
    if manifest.name != folder.name:
        raise WeightsError(
            f"The {MANIFEST} in the folder “{folder.name}” is that of “{manifest.name}”; give the folder its name back."
        )
    return manifest


def first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    place = ".".join(str(each) for each in fault["loc"])
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
