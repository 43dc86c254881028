"""What agents do in a worker carries agent@version and run, in events and in version rows."""

from __future__ import annotations

from apps.access.models import User
from apps.ledger.models import LedgerEvent
from apps.orchestration.models import Run
from apps.pilots.invoices.models import Supplier
from apps.runtime.models import Action


def test_an_agents_change_in_a_worker_carries_its_version_and_its_run(
    demo: dict[str, User], paid: Action
) -> None:
    run = Run.objects.get(pk=paid.run_id)
    changed = Action.objects.get(tool_name="suppliers.change_account", status="done")
    version = Supplier.history.filter(run_id=run.pk).get()  # type: ignore[attr-defined]
    assert (version.actor_kind, version.actor_label) == ("agent", changed.agent_label)
    assert "@" in version.actor_label
    done = LedgerEvent.objects.get(type="action.done", object_id=str(changed.pk))
    assert (done.actor_label, done.run_id) == (changed.agent_label, run.pk)
