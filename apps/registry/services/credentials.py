"""The keys of agents. Only a digest is kept."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable

from django.db import transaction

from apps.access.models import User
from apps.common.acting import acting, current
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.ledger.services import record
from apps.registry import directory
from apps.registry.models import Agent, AgentCredential, CredentialUse
from apps.registry.rules import new_key
from apps.registry.services.rights import require_over
from apps.registry.services.stamp import bump

LONGEST_KEY = dt.timedelta(days=90)
LONGEST_OVERLAP = dt.timedelta(days=7)


def issue_credential(
    *,
    actor: User | None,
    agent: Agent,
    label: str,
    expires_at: dt.datetime,
    scopes: Iterable[str] = (),
    replaces: AgentCredential | None = None,
) -> tuple[AgentCredential, str]:
    """A new key. Returns the credential and the key text, which exists nowhere afterwards."""
    require_over(actor, agent, "credentials.issue")
    moment = now()
    if not moment < expires_at <= moment + LONGEST_KEY:
        raise Invalid(
            "A key expires within 90 days.", fields={"expires_at": ["Choose a day within 90 days."]}
        )
    prefix, text = new_key()
    credential = AgentCredential(
        agent=agent,
        label=label,
        prefix=prefix,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        scopes=list(scopes),
        created_by_label=current().label,
        created_at=moment,
        not_before=moment,
        expires_at=expires_at,
        replaces=replaces,
    )
    with transaction.atomic():
        credential.save()
        bump()
        act = "credential.rotated" if replaces else "credential.issued"
        record(type=act, object=credential, after={"agent": agent.slug, "expires_at": expires_at})
    return credential, text


def rotate_credential(
    *, actor: User | None, credential: AgentCredential, overlap: dt.timedelta = LONGEST_OVERLAP
) -> tuple[AgentCredential, str]:
    """A new key in the place of an old one, which goes on for `overlap` (at most a week)."""
    require_over(actor, credential.agent, "credentials.issue")
    if overlap > LONGEST_OVERLAP:
        raise Invalid("The old key may go on for a week at most.")
    moment = now()
    with transaction.atomic():
        old = AgentCredential.lock(credential.pk)
        end = min(old.expires_at, moment + max(overlap, dt.timedelta(seconds=1)))
        if not old.compare_and_set(where={"revoked_at__isnull": True}, expires_at=end):
            raise Conflict("This key was revoked already.")
        return issue_credential(
            actor=actor,
            agent=old.agent,
            label=old.label,
            expires_at=moment + LONGEST_KEY,
            scopes=old.scopes,
            replaces=old,
        )


def revoke_credential(*, actor: User | None, credential: AgentCredential, reason: str) -> None:
    """Ends a key; the next call with it is refused."""
    require_over(actor, credential.agent, "credentials.issue")
    with transaction.atomic():
        end_credential(AgentCredential.lock(credential.pk), reason)


def end_credential(credential: AgentCredential, reason: str) -> None:
    with acting(reason=reason):
        ended = credential.compare_and_set(
            where={"revoked_at__isnull": True}, revoked_at=now(), revoked_reason=reason
        )
        if not ended:
            raise Conflict("This key was revoked already.")
        bump()
        record(type="credential.revoked", object=credential, reason=reason)


def note_use(*, credential: AgentCredential, address: str) -> None:
    """Remembers when a key was seen; at most one write a minute."""
    if directory.noted_just_now(credential.pk):
        return
    moment = now()
    recent = moment - dt.timedelta(minutes=1)
    seen = CredentialUse.objects.filter(pk=credential.pk).first()
    if seen is None:
        CredentialUse.objects.get_or_create(
            credential=credential, defaults={"last_used_at": moment, "last_used_ip": address}
        )
    elif seen.last_used_at < recent:
        CredentialUse.objects.filter(pk=credential.pk, last_used_at__lt=recent).update(
            last_used_at=moment, last_used_ip=address
        )
