"""Which record an action was about, said in words from what was recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from apps.common.clock import now
from apps.incidents.queries import touched
from apps.orchestration.models import Run
from apps.registry.models import Tool
from apps.registry.services import register_tool
from apps.runtime.models import Action
from tests.support import SPEC

pytestmark = pytest.mark.django_db
TWO = ("thing:{thing}", "note:{note}?shared")


def about(tool: Tool | None, **more: object) -> str:
    arguments = {"thing": "book", "amount": 5}
    act = Action(tool=tool, tool_name="x", at=now(), **{"arguments": arguments, **more})
    return touched([act])[act.pk]


def test_the_record_that_it_holds_alone_names_it() -> None:
    tool = register_tool(actor=None, spec=replace(SPEC, name="shelf.two", resource_keys=TWO))
    assert about(tool, arguments={"thing": "book", "note": "N-1"}) == "thing book"
    assert about(tool, arguments={"note": "N-1"}) == "note N-1"


def test_what_its_run_is_about_stands_beside_it(tool: Tool, begin: Callable[..., Run]) -> None:
    run = begin()
    assert about(tool, run_id=run.pk) == "thing book (Shelf)"
    assert about(None, run_id=run.pk) == "Shelf"


def test_without_keys_its_short_arguments_do_unless_they_are_personal() -> None:
    plain = register_tool(actor=None, spec=replace(SPEC, name="shelf.plain", resource_keys=()))
    assert about(plain) == "thing book, amount 5"
    assert about(plain, arguments={"note": "x" * 41, "thing": ""}) == ""
    personal = replace(SPEC, name="shelf.personal", resource_keys=(), data_class="personal")
    assert about(register_tool(actor=None, spec=personal)) == ""


def test_a_tool_that_nobody_knows_says_nothing() -> None:
    assert about(None) == ""
