from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from apps.access import demo
from apps.access.models import User
from apps.access.services import create_department, give_role
from apps.common.acting import acting
from apps.council.seed import seed_council
from apps.pilots.catalogue import pilots
from apps.readiness import demo as readiness


class Command(BaseCommand):
    help = "Fills an empty database with the demonstration; does nothing when people are there."

    def handle(self, *args: Any, **options: Any) -> None:
        if User.objects.exists():
            self.stdout.write("There are people already; the demonstration is left as it is.")
            return
        with acting(label="demonstration", trigger="seed_demo"):
            seed_people()
            for pilot in pilots():
                pilot.seed()
                self.stdout.write(f"Seeded {pilot.title}.")
            seed_council()
            readiness.seed()


def seed_people() -> None:
    departments = {
        slug: create_department(slug=slug, name=name) for slug, name in demo.DEPARTMENTS.items()
    }
    for person in demo.people():
        user = User.objects.create_user(
            username=person.username,
            password=demo.PASSWORD,
            display_name=person.name,
            department=departments[person.department],
        )
        for role in person.roles:
            give_role(actor=None, user=user, role=role, reason="Demonstration")
