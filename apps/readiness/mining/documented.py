"""Documented processes: a subset of BPMN 2.0, or a list of steps, as a safe net.

The subset: one process with start and end events, tasks of every kind, exclusive and parallel
gateways. Anything else that would change what the process means is refused by name and line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.readiness.mining.nets import Builder, DocumentRefused, Net

TASKS = {
    "task",
    "userTask",
    "serviceTask",
    "sendTask",
    "receiveTask",
    "manualTask",
    "scriptTask",
    "businessRuleTask",
    "callActivity",
}
NODES = TASKS | {"startEvent", "endEvent", "exclusiveGateway", "parallelGateway"}
QUIET = {
    "documentation",
    "extensionElements",
    "laneSet",
    "ioSpecification",
    "property",
    "dataObject",
    "dataObjectReference",
    "dataStoreReference",
    "textAnnotation",
    "association",
    "group",
    "category",
}
MAX_BYTES = 5_000_000
MAX_NODES = 500
MAX_DEPTH = 12


@dataclass
class Element:
    id: str
    kind: str
    name: str
    line: int
    incoming: list[int] = field(default_factory=list)
    outgoing: list[int] = field(default_factory=list)


def from_bpmn(data: bytes) -> Net:
    """The net of a BPMN 2.0 file. Raises DocumentRefused with the reason and the line."""
    process = the_process(parsed(data))
    elements: dict[str, Element] = {}
    flows: list[tuple[str, str, int]] = []
    for child in process:
        if not isinstance(child.tag, str):
            continue
        kind = child.tag.rpartition("}")[2]
        line = child.sourceline or 0
        if kind in NODES:
            name = " ".join((child.get("name") or "").split())
            element = Element(child.get("id") or "", kind, name, line)
            refuse_events(child, element)
            elements[element.id] = element
        elif kind == "sequenceFlow":
            flows.append((child.get("sourceRef") or "", child.get("targetRef") or "", line))
        elif kind not in QUIET:
            raise DocumentRefused(
                f"Line {line}: “{kind}” ({child.get('name') or child.get('id')}) is not part of "
                "what is read: start and end events, tasks, exclusive and parallel gateways."
            )
    if len(elements) > MAX_NODES:
        raise DocumentRefused(f"The process has more than {MAX_NODES} elements.")
    return net_of(elements, flows)


def as_text(data: bytes) -> str:
    """A BPMN file whatever its encoding, to be kept as text and read again by `from_bpmn`."""
    from lxml import etree

    return str(etree.tostring(parsed(data), encoding="unicode"))


def parsed(data: bytes) -> Any:
    from lxml import etree

    if len(data) > MAX_BYTES:
        raise DocumentRefused(f"The file is larger than {MAX_BYTES:,} bytes.")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DocumentRefused(f"This is not well-formed XML: {error}") from error
    if root.getroottree().docinfo.doctype:
        raise DocumentRefused("The file declares a document type, which is not accepted.")
    return root


def the_process(root: Any) -> Any:
    processes = [
        each
        for each in root.iter()
        if isinstance(each.tag, str) and each.tag.rpartition("}")[2] == "process"
    ]
    full = [
        each
        for each in processes
        if any(isinstance(c.tag, str) and c.tag.endswith("startEvent") for c in each)
    ]
    if not full:
        raise DocumentRefused("The file holds no process with a start event.")
    if len(full) > 1:
        raise DocumentRefused("The file holds several processes; give one at a time.")
    return full[0]


def refuse_events(child: Any, element: Element) -> None:
    """Start and end events that carry a condition of their own change little (a message starts
    it); loops and several instances of a task change what fits, and are refused."""
    if not element.id:
        raise DocumentRefused(f"Line {element.line}: a {element.kind} has no id.")
    if element.kind in TASKS and not element.name:
        raise DocumentRefused(f"Line {element.line}: the task “{element.id}” has no name.")
    for part in child:
        if isinstance(part.tag, str) and part.tag.endswith("LoopCharacteristics"):
            raise DocumentRefused(
                f"Line {element.line}: “{element.name}” repeats by itself; draw the loop with "
                "exclusive gateways."
            )


def net_of(elements: dict[str, Element], flows: list[tuple[str, str, int]]) -> Net:
    builder = Builder()
    source, done = builder.place(), builder.place()
    for start, end, line in flows:
        if start not in elements or end not in elements:
            raise DocumentRefused(f"Line {line}: a flow leads from or to nothing.")
        place = builder.place()
        elements[start].outgoing.append(place)
        elements[end].incoming.append(place)
    for each in elements.values():
        wire(builder, each, source, done)
    return builder.net(source, done)


def wire(builder: Builder, element: Element, source: int, done: int) -> None:
    kind, entries, exits = element.kind, element.incoming, element.outgoing
    refuse_loose_ends(element)
    if kind == "startEvent":
        builder.add(None, source, sum(exits))
    elif kind == "endEvent":
        for entry in entries:
            builder.add(None, entry, done)
    elif kind == "parallelGateway":
        builder.add(None, sum(entries), sum(exits))
    elif kind == "exclusiveGateway":
        for entry in entries:
            for way in exits:
                builder.add(None, entry, way)
    else:
        for entry in entries:
            builder.add(element.name, entry, sum(exits))


def refuse_loose_ends(element: Element) -> None:
    if element.kind != "startEvent" and not element.incoming:
        raise DocumentRefused(f"Line {element.line}: nothing leads to “{title(element)}”.")
    if element.kind != "endEvent" and not element.outgoing:
        raise DocumentRefused(f"Line {element.line}: “{title(element)}” leads nowhere.")


def title(element: Element) -> str:
    return element.name or element.id


def from_steps(steps: Sequence[Any]) -> Net:
    """The net of a list of steps, each one of:

    "Check invoice"                                  a step
    {"step": "Call vendor", "optional": true}        may be left out
    {"step": "Ask again", "repeat": true}            once or more
    {"one_of": [[steps…], [steps…]]}                 exactly one branch; [] is "none"
    {"together": [[steps…], [steps…]]}               all branches, in any order
    {"sequence": [steps…], "optional"/"repeat": …}   a block
    """
    builder = Builder()
    source, done = builder.place(), builder.place()
    if not steps:
        raise DocumentRefused("The process has no steps.")
    sequence(builder, steps, source, done, 0)
    return builder.net(source, done)


def sequence(builder: Builder, steps: Sequence[Any], start: int, end: int, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise DocumentRefused("The steps are nested too deeply.")
    if builder.places > MAX_NODES:
        raise DocumentRefused(f"The process has more than {MAX_NODES} elements.")
    if not steps:
        builder.add(None, start, end)
        return
    here = start
    for number, step in enumerate(steps, 1):
        there = end if number == len(steps) else builder.place()
        one(builder, step, here, there, depth)
        here = there


def one(builder: Builder, step: Any, start: int, end: int, depth: int) -> None:
    if isinstance(step, str):
        step = {"step": step}
    if not isinstance(step, Mapping):
        raise DocumentRefused(f"This is not a step: {step!r}.")
    if step.get("repeat"):
        inner, after = builder.place(), builder.place()
        builder.add(None, start, inner)
        builder.add(None, after, inner)
        builder.add(None, after, end)
        block(builder, step, inner, after, depth)
    else:
        block(builder, step, start, end, depth)
    if step.get("optional"):
        builder.add(None, start, end)


def block(builder: Builder, step: Mapping[str, Any], start: int, end: int, depth: int) -> None:
    if "step" in step:
        name = " ".join(str(step["step"]).split())
        if not name:
            raise DocumentRefused("A step has no name.")
        builder.add(name, start, end)
    elif "sequence" in step:
        sequence(builder, step["sequence"], start, end, depth + 1)
    elif "one_of" in step:
        for branch in step["one_of"]:
            sequence(builder, branch, start, end, depth + 1)
    elif "together" in step:
        starts = [builder.place() for _ in step["together"]]
        ends = [builder.place() for _ in step["together"]]
        builder.add(None, start, sum(starts))
        builder.add(None, sum(ends), end)
        for branch, first, last in zip(step["together"], starts, ends, strict=True):
            sequence(builder, branch, first, last, depth + 1)
    else:
        raise DocumentRefused("A step needs “step”, “sequence”, “one_of” or “together”.")
