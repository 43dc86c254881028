"""The verification page: the light, the button, the holds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from apps.access.models import User
from apps.ledger import checkpoints, keys, sealing, verifying
from apps.ledger.models import Hold, Seal, Verification


@pytest.fixture
def key(db: None) -> keys.PublicKey:
    return keys.make_first()


def test_an_auditor_verifies_with_a_button_and_reads_what_was_covered(
    auditor: User, key: keys.PublicKey, signed_in: Callable[[User], Client]
) -> None:
    sealing.seal()
    checkpoints.write_file(checkpoints.make())
    client = signed_in(auditor)
    assert "Not verified yet" in client.get("/audit/verification").content.decode()
    answer = client.post("/audit/verification/ask")
    assert "Waiting for a worker" in client.get(answer["Location"]).content.decode()
    verifying.work_on(Verification.objects.get().pk)
    shown = client.get(answer["Location"]).content.decode()
    assert "Intact to event" in shown
    assert "checkpoint 1, history rows" in shown
    page = client.get("/audit/verification").content.decode()
    assert "match outside" in page
    assert key.fingerprint in page
    assert "Same outside" in page


def test_a_broken_place_is_named(
    auditor: User, key: keys.PublicKey, signed_in: Callable[[User], Client]
) -> None:
    sealing.seal()
    Seal.objects.update(signature="00")
    verifying.work_on(verifying.ask().pk)
    client = signed_in(auditor)
    assert "Chain broken" in client.get("/audit/verification").content.decode()
    page = client.get(f"/audit/verification/{Verification.objects.get().pk}").content.decode()
    assert "The signature of seal 1 does not belong to it" in page


def test_holds_are_the_administrators(
    administrator: User, auditor: User, signed_in: Callable[[User], Client]
) -> None:
    data = {"name": "Case 7", "basis": "Letter of the court"}
    assert signed_in(auditor).post("/audit/verification/hold", data).status_code == 404
    client = signed_in(administrator)
    assert client.post("/audit/verification/hold", {"name": "x"}).status_code == 422
    assert client.post("/audit/verification/hold", data).status_code == 302
    hold = Hold.objects.get()
    assert "Case 7" in signed_in(auditor).get("/audit/verification").content.decode()
    url = f"/audit/verification/hold/{hold.pk}/lift"
    assert client.post(url, {"reason": ""}).status_code == 422
    assert client.post(url, {"reason": "Closed."}).status_code == 302
    hold.refresh_from_db()
    assert hold.lifted_at is not None
