"""Asking for a pack, building it in a worker, and taking it home."""

from __future__ import annotations

import datetime as dt
import logging
import secrets
import uuid
from functools import partial

from django.db import transaction
from django.db.models import F, Q, QuerySet

from apps.access.models import User
from apps.access.queries import holds
from apps.access.services import permitted
from apps.audit.models import EvidencePack
from apps.audit.packs.build import Built, NothingThere, build
from apps.audit.packs.controls import CONTROLS
from apps.audit.queries.scope import scope_of
from apps.audit.states import PackStatus
from apps.common.acting import acting
from apps.common.bell import ring
from apps.common.clock import now
from apps.common.errors import Absent, Conflict, Invalid, NotPermitted
from apps.common.numbering import save_numbered
from apps.ledger.reads import noted
from apps.ledger.services import record

log = logging.getLogger(__name__)
LEASE = dt.timedelta(seconds=180)
MOST_SAMPLE = 1_000


@permitted("evidence.build")
def ask_for_pack(
    *,
    actor: User,
    control: str,
    since: dt.datetime,
    until: dt.datetime,
    sample_size: int = 25,
    seed: str = "",
) -> EvidencePack:
    """Queues a pack of one control over [since, until). A seed is drawn where none is given."""
    if control not in CONTROLS:
        raise Invalid("There is no such control.", fields={"control": ["Choose one of the list."]})
    if since >= until:
        raise Invalid("The period ends before it begins.", fields={"until": ["Later than From."]})
    if not 0 <= sample_size <= MOST_SAMPLE:
        raise Invalid(f"A sample has up to {MOST_SAMPLE:,} rows.")
    if scope_of(actor).terms:
        raise NotPermitted("Your role is limited to a part of the trail; a pack covers all of it.")
    chosen = CONTROLS[control]
    moment = now()
    pack = EvidencePack(
        control=control,
        title=chosen.title,
        statement=chosen.statement,
        since=since,
        until=min(until, moment),
        sample_size=sample_size,
        seed=(seed.strip() or str(secrets.randbelow(10**8)))[:40],
        requested_by_id=actor.pk,
        requested_by_label=str(actor),
        created_at=moment,
    )
    with transaction.atomic():
        save_numbered(pack)
        record(
            type="evidence.asked",
            object=pack,
            after={"control": control, "since": pack.since, "until": pack.until, "seed": pack.seed},
            stream="protected",
        )
        transaction.on_commit(partial(ring, "apps.audit.tasks.build_pack", str(pack.pk)))
    return pack


def free() -> Q:
    return Q(status=PackStatus.QUEUED) | Q(status=PackStatus.BUILDING, lease_until__lte=now())


def due() -> list[uuid.UUID]:
    """Packs that nobody builds: new ones, and those whose worker died."""
    rows = EvidencePack.objects.filter(free()).order_by("created_at")
    return list(rows.values_list("pk", flat=True))


def work_on(pk: uuid.UUID) -> None:
    """Builds it from the start, if nobody else does."""
    won = EvidencePack.objects.filter(free(), pk=pk).update(
        status=PackStatus.BUILDING, lease_until=now() + LEASE, fence=F("fence") + 1
    )
    if not won:
        return
    pack = EvidencePack.objects.get(pk=pk)
    with acting(label=pack.requested_by_label, trigger=f"evidence pack {pack.reference}"):
        try:
            finish(pack, build(pack, partial(go_on, pack)))
        except Conflict:
            return
        except NothingThere as error:
            fail(pack, str(error))
        except Exception as error:  # noqa: BLE001 - whatever breaks is told on the page
            log.exception("Pack %s broke off.", pack.reference)
            fail(pack, f"It broke off: {type(error).__name__}. Ask for it again.")


def mine(pack: EvidencePack) -> QuerySet[EvidencePack]:
    return EvidencePack.objects.filter(pk=pack.pk, fence=pack.fence, status=PackStatus.BUILDING)


def go_on(pack: EvidencePack, done: int, total: int) -> None:
    if not mine(pack).update(done=done, total=total, lease_until=now() + LEASE):
        raise Conflict("Another worker goes on with this pack.")


@transaction.atomic
def finish(pack: EvidencePack, built: Built) -> None:
    won = mine(pack).update(
        status=PackStatus.READY,
        ended_at=now(),
        report=built.report,
        bytes=built.path.stat().st_size,
        sha256=built.sha256,
        done=F("total"),
    )
    if won:
        record(type="evidence.built", object=pack, after={"sha256": built.sha256})


@transaction.atomic
def fail(pack: EvidencePack, sentence: str) -> None:
    if mine(pack).update(status=PackStatus.FAILED, ended_at=now(), error=sentence):
        record(type="evidence.failed", object=pack, outcome="failed", reason=sentence)


def packs(reader: User) -> QuerySet[EvidencePack]:
    if not holds(reader, "evidence.build"):
        return EvidencePack.objects.none()
    return EvidencePack.objects.all()


def pack_numbered(reader: User, number: int) -> EvidencePack:
    pack = packs(reader).filter(number=number).first()
    if pack is None:
        raise Absent
    return pack


@permitted("evidence.build")
def take_home(*, actor: User, pack: EvidencePack) -> None:
    """Notes a download: once per person, pack and hour, so that a download that goes on is one."""
    if pack.status != PackStatus.READY:
        raise Conflict("This pack is not ready yet.")
    if not pack.path.exists():
        raise Conflict("The file of this pack is no longer here. Ask for the pack again.")
    same = {"object_type": pack._meta.label_lower, "object_id": str(pack.pk)}
    if not noted("evidence.downloaded", **same):
        record(
            type="evidence.downloaded",
            object=pack,
            after={"sha256": pack.sha256},
            stream="protected",
        )
