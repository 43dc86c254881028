"""RFC 6962: known answers, and proofs against trees computed the slow way."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ledger.merkle import (
    EMPTY,
    Frontier,
    combined,
    cover,
    inclusion_proof,
    leaf_hash,
    node_hash,
    proven_root,
    root_of,
)

# The test vectors of certificate-transparency's reference implementation.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657",
          "606162636465666768696a6b6c6d6e6f"]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def slow_root(leaves: list[bytes]) -> bytes:
    """The definition, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(slow_root(leaves[:split]), slow_root(leaves[split:]))


def test_the_reference_vectors() -> None:
    leaves = [bytes.fromhex(text) for text in INPUTS]
    assert root_of([]) == EMPTY
    assert [root_of(leaves[: size + 1]).hex() for size in range(8)] == ROOTS


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=40), st.data())
def test_every_proof_leads_to_the_root_and_no_other_leaf_has_it(
    leaves: list[bytes], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    hashes = [leaf_hash(leaf) for leaf in leaves]

    def node(place: tuple[int, int]) -> bytes:
        level, number = place
        return slow_root(leaves[number << level : (number + 1) << level])

    proof = inclusion_proof(index, len(leaves), node)
    assert proven_root(index, len(leaves), hashes[index], proof) == slow_root(leaves)
    assert proven_root(index, len(leaves), leaf_hash(b"other"), proof) != slow_root(leaves)
    assert proven_root(index, len(leaves), hashes[index], [*proof, b"x" * 32]) is None


@given(st.lists(st.binary(max_size=4), max_size=60), st.data())
def test_a_frontier_goes_on_where_another_stopped(leaves: list[bytes], data: st.DataObject) -> None:
    stop = data.draw(st.integers(0, len(leaves)))
    tree = Frontier()
    for leaf in leaves[:stop]:
        tree.add(leaf_hash(leaf))
    later = Frontier(tree.size, tree.roots)
    for leaf in leaves[stop:]:
        later.add(leaf_hash(leaf))
    assert later.root() == slow_root(leaves)


def test_a_cover_is_of_perfect_subtrees() -> None:
    assert cover(8, 15) == [(2, 2), (1, 6), (0, 14)]
    assert combined([b"a" * 32]) == b"a" * 32


def test_a_frontier_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError):
        Frontier(3, [b"a" * 32])
    assert proven_root(3, 3, b"", []) is None
