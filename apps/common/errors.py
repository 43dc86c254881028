"""Refusals: sentences fit for the person who reads them."""

from __future__ import annotations


class Refused(Exception):
    """The act is not done; the sentence says why. `code` is stable for machines."""

    status = 409

    def __init__(self, sentence: str, code: str = "refused") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code


class Absent(Refused):
    """There is no such thing, or the person may not see it: both look the same."""

    status = 404

    def __init__(self, sentence: str = "There is no such page.", code: str = "absent") -> None:
        super().__init__(sentence, code)


class NotPermitted(Refused):
    """The person may see the thing but may not do this to it."""

    status = 403

    def __init__(self, sentence: str, code: str = "not_permitted") -> None:
        super().__init__(sentence, code)


class Invalid(Refused):
    """The input is wrong; `fields` maps a field name to its sentences."""

    status = 422

    def __init__(
        self, sentence: str, code: str = "invalid", fields: dict[str, list[str]] | None = None
    ) -> None:
        super().__init__(sentence, code)
        self.fields = fields or {}


class Conflict(Refused):
    """Somebody was faster, or what was seen has changed since."""

    def __init__(self, sentence: str, code: str = "conflict") -> None:
        super().__init__(sentence, code)
