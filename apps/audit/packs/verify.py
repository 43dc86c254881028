#!/usr/bin/env python3
"""Checks an evidence pack of Agent Council. Needs Python 3.8 or later and nothing else.

    python3 verify.py --fingerprint <64 hexadecimal digits> [folder]

The fingerprint is that of the ledger's signing key (or of one that it has followed). Take it from
people you trust, never from the pack. The answer is 0 when everything holds, 1 when something does
not, 2 when everything holds but no fingerprint was given, so that whose signature it is stays open.
"""

import argparse
import base64
import csv
import hashlib
import heapq
import json
import os
import re
import sys

# ------------------------------------------------------------------ Ed25519, after RFC 8032, 5.1

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def recover_x(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - x2) % P:
        return None
    return P - x if (x & 1) != sign else x


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def add(one, other):
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number, point):
    found = (0, 1, 1, 0)
    while number:
        if number & 1:
            found = add(found, point)
        point = add(point, point)
        number >>= 1
    return found


def decoded(data):
    if len(data) != 32:
        return None
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def genuine(public, signature, message):
    """Whether the signature of the message is that of the key's owner."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, point = decoded(public), decoded(signature[:32])
    number = int.from_bytes(signature[32:], "little")
    if key is None or point is None or number >= L:
        return False
    mixed = hashlib.sha512(signature[:32] + public + message).digest()
    right = add(point, times(int.from_bytes(mixed, "little") % L, key))
    left = times(number, BASE)
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (
        left[1] * right[2] - right[1] * left[2]
    ) % P == 0


# ------------------------------------------------------- canonical JSON (RFC 8785) and RFC 6962

BEYOND = re.compile("[\U00010000-\U0010ffff]")


def canonical(value):
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if BEYOND.search(text):  # RFC 8785 orders names by their UTF-16 units
        text = json.dumps(reordered(value), separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8")


def reordered(value):
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return {name: reordered(value[name]) for name in names}
    return [reordered(each) for each in value] if isinstance(value, list) else value


def digest(value):
    return hashlib.sha256(canonical(value)).hexdigest()


def leaf_hash(data):
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """The root over leaves that come one by one."""

    def __init__(self):
        self.size, self.roots = 0, []

    def add(self, leaf):
        size = self.size
        while size & 1:
            leaf = node_hash(self.roots.pop(), leaf)
            size >>= 1
        self.roots.append(leaf)
        self.size += 1

    def root(self):
        found = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            found = node_hash(left, found)
        return found


def proven_root(index, size, leaf, proof):
    """The root that an inclusion proof leads to (RFC 9162, 2.1.3.2), or None."""
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


# ------------------------------------------------------------------------------------- the pack


class Broken(Exception):
    """The first thing that does not hold, in words."""


def need(holds, sentence):
    if not holds:
        raise Broken(sentence)


class Pack:
    def __init__(self, folder, fingerprints):
        self.folder = folder
        self.fingerprints = fingerprints
        self.manifest = json.loads(self.read("MANIFEST.json"))
        self.trusted = {}
        self.covered = []

    def path(self, name):
        need(os.path.basename(name) == name, "The manifest names a file outside of the pack.")
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def lines(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)

    def table(self, name):
        with open(self.path(name), encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)

    def check(self):
        self.files()
        self.keys()
        self.checkpoint()
        self.order()
        self.seals()
        self.rows()
        self.sample()
        self.history()
        self.manifest_itself()

    def files(self):
        for name, said in sorted(self.manifest["files"].items()):
            found = hashlib.sha256()
            try:
                with open(self.path(name), "rb") as file:
                    for block in iter(lambda: file.read(1 << 20), b""):
                        found.update(block)
            except OSError:
                raise Broken("The file %s is missing." % name) from None
            need(found.hexdigest() == said, "The file %s was changed." % name)
        self.covered.append("%d files" % len(self.manifest["files"]))

    def keys(self):
        """The keys of the given fingerprints, and those that they endorsed one after the other."""
        for key in json.loads(self.read("keys.json")):
            public = bytes.fromhex(key["public_key"])
            mark = hashlib.sha256(public).hexdigest()
            before = self.trusted.get(key["replaces"])
            endorsed = before is not None and genuine(
                before,
                bytes.fromhex(key["endorsement"]),
                b"council ledger key " + key["public_key"].encode(),
            )
            if not self.fingerprints or mark in self.fingerprints or endorsed:
                self.trusted[mark] = public
        need(
            self.trusted or not self.manifest["checkpoint"],
            "No key of this pack has the fingerprint that was given.",
        )

    def checkpoint(self):
        self.root = None
        if not self.manifest["checkpoint"]:
            return
        text, _, rest = self.read("checkpoint.txt").partition("\n\n")
        lines = text.split("\n")
        need(len(lines) == 4 and lines[1].isdigit(), "The checkpoint cannot be read.")
        message = (text + "\n").encode()
        origin, self.size, self.root = lines[0], int(lines[1]), base64.b64decode(lines[2])
        for line in rest.split("\n"):
            parts = line.split(" ")
            if len(parts) != 3 or parts[0] != "—" or parts[1] != origin:
                continue
            if self.signed(origin, base64.b64decode(parts[2]), message):
                self.covered.append(
                    "checkpoint %s over %s events"
                    % (lines[3].split(" ")[1], format(self.size, ","))
                )
                return
        raise Broken("The checkpoint is not signed by the key of the given fingerprint.")

    def signed(self, origin, data, message):
        for public in self.trusted.values():
            mark = hashlib.sha256(origin.encode() + b"\n\x01" + public).digest()[:4]
            if data[:4] == mark and genuine(public, data[4:], message):
                return True
        return False

    def order(self):
        """No number is missing from the range, first to last."""
        expected = first = self.manifest["range"]["first_seq"]
        last = self.manifest["range"]["last_seq"]
        for row in self.table("range.csv"):
            need(int(row["seq"]) == expected, "Event %s is missing from the order." % expected)
            expected += 1
        need(expected == last + 1, "The order ends before event %d." % last)
        if last >= first:
            self.covered.append(
                "order of events %s–%s without a gap" % (format(first, ","), format(last, ","))
            )

    def seals(self):
        """Each seal follows the one before, and its root is that of the entries in the range."""
        entries = self.table("range.csv")
        before, count, last = None, 0, None
        for seal in self.lines("seals.jsonl"):
            name = "Seal %s" % seal["number"]
            need(digest(seal["content"]) == seal["hash"], name + " was changed.")
            need(
                before is None or seal["content"]["prev_hash"] == before,
                name + " does not follow the one before.",
            )
            tree = Tree()
            for _ in range(seal["content"]["count"]):
                tree.add(leaf_hash(bytes.fromhex(next(entries, {"digest": ""})["digest"])))
            need(
                tree.root().hex() == seal["content"]["merkle_root"],
                name + " has another root than the order of events.",
            )
            before, count, last = seal["hash"], count + 1, seal if seal["signature"] else last
        if last is not None:
            public = self.trusted.get(last["content"]["key"])
            need(
                public is not None
                and genuine(public, bytes.fromhex(last["signature"]), bytes.fromhex(last["hash"])),
                "Seal %s is not signed by a key that is trusted." % last["number"],
            )
        self.covered.append("%s seals" % format(count, ","))

    def rows(self):
        """Each row's content, its place in the order, its proof, and what was typed."""
        order = self.table("range.csv")
        number = texts = 0
        for row in self.lines("population.jsonl"):
            seq, name = row["seq"], "Event %s" % row["seq"]
            entry = next((each for each in order if int(each["seq"]) >= seq), None)
            need(
                entry is not None and int(entry["seq"]) == seq, name + " has no place in the order."
            )
            need(digest(row["content"]) == row["digest"], name + " was changed.")
            need(entry["digest"] == row["digest"], name + " is not the one in the order.")
            need(entry["in_population"] == "yes", name + " is not of the population.")
            self.fits(name, row["content"])
            if self.root is not None:
                proof = [bytes.fromhex(each) for each in row["proof"]]
                leaf = leaf_hash(bytes.fromhex(row["digest"]))
                need(
                    proven_root(seq - 1, self.size, leaf, proof) == self.root,
                    name + " is not in the ledger that the checkpoint signed.",
                )
            if row.get("salt"):
                typed = hashlib.sha256(bytes.fromhex(row["salt"]) + row["text"].encode("utf-8"))
                need(
                    typed.hexdigest() == row["content"]["reason_digest"],
                    "The text of " + name.lower() + " was changed.",
                )
                texts += 1
            number += 1
        marked = sum(each["in_population"] == "yes" for each in self.table("range.csv"))
        need(
            number == marked, "The order counts %d rows, the population has %d." % (marked, number)
        )
        need(number == self.manifest["population"], "The manifest counts another number of rows.")
        self.covered.append(
            "%s rows with their proofs" % format(number, ",")
            if self.root is not None
            else "%s rows" % format(number, ",")
        )
        if texts:
            self.covered.append("%s typed texts" % format(texts, ","))

    def fits(self, name, content):
        wanted = self.manifest["query"]
        acts = tuple(wanted["acts"])
        need(not acts or content["type"].startswith(acts), name + " is not of the control's acts.")
        need(wanted["since"] <= content["at"] < wanted["until"], name + " is outside the period.")

    def sample(self):
        """Drawn again from the recorded seed."""
        seed, size = self.manifest["sample"]["seed"], self.manifest["sample"]["size"]
        ranks = (
            (hashlib.sha256(("%s:%s" % (seed, row["seq"])).encode()).hexdigest(), int(row["seq"]))
            for row in self.table("range.csv")
            if row["in_population"] == "yes"
        )
        drawn = sorted(seq for _, seq in heapq.nsmallest(size, ranks))
        need(drawn == self.manifest["sample"]["drawn"], "The sample is not that of the seed.")
        self.covered.append("sample of %d drawn again" % len(drawn))

    def history(self):
        number = 0
        for row in self.lines("history.jsonl"):
            need(
                digest(row["values"]) == row["digest"],
                "The version row %s was changed." % row["reference"],
            )
            number += 1
        self.covered.append("%s version rows" % format(number, ","))

    def manifest_itself(self):
        """Last, so that a change is first told by its place: nobody but the ledger wrote this."""
        if not self.manifest["checkpoint"]:
            return
        said = json.loads(self.read("MANIFEST.sig"))
        with open(self.path("MANIFEST.json"), "rb") as file:
            mark = hashlib.sha256(file.read()).hexdigest()
        public = self.trusted.get(said["key"])
        message = b"council evidence pack " + mark.encode()
        need(
            public is not None and genuine(public, bytes.fromhex(said["signature"]), message),
            "The manifest is not signed by a key that is trusted.",
        )
        self.covered.append("the manifest's signature")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", default=os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--fingerprint", action="append", default=[], metavar="HEX")
    options = parser.parse_args()
    marks = [mark.lower().replace("sha256:", "") for mark in options.fingerprint]
    try:
        pack = Pack(options.folder, marks)
        pack.check()
    except Broken as broken:
        print("BROKEN: %s" % broken)
        return 1
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        print("BROKEN: The pack cannot be read (%s: %s)." % (type(error).__name__, error))
        return 1
    print("Pack %s: %s" % (pack.manifest["reference"], pack.manifest["title"]))
    print("Covered: %s." % "; ".join(pack.covered))
    for gap in pack.manifest["not_covered"]:
        print("Not covered: %s" % gap)
    if not pack.manifest["checkpoint"]:
        print("HOLDS, but no checkpoint vouches for it: the ledger had no key.")
        return 2
    if not marks:
        print("HOLDS, but give --fingerprint to know whose signature it is. The pack's keys are:")
        for mark in sorted(pack.trusted):
            print("  " + mark)
        return 2
    print("HOLDS.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
