"""Whoever votes reads what a policy says and does before its Cedar text."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from apps.access.models import User
from apps.council.reading import in_short, lines_of
from apps.policies.models import PolicyVersion
from tests.council.support import FORBID_GLASS, FORBID_MORE, Council, in_ballot

OTHER = FORBID_GLASS.replace("no-glass", "no-wood").replace("glass", "wood").replace("No g", "No w")


def packet(before: str, after: str) -> dict[str, object]:
    base = {"text": before} if before else None
    return {"policy": "p", "number": 2, "text": after, "base": base}


def marks(before: str, after: str) -> dict[str, str]:
    return {line.rule.rule_id: line.mark for line in lines_of(packet(before, after))}


def test_each_rule_says_whether_it_is_new_changed_or_goes() -> None:
    assert marks(FORBID_GLASS, FORBID_GLASS + OTHER) == {"no-wood": "new", "no-glass": ""}
    assert marks(FORBID_GLASS, FORBID_MORE) == {"no-glass": "changed"}
    assert marks(FORBID_GLASS + OTHER, FORBID_GLASS) == {"no-wood": "removed", "no-glass": ""}
    assert marks("", FORBID_GLASS) == {"no-glass": "new"}
    assert next(iter(marks(FORBID_GLASS, FORBID_GLASS + OTHER))) == "no-wood"
    assert lines_of(packet("", "forbid (")) == []


def test_the_effect_is_told_in_numbers() -> None:
    found = in_short(
        {
            "analysis": {"changes": [{"step": 1}, {"step": -1}, {"step": 1}]},
            "backtest": {
                "summary": {"pairs": {"allow→review": 3, "allow→deny": 1}},
                "done": 40,
                "hours": "0.3",
                "blocking": 0,
            },
            "cases": [{"ok": True}, {"ok": False}],
        }
    )
    assert (found.looser, found.stricter, found.flips, found.done) == (1, 2, 4, 40)
    assert (found.hours, found.tests, found.passed) == (0.3, 2, 1)
    assert in_short({"analysis": {"changes": []}}).flips is None


def test_a_member_sees_it_above_the_ballot(
    base: PolicyVersion, council: Council, signed_in: Callable[[User], Client]
) -> None:
    motion = in_ballot(base, council)
    page = signed_in(council["risk"]).get(f"/decisions/M-{motion.number}").content.decode()
    assert page.index("In short") < page.index("What it says") < page.index("The ballot")
    assert "Nothing becomes looser." in page
