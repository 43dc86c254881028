"""Who may do what: data, rendered to docs/access-matrix.md, enforced in services."""

from __future__ import annotations

ROLES: dict[str, str] = {
    "council_chair": "Council chair",
    "council_member": "Council member",
    "approver": "Approver",
    "auditor": "Auditor",
    "operator": "Operator",
    "administrator": "Administrator",
}

PERMISSIONS: dict[str, str] = {
    "agents.view": "See agents, tools and permissions",
    "agents.register": "Register and change agents",
    "agents.activate": "Approve, activate and retire agents",
    "agents.suspend": "Suspend and resume agents",
    "credentials.issue": "Issue, rotate and revoke credentials",
    "tools.manage": "Register and suspend tools",
    "grants.manage": "Give and revoke agents' permissions",
    "policies.view": "Read policies",
    "policies.draft": "Write policy drafts",
    "policies.activate": "Put a policy version in force",
    "approvals.view": "Read every approval request",
    "approvals.decide": "Decide in the queues that one is entrusted with",
    "queues.manage": "Set up queues and checkpoints",
    "runs.view": "See runs",
    "runs.start": "Start runs",
    "runs.operate": "Pause, cancel, requeue and roll back runs",
    "audit.view": "Read the audit trail",
    "people.manage": "Give and take roles",
    "pilots.view": "See the pilots' work",
    "pilots.operate": "Feed the pilots and correct their data",
    "api.read": "Read over the API",
}

_EVERY_ROLE = frozenset({"agents.view", "policies.view", "runs.view", "pilots.view", "api.read"})

MATRIX: dict[str, frozenset[str]] = {
    "council_chair": _EVERY_ROLE
    | {"policies.draft", "agents.suspend", "approvals.view", "audit.view"},
    "council_member": _EVERY_ROLE | {"policies.draft", "approvals.view", "audit.view"},
    "approver": _EVERY_ROLE | {"approvals.decide"},
    "auditor": _EVERY_ROLE | {"approvals.view", "audit.view"},
    "operator": _EVERY_ROLE
    | {
        "agents.register",
        "agents.suspend",
        "credentials.issue",
        "approvals.view",
        "runs.start",
        "runs.operate",
        "pilots.operate",
    },
    "administrator": _EVERY_ROLE
    | {
        "agents.register",
        "agents.activate",
        "agents.suspend",
        "credentials.issue",
        "tools.manage",
        "grants.manage",
        "policies.draft",
        "policies.activate",
        "queues.manage",
        "audit.view",
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
        "the service that does the act. Two rights are given object by object besides: to decide "
        "in a queue (on the queue), and the owner's right over their own agent (suspend it, rotate "
        "its credentials). Nobody holds a permission by being a superuser.\n\n"
    )
    return intro + "\n".join([head, rule, *rows]) + "\n"
