"""The cast: one person per role, an owner, and a stranger who must see nothing."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from apps.access.models import Department, User
from apps.access.services import create_department, give_role
from apps.approvals.models import Checkpoint, Queue
from apps.approvals.services import create_checkpoint, create_queue, entrust
from apps.common.acting import acting
from apps.common.clock import now
from apps.council.models import Seat
from apps.orchestration import definitions
from apps.policies import shadow, snapshot
from apps.policies.adoption import enforce
from apps.policies.services import create_policy, save_draft
from apps.readiness import directory as processes
from apps.registry import directory
from apps.registry.models import Agent, Tool
from apps.registry.rules import ToolSpec
from apps.registry.services import activate_agent, grant, register_agent, register_tool
from apps.runtime import toolbox
from tests.support import Shelf


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    """What a process holds must not outlive the database that it was read from."""
    snapshot.forget()
    directory.forget()
    processes.forget()
    shadow.forget()
    shelf, known = dict(toolbox.SHELF), dict(definitions.DEFINITIONS)
    yield
    toolbox.SHELF.clear()
    toolbox.SHELF.update(shelf)
    definitions.DEFINITIONS.clear()
    definitions.DEFINITIONS.update(known)
    snapshot.forget()
    directory.forget()
    processes.forget()


@pytest.fixture
def shared() -> Path:
    folder = Path(settings.BASE_DIR).parent / "shared" / "data"
    if not folder.exists():
        pytest.skip("The shared data is not on this machine.")
    return folder


@pytest.fixture
def department(db: None) -> Department:
    return create_department(slug="finance", name="Finance")


def person(department: Department, name: str, *roles: str) -> User:
    user = User.objects.create_user(
        username=name, password="x", display_name=name.capitalize(), department=department
    )
    for role in roles:
        give_role(actor=None, user=user, role=role, reason="Cast")
    return user


def cast_member(name: str, *roles: str) -> Any:
    @pytest.fixture(name=name)
    def fixture(department: Department) -> User:
        return person(department, name, *roles)

    return fixture


chair = cast_member("chair", "council_chair")
member = cast_member("member", "council_member")
approver = cast_member("approver", "approver")
second_approver = cast_member("second_approver", "approver")
auditor = cast_member("auditor", "auditor")
operator = cast_member("operator", "operator")
administrator = cast_member("administrator", "administrator")
owner = cast_member("owner", "approver", "operator")
stranger = cast_member("stranger")


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def shelf() -> Shelf:
    """A system of the tests' own, with a write that can be seen, and a way back."""
    found = Shelf()
    toolbox.register(found)
    return found


@pytest.fixture
def tool(db: None, shelf: Shelf) -> Tool:
    return register_tool(actor=None, spec=shelf.tools[0])


@pytest.fixture
def agent(owner: User, administrator: User, department: Department, tool: Tool) -> Agent:
    made = register_agent(
        actor=None,
        slug="clerk",
        name="Clerk",
        purpose="Puts things on the shelf.",
        owner=owner,
        created_by=administrator,
        sponsor=department,
    )
    grant(
        actor=None,
        agent=made,
        tool=tool,
        expires_at=now() + dt.timedelta(days=30),
        reason="Cast",
    )
    return activate_agent(actor=None, agent=made, reason="Cast")


@pytest.fixture
def security(department: Department) -> User:
    return person(department, "security", "council_member")


@pytest.fixture
def council(chair: User, member: User, security: User, department: Department) -> dict[str, User]:
    """Five seats in five departments; `member` sits for compliance."""
    people = {"chair": chair, "compliance": member, "security": security}
    for function in ("legal", "risk"):
        people[function] = person(department, function, "council_member")
    for function, user in people.items():
        user.department = create_department(slug=function, name=function.capitalize())
        user.save()
        Seat(user=user, function=function, starts_at=now()).save()
    return people


@pytest.fixture
def queue(approver: User, second_approver: User, owner: User) -> Queue:
    made = create_queue(actor=None, slug="shelf", name="Shelf")
    for user in (approver, second_approver, owner):
        entrust(actor=None, queue=made, user=user, reason="Cast")
    return made


@pytest.fixture
def checkpoint(queue: Queue) -> Checkpoint:
    return create_checkpoint(actor=None, slug="shelf", title="Shelf check", queue=queue)


@pytest.fixture
def policy() -> Callable[..., Any]:
    """Puts a Cedar text in force, under a new name each time."""
    numbers = itertools.count(1)

    def put(text: str, slug: str = "") -> Any:
        with acting(label="cast"):
            made = create_policy(
                actor=None, slug=slug or f"policy-{next(numbers)}", title="Policy", purpose=""
            )
            draft = save_draft(actor=None, policy=made, text=text)
            return enforce(version=draft, reason="Cast")

    return put


def spec_named(name: str, **changes: Any) -> ToolSpec:
    fields: dict[str, Any] = {
        "name": name,
        "title": name,
        "description": name,
        "input_schema": {"type": "object", "properties": {}, "additionalProperties": False},
    }
    return ToolSpec(**{**fields, **changes})
