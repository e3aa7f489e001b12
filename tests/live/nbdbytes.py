# SPDX-License-Identifier: LGPL-2.1-or-later
"""An NBD client that goes away after a given number of bytes, sent or received: every state of the
conversation in which a client can leave the server."""
import socket
import struct

OPTION_MAGIC, REPLY_MAGIC, CHUNK_MAGIC, REQUEST_MAGIC = (b"IHAVEOPT", 0x3e889045565a9, 0x668e33ef, 0x25609513)
OPT_GO, OPT_STRUCTURED_REPLY, OPT_SET_META_CONTEXT = 7, 8, 10
CMD_READ, CMD_DISCONNECT, CMD_BLOCK_STATUS = 0, 2, 7
REP_ACK, REP_UNKNOWN, CHUNK_DONE = 1, 1 << 31 | 6, 1


class Gone(Exception):
    """The client has sent or received as much as it shall."""


class Server(Exception):
    """The server said something that it must not, or nothing any more."""


def option(number, data=b""):
    return OPTION_MAGIC + struct.pack(">II", number, len(data)) + data


def request(command, cookie, offset=0, length=0):
    return struct.pack(">IHHQQI", REQUEST_MAGIC, 0, command, cookie, offset, length)


def text(s):
    return struct.pack(">I", len(s)) + s.encode()


class Client:
    """One whole conversation, or its beginning: greeting, structured replies, contexts, go, block status,
    read, goodbye."""

    # @path: of a UNIX socket, or a port of this host.
    def __init__(self, path, export, contexts=("base:allocation",), sends=None, receives=None):
        self.sends, self.receives = sends, receives      # how many bytes; None = all
        self.sent = self.received = 0
        self.export, self.contexts = export, contexts
        self.socket = socket.socket(socket.AF_UNIX) if isinstance(path, str) else socket.socket()
        self.socket.settimeout(30)
        self.socket.connect(path if isinstance(path, str) else ("127.0.0.1", path))

    def send(self, data):
        if self.sends is not None and self.sent + len(data) >= self.sends:
            data = data[:self.sends - self.sent]
        self.socket.sendall(data)
        self.sent += len(data)
        if self.sends is not None and self.sent == self.sends:
            raise Gone()

    def receive(self, length):
        out = b""
        while len(out) < length:
            want = length - len(out)
            if self.receives is not None:
                want = min(want, self.receives - self.received)
                if want == 0:
                    raise Gone()
            data = self.socket.recv(want)
            if not data:
                raise Server("closed after %d bytes sent, %d received" % (self.sent, self.received))
            self.received += len(data)
            out += data
        return out

    def ask(self, number, data=b""):
        self.send(option(number, data))
        while True:
            magic, _, kind, length = struct.unpack(">QIII", self.receive(20))
            if magic != REPLY_MAGIC or kind & 1 << 31:
                raise Server("option %d: reply %x, magic %x" % (number, kind, magic))
            self.receive(length)
            if kind == REP_ACK:
                return

    def ask_until_granted(self, number, data, refusal):
        """An option that the server refuses with the error @refusal for some time."""
        while True:
            self.send(option(number, data))
            while True:
                _, _, kind, length = struct.unpack(">QIII", self.receive(20))
                self.receive(length)
                if kind == REP_ACK:
                    return
                if kind == refusal:
                    break

    def hang(self, lengths):
        """Reads from the export as soon as it is there, and takes none of the data."""
        self.receive(18)
        self.send(struct.pack(">I", 3))
        self.ask_until_granted(OPT_GO, text(self.export) + struct.pack(">H", 0), REP_UNKNOWN)
        self.send(b"".join(request(CMD_READ, i, 0, length) for i, length in enumerate(lengths)))
        self.socket.recv(1, socket.MSG_PEEK)

    def command(self, *args):
        self.send(request(*args))
        flags = 0
        while not flags & CHUNK_DONE:
            magic, flags, kind, _, length = struct.unpack(">IHHQI", self.receive(20))
            if magic != CHUNK_MAGIC or kind & 1 << 15:
                raise Server("command %d: chunk %x, magic %x" % (args[0], kind, magic))
            self.receive(length)

    def talk(self, length):
        self.receive(18)
        self.send(struct.pack(">I", 3))
        self.ask(OPT_STRUCTURED_REPLY)
        queries = struct.pack(">I", len(self.contexts)) + b"".join(text(c) for c in self.contexts)
        self.ask(OPT_SET_META_CONTEXT, text(self.export) + queries)
        self.ask(OPT_GO, text(self.export) + struct.pack(">H", 0))
        self.command(CMD_BLOCK_STATUS, 1, 0, length)
        self.command(CMD_READ, 2, 0, length)
        self.send(request(CMD_DISCONNECT, 3))

    def run(self, length=65536):
        """True if it came to the end of the conversation."""
        try:
            self.talk(length)
            return True
        except Gone:
            return False
        finally:
            self.socket.close()
