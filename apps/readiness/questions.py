"""The questionnaire for what no log shows: pure data. Each question has five answers, from 0 to 4;
a dimension's value is the mean of its answers over 4. The criteria are those that the literature
and vendors' assessments ask for (readiness.md 1.1), in our own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MOST = 4


@dataclass(frozen=True)
class Question:
    """`answers` in words, from 0 (nothing of it) to 4 (all of it)."""

    key: str
    dimension: str
    text: str
    answers: tuple[str, str, str, str, str]


SHARES = ("None of it", "A little", "About half", "Most of it", "All of it")
QUESTIONS: tuple[Question, ...] = (
    Question(
        "rules_written",
        "rules",
        "How much of what people decide here follows rules that are written down?",
        SHARES,
    ),
    Question(
        "rules_alike",
        "rules",
        "Would two experienced people decide the same case in the same way?",
        ("Rarely", "Sometimes", "About half the time", "Nearly always", "Always"),
    ),
    Question(
        "rules_facts",
        "rules",
        "Are the facts that decide a case recorded before it is decided?",
        SHARES,
    ),
    Question(
        "data_complete",
        "data",
        "How often does a case arrive with all the data that it needs?",
        ("Hardly ever", "One in four", "Half the time", "Nine in ten", "Practically always"),
    ),
    Question(
        "data_right",
        "data",
        "How often is a value in the records wrong or out of date?",
        ("Every day", "Every week", "Every month", "A few times a year", "Hardly ever"),
    ),
    Question(
        "conform_followed",
        "conform",
        "How much of the work goes the way that the procedure describes?",
        SHARES,
    ),
    Question(
        "conform_hidden",
        "conform",
        "How much is done outside the systems: calls, notes, private spreadsheets?",
        ("Most of it", "A good part", "Some", "Little", "Nothing"),
    ),
    Question(
        "access_api",
        "access",
        "How much of the work is in systems with an interface that software may use?",
        SHARES,
    ),
    Question(
        "access_identity",
        "access",
        "Can software have an identity of its own there, with only the rights it needs?",
        ("Nowhere", "In few systems", "In half of them", "In most", "In all"),
    ),
    Question(
        "exceptions_share",
        "exceptions",
        "How many cases need something out of the ordinary?",
        ("Most", "About half", "One in four", "One in ten", "Hardly any"),
    ),
    Question(
        "exceptions_known",
        "exceptions",
        "Are the exceptions known, and is it settled what to do about each?",
        SHARES,
    ),
    Question(
        "reverse_possible",
        "reverse",
        "How much of what is done can be undone without harm?",
        SHARES,
    ),
    Question(
        "reverse_tried",
        "reverse",
        "When was undoing last tried out?",
        ("Never", "Years ago", "Last year", "This year", "This quarter"),
    ),
    Question(
        "stability_changes",
        "stability",
        "How often does the way of working change?",
        ("Every month", "Every quarter", "Twice a year", "Once a year", "Less often"),
    ),
    Question(
        "stability_systems",
        "stability",
        "Are changes of its systems or rules planned for the next year?",
        ("A replacement", "Large changes", "Some", "Small ones", "None"),
    ),
)
KEYS = frozenset(question.key for question in QUESTIONS)


def values(answers: Mapping[str, int]) -> dict[str, float]:
    """Dimension → 0 to 1, over the questions that were answered; a dimension without any is left
    out."""
    sums: dict[str, list[int]] = {}
    for question in QUESTIONS:
        if question.key in answers:
            sums.setdefault(question.dimension, []).append(answers[question.key])
    return {name: sum(given) / (MOST * len(given)) for name, given in sums.items()}


def problems(answers: Mapping[str, object]) -> dict[str, list[str]]:
    """What keeps the answers from being handed in, by question."""
    found: dict[str, list[str]] = {}
    for key in KEYS:
        given = answers.get(key)
        if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given <= MOST:
            found[key] = ["Choose an answer."]
    return found
