from __future__ import annotations

from django.apps import AppConfig

DOCUMENT_WORDS = {
    "received": ("info", "Received"),
    "invalid": ("danger", "Invalid"),
    "held": ("hold", "Needs a person"),
    "matched": ("info", "Matched"),
    "posted": ("ok", "Posted"),
    "scheduled": ("ok", "Payment scheduled"),
    "refused": ("danger", "Rejected"),
}


class InvoicesConfig(AppConfig):
    name = "apps.pilots.invoices"
    label = "invoices"

    def ready(self) -> None:
        from apps.orchestration.definitions import register as register_workflow
        from apps.pilots.catalogue import PilotInfo, register
        from apps.pilots.invoices import connector, intake, seed, workflow
        from apps.pilots.invoices.knowledge import folder
        from apps.runtime import toolbox

        toolbox.register(connector.BackOffice())
        register_workflow(workflow.InvoiceTriage())
        register(
            PilotInfo(
                slug="invoices",
                title="Invoices",
                url_name="invoices:documents",
                sweep=intake.sweep,
                seed=seed.seed,
                words={"document": DOCUMENT_WORDS},
                records=("PurchaseOrder", "InvoiceDocument", "Posting", "Payment"),
                hint=lambda: f"Drop UBL invoices into {folder('in')}",
            )
        )
