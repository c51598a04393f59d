"""The environment Longhand is configured by: read once, checked whole, named in one place.

Only ``settings.py`` reads it. A wrong environment is reported with all of its faults at once, each by the name of its
variable. ``deploy/env.example`` lists every variable; a test holds the two together.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "LONGHAND_"
DATABASE_SCHEMES = ("postgresql://", "postgres://")
BROKER_SCHEMES = ("redis://", "rediss://", "unix://")


class WrongEnvironment(Exception):
    """The environment has faults; the message lists every one, a line each."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("The environment is wrong:\n" + "\n".join(f"  - {fault}" for fault in faults))


class Env(BaseSettings):
    """Every variable Longhand reads, with its type, its default and its limits."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore")

    database_url: str = Field("", validation_alias="DATABASE_URL")
    """postgresql://user:password@host:5432/name; empty: the embedded PostgreSQL."""
    redis_url: str = Field("", validation_alias="REDIS_URL")
    """redis://…, rediss://… or unix:///path?db=0; empty: the embedded Valkey."""

    data: Path = ROOT / ".longhand"
    """Folder of everything Longhand keeps on this machine: media, logs, the embedded servers, the secret key."""
    debug: bool = False
    demo: bool | None = None
    """Sample collection with well-known passwords; by default only on the embedded database."""
    secret_key: SecretStr = SecretStr("")
    """At least 32 characters; empty: made once and kept in the data folder."""
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ("localhost", "127.0.0.1", "[::1]")
    """Host names, comma-separated."""
    csrf_trusted_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Origins with their scheme, comma-separated; needed behind a proxy that ends TLS."""
    https: bool = False
    """Served over HTTPS: secure cookies, redirect from HTTP, HSTS, trust in X-Forwarded-Proto."""
    language: Literal["en", "fr"] = "en"
    """Of the screens, for those whose browser asks for neither and who have not chosen one."""
    time_zone: str = "UTC"
    log_level: str = Field("INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$")

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    web_threads: PositiveInt = Field(8, le=256)

    max_file_mb: PositiveInt = 512
    """Largest single upload, in MiB."""
    max_pages: PositiveInt = 2000
    """Most pages one uploaded file may hold."""
    max_pixels: PositiveInt = 150_000_000
    """Most pixels one page may hold."""
    max_side: PositiveInt = 30_000
    """Longest side of one page, in pixels."""
    fetch_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Hosts (name or name:port) and networks (10.1.0.0/16), comma-separated, that may be called although they are not
    on the public internet, or not encrypted: IIIF servers and receivers of webhooks inside your network."""

    api_calls_per_minute: PositiveInt = 600
    """How often one token may call the HTTP API, on average."""
    api_burst: PositiveInt = 100
    """How many calls one token may make at once after it has been quiet."""

    models: Path | None = None
    """Folder of the models that were brought; empty: models in the data folder."""
    engines: Annotated[tuple[str, ...], NoDecode] = ()
    """Names of the engines that workers started with this environment hold, comma-separated; empty: all."""
    engine_threads: PositiveInt = Field(1, le=256)
    """OMP threads of an engine worker."""
    engine_idle_seconds: PositiveInt = 600
    """How long an engine worker keeps a model in memory that nobody asks for."""
    engine_memory_mb: int = Field(0, ge=0)
    """MiB at which an engine worker ends its turn and is replaced by a fresh process; 0: none."""
    lease_seconds: PositiveInt = Field(60, ge=2, le=3600)
    """How long a worker may show no progress before its work is given to another."""
    sweep_seconds: float = Field(2.0, gt=0, le=60)
    """How often the sweeper looks for leases that ran out and for work that nobody was called to."""

    export_days: PositiveInt = 14
    """How long the file of an export is kept."""

    s3_bucket: str = ""
    """Keep originals and derivatives in this bucket instead of the data folder. Keys: AWS_ACCESS_KEY_ID and friends."""
    s3_endpoint: str = ""
    s3_region: str = ""

    @field_validator("allowed_hosts", "csrf_trusted_origins", "engines", "fetch_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(item.strip() for item in value.split(",") if item.strip()) if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: str) -> str:
        if value and not value.startswith(DATABASE_SCHEMES):
            raise ValueError(f"expected {DATABASE_SCHEMES[0]}…: Longhand keeps its data in PostgreSQL only")
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: str) -> str:
        if value and not value.startswith(BROKER_SCHEMES):
            raise ValueError(f"expected one of {', '.join(scheme + '…' for scheme in BROKER_SCHEMES)}")
        return value

    @field_validator("secret_key")
    @classmethod
    def _is_long(cls, value: SecretStr) -> SecretStr:
        if value and len(value.get_secret_value()) < 32:
            raise ValueError("expected at least 32 characters, or nothing")
        return value

    @field_validator("csrf_trusted_origins")
    @classmethod
    def _have_schemes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if bare := [origin for origin in value if "://" not in origin]:
            raise ValueError(f"expected origins with their scheme, such as https://{bare[0]}")
        return value

    @field_validator("fetch_hosts")
    @classmethod
    def _are_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            if "/" not in entry:
                continue
            try:
                ip_network(entry, strict=False)
            except ValueError as error:
                raise ValueError(f"expected host names, or networks such as 10.1.0.0/16, not {entry!r}") from error
        return value

    @field_validator("data", "models")
    @classmethod
    def _is_absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, value: str) -> str:
        from zoneinfo import available_timezones

        if value != "UTC" and value not in available_timezones():
            raise ValueError("expected a name of the time zone database, such as Europe/Berlin")
        return value

    @model_validator(mode="after")
    def _no_demo_on_a_server(self) -> Self:
        if self.demo and self.https:
            raise ValueError("LONGHAND_DEMO makes accounts with known passwords; it cannot go with LONGHAND_HTTPS")
        return self

    @property
    def embedded_database(self) -> bool:
        return not self.database_url

    @property
    def embedded_broker(self) -> bool:
        return not self.redis_url

    @classmethod
    def variables(cls) -> tuple[str, ...]:
        """Names of all variables, as the environment spells them."""
        return tuple(str(field.validation_alias or PREFIX + name.upper()) for name, field in cls.model_fields.items())


def read_environment() -> Env:
    """The checked environment. Raises WrongEnvironment with every fault, misspelled names included."""
    faults = _misspelled(os.environ)
    try:
        env = Env()
    except ValidationError as error:
        faults = [_sentence(dict(fault)) for fault in error.errors()] + faults
    if faults:
        raise WrongEnvironment(faults)
    return env


def _sentence(fault: dict[str, object]) -> str:
    location = fault["loc"]
    assert isinstance(location, tuple)
    message = str(fault["msg"]).removeprefix("Value error, ")
    if not location:
        return message
    name = str(location[0])
    variable = name if name.isupper() else PREFIX + name.upper()
    shown = "" if "SECRET" in variable or "URL" in variable else f" (found {fault['input']!r})"
    return f"{variable}: {message}{shown}"


def _misspelled(environ: Iterable[str]) -> list[str]:
    known = Env.variables()
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    close = {name: difflib.get_close_matches(name, known, n=1, cutoff=0.88) for name in unknown}
    return [f"{name}: no such variable; did you mean {match[0]}?" for name, match in close.items() if match]
