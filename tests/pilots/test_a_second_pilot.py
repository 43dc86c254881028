"""A second pilot is a folder: put beside the first in a copy of the product, it is discovered,
migrated, seeded, governed and shown, and not one line outside the folder is touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from django.conf import settings

pytestmark = pytest.mark.slow

PARCELS = {
    "__init__.py": '"""Weighs parcels that come in."""\n',
    "apps.py": """
        from django.apps import AppConfig


        class ParcelsConfig(AppConfig):
            name = "apps.pilots.parcels"
            label = "parcels"

            def ready(self) -> None:
                from apps.orchestration.definitions import register as register_workflow
                from apps.pilots.catalogue import PilotInfo, register
                from apps.pilots.parcels import connector, seed, workflow
                from apps.runtime import toolbox

                toolbox.register(connector.Scales())
                register_workflow(workflow.Weighing())
                register(
                    PilotInfo(
                        slug="parcels",
                        title="Parcels",
                        url_name="parcels:parcels",
                        sweep=lambda: None,
                        seed=seed.seed,
                        words={"parcel": {"weighed": ("ok", "On the scales")}},
                        records=("Parcel",),
                        hint=lambda: "Send a parcel.",
                    )
                )
        """,
    "models.py": """
        from django.db import models


        class Parcel(models.Model):
            code = models.CharField(max_length=20, unique=True)
            grams = models.PositiveIntegerField()
            status = models.CharField(max_length=10, default="received")
        """,
    "connector.py": """
        from apps.pilots.parcels.models import Parcel
        from apps.registry.rules import ToolSpec
        from apps.runtime.toolbox import Call, Effected, Preview

        TEXT = {"type": "string", "maxLength": 20}
        TOOL = ToolSpec(
            name="parcels.weigh",
            title="Weigh a parcel",
            description="Puts a parcel on the scales.",
            input_schema={
                "type": "object",
                "properties": {"code": TEXT},
                "required": ["code"],
                "additionalProperties": False,
            },
            effect="write",
            idempotent=True,
        )


        class Scales:
            name = "scales"
            tools = (TOOL,)
            transactional = True

            def source(self, tool):
                return "scales"

            def facts(self, tool, arguments):
                return {}

            def preview(self, tool, arguments):
                return Preview("Weigh a parcel")

            def perform(self, call: Call) -> Effected:
                Parcel.objects.create(code=call.arguments["code"], grams=420, status="weighed")
                return Effected({"grams": 420})

            def undo(self, call, before, after):
                Parcel.objects.filter(code=call.arguments["code"]).delete()

            def lookup(self, idem_key):
                return None
        """,
    "workflow.py": """
        from apps.orchestration.definitions import Finish, StepSpec


        class Weighing:
            slug = "parcel-weighing"
            title = "Parcel weighing"
            version = 1

            def next(self, state):
                if not state.done("weigh"):
                    code = {"code": state.trigger["code"]}
                    return [StepSpec("weigh", "parcel-scales", "parcels.weigh", code, "Weigh")]
                return Finish("weighed", "The parcel is weighed.")
        """,
    "seed.py": """
        import datetime as dt

        from apps.access.models import Department, User
        from apps.common.clock import now
        from apps.orchestration.services import install_workflow
        from apps.pilots.parcels.connector import TOOL
        from apps.pilots.parcels.workflow import Weighing
        from apps.registry import services


        def seed() -> None:
            tool = services.register_tool(actor=None, spec=TOOL)
            agent = services.register_agent(
                actor=None,
                slug="parcel-scales",
                name="Parcel scales",
                purpose="Weighs parcels.",
                owner=User.objects.get(username="operator"),
                created_by=User.objects.get(username="admin"),
                sponsor=Department.objects.get(slug="finance"),
                kind="native",
            )
            end = now() + dt.timedelta(days=9)
            services.grant(actor=None, agent=agent, tool=tool, expires_at=end, reason="Seed")
            services.activate_agent(actor=None, agent=agent, reason="Seed")
            install_workflow(definition=Weighing())
        """,
    "urls.py": """
        from django.urls import path

        from apps.pilots.parcels import views

        app_name = "parcels"
        urlpatterns = [path("", views.parcels, name="parcels")]
        """,
    "views.py": """
        from django.shortcuts import render

        from apps.access.guards import needs
        from apps.pilots.parcels.models import Parcel


        @needs("pilots.view")
        def parcels(request):
            return render(request, "parcels/parcels.html", {"parcels": Parcel.objects.all()[:50]})
        """,
    "templates/parcels/parcels.html": """
        {% extends "base.html" %}
        {% block title %}Parcels{% endblock %}
        {% block content %}<h1>Parcels</h1><ul>{% for parcel in parcels %}
        <li>{{ parcel.code }} {% status "parcel" parcel.status %}</li>{% endfor %}</ul>
        {% endblock %}
        """,
}
WALK = """
import json
import django

django.setup()
from django.core.management import call_command
from django.test import Client
from apps.access.models import User
from apps.orchestration.services import drain, start_run
from apps.pilots import catalogue
from apps.pilots.parcels.models import Parcel

call_command("makemigrations", "parcels", name="the_first_table", verbosity=0)
call_command("migrate", verbosity=0)
call_command("seed_demo", verbosity=0)
run = start_run(workflow="parcel-weighing", trigger={"code": "P1"}, subject="Parcel P1")
drain()
run.refresh_from_db()
client = Client(SERVER_NAME="localhost")
stranger = client.get("/pilots/parcels/")
client.force_login(User.objects.get(username="operator"))
page = {
    path: client.get(path).content.decode()
    for path in ("/", "/pilots/parcels/", "/agents/tools/parcels.weigh", "/runs/")
}
print(json.dumps({
    "pilots": [pilot.slug for pilot in catalogue.pilots()],
    "hints": [pilot.hint() for pilot in catalogue.pilots()],
    "run": run.status,
    "weighed": Parcel.objects.count(),
    "stranger": stranger.status_code,
    "rail": "/pilots/parcels/" in page["/"],
    "page": "P1" in page["/pilots/parcels/"] and "On the scales" in page["/pilots/parcels/"],
    "tool": "Weigh a parcel" in page["/agents/tools/parcels.weigh"],
    "runs": "Parcel P1" in page["/runs/"],
}))
"""


def grown(place: Path) -> Path:
    """A copy of the product with one more folder in apps/pilots."""
    for name in ("apps", "config"):
        kept = shutil.ignore_patterns("__pycache__")
        shutil.copytree(Path(settings.BASE_DIR, name), place / name, ignore=kept)
    for name in ("templates", "static"):
        (place / name).symlink_to(Path(settings.BASE_DIR, name))
    for name in ("manage.py", "pyproject.toml"):
        shutil.copy(Path(settings.BASE_DIR, name), place / name)
    for name, text in PARCELS.items():
        path = place / "apps/pilots/parcels" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip())
    (place / "apps/pilots/parcels/migrations").mkdir()
    (place / "apps/pilots/parcels/migrations/__init__.py").touch()
    return place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return grown(tmp_path_factory.mktemp("grown"))


def walk(place: Path, *command: str) -> str:
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("COUNCIL_")},
        "COUNCIL_VAR_DIR": str(place / "var"),
        "COUNCIL_DEMO": "1",
        "COUNCIL_DEBUG": "1",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": str(place),
    }
    done = subprocess.run(  # noqa: S603 - our own words
        command, cwd=place, env=variables, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_folder_is_discovered_migrated_seeded_governed_and_shown(place: Path) -> None:
    found: dict[str, Any] = json.loads(walk(place, sys.executable, "-c", WALK).splitlines()[-1])
    assert found["pilots"] == ["invoices", "parcels"]
    assert "Send a parcel." in found["hints"]
    assert (found["run"], found["weighed"]) == ("succeeded", 1)
    assert found["stranger"] == 302
    assert all(found[name] for name in ("rail", "page", "tool", "runs"))


def test_the_layers_and_the_checks_hold_with_the_new_folder(place: Path) -> None:
    walk(place, sys.executable, "manage.py", "check", "--fail-level", "WARNING")
    walk(place, str(Path(sys.executable).with_name("lint-imports")), "--no-logo")
