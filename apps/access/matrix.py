"""Who may do what: data, rendered to docs/access-matrix.md, enforced in services."""

from __future__ import annotations

ROLES: dict[str, str] = {
    "council_chair": "Council chair",
    "council_member": "Council member",
    "approver": "Approver",
    "auditor": "Auditor",
    "outside_auditor": "Auditor from outside",
    "operator": "Operator",
    "administrator": "Administrator",
}

PERMISSIONS: dict[str, str] = {
    "agents.view": "See agents, tools and permissions",
    "agents.register": "Register and change agents",
    "agents.activate": "Put an agent to work (the council's motion alone does)",
    "agents.retire": "Retire agents",
    "agents.suspend": "Suspend and resume agents",
    "credentials.issue": "Issue, rotate and revoke credentials",
    "tools.manage": "Register and suspend tools",
    "grants.give": "Give an agent a permission (the council's motion alone does)",
    "grants.revoke": "Take agents' permissions away",
    "policies.view": "Read policies",
    "policies.draft": "Write policy drafts",
    "council.view": "Read motions, decisions and minutes",
    "council.propose": "Put motions to the council",
    "council.sit": "Speak and vote, with a seat",
    "council.chair": "Call sittings and close them",
    "approvals.view": "Read every approval request",
    "approvals.decide": "Decide in the queues that one is entrusted with",
    "checkpoints.tighten": "Put a capability back under full review",
    "vigilance.manage": "Run the vigilance programme",
    "queues.manage": "Set up queues and checkpoints",
    "runs.view": "See runs",
    "runs.start": "Start runs",
    "runs.operate": "Pause, cancel, requeue and roll back runs",
    "limits.set": "Set budgets, rates and breakers, and whose work goes first",
    "incidents.view": "See incidents",
    "incidents.report": "Report incidents, and add notes to them",
    "incidents.command": "Triage, contain and lead incidents",
    "incidents.close": "Close incidents, and accept risks",
    "readiness.view": "See the readiness map",
    "readiness.manage": "Keep the inventory of processes, upload logs and assess",
    "readiness.accept": "Countersign answers, and accept a level that lets agents do more",
    "audit.view": "Read the audit trail",
    "evidence.build": "Build evidence packs and take them home",
    "records.keep": "Open and lift legal holds, erase personal text",
    "access.review": "Confirm or take rights in an access review",
    "people.manage": "Give and take roles",
    "pilots.view": "See the pilots' work",
    "pilots.operate": "Feed the pilots and correct their data",
    "api.read": "Read over the API",
}

_EVERY_ROLE = frozenset(
    {
        "agents.view",
        "policies.view",
        "runs.view",
        "pilots.view",
        "api.read",
        "council.view",
        "incidents.view",
        "incidents.report",
        "readiness.view",
    }
)
_COUNCIL = frozenset(
    {
        "policies.draft",
        "council.propose",
        "council.sit",
        "approvals.view",
        "audit.view",
        "checkpoints.tighten",
        "vigilance.manage",
        "incidents.command",
        "incidents.close",
        "readiness.manage",
        "readiness.accept",
    }
)

MATRIX: dict[str, frozenset[str]] = {
    "council_chair": _EVERY_ROLE
    | _COUNCIL
    | {"agents.suspend", "council.chair", "limits.set", "evidence.build", "access.review"},
    "council_member": _EVERY_ROLE | _COUNCIL,
    "approver": _EVERY_ROLE | {"approvals.decide", "checkpoints.tighten"},
    "auditor": _EVERY_ROLE | {"approvals.view", "audit.view", "evidence.build"},
    "outside_auditor": frozenset({"audit.view"}),
    "operator": _EVERY_ROLE
    | {
        "agents.register",
        "agents.suspend",
        "credentials.issue",
        "approvals.view",
        "checkpoints.tighten",
        "runs.start",
        "runs.operate",
        "incidents.command",
        "readiness.manage",
        "pilots.operate",
        "council.propose",
    },
    "administrator": _EVERY_ROLE
    | {
        "agents.register",
        "agents.retire",
        "agents.suspend",
        "credentials.issue",
        "tools.manage",
        "grants.revoke",
        "policies.draft",
        "council.propose",
        "queues.manage",
        "limits.set",
        "checkpoints.tighten",
        "vigilance.manage",
        "incidents.command",
        "readiness.manage",
        "audit.view",
        "records.keep",
        "access.review",
        "people.manage",
    },
}


def as_markdown() -> str:
    """The matrix as the document that a golden test holds to the data."""
    head = "| Permission | " + " | ".join(ROLES.values()) + " |"
    rule = "|---|" + "---|" * len(ROLES)
    rows = [
        f"| `{code}` {words} | "
        + " | ".join("yes" if code in MATRIX[role] else "" for role in ROLES)
        + " |"
        for code, words in PERMISSIONS.items()
    ]
    intro = (
        "# Who may do what\n\nWritten by `python manage.py access_matrix --write` from "
        "`apps/access/matrix.py`; a test refuses any difference. Every permission is checked in "
        "the service that does the act; a row without a yes is open to nobody, only to the system "
        "when the council's motion takes effect. Two rights are given object by object besides: to "
        "decide in a queue (on the queue), and the owner's right over their own agent (suspend it, "
        "rotate its credentials). Votes in the council belong to seats, not to roles. Nobody holds "
        "a permission by being a superuser.\n\n"
    )
    return intro + "\n".join([head, rule, *rows]) + "\n"
