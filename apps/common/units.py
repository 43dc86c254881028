"""Values for people, by the `unit` of their JSON schema."""

from __future__ import annotations


def in_unit(value: object, unit: str, currency: str) -> str:
    """A value in words; `unit` is the `unit` of its JSON schema: minor, days, permille or none."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and unit == "minor":
        return f"{currency} {value / 100:,.2f}".strip()
    if isinstance(value, int) and unit == "days":
        return f"{value} day" if value == 1 else f"{value} days"
    if isinstance(value, int) and unit == "permille":
        return f"{value / 10:g} %"
    return str(value)
