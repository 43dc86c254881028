"""A tree of message templates in the manner of Drain (He et al. 2017): messages of one length and
one first word share a template where most of their words agree; where they differ stands `<*>`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SIMILAR = 0.6
MOST_TOKENS = 80
ANY = "<*>"


@dataclass
class Template:
    """`number` is the row's key once it is kept; 0 before."""

    tokens: list[str]
    number: int = 0
    changed: bool = False


class Tree:
    """Which template a message belongs to depends on what came before: templates are kept, and
    never worked out again."""

    def __init__(self, known: Iterable[Template] = ()) -> None:
        self.leaves: dict[tuple[int, str], list[Template]] = {}
        for template in known:
            self.leaves.setdefault(place(template.tokens), []).append(template)

    def find(self, message: str) -> Template:
        """The template of a masked message; a new one where none is alike."""
        tokens = message.split()[:MOST_TOKENS] or [ANY]
        leaf = self.leaves.setdefault(place(tokens), [])
        best, most = None, 0.0
        for template in leaf:
            share = alike(template.tokens, tokens)
            if share > most:
                best, most = template, share
        if best is None or most < SIMILAR:
            made = Template(tokens)
            leaf.append(made)
            return made
        widened = [
            one if one == other else ANY for one, other in zip(best.tokens, tokens, strict=True)
        ]
        if widened != best.tokens:
            best.tokens, best.changed = widened, True
        return best


def place(tokens: Sequence[str]) -> tuple[int, str]:
    first = tokens[0]
    return len(tokens), ANY if first.startswith("<") else first


def alike(template: Sequence[str], tokens: Sequence[str]) -> float:
    """The share of words that agree. A gap of the template agrees with nothing, or everything would
    end in the widest one; and what a mask put in both says nothing of either."""
    words = [
        (one, other)
        for one, other in zip(template, tokens, strict=True)
        if one != other or not other.startswith("<")
    ]
    return sum(one == other for one, other in words) / len(words) if words else 1.0
