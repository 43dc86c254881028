"""The bank's answers about ordered payments, and what becomes of a refusal."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import User
from apps.common.clock import now
from apps.incidents.models import Incident
from apps.incidents.services.signals import catch_up
from apps.ledger.models import LedgerEvent
from apps.pilots.invoices import bank, feeder, intake, services
from apps.pilots.invoices.generator import MISLED, MISLED_DAYS, MISLED_ORDER
from apps.pilots.invoices.knowledge import folder
from apps.pilots.invoices.models import Payment, Supplier
from apps.runtime.models import Action
from tests.pilots.test_invoices import drop_wanted, work

CODES = st.sampled_from(sorted(bank.REASONS))


@given(st.integers(1, 10**9), CODES)
def test_a_report_that_was_written_is_read(number: int, code: str) -> None:
    found = bank.refusals(bank.report(f"PAY-{number}", code, "Other words."))
    assert found == [bank.Refusal(f"PAY-{number}", code, "Other words.")]
    assert found[0].sentence == f"{bank.REASONS[code]} Other words."


@given(st.binary(max_size=400))
def test_any_bytes_are_a_report_or_refused(content: bytes) -> None:
    try:
        found = bank.refusals(content)
    except bank.UnreadableReport:
        return
    assert isinstance(found, list)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<Document/>",
        b"<Other><CstmrPmtStsRpt/></Other>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><Document><CstmrPmtStsRpt>&b;</CstmrPmtStsRpt></Document>',
        b" " * (bank.LARGEST + 1),
    ],
)
def test_what_is_no_report_is_refused_in_a_sentence(content: bytes) -> None:
    with pytest.raises(bank.UnreadableReport):
        bank.refusals(content)


def test_what_was_carried_out_is_no_refusal() -> None:
    report = bank.report("PAY-1", "AC01", "x").replace(b"RJCT", b"ACSC")
    assert bank.refusals(report) == []


@pytest.fixture
def paid(db: None) -> Payment:
    """A payment that the agents put into the plan."""
    call_command("seed_demo", verbosity=0)
    drop_wanted()
    work()
    return Payment.objects.get()


def told(payment: Payment, code: str = "BE01") -> None:
    path = folder("bank") / "report.xml"
    path.write_bytes(bank.report(payment.reference, code, "Another name."))
    os.utime(path, (time.time() - 1, time.time() - 1))
    intake.sweep()


def test_a_refusal_is_kept_told_to_the_ledger_and_opens_an_incident(
    paid: Payment, signed_in: Callable[[User], Client]
) -> None:
    told(paid)
    paid.refresh_from_db()
    assert (paid.refused_code, paid.refused_why[:15]) == ("BE01", "The account is ")
    event = LedgerEvent.objects.get(type="action.objected")
    action = Action.objects.get(tool_name="payments.schedule", status="done")
    assert (event.object_id, event.run_id) == (str(action.pk), action.run_id)
    catch_up()
    incident = Incident.objects.get()
    assert incident.severity == 3
    assert {link.kind for link in incident.links.all()} == {"agent", "run"}
    text = signed_in(User.objects.get(username="operator")).get(
        f"/pilots/invoices/{paid.document_id}"
    )
    assert "Refused by the bank" in text.content.decode()


def test_the_same_report_twice_changes_nothing(paid: Payment) -> None:
    told(paid)
    paid.refresh_from_db()
    told(paid, "AC04")
    paid.refresh_from_db()
    assert paid.refused_code == "BE01"
    assert LedgerEvent.objects.filter(type="action.objected").count() == 1
    assert not list(folder("bank").iterdir())


@pytest.mark.parametrize("reference", ["PAY-999999", "PAY-x", "", "PAY-" + "9" * 30])
def test_a_payment_that_is_not_ours_is_left(paid: Payment, reference: str) -> None:
    assert not services.refuse_payment(bank.Refusal(reference, "AC01", ""))
    assert not LedgerEvent.objects.filter(type="action.objected").exists()


def test_a_file_that_is_no_report_is_put_away(paid: Payment) -> None:
    path = folder("bank") / "junk.xml"
    path.write_bytes(b"junk")
    os.utime(path, (time.time() - 1, time.time() - 1))
    intake.sweep()
    assert not path.exists()
    assert [each.name for each in folder("refused").iterdir() if "junk" in each.name]


def test_the_demonstration_pays_whom_an_email_misled_it_to_and_its_bank_says_so_once(
    db: None, settings: Any
) -> None:
    settings.DEMO = True
    call_command("seed_demo", verbosity=0)
    supplier = Supplier.objects.get(number=MISLED)
    assert (now() - supplier.iban_since).days == MISLED_DAYS
    assert supplier.history.count() == 2
    wanted = feeder.next_invoice(number=MISLED_ORDER)
    assert wanted is not None
    assert wanted.iban == supplier.iban
    feeder.drop(wanted)
    work()
    payment = Payment.objects.get(document__order_number=MISLED_ORDER)
    assert payment.iban == supplier.iban
    feeder.answer()
    assert not list(folder("bank").iterdir())  # it takes some seconds
    Payment.objects.update(scheduled_at=now() - dt.timedelta(seconds=10))
    feeder.answer()
    intake.sweep()
    payment.refresh_from_db()
    assert payment.refused_code == "BE01"
    feeder.answer()
    assert not list(folder("bank").iterdir())
