#!/usr/bin/env python3
"""Clients of other protocols that do not read: each costs what may wait for it and no more, and those beside it get everything.

  slow_foreign.py               against the program
  slow_foreign.py --long        and until the service has ended the connections of those who do not read
  slow_foreign.py --self-test   that the checks notice a service that keeps what is not read
"""

import argparse
import asyncio
import json
import socket
import sys
import time

from process_use import resident_bytes
from self_test import check_broken
from service import DataFolder, Service, add_binary_option
from thread_reader import Fault

SECONDS = 60
# Of each kind; what they are sent in all; what may wait for one, with the copy that is being written.
SLOW, EVENTS, EVENT_BYTES = 15, 4000, 8000
WAITING_BYTES = 2 * 256 * 1024
# What the service needs for itself while so much passes through it.
OWN_BYTES = 64 << 20
# At the end of each event's value.
MARK = b"~end~"


def body(path, value):
    text = json.dumps(value)
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n"
            f"Content-Length: {len(text)}\r\n\r\n{text}").encode()


def upgrade(path):
    return (f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode()


def frame(text):
    """A short text of a client, masked with zeros."""
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text.encode()


RUN = {"threadId": "t", "runId": "x", "protocolVersion": "1.0", "messages": [], "tools": [], "context": [], "forwardedProps": {}, "state": {}}
# What a client sends to begin, what it sends then, and with what the last thing begins that it is sent.
KINDS = {
    "Socket.IO": (upgrade("/socket.io/?EIO=4&transport=websocket"), frame('40/threads/t,{"after":"start"}'), b"agent_completed"),
    "AG-UI": (body("/copilotkit/agent/guide/connect", RUN), b"", b"RUN_FINISHED"),
    "AI SDK": (b"GET /ai-sdk/guide/t/stream HTTP/1.1\r\nHost: localhost\r\n\r\n", b"", b"[DONE]"),
}


async def connected(port, kind, buffer_bytes=None):
    """A client that has got the first bytes."""
    raw = socket.socket()
    if buffer_bytes:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=4096 if buffer_bytes else 1 << 20)
    request, first, _ = KINDS[kind]
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith((b"HTTP/1.1 101", b"HTTP/1.1 200")):
        raise Fault(f"a client of {kind} was answered with {head[:100]}")
    writer.write(first)
    return reader, writer


async def everything(reader, kind):
    """The number of the events that a client gets who reads."""
    end, count, rest = KINDS[kind][2], 0, b""
    while True:
        piece = await reader.read(1 << 20)
        if not piece:
            raise Fault(f"the stream of {kind} ended after {count} events")
        whole = rest + piece
        count += whole.count(MARK) - rest.count(MARK)
        if end in whole:
            return count
        rest = whole[-64:]


def judge(before, after, slow):
    allowed = slow * WAITING_BYTES + OWN_BYTES
    if after - before > allowed:
        raise Fault(f"{slow} clients that do not read have cost {(after - before) >> 20} MiB, and {allowed >> 20} are allowed")


def judge_count(kind, count):
    if count != EVENTS:
        raise Fault(f"a client of {kind} that reads got {count} events of {EVENTS}")


def emit(service, *events):
    answer = service.request("POST", "/v1/threads/t/events", "\n".join(map(json.dumps, events)), {"Content-Type": "application/x-ndjson"})
    if answer.status != 201:
        raise Fault(f"the events were refused: {answer}")


def event(kind, data):
    return {"type": kind, "run_id": "r", "agent": "g", "data": data}


async def poller(service):
    """A session of Socket.IO that has connected, and polls no more."""

    def begin():
        path = "/socket.io/?EIO=4&transport=polling"
        sid = json.loads(service.request("GET", path).body[1:])["sid"]
        answer = service.request("POST", f"{path}&sid={sid}", '40/threads/t,{"after":"start"}', {"Content-Type": "text/plain;charset=UTF-8"})
        if answer.status != 200:
            raise Fault(f"a session that polls was refused: {answer}")

    await asyncio.to_thread(begin)


async def check(binary, is_long):
    with DataFolder() as data, Service(binary, data, "--demo", "--log-level", "error") as service:
        emit(service, event("agent_started", {}))
        slow = [await connected(service.port, kind, 4096) for kind in KINDS for _ in range(SLOW)]
        for _ in range(SLOW):
            await poller(service)
        fast = {kind: await connected(service.port, kind) for kind in KINDS}
        reading = {kind: asyncio.create_task(everything(client[0], kind)) for kind, client in fast.items()}
        before, most = resident_bytes(service.process.pid), 0
        value = "x" * EVENT_BYTES + MARK.decode()
        for _ in range(EVENTS // 50):
            await asyncio.to_thread(emit, service, *[event("custom", {"name": "n", "value": value})] * 50)
            most = max(most, resident_bytes(service.process.pid))
        await asyncio.to_thread(emit, service, event("agent_completed", {}))
        for kind, task in reading.items():
            judge_count(kind, await asyncio.wait_for(task, SECONDS))
        judge(before, max(most, resident_bytes(service.process.pid)), len(slow) + SLOW)
        if is_long:
            began = time.monotonic()
            for reader, _ in slow:
                # What has arrived is read; then it ends.
                try:
                    while await asyncio.wait_for(reader.read(1 << 20), 3 * SECONDS):
                        pass
                except ConnectionError:
                    pass
            print(f"the last of those who did not read was ended after {time.monotonic() - began:.0f} s")
        for _, writer in [*slow, *fast.values()]:
            writer.transport.abort()
        return (max(most, before) - before) >> 20


def self_test():
    many = 4 * SLOW
    return check_broken("slow_foreign", [
        ("what is not read is kept", "have cost", lambda: judge(50 << 20, (50 << 20) + many * EVENTS * EVENT_BYTES, many)),
        ("a little more than allowed", "have cost", lambda: judge(0, many * WAITING_BYTES + OWN_BYTES + (2 << 20), many)),
        ("an event too few", "of 4000", lambda: judge_count("AG-UI", EVENTS - 1)),
        ("an event that comes again", "of 4000", lambda: judge_count("AG-UI", EVENTS + 1)),
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    parser.add_argument("--long", action="store_true", help="wait until the service ends the connections of those who do not read")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    try:
        mebibytes = asyncio.run(check(options.binary, options.long))
    except (Fault, TimeoutError) as fault:
        print(f"slow_foreign: FAILED: {fault!r}")
        return 1
    print(f"slow_foreign: {4 * SLOW} clients that do not read cost {mebibytes} MiB while {EVENTS * EVENT_BYTES >> 20} MiB passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
