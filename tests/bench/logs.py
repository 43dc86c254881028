"""Event logs: load, graph, variants and rework of about a million events; decision mining;
alignments. The other miner is AGPL, so it lives in a scratch environment and is never imported:

    python3 -m venv /tmp/pm4py-venv && /tmp/pm4py-venv/bin/pip install pm4py
"""

from __future__ import annotations

import csv
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

from tests.bench.place import Row, folder

PEER = Path(os.environ.get("PM4PY_PYTHON", "/tmp/pm4py-venv/bin/python"))
CASES = 163_000  # of 6.3 events
DECIDED = 41_570  # cases; 262,200 events
VARIANTS = 245
ROUNDS = 3

OURS = """
import json, sys, time
from pathlib import Path
from apps.readiness.mining import graph, readers, rework, variants
begin = time.perf_counter()
log = readers.read_log(Path(sys.argv[1]))
loaded = time.perf_counter()
drawn, found = graph.directly_follows(log), variants.variants(log)
again = rework.loops(log, found)
end = time.perf_counter()
# Not ru_maxrss: that begins with what the parent had at the fork.
status = open("/proc/self/status").read()
peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps({"load": loaded - begin, "all": end - begin, "events": log.events,
    "edges": len(drawn.edges), "variants": len(found.variants), "rework": again.rework_cases,
    "peak": peak}))
"""
THEIRS = """
import json, sys, time
import pandas, pm4py
begin = time.perf_counter()
log = pm4py.format_dataframe(pandas.read_csv(sys.argv[1]), case_id="case",
    activity_key="activity", timestamp_key="timestamp")
loaded = time.perf_counter()
drawn, _, _ = pm4py.discover_dfg(log)
found = pm4py.get_variants(log)
again = sum(cases for names, cases in found.items() if len(set(names)) != len(names))
end = time.perf_counter()
# Not ru_maxrss: that begins with what the parent had at the fork.
status = open("/proc/self/status").read()
peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps({"load": loaded - begin, "all": end - begin, "events": len(log),
    "edges": len(drawn), "variants": len(found), "rework": again,
    "peak": peak}))
"""
THEIR_ALIGNMENTS = """
import json, sys, time
from pm4py.objects.petri_net.obj import PetriNet, Marking
from pm4py.objects.petri_net.utils.petri_utils import add_arc_from_to
from pm4py.objects.log.obj import Trace, Event
from pm4py.algo.conformance.alignments.petri_net import algorithm
data = json.load(open(sys.argv[1]))
net, places = PetriNet("n"), {}
def place(number):
    if number not in places:
        places[number] = PetriNet.Place(str(number)); net.places.add(places[number])
    return places[number]
for number, (label, takes, gives) in enumerate(data["net"]):
    step = PetriNet.Transition(str(number), label); net.transitions.add(step)
    for each in takes: add_arc_from_to(place(each), step, net)
    for each in gives: add_arc_from_to(step, place(each), net)
first, last = Marking({place(data["first"]): 1}), Marking({place(data["last"]): 1})
traces = [Trace([Event({"concept:name": name}) for name in each]) for each in data["traces"]]
begin = time.perf_counter()
found = [algorithm.apply_trace(each, net, first, last) for each in traces]
end = time.perf_counter()
print(json.dumps({"all": end - begin, "costs": [each["cost"] // 10000 for each in found]}))
"""


def logs(*, full: bool) -> list[Row]:
    """Goals 11 and 12 of performance.md."""
    rows = [decided()]
    if not PEER.exists():
        print(f"  no {PEER}: the comparisons with pm4py are left out")
        return rows
    with folder() as place:
        rows += [*mined(place, ROUNDS + 2 if full else ROUNDS), aligned(place)]
    return rows


def decided() -> Row:
    from apps.readiness.mining import decisions, generate

    log, _ = generate.generate(generate.Plan(cases=DECIDED))
    spent = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        decisions.mine(log)
        spent.append((time.perf_counter() - begin) * 1000)
    middle = statistics.median(spent)
    name = f"decision mining of {log.events:,} events"
    return Row(name, middle, 5_000, "≤ 5 s", middle <= 5_000)


def mined(place: Path, rounds: int) -> list[Row]:
    table = place / "log.csv"
    write(table)
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(run(sys.executable, OURS, table))
        theirs.append(run(str(PEER), THEIRS, table))
    for name in ("events", "edges", "variants", "rework"):
        if ours[0][name] != theirs[0][name]:
            print(f"  different {name}: {ours[0][name]} here, {theirs[0][name]} there")
    spent = [statistics.median(each["all"] * 1000 for each in side) for side in (ours, theirs)]
    peak = [statistics.median(each["peak"] for each in side) for side in (ours, theirs)]
    events = f"{ours[0]['events']:,} events"
    return [
        Row(
            f"load, graph, variants, rework of {events}",
            *spent,
            "≤ 0.25",
            spent[0] <= 0.25 * spent[1],
        ),
        Row(f"peak memory with {events}", *peak, "≤ 0.6", peak[0] <= 0.6 * peak[1], "MB"),
    ]


def write(table: Path) -> None:
    from apps.readiness.mining import generate

    rows, _ = generate.generated(generate.Plan(cases=CASES, minutes_between_cases=1))
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case", "activity", "timestamp", "resource", "team", "system", "amount"])
        for row in rows:
            writer.writerow(
                [
                    row["case"],
                    row["activity"],
                    row["at"].isoformat(),
                    row["resource"],
                    row["team"],
                    row["system"],
                    row["amount"],
                ]
            )


def run(python: str, code: str, *arguments: Path) -> dict[str, Any]:
    command = [python, "-W", "ignore", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def aligned(place: Path) -> Row:
    from apps.readiness.mining import documented, generate, nets

    net = documented.from_steps(generate.STEPS)
    traces = strange(sorted(net.labels), VARIANTS)
    path = place / "net.json"
    path.write_text(
        json.dumps(
            {
                "net": [
                    (each.label, bits(each.takes), bits(each.gives)) for each in net.transitions
                ],
                "first": bits(net.initial)[0],
                "last": bits(net.final)[0],
                "traces": traces,
            }
        )
    )
    spent, costs = [], []
    for _ in range(ROUNDS):
        aligner = nets.Aligner(net)
        begin = time.perf_counter()
        found = [aligner.align(trace) for trace in traces]
        spent.append((time.perf_counter() - begin) * 1000)
        costs = [answer[0] for answer in found if answer is not None]
    theirs = run(str(PEER), THEIR_ALIGNMENTS, path)
    if costs != theirs["costs"]:
        print("  the costs of alignments differ")
    ours, peer = statistics.median(spent), theirs["all"] * 1000
    return Row(f"alignments of {VARIANTS} variants", ours, peer, "≤ 0.125", ours <= peer / 8)


def bits(mask: int) -> list[int]:
    return [number for number in range(mask.bit_length()) if mask >> number & 1]


def strange(labels: list[str], number: int) -> list[tuple[str, ...]]:
    """Different traces, each a right one with up to four steps left out, added or swapped."""
    from apps.readiness.mining import generate, variants

    log, _ = generate.generate(generate.Plan(cases=3_000))
    seeds = [each.activities for each in variants.variants(log).variants]
    random = Random(1)
    found = dict.fromkeys(seeds)
    while len(found) < number:
        trace = list(random.choice(seeds))
        for _ in range(random.randint(1, 4)):
            place = random.randrange(len(trace))
            if random.random() < 0.4 and len(trace) > 2:
                del trace[place]
            else:
                trace.insert(place, random.choice([*labels, "Call vendor"]))
        found[tuple(trace)] = None
    return list(found)[:number]
