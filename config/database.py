"""Turns one address into Django's DATABASES entry; SQLite when none is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


def sqlite(path: Path) -> dict[str, Any]:
    """WAL and IMMEDIATE, so that a writer never fails half-way on a lock upgrade; FULL, because
    a decision that was answered must survive a power cut."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        # Closing the last connection folds the log into the file; per request that would cost more
        # than the request.
        "CONN_MAX_AGE": 600,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON;"
            ),
        },
    }


def from_url(url: str) -> dict[str, Any]:
    """`postgresql://user:password@host:port/name?host=/socket/dir`; raises ValueError otherwise."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return sqlite(Path(unquote(parts.path)))
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError("COUNCIL_DATABASE_URL must start with postgresql:// or sqlite://.")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": query.pop("port", str(parts.port or "")),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **query,
            "options": "-c idle_in_transaction_session_timeout=30s -c timezone=UTC",
        },
    }
