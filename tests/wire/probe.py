#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Talk the libvirt RPC wire protocol from the tables in protocol.json.

Command line
  probe.py SOCKET open [URI]             opening sequence only, print what each step answered
  probe.py SOCKET call PROC [JSON]       one procedure; prints {"ok": reply} or {"error": {...}}; @FILE reads the JSON
  probe.py SOCKET calls FILE             a list [[PROC, ARGS], ...] on one connection, one line each
  probe.py SOCKET events SECONDS         register for every domain event, print each as one JSON line
  probe.py SOCKET proxy LISTEN           sit between a client and SOCKET and print every message
  probe.py SOCKET list [WORD]            procedures of the tables whose name contains WORD (no connection)

SOCKET is a path, or tcp:HOST:PORT, or tls:HOST:PORT:PKIDIR (cacert.pem, clientcert.pem, clientkey.pem).
Options (anywhere): --uri URI (default qemu:///system), --readonly (sets bit 0 of the CONNECT_OPEN flags),
  --no-open (only connect), --program NAME (remote, qemu), --domain NAME (register events for one domain),
  --legacy (events through procedure 105/190 style), --timeout SECONDS (default 60), --raw (no prettifying),
  --exit-on-error (status 1 when the daemon answers with an error; default 0, 2 is kept for transport faults).

JSON forms: uuid and opaque are hex text (dashes allowed in a uuid); char arrays are text; an optional
value is null or the value; a field left out is zero/empty/null; a domain may be given as its name
(it is looked up first); a typed parameter is [field, kind, value], kind one of int uint llong ullong
double boolean string.

As a library:
  import probe
  c = probe.Connection("/run/libvirt/libvirt-sock", uri="qemu:///system")
  c.call("DOMAIN_LOOKUP_BY_NAME", {"name": "x"})      # dict, or raises probe.RpcError
"""
import array
import collections
import json
import os
import select
import socket
import ssl
import struct
import sys
import threading
import time

TABLES = json.load(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "protocol.json")))
TYPES = TABLES["types"]
PROGRAMS = {k: (v["number"], v["version"]) for k, v in TABLES["programs"].items()}
PROGRAM_NAMES = {v[0]: k for k, v in PROGRAMS.items()}
CALL, REPLY, MESSAGE, STREAM, CALL_FDS, REPLY_FDS, STREAM_HOLE = range(7)
TYPE_NAMES = {v: k for k, v in TABLES["message_types"].items()}
STATUS_NAMES = {v: k for k, v in TABLES["message_status"].items()}
OK, ERROR, CONTINUE = range(3)
MESSAGE_MAX = TABLES["limits"]["MESSAGE_MAX"]
STRING_MAX = TABLES["limits"]["STRING_MAX"]
STREAM_CHUNK = TABLES["limits"]["MESSAGE_LEGACY_PAYLOAD_MAX"]
KINDS = {k.lower(): v for k, v in TABLES["typed_param_kinds"].items()}
KIND_NAMES = {v: k for k, v in KINDS.items()}
DOMAIN_EVENT_IDS = 27          # ids 0..26 exist in 9.0

BY_NAME = {}
BY_NUMBER = {}
for _prog, _rows in TABLES["procedures"].items():
    for _row in _rows:
        BY_NAME[(_prog, _row["name"])] = _row
        BY_NUMBER[(_prog, _row["n"])] = _row


class WireError(Exception):
    """malformed data, or the connection went away"""


class RpcError(Exception):
    """the peer answered with an error body"""

    def __init__(self, body):
        self.body = body
        self.code = body["code"]
        self.domain = body["domain"]
        self.level = body["level"]
        self.message = body["message"]
        Exception.__init__(self, "%d/%d: %s" % (self.code, self.domain, self.message))


# ------------------------------------------------------------------ XDR
_FIXED = {"int": ">i", "uint": ">I", "hyper": ">q", "uhyper": ">Q", "double": ">d",
          "char": ">i", "uchar": ">I", "ushort": ">I"}


def _split(t):
    """('opt'|'var'|'fix'|'', element type, bound)"""
    if t.endswith("?"):
        return "opt", t[:-1], None
    if t.endswith("]"):
        head, n = t[:-1].rsplit("[", 1)
        if n.startswith(".."):
            return "var", head, int(n[2:])
        return "fix", head, int(n)
    return "", t, None


class Encoder:
    def __init__(self):
        self.out = []

    def raw(self, fmt, v):
        self.out.append(struct.pack(fmt, v))

    def opaque(self, b):
        self.out.append(b + b"\0" * (-len(b) % 4))

    def put(self, t, v):
        kind, el, n = _split(t)
        if kind == "opt":
            self.raw(">I", 0 if v is None else 1)
            if v is not None:
                self.put(el, v)
            return
        if el == "opaque":
            b = _bytes(v)
            if kind == "fix":
                if not b:
                    b = b"\0" * n
                if len(b) != n:
                    raise WireError("%s needs %d bytes, got %d" % (t, n, len(b)))
            else:
                if len(b) > n:
                    raise WireError("%s: %d bytes" % (t, len(b)))
                self.raw(">I", len(b))
            self.opaque(b)
            return
        if kind in ("var", "fix"):
            items = [] if v is None else v
            if el == "char" and isinstance(items, str):
                items = [c - 256 if c > 127 else c for c in items.encode()]
            items = list(items)
            if kind == "var":
                if len(items) > n:
                    raise WireError("%s: %d elements" % (t, len(items)))
                self.raw(">I", len(items))
            else:
                items = (items + [0] * n)[:n]
            for x in items:
                self.put(el, x)
            return
        if t in _FIXED:
            self.raw(_FIXED[t], 0 if v is None else (int(v) if t != "double" else float(v)))
            return
        if t == "string":
            b = b"" if v is None else v.encode("utf-8", "surrogateescape")
            if len(b) > STRING_MAX:
                raise WireError("string of %d bytes" % len(b))
            self.raw(">I", len(b))
            self.opaque(b)
            return
        d = TYPES[t]
        if "alias" in d:
            self.put(d["alias"], v)
        elif "enum" in d:
            self.raw(">i", d["enum"].get(v, v) if isinstance(v, str) else int(v or 0))
        elif "struct" in d:
            if t == "typed_param" and isinstance(v, (list, tuple)):
                v = {"field": v[0], "kind": v[1], "value": v[2]}
            if t == "typed_param" and isinstance(v, dict) and "kind" in v:
                k = KINDS[v["kind"].lower()] if isinstance(v["kind"], str) else v["kind"]
                v = {"field": v["field"], "value": {"switch": k, "value": v["value"]}}
            v = v or {}
            unknown = set(v) - {f for f, _ in d["struct"]}
            if unknown:
                raise WireError("%s has no field %s" % (t, ", ".join(sorted(unknown))))
            for f, ft in d["struct"]:
                self.put(ft, v.get(f))
        elif "union" in d:
            sw = int(v["switch"])
            arm = d["union"]["arms"].get(str(sw))
            if arm is None:
                raise WireError("%s has no arm %d" % (t, sw))
            self.raw(">i", sw)
            self.put(arm[1], v["value"])
        else:
            raise WireError("type " + t)


class Decoder:
    def __init__(self, data, pretty=True):
        self.data = data
        self.pos = 0
        self.pretty = pretty

    def take(self, n):
        if self.pos + n > len(self.data):
            raise WireError("body ends at %d, %d more wanted" % (len(self.data), self.pos + n - len(self.data)))
        b = self.data[self.pos:self.pos + n]
        self.pos += n
        return b

    def raw(self, fmt):
        return struct.unpack(fmt, self.take(struct.calcsize(fmt)))[0]

    def padded(self, n):
        b = self.take(n)
        pad = self.take(-n % 4)
        if pad.strip(b"\0"):
            raise WireError("padding is not zero")
        return b

    def get(self, t):
        kind, el, n = _split(t)
        if kind == "opt":
            # any word but 0 means present: one common client library writes 0x01000000
            return self.get(el) if self.raw(">I") else None
        if el == "opaque":
            size = n if kind == "fix" else self.raw(">I")
            if size > n:
                raise WireError("%s: %d bytes" % (t, size))
            return self.padded(size).hex()
        if kind in ("var", "fix"):
            count = n if kind == "fix" else self.raw(">I")
            if count > n:
                raise WireError("%s: %d elements" % (t, count))
            items = [self.get(el) for _ in range(count)]
            if el == "char" and self.pretty:
                b = bytes(c & 255 for c in items)
                return b.split(b"\0", 1)[0].decode("utf-8", "replace")
            return items
        if t in _FIXED:
            return self.raw(_FIXED[t])
        if t == "string":
            size = self.raw(">I")
            if size > STRING_MAX:
                raise WireError("string of %d bytes" % size)
            return self.padded(size).decode("utf-8", "surrogateescape")
        d = TYPES[t]
        if "alias" in d:
            v = self.get(d["alias"])
            if t == "uuid" and self.pretty:
                v = "-".join((v[:8], v[8:12], v[12:16], v[16:20], v[20:]))
            return v
        if "enum" in d:
            return self.raw(">i")
        if "struct" in d:
            v = {f: self.get(ft) for f, ft in d["struct"]}
            if t == "typed_param" and self.pretty:
                return [v["field"], KIND_NAMES[v["value"]["switch"]], v["value"]["value"]]
            return v
        if "union" in d:
            sw = self.raw(">i")
            arm = d["union"]["arms"].get(str(sw))
            if arm is None:
                raise WireError("%s has no arm %d" % (t, sw))
            return {"switch": sw, "value": self.get(arm[1])}
        raise WireError("type " + t)

    def done(self):
        if self.pos != len(self.data):
            raise WireError("%d bytes left over" % (len(self.data) - self.pos))


def _bytes(v):
    if v is None:
        return b""
    if isinstance(v, (bytes, bytearray)):
        return bytes(v)
    return bytes.fromhex(v.replace("-", ""))


def encode(t, v):
    if t is None:
        return b""
    e = Encoder()
    e.put(t, v)
    return b"".join(e.out)


def decode(t, data, pretty=True, strict=True):
    d = Decoder(data, pretty)
    v = None if t is None else d.get(t)
    if strict:
        d.done()
    return v


Header = collections.namedtuple("Header", "prog vers proc type serial status")
_HDR = struct.Struct(">IIiiIi")


def frame(header, body):
    return struct.pack(">I", 4 + _HDR.size + len(body)) + _HDR.pack(*header) + body


# ------------------------------------------------------------------ transport
def _connect(where, timeout):
    if where.startswith("tcp:") or where.startswith("tls:"):
        parts = where.split(":", 3)
        s = socket.create_connection((parts[1], int(parts[2])), timeout)
        if parts[0] == "tls":
            pki = parts[3]
            ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            ctx.load_verify_locations(os.path.join(pki, "cacert.pem"))
            ctx.load_cert_chain(os.path.join(pki, "clientcert.pem"), os.path.join(pki, "clientkey.pem"))
            s = ctx.wrap_socket(s, server_hostname=parts[1])
            byte = s.recv(1)
            if byte != b"\x01":
                raise WireError("peer did not confirm our certificate (got %r)" % byte)
        return s
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(timeout)
    s.connect("\0" + where[1:] if where.startswith("@") else where)
    return s


class Stream:
    """the data channel that a call with a stream opens"""

    def __init__(self, conn, prog, proc, serial):
        self.conn, self.prog, self.proc, self.serial = conn, prog, proc, serial
        self.queue = collections.deque()
        self.finished = False

    def _send(self, mtype, status, body=b""):
        p = PROGRAMS[self.prog]
        self.conn.sock.sendall(frame(Header(p[0], p[1], self.proc, mtype, self.serial, status), body))

    def send(self, data):
        for i in range(0, len(data), STREAM_CHUNK):
            self._send(STREAM, CONTINUE, data[i:i + STREAM_CHUNK])

    def send_hole(self, length, flags=0):
        self._send(STREAM_HOLE, CONTINUE, encode("stream_hole", {"length": length, "flags": flags}))

    def recv(self, timeout=None):
        """bytes of one packet, b'' at end of data, ('hole', length) for a hole; None when timeout passes"""
        end = None if timeout is None else time.monotonic() + timeout
        while not self.queue:
            if not self.conn._pump(end):
                return None
        kind, v = self.queue.popleft()
        if kind == "error":
            raise RpcError(v)
        if kind == "confirm":
            self.finished = True
            return b""
        return v if kind == "data" else ("hole", v)

    def _close(self, status):
        self._send(STREAM, status)
        while True:
            if not self.queue and not self.conn._pump(time.monotonic() + self.conn.timeout):
                raise WireError("no confirmation of the end of the stream")
            kind, v = self.queue.popleft()
            if kind == "error":
                raise RpcError(v)
            if kind == "confirm":
                self.finished = True
                return

    def finish(self):
        """end it in order: status OK both ways"""
        self._close(OK)

    def abort(self):
        """give it up: status ERROR with an empty body, answered by OK"""
        self._close(ERROR)


class Connection:
    def __init__(self, where, uri="qemu:///system", flags=0, open=True, timeout=60.0, pretty=True, events=()):
        self.where, self.uri, self.flags, self.timeout, self.pretty = where, uri, flags, timeout, pretty
        self.sock = _connect(where, timeout)
        self.serial = 0
        self.buf = b""
        self.fds = collections.deque()
        self.replies = {}
        self.streams = {}
        self.events = collections.deque()
        self.pings = 0
        self.opened = False
        self.log = []
        if open:
            self.open()
        for e in events:
            self.register(e)

    # -- opening and closing
    def open(self):
        def step(name, args=None):
            try:
                r = {"ok": self.call(name, args)}
            except RpcError as e:
                r = {"error": e.body}
            self.log.append([name, args, r])
            if "error" in r:
                raise RpcError(r["error"])
            return r["ok"]
        auth = step("AUTH_LIST")["types"]
        if auth and auth[0] == 2:
            step("AUTH_POLKIT")
        elif auth and auth[0] == 1:
            raise WireError("the daemon wants SASL, which this tool does not speak")
        step("CONNECT_SUPPORTS_FEATURE", {"feature": 10})
        step("CONNECT_OPEN", {"name": self.uri, "flags": self.flags})
        self.opened = True
        step("CONNECT_SUPPORTS_FEATURE", {"feature": 14})
        step("CONNECT_SUPPORTS_FEATURE", {"feature": 15})
        return self.log

    def close(self):
        if self.sock is None:
            return
        try:
            if self.opened:
                self.call("CONNECT_CLOSE")
        except (WireError, RpcError, OSError):
            pass
        self.sock.close()
        self.sock = None
        while self.fds:
            os.close(self.fds.popleft())

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    # -- receiving
    def _read(self, n, deadline):
        while len(self.buf) < n:
            if deadline is not None:
                left = deadline - time.monotonic()
                pending = isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()
                if left <= 0 and not pending:
                    return False
                if not pending and not select.select([self.sock], [], [], max(0, left))[0]:
                    return False
            # exactly what is missing: a byte that carries a descriptor must not be swallowed here
            chunk = self.sock.recv(min(n - len(self.buf), 1 << 20))
            if not chunk:
                raise WireError("the peer closed the connection")
            self.buf += chunk
        return True

    def _recv_fd(self):
        data, anc, _, _ = self.sock.recvmsg(1, socket.CMSG_LEN(4))
        for level, kind, cdata in anc:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                a = array.array("i")
                a.frombytes(cdata[:4])
                return a[0]
        raise WireError("a descriptor was announced but did not come")

    def _pump(self, deadline):
        """take in one message; False when deadline passes first"""
        if not self._read(4, deadline):
            return False
        size = struct.unpack(">I", self.buf[:4])[0]
        if size < 28 or size - 4 > MESSAGE_MAX:
            raise WireError("length word %d" % size)
        if not self._read(size, deadline):
            return False
        msg, self.buf = self.buf[:size], b""
        h = Header(*_HDR.unpack(msg[4:28]))
        body = msg[28:]
        prog = PROGRAM_NAMES.get(h.prog, h.prog)
        fds = []
        if h.type == REPLY_FDS:
            count = struct.unpack(">I", body[:4])[0]
            body = body[4:]
            fds = [self._recv_fd() for _ in range(count)]
        if prog == "keepalive" and h.type == MESSAGE:
            if h.proc == 1:
                self.pings += 1
                self.sock.sendall(frame(Header(h.prog, h.vers, 2, MESSAGE, 0, OK), b""))
        elif h.type in (REPLY, REPLY_FDS):
            self.replies[h.serial] = (h, body, fds)
        elif h.type == MESSAGE:
            row = BY_NUMBER.get((prog, h.proc))
            ev = {"program": prog, "proc": h.proc, "serial": h.serial,
                  "event": row["name"] if row else None}
            ev["msg"] = decode(row["msg"], body, self.pretty) if row else body.hex()
            self.events.append(ev)
        elif h.type in (STREAM, STREAM_HOLE):
            st = self.streams.get(h.serial)
            if st is not None:
                if h.status == ERROR:
                    st.queue.append(("error", decode("error", body)))
                elif h.status == OK:
                    st.queue.append(("confirm", None))
                elif h.type == STREAM_HOLE:
                    st.queue.append(("hole", decode("stream_hole", body)["length"]))
                else:
                    st.queue.append(("data", body))
        else:
            raise WireError("message type %d" % h.type)
        return True

    # -- calling
    def _domains(self, t, v):
        """replace a domain given by name with the full reference"""
        if isinstance(v, dict) and "struct" in TYPES.get(t, {}):
            out = dict(v)
            for f, ft in TYPES[t]["struct"]:
                kind, el, _ = _split(ft)
                if kind == "":
                    el = ft
                if kind == "var" and isinstance(out.get(f), (list, tuple)) and el == "domain":
                    out[f] = [self.call("DOMAIN_LOOKUP_BY_NAME", {"name": x})["dom"] if isinstance(x, str) else x
                              for x in out[f]]
                elif f in out and el == "domain" and isinstance(out[f], str):
                    out[f] = self.call("DOMAIN_LOOKUP_BY_NAME", {"name": out[f]})["dom"]
                elif f in out and isinstance(out[f], dict):
                    out[f] = self._domains(el, out[f])
            return out
        return v

    def send_call(self, name, args=None, program="remote", fds=()):
        row = BY_NAME[(program, name)]
        args = self._domains(row["args"], args) if row["args"] else args
        body = encode(row["args"], args)
        p = PROGRAMS[program]
        serial, self.serial = self.serial, (self.serial + 1) & 0xFFFFFFFF
        mtype = CALL
        if fds:
            mtype, body = CALL_FDS, struct.pack(">I", len(fds)) + body
        self.sock.sendall(frame(Header(p[0], p[1], row["n"], mtype, serial, OK), body))
        for fd in fds:
            self.sock.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
        return serial, row

    def wait_reply(self, serial, row, program="remote"):
        deadline = time.monotonic() + self.timeout
        while serial not in self.replies:
            if not self._pump(deadline):
                raise WireError("no reply to %s within %g s" % (row["name"], self.timeout))
        h, body, fds = self.replies.pop(serial)
        self.fds.extend(fds)
        if h.status == ERROR:
            raise RpcError(decode("error", body, self.pretty))
        if h.status != OK:
            raise WireError("reply status %d" % h.status)
        if (h.prog, h.proc) != (PROGRAMS[program][0], row["n"]):
            raise WireError("reply for another procedure")
        return decode(row["ret"], body, self.pretty)

    def call(self, name, args=None, program="remote", fds=()):
        serial, row = self.send_call(name, args, program, fds)
        return self.wait_reply(serial, row, program)

    def call_raw(self, number, body=b"", program=0x20008086, version=1, mtype=CALL, status=OK, serial=None):
        """any header at all; returns (Header, body bytes) of the reply with the same serial"""
        if serial is None:
            serial, self.serial = self.serial, self.serial + 1
        self.sock.sendall(frame(Header(program, version, number, mtype, serial, status), body))
        deadline = time.monotonic() + self.timeout
        while serial not in self.replies:
            if not self._pump(deadline):
                raise WireError("no reply")
        h, body, _ = self.replies.pop(serial)
        return h, body

    def call_stream(self, name, args=None, program="remote"):
        """a procedure with a stream: (reply, Stream)"""
        serial, row = self.send_call(name, args, program)
        st = self.streams[serial] = Stream(self, program, row["n"], serial)
        try:
            return self.wait_reply(serial, row, program), st
        except RpcError:
            del self.streams[serial]
            raise

    # -- events
    def register(self, event_id, domain=None):
        if isinstance(domain, str):
            domain = self.call("DOMAIN_LOOKUP_BY_NAME", {"name": domain})["dom"]
        return self.call("CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY",
                         {"eventID": event_id, "dom": domain})["callbackID"]

    def deregister(self, callback_id):
        self.call("CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY", {"callbackID": callback_id})

    def wait_event(self, timeout, match=None):
        """next event (for which match(event) holds), or None when timeout passes; others stay queued"""
        deadline = time.monotonic() + timeout
        seen = 0
        while True:
            while seen < len(self.events):
                ev = self.events[seen]
                if match is None or match(ev):
                    del self.events[seen]
                    return ev
                seen += 1
            if not self._pump(deadline):
                return None

    def pump(self, seconds):
        deadline = time.monotonic() + seconds
        while self._pump(deadline):
            pass


# ------------------------------------------------------------------ man in the middle
class Tap:
    """forwards everything between one client and the daemon and reports each message"""

    def __init__(self, client, where, report, tag, decode_bodies):
        self.client, self.report, self.tag, self.decode_bodies = client, report, tag, decode_bodies
        self.server = _connect(where, None)
        for src, dst, d in ((client, self.server, ">"), (self.server, client, "<")):
            threading.Thread(target=self.copy, args=(src, dst, d), daemon=True).start()

    def copy(self, src, dst, d):
        buf = b""
        fdwait = 0
        try:
            while True:
                data, anc, _, _ = src.recvmsg(1 << 18, socket.CMSG_SPACE(4 * 32))
                if not data:
                    break
                fds = array.array("i")
                for level, kind, cdata in anc:
                    if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                        fds.frombytes(cdata[:len(cdata) - len(cdata) % 4])
                if fds:
                    # the kernel ends a read right after the byte that carries descriptors
                    dst.sendall(data[:-1])
                    dst.sendmsg([data[-1:]], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
                    for f in fds:
                        os.close(f)
                else:
                    dst.sendall(data)
                buf += data
                while True:
                    if fdwait and buf:
                        k = min(fdwait, len(buf))
                        buf, fdwait = buf[k:], fdwait - k
                    if len(buf) < 4:
                        break
                    size = struct.unpack(">I", buf[:4])[0]
                    if len(buf) < size:
                        break
                    fdwait = self.show(d, buf[:size])
                    buf = buf[size:]
        except OSError:
            pass
        for s in (src, dst):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if d == ">":
            self.report({"conn": self.tag, "dir": d, "closed": True})

    def show(self, d, msg):
        h = Header(*_HDR.unpack(msg[4:28]))
        body = msg[28:]
        prog = PROGRAM_NAMES.get(h.prog, "0x%x" % (h.prog & 0xFFFFFFFF))
        row = BY_NUMBER.get((prog, h.proc))
        out = {"conn": self.tag, "dir": d, "program": prog, "proc": h.proc, "name": row["name"] if row else None,
               "type": TYPE_NAMES.get(h.type, h.type), "status": STATUS_NAMES.get(h.status, h.status),
               "serial": h.serial, "len": len(msg)}
        nfds = 0
        if h.type in (CALL_FDS, REPLY_FDS):
            nfds = struct.unpack(">I", body[:4])[0]
            body = body[4:]
            out["fds"] = nfds
        if self.decode_bodies:
            try:
                if h.type in (CALL, CALL_FDS) and row:
                    out["args"] = decode(row["args"], body)
                elif h.type in (REPLY, REPLY_FDS, STREAM, STREAM_HOLE) and h.status == ERROR and body:
                    out["error"] = decode("error", body)
                elif h.type in (REPLY, REPLY_FDS) and row:
                    out["ret"] = decode(row["ret"], body)
                elif h.type == MESSAGE and row and row.get("msg"):
                    out["msg"] = decode(row["msg"], body)
                elif h.type == STREAM_HOLE:
                    out["hole"] = decode("stream_hole", body)
                elif h.type == STREAM:
                    out["data"] = len(body)
            except (WireError, KeyError) as e:
                out["undecodable"] = "%s (%s)" % (e, body[:64].hex())
        self.report(out)
        return nfds


def proxy(where, listen, report, decode_bodies=True, stop=None):
    """serve LISTEN until stop (a threading.Event) is set; report gets one dict a message"""
    if os.path.exists(listen):
        os.unlink(listen)
    srv = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    srv.bind(listen)
    os.chmod(listen, 0o777)
    srv.listen(20)
    srv.settimeout(0.2)
    n = 0
    try:
        while stop is None or not stop.is_set():
            try:
                c, _ = srv.accept()
            except socket.timeout:
                continue
            c.setblocking(True)
            n += 1
            Tap(c, where, report, n, decode_bodies)
    finally:
        srv.close()
        os.unlink(listen)


# ------------------------------------------------------------------ command line
def _emit(o):
    sys.stdout.write(json.dumps(o, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def main(argv):
    opts = {"uri": "qemu:///system", "program": "remote", "domain": None, "timeout": "60"}
    flags = {"readonly": False, "no-open": False, "legacy": False, "raw": False, "exit-on-error": False}
    pos = []
    it = iter(argv)
    for a in it:
        if a.startswith("--") and a[2:] in flags:
            flags[a[2:]] = True
        elif a.startswith("--") and a[2:] in opts:
            opts[a[2:]] = next(it)
        elif a in ("-h", "--help"):
            print(__doc__)
            return 0
        else:
            pos.append(a)
    if len(pos) < 2:
        print(__doc__)
        return 2
    where, what, rest = pos[0], pos[1], pos[2:]
    if what == "list":
        for (prog, name), row in BY_NAME.items():
            if not rest or rest[0].upper() in name:
                _emit(dict(row, program=prog))
        return 0
    if what == "proxy":
        try:
            proxy(where, rest[0], _emit)
        except KeyboardInterrupt:
            pass
        return 0
    if what == "open" and rest:
        opts["uri"] = rest[0]
    rc = 0
    try:
        c = Connection(where, opts["uri"], 1 if flags["readonly"] else 0, open=False,
                       timeout=float(opts["timeout"]), pretty=not flags["raw"])
        try:
            if not flags["no-open"]:
                c.open()
            if what == "open":
                _emit({"opened": c.log})
            elif what in ("call", "calls"):
                if what == "call":
                    arg = rest[1] if len(rest) > 1 else "null"
                    todo = [[rest[0], json.load(open(arg[1:])) if arg.startswith("@") else json.loads(arg)]]
                else:
                    todo = json.load(sys.stdin if rest[0] == "-" else open(rest[0]))
                for name, args in todo:
                    prog = opts["program"]
                    if (prog, name) not in BY_NAME and ("qemu", name) in BY_NAME:
                        prog = "qemu"
                    try:
                        row = BY_NAME[(prog, name)]
                        if row.get("stream"):
                            r, st = c.call_stream(name, args, prog)
                            total = 0
                            if row["stream"] == "down":
                                while True:
                                    d = st.recv(c.timeout)
                                    if not d:
                                        break
                                    total += d[1] if isinstance(d, tuple) else len(d)
                                st.finish()
                            else:
                                st.abort()
                            _emit({"ok": r, "stream_bytes": total})
                        else:
                            _emit({"ok": c.call(name, args, prog)})
                    except RpcError as e:
                        _emit({"error": e.body})
                        rc = 1 if flags["exit-on-error"] else 0
            elif what == "events":
                for e in range(DOMAIN_EVENT_IDS):
                    try:
                        if flags["legacy"]:
                            c.call("CONNECT_DOMAIN_EVENT_REGISTER_ANY", {"eventID": e})
                        else:
                            c.register(e, opts["domain"])
                    except RpcError as err:
                        _emit({"event_id": e, "refused": err.body})
                _emit({"registered": True})
                end = time.monotonic() + float(rest[0])
                while c._pump(end):
                    while c.events:
                        _emit(c.events.popleft())
            else:
                print(__doc__)
                return 2
        finally:
            c.close()
    except RpcError as e:
        _emit({"opened": c.log, "error": e.body})
        return 1 if flags["exit-on-error"] else 0
    except (WireError, OSError, KeyError, ValueError) as e:
        _emit({"fault": "%s: %s" % (type(e).__name__, e)})
        return 2
    return rc


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
