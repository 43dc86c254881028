from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate

from apps.registry.signals import agent_suspended, asked_what_is_in_flight


class ApprovalsConfig(AppConfig):
    name = "apps.approvals"

    def ready(self) -> None:
        agent_suspended.connect(cancel_requests, dispatch_uid="approvals-agent-suspended")
        post_migrate.connect(default_reasons, sender=self, dispatch_uid="approvals-reasons")
        asked_what_is_in_flight.connect(waiting_requests, dispatch_uid="approvals-in-flight")


def cancel_requests(sender: Any, agent_id: int, **kwargs: Any) -> None:
    from apps.approvals.services import cancel_for_agent

    cancel_for_agent(agent_id=agent_id, reason_code="agent_suspended")


def default_reasons(sender: Any, using: str, **kwargs: Any) -> None:
    """Not where the tables are those of an older state (migrating backwards)."""
    from apps.approvals.models import ReasonCode
    from apps.approvals.services import install_reasons

    if ReasonCode._meta.db_table in connections[using].introspection.table_names():
        install_reasons()


def waiting_requests(sender: Any, agent: Any, **kwargs: Any) -> Any:
    from apps.approvals.queries import in_flight

    return in_flight(agent)
