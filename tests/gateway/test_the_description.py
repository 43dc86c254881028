"""The API's own description says what the API answers."""

from __future__ import annotations

from typing import Any

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from apps.gateway.api import answer
from apps.runtime.models import Action


@pytest.fixture
def description(db: None) -> dict[str, Any]:
    GENERATOR_STATS.reset()
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return made


def test_it_is_made_without_a_warning(description: dict[str, Any]) -> None:
    assert not GENERATOR_STATS
    assert "agentKey" in description["components"]["securitySchemes"]


def test_every_route_of_agents_and_readers_is_in_it(description: dict[str, Any]) -> None:
    named = {path.removeprefix("/api/v1/").split("/")[0] for path in description["paths"]}
    assert named >= {"actions", "agents", "runs", "approvals", "policies", "events"}
    asked = description["paths"]["/api/v1/actions"]["post"]
    assert set(asked["responses"]) == {"200", "401", "404", "409", "422"}
    assert asked["security"] == [{"agentKey": []}]


def test_an_answer_has_the_fields_that_are_described(description: dict[str, Any]) -> None:
    described = description["components"]["schemas"]["ActionOutput"]["properties"]
    assert set(answer(Action(status="waiting"))) == set(described)
