"""A tool's own schemas, compiled once; a remote reference is never fetched."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from apps.common.canonical import digest

LARGEST = 1000
_validators: OrderedDict[str, Any] = OrderedDict()


def refuse(uri: str) -> Any:
    raise ValueError(f"Schemas do not reach out: {uri}")


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """An argument that the schema does not name is refused, also where it forgot to say so."""
    if "properties" in schema or schema.get("type") == "object":
        return {"additionalProperties": False, "properties": {}, **schema}
    return dict(schema)


def validator(schema: Mapping[str, Any]) -> Any:
    """Compiled once per schema; the cache is bounded and keyed by digest."""
    key = digest(schema)
    if key not in _validators:
        _validators[key] = jsonschema_rs.validator_for(dict(schema), retriever=refuse)
        if len(_validators) > LARGEST:
            _validators.popitem(last=False)
    return _validators[key]


def first_error(schema: Mapping[str, Any], value: Any) -> str:
    """ "" when the value fits, else one sentence about the first place where it does not."""
    error = next(iter(validator(schema).iter_errors(value)), None)
    if error is None:
        return ""
    place = ".".join(str(part) for part in error.instance_path) or "the arguments"
    return f"{place}: {error.message}"
