"""Merkle trees after RFC 6962 (section 2.1). Pure; hashes are 32 bytes.

A `Frontier` is the list of the roots of the perfect subtrees that make up a tree, largest first:
all that is needed to go on, in memory that grows with the logarithm of the tree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

NODE = b"\x01"
EMPTY = hashlib.sha256(b"").digest()
# (level, index) of a perfect subtree's root: index 0 at level 0 is the first leaf.
Node = tuple[int, int]


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(NODE + left + right).digest()


class Frontier:
    """A growing tree: `size` leaves so far."""

    def __init__(self, size: int = 0, roots: Iterable[bytes] = ()) -> None:
        self.size = size
        self.roots = list(roots)
        if len(self.roots) != size.bit_count():
            raise ValueError("This is not the frontier of a tree of that size.")

    def add(self, leaf: bytes) -> None:
        """Appends one leaf hash, and joins the subtrees that it completes."""
        roots, size = self.roots, self.size
        while size & 1:
            leaf = hashlib.sha256(NODE + roots.pop() + leaf).digest()
            size >>= 1
        roots.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        if not self.roots:
            return EMPTY
        found = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            found = node_hash(left, found)
        return found

    def copy(self) -> Frontier:
        return Frontier(self.size, self.roots)


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf data (not yet hashed)."""
    tree = Frontier()
    for data in leaves:
        tree.add(leaf_hash(data))
    return tree.root()


def cover(start: int, stop: int) -> list[Node]:
    """The perfect subtrees, from the left, that make up the leaves start to stop; `start` must be
    aligned to the largest of them, as it is in the proofs below."""
    found = []
    while start < stop:
        level = (stop - start).bit_length() - 1
        found.append((level, start >> level))
        start += 1 << level
    return found


def path(index: int, size: int) -> list[list[Node]]:
    """What an inclusion proof of the leaf `index` in a tree of `size` is made of, from the leaf
    up: each element is the perfect subtrees whose combination is one hash of the proof."""
    if not 0 <= index < size:
        raise ValueError("There is no such leaf.")
    start, stop, found = 0, size, []
    while stop - start > 1:
        middle = start + (1 << ((stop - start - 1).bit_length() - 1))
        if index < middle:
            found.append(cover(middle, stop))
            stop = middle
        else:
            found.append(cover(start, middle))
            start = middle
    return found[::-1]


def inclusion_proof(index: int, size: int, node: Callable[[Node], bytes]) -> list[bytes]:
    """The proof, given how to look up the root of a perfect subtree."""
    return [combined([node(each) for each in nodes]) for nodes in path(index, size)]


def combined(roots: Sequence[bytes]) -> bytes:
    found = roots[-1]
    for left in reversed(roots[:-1]):
        found = node_hash(left, found)
    return found


def proven_root(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes | None:
    """The root that the proof leads to (RFC 9162, 2.1.3.2), or None for a proof of wrong length."""
    if not 0 <= index < size:
        return None
    place, last, found = index, size - 1, leaf
    for each in proof:
        if last == 0:
            return None
        if place & 1 or place == last:
            found = node_hash(each, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, each)
        place, last = place >> 1, last >> 1
    return found if last == 0 else None
