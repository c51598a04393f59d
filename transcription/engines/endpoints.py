"""Endpoints as an operator declares them in ``endpoints.toml``: checked whole, turned into engines.

Settings read this when they load, web processes included, so it imports nothing that reads or that speaks HTTP. A
wrong file is reported with all of its faults at once. The key of an endpoint never stands in the file, only the name
of the variable that holds it, or the path of a secret's file.
"""

from __future__ import annotations

import os
import tomllib
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from transcription.errors import PermanentError
from transcription.htr.records import Usage

if TYPE_CHECKING:
    from transcription.engines.registry import EngineDeclaration

PROMPTS = Path(__file__).parent / "prompts"
DEFAULT_PROMPTS = {"lines": "endpoint-line-v1.txt", "pages": "endpoint-page-v1.txt"}
LONGEST_PROMPT = 20_000  # bytes
CLASS, VERSION = "transcription.engines.openai.OpenAiEndpoint", "1"
NAME = r"^[a-z][a-z0-9-]{0,39}$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"


class WrongEndpoints(Exception):
    """The file of endpoints has faults; the message lists every one, a line each."""

    def __init__(self, path: Path, faults: list[str]) -> None:
        self.faults = faults
        super().__init__(f"{path} is wrong:\n" + "\n".join(f"  - {fault}" for fault in faults))


class NoKey(PermanentError):
    code = "endpoint-key"


class Endpoint(BaseModel):
    """One vision endpoint that speaks OpenAI's chat completions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(pattern=NAME)
    """What profiles, budgets and screens call it."""
    url: str
    """Up to and without ``/chat/completions``, such as https://api.example.org/v1."""
    model: str = Field(min_length=1, max_length=200)
    mode: Literal["lines", "pages"] = "lines"
    key_variable: str = Field("", pattern=f"{VARIABLE}|^$")
    """Name of the environment variable that holds the key; empty: none is sent."""
    key_file: str = ""
    """File that holds the key and nothing else, as secret stores mount it."""
    prompt: str = ""
    """File beside endpoints.toml with the prompt; empty: the bundled one."""

    max_tokens: int = Field(0, ge=0, le=100_000)
    """Most tokens of one answer; 0: 256 for a line, 4096 for a page."""
    max_tokens_parameter: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    image_detail: Literal["", "low", "high", "auto"] = ""
    image_height: int = Field(128, ge=32, le=1024)
    """Lines are enlarged to so many pixels."""
    image_side: int = Field(2048, ge=256, le=8192)
    """Pages are made smaller until their longer side has so many pixels."""
    temperature: float | None = Field(0.0, ge=0.0, le=2.0)
    seed: int | None = 0
    logprobs: bool = True
    """Ask for the tokens' probabilities; where the endpoint refuses, every character gets ``fixed_score``."""
    fixed_score: float = Field(0.7, ge=0.0, le=1.0)

    concurrency: int = Field(4, ge=1, le=64)
    """Calls of one worker process at a time."""
    connect_seconds: float = Field(10.0, gt=0, le=120)
    read_seconds: float = Field(60.0, gt=0, le=600)
    total_seconds: float = Field(120.0, gt=0, le=1800)

    image_tokens: int = Field(4096, ge=1, le=100_000)
    """The most tokens one image is counted as: reserved before the call, corrected by what the endpoint counts."""
    price_in: Decimal = Field(Decimal(0), ge=0, le=1_000_000, max_digits=16)
    """Price of a million tokens that go in, in the file's currency."""
    price_out: Decimal = Field(Decimal(0), ge=0, le=1_000_000, max_digits=16)
    bills_errors: bool = True
    """Whether an answer with an error of the server's (5xx) may be billed. False gives its reservation back."""

    @field_validator("price_in", "price_out", mode="before")
    @classmethod
    def _is_price(cls, value: object) -> object:
        """TOML's numbers by their decimals: 0.1 is a tenth, not the double next to it."""
        return Decimal(str(value)) if isinstance(value, (int, float)) and not isinstance(value, bool) else value

    @field_validator("temperature", "fixed_score", "connect_seconds", "read_seconds", "total_seconds", mode="before")
    @classmethod
    def _is_float(cls, value: object) -> object:
        """TOML tells 1 from 1.0; here there is no difference."""
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("url")
    @classmethod
    def _is_plain_http(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            _ = parts.port  # raises where it is no number
        except ValueError:
            raise ValueError("expected an address such as https://api.example.org/v1") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("expected an address that begins with http:// or https://")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("expected an address without a password, query or fragment; name the key by key_variable")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _has_one_key(self) -> Self:
        if self.key_variable and self.key_file:
            raise ValueError("key_variable and key_file exclude each other; give the one that holds the key")
        return self

    @property
    def most_out(self) -> int:
        """Most tokens of one answer."""
        return self.max_tokens or {"lines": 256, "pages": 4096}[self.mode]

    def money(self, usage: Usage) -> int:
        """What ``usage`` costs in millionths of the currency, rounded up: a price for a million tokens is as many
        millionths for one."""
        exact = usage.tokens_in * self.price_in + usage.tokens_out * self.price_out
        return int(exact.to_integral_value(ROUND_CEILING))

    def has_key(self) -> bool:
        """Whether the key can be read where the declaration says; True where none is needed."""
        try:
            self.key()
        except NoKey:
            return False
        return True

    def key(self) -> SecretStr:
        """The key, empty where none is declared. Raises NoKey, which names its place and never what stands there."""
        if self.key_variable:
            key = os.environ.get(self.key_variable, "").strip()
            where = f"the environment variable {self.key_variable} is empty; set it for the workers"
        elif self.key_file:
            try:
                key = Path(self.key_file).read_text(encoding="utf-8").strip()
            except (OSError, ValueError):
                key = ""
            where = f"{self.key_file} cannot be read or is empty; let the workers read it"
        else:
            return SecretStr("")
        if not key:
            raise NoKey(f"Endpoint “{self.name}” has no key: {where}, or use another engine.")
        if not (key.isascii() and key.isprintable()):
            raise NoKey(f"The key of endpoint “{self.name}” holds characters that no key has; store it again.")
        return SecretStr(key)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    currency: str = Field("USD", pattern=r"^[A-Z]{3}$")
    endpoint: list[Endpoint] = []


class Endpoints(dict[str, Endpoint]):
    """All declared endpoints by their names, and the currency of their prices."""

    currency = "USD"


def read_endpoints(path: Path) -> Endpoints:
    """The endpoints that ``path`` declares; none where it does not exist. Raises WrongEndpoints."""
    found = Endpoints()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return found
    except (OSError, ValueError) as error:  # TOML's and UTF-8's errors are ValueErrors
        raise WrongEndpoints(path, [f"it cannot be read: {error}"]) from None
    faults: list[str] = []
    try:
        file = _File.model_validate(raw)
    except ValidationError as error:
        raise WrongEndpoints(path, [_sentence(dict(fault), raw) for fault in error.errors()]) from None
    found.currency = file.currency
    for endpoint in file.endpoint:
        if endpoint.name in found:
            faults.append(f"endpoint “{endpoint.name}”: declared twice; give each a name of its own")
        try:
            text = _prompt(path.parent, endpoint)
        except (OSError, ValueError) as error:
            faults.append(f"endpoint “{endpoint.name}”: prompt: {error}")
            text = ""
        found[endpoint.name] = endpoint.model_copy(update={"prompt": text})
    if faults:
        raise WrongEndpoints(path, faults)
    return found


def declared_engines(endpoints: Endpoints) -> dict[str, EngineDeclaration]:
    """Each endpoint as an engine. What it reads with is OPTIONS, part of its digest, the prompt's text included; how
    this machine reaches it, what it costs and where its key is are not."""
    return {name: _declaration(endpoint) for name, endpoint in endpoints.items()}


READING = {
    "url",
    "model",
    "mode",
    "prompt",
    "max_tokens",
    "image_detail",
    "image_height",
    "image_side",
    "temperature",
    "seed",
    "logprobs",
    "fixed_score",
}


def _declaration(endpoint: Endpoint) -> EngineDeclaration:
    options: dict[str, Any] = endpoint.model_dump(include=READING) | {"max_tokens": endpoint.most_out}
    return {
        "CLASS": CLASS,
        "VERSION": VERSION,
        "READS": [endpoint.mode],
        "OPTIONS": options,
        "RUNTIME": endpoint.model_dump(exclude=READING),
    }


def _prompt(folder: Path, endpoint: Endpoint) -> str:
    path = folder / endpoint.prompt if endpoint.prompt else PROMPTS / DEFAULT_PROMPTS[endpoint.mode]
    with path.open("rb") as file:
        text = file.read(LONGEST_PROMPT + 1)
    if len(text) > LONGEST_PROMPT or not text.strip():
        raise ValueError(f"expected a text of 1 to {LONGEST_PROMPT:,} bytes in {path}")
    return text.decode("utf-8").strip()


def _sentence(fault: dict[str, Any], raw: dict[str, Any]) -> str:
    """One fault in words. Values are not shown: somebody may have written the key itself where its name belongs."""
    location = [str(each) for each in fault["loc"]]
    message = str(fault["msg"]).removeprefix("Value error, ")
    where = ""
    if len(location) > 1 and location[0] == "endpoint" and location[1].isdigit():
        declared = raw["endpoint"][int(location[1])]
        name = declared.get("name") if isinstance(declared, dict) else None
        shown = f"“{name}”" if isinstance(name, str) and name else f"number {int(location[1]) + 1}"
        where, location = f"endpoint {shown}: ", location[2:]
    return f"{where}{'.'.join(location)}: {message}" if location else f"{where}{message}"
