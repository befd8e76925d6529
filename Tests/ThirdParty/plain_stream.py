"""The client's side of many WebSocket connections, in few lines: an incremental parser, and the bytes of requests.

frames.py is strict and waits; this one is fast, and never waits: whoever holds the socket feeds it.
"""

import json

from frames import CLOSE, PING, PONG, TEXT
from service import STREAM_PATH, SUBPROTOCOL
from thread_reader import Fault

UPGRADE = (
    f"GET {STREAM_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
).encode()
HEAD_END = b"\r\n\r\n"


class Ended(Exception):
    """The service closed the connection with a close frame."""

    def __init__(self, payload):
        self.code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else None
        super().__init__(f"{self.code} {payload[2:].decode('utf-8', 'replace')}")


def client_frame(opcode, payload):
    """A client's frame, masked with zeros."""
    size = len(payload)
    if size <= 125:
        head = bytes([0x80 | opcode, 0x80 | size])
    elif size <= 0xFFFF:
        head = bytes([0x80 | opcode, 0xFE]) + size.to_bytes(2, "big")
    else:
        head = bytes([0x80 | opcode, 0xFF]) + size.to_bytes(8, "big")
    return head + bytes(4) + payload


def message_frame(**members):
    return client_frame(TEXT, json.dumps(members).encode())


def frame_end(data, position):
    """Where the service's frame that begins at the position ends, and its payload begins; None when its head is not whole."""
    if len(data) < position + 2:
        return None
    size = data[position + 1]
    if size < 126:
        return position + 2 + size, position + 2
    width = 2 if size == 126 else 8
    begin = position + 2 + width
    if len(data) < begin:
        return None
    return begin + int.from_bytes(data[position + 2 : begin], "big"), begin


class StreamParser:
    """Takes what the service sends in any pieces, and gives the payloads of its text messages.

    What has to be answered (pings) is in `answers` afterwards.
    """

    def __init__(self):
        self.left = b""
        self.is_open = False
        self.answers = b""

    def feed(self, data):
        """The texts that are complete now, as bytes. Raises Ended at a close frame, after the texts before it were given."""
        if self.left:
            data = self.left + data
        position = 0
        if not self.is_open:
            end = data.find(HEAD_END)
            if end < 0:
                self.left = data
                return []
            if not data.startswith(b"HTTP/1.1 101 "):
                raise Fault(f"the upgrade was answered with {data[:300]!r}")
            self.is_open = True
            position = end + len(HEAD_END)
        texts = []
        while True:
            ends = frame_end(data, position)
            if ends is None or ends[0] > len(data):
                break
            opcode = data[position]
            payload = data[ends[1] : ends[0]]
            if opcode == 0x80 | TEXT:
                texts.append(payload)
            elif opcode == 0x80 | PING:
                self.answers += client_frame(PONG, payload)
            elif opcode == 0x80 | CLOSE:
                if not texts:
                    raise Ended(payload)
                break
            elif opcode != 0x80 | PONG:
                raise Fault(f"the service sent a frame that begins with {opcode:#x}")
            position = ends[0]
        self.left = data[position:]
        return texts

    def take_answers(self):
        answers, self.answers = self.answers, b""
        return answers
