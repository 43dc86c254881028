"""Versions in shadow: evaluated on live actions beside what is in force, never enforced."""

from __future__ import annotations

import logging

from django.db import DEFAULT_DB_ALIAS

from apps.policies.bench import Bench, rules_with, specs
from apps.policies.models import JudgedRequest, PolicyVersion, ShadowFlip
from apps.policies.rules import Judgement, flip_of, outline
from apps.policies.snapshot import Stamp, read_stamp

log = logging.getLogger(__name__)
_held: dict[str, tuple[Stamp, list[tuple[int, Bench]]]] = {}


def running(stamp: Stamp | None = None) -> list[tuple[int, Bench]]:
    """The versions in shadow at this stamp, ready to judge."""
    stamp = stamp or read_stamp()
    held = _held.get(DEFAULT_DB_ALIAS)
    if held is None or held[0] != stamp:
        rows = PolicyVersion.objects.filter(shadow_since__isnull=False).select_related("policy")
        known = specs() if rows else {}
        held = stamp, [(row.pk, Bench(rules_with(row), known)) for row in rows]
        _held[DEFAULT_DB_ALIAS] = held
    return held[1]


def flips(
    judged: JudgedRequest, judgement: Judgement, stamp: Stamp | None = None
) -> list[ShadowFlip]:
    """What the versions in shadow would have decided otherwise. Whatever breaks in a shadow is
    logged and stays there."""
    found = []
    try:
        for version_id, bench in running(stamp):
            before, after = outline(judgement), outline(bench.judge(judged.request))
            if kind := flip_of(before, after):
                found.append(
                    ShadowFlip(
                        at=judged.at,
                        version_id=version_id,
                        judged_id=judged.pk,
                        agent_slug=judged.agent_slug,
                        tool=judged.tool,
                        before=before.effect,
                        after=after.effect,
                        kind=kind[:120],
                        terms_before=before.terms[:200],
                        terms_after=after.terms[:200],
                    )
                )
    except Exception:
        log.exception("A version in shadow broke off on %s.", judged.tool)
    return found


def forget() -> None:
    """Drops what this process holds (tests that rebuild the database under it)."""
    _held.clear()
