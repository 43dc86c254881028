"""Documented steps as people write them: an outline, and back. Pure.

    Receive invoice
    Call the vendor ?              may be left out
    Ask again +                    once or more
    one of:                        exactly one branch
      - Approve by clerk
      - Approve by manager
        Write to the file
      -                            none of them
    together:                      all branches, in any order
      - Print
      - Send
    block +:                       several steps as one
      Check
      Correct ?

Two spaces a level. A name that would be read as something else stands in quotes: "Approved?". The
form it stands for is that of `mining.documented.from_steps`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEVEL = 2
MOST_LINES = 1_000
DEEPEST = 12
BRANCHED = {"one of": "one_of", "together": "together"}
WORDS = {code: words for words, code in BRANCHED.items()}


class Unclear(ValueError):
    """A line that cannot be read; the message is for who wrote it."""

    def __init__(self, line: int, words: str) -> None:
        super().__init__(f"Line {line}: {words}")
        self.line = line


@dataclass(frozen=True)
class Written:
    number: int
    indent: int
    text: str


def parse(text: str) -> list[Any]:
    """The steps of an outline. Raises Unclear with the line."""
    lines = [
        Written(number, len(line) - len(line.lstrip(" ")), line.strip())
        for number, line in enumerate(text.expandtabs(LEVEL).splitlines(), 1)
        if line.strip()
    ]
    if len(lines) > MOST_LINES:
        raise Unclear(lines[MOST_LINES].number, f"There are more than {MOST_LINES} lines.")
    return sequence(lines, 0)


def sequence(lines: list[Written], indent: int) -> list[Any]:
    found: list[Any] = []
    while lines:
        head = lines[0]
        if indent > 2 * LEVEL * DEEPEST:
            raise Unclear(head.number, f"Steps are nested at most {DEEPEST} levels deep.")
        if head.indent != indent:
            raise Unclear(head.number, f"It is indented by {head.indent}, not by {indent}.")
        own = 1 + next(
            (place for place, line in enumerate(lines[1:]) if line.indent <= indent),
            len(lines) - 1,
        )
        found.append(one(head, lines[1:own], indent))
        lines = lines[own:]
    return found


def one(head: Written, below: list[Written], indent: int) -> Any:
    quoted = head.text.startswith('"') and head.text.rindex('"') > 0
    if quoted or not head.text.endswith(":"):
        if below:
            raise Unclear(below[0].number, "Only “one of:”, “together:” and “block:” hold others.")
        name, marks = marked(head.text)
        if not quoted and (name == "-" or name.startswith("- ")):
            raise Unclear(head.number, "A branch stands under “one of:” or “together:”.")
        if not name:
            raise Unclear(head.number, "The step has no name.")
        return {"step": name, **marks} if marks else name
    name, marks = marked(head.text[:-1].strip())
    if not below:
        raise Unclear(head.number, f"Nothing stands under “{name}:”.")
    if name.lower() == "block":
        return {"sequence": sequence(below, indent + LEVEL), **marks}
    if name.lower() not in BRANCHED:
        raise Unclear(head.number, f"“{name}:” is none of “one of:”, “together:” and “block:”.")
    return {BRANCHED[name.lower()]: branches(below, indent + LEVEL), **marks}


def marked(text: str) -> tuple[str, dict[str, bool]]:
    """The name, and what “?” and “+” at its end say."""
    marks: dict[str, bool] = {}
    while text and text[-1] in "?+":
        marks["optional" if text[-1] == "?" else "repeat"] = True
        text = text[:-1].rstrip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    return " ".join(text.split()), marks


def branches(lines: list[Written], indent: int) -> list[list[Any]]:
    found: list[list[Written]] = []
    for line in lines:
        if line.indent == indent:
            if line.text != "-" and not line.text.startswith("- "):
                raise Unclear(line.number, "A branch begins with “- ”.")
            rest = line.text[1:].strip()
            found.append([Written(line.number, indent + LEVEL, rest)] if rest else [])
        elif not found:
            raise Unclear(line.number, "A branch begins with “- ”.")
        else:
            found[-1].append(line)
    return [sequence(branch, indent + LEVEL) for branch in found]


def written(steps: Sequence[Any]) -> str:
    """The outline of steps; `parse` reads it back."""
    return "\n".join(outline(steps, 0))


def outline(steps: Sequence[Any], indent: int) -> list[str]:
    lines: list[str] = []
    for step in steps:
        lines += told({"step": step} if isinstance(step, str) else step, indent)
    return lines


def told(step: Mapping[str, Any], indent: int) -> list[str]:
    marks = ("?" if step.get("optional") else "") + ("+" if step.get("repeat") else "")
    space = " " * indent
    after = f" {marks}" if marks else ""
    if "step" in step:
        return [f"{space}{named(str(step['step']))}{after}"]
    if "sequence" in step:
        return [f"{space}block{after}:", *outline(step["sequence"], indent + LEVEL)]
    code = next(code for code in WORDS if code in step)
    lines = [f"{space}{WORDS[code]}{after}:"]
    for branch in step[code]:
        inside = outline(branch, indent + 2 * LEVEL)
        if not inside:
            lines.append(f"{space}  -")
            continue
        lines.append(f"{space}  - {inside[0].strip()}")
        lines += inside[1:]
    return lines


def named(name: str) -> str:
    """The name as an outline has it: in quotes where it would be read as something else."""
    odd = name[:1] in ("-", '"') or name[-1:] in ("?", "+", ":", '"')
    return f'"{name}"' if odd else name


def names(steps: Sequence[Any]) -> list[str]:
    """Every step's name, in the order of the outline."""
    found: list[str] = []
    for step in steps:
        if isinstance(step, str):
            found.append(step)
        elif "step" in step:
            found.append(str(step["step"]))
        else:
            parts = step.get("one_of") or step.get("together") or [step.get("sequence", [])]
            for part in parts:
                found += names(part)
    return list(dict.fromkeys(found))
