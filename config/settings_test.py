"""Settings for tests: the product's own, less what a test must be able to undo."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("COUNCIL_VAR_DIR", tempfile.mkdtemp(prefix="council-test-"))
os.environ.setdefault("COUNCIL_SECRET_KEY", "only-for-tests")
# Nothing is drawn by chance in a test that does not ask for it.
for name in ("SEED", "SECOND_LOOK", "OWN_JUDGEMENT"):
    os.environ.setdefault(f"COUNCIL_{name}_PERMILLE", "0")

from config.settings import *  # noqa: E402, F403
from config.settings import COUNCIL, DATABASES, STATIC_ROOT, STORAGES, VAR_DIR  # noqa: E402

ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# A transactional test ends in a flush, which deletes; tests/ledger installs the triggers itself.
LEDGER_PROTECTED = False
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS = {}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# Approvals are used at once, except where a test wants time to take one back.
COUNCIL = {**COUNCIL, "DISPATCH_SECONDS": 0}
