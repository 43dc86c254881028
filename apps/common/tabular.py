"""Tables as CSV, line by line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator


class Echo:
    """What a csv.writer writes to, when each line is wanted as it comes."""

    def write(self, value: str) -> str:
        return value


def csv_lines(header: Iterable[object], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """The lines of a CSV file; cells are the caller's (`figures.safe_cell` where people wrote
    them)."""
    writer = csv.writer(Echo())
    yield writer.writerow(header)
    for row in rows:
        yield writer.writerow(row)
