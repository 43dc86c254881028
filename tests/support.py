"""The tests' own system behind the gate: real connectors, small enough to read at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection

from apps.approvals.models import ReasonCode
from apps.ledger.models import LedgerEvent
from apps.registry.rules import ToolSpec
from apps.runtime.toolbox import Call, Effected, Moved, Preview, Rejected, Unavailable


def forget_installation() -> None:
    """Removes what an installation records of itself (its reasons for deciding), for tests that
    count what is on record."""
    with connection.cursor() as cursor:
        for model in (ReasonCode, ReasonCode.history.model, LedgerEvent):
            cursor.execute(f"DELETE FROM {model._meta.db_table}")


SPEC = ToolSpec(
    name="shelf.put",
    title="Put on the shelf",
    description="Puts an amount of something on the shelf.",
    input_schema={
        "type": "object",
        "properties": {
            "thing": {"type": "string", "maxLength": 40},
            "amount": {"type": "integer"},
            "note": {"type": "string"},
        },
        "required": ["thing", "amount"],
        "additionalProperties": False,
    },
    output_schema={
        "type": "object",
        "properties": {"total": {"type": "integer"}},
        "required": ["total"],
    },
    facts_schema={
        "type": "object",
        "properties": {
            "stock": {"type": "integer", "counted": True},
            "fragile": {"type": "boolean"},
        },
    },
    effect="write",
    resource_keys=("thing:{thing}",),
    compensation="shelf.put",
)


class Shelf:
    """A shelf in memory. `trouble` is raised by the next call; `known` are further facts."""

    name = "shelf"
    transactional = False

    def __init__(self, spec: ToolSpec = SPEC) -> None:
        self.tools = (spec,)
        self.stock: dict[str, int] = {}
        self.done: dict[str, Effected] = {}
        self.calls = 0
        self.trouble: Exception | None = None
        self.known: dict[str, Any] = {}
        self.remembers = False

    def source(self, tool: str) -> str:
        return "shelf"

    def facts(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {"stock": self.stock.get(arguments["thing"], 0), **self.known}

    def preview(self, tool: str, arguments: Mapping[str, Any]) -> Preview:
        before = self.stock.get(arguments["thing"], 0)
        return Preview(
            sentence=f"Put {arguments['amount']} {arguments['thing']} on the shelf",
            before={"stock": before},
            after={"stock": before + arguments["amount"]},
            reversible=True,
        )

    def perform(self, call: Call) -> Effected:
        self.calls += 1
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None
            raise trouble
        thing = call.arguments["thing"]
        before = self.stock.get(thing, 0)
        self.stock[thing] = before + call.arguments["amount"]
        effected = Effected(
            {"total": self.stock[thing]}, {"stock": before}, {"stock": self.stock[thing]}
        )
        self.done[call.idem_key] = effected
        return effected

    def undo(self, call: Call, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        thing = call.arguments["thing"]
        if self.stock.get(thing) != after["stock"]:
            raise Moved("Somebody changed the stock since.")
        self.stock[thing] = before["stock"]

    def lookup(self, idem_key: str) -> Effected | None:
        return self.done.get(idem_key) if self.remembers else None


__all__ = ["SPEC", "Rejected", "Shelf", "Unavailable"]
