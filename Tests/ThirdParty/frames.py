"""A WebSocket client that can do everything wrong: RFC 6455 by hand, on a plain socket."""

import base64
import hashlib
import json
import os
import select
import socket
import struct
import time

from service import STREAM_PATH, SUBPROTOCOL
from thread_reader import Fault

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# For what hangs, and not for what is slow.
SECONDS = 180


class Closed(Exception):
    """The service closed the connection."""


def frame(opcode, payload=b"", fin=True, masked=True, reserved=0, key=None, length=None):
    """One frame as bytes. `length` lies about the length of the payload, in the form with 64 bits."""
    if isinstance(payload, str):
        payload = payload.encode("utf-8")
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    mask_bit = 0x80 if masked else 0
    if length is not None:
        head += bytes([mask_bit | 127]) + struct.pack("!Q", length)
    elif len(payload) <= 125:
        head += bytes([mask_bit | len(payload)])
    elif len(payload) <= 0xFFFF:
        head += bytes([mask_bit | 126]) + struct.pack("!H", len(payload))
    else:
        head += bytes([mask_bit | 127]) + struct.pack("!Q", len(payload))
    if not masked:
        return head + payload
    key = os.urandom(4) if key is None else key
    pattern = key * (len(payload) // 4 + 1)
    number = int.from_bytes(payload, "big") ^ int.from_bytes(pattern[: len(payload)], "big")
    return head + key + number.to_bytes(len(payload), "big")


def ping_op(number, padding=0):
    """A message that the service answers with `{"op":"pong","req":number}`, with so many blanks in it."""
    return '{"op":"ping",' + " " * padding + f'"req":{number}}}'


class RawSocket:
    """A connection to the service. `headers` of the upgrade may be changed; a value of None leaves one out."""

    def __init__(self, port, seconds=SECONDS):
        self.port = port
        self.seconds = seconds
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.socket.close()

    # Bytes

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Closed(str(error)) from None

    def send_until_answered(self, data):
        """Sends, and stops as soon as the service has something to say: it need not read all of it."""
        self.socket.setblocking(False)
        deadline = time.monotonic() + self.seconds
        view = memoryview(data)
        try:
            while view and time.monotonic() < deadline:
                readable, writable, _ = select.select([self.socket], [self.socket], [], 1)
                if readable:
                    return
                if writable:
                    view = view[self.socket.send(view[:65536]) :]
        except OSError:
            return
        finally:
            self.socket.settimeout(self.seconds)

    def _fill(self):
        try:
            piece = self.socket.recv(1 << 16)
        except socket.timeout:
            raise Fault(f"the service said nothing for {self.seconds} s") from None
        except OSError as error:
            raise Closed(str(error)) from None
        if not piece:
            raise Closed("end of the stream")
        self.received += piece

    def _take(self, count):
        while len(self.received) < count:
            self._fill()
        taken, self.received = self.received[:count], self.received[count:]
        return taken

    # HTTP

    def request(self, method="GET", path=STREAM_PATH, **changes):
        """An upgrade as bytes, and the answer that its key asks for."""
        key = base64.b64encode(os.urandom(16))
        headers = {
            "Host": f"127.0.0.1:{self.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key.decode(),
            "Sec-WebSocket-Version": "13",
        }
        headers.update({name.replace("_", "-"): value for name, value in changes.items()})
        lines = [f"{method} {path} HTTP/1.1"]
        for name, value in headers.items():
            values = value if isinstance(value, list) else [value]
            lines += [f"{name}: {each}" for each in values if each is not None]
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
        return ("\r\n".join(lines) + "\r\n\r\n").encode(), accept

    def response(self):
        """The head of a response, and the body unless it is a 101."""
        while b"\r\n\r\n" not in self.received:
            self._fill()
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers.setdefault(name.strip().lower(), value.strip())
        body = b"" if status == 101 else self._take(int(headers.get("content-length", "0")))
        return status, headers, body

    def upgrade(self, **changes):
        """Asks for an upgrade and returns the response."""
        request, _ = self.request(**changes)
        self.send(request)
        return self.response()

    def open(self, **changes):
        """Upgrades and reads the welcome."""
        changes.setdefault("Sec_WebSocket_Protocol", SUBPROTOCOL)
        request, accept = self.request(**changes)
        self.send(request)
        self.opened(self.response(), accept)
        return self

    def opened(self, response, accept):
        status, headers, body = response
        if status != 101:
            raise Fault(f"the upgrade was answered with {status} {body[:300]!r}")
        if headers.get("sec-websocket-accept") != accept:
            raise Fault(f"Sec-WebSocket-Accept is {headers.get('sec-websocket-accept')}, and should be {accept}")
        if headers.get("upgrade", "").lower() != "websocket" or "upgrade" not in headers.get("connection", "").lower():
            raise Fault(f"the headers of the 101 are {headers}")
        if "sec-websocket-extensions" in headers:
            raise Fault(f"an extension was agreed on: {headers['sec-websocket-extensions']}")
        message = self.message()
        if message.get("op") != "welcome":
            raise Fault(f"the first message is no welcome: {message}")

    # Frames

    def receive(self):
        """The next frame: final, opcode, payload. A server's frames have no mask, and the shortest length."""
        first, second = self._take(2)
        if first & 0x70:
            raise Fault("the service set a reserved bit")
        if second & 0x80:
            raise Fault("the service masked a frame")
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._take(2))
            shortest = size > 125
        elif size == 127:
            (size,) = struct.unpack("!Q", self._take(8))
            shortest = size > 0xFFFF
        else:
            shortest = True
        if not shortest:
            raise Fault(f"the length {size} is not in its shortest form")
        return bool(first & 0x80), first & 0x0F, self._take(size)

    def text(self):
        """The next message, which is text in one frame."""
        fin, opcode, payload = self.receive()
        if opcode == CLOSE:
            raise Fault(f"the service closed: {payload!r}")
        if not fin or opcode != TEXT:
            raise Fault(f"waited for a text message and got opcode {opcode}: {payload[:100]!r}")
        return payload.decode("utf-8")

    def message(self):
        return json.loads(self.text())

    def expect_pong_op(self, number):
        message = self.message()
        if message != {"op": "pong", "req": number}:
            raise Fault(f"waited for the answer to ping {number} and got {json.dumps(message)[:300]}")

    def expect_lives(self):
        """The connection still does its work."""
        self.send(frame(TEXT, ping_op(4711)))
        self.expect_pong_op(4711)

    def expect_frame(self, opcode, payload):
        got = self.receive()
        if got != (True, opcode, payload):
            raise Fault(f"waited for opcode {opcode} with {payload!r} and got {got}")

    def expect_close(self, *codes, answer=True):
        """The next frame closes with one of the codes (None: without one), and then the connection ends."""
        try:
            fin, opcode, payload = self.receive()
        except Closed as closed:
            raise Fault(f"the connection ended without a close frame: {closed}") from None
        if opcode != CLOSE:
            raise Fault(f"waited for a close and got opcode {opcode}: {payload[:300]!r}")
        if not fin or len(payload) > 125 or len(payload) == 1:
            raise Fault(f"the close frame is malformed: {fin} {payload!r}")
        code = struct.unpack("!H", payload[:2])[0] if payload else None
        payload[2:].decode("utf-8")
        if code not in codes:
            raise Fault(f"closed with {code} {payload[2:]!r}, and should be {' or '.join(map(str, codes))}")
        if answer:
            try:
                self.send(frame(CLOSE, payload[:2]))
            except Closed:
                pass
        self.expect_end()

    def expect_end(self):
        """The service ends the connection, and says nothing more."""
        try:
            piece = self._take(1)
        except Closed:
            return
        raise Fault(f"after the close came {piece!r}")


def close_payload(code, reason=b""):
    return struct.pack("!H", code) + reason
