"""What a council member has to see before voting on a version, as plain data that is hashed."""

from __future__ import annotations

from typing import Any

from apps.common.canonical import plain
from apps.policies.analysis.report import Claim, analyse, broken_claims
from apps.policies.backtests import base_digest, review_hours
from apps.policies.bench import Bench, rules_in_force, rules_with, specs
from apps.policies.models import Backtest, PolicyCase, PolicyVersion
from apps.policies.services import check
from apps.policies.states import EVALUATED, BacktestStatus, CaseOrigin


def base_of(version: PolicyVersion) -> PolicyVersion | None:
    """The version in force that this one would take the place of."""
    found: PolicyVersion | None = PolicyVersion.objects.filter(
        policy_id=version.policy_id, status__in=EVALUATED
    ).first()
    return None if found is None or found.pk == version.pk else found


def analysis(version: PolicyVersion) -> dict[str, Any]:
    """Differences to what is in force, weaknesses and gaps (analysis.report.analyse)."""
    known = list(specs().values())
    return analyse(known, rules_in_force(), rules_with(version))


def comparison(before: PolicyVersion, after: PolicyVersion) -> dict[str, Any]:
    """What would change from one version of a policy to another, all else as in force."""
    return analyse(list(specs().values()), rules_with(before), rules_with(after))


def claim_of(version: PolicyVersion) -> Claim:
    said = version.claim
    return Claim(said.get("looser", True), said.get("stricter", True), tuple(said.get("tools", ())))


def case_results(version: PolicyVersion) -> list[dict[str, Any]]:
    """[{pk, name, expected, got, ok, origin, rules, lines}] of every test of the policy."""
    cases = list(PolicyCase.objects.filter(policy_id=version.policy_id, removed_at=None))
    if not cases:
        return []
    rules = rules_with(version)
    lines = {each.rule.key: each.line for each in rules}
    verdicts = Bench(rules, specs()).judge_all([case.request for case in cases])
    return [
        {
            "pk": case.pk,
            "name": case.name,
            "tool": case.request.get("tool", ""),
            "expected": case.expected,
            "got": verdict.effect,
            "ok": holds_up(case, verdict.effect),
            "origin": case.origin,
            "lines": [
                lines[key]
                for reason in verdict.reasons
                if (key := f"{reason.policy}@{reason.version}#{reason.rule_id}") in lines
            ],
            "rules": [reason.rule_id for reason in verdict.reasons if reason.policy != "grants"],
        }
        for case, verdict in sorted(zip(cases, verdicts, strict=True), key=lambda p: p[0].name)
    ]


STRICTNESS = ("allow", "review", "deny")


def holds_up(case: PolicyCase, effect: str) -> bool:
    """Whether a verdict is what the test wants; what an incident taught may be stopped harder."""
    if case.origin == CaseOrigin.INCIDENT:
        return STRICTNESS.index(effect) >= STRICTNESS.index(case.expected)
    return effect == case.expected


def fresh_backtest(version: PolicyVersion) -> Backtest | None:
    """The newest finished backtest of exactly this text against exactly what is in force."""
    return (
        Backtest.objects.filter(
            version=version,
            status=BacktestStatus.DONE,
            text_digest=version.digest,
            base_digest=base_digest(),
        )
        .order_by("-created_at")
        .first()
    )


def dossier(version: PolicyVersion) -> dict[str, Any]:
    """The packet of a version: text, base, analysis, claim, tests, backtest."""
    base = base_of(version)
    report = analysis(version)
    claim = claim_of(version)
    backtest = fresh_backtest(version)
    return plain(  # type: ignore[no-any-return]
        {
            "policy": version.policy.slug,
            "title": version.policy.title,
            "number": version.number,
            "digest": version.digest,
            "text": version.text,
            "base": {"number": base.number, "digest": base.digest, "text": base.text}
            if base
            else None,
            "base_digest": base_digest(),
            "analysis": report,
            "claim": {
                "looser": claim.looser,
                "stricter": claim.stricter,
                "tools": list(claim.tools),
                "broken": broken_claims(claim, report["changes"]),
            },
            "cases": case_results(version),
            "backtest": told(backtest) if backtest else None,
        }
    )


def told(backtest: Backtest) -> dict[str, Any]:
    return {
        "id": str(backtest.pk),
        "since": backtest.since,
        "until": backtest.until,
        "most": backtest.most,
        "done": backtest.done,
        "blocking": backtest.blocking,
        "summary": backtest.summary,
        "hours": str(review_hours(backtest.summary)),
    }


def obstacles(version: PolicyVersion) -> list[str]:
    """Why this version cannot be proposed yet, in sentences; [] when it can."""
    claim = claim_of(version)
    claimed = not (claim.looser and claim.stricter)
    broken = broken_claims(claim, analysis(version)["changes"]) if claimed else []
    return obstacles_in(version, case_results(version), broken, fresh_backtest(version))


def obstacles_in(
    version: PolicyVersion,
    results: list[dict[str, Any]],
    broken: list[str],
    backtest: Backtest | None,
) -> list[str]:
    """The same, for a caller that has worked out tests, claim and backtest already."""
    found = [f"Line {problem.line}: {problem.sentence}" for problem in check(version.text)]
    if found:
        return found
    reopened = [case["name"] for case in results if not case["ok"] and case["origin"] == "incident"]
    if reopened:
        found.append(f"It would let an incident happen again: {reopened[0]}.")
    failed = [case["name"] for case in results if not case["ok"] and case["origin"] != "incident"]
    if failed:
        found.append(f"{len(failed)} of its test cases fail: {failed[0]}.")
    found += [f"The author's claim does not hold. {sentence}" for sentence in broken[:1]]
    if backtest is None:
        found.append("It has no finished backtest of this text against what is in force now.")
    elif backtest.blocking:
        found.append(f"It would allow {backtest.blocking} recorded actions that a person rejected.")
    return found
