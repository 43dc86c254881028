"""Framework pages: every row has a live proof or says that it has none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from apps.access.models import User
from apps.audit.frameworks import Coverage, Row
from apps.audit.frameworks.catalogue import FRAMEWORKS
from apps.audit.queries.events import look
from apps.audit.rules.grammar import parse
from apps.ledger.services import record

ROWS = [(found.slug, row) for found in FRAMEWORKS.values() for row in found.rows]


@pytest.mark.parametrize(("slug", "row"), ROWS, ids=lambda each: getattr(each, "code", each))
def test_every_row_is_proved_or_says_that_it_is_not(slug: str, row: Row) -> None:
    trail = parse(row.query)
    assert trail.problems == ()
    if row.coverage is Coverage.NOT_COVERED:
        assert not row.types
    else:
        assert row.types or reverse(row.page)
    assert row.asks.endswith(".")


def test_codes_are_told_apart() -> None:
    for found in FRAMEWORKS.values():
        codes = [row.code for row in found.rows]
        assert len(codes) == len(set(codes))
        assert found.source.startswith("https://")
        assert found.applies


def test_a_row_of_acts_that_nobody_records_is_not_covered() -> None:
    assert Row("x", "X.", ("nothing.*",)).coverage is Coverage.NOT_COVERED
    assert Row("x", "X.", ("action.denied",), lacks="Y.").coverage is Coverage.PARTIAL


@pytest.mark.parametrize("slug", sorted(FRAMEWORKS))
def test_the_count_is_what_the_link_shows(
    slug: str, auditor: User, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    for _ in range(3):
        record(type="agent.suspended", object_label="x")
    page = signed_in(auditor).get(f"/audit/frameworks/{slug}")
    for proof in page.context["proofs"]:
        if proof.row.types:
            found = look(auditor, parse(proof.row.query), size=200)
            assert len(found.rows) == proof.number, proof.row.code
    assert signed_in(stranger).get(f"/audit/frameworks/{slug}").status_code == 404


def test_the_list_and_the_dictionary(auditor: User, signed_in: Callable[[User], Client]) -> None:
    page = signed_in(auditor).get("/audit/frameworks").content.decode()
    assert all(found.title in page for found in FRAMEWORKS.values())
    assert b"approval.voted" in signed_in(auditor).get("/audit/acts").content
    assert signed_in(auditor).get("/audit/frameworks/none").status_code == 404
