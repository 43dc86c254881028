from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "apps.audit"

    def ready(self) -> None:
        post_migrate.connect(install_after_migrate, dispatch_uid="audit-installation")


def install_after_migrate(app_config: Any, using: str, **kwargs: Any) -> None:
    """After the last app has migrated, as the ledger's protection does: a new version table has
    its index as soon as it exists, without a migration in every app."""
    from django.apps import apps

    from apps.audit.installation import install

    last = [config for config in apps.get_app_configs() if config.models_module][-1]
    if app_config is last:
        install(using)
