from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.access.matrix import ROLES
from apps.access.models import User
from apps.access.services import give_role
from apps.common.acting import acting
from apps.common.errors import Refused


class Command(BaseCommand):
    help = "Gives a person a role, for the first administrator of an installation."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("role", choices=sorted(ROLES))

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is nobody called {options['username']}.")
        try:
            with acting(label="manage.py give_role"):
                give_role(
                    actor=None, user=user, role=options["role"], reason="Given on the machine."
                )
        except Refused as error:
            raise CommandError(error.sentence) from error
        self.stdout.write(f"{user} is now {ROLES[options['role']]}.")
