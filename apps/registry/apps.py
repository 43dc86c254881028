from __future__ import annotations

from django.apps import AppConfig
from django.urls import reverse

from apps.common import processes


class RegistryConfig(AppConfig):
    name = "apps.registry"

    def ready(self) -> None:
        processes.name_bounded("registry", bounded)


def bounded(slug: str) -> list[processes.Bounded]:
    from apps.registry.models import Grant

    rows = Grant.objects.filter(process=slug, revoked_at=None, agent__status="active")
    return [
        processes.Bounded(
            f"{row.agent.name}: {row.tool.title}", reverse("registry:agent", args=[row.agent.slug])
        )
        for row in rows.select_related("agent", "tool").order_by("agent__name", "tool__title")[:50]
    ]
