"""The ledger's signing keys: private halves in files outside the database, public halves told in
the ledger itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings
from django.db import transaction

from apps.common.acting import current
from apps.common.errors import Conflict, Invalid
from apps.ledger.models import LedgerEvent
from apps.ledger.notes import fingerprint
from apps.ledger.services import record

TOLD = ("ledger.key_made", "ledger.key_rotated", "ledger.key_lost")
STREAM = "protected"


class KeyMissing(Exception):
    """The ledger has a key, and its private half cannot be read; the sentence says why."""


@dataclass(frozen=True)
class PublicKey:
    """A key that the ledger told. `sentence` says how it came: made, after which, or for a loss."""

    fingerprint: str
    public: bytes
    told_by: LedgerEvent
    endorsed: bool = False

    @property
    def lost_before(self) -> bool:
        """Whether the key before this one was lost, so that nothing of it vouches for this."""
        return self.told_by.type == "ledger.key_lost"


def folder() -> Path:
    return Path(settings.LEDGER["KEY_DIR"])


def path_of(mark: str) -> Path:
    return folder() / f"ledger-{mark[:16]}.pem"


def told() -> list[PublicKey]:
    """Every key that the ledger knows, oldest first."""
    events = LedgerEvent.objects.filter(type__in=TOLD).order_by("at", "id")
    return [told_by(event) for event in events]


def told_by(event: LedgerEvent) -> PublicKey:
    said = event.after or {}
    public = bytes.fromhex(said.get("public_key", ""))
    return PublicKey(fingerprint(public), public, event, bool(said.get("endorsement")))


def in_force() -> PublicKey | None:
    event = LedgerEvent.objects.filter(type__in=TOLD).order_by("-at", "-id").first()
    return told_by(event) if event else None


def raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def read(path: Path) -> Ed25519PrivateKey:
    """Raises KeyMissing for a file that is not there, is no Ed25519 key, or is open to others."""
    try:
        mode = path.stat().st_mode & 0o077
        data = path.read_bytes()
    except OSError:
        raise KeyMissing(f"The key file {path} cannot be read.") from None
    if mode:
        raise KeyMissing(f"The key file {path} is open to others: chmod 600 it.")
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError):
        raise KeyMissing(f"The file {path} holds no key.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyMissing(f"The key in {path} is not an Ed25519 key.")
    return key


def signer() -> tuple[PublicKey, Ed25519PrivateKey] | None:
    """The key in force with its private half; None where the ledger never had one."""
    public = in_force()
    if public is None:
        return None
    key = read(path_of(public.fingerprint))
    if raw(key.public_key()) != public.public:
        raise KeyMissing("The key file does not belong to the key that the ledger told.")
    return public, key


def write_new(path: Path | None = None) -> tuple[bytes, Ed25519PrivateKey]:
    """A new key in a file that only its owner may read; never over one that is there."""
    key = Ed25519PrivateKey.generate()
    public = raw(key.public_key())
    target = path or path_of(fingerprint(public))
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Conflict(f"There is a file {target} already.") from None
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
    return public, key


@transaction.atomic
def make_first() -> PublicKey:
    if in_force() is not None:
        raise Conflict("The ledger has a key already. Change it with: ledger_key rotate")
    public, _ = write_new()
    return tell("ledger.key_made", public)


@transaction.atomic
def rotate() -> PublicKey:
    """A new key, endorsed by the one before: who trusts that one can follow."""
    found = signer()
    if found is None:
        raise Conflict("The ledger has no key yet. Make one with: ledger_key new")
    before, old = found
    public, _ = write_new()
    endorsement = old.sign(endorsed_message(public)).hex()
    return tell("ledger.key_rotated", public, after=before.fingerprint, endorsement=endorsement)


@transaction.atomic
def replace_lost(*, reason: str) -> PublicKey:
    """A new key that nothing vouches for; people must compare its fingerprint themselves."""
    before = in_force()
    if before is None:
        raise Conflict("The ledger has no key yet. Make one with: ledger_key new")
    if not reason.strip():
        raise Invalid("Say how the key was lost.")
    public, _ = write_new()
    return tell("ledger.key_lost", public, after=before.fingerprint, reason=reason)


def endorsed_message(public: bytes) -> bytes:
    return b"council ledger key " + public.hex().encode()


def tell(
    act: str, public: bytes, *, after: str = "", endorsement: str = "", reason: str = ""
) -> PublicKey:
    said = {
        "fingerprint": fingerprint(public),
        "public_key": public.hex(),
        "replaces": after,
        "endorsement": endorsement,
    }
    event = record(
        type=act,
        object_label=f"Key {fingerprint(public)[:16]}",
        reason=reason or f"By {current().label}.",
        after=said,
        stream=STREAM,
        typed=False,
    )
    return told_by(event)


def genuine(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
