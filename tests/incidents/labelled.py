"""Failure messages whose kind is known: what a tool says in forty ways, with what varies in them.

Several kinds are near-alike on purpose (they differ in one word, or in the verb), several vary in
the number of words, and names stand where no mask can know them.
"""

from __future__ import annotations

from random import Random

NAMES = ("alder", "birch", "cedar", "dune", "elm", "fern", "gorse", "hazel", "iris", "juniper")
HOSTS = ("ledger-1.example", "10.4.0.17:5432", "api.bank.example", "10.9.1.3")
THINGS = ("payment", "credit note", "reminder", "purchase order", "statement", "delivery note")
KINDS = (
    "Account {iban} of {name} is not on the list of {date}",
    "Account {iban} of {name} was changed on {date}",
    "Account {iban} of {name} was closed on {date}",
    "Amount EUR {money} is over the limit of EUR {money}",
    "Amount EUR {money} differs from the order by EUR {money}",
    "Amount is missing on page {n} of {thing} {code}",
    "No answer from {host} within {n} seconds",
    "No route to {host}",
    "Connection to {host} was reset after {n} bytes",
    "Connection to {host} was refused",
    "Certificate of {host} ended on {date}",
    "Too many requests to {host}: wait {n} seconds",
    "Server {host} said {n}: internal error {hex}",
    "Server {host} said {n}: not found",
    "Supplier {name} is not registered",
    "Supplier {name} has been blocked since {date}",
    "Supplier {name} has two records: {code} and {code}",
    "The {thing} {code} has been sent already",
    "The {thing} {code} has been cancelled already",
    "The {thing} {code} was changed by {mail} at {time}",
    "The {thing} {code} has no owner",
    "Mail to {mail} came back: mailbox full",
    "Mail to {mail} came back: unknown recipient",
    "Mail to {mail} is larger than {n} MB",
    "File {path} is not readable",
    "File {path} has {n} pages, at most {n} are read",
    "Field {field} must be a date, not '{name}'",
    "Field {field} must be a number, not '{name}'",
    "Field {field} is longer than {n} letters",
    "Rate of {code} on {date} is not known",
    "Period {n}/{n} is closed for posting",
    "Cost centre {n} is not yours",
    "Tax {n}% does not exist in {name}",
    "Lock on {uuid} is held by run {uuid}",
    "Lock on {uuid} ran out",
    "Run {uuid} was stopped by {mail}",
    "Step {n} of run {uuid} gave up after {n} tries",
    "Budget of {name} is used up: {money} of {money}",
    "Token of {name} ended at {time}",
    "Schema of {code} has version {n}, {n} was expected",
)


def messages(number: int, seed: int) -> list[tuple[int, str]]:
    """(kind, message), the common kinds far more often than the rare ones."""
    random = Random(seed)  # noqa: S311 - reproducible test data
    weights = [1 / (1 + rank) for rank in range(len(KINDS))]
    order = list(range(len(KINDS)))
    random.shuffle(order)
    return [
        (kind, written(KINDS[kind], random))
        for kind in (order[rank] for rank in random.choices(order, weights, k=number))
    ]


def written(pattern: str, random: Random) -> str:
    while "{" in pattern:
        start, _, rest = pattern.partition("{")
        name, _, rest = rest.partition("}")
        pattern = start + value(name, random) + rest
    return pattern


def value(name: str, random: Random) -> str:
    day = f"2026-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
    made = {
        "iban": f"DE{random.randint(10, 99)}{random.randint(10**17, 10**18 - 1)}",
        "name": random.choice(NAMES),
        "date": day,
        "time": f"{day} {random.randint(0, 23):02}:{random.randint(0, 59):02}:07",
        "money": f"{random.randint(1, 99)},{random.randint(100, 999)}.{random.randint(10, 99)}",
        "n": str(random.randint(2, 900)),
        "thing": random.choice(THINGS),
        "code": f"{random.choice('KLMP')}-{random.randint(1000, 99999)}",
        "host": random.choice(HOSTS),
        "hex": f"{random.getrandbits(48):012x}",
        "mail": f"{random.choice(NAMES)}@{random.choice(NAMES)}.example",
        "path": f"/in/{random.choice(NAMES)}/{random.randint(1, 999)}.pdf",
        "field": random.choice(("issued_on", "total", "reference")),
        "uuid": f"{random.getrandbits(32):08x}-1a2b-4c3d-8e4f-{random.getrandbits(48):012x}",
    }
    return made[name]


def accuracy(pairs: list[tuple[int, object]]) -> dict[str, float]:
    """`group`: the share of messages whose group is exactly their kind (what log parsers are
    measured by); precision and recall over pairs of messages; `groups`: how many there are."""
    kinds: dict[int, list[int]] = {}
    groups: dict[object, list[int]] = {}
    for place, (kind, group) in enumerate(pairs):
        kinds.setdefault(kind, []).append(place)
        groups.setdefault(group, []).append(place)
    exact = sum(len(places) for kind, places in kinds.items()
                if groups[pairs[places[0]][1]] == places)  # fmt: skip
    both: dict[tuple[int, object], int] = {}
    for pair in pairs:
        both[pair] = both.get(pair, 0) + 1
    together = sum(n * (n - 1) for n in both.values())
    in_groups = sum(len(each) * (len(each) - 1) for each in groups.values())
    in_kinds = sum(len(each) * (len(each) - 1) for each in kinds.values())
    return {
        "group": exact / len(pairs),
        "precision": together / in_groups if in_groups else 1.0,
        "recall": together / in_kinds if in_kinds else 1.0,
        "groups": len(groups),
        "kinds": len(kinds),
    }
