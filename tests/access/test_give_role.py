"""The first administrator of an installation is made on the machine."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.access.models import User
from apps.access.queries import holds
from apps.ledger.models import LedgerEvent


def test_a_role_is_given_on_the_machine_and_recorded(stranger: User) -> None:
    assert not holds(stranger, "people.manage")
    said = StringIO()
    call_command("give_role", stranger.username, "administrator", stdout=said)
    assert holds(User.objects.get(pk=stranger.pk), "people.manage")
    assert "Administrator" in said.getvalue()
    event = LedgerEvent.objects.get(type="role.granted", actor_label="manage.py give_role")
    assert event.actor_kind == "system"


@pytest.mark.django_db
@pytest.mark.parametrize("username", ["nobody", "stranger"])
def test_a_mistake_is_told(username: str, stranger: User) -> None:
    call_command("give_role", "stranger", "auditor", stdout=StringIO())
    with pytest.raises(CommandError):
        call_command("give_role", username, "auditor")
