"""Words and tones for every status code: symbol, word and tint say the same (ui.md, section 13)."""

from __future__ import annotations

WORDS: dict[str, dict[str, tuple[str, str]]] = {
    "agent": {
        "draft": ("mute", "Draft"),
        "proposed": ("hold", "In review"),
        "approved": ("ok", "Approved"),
        "active": ("ok", "Active"),
        "suspended": ("warn", "Suspended"),
        "retired": ("mute", "Retired"),
    },
    "approval": {
        "pending": ("hold", "Waiting for a person"),
        "approved": ("ok", "Approved"),
        "rejected": ("danger", "Rejected"),
        "returned": ("info", "Sent back"),
        "expired": ("mute", "Expired"),
        "cancelled": ("mute", "Cancelled"),
        "superseded": ("mute", "Superseded"),
    },
    "execution": {
        "none": ("mute", "Not carried out"),
        "dispatched": ("info", "Running"),
        "refused_stale": ("mute", "Superseded"),
        "withdrawn": ("mute", "Cancelled"),
        "succeeded": ("ok", "Completed"),
        "failed": ("danger", "Failed"),
        "in_doubt": ("danger", "Needs a person"),
        "rolled_back": ("mute", "Rolled back"),
    },
    "work": {
        "draft": ("hold", "Needs your answer"),
        "queued": ("mute", "Queued"),
        "working": ("info", "Running"),
        "ready": ("ok", "Completed"),
        "failed": ("danger", "Failed"),
        "cancelled": ("mute", "Cancelled"),
    },
    "interview": {
        "answered": ("hold", "In review"),
        "countersigned": ("ok", "Countersigned"),
        "refused": ("info", "Sent back"),
        "superseded": ("mute", "Superseded"),
    },
    "policy": {
        "draft": ("mute", "Draft"),
        "proposed": ("hold", "In review"),
        "adopted": ("ok", "Adopted"),
        "in_force": ("ok", "In force"),
        "superseded": ("mute", "Superseded"),
        "suspended": ("warn", "Suspended"),
        "lapsed": ("mute", "Lapsed"),
        "declined": ("mute", "Not adopted"),
    },
    "motion": {
        "draft": ("mute", "Draft"),
        "comment": ("hold", "In review"),
        "ballot": ("hold", "Awaiting votes"),
        "waiting": ("ok", "Adopted"),
        "adopted": ("danger", "Adopted, not effective"),
        "stopped": ("warn", "Stopped"),
        "effective": ("ok", "In force"),
        "defeated": ("mute", "Not adopted"),
        "inquorate": ("warn", "No quorum yet"),
        "vetoed": ("mute", "Not adopted"),
        "escalated": ("danger", "Escalated"),
        "withdrawn": ("mute", "Withdrawn"),
    },
    "ballot": {
        "for": ("ok", "For"),
        "against": ("danger", "Against"),
        "abstain": ("mute", "Abstains"),
        "conflict": ("mute", "Abstains, being partial"),
        "veto": ("danger", "Veto"),
    },
    "objection": {
        "open": ("hold", "Open"),
        "answered": ("ok", "Answered"),
        "escalated": ("warn", "Answer not accepted"),
        "withdrawn": ("mute", "Withdrawn"),
    },
    "question": {
        "open": ("hold", "Open"),
        "yes": ("info", "Yes"),
        "no": ("mute", "No"),
    },
    "measure": {
        "asked": ("hold", "Waits for a second person"),
        "in_force": ("danger", "In force"),
        "lapsed": ("mute", "Lapsed"),
        "lifted": ("mute", "Lifted"),
        "refused": ("mute", "Not seconded"),
    },
    "sitting": {
        "planned": ("mute", "Planned"),
        "open": ("info", "In session"),
        "closed": ("hold", "Minutes to sign"),
        "signed": ("ok", "Minutes signed"),
    },
    "backtest": {
        "queued": ("mute", "Queued"),
        "running": ("info", "Running"),
        "done": ("ok", "Done"),
        "cancelled": ("mute", "Cancelled"),
        "failed": ("danger", "Failed"),
    },
    "pack": {
        "queued": ("mute", "Queued"),
        "building": ("info", "Being built"),
        "ready": ("ok", "Ready"),
        "failed": ("danger", "Failed"),
    },
    "verification": {
        "queued": ("mute", "Queued"),
        "running": ("info", "Running"),
        "intact": ("ok", "Verified"),
        "broken": ("danger", "Chain broken"),
        "failed": ("danger", "Failed"),
    },
    "outside": {
        "same": ("ok", "Same outside"),
        "missing": ("warn", "Missing outside"),
        "differs": ("danger", "Differs outside"),
    },
    "run": {
        "queued": ("mute", "Queued"),
        "running": ("info", "Running"),
        "waiting": ("hold", "Waiting for a person"),
        "waiting_resource": ("mute", "Waiting for a resource"),
        "waiting_timer": ("mute", "Waiting for its time"),
        "paused": ("mute", "Paused"),
        "compensating": ("info", "Undoing"),
        "stuck": ("danger", "Needs a person"),
        "succeeded": ("ok", "Completed"),
        "failed": ("danger", "Failed"),
        "cancelled": ("mute", "Cancelled"),
        "rolled_back": ("mute", "Rolled back"),
    },
    "step": {
        "planned": ("mute", "Planned"),
        "ready": ("mute", "Queued"),
        "running": ("info", "Running"),
        "awaiting_resource": ("mute", "Waiting for a resource"),
        "awaiting_approval": ("hold", "Waiting for a person"),
        "retry_wait": ("mute", "Waiting to try again"),
        "succeeded": ("ok", "Completed"),
        "skipped": ("mute", "Skipped"),
        "denied": ("warn", "Blocked by policy"),
        "rejected": ("danger", "Rejected"),
        "returned": ("info", "Sent back"),
        "expired": ("mute", "Expired"),
        "failed": ("danger", "Failed"),
        "dead": ("danger", "Gave up"),
        "in_doubt": ("danger", "Needs a person"),
        "cancelled": ("mute", "Cancelled"),
        "compensating": ("info", "Undoing"),
        "compensated": ("mute", "Rolled back"),
        "compensation_failed": ("danger", "Not undone"),
    },
    "verdict": {
        "allow": ("ok", "Allowed"),
        "deny": ("warn", "Blocked by policy"),
        "review": ("hold", "Waiting for a person"),
    },
    "action": {
        "allowed": ("ok", "Allowed"),
        "waiting": ("hold", "Waiting for a person"),
        "denied": ("warn", "Blocked by policy"),
        "dispatching": ("info", "Running"),
        "executing": ("info", "Running"),
        "done": ("ok", "Completed"),
        "failed": ("danger", "Failed"),
        "in_doubt": ("danger", "Needs a person"),
        "refused_stale": ("mute", "Superseded"),
        "rejected": ("danger", "Rejected"),
        "undone": ("mute", "Rolled back"),
        "expired": ("mute", "Expired"),
    },
    "mark": {
        "unused": ("warn", "Unused for 90 days"),
        "never_used": ("warn", "Never used"),
        "whole_tool": ("warn", "Whole tool, no limit"),
        "long_lived": ("warn", "Longer than a year"),
        "ended": ("mute", "Ended already"),
    },
    "review": {
        "confirmed": ("ok", "Confirmed"),
        "revoked": ("danger", "Revoked"),
        "gone": ("mute", "Had ended"),
    },
    "coverage": {
        "documented": ("ok", "Documented"),
        "partial": ("warn", "Partial"),
        "not_covered": ("mute", "Not covered"),
    },
    "choice": {
        "approve": ("ok", "Approved"),
        "reject": ("danger", "Rejected"),
        "return": ("info", "Sent back"),
    },
    "level": {
        "0": ("mute", "Shadow"),
        "1": ("hold", "Every action reviewed"),
        "2": ("info", "Half reviewed"),
        "3": ("info", "One in five reviewed"),
        "4": ("ok", "One in twenty reviewed"),
    },
    "seed": {
        "drafted": ("hold", "Waits for a second person"),
        "ready": ("ok", "In use"),
        "refused": ("mute", "Not used"),
        "retired": ("mute", "Retired"),
    },
    "severity": {
        "fine": ("ok", "Fine"),
        "cosmetic": ("mute", "Cosmetic fault"),
        "minor": ("warn", "Minor fault"),
        "moderate": ("warn", "Moderate fault"),
        "major": ("danger", "Major fault"),
        "critical": ("danger", "Critical fault"),
    },
    "risk": {
        "low": ("mute", "Low risk"),
        "medium": ("warn", "Medium risk"),
        "high": ("danger", "High risk"),
        "critical": ("danger", "Critical risk"),
    },
    "effect": {
        "read": ("mute", "Reads"),
        "write": ("info", "Writes"),
        "irreversible": ("danger", "Irreversible"),
    },
    "rule": {
        "permit": ("ok", "Allows"),
        "forbid": ("warn", "Forbids"),
        "checkpoint": ("hold", "Asks people"),
        "ceiling": ("hold", "Readiness"),
    },
    "readiness_level": {
        "0": ("mute", "Not assessed"),
        "1": ("danger", "Not yet"),
        "2": ("warn", "Partly"),
        "3": ("info", "Mostly"),
        "4": ("ok", "Ready"),
    },
    "readiness_bound": {
        "0": ("mute", "agents only observe"),
        "1": ("danger", "agents only observe"),
        "2": ("warn", "people see every change"),
        "3": ("info", "people see at least one change in five"),
        "4": ("ok", "no bound"),
    },
    "incident": {
        "reported": ("danger", "Open"),
        "triaged": ("danger", "Open"),
        "contained": ("warn", "Contained"),
        "investigating": ("info", "Investigating"),
        "in_review": ("info", "Under review"),
        "corrective": ("info", "Being corrected"),
        "closed": ("ok", "Closed"),
        "duplicate": ("mute", "Duplicate"),
        "false_alarm": ("mute", "False alarm"),
    },
    "incident_severity": {
        "1": ("danger", "1 critical"),
        "2": ("danger", "2 high"),
        "3": ("warn", "3 moderate"),
        "4": ("mute", "4 low"),
    },
    "incident_kind": {
        "event": ("danger", "Harm was done"),
        "near_miss": ("warn", "Near miss"),
        "issue": ("info", "Weakness found"),
    },
    "rollback_item": {
        "waiting": ("info", "Will be taken back"),
        "doing": ("info", "Being taken back"),
        "done": ("ok", "Taken back"),
        "changed": ("warn", "Changed since"),
        "never": ("mute", "Stays"),
        "failed": ("danger", "Not taken back"),
    },
    "silent": {"unreported": ("warn", "Not reported")},
    "outcome": {
        "done": ("ok", "Done"),
        "allowed": ("ok", "Allowed"),
        "approved": ("ok", "Approved"),
        "approve": ("ok", "Approved"),
        "waiting": ("hold", "Waiting for a person"),
        "denied": ("warn", "Refused"),
        "failed": ("danger", "Failed"),
        "rejected": ("danger", "Rejected"),
        "reject": ("danger", "Rejected"),
        "returned": ("info", "Sent back"),
        "return": ("info", "Sent back"),
        "expired": ("mute", "Expired"),
        "cancelled": ("mute", "Cancelled"),
        "superseded": ("mute", "Superseded"),
        "in_doubt": ("danger", "In doubt"),
    },
}


def teach(kind: str, words: dict[str, tuple[str, str]]) -> None:
    """Adds the words of a kind of thing that only a pilot knows."""
    WORDS[kind] = words


def word_for(kind: str, code: str) -> tuple[str, str]:
    """(tone, word) of a status code; an unknown code is shown as it is, muted."""
    return WORDS.get(kind, {}).get(code, ("mute", code.replace("_", " ").capitalize()))


def label(name: str) -> str:
    """A field's name for people: `bank_iban` is “Bank IBAN”."""
    words = inside(name)
    return words[:1].upper() + words[1:]


def inside(name: str) -> str:
    """The same inside a sentence: “bank IBAN”."""
    words = str(name).replace("_", " ").split()
    return " ".join(word.upper() if word.lower() in ACRONYMS else word.lower() for word in words)


ACRONYMS = frozenset(("api", "bic", "csv", "eu", "iban", "id", "ip", "pdf", "po", "url", "vat"))
