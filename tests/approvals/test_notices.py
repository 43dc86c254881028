"""Whoever may decide is told: at once, by mail in bundles, and by a webhook that can be checked."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from apps.access.models import User
from apps.approvals import notices
from apps.approvals.models import ApprovalRequest, Notice
from apps.approvals.services import claim, note_look, vote
from apps.common.clock import now
from config import mailing
from tests.approvals.conftest import DIGEST, Ask

SECRET = "known to both sides"


@pytest.fixture
def reachable(approver: User, second_approver: User, owner: User, stranger: User) -> None:
    for user in (approver, second_approver, owner, stranger):
        user.email = f"{user.username}@example.org"
        user.save()


def due() -> None:
    Notice.objects.filter(mail_due_at__isnull=False).update(
        mail_due_at=now() - dt.timedelta(seconds=1)
    )


def test_those_who_may_decide_are_told_and_nobody_else(
    reachable: None, question: Ask, approver: User, second_approver: User
) -> None:
    question()
    told = set(Notice.objects.values_list("user__username", flat=True))
    assert told == {"approver", "second_approver"}


def test_mail_is_bundled_and_its_links_only_open(
    reachable: None, question: Ask, approver: User, signed_in: Callable[[User], Client]
) -> None:
    first = question()
    question(intent_digest="j" * 64)
    assert notices.send_due() == 0
    due()
    assert notices.send_due() == 2
    assert notices.send_due() == 0
    letter = next(each for each in mail.outbox if each.to == ["approver@example.org"])
    assert letter.subject == "Agent Council: 2 questions wait for you"
    assert f"/inbox/C-{first.number}" in letter.body
    assert signed_in(approver).get(f"/inbox/C-{first.number}").status_code == 200
    first.refresh_from_db()
    assert first.status == "pending"


def test_what_was_opened_or_decided_is_not_mailed(
    reachable: None, question: Ask, approver: User, second_approver: User
) -> None:
    opened, decided = question(), question(intent_digest="j" * 64)
    note_look(actor=User.objects.get(pk=approver.pk), request_id=opened.pk)
    vote(
        actor=User.objects.get(pk=second_approver.pk), request_id=decided.pk, choice="reject",
        reason="No.", digest=DIGEST,
    )  # fmt: skip
    due()
    notices.send_due()
    assert [letter.to for letter in mail.outbox] == [["second_approver@example.org"]]
    assert "C-1001" in mail.outbox[0].body
    assert "C-1002" not in mail.outbox[0].body


def test_whoever_wants_no_mail_gets_none_and_still_a_notice(
    reachable: None, question: Ask, approver: User, signed_in: Callable[[User], Client]
) -> None:
    approver.mail = False
    approver.save()
    row = question()
    due()
    notices.send_due()
    assert [letter.to for letter in mail.outbox] == [["second_approver@example.org"]]
    page = signed_in(approver).get("/inbox/notices").content.decode()
    assert f"/inbox/C-{row.number}" in page
    signed_in(approver).post("/inbox/notices")
    assert Notice.objects.get(user=approver).opened_at is not None


def test_a_mail_server_that_is_down_costs_time_and_nothing_else(
    reachable: None, question: Ask, settings: Any
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    row = question()
    due()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", closed
    assert notices.send_due() == 0
    notice = Notice.objects.order_by("pk").first()
    assert notice is not None
    assert (notice.tries, notice.mailed_at) == (1, None)
    assert "Refused" in notice.error
    assert notice.mail_due_at is not None
    assert notice.mail_due_at > now()
    row.refresh_from_db()
    assert row.status == "pending"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    due()
    assert notices.send_due() == 2


class Listener(BaseHTTPRequestHandler):
    got: list[tuple[str, bytes]] = []
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((self.headers["X-Council-Signature"], body))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def listener(settings: Any) -> Iterator[type[Listener]]:
    server = HTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Listener.got, Listener.status = [], 200
    settings.COUNCIL = {
        **settings.COUNCIL,
        "WEBHOOK_URL": f"http://127.0.0.1:{server.server_port}/",
        "WEBHOOK_SECRET": SECRET,
    }
    yield Listener
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_webhook_is_signed_and_told_once(listener: type[Listener], question: Ask) -> None:
    row = question()
    assert notices.hook_due() == 2
    assert notices.hook_due() == 0
    ((signature, body),) = listener.got
    expected = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert signature == f"sha256={expected}"
    told = json.loads(body)
    assert {entry["person"] for entry in told} == {"approver", "second_approver"}
    assert told[0]["url"].endswith(f"/inbox/C-{row.number}")


def test_a_webhook_that_fails_is_tried_again(listener: type[Listener], question: Ask) -> None:
    question()
    listener.status = 500
    assert notices.hook_due() == 0
    assert Notice.objects.filter(tries=1, hooked_at=None).count() == 2
    Notice.objects.update(hook_due_at=now() - dt.timedelta(seconds=1))
    listener.status = 204
    assert notices.hook_due() == 2


def test_people_see_their_own_notices_only(
    reachable: None, question: Ask, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    row = question()
    page = signed_in(stranger).get("/inbox/notices").content.decode()
    assert f"C-{row.number}" not in page
    signed_in(stranger).post("/inbox/notices")
    assert Notice.objects.filter(opened_at=None).count() == 2


@pytest.mark.parametrize(
    ("url", "backend", "port"),
    [
        ("", "dummy", None),
        ("console://", "console", None),
        ("smtp://u:p%40@mail.example.org:587?tls=1", "smtp", 587),
        ("smtps://mail.example.org", "smtp", 465),
    ],
)
def test_one_address_sets_mail_up(url: str, backend: str, port: int | None) -> None:
    found = mailing.from_url(url)
    assert f".{backend}." in found["EMAIL_BACKEND"]
    assert found.get("EMAIL_PORT") == port
    if "587" in url:
        assert (found["EMAIL_USE_TLS"], found["EMAIL_HOST_PASSWORD"]) == (True, "p@")


def test_a_wrong_address_is_told() -> None:
    with pytest.raises(ValueError, match="must start with"):
        mailing.from_url("http://mail")


def test_chosen_hours_gather_mail_and_what_is_urgent_leaves_at_once(
    reachable: None, question: Ask, approver: User
) -> None:
    later = (now() + dt.timedelta(hours=5)).hour
    User.objects.filter(pk=approver.pk).update(digest_hours=str(later))
    question()
    row = Notice.objects.get(user=approver)
    assert row.mail_due_at is not None
    assert row.mail_due_at.hour == later
    notices.tell(users=[User.objects.get(pk=approver.pk)], title="Now", url="/x", urgent=True)
    assert notices.send_due() == 1
    assert "Now" in mail.outbox[0].body
    assert "C-1001" not in mail.outbox[0].body


def test_escalations_reach_those_who_want_no_mail(
    reachable: None, question: Ask, approver: User
) -> None:
    User.objects.filter(pk=approver.pk).update(mail=False)
    person = User.objects.get(pk=approver.pk)
    notices.tell(users=[person], title="New", url="/x")
    notices.tell(users=[person], title="Half of the time is over", url="/y", urgent=True)
    due()
    notices.send_due()
    assert len(mail.outbox) == 1
    assert "Half of the time" in mail.outbox[0].body
    assert "New" not in mail.outbox[0].body


def test_a_claim_about_to_lapse_is_told_once_to_its_holder(
    reachable: None, question: Ask, approver: User
) -> None:
    request = question()
    claim(actor=approver, request_id=request.pk)
    assert notices.warn_lapsing() == 0
    soon = now() + dt.timedelta(minutes=2)
    ApprovalRequest.objects.filter(pk=request.pk).update(lease_until=soon)
    assert notices.warn_lapsing() == 1
    assert notices.warn_lapsing() == 0
    told = Notice.objects.get(urgent=True)
    assert told.user == approver
    assert "lapses" in told.title


def test_digest_hours_are_a_preference(approver: User, signed_in: Callable[[User], Client]) -> None:
    page = signed_in(approver)
    fields = {"theme": "dark", "density": "compact", "time_zone": "UTC", "mail": "on"}
    assert page.post("/me", {**fields, "digest_hours": "25"}).status_code == 422
    assert page.post("/me", {**fields, "digest_hours": "13 8, 8"}).status_code == 302
    approver.refresh_from_db()
    assert approver.digest_hours == "8, 13"
