"""What a responder has to see first: what is stopped and what goes on, and what the next stage
still wants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apps.incidents.models import Containment, Finding, Incident
from apps.incidents.queries.duties import open_clocks
from apps.incidents.queries.incidents import agents_of, tools_about
from apps.incidents.queries.lessons import PolicyAction
from apps.incidents.states import Measure, Place, Severity, Status
from apps.registry.models import Agent, Tool
from apps.registry.states import AgentStatus

GRAVE = (Severity.CRITICAL, Severity.HIGH)
STOPS = (Measure.SUSPEND, Measure.STOP)
# What is done to an incident, before and after, and how many of it each status has behind it.
MILESTONES = (
    ("Triage", "Triaged"),
    ("Contain", "Contained"),
    ("Investigate", "Investigated"),
    ("Review", "Reviewed"),
    ("Correct", "Corrected"),
    ("Close", "Closed"),
)
BEHIND: dict[str, int] = {
    Status.REPORTED: 0,
    Status.TRIAGED: 1,
    Status.CONTAINED: 2,
    Status.INVESTIGATING: 2,
    Status.IN_REVIEW: 3,
    Status.CORRECTIVE: 4,
    Status.CLOSED: len(MILESTONES),
}


@dataclass(frozen=True)
class Standing:
    """Whether one thing that the incident is about can still act: its tone, a word, a sentence."""

    place: str
    ref: str
    label: str
    tone: str
    word: str
    words: str

    @property
    def place_words(self) -> str:
        return Place(self.place).label


def standings(incident: Incident, measures: Iterable[Containment]) -> list[Standing]:
    """The linked agents, the tools of the signals, and whatever else a measure is about: stopped,
    asked about, or going on."""
    live: dict[tuple[str, str], list[Containment]] = {}
    lifted: set[tuple[str, str]] = set()
    for row in measures:
        if row.lifted_at is not None:
            lifted.add((row.place, row.target))
        elif row.measure != Measure.KEEP:
            live.setdefault((row.place, row.target), []).append(row)
    things: list[tuple[str, str, str, Agent | None]]
    things = [(str(Place.AGENT), each.slug, each.name, each) for each in agents_of(incident)]
    for tool in Tool.objects.filter(name__in=tools_about(incident)).order_by("name"):
        things.append((str(Place.TOOL), tool.name, tool.title, None))
    known = {(place, ref) for place, ref, *_ in things}
    things += [(*key, rows[0].label, None) for key, rows in live.items() if key not in known]
    found: list[Standing] = []
    for place, ref, label, agent in things:
        said = of_agent(agent, live.get((place, ref), [])) if agent else None
        said = said or of_measures(live.get((place, ref), []))
        found.append(
            Standing(place, ref, label, *(said or going_on(incident, (place, ref) in lifted)))
        )
    return found


Said = tuple[str, str, str]


def of_agent(agent: Agent, taken: Sequence[Containment]) -> Said | None:
    if agent.status == AgentStatus.SUSPENDED and not any(owed(row) for row in taken):
        words = "It is suspended." if taken else "It is suspended, by no measure of this incident."
        return "ok", "Stopped", words
    if agent.status not in (AgentStatus.ACTIVE, AgentStatus.SUSPENDED):
        return "mute", "Does not act", f"It is {agent.get_status_display().lower()}."
    return None


def going_on(incident: Incident, lifted: bool) -> Said:
    if lifted:
        return "info", "Goes on again", "Its measures are lifted."
    if incident.contained_at:
        return "mute", "Goes on", "Nobody found that it has to be stopped."
    return "danger", "Goes on", "It acts as the policies allow."


def of_measures(taken: Sequence[Containment]) -> Said | None:
    if late := [row for row in taken if owed(row)]:
        receipts = [each for row in late for each in row.receipts.all() if not each.removal]
        heard = sum(each.confirmed_at is not None for each in receipts)
        words = f"{heard} of {len(receipts)} points have confirmed it so far."
        return "danger", "Not confirmed", words
    if any(row.measure in STOPS for row in taken):
        return "ok", "Stopped", "Nothing of it passes."
    if any(row.measure == Measure.ASK for row in taken):
        return "hold", "People are asked", "Every action waits for a person."
    return ("ok", "Stopped", "It holds no permission.") if taken else None


def owed(row: Containment) -> bool:
    return row.confirmed_at is None


def milestones(incident: Incident) -> list[tuple[str, str]]:
    """Each with done, next or later; none where the incident was dismissed."""
    behind = BEHIND.get(incident.status)
    if behind is None:
        return []
    return [
        (after, "done") if place < behind else (before, "next" if place == behind else "later")
        for place, (before, after) in enumerate(MILESTONES)
    ]


@dataclass(frozen=True)
class Wanted:
    """One thing that the next stage asks for, whether it is there, and where on the page it is."""

    words: str
    done: bool
    place: str


def wanted(
    incident: Incident,
    findings: Iterable[Finding],
    policy_actions: Iterable[PolicyAction],
    measures: Iterable[Containment],
) -> list[Wanted]:
    """What has to be there before the incident moves on, as its verbs check it."""
    grave = incident.severity in GRAVE or incident.is_serious
    rows = list(findings)
    if incident.status == Status.CONTAINED:
        return [Wanted("Somebody leads", incident.commander_id is not None, "next")]
    if incident.status == Status.INVESTIGATING:
        leads = incident.commander_id in incident.confirmed_by
        others = len(incident.confirmed_by) - leads
        return [
            Wanted("A finding is written down", bool(rows), "findings"),
            Wanted(f"{incident.commander} has confirmed the timeline", leads, "timeline"),
            Wanted("Somebody else has confirmed it", others > 0, "timeline"),
        ]
    if incident.status == Status.IN_REVIEW:
        answered = all(row.accepted or row.actions.all() for row in rows)
        held = [
            Wanted(
                "The review is on record, or why there was none",
                incident.reviews.exists(),
                "reviews",
            )
        ]
        return [
            *(held if grave else []),
            Wanted("Each finding has an action, or its risk is accepted", answered, "findings"),
        ]
    if incident.status != Status.CORRECTIVE:
        return []
    actions = [action for row in rows for action in row.actions.all()]
    in_force = any(
        row.lifted_at is None and row.measure not in (Measure.KEEP, Measure.REVOKE)
        for row in measures
    )
    return [
        Wanted("Every action is done", all(each.done_at for each in actions), "findings"),
        Wanted(
            "Somebody else has found that each works",
            all(each.verified_at for each in actions),
            "findings",
        ),
        *(
            Wanted(
                f"What is in force stops what “{each.action}” is about",
                each.green,
                f"proof-{each.action.pk}",
            )
            for each in policy_actions
        ),
        Wanted("Every measure is lifted", not in_force, "contained"),
        Wanted("No legal period runs", not open_clocks(incident).exists(), "duties"),
        *([Wanted(f"Somebody other than {incident.commander} closes it", True, "next")] * grave),
    ]
