"""Settings: the same code everywhere, other environment variables (docs/deploy.md)."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from celery.schedules import crontab

from config import database, mailing

BASE_DIR = Path(__file__).resolve().parent.parent


def flag(name: str, default: bool) -> bool:
    return os.environ.get(name, "1" if default else "0").lower() in {"1", "true", "yes", "on"}


def words(name: str, default: str) -> list[str]:
    return [word for word in os.environ.get(name, default).split(",") if word]


VAR_DIR = Path(os.environ.get("COUNCIL_VAR_DIR", BASE_DIR / "var"))
VAR_DIR.mkdir(parents=True, exist_ok=True)


def secret_key() -> str:
    """From the environment, or made once for this machine and kept out of the repository."""
    if given := os.environ.get("COUNCIL_SECRET_KEY"):
        return given
    path = VAR_DIR / "secret_key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50))
    return path.read_text().strip()


SECRET_KEY = secret_key()
DEBUG = flag("COUNCIL_DEBUG", False)
DEMO = flag("COUNCIL_DEMO", False)
ALLOWED_HOSTS = words("COUNCIL_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = words("COUNCIL_CSRF_TRUSTED_ORIGINS", "")

# A pilot is one folder: adding it changes no file outside it.
PILOTS = sorted(
    f"apps.pilots.{path.parent.name}" for path in (BASE_DIR / "apps/pilots").glob("*/apps.py")
)
INSTALLED_APPS = [
    "apps.access",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "guardian",
    "simple_history",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "apps.common",
    "apps.ledger",
    "apps.registry",
    "apps.readiness",
    "apps.policies",
    "apps.approvals",
    "apps.runtime",
    "apps.orchestration",
    "apps.gateway",
    "apps.incidents",
    "apps.audit",
    "apps.pilots",
    *PILOTS,
    "apps.council",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.common.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "apps.common.middleware.SessionExpiredMiddleware",
    "apps.common.middleware.TimeZoneMiddleware",
    "apps.common.middleware.ActingMiddleware",
    "apps.common.middleware.RefusalMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.navigation.navigation",
            ],
            "builtins": ["apps.common.templatetags.ui"],
        },
    }
]

DATABASES = {
    "default": database.from_url(os.environ["COUNCIL_DATABASE_URL"])
    if os.environ.get("COUNCIL_DATABASE_URL")
    else database.sqlite(VAR_DIR / "council.sqlite3")
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LEDGER_PROTECTED = True

AUTH_USER_MODEL = "access.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
GUARDIAN_RAISE_403 = False
LOGIN_URL = "access:sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "apps.common.finders.PackageFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 6 * 1024 * 1024

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 60 * 60
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS: list[str] = []
if flag("COUNCIL_SECURE", False):
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
SECURE_CSP: dict[str, list[str]] = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
    "base-uri": ["'none'"],
    "manifest-src": ["'self'"],
}

# Plotly's empty style element, and the one of a map library that it carries and we do not use; the
# second changes with its version, and the browser tests notice.
CHART_STYLES = [
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
    "'sha256-ji27qzEtxXZW+7dun6UwjHXJ18e6WAin1VvNtkzIE/o='",
]

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.common.parsers.ShallowJson"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "apps.common.api.answer_refusals",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Agent Council",
    "DESCRIPTION": "The door for outside agents, and the read API.",
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
}

BROKER_DIR = VAR_DIR / "broker"
CELERY_BROKER_URL = os.environ.get("COUNCIL_BROKER_URL", "filesystem://")
if CELERY_BROKER_URL == "filesystem://":
    for folder in ("messages", "control", "processed"):
        (BROKER_DIR / folder).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        "data_folder_in": str(BROKER_DIR / "messages"),
        "data_folder_out": str(BROKER_DIR / "messages"),
        "control_folder": str(BROKER_DIR / "control"),
        "processed_folder": str(BROKER_DIR / "processed"),
        "store_processed": False,
        "polling_interval": 0.1,
    }
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": 60,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    }
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_TIME_LIMIT = 120
CELERY_TASK_SOFT_TIME_LIMIT = 100
CELERY_TASK_DEFAULT_QUEUE = "steps"
CELERY_TASK_ROUTES = {"apps.*.tasks.sweep*": {"queue": "control"}}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_IMPORTS = ("config.sweeps",)
CELERY_BEAT_SCHEDULER = "config.beat:Scheduler"
# Beat runs idempotent sweeps; every app's tasks name their own (apps/<app>/tasks.py). Those that
# share an interval go in one message: most of what an idle installation does is sending them.
SWEEPS: dict[str, float] = {
    "apps.pilots.tasks.sweep": 1,
    "apps.ledger.tasks.sweep_unsealed": float(os.environ.get("COUNCIL_SEAL_SECONDS", "1")),
    "apps.orchestration.tasks.sweep": 2,
    "apps.runtime.tasks.sweep": 2,
    "apps.audit.tasks.sweep": 3,
    "apps.incidents.tasks.sweep": 3,
    "apps.approvals.tasks.sweep": 5,
    "apps.council.tasks.sweep": 5,
    "apps.policies.tasks.sweep": 15,
    "apps.approvals.tasks.sweep_notices": 20,
    "apps.audit.tasks.sweep_packs": 20,
    "apps.readiness.tasks.sweep": 20,
    "apps.ledger.tasks.sweep_checkpoints": 30,
    "apps.council.tasks.sweep_certifications": 300,
    "apps.ledger.tasks.sweep_everything": 300,
    "apps.orchestration.tasks.sweep_processes": 3_600,
    "apps.audit.tasks.sweep_whole": 86_400,
}
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    f"every-{seconds:g}-s": {
        "task": "config.sweeps.together",
        "args": [name for name, every in SWEEPS.items() if every == seconds],
        "schedule": float(seconds),
        "options": {"queue": "control", "expires": max(5, min(5 * seconds, 3_600))},
    }
    for seconds in sorted(set(SWEEPS.values()))
}
CELERY_BEAT_SCHEDULE["approvals-checkpoints"] = {
    "task": "apps.approvals.tasks.sweep_checkpoints",
    "schedule": crontab(hour=2, minute=17),
    "options": {"queue": "control", "expires": 3600},
}

# Council settings: defaults that an organisation changes by environment or database, not by code.
COUNCIL: dict[str, Any] = {
    "LEASE_SECONDS": int(os.environ.get("COUNCIL_LEASE_SECONDS", "30")),
    "CLAIM_MINUTES": 15,
    # Whether serious incidents start the periods of the EU AI Act (apps/incidents/clocks.py).
    "CLOCKS": flag("COUNCIL_CLOCKS", True),
    # Per thousand answers of a person: known-answer items mixed in, blind second looks drawn, and
    # items below high risk of which others' decisions are shown only after the person's own.
    "SEED_PERMILLE": int(os.environ.get("COUNCIL_SEED_PERMILLE", "25")),
    "SECOND_LOOK_PERMILLE": int(os.environ.get("COUNCIL_SECOND_LOOK_PERMILLE", "50")),
    "OWN_JUDGEMENT_PERMILLE": int(os.environ.get("COUNCIL_OWN_JUDGEMENT_PERMILLE", "100")),
    # A break is advised after so many answers in an hour; nothing stops a person.
    "ANSWERS_PER_HOUR": int(os.environ.get("COUNCIL_ANSWERS_PER_HOUR", "60")),
    # Whether deciding needs a training record for the risk.
    "TRAINING_REQUIRED": flag("COUNCIL_TRAINING_REQUIRED", DEMO),
    # How long what one agent wrote is held against another that wants it otherwise.
    "CONTRADICTION_SECONDS": int(os.environ.get("COUNCIL_CONTRADICTION_SECONDS", "600")),
    # How long an approval can be taken back before it is used; 0 uses it at once.
    "DISPATCH_SECONDS": int(os.environ.get("COUNCIL_DISPATCH_SECONDS", "10")),
    # How many of an agent's last editors may not decide on its actions.
    "CONFLICT_EDITORS": int(os.environ.get("COUNCIL_CONFLICT_EDITORS", "3")),
    # Where links in mails and webhooks lead, and the organisation's own system that is told.
    "BASE_URL": os.environ.get("COUNCIL_BASE_URL", "http://127.0.0.1:8000"),
    "WEBHOOK_URL": os.environ.get("COUNCIL_WEBHOOK_URL", ""),
    "WEBHOOK_SECRET": os.environ.get("COUNCIL_WEBHOOK_SECRET", ""),
    # Periods of the council are in days; a demonstration's day is a minute.
    "DAY_SECONDS": int(os.environ.get("COUNCIL_DAY_SECONDS", "60" if DEMO else "86400")),
    # What one decision is taken to cost a person, where a backtest tells hours of review.
    "REVIEW_MINUTES": int(os.environ.get("COUNCIL_REVIEW_MINUTES", "5")),
    # How many of the workers' processes may share one backtest.
    "BACKTEST_HANDS": int(os.environ.get("COUNCIL_BACKTEST_HANDS", "2")),
}

# Event logs and tables of processes: kept as they came, where web and workers both reach them.
READINESS: dict[str, Any] = {
    "DIR": os.environ.get("COUNCIL_LOG_DIR", VAR_DIR / "logs"),
    "MOST_BYTES": int(os.environ.get("COUNCIL_LOG_BYTES", "2000000000")),
}

# The ledger: private keys and checkpoints stand outside the database; keep the second on another
# machine (docs/audit.md). A demonstration makes its key itself and its hours are minutes.
LEDGER: dict[str, Any] = {
    "ORIGIN": os.environ.get("COUNCIL_LEDGER_ORIGIN", "agent-council/ledger"),
    "KEY_DIR": os.environ.get("COUNCIL_LEDGER_KEY_DIR", VAR_DIR / "keys"),
    "CHECKPOINT_DIR": os.environ.get("COUNCIL_CHECKPOINT_DIR", VAR_DIR / "checkpoints"),
    "CHECKPOINT_MAIL": words("COUNCIL_CHECKPOINT_MAIL", ""),
    "HOUR_SECONDS": int(os.environ.get("COUNCIL_HOUR_SECONDS", "60" if DEMO else "3600")),
    # Fingerprints that people compared: no other key counts, but for those that they endorse.
    "FINGERPRINTS": words("COUNCIL_LEDGER_FINGERPRINTS", ""),
    "MAKES_KEY": DEMO,
    "RETENTION_DAYS": int(os.environ.get("COUNCIL_RETENTION_DAYS", "2555")),
    "PACK_DIR": os.environ.get("COUNCIL_PACK_DIR", VAR_DIR / "packs"),
}

# smtp://user:password@host:587?tls=1, console://, or nothing: then nobody is mailed.
locals().update(mailing.from_url(os.environ.get("COUNCIL_EMAIL_URL", "")))
DEFAULT_FROM_EMAIL = os.environ.get("COUNCIL_EMAIL_FROM", "council@localhost")
EMAIL_TIMEOUT = 10

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    # kombu warns of the missing host name of filesystem:// on every connection.
    "loggers": {"kombu.connection": {"level": "ERROR"}},
    "root": {"handlers": ["console"], "level": os.environ.get("COUNCIL_LOG_LEVEL", "WARNING")},
}
