"""The systems that work is done in."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.errors import Conflict, Invalid
from apps.ledger.services import record
from apps.readiness.models import System
from apps.readiness.services.inventory.versions import refuse_changed
from apps.readiness.states import Access


@permitted("readiness.manage")
@transaction.atomic
def save_system(
    *,
    actor: User | None,
    name: str,
    access: str,
    sanctioned: bool,
    owner: User | None = None,
    purpose: str = "",
    system: System | None = None,
    seen: int | None = None,
) -> System:
    """A system as logs name it, new or changed. Raises Conflict for a name in use, and where
    somebody changed it meanwhile (`seen`, the version that the person had before them)."""
    if access not in Access.values:
        raise Invalid("Choose how it is reached.", fields={"access": ["Choose one."]})
    row = System.lock(system.pk) if system else System()
    if system:
        refuse_changed(row, seen)
    row.name, row.access, row.sanctioned = name, access, sanctioned
    row.owner, row.purpose = owner, purpose
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise Conflict(f"There is a system called {name} already.") from None
    act = "readiness.system_changed" if system else "readiness.system_registered"
    record(type=act, object=row, after={"access": access, "sanctioned": sanctioned})
    return row
