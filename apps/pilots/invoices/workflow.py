"""What happens to an invoice: a pure function from what is done to what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apps.orchestration.definitions import Finish, RunState, StepSpec

INTAKE, MATCHER, PAYABLES, VENDOR_DESK = (
    "invoice-intake",
    "invoice-matcher",
    "invoice-payables",
    "vendor-desk",
)


class InvoiceTriage:
    slug = "invoice-triage"
    title = "Invoice triage"
    version = 1

    def next(self, state: RunState) -> Sequence[StepSpec] | Finish:
        for stage in (self.read, self.check, self.compare, self.account, self.book, self.pay):
            answer = stage(state)
            if answer is not None:
                return answer
        return Finish("scheduled", "The invoice is posted and its payment is scheduled.")

    def read(self, state: RunState) -> Sequence[StepSpec] | Finish | None:
        if not state.done("read"):
            return stage(state, "read", INTAKE, "invoices.parse", "Read the document")
        if not state.result("read")["readable"]:
            return Finish("unreadable", state.result("read")["problem"], failed=True)
        return None

    def check(self, state: RunState) -> Sequence[StepSpec] | Finish | None:
        if not state.done("check"):
            return stage(state, "check", INTAKE, "invoices.validate", "Check the business rules")
        findings = state.result("check")["findings"]
        if findings:
            return aside(state, worst(findings), "invalid")
        return None

    def compare(self, state: RunState) -> Sequence[StepSpec] | Finish | None:
        if not state.done("match"):
            return stage(state, "match", MATCHER, "invoices.match", "Match supplier and order")
        verdict = state.result("match")["verdict"]
        if verdict in ("ok", "new_account"):
            return None
        return aside(state, state.result("match")["sentence"], verdict)

    def account(self, state: RunState) -> Sequence[StepSpec] | Finish | None:
        """A new account is asked for first; only when it is in the master data does the invoice
        go on, and it is compared once more against what stands there then."""
        if state.result("match")["verdict"] != "new_account":
            return None
        if not state.done("account"):
            arguments = {
                "supplier": {"$from": "match.supplier"},
                "iban": {"$from": "read.iban"},
            }
            return stage(
                state,
                "account",
                VENDOR_DESK,
                "suppliers.change_account",
                "Change the supplier's account to the one on the invoice",
                arguments,
            )
        if not state.done("rematch"):
            return stage(state, "rematch", MATCHER, "invoices.match", "Match once more")
        if state.result("rematch")["verdict"] != "ok":
            return aside(state, state.result("rematch")["sentence"], "mismatch")
        return None

    def book(self, state: RunState) -> Sequence[StepSpec] | Finish | None:
        if not state.done("post"):
            return stage(state, "post", PAYABLES, "invoices.post", "Post the invoice")
        return None

    def pay(self, state: RunState) -> Sequence[StepSpec] | Finish | None:
        if state.result("read")["kind"] == "credit_note":
            return Finish("posted", "The credit note is posted; there is nothing to pay.")
        if not state.done("pay"):
            return stage(state, "pay", PAYABLES, "payments.schedule", "Schedule the payment")
        return None


def stage(
    state: RunState,
    key: str,
    agent: str,
    tool: str,
    purpose: str,
    arguments: dict[str, Any] | None = None,
) -> Sequence[StepSpec] | Finish:
    """The step of a stage; where it ended without success, the run ends with its reason."""
    step = state.steps.get(key)
    if step is not None and state.ended(key) and step.status != "returned":
        if key in ("account", "post", "pay") and step.status in ("denied", "rejected", "expired"):
            return aside(state, step.error or f"The step {key} was {step.status}.", step.status)
        return Finish(step.status, step.error or f"The step {key} {step.status}.", failed=True)
    given = arguments if arguments is not None else {"document": state.trigger["document"]}
    return [StepSpec(key, agent, tool, given, purpose)]


def worst(findings: Sequence[Mapping[str, str]]) -> str:
    """The first broken rule in words, and how many more there are."""
    first, more = findings[0], len(findings) - 1
    rest = f" {more} more {'rules are' if more > 1 else 'rule is'} broken." if more else ""
    return f"{first['sentence']} ({first['rule']}){rest}"


def aside(state: RunState, reason: str, outcome: str) -> Sequence[StepSpec] | Finish:
    """Sets the invoice aside for people, with the reason in words, and ends the run."""
    if state.done("hold"):
        return Finish(outcome, reason)
    if state.ended("hold"):
        return Finish(outcome, state.steps["hold"].error or reason, failed=True)
    arguments = {"document": state.trigger["document"], "reason": reason[:500]}
    return [StepSpec("hold", INTAKE, "invoices.hold", arguments, "Set the invoice aside")]
