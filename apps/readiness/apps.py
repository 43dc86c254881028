from __future__ import annotations

from django.apps import AppConfig
from django.urls import NoReverseMatch, reverse

from apps.common import processes


class ReadinessConfig(AppConfig):
    name = "apps.readiness"

    def ready(self) -> None:
        processes.tell(named)


def named() -> dict[str, processes.Named]:
    """What pages of other apps say of a process."""
    from apps.readiness import directory

    return {
        each.slug: processes.Named(each.slug, each.name, str(each.level), page_of(each.slug))
        for each in directory.standings().values()
    }


def page_of(slug: str) -> str:
    try:
        return reverse("readiness:process", args=[slug])
    except NoReverseMatch:
        return ""
