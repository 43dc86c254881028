from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.policies.models import PolicyVersion
from apps.registry.models import Agent
from tests.council.support import FORBID_GLASS


@pytest.fixture
def base(agent: Agent, policy: Callable[..., Any]) -> PolicyVersion:
    """Something in force, so that the gate allows at all."""
    version: PolicyVersion = policy(FORBID_GLASS, slug="glass")
    return version
