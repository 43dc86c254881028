"""WSGI entry point: `config.wsgi:application`."""

from __future__ import annotations

import atexit
import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
atexit.register(import_module("apps.runtime.processes").start("web"))
