from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.urls import reverse

from apps.approvals.signals import decided
from apps.common import processes
from apps.registry.signals import agent_resumed, agent_suspended, asked_what_is_in_flight


class OrchestrationConfig(AppConfig):
    name = "apps.orchestration"

    def ready(self) -> None:
        decided.connect(wake, dispatch_uid="orchestration-decided")
        agent_suspended.connect(pause, dispatch_uid="orchestration-agent-suspended")
        agent_resumed.connect(go_on, dispatch_uid="orchestration-agent-resumed")
        asked_what_is_in_flight.connect(running, dispatch_uid="orchestration-in-flight")
        processes.name_bounded("orchestration", bounded)


def bounded(slug: str) -> list[processes.Bounded]:
    from apps.orchestration.models import Workflow

    url = reverse("orchestration:workflows")
    rows = Workflow.objects.filter(process=slug).order_by("title")[:50]
    return [processes.Bounded(f"Workflow {row.title}", url) for row in rows]


def wake(sender: Any, request_id: Any, **kwargs: Any) -> None:
    from apps.orchestration.services import wake_waiting

    wake_waiting(approval_id=request_id)


def pause(sender: Any, agent_id: int, **kwargs: Any) -> None:
    from apps.orchestration.services import pause_for_agent

    pause_for_agent(agent_id=agent_id)


def go_on(sender: Any, agent_id: int, **kwargs: Any) -> None:
    from apps.orchestration.services import continue_for_agent

    continue_for_agent(agent_id=agent_id)


def running(sender: Any, agent: Any, **kwargs: Any) -> Any:
    from apps.orchestration.queries import in_flight

    return in_flight(agent)
