"""The little of the stream protocol that a measurement needs: a socket, frames with a mask of zeros, and a service as a process."""

import base64
import re
import socket


def port_of(service):
    """Reads the output of a service to the line with its address."""
    said = []
    for line in service.stdout:
        said.append(line)
        found = re.search(r"http://[^\s/]*?:(\d+)", line)
        if found:
            return int(found[1])
    raise RuntimeError("the service does not listen:\n" + "".join(said))


def text_frame(text):
    data = text.encode()
    length = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + len(data).to_bytes(2, "big")
    return b"\x81" + length + bytes(4) + data


class Connection:
    """A WebSocket whose messages are told apart by words that are in them."""

    def __init__(self, port, number):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.taken = b""
        key = base64.b64encode(number.to_bytes(16, "big")).decode()
        self.socket.sendall(
            f"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: agent-events.v1\r\n\r\n".encode())
        self.read(b'"welcome"')

    def send(self, *texts):
        self.socket.sendall(b"".join(text_frame(text) for text in texts))

    def read(self, word, count=1):
        """Reads on until a word has come a number of times."""
        while count:
            place = self.taken.find(word)
            if place >= 0:
                self.taken = self.taken[place + len(word):]
                count -= 1
                continue
            self.taken = self.taken[-len(word):]
            more = self.socket.recv(65_536)
            if not more:
                raise RuntimeError(f"closed before {word!r}: {self.taken!r}")
            self.taken += more

    def close(self):
        self.socket.close()


def open_connection(port, number):
    """A connection that follows a thread of its own."""
    connection = Connection(port, number)
    connection.send(f'{{"op":"subscribe","thread_id":"t_{number}","after":"now","merge":false}}')
    connection.read(b'"op":"live"')
    return connection
