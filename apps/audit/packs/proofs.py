"""The Merkle tree of the whole ledger in a file: a proof costs a few reads and no memory."""

from __future__ import annotations

import mmap
from pathlib import Path
from types import TracebackType

from apps.ledger.merkle import Node, inclusion_proof, leaf_hash, node_hash
from apps.ledger.models import SealEntry

HASH = 32
CHUNK = 10_000


class Tree:
    """Every perfect subtree's root over the first `size` entries, level by level."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        self.offsets: list[int] = []

    def __enter__(self) -> Tree:
        self.write()
        self.file = self.path.open("rb")
        self.nodes = mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.nodes.close()
        self.file.close()
        self.path.unlink(missing_ok=True)

    def write(self) -> None:
        with self.path.open("wb") as file:
            entries = SealEntry.objects.filter(seq__lte=self.size).order_by("seq")
            for mark in entries.values_list("digest", flat=True).iterator(chunk_size=CHUNK):
                file.write(leaf_hash(bytes.fromhex(mark)))
        self.offsets, count = [0], self.size
        while count > 1:
            start = self.offsets[-1]
            self.offsets.append(start + count * HASH)
            self.write_level(start, count >> 1)
            count >>= 1

    def write_level(self, start: int, pairs: int) -> None:
        with self.path.open("rb") as below, self.path.open("ab") as file:
            below.seek(start)
            for first in range(0, pairs, CHUNK):
                block = below.read(min(CHUNK, pairs - first) * 2 * HASH)
                for at in range(0, len(block), 2 * HASH):
                    file.write(node_hash(block[at : at + HASH], block[at + HASH : at + 2 * HASH]))

    def node(self, place: Node) -> bytes:
        level, index = place
        at = self.offsets[level] + index * HASH
        return self.nodes[at : at + HASH]

    def proof(self, seq: int) -> list[str]:
        """The inclusion proof of an entry, in hexadecimal."""
        return [each.hex() for each in inclusion_proof(seq - 1, self.size, self.node)]
