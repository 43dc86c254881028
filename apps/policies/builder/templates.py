"""Sentences to begin with."""

from __future__ import annotations

from apps.policies.builder.sentences import Condition, Sentence

TEMPLATES: dict[str, tuple[str, Sentence]] = {
    "amount-limit": (
        "Amounts over a limit need a person",
        Sentence(
            "amount-limit", "Amounts over the limit need a person.",
            conditions=(Condition("facts.amount", ">", 1_000_000),), then="ask", hours=4,
        ),
    ),
    "new-payee": (
        "A new payee needs a person",
        Sentence(
            "new-payee", "The payee has been known for less than 30 days.",
            conditions=(Condition("facts.supplier_known_days", "<", 30),), then="ask", hours=4,
        ),
    ),
    "bank-details": (
        "Changed bank details need two people",
        Sentence(
            "bank-details", "The account was changed within the last 30 days.",
            conditions=(Condition("facts.account_known_days", "<", 30),), then="ask", people=2,
            hours=4,
        ),
    ),
    "data-class": (
        "Personal data stays in its department",
        Sentence(
            "data-class", "Personal data is for the agents of its own department.",
            conditions=(
                Condition("resource.data_class", "==", "personal"),
                Condition("agent.department", "!=", "people"),
            ),
        ),
    ),
    "deletion": (
        "Nothing irreversible without a person",
        Sentence(
            "deletion", "What cannot be taken back needs a person.", does="effect:irreversible",
            then="ask", hours=4,
        ),
    ),
    "out-of-hours": (
        "Nothing at night",
        Sentence(
            "out-of-hours", "Agents do not write before 6 o'clock (UTC).", does="effect:write",
            conditions=(Condition("now.time", "<", "6"),),
        ),
    ),
    "rate": (
        "A limit per agent and hour",
        Sentence(
            "rate", "More than 100 actions of one agent in an hour need a look.",
            conditions=(Condition("agent.actions_last_hour", ">=", 100),), then="ask", hours=4,
        ),
    ),
    "irreversible": (
        "Irreversible needs two people",
        Sentence(
            "irreversible", "What cannot be taken back needs two people.",
            does="effect:irreversible", then="ask", people=2, hours=4,
        ),
    ),
}  # fmt: skip
