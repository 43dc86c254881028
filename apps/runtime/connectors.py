"""Taking a connector off the shelf: only the gate may import this module (import-linter)."""

from __future__ import annotations

from apps.runtime.rules import Stopped
from apps.runtime.toolbox import PINS, SHELF, Connector


def connector_for(tool_name: str) -> Connector:
    try:
        return SHELF[tool_name]
    except KeyError:
        raise Stopped("no_connector", f"Nothing here can carry out {tool_name}.") from None


def pin(tool_name: str) -> str:
    """The pin of the tool as the connector on the shelf describes it."""
    return PINS[tool_name]
