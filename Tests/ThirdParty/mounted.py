#!/usr/bin/env python3
"""A hub in the servers of others: the two examples that are mounted, each as a process and with a WebSocket client that is not
ours. Their own routes answer, events come over the same port, and they stop gracefully on SIGTERM.

  mounted.py               against the examples, which are built
  mounted.py --self-test   that the checks notice a server without its routes, its hub or its goodbye
"""

import argparse
import asyncio
import json
import socket
import sys
from pathlib import Path

from self_test import check_broken
from service import BUILT, SUBPROTOCOL, Answer, Service
from thread_reader import Fault, ThreadReader

TIME_LIMIT = 600

# The routes of each example itself: method, path, body, and the status and the text of the answer.
ROUTES = {
    "example-hummingbird": [
        ("GET", "/", None, 200, "a chat\n"),
        ("GET", "/greetings/Ada", None, 200, "hello, Ada\n"),
        ("POST", "/numbers", "12345", 200, "5\n"),
        ("GET", "/nowhere", None, 404, None),
    ],
    "example-nio": [
        ("GET", "/", None, 200, "a chat\n"),
        ("GET", "/nowhere", None, 404, "nothing is here\n"),
    ],
}

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
# A header that spoils the upgrade, and the status and the code of the answer.
REFUSALS = [
    ("Sec-WebSocket-Protocol", "chat", 400, "upgrade.subprotocol"),
    ("Sec-WebSocket-Version", "8", 426, "upgrade.version"),
    ("Origin", "https://evil.example", 403, "origin.forbidden"),
]


class Example(Service):
    """One of the examples on a free port."""

    def __init__(self, folder, name):
        self.name = name
        # The program of the service takes a command first; an example has none, and passes over what it does not know.
        super().__init__(Path(folder) / name, None)


def check_routes(example, routes):
    for method, path, body, status, text in routes:
        answer = example.request(method, path, body)
        if answer.status != status or text is not None and answer.body.decode() != text:
            raise Fault(f"{method} {path}: answered with {answer}, and not with {status} {text!r}")


def check_hub_routes(example):
    """Only where the HTTP routes of the hub are mounted as well."""
    answer = example.request("GET", "/v1/threads/t_nobody/events")
    if answer.status != 404 or answer.code != "thread.unknown":
        raise Fault(f"the hub's routes: answered with {answer}")
    answer = example.request("POST", "/v1/threads/t_2/messages", '{"text":"Hello"}', {"Content-Type": "application/json"})
    if answer.status != 202:
        raise Fault(f"a message: answered with {answer}")


def check_event_stream(example, thread, count):
    """Events over the same port without a WebSocket, whether or not the routes of the hub are mounted."""
    headers = {"Accept": "text/event-stream"}
    answer = example.request("GET", "/v1/threads/t_nobody/events", None, headers)
    if answer.status != 404 or answer.code != "thread.unknown":
        raise Fault(f"a stream of a thread that there is not: answered with {answer}")
    with socket.create_connection(("127.0.0.1", example.port), TIME_LIMIT) as connection:
        connection.sendall(
            f"GET /v1/threads/{thread}/events HTTP/1.0\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n".encode())
        text = b""
        while b'"op":"live"' not in text:
            piece = connection.recv(65536)
            if not piece:
                raise Fault(f"the stream has ended: {text!r}")
            text += piece
    if text.count(b"\nid: ") != count or b"content-type: text/event-stream" not in text.lower():
        raise Fault(f"{thread} as a stream of events is {text!r}")


def check_refusals(example):
    """An upgrade that is declined is answered with the reason, also by a server that has no route for it."""
    for name, value, status, code in REFUSALS:
        answer = example.request("GET", "/v1/stream", None, {**UPGRADE, name: value})
        if answer.status != status or answer.code != code:
            raise Fault(f"an upgrade with {name}: {value} is answered with {answer}, and not with {status} {code}")


async def next_message(socket):
    return json.loads(await asyncio.wait_for(socket.recv(), TIME_LIMIT))


async def check_stream(example):
    """Emits and follows events; then the process is told to stop."""
    import websockets

    draft = {"type": "custom", "data": {"name": "n", "value": 1}}
    async with websockets.connect(example.url, subprotocols=[SUBPROTOCOL]) as socket:
        if (await next_message(socket)).get("op") != "welcome":
            raise Fault("the stream begins without a welcome")
        reader = ThreadReader("t_1", 0)
        await socket.send(json.dumps({"op": "subscribe", "thread_id": "t_1", "after": "start"}))
        for number in range(10):
            await socket.send(json.dumps({"op": "emit", "req": number, "thread_id": "t_1", "events": [draft]}))
        answered = 0
        while answered < 10 or len(reader.raw) < 10:
            raw = await asyncio.wait_for(socket.recv(), TIME_LIMIT)
            message = json.loads(raw)
            if message.get("op") == "error":
                raise Fault(f"an emission was refused: {raw}")
            answered += message.get("op") == "emitted"
            if "type" in message:
                reader.accept(raw)
        check_event_stream(example, "t_1", 10)
        await check_goodbye(example, socket)


async def check_goodbye(example, socket):
    """SIGTERM: the client is told when to come back, and then that the server goes away."""
    import websockets

    stopping = asyncio.get_running_loop().run_in_executor(None, example.stop)
    operations = []
    try:
        while True:
            operations.append((await next_message(socket)).get("op"))
    except websockets.ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else None
    await stopping
    if operations != ["drain"] or code != 1001:
        raise Fault(f"the goodbye was {operations} and {code}, and not drain and 1001")


def check(example, name):
    check_routes(example, ROUTES[name])
    check_refusals(example)
    if name == "example-hummingbird":
        check_hub_routes(example)
    asyncio.run(check_stream(example))


def mounted(folder):
    for name in ROUTES:
        with Example(folder, name) as example:
            check(example, name)
        print(f"{name}: its routes, events over its port and the goodbye are as they should be")


class Scripted:
    """Answers requests from a table."""

    def __init__(self, answers):
        self.answers = answers

    def request(self, method, path, body=None, headers=None):
        status, text = self.answers.get((method, path), (404, ""))
        return Answer(status, {}, text.encode())


class ScriptedSocket:
    """Sends messages, and then closes."""

    def __init__(self, messages, code):
        self.messages = list(messages)
        self.code = code

    async def recv(self):
        import websockets
        from websockets.frames import Close

        if self.messages:
            return self.messages.pop(0)
        raise websockets.ConnectionClosedOK(Close(self.code, ""), None)


class Stopped:
    def stop(self):
        pass


def goodbye(messages, code):
    asyncio.run(check_goodbye(Stopped(), ScriptedSocket(messages, code)))


def self_test():
    routes = ROUTES["example-hummingbird"]
    whole = {(method, path): (status, text or "") for method, path, _, status, text in routes}
    check_routes(Scripted(whole), routes)
    goodbye(['{"op":"drain","reconnect_in_ms":0}'], 1001)
    unknown = '{"error":{"code":"thread.unknown"}}'
    return check_broken(
        "mounted",
        [
            ("a missing route", "GET /", lambda: check_routes(Scripted({}), routes)),
            (
                "a route with another answer",
                "/numbers",
                lambda: check_routes(Scripted({**whole, ("POST", "/numbers"): (200, "6\n")}), routes),
            ),
            ("no routes of the hub", "the hub's routes", lambda: check_hub_routes(Scripted(whole))),
            (
                "messages that nobody takes",
                "a message",
                lambda: check_hub_routes(Scripted({("GET", "/v1/threads/t_nobody/events"): (404, unknown)})),
            ),
            (
                "a declined upgrade without a reason",
                "an upgrade with",
                lambda: check_refusals(Scripted({("GET", "/v1/stream"): (404, "nothing is here\n")})),
            ),
            ("no stream of events", "a stream of", lambda: check_event_stream(Scripted({}), "t", 1)),
            ("no drain", "goodbye", lambda: goodbye([], 1001)),
            ("a wrong close code", "goodbye", lambda: goodbye(['{"op":"drain"}'], 1006)),
        ],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=BUILT, help="where the examples are (default: %(default)s)")
    parser.add_argument("--self-test", action="store_true", help="check the checks")
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    try:
        mounted(arguments.folder)
    except Fault as fault:
        print(f"mounted: {fault}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
