"""Django's settings, all of them derived from the typed environment in ``env.py``."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django_stubs_ext
from psycopg.conninfo import conninfo_to_dict

from project import services
from project.env import ROOT, read_environment
from transcription.engines.endpoints import WrongEndpoints, declared_engines, read_endpoints

# ModelForm[Collection] and QuerySet[Page] are types for the checker; at run time Django must bear the brackets.
django_stubs_ext.monkeypatch()

if TYPE_CHECKING:
    from transcription.engines.registry import EngineDeclaration

_env = read_environment()

DATA = _env.data
DEBUG = _env.debug
DEMO = _env.embedded_database if _env.demo is None else _env.demo
# The sample's accounts: the password of each is its name. Made by create_sample, and only where DEMO is on.
DEMO_ACCOUNTS = ("staff", "reviewer", "lead", "admin")


def _kept_secret_key(file: Path) -> str:
    """The key in ``file``, made there first if need be; several processes may ask at once and all get the same one."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f"{file.name}.{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(64))
        try:
            os.link(fresh, file)
        except FileExistsError:
            pass  # another process was first; its key counts
        finally:
            fresh.unlink()
    return file.read_text().strip()


SECRET_KEY = _env.secret_key.get_secret_value() or _kept_secret_key(DATA / "secret_key")
ALLOWED_HOSTS = list(_env.allowed_hosts)
CSRF_TRUSTED_ORIGINS = list(_env.csrf_trusted_origins)

# --- What Longhand is made of ---------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django_htmx",
    "ninja",  # for the scripts of the page that shows the HTTP API
    "transcription",
    "review",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "project.middleware.ContentSecurityPolicy",
    "transcription.api.problems.ProblemAnswers",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database and broker --------------------------------------------------------------------------------------------

EMBEDDED_DATABASE = _env.embedded_database
EMBEDDED_BROKER = _env.embedded_broker
SERVICES = DATA / "services"
_embedded = services.addresses(SERVICES)
DATABASE_URL = _env.database_url or _embedded.database_url
REDIS_URL = _env.redis_url or _embedded.redis_url


def _database(url: str) -> dict[str, Any]:
    """Django's form of a PostgreSQL URL; what Django has no key for (sslmode …) goes to psycopg as it stands."""
    parts = {key: value for key, value in conninfo_to_dict(url).items() if value is not None}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": str(parts.pop("dbname", "longhand")),
        "USER": str(parts.pop("user", "")),
        "PASSWORD": str(parts.pop("password", "")),
        "HOST": str(parts.pop("host", "")),
        "PORT": str(parts.pop("port", "")),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 10, **parts},
    }


DATABASES = {"default": _database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The broker only rings (DESIGN.md, "How work is spread"): work rows in PostgreSQL are what must not be lost. So the
# ack is early: late acks over Redis run twice, run for ever or take their worker down, each of it reproduced.
CELERY_BROKER_URL = services.broker_url(REDIS_URL)
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "cpu"
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_QUEUES = {name: {"exchange": name, "routing_key": name} for name in ("cpu", "engine")}
CELERY_TASK_ROUTES = {
    "transcription.tasks.drain_cpu": {"queue": "cpu"},
    "transcription.tasks.drain_engine": {"queue": "engine"},
}
CELERY_TASK_TIME_LIMIT = 3600  # a second net: leases are the first
CELERY_TASK_PUBLISH_RETRY = False  # a bell that does not ring is rung by the sweeper; nobody waits for it
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "socket_timeout": 30, "socket_keepalive": True}
CELERY_WORKER_DISABLE_PREFETCH = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 60.0
CELERY_WORKER_ENABLE_SOFT_SHUTDOWN_ON_IDLE = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TIMEZONE = "UTC"

# --- Reading --------------------------------------------------------------------------------------------------------

# Like CACHES: imported on first use, by worker processes only.
ENGINES: dict[str, EngineDeclaration] = {
    "starter": {
        "CLASS": "transcription.engines.starter.Starter",
        "LITERAL": True,
        "VERSION": "2",
        "READS": ["lines"],
        "WEIGHTS": "starter.safetensors",
        "FILES": {"language_models": ["lm-weights.json", "lm-en.npz", "lm-fr.npz", "lm-generic.npz"]},
        # "auto" lets the machine settle how wide the numbers are, which turns a close call between two characters now
        # and then: so it is an option, part of what a pass is, and "single" another pass. See README, "Decisions".
        "OPTIONS": {"precision": "auto"},
        "RUNTIME": {"threads": _env.engine_threads, "device": "auto"},
    },
    # The same network without a language model: what it gains is measured against this; and a pass by it costs less.
    "starter-greedy": {
        "CLASS": "transcription.engines.starter.Starter",
        "LITERAL": True,
        "VERSION": "2",
        "READS": ["lines"],
        "WEIGHTS": "starter.safetensors",
        "OPTIONS": {"precision": "auto", "decoder": "greedy"},
        "RUNTIME": {"threads": _env.engine_threads, "device": "auto"},
    },
    # A second recogniser that sees lines at 64 pixels where the starter sees them at 48, and whose upper half began
    # with other weights: it errs elsewhere, which is what a vote lives on.
    "starter-tall": {
        "CLASS": "transcription.engines.starter.Starter",
        "VERSION": "2",
        "READS": ["lines"],
        "LITERAL": True,
        "WEIGHTS": "starter-tall.safetensors",
        "FILES": {"language_models": ["lm-weights.json", "lm-en.npz", "lm-fr.npz", "lm-generic.npz"]},
        "OPTIONS": {"precision": "auto"},
        "RUNTIME": {"threads": _env.engine_threads, "device": "auto"},
    },
    # Finds lines with a network of our own; classical needs no weights and stays as the fall-back.
    "learned": {
        "CLASS": "transcription.engines.segmenters.learned.LearnedSegmenter",
        "VERSION": "2",
        "WEIGHTS": "segmenter.safetensors",
        "FILES": {"printing": ["print.safetensors"]},
        "OPTIONS": {"precision": "auto"},
        "RUNTIME": {"threads": _env.engine_threads, "device": "auto"},
    },
    "classical": {
        "CLASS": "transcription.engines.segmenters.classical.ClassicalSegmenter",
        "VERSION": "2",
        "OPTIONS": {},
    },
    # For lines of print, where the program is installed. Its release is an option, so that one of another release,
    # which reads differently, is never given this one's work; web processes need not run it to know what it is.
    "tesseract": {
        "CLASS": "transcription.engines.tesseract.Tesseract",
        "LITERAL": True,
        "VERSION": "1",
        "READS": ["print"],
        "OPTIONS": {"release": "5", "languages": {"en": "eng", "fr": "fra"}},
        "PROBE": "transcription.engines.tesseract.why_not",
    },
}
# Models that people brought are engines too, by their names: manage.py models.
MODELS = _env.models or DATA / "models"
# What of ENGINES and MODELS the workers of this environment hold; empty: all that their machine can run.
HELD_ENGINES = _env.engines
# Vision models behind OpenAI's API, paid or self-hosted, as the operator declares them; keys stay in the environment.
ENDPOINTS_FILE = DATA / "endpoints.toml"
ENDPOINTS = read_endpoints(ENDPOINTS_FILE)
if taken := sorted(ENGINES.keys() & ENDPOINTS.keys()):
    raise WrongEndpoints(
        ENDPOINTS_FILE, [f"endpoint “{name}”: an engine has this name; choose another" for name in taken]
    )
ENGINES |= declared_engines(ENDPOINTS)
# The first of these whose weights are here finds the lines of new runs.
SEGMENTERS = ["learned", "classical"]
ENGINE_THREADS = _env.engine_threads
ENGINE_IDLE_SECONDS = _env.engine_idle_seconds
ENGINE_MEMORY_BYTES = _env.engine_memory_mb * 2**20
LEASE_SECONDS = _env.lease_seconds
SWEEP_SECONDS = _env.sweep_seconds
EXPORT_DAYS = _env.export_days

# --- Uploads --------------------------------------------------------------------------------------------------------

MAX_FILE_BYTES = _env.max_file_mb * 2**20
MAX_PAGES = _env.max_pages
MAX_PIXELS = _env.max_pixels
MAX_SIDE = _env.max_side
FETCH_HOSTS = _env.fetch_hosts
# Files are not counted in this one; they stream to disk and are measured against MAX_FILE_BYTES as they arrive.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 2**20
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000
DATA_UPLOAD_MAX_NUMBER_FILES = 500
FILE_UPLOAD_MAX_MEMORY_SIZE = 2**20
FILE_UPLOAD_TEMP_DIR = None
FILE_UPLOAD_PERMISSIONS = 0o640

# --- HTTP API -------------------------------------------------------------------------------------------------------

API_CALLS_PER_MINUTE = _env.api_calls_per_minute
API_BURST = _env.api_burst

# --- Files ----------------------------------------------------------------------------------------------------------

MEDIA_ROOT = DATA / "media"
MEDIA_URL = "/media/"  # never mapped to the folder: files go out through views that check who asks
STATIC_URL = "/static/"
STATIC_ROOT = DATA / "static"
STATICFILES_DIRS = [ROOT / "static"]
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG


def _storage() -> dict[str, Any]:
    if not _env.s3_bucket:
        return {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    options = {"bucket_name": _env.s3_bucket, "file_overwrite": False, "default_acl": None, "querystring_auth": True}
    options |= {"endpoint_url": _env.s3_endpoint} if _env.s3_endpoint else {}
    options |= {"region_name": _env.s3_region} if _env.s3_region else {}
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


STORAGES: dict[str, dict[str, Any]] = {
    "default": _storage(),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage",
    },
}

# --- People ---------------------------------------------------------------------------------------------------------

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _env.https
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = _env.https
SECURE_SSL_REDIRECT = _env.https
SECURE_HSTS_SECONDS = 31_536_000 if _env.https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _env.https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _env.https else None
SILENCED_SYSTEM_CHECKS = ["security.W021"]  # HSTS preload binds a whole domain for years: its owner decides
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- Language and time ----------------------------------------------------------------------------------------------

LANGUAGE_CODE = _env.language
LANGUAGES = [("en", "English"), ("fr", "Français")]  # those whose catalogue is complete: a test sees to it
LANGUAGE_COOKIE_NAME = "longhand-language"
LANGUAGE_COOKIE_AGE = 365 * 86_400
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = _env.https
LOCALE_PATHS = [ROOT / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = _env.time_zone

# --- Where the processes listen and log -----------------------------------------------------------------------------

HOST = _env.host
PORT = _env.port
WEB_THREADS = _env.web_threads
LOGS = DATA / "log"
LOG_LEVEL = _env.log_level
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname:<7} {process} {name}: {message}", "style": "{"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        "django.server": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        "kombu": {"level": "WARNING"},
        "PIL": {"level": "INFO"},
        "pyvips": {"level": "WARNING"},
    },
}
