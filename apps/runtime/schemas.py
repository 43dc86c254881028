"""Input and output against the tool's own schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.registry.models import Tool
from apps.registry.schemas import closed, first_error
from apps.runtime.rules import Stopped


def check_input(tool: Tool | None, arguments: Mapping[str, Any]) -> None:
    if tool is None:
        raise Stopped("unknown_tool", "There is no such tool.")
    try:
        problem = first_error(closed(tool.input_schema), dict(arguments))
    except ValueError as error:
        raise Stopped("bad_schema", f"The schema of {tool.name} cannot be read.") from error
    if problem:
        raise Stopped("bad_arguments", f"{tool.name} does not take these arguments: {problem}.")


def output_problem(tool: Tool, result: Mapping[str, Any]) -> str:
    if not tool.output_schema:
        return ""
    return first_error(tool.output_schema, dict(result))
