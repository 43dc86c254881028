"""The people of the demonstration. They exist only where COUNCIL_DEMO is on."""

from __future__ import annotations

from dataclasses import dataclass

SEATS = {
    "chair": "chair",
    "member": "risk",
    "security": "security",
    "compliance": "compliance",
    "people": "people",
}
ALTERNATES = {"security": "deputy"}
PASSWORD = "council-demo"  # noqa: S105 - shown on the demo's sign-in page


@dataclass(frozen=True)
class DemoPerson:
    username: str
    name: str
    department: str
    roles: tuple[str, ...]
    what: str


def people() -> tuple[DemoPerson, ...]:
    return (
        DemoPerson("chair", "Ines Duarte", "legal", ("council_chair",), "chairs the council"),
        DemoPerson("member", "Tomas Berg", "risk", ("council_member",), "writes policies, votes"),
        DemoPerson(
            "security", "Leon Fischer", "it", ("council_member",), "votes; guards what is loosened"
        ),
        DemoPerson(
            "compliance", "Priya Raman", "compliance", ("council_member",), "votes; a guardian, too"
        ),
        DemoPerson(
            "deputy",
            "Yara Lindqvist",
            "it",
            ("council_member",),
            "alternate: sits when security does not",
        ),
        DemoPerson("people", "Hana Sato", "people", ("council_member",), "votes"),
        DemoPerson(
            "amara", "Amara Osei", "finance", ("approver",), "approves payments and vendors"
        ),
        DemoPerson(
            "bruno", "Bruno Keller", "finance", ("approver",), "approves payments and vendors"
        ),
        DemoPerson("clara", "Clara Novak", "procurement", ("approver",), "approves vendor data"),
        DemoPerson(
            "dana", "Dana Whitfield", "finance", ("approver",), "the next level: finance lead"
        ),
        DemoPerson("auditor", "Noor Haddad", "audit", ("auditor",), "reads and proves"),
        DemoPerson(
            "operator", "Sam Whitlock", "finance", ("operator",), "runs the agents, owns them"
        ),
        DemoPerson(
            "oncall", "Rui Santos", "it", ("operator",), "is called when agents go wrong; owns none"
        ),
        DemoPerson("admin", "Mika Laine", "it", ("administrator",), "registers, grants, activates"),
    )


DEPARTMENTS = {
    "legal": "Legal",
    "risk": "Risk",
    "finance": "Finance",
    "procurement": "Procurement",
    "audit": "Internal audit",
    "it": "Information technology",
    "compliance": "Compliance",
    "people": "People",
}
