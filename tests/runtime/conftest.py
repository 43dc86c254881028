"""A process at a level, and an agent whose permissions may name it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.access.models import Department
from apps.common.clock import now
from apps.readiness import directory
from apps.readiness.models import Process
from apps.registry.models import Agent
from tests.policies.test_four_outcomes import ASK_ABOVE_TEN, FORBID_GLASS


@pytest.fixture
def ready(agent: Agent, policy: Callable[..., Any], checkpoint: Any) -> Agent:
    policy(FORBID_GLASS + ASK_ABOVE_TEN, slug="shelf-rules")
    return agent


@pytest.fixture
def process(department: Department) -> Callable[..., Process]:
    def at(level: int, slug: str = "stocking") -> Process:
        found = Process.objects.filter(slug=slug).first() or Process(
            slug=slug, name=slug.capitalize(), department=department, created_at=now()
        )
        found.level = level
        found.save()
        directory.bump()
        return found

    return at
