"""A process's procedure, steps, tables and rules: a form each; what is refused stays as typed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_date

from apps.access.guards import PersonRequest, needs
from apps.access.models import User
from apps.common.errors import Absent, Invalid, NotPermitted, Refused
from apps.common.middleware import told
from apps.readiness import outline
from apps.readiness.mining.statements import CHECKS, COMPARED, TESTS
from apps.readiness.models import Activity, Process, Rule, Source, System
from apps.readiness.queries.assessments import newest
from apps.readiness.services import inventory
from apps.readiness.states import RuleKind, Undo
from apps.readiness.views.inventory import keeper, seen_in

MOST_BPMN = 5_000_000
CONDITIONS = 3
TEST_WORDS = {
    "equals": "equal to", "not_equals": "not equal to", "one_of": "one of (with commas)",
    "over": "over", "at_least": "at least", "under": "under", "at_most": "at most",
}  # fmt: skip
# What a check wants to know besides the field, and the name that the rule has for it.
ARGUMENTS = {
    "complete": "nothing more",
    "unique": "nothing more",
    "one_of": "the values, with commas",
    "pattern": "a regular expression",
    "range": "from .. to, either may be left out",
    "not_before": "the other field",
    "given_with": "the other field",
    "sum_of": "the fields that it is the sum of, with commas",
    "fresh": "how many days old at most",
}


@needs("readiness.view")
def steps(request: PersonRequest, slug: str) -> HttpResponse:
    """The documented process, and what is understood of it: of what is typed, before it is kept."""
    found = keeper(request, slug)
    text, understood = outline.written(found.steps), document_of(found)
    problems: list[str] = []
    if request.method == "POST":
        text = request.POST.get("text", text)
        try:
            if "show" in request.POST:
                understood = understood_of(text)
            else:
                keep_document(request, found, text)
                return told(
                    request,
                    "The documented process is kept.",
                    reverse("readiness:steps", args=[slug]),
                )
        except Refused as error:
            fields = error.fields if isinstance(error, Invalid) else {}
            problems = [s for some in fields.values() for s in some] or [error.sentence]
    context = {
        "process": found,
        "text": text,
        "seen": request.POST.get("seen") or inventory.version_of(found),
        "understood": understood,
        "typed": "show" in request.POST and not problems,
        "problems": problems,
    }
    return render(request, "readiness/steps.html", context, status=422 if problems else 200)


def keep_document(request: PersonRequest, process: Process, text: str) -> None:
    file, seen = request.FILES.get("file"), seen_in(request)
    if file is None:
        inventory.document_steps(actor=request.user, process=process, text=text, seen=seen)
        return
    if (file.size or 0) > MOST_BPMN:
        raise Invalid("Too large.", fields={"file": ["The file is larger than 5 MB."]})
    inventory.import_bpmn(actor=request.user, process=process, data=file.read(), seen=seen)


Understood = list[tuple[str, list[str]]]


def document_of(process: Process) -> Understood:
    """Each documented step, and what may follow it directly."""
    from apps.readiness.mining import documented

    if process.bpmn:
        return ways_of(documented.from_bpmn(process.bpmn.encode()))
    return ways_of(documented.from_steps(process.steps)) if process.steps else []


def understood_of(text: str) -> Understood:
    from apps.readiness.mining import documented
    from apps.readiness.mining.nets import DocumentRefused

    try:
        found = outline.parse(text)
        return ways_of(documented.from_steps(found)) if found else []
    except (outline.Unclear, DocumentRefused) as refusal:
        raise Invalid("The outline cannot be read.", fields={"text": [str(refusal)]}) from None


def ways_of(net: Any) -> Understood:
    from apps.readiness.mining.nets import follows

    after: dict[str, list[str]] = {name: [] for name in sorted(net.labels)}
    for first, second in follows(net):
        after[first].append(second)
    return list(after.items())


@needs("readiness.view")
def describe(request: PersonRequest, slug: str) -> HttpResponse:
    found = keeper(request, slug)
    problem, failed = "", ""
    if request.method == "POST":
        failed = request.POST.get("what", "")
        if failed not in SAID:
            raise Absent
        try:
            sentence = SAID[failed](request, found)
        except (NotPermitted, Absent):
            raise
        except Refused as error:
            fields = error.fields if isinstance(error, Invalid) else {}
            problem = " ".join([error.sentence, *(s for some in fields.values() for s in some)])
        else:
            return told(request, sentence, reverse("readiness:describe", args=[slug]))
    known = {each.name: each for each in found.activities.order_by("name")}
    names = sorted({*(name for name, _ in document_of(found)), *measured_steps(found), *known})
    sources = list(found.sources.select_related("system", "owner").order_by("name"))
    context = {
        "process": found,
        "steps": [(name, known.get(name)) for name in names],
        "step": typed_step(request, known) if failed != "step" else request.POST,
        "sources": sources,
        "source": typed_source(request, sources) if failed != "source" else request.POST,
        "rules": found.rules.order_by("kind", "pk"),
        "systems": System.objects.order_by("name"),
        "people": User.objects.filter(is_active=True).order_by("display_name")[:500],
        "undos": Undo.choices,
        "harms": HARMS,
        "kinds": [pair for pair in RuleKind.choices if pair[0] != RuleKind.DECISION],
        "checks": [(check, ARGUMENTS[check]) for check in CHECKS],
        "tests": [(test, TEST_WORDS[test]) for test in TESTS],
        "conditions": typed_conditions(request.POST if problem else {}),
        "problem": problem,
        "failed": failed if problem else "",
        "typed": request.POST if problem else {},
    }
    return render(request, "readiness/describe.html", context, status=422 if problem else 200)


HARMS = (
    ("0", "0 it changes nothing"), ("1", "1 easily put right"), ("2", "2 some work to put right"),
    ("3", "3 costs money or trust"), ("4", "4 much money, or a person's rights"),
    ("5", "5 life, health, the law"),
)  # fmt: skip


def measured_steps(process: Process) -> list[str]:
    row = newest(process)
    graph = (row.results.get("graph") if row else None) or {}
    return [step["activity"] for step in graph.get("steps", [])][:200]


def typed_step(request: PersonRequest, known: Mapping[str, Activity]) -> dict[str, Any]:
    """The form of a step as it stands, for who wants to change it."""
    row = known.get(request.GET.get("step", ""))
    if row is None:
        return {"name": request.GET.get("step", "")}
    return {
        "name": row.name, "severity": str(row.severity), "undo": row.undo,
        "undo_how": row.undo_how, "guarded": row.guarded, "seen": inventory.version_of(row),
        "undo_tested_on": row.undo_tested_on.isoformat() if row.undo_tested_on else "",
    }  # fmt: skip


def typed_source(request: PersonRequest, sources: list[Source]) -> dict[str, Any]:
    row = next((each for each in sources if each.name == request.GET.get("source")), None)
    if row is None:
        return {}
    return {
        "name": row.name, "system": str(row.system or ""), "owner": str(row.owner_id or ""),
        "rules": json.dumps(row.rules, indent=1, ensure_ascii=False),
        "seen": inventory.version_of(row),
    }  # fmt: skip


def typed_conditions(typed: Mapping[str, str]) -> list[tuple[int, str, str, str]]:
    """Number, field, test and value of each line of the form of a decision."""
    return [
        (n, typed.get(f"field-{n}", ""), typed.get(f"test-{n}", ""), typed.get(f"value-{n}", ""))
        for n in range(1, CONDITIONS + 1)
    ]


def say_step(request: PersonRequest, process: Process) -> str:
    data = request.POST
    severity = data.get("severity", "")
    inventory.describe_step(
        actor=request.user, process=process, name=data.get("name", "")[:200],
        severity=int(severity) if severity.isdecimal() else -1, undo=data.get("undo", ""),
        undo_how=data.get("undo_how", ""), guarded=bool(data.get("guarded")),
        undo_tested_on=day_in(data.get("undo_tested_on", "")), seen=seen_in(request),
    )  # fmt: skip
    return "The step is described."


def day_in(text: str) -> dt.date | None:
    try:
        return parse_date(text)
    except ValueError:  # a day that no month has
        return None


def say_source(request: PersonRequest, process: Process) -> str:
    data = request.POST
    try:
        rules = json.loads(data.get("rules", "") or "[]", parse_constant=no_number)
    except ValueError as error:
        raise Invalid(f"The rules are no JSON: {error}.") from None
    name = data.get("name", "").strip()[:120]
    if not isinstance(rules, list) or not name:
        raise Invalid("Give the table a name, and its rules as a JSON list.")
    owner = data.get("owner", "")
    inventory.save_source(
        actor=request.user, process=process, name=name, rules=rules, seen=seen_in(request),
        system=System.objects.filter(name=data.get("system", "")).first(),
        owner=User.objects.filter(pk=int(owner)).first() if owner.isdecimal() else None,
    )  # fmt: skip
    return "The table is described."


def no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def say_table_rule(request: PersonRequest, process: Process) -> str:
    """One more rule of a table, out of a form's fields."""
    row = own(Source, process, request.POST.get("row", ""))
    with_rules(request, row, lambda rules: [*rules, table_rule(request.POST)])
    return f"{row.name} has one more rule."


def with_rules(
    request: PersonRequest, row: Source, change: Callable[[list[Any]], list[Any]]
) -> None:
    """The source with changed rules; Conflict where somebody else changes them at the same time.
    The version is read before the rules, so that they are never older than it."""
    seen = inventory.version_of(row)
    row.refresh_from_db()
    inventory.save_source(
        actor=request.user, process=row.process, name=row.name, system=row.system,
        owner=row.owner, rules=change(row.rules), seen=seen,
    )  # fmt: skip


def say_rule_off(request: PersonRequest, process: Process) -> str:
    row, place = own(Source, process, request.POST.get("row", "")), request.POST.get("place", "")
    if not place.isdecimal() or int(place) >= len(row.rules):
        raise Absent
    gone = row.rules[int(place)]
    with_rules(request, row, lambda rules: [rule for rule in rules if rule != gone])
    return f"{row.name} has one rule less."


def table_rule(data: Mapping[str, str]) -> dict[str, Any]:
    """A rule of mining.quality out of a field, a check and what the check wants to know."""
    check, text = data.get("check", ""), data.get("argument", "").strip()
    rule: dict[str, Any] = {"field": data.get("field", "").strip(), "check": check}
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if check == "one_of":
        rule["values"] = parts
    elif check == "sum_of":
        rule["fields"] = parts
    elif check == "range":
        for name, part in zip(("least", "most"), (*text.split(".."), ""), strict=False):
            if part.strip():
                rule[name] = number_in(part)
    elif check == "fresh":
        rule["days"] = number_in(text)
    elif check == "pattern":
        rule["pattern"] = text
    elif check in ("not_before", "given_with"):
        rule["other"] = text
    if data.get("critical"):
        rule["critical"] = True
    return rule


def number_in(text: str) -> float | str:
    """A number where it is one; the text otherwise, which the service refuses with a sentence."""
    try:
        return float(text)
    except ValueError:
        return text


def say_rule(request: PersonRequest, process: Process) -> str:
    data = request.POST
    body = {"first": data.get("first", "").strip(), "second": data.get("second", "").strip()}
    inventory.state_rule(actor=request.user, process=process, kind=data.get("kind", ""), body=body)
    return "The rule is stated."


def say_decision(request: PersonRequest, process: Process) -> str:
    """Up to three conditions, all of which must hold."""
    data = request.POST
    body: dict[str, Any] = {
        name: data.get(name, "").strip() for name in ("at", "then", "otherwise")
    }
    body["when"] = [
        condition(data, number)
        for number in range(1, CONDITIONS + 1)
        if data.get(f"field-{number}", "").strip()
    ]
    inventory.state_rule(actor=request.user, process=process, kind=RuleKind.DECISION, body=body)
    return "The rule is stated."


def condition(data: Mapping[str, str], number: int) -> dict[str, Any]:
    test, text = data.get(f"test-{number}", ""), data.get(f"value-{number}", "").strip()
    value: Any = text
    if test == "one_of":
        value = [part.strip() for part in text.split(",") if part.strip()]
    elif test in COMPARED:
        value = number_in(text)
    return {"field": data[f"field-{number}"].strip(), "test": test, "value": value}


def say_removal(request: PersonRequest, process: Process) -> str:
    kinds: dict[str, type[Activity | Source | Rule]] = {
        "step": Activity, "source": Source, "rule": Rule,
    }  # fmt: skip
    kind = kinds.get(request.POST.get("kind", ""))
    if kind is None:
        raise Absent
    inventory.remove(actor=request.user, row=own(kind, process, request.POST.get("row", "")))
    return "It is taken away; its history stays."


def own(kind: type[Any], process: Process, key: str) -> Any:
    found = kind.objects.filter(pk=key, process=process).first() if key.isdecimal() else None
    if found is None:
        raise Absent
    return found


SAID: dict[str, Callable[[PersonRequest, Process], str]] = {
    "step": say_step,
    "source": say_source,
    "table-rule": say_table_rule,
    "rule-off": say_rule_off,
    "rule": say_rule,
    "decision": say_decision,
    "remove": say_removal,
}
