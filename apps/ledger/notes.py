"""Signed notes and checkpoints in C2SP's text forms (signed-note, tlog-checkpoint,
tlog-cosignature). Pure: signing is a function that is passed in.

    council.example.org/ledger
    81220
    n0bQ…root…=
    checkpoint 912 2026-11-25T22:00:00.000000Z 9f2c…hash of the checkpoint before…

    — council.example.org/ledger 1Q8z…key hash and signature…=
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from apps.common.canonical import moment

ED25519, COSIGNATURE = b"\x01", b"\x04"
SIGNATURE = re.compile(r"^— (?P<name>\S+) (?P<data>[A-Za-z0-9+/]+=*)$")
EXTENSION = re.compile(r"^checkpoint (\d+) (\S+) ([0-9a-f]{64})$")
Sign = Callable[[bytes], bytes]


class Malformed(ValueError):
    """The text is not a checkpoint of ours; the sentence says where it fails."""


@dataclass(frozen=True)
class Note:
    """What a checkpoint says; `text` is what is signed, with its final line break."""

    origin: str
    size: int
    root: bytes
    number: int
    at: str
    prev_hash: str
    text: str
    signatures: tuple[tuple[str, bytes], ...]


def fingerprint(public: bytes) -> str:
    """How people compare keys: SHA-256 of the 32 bytes of the public key, in hexadecimal."""
    return hashlib.sha256(public).hexdigest()


def key_hash(name: str, public: bytes, kind: bytes = ED25519) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def body(
    *, origin: str, size: int, root: bytes, number: int, at: dt.datetime, prev_hash: str
) -> str:
    lines = [
        origin,
        str(size),
        base64.b64encode(root).decode(),
        f"checkpoint {number} {moment(at)} {prev_hash}",
    ]
    return "\n".join(lines) + "\n"


def signature_line(name: str, data: bytes) -> str:
    return f"— {name} {base64.b64encode(data).decode()}\n"


def signed(text: str, *, name: str, public: bytes, sign: Sign) -> str:
    """The whole note: text, empty line, signature."""
    data = key_hash(name, public) + sign(text.encode())
    return f"{text}\n{signature_line(name, data)}"


def cosigned_message(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def cosignature_line(text: str, *, name: str, public: bytes, at: int, sign: Sign) -> str:
    """A second holder's line: they saw this checkpoint at that moment (seconds, UTC)."""
    data = struct.pack(">Q", at) + sign(cosigned_message(text, at))
    return signature_line(name, key_hash(name, public, COSIGNATURE) + data)


def read(note: str) -> Note:
    """Raises Malformed for anything else than a checkpoint of this form."""
    text, gap, rest = note.partition("\n\n")
    lines = text.split("\n")
    if not gap or len(lines) != 4:
        raise Malformed("It does not have four lines, an empty line and a signature.")
    found = EXTENSION.match(lines[3])
    if not lines[1].isdigit() or found is None:
        raise Malformed("Its size or its number cannot be read.")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except binascii.Error:
        raise Malformed("Its root cannot be read.") from None
    return Note(
        origin=lines[0],
        size=int(lines[1]),
        root=root,
        number=int(found[1]),
        at=found[2],
        prev_hash=found[3],
        text=text + "\n",
        signatures=tuple(signatures(rest)),
    )


def signatures(rest: str) -> list[tuple[str, bytes]]:
    found = []
    for line in filter(None, rest.split("\n")):
        match = SIGNATURE.match(line)
        if match is None:
            raise Malformed("A signature line cannot be read.")
        try:
            found.append((match["name"], base64.b64decode(match["data"], validate=True)))
        except binascii.Error:
            raise Malformed("A signature line cannot be read.") from None
    return found


def signature_by(note: Note, public: bytes) -> bytes | None:
    """The log's signature that claims to be of this key, still to be checked."""
    wanted = key_hash(note.origin, public)
    for name, data in note.signatures:
        if name == note.origin and data[:4] == wanted:
            return data[4:]
    return None
