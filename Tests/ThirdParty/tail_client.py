#!/usr/bin/env python3
"""`agent-events tail` against a foreign service on a plain socket: however the bytes of the upgrade, the welcome and the
first events are cut into packets, the client subscribes and prints the events as they are.

  tail_client.py               against the program
  tail_client.py --self-test   that the check notices a client that does not subscribe, and one that prints something else
"""

import argparse
import base64
import hashlib
import json
import re
import socket
import subprocess
import sys
import threading
import time

from frames import GUID, PING, TEXT, RawSocket, frame
from self_test import check_broken
from service import SUBPROTOCOL, add_binary_option
from thread_reader import Fault

SECONDS = 180
WELCOME = {
    "op": "welcome", "connection_id": "c_1", "user_id": "local", "heartbeat_ms": 25000,
    "limits": {
        "max_message_bytes": 1048576, "max_event_bytes": 1048576, "max_batch_events": 1000, "max_subscriptions": 1000,
    },
}
EVENT = (
    '{"type":"custom","id":"1-1","seq":1,"thread_id":"t_1","time":"2026-11-21T02:10:00.123Z",'
    '"data":{"name":"note","value":"🧭 \\ud83d"}}'
)


def pieces(data, cut):
    """The bytes of the upgrade's answer and of the welcome, as they are sent."""
    head, welcome = data
    if cut == "together":
        return [head + welcome]
    if cut == "one after the other":
        return [head, welcome]
    if cut == "apart":
        return [head, None, welcome]
    if cut == "in the middle of the welcome":
        return [head + welcome[:9], None, welcome[9:]]
    return [bytes([byte]) for byte in head + welcome]


CUTS = ["together", "one after the other", "apart", "in the middle of the welcome", "byte by byte"]


def serve(listener, cut, seen):
    """One connection: the upgrade, the welcome, and one event when the client has subscribed."""
    connection, _ = listener.accept()
    peer = RawSocket.__new__(RawSocket)
    peer.socket, peer.received, peer.seconds = connection, b"", SECONDS
    with connection:
        connection.settimeout(SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while b"\r\n\r\n" not in peer.received:
                peer._fill()
            request, _, peer.received = peer.received.partition(b"\r\n\r\n")
            key = re.search(rb"(?i)sec-websocket-key: *([^\r]*)", request).group(1)
            accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
            head = (
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            ).encode()
            for piece in pieces((head, frame(TEXT, json.dumps(WELCOME), masked=False)), cut):
                if piece is None:
                    # Long enough for another read of the client; nothing depends on it.
                    time.sleep(0.1)
                else:
                    connection.sendall(piece)
            seen.append(json.loads(client_text(peer)))
            subscribed = {"op": "subscribed", "req": seen[0].get("req"), "thread_id": "t_1", "after": None, "head": "1-1"}
            if subscribed["req"] is None:
                del subscribed["req"]
            answer = [json.dumps(subscribed), EVENT, '{"op":"live","thread_id":"t_1","cursor":"1-1"}']
            connection.sendall(b"".join(frame(TEXT, text, masked=False) for text in answer))
            # The goodbye, or the end.
            peer._take(1)
        except Exception as error:  # the client is gone, or never spoke: the caller looks at what was seen
            seen.append(error)


def client_text(peer):
    """The client's message: one frame with a mask. A ping before it asks for the welcome."""
    first, second = peer._take(2)
    if (first, second) == (0x80 | PING, 0x80):
        peer._take(4)
        first, second = peer._take(2)
    if first != 0x80 | TEXT or not second & 0x80:
        raise Fault(f"the client's frame begins with {first:#x} {second:#x}")
    size = second & 0x7F
    if size == 126:
        size = int.from_bytes(peer._take(2), "big")
    key, payload = peer._take(4), peer._take(size)
    return bytes(byte ^ key[number % 4] for number, byte in enumerate(payload)).decode("utf-8")


def check(command, cut):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        seen = []
        server = threading.Thread(target=serve, args=(listener, cut, seen), daemon=True)
        server.start()
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/v1/stream"
        arguments = [*command, "tail", "t_1", "--after", "start", "--count", "1", "--format", "json", "--url", url]
        try:
            done = subprocess.run(arguments, capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise Fault(f"{cut}: no end within {SECONDS} s; the service got {seen}") from None
        subscribed = seen and isinstance(seen[0], dict) and seen[0].get("op") == "subscribe"
        if not subscribed or seen[0].get("thread_id") != "t_1" or seen[0].get("after") != "start":
            raise Fault(f"{cut}: the client did not subscribe: {seen} {done.stderr[-300:]!r}")
        if done.returncode != 0 or done.stdout.decode("utf-8") != EVENT + "\n":
            raise Fault(f"{cut}: the client printed {done.stdout!r} and ended with {done.returncode}: {done.stderr[-300:]!r}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that the check can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    failed = 0
    for cut in CUTS:
        try:
            check([str(options.binary)], cut)
        except Fault as fault:
            failed += 1
            print(f"FAILED {fault}")
    print(f"tail: {len(CUTS) - failed} of {len(CUTS)} ways to cut the bytes passed")
    return 1 if failed else 0


# The check, checked -----------------------------------------------------------------------------------------------------

CLIENT = """
import asyncio, sys, websockets
async def main():
    url = sys.argv[sys.argv.index("--url") + 1]
    async with websockets.connect(url, subprotocols=["agent-events.v1"]) as socket:
        await socket.recv()
        await socket.send('{"op":"subscribe","req":1,"thread_id":"t_1","after":"start"}')
        await socket.recv()
        print(%s, flush=True)
asyncio.run(main())
"""


def self_test():
    def client(shown):
        return [sys.executable, "-c", CLIENT % shown]

    for cut in CUTS:
        check(client("await socket.recv()"), cut)
    broken = [
        ("a client that does nothing", "did not subscribe", lambda: check(["true"], "apart")),
        ("a client that prints nothing", "printed", lambda: check(client("''"), "together")),
        ("a client that changes the event", "printed", lambda: check(client("(await socket.recv())[:-1]"), "together")),
    ]
    return check_broken("tail", broken)


if __name__ == "__main__":
    sys.exit(main())
