"""The tools of the back office, as the registry pins them."""

from __future__ import annotations

from typing import Any

from apps.registry.rules import ToolSpec

TEXT: dict[str, Any] = {"type": "string", "maxLength": 200}
NUMBER: dict[str, Any] = {"type": "integer"}
YES_NO: dict[str, Any] = {"type": "boolean"}
DOCUMENT: dict[str, Any] = {"type": "string", "maxLength": 36, "minLength": 36}


def record(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


CENTS: dict[str, Any] = {"type": "integer", "unit": "minor"}
DAYS: dict[str, Any] = {"type": "integer", "unit": "days"}


def titled(schema: dict[str, Any], title: str) -> dict[str, Any]:
    return {**schema, "title": title}


DOCUMENT_FACTS = {
    "status": TEXT,
    "amount": CENTS,
    "currency": TEXT,
    "credit_note": YES_NO,
    "supplier_known": YES_NO,
    "supplier_blocked": YES_NO,
    "supplier_known_days": titled(DAYS, "Supplier known for"),
    "account_matches": YES_NO,
    "account_known_days": titled(DAYS, "Account known for"),
    "duplicate": YES_NO,
    "near_duplicate": titled(YES_NO, "Same number came before with other figures"),
    "order_known": YES_NO,
    "order_open": titled(CENTS, "Still open on the order"),
    "received_open": titled(CENTS, "Received and not yet invoiced"),
    "over_order_permille": titled(
        {"type": "integer", "unit": "permille"}, "More than the order, by"
    ),
    "suspicious_text": YES_NO,
}
PARSED = {
    "number": TEXT,
    "supplier": TEXT,
    "kind": TEXT,
    "iban": TEXT,
    "untrusted": {"type": "array", "items": {"type": "object"}},
}
FINDING = record({"rule": TEXT, "sentence": {"type": "string"}})

TOOLS: tuple[ToolSpec, ...] = (
    ToolSpec(
        name="invoices.parse",
        title="Read an invoice",
        description="Reads a received document and keeps its fields with it.",
        input_schema=record({"document": DOCUMENT}),
        output_schema=record({**PARSED, "readable": YES_NO}, {"problem": {"type": "string"}}),
        facts_schema=record({"status": TEXT}),
        effect="read",
        resource_keys=("invoice:{document}",),
        idempotent=True,
    ),
    ToolSpec(
        name="invoices.validate",
        title="Check an invoice against EN 16931",
        description="Evaluates the business rules and says in words which failed.",
        input_schema=record({"document": DOCUMENT}),
        output_schema=record({"valid": YES_NO, "findings": {"type": "array", "items": FINDING}}),
        facts_schema=record({"status": TEXT}),
        effect="read",
        resource_keys=("invoice:{document}",),
        idempotent=True,
    ),
    ToolSpec(
        name="invoices.match",
        title="Match an invoice with supplier, order and receipt",
        description="Finds supplier and order, compares with the tolerances, and looks for twins.",
        input_schema=record({"document": DOCUMENT}),
        output_schema=record({"verdict": TEXT, "sentence": {"type": "string"}, "supplier": TEXT}),
        facts_schema=record({"status": TEXT}),
        effect="read",
        resource_keys=("invoice:{document}",),
        idempotent=True,
    ),
    ToolSpec(
        name="invoices.hold",
        title="Set an invoice aside for people",
        description="Marks a document as held, with the reason in words.",
        input_schema=record({"document": DOCUMENT, "reason": {"type": "string", "maxLength": 500}}),
        output_schema=record({"status": TEXT}),
        facts_schema=record({"status": TEXT}),
        effect="write",
        resource_keys=("invoice:{document}",),
        compensation="invoices.hold",
        idempotent=True,
    ),
    ToolSpec(
        name="invoices.post",
        title="Post an invoice",
        description="Books the invoice to payables and uses up the order.",
        input_schema=record({"document": DOCUMENT}),
        output_schema=record({"status": TEXT, "amount": NUMBER}),
        facts_schema=record(
            {key: DOCUMENT_FACTS[key] for key in ("status", "duplicate", "suspicious_text")},
            DOCUMENT_FACTS,
        ),
        effect="write",
        data_class="internal",
        resource_keys=("invoice:{document}",),
        compensation="invoices.post",
        idempotent=True,
    ),
    ToolSpec(
        name="payments.schedule",
        title="Schedule a payment",
        description="Puts the payment of a posted invoice into the plan.",
        input_schema=record({"document": DOCUMENT}),
        output_schema=record({"status": TEXT, "amount": NUMBER, "pay_on": TEXT}),
        facts_schema=record(
            {
                key: DOCUMENT_FACTS[key]
                for key in ("status", "amount", "supplier_known", "account_matches")
            },
            {**DOCUMENT_FACTS, "amount": {**CENTS, "spends": True}},
        ),
        effect="write",
        data_class="internal",
        resource_keys=("invoice:{document}",),
        compensation="payments.schedule",
        idempotent=True,
    ),
    ToolSpec(
        name="suppliers.change_account",
        title="Change a supplier's bank account",
        description="Writes the account of a document into the vendor master data.",
        input_schema=record(
            {"supplier": TEXT, "iban": {"type": "string", "minLength": 15, "maxLength": 34}}
        ),
        output_schema=record({"supplier": TEXT, "iban": TEXT}),
        facts_schema=record(
            {
                "supplier_known": YES_NO,
                "supplier_known_days": titled(DAYS, "Supplier known for"),
                "account_known_days": titled(DAYS, "Account known for"),
                "account_valid": YES_NO,
                "open_payments": NUMBER,
            }
        ),
        effect="write",
        data_class="personal",
        resource_keys=("supplier:{supplier}",),
        compensation="suppliers.change_account",
        idempotent=True,
    ),
)

KNOWN_ADDRESSES = "supplier-addresses"

# What an agent that lives elsewhere does with its own hands, after asking the gate.
OUTSIDE_TOOL = ToolSpec(
    name="suppliers.answer",
    title="Answer a supplier",
    description="Sends one mail to a supplier.",
    input_schema=record({"recipient": TEXT, "text": {"type": "string", "maxLength": 4000}}),
    facts_schema=record(
        {},
        {
            "recipient_known": {
                "type": "boolean",
                "title": "Recipient on the organisation's list",
                "in_list": KNOWN_ADDRESSES,
                "argument": "recipient",
            }
        },
    ),
    effect="irreversible",
    data_class="internal",
    executor="agent",
)
