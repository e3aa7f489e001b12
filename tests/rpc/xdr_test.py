#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our XDR code against an independent codec: every body of every procedure, random values, and
input that a hostile peer might send.

Usage: xdr_test.py XDRCODEC        WIRE_SEED=n repeats a run
"""
import os
import random
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
import probe  # noqa: E402

CODEC = sys.argv.pop(1)
SEED = int(os.environ.get("WIRE_SEED", random.SystemRandom().randrange(1 << 32)))
VALUES_PER_TYPE = 12


def bodies():
    """names of all types that are a whole body"""
    names = {"error", "header", "stream_hole"}
    for prog in ("remote", "qemu"):
        for row in probe.TABLES["procedures"][prog]:
            names.update(row.get(key) for key in ("args", "ret", "msg"))
    names.discard(None)
    return sorted(names)


def number(rng, bits, signed):
    value = rng.choice([0, 1, (1 << bits) - 1, 1 << (bits - 1), rng.getrandbits(bits)])
    value &= (1 << bits) - 1
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def value_of(rng, name):
    """a random value of the type, in the codec's own form"""
    kind, element, bound = probe._split(name)
    if kind == "opt":
        return value_of(rng, element) if rng.random() < 0.7 else None
    if element == "opaque":
        size = bound if kind == "fix" else min(bound, rng.choice([0, 1, 3, 4, 5, 64]))
        return rng.randbytes(size)
    if kind in ("var", "fix"):
        count = bound if kind == "fix" else min(bound, rng.choice([0, 1, 2, 3, 5]))
        return [value_of(rng, element) for _ in range(count)]
    simple = {"int": (32, True), "uint": (32, False), "hyper": (64, True), "uhyper": (64, False),
              "char": (8, True), "uchar": (8, False), "ushort": (16, False)}
    if name in simple:
        return number(rng, *simple[name])
    if name == "double":
        return rng.choice([0.0, -1.5, 1e300, rng.random()])
    if name == "string":
        return "".join(rng.choice("ab \u00e4\u20ac<&") for _ in range(rng.choice([0, 1, 2, 7, 60])))
    shape = probe.TYPES[name]
    if "alias" in shape:
        return value_of(rng, shape["alias"])
    if "enum" in shape:
        return rng.choice(list(shape["enum"].values()))
    if "union" in shape:
        switch, arm = rng.choice(list(shape["union"]["arms"].items()))
        return {"switch": int(switch), "value": value_of(rng, arm[1])}
    return {field: value_of(rng, sub) for field, sub in shape["struct"]}


def zero(name):
    """the shortest encoding of the type"""
    kind, element, bound = probe._split(name)
    if kind in ("opt", "var") or name == "string":
        return b"\0\0\0\0"
    if kind == "fix":
        return b"\0" * (bound + -bound % 4) if element == "opaque" else zero(element) * bound
    shape = probe.TYPES.get(name, {})
    if "struct" in shape:
        return b"".join(zero(sub) for _, sub in shape["struct"])
    if "alias" in shape:
        return zero(shape["alias"])
    if "union" in shape:
        return b"\0\0\0\1\0\0\0\0"
    return probe.encode(name, 0)


class Codec:
    def __init__(self):
        env = dict(os.environ, MALLOC_PERTURB_="165")
        self.process = subprocess.Popen([CODEC], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=env, text=True)

    def __call__(self, name, data):
        """(bytes encoded again, number of bytes not used), or None if it was refused"""
        self.process.stdin.write("%s %s\n" % (name, data.hex()))
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("xdrcodec died on %s %s" % (name, data.hex()))
        if line == "error\n":
            return None
        text, left = line.rsplit(" ", 1)
        return bytes.fromhex(text), int(left)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait()


class XdrTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.codec = Codec()

    @classmethod
    def tearDownClass(cls):
        assert cls.codec.close() == 0, "xdrcodec did not end well"

    def setUp(self):
        self.rng = random.Random("%d %s" % (SEED, self.id()))

    def samples(self, count):
        for name in bodies():
            for _ in range(count):
                value = value_of(self.rng, name)
                yield name, value, probe.encode(name, value)

    def test_round_trip(self):
        for name, value, data in self.samples(VALUES_PER_TYPE):
            self.assertEqual(self.codec(name, data), (data, 0), (name, value))

    def test_back_through_the_other_codec(self):
        for name, value, data in self.samples(3):
            again = self.codec(name, data)[0]
            self.assertEqual(probe.encode(name, probe.decode(name, again, pretty=False)), data,
                             (name, value))

    def test_bytes_left_over_are_counted(self):
        for name, value, data in self.samples(1):
            self.assertEqual(self.codec(name, data + b"\0" * 8), (data, 8), (name, value))

    def test_truncated(self):
        for name, value, data in self.samples(4):
            if data:
                cut = self.rng.randrange(len(data))
                self.assertIsNone(self.codec(name, data[:cut]), (name, value, cut))

    def test_random_bytes(self):
        for name in bodies():
            for _ in range(6):
                data = self.rng.randbytes(self.rng.choice([0, 4, 16, 64, 256]))
                answer = self.codec(name, data)
                if answer is not None:
                    self.assertLessEqual(answer[1], len(data), name)

    def test_mutated(self):
        for name, _, data in self.samples(4):
            if data:
                mutated = bytearray(data)
                at = self.rng.randrange(0, len(mutated), 4)
                mutated[at:at + 4] = self.rng.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff",
                                                      b"\x00\x40\x00\x01", b"\x80\x00\x00\x00"])
                self.codec(name, bytes(mutated))

    def test_bounds(self):
        """exactly the bound is accepted, one more is not, although all the bytes are there"""
        done = set()
        for name in bodies():
            before = b""
            for field, sub in probe.TYPES[name].get("struct", []):
                kind, element, bound = probe._split(sub)
                if kind == "var" or (sub == "string" and sub not in done):
                    done.add(sub if sub == "string" else (name, field))
                    bound = probe.STRING_MAX if sub == "string" else bound
                    item = b"\0" if "opaque" in sub or sub == "string" else zero(element)
                    room = item * (bound + 4) + b"\0" * 4096
                    if len(room) < 1 << 20 or sub == "string":
                        most = self.codec(name, before + bound.to_bytes(4, "big") + room)
                        self.assertIsNotNone(most, (name, field))
                        more = self.codec(name, before + (bound + 1).to_bytes(4, "big") + room)
                        self.assertIsNone(more, (name, field))
                before += zero(sub)
        self.assertGreater(len(done), 100)

    def test_unknown_kind_of_typed_parameter(self):
        data = (probe.encode("string", "x") + (8).to_bytes(4, "big") + b"\0" * 8)
        prefix = (1).to_bytes(4, "big")
        self.assertIsNone(self.codec("domain_get_job_stats_ret", b"\0\0\0\0" + prefix + data))

    def test_presence_is_any_word_but_zero(self):
        text = probe.encode("string", "qemu:///system")
        for word in (b"\0\0\0\1", b"\1\0\0\0", b"\xff\xff\xff\xff"):
            data = word + text + b"\0\0\0\0"
            self.assertEqual(self.codec("connect_open_args", data),
                             (b"\0\0\0\1" + data[4:], 0), word)

    def test_padding_is_not_looked_at(self):
        data = (1).to_bytes(4, "big") + b"x\1\2\3"
        self.assertEqual(self.codec("connect_get_type_ret", data),
                         (data[:5] + b"\0\0\0", 0))


if __name__ == "__main__":
    print("seed", SEED)
    unittest.main(verbosity=2)
