from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate


class LedgerConfig(AppConfig):
    name = "apps.ledger"

    def ready(self) -> None:
        from apps.common.tracked import left_unbound
        from apps.ledger.services import bind_left_over

        post_migrate.connect(protect_after_migrate, dispatch_uid="ledger-protection")
        left_unbound.connect(bind_left_over, dispatch_uid="ledger-left-unbound")


def protect_after_migrate(app_config: Any, using: str, **kwargs: Any) -> None:
    """After the last app has migrated: new history tables are protected as soon as they exist."""
    from django.apps import apps

    from apps.ledger.protection import protect

    last = [config for config in apps.get_app_configs() if config.models_module][-1]
    if settings.LEDGER_PROTECTED and app_config is last:
        protect(using)
