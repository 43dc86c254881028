"""What the index holds of an event."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.approvals.models import ApprovalRequest
from apps.audit.rules.grammar import WORD, plain
from apps.ledger.catalogue import sentence
from apps.ledger.models import LedgerEvent
from apps.policies.models import Policy, PolicyCase, PolicyVersion
from apps.registry.models import Agent, AgentCredential, Grant
from apps.runtime.models import Action

SLOTS = 1024
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MOST_LETTERS = 4_000
ALL = "zzall"


def token(key: str, value: object) -> str:
    """A condition as one token that no word can be taken for."""
    text = f"{key}={plain(str(value))}"
    return "zz" + hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def first_number(moment: dt.datetime) -> int:
    """The smallest number that an event of this moment may have."""
    return ((moment - EPOCH) // dt.timedelta(microseconds=1)) * SLOTS


@dataclass
class Surroundings:
    """What the events of a batch belong to, read in one query per kind of object."""

    actions: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    requests: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    agents: Mapping[str, str] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=dict)

    def conditions(self, event: LedgerEvent) -> list[tuple[str, object]]:
        found: list[tuple[str, object]] = []
        action_id = event.object_id if event.object_type == "runtime.action" else ""
        if event.object_type == "approvals.approvalrequest":
            found.append(("request", event.object_id))
            slug, action_id = self.requests.get(event.object_id, ("", ""))
            found.append(("agent", slug))
        if action_id in self.actions:
            session, request, label = self.actions[action_id]
            found += [("session", session), ("request", request), ("agent", slug_of(label))]
        object = f"{event.object_type}/{event.object_id}"
        found.append(("agent", self.agents.get(object, "")))
        found.append(("policy", self.policies.get(object, "")))
        return [pair for pair in found if pair[1]]


def slug_of(label: str) -> str:
    return label.partition("@")[0]


def around(events: Sequence[LedgerEvent]) -> Surroundings:
    ids: dict[str, set[str]] = {}
    for event in events:
        ids.setdefault(event.object_type, set()).add(event.object_id)
    requests = {
        str(pk): (slug, str(action))
        for pk, slug, action in ApprovalRequest.objects.filter(
            pk__in=ids.get("approvals.approvalrequest", ())
        ).values_list("pk", "agent__slug", "action_ref")
    }
    wanted = ids.get("runtime.action", set()) | {action for _, action in requests.values()}
    actions = {
        str(pk): (session, approval, label)
        for pk, session, approval, label in Action.objects.filter(pk__in=wanted).values_list(
            "pk", "session_id", "approval_id", "agent_label"
        )
    }
    return Surroundings(actions, requests, slugs(ids, AGENTS), slugs(ids, POLICIES))


AGENTS: tuple[tuple[Any, str], ...] = (
    (Agent, "slug"),
    (Grant, "agent__slug"),
    (AgentCredential, "agent__slug"),
)
POLICIES: tuple[tuple[Any, str], ...] = (
    (Policy, "slug"),
    (PolicyVersion, "policy__slug"),
    (PolicyCase, "policy__slug"),
)


def slugs(ids: Mapping[str, set[str]], kinds: Iterable[tuple[Any, str]]) -> dict[str, str]:
    """The slug that objects of these kinds belong to, by `type/id`."""
    found: dict[str, str] = {}
    for model, slug in kinds:
        label = model._meta.label_lower
        if label in ids:
            rows = model.objects.filter(pk__in=ids[label]).values_list("pk", slug)
            found.update({f"{label}/{pk}": name for pk, name in rows})
    return found


def conditions_of(event: LedgerEvent) -> list[tuple[str, object]]:
    """Every key and value of the grammar that the event meets by itself."""
    family = event.type.partition(".")[0]
    pairs: list[tuple[str, object]] = [
        ("type", event.type),
        ("family", family),
        ("kind", event.actor_kind),
        ("actor", f"{event.actor_kind}/{event.actor_id}"),
        ("actor", event.actor_label),
        ("outcome", event.outcome),
        ("act", event.act_id),
        ("run", event.run_id or ""),
        ("behalf", event.on_behalf_of),
        ("object_type", event.object_type),
        ("object", f"{event.object_type}/{event.object_id}"),
        ("object", event.object_label),
    ]
    if event.actor_kind == "agent":
        slug = slug_of(event.actor_label)
        pairs += [("agent", slug), ("actor", slug)]
    for slug, number in event.policy_versions.items():
        pairs += [("policy", slug), ("policy", f"{slug}@{number}")]
    after = event.after if isinstance(event.after, dict) else {}
    rules = after.get("rules")
    pairs += [("rule", rule) for rule in rules] if isinstance(rules, list) else []
    return [pair for pair in pairs if pair[1]]


def words_of(event: LedgerEvent) -> set[str]:
    """The words that free text finds: labels, reasons and the short texts of the payload."""
    texts = [
        sentence(event.type),
        event.type,
        event.actor_label,
        event.object_label,
        event.why,
        event.on_behalf_of,
        event.trigger,
        *texts_in(event.after),
        *texts_in(event.before),
    ]
    return set(WORD.findall(plain(" ".join(texts)[:MOST_LETTERS])))


def texts_in(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)


def tokens_of(event: LedgerEvent, known: Surroundings) -> set[str]:
    pairs = [*conditions_of(event), *known.conditions(event)]
    return {ALL, *words_of(event), *(token(key, value) for key, value in pairs)}
