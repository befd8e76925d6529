"""Streams that answer a POST or a GET, as their clients read them: frames of server-sent events, and how the body ended."""

import http.client
import json

from thread_reader import Fault

# A whole body ends with its last chunk, one of a dying service breaks off.
WHOLE, BROKEN = "whole", "broken"
SECONDS = 120


class Stream:
    """One answer. `frames` gives its messages one by one; `ending` is known afterwards."""

    def __init__(self, service, method, path, body=None, headers=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=SECONDS)
        text = None if body is None else json.dumps(body)
        self.connection.request(
            method, path, text, {"content-type": "application/json", "accept": "text/event-stream", **(headers or {})}
        )
        self.response = self.connection.getresponse()
        self.status = self.response.status
        self.headers = self.response.headers
        self.ending = None
        self.has_done = False

    def lines(self):
        left = b""
        while True:
            try:
                # Unlike readline(), it says so when a body breaks off.
                piece = self.response.read1(65536)
            except (http.client.IncompleteRead, ConnectionError):
                self.ending = BROKEN
                return
            if not piece:
                self.ending = WHOLE if self.response.isclosed() or self.response.length == 0 else BROKEN
                return
            *lines, left = (left + piece).split(b"\n")
            for line in lines:
                yield line.decode()

    def frames(self):
        """The JSON of each frame. `data: [DONE]` is no JSON, and is noted."""
        data = None
        for line in self.lines():
            if "\r" in line:
                raise Fault("a frame has a carriage return, which clients do not take")
            if line == "":
                if data == "[DONE]":
                    self.has_done = True
                elif data is not None:
                    yield json.loads(data)
                data = None
            elif line.startswith("data: "):
                if data is not None:
                    raise Fault("a frame has two lines of data")
                data = line[len("data: ") :]
            elif not line.startswith((":", "id: ")):
                raise Fault(f"a line is of no kind: {line!r}")

    def close(self):
        self.connection.close()


def read(service, method, path, body=None, headers=None):
    """A whole stream: its frames."""
    stream = Stream(service, method, path, body, headers)
    try:
        if stream.status != 200:
            raise Fault(f"{method} {path} was answered with {stream.status}: {stream.response.read()[:300]!r}")
        frames = list(stream.frames())
        if stream.ending != WHOLE:
            raise Fault(f"the body of {path} broke off after {frames[-1:]}")
        return frames, stream
    finally:
        stream.close()
