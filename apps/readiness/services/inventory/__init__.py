"""The inventory's verbs: processes, what is known of their steps, and the systems they live on."""

from apps.readiness.services.inventory.descriptions import (
    describe_step,
    remove,
    save_source,
    state_rule,
)
from apps.readiness.services.inventory.processes import (
    change_process,
    document_steps,
    import_bpmn,
    register_process,
)
from apps.readiness.services.inventory.systems import save_system
from apps.readiness.services.inventory.versions import version_of

__all__ = [
    "change_process",
    "describe_step",
    "document_steps",
    "import_bpmn",
    "register_process",
    "remove",
    "save_source",
    "save_system",
    "state_rule",
    "version_of",
]
