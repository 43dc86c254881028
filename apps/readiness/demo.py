"""The demonstration's processes: described, with logs of their last months that a worker reads and
measures once it runs. Nothing here is measured beforehand."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from apps.access.models import Department, User
from apps.common.acting import acting
from apps.common.clock import now
from apps.readiness import outline, questions
from apps.readiness.mining.generate import as_csv, expenses, invoices, onboarding
from apps.readiness.models import Log, Process
from apps.readiness.services import assessing, interviews, inventory, logs
from apps.readiness.states import WorkStatus

CASES = 1_200
# slug, name, purpose, owner, department, lawful basis, cases a year, minutes a case
PROCESSES: tuple[tuple[str, str, str, str, str, str, list[int], list[int]], ...] = (
    ("invoices", "Invoices", "From the post to the payment.", "dana", "finance",
     "Contracts with suppliers", [14_000, 16_000, 19_000], [9, 12, 18]),
    ("vendors", "Taking on vendors", "Who may be paid, and on which account.", "clara",
     "procurement", "Contracts and the law on sanctions", [700, 900, 1_200], [50, 80, 140]),
    ("expenses", "Expense claims", "What employees laid out comes back to them.", "amara",
     "finance", "Employment contracts", [20_000, 24_000, 30_000], [4, 6, 9]),
)  # fmt: skip


def seed() -> None:
    """Through the same services as people use; the files are read when a worker is there."""
    people = {user.username: user for user in User.objects.all()}
    operator = people["operator"]
    moment = now()
    until = moment - dt.timedelta(hours=3)
    kits: dict[str, tuple[Any, Any]] = {
        "invoices": (invoices, invoices.Plan(cases=CASES, until=until, minutes_between_cases=150)),
        "vendors": (onboarding, onboarding.Plan(cases=CASES, until=until)),
        "expenses": (expenses, expenses.Plan(cases=CASES, until=until, minutes_between_cases=150)),
    }
    known: set[str] = set()
    for slug, name, purpose, owner, department, basis, volume, minutes in PROCESSES:
        kit, plan = kits[slug]
        for fact in kit.SYSTEMS:
            if fact.name not in known:
                known.add(fact.name)
                inventory.save_system(
                    actor=None, name=fact.name, access=fact.access, sanctioned=fact.sanctioned,
                    owner=operator,
                )  # fmt: skip
        process = inventory.register_process(
            actor=None, slug=slug, name=name, purpose=purpose, owner=people[owner],
            department=Department.objects.get(slug=department), lawful_basis=basis,
            volume=volume, minutes=minutes, procedure_on=moment.date() - dt.timedelta(days=90),
            escalation=f"Ask {people[owner]}.", reviewer_hours=12,
        )  # fmt: skip
        if slug == "expenses":
            inventory.import_bpmn(actor=None, process=process, data=kit.bpmn().encode())
        else:
            inventory.document_steps(actor=None, process=process, text=outline.written(kit.STEPS))
        for step in kit.ACTIVITIES:
            tested = moment.date() - dt.timedelta(days=30) if step.undo == "tested" else None
            inventory.describe_step(
                actor=None, process=process, name=step.name, severity=step.severity,
                undo=step.undo, undo_how=step.how, guarded=step.guarded, undo_tested_on=tested,
            )  # fmt: skip
        with acting(kind="person", id=str(operator.pk), label=str(operator), trigger="seed_demo"):
            bring_in(operator, process, as_csv(kit.generated(plan)[0]))
    with acting(kind="person", id=str(people["clara"].pk), label=str(people["clara"])):
        interviews.answer(
            actor=people["clara"], process=Process.objects.get(slug="vendors"),
            answers={question.key: 1 + len(question.key) % 3 for question in questions.QUESTIONS},
            remarks={"conform_hidden": "We ask each other in the chat; it is quicker."},
        )  # fmt: skip


def bring_in(actor: User, process: Process, data: bytes) -> None:
    file = SimpleUploadedFile(f"{process.slug}.csv", data)
    log = logs.upload_log(actor=actor, process=process, upload=file)
    logs.map_log(actor=actor, log=log, mapping=logs.mapping_of(log.mapping))


def measure_what_was_read() -> None:
    """Asks for the first measurement of each of the demonstration's processes, once its log is
    read."""
    fresh = Process.objects.filter(
        slug__in=[each[0] for each in PROCESSES], assessments__isnull=True
    )
    for process in fresh:
        log = Log.objects.filter(process=process, status=WorkStatus.READY).first()
        asker = User.objects.filter(pk=log.asked_by_id).first() if log else None
        if log is not None and asker is not None:
            with acting(kind="person", id=str(asker.pk), label=str(asker), trigger="demonstration"):
                assessing.ask_for_assessment(actor=asker, process=process, log=log)
