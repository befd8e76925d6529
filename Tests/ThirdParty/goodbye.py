#!/usr/bin/env python3
"""A goodbye: a service that stops tells each of many clients when to come back, and they come spread.

The clients are those of another library (websockets) and follow threads of their own. Each is told twice, with `drain` and with
the reason of its close (1001, `reconnect_after_ms=N`), and goes to another service at that time, where it is greeted. Judged is
what they are told: a time of its own for each, as even as chance allows, and no longer than the longest.

  goodbye.py              a stop at once, and one over a window
  goodbye.py --self-test  that the checks notice each of these faults
"""

import argparse
import asyncio
import json
import os
import re
import signal
import sys

import websockets

from process_use import allow_descriptors
from self_test import check_broken
from service import SUBPROTOCOL, Service, add_binary_option
from thread_reader import Fault

CLIENTS = 300
# As documented: 10 milliseconds lie between two clients, and 30 seconds are the longest time without a window.
MILLISECONDS_PER_CLIENT = 10
LONGEST = 30_000
WINDOW_SECONDS = 2
# Each tenth of the time has so many of the clients at most; a tenth would be even.
LARGEST_SHARE = 0.2
SECONDS = 180
GOING_AWAY = 1001


def told(drain, code, reason):
    """The time that one client was told, in milliseconds."""
    if code != GOING_AWAY:
        raise Fault(f"the close has the code {code}, and not {GOING_AWAY}")
    match = re.fullmatch(r"reconnect_after_ms=(0|[1-9][0-9]*)", reason)
    if not match:
        raise Fault(f"the reason of the close is {reason!r}")
    if drain is not None and drain.get("reconnect_in_ms") != int(match[1]):
        raise Fault(f"the announcement was {drain}, and the reason of the close is {reason!r}")
    return int(match[1])


def check_spread(waits, longest):
    """The times of all clients: within what is documented, and spread over it."""
    width = min(longest, MILLISECONDS_PER_CLIENT * len(waits))
    if max(waits) > width:
        raise Fault(f"a client is told to come back after {max(waits)} ms; the longest time is {width} ms")
    tenths = [0] * 10
    for wait in waits:
        tenths[min(9, wait * 10 // width)] += 1
    if max(tenths) > LARGEST_SHARE * len(waits):
        raise Fault(f"the clients are not spread: of each tenth of {width} ms there are {tenths}")
    if min(tenths) == 0:
        raise Fault(f"a part of {width} ms is empty: {tenths}")


class Client:
    def __init__(self, number):
        self.thread = f"t_{number}"
        self.drain = self.wait = self.welcome = None
        self.is_live = asyncio.Event()

    async def follow(self, url, other):
        async with websockets.connect(url, subprotocols=[SUBPROTOCOL], open_timeout=SECONDS, ping_interval=None) as socket:
            await socket.send(json.dumps({"op": "subscribe", "thread_id": self.thread}))
            try:
                async for text in socket:
                    message = json.loads(text)
                    if message["op"] == "ping":
                        await socket.send('{"op":"pong"}')
                    elif message["op"] == "live":
                        self.is_live.set()
                    elif message["op"] == "drain":
                        self.drain = message
            except websockets.ConnectionClosed:
                pass
            self.wait = told(self.drain, socket.close_code, socket.close_reason)
        await asyncio.sleep(self.wait / 1000)
        async with websockets.connect(other, subprotocols=[SUBPROTOCOL], open_timeout=SECONDS, ping_interval=None) as socket:
            self.welcome = json.loads(await socket.recv())["op"]


async def say_goodbye(service, other):
    clients = [Client(number) for number in range(CLIENTS)]
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(client.follow(service.url, other.url))
        for client in clients:
            await client.is_live.wait()
        os.kill(service.process.pid, signal.SIGTERM)
    return clients


def run(options, arguments, longest):
    with Service(options.binary, None) as other:
        service = Service(options.binary, None, *arguments).wait_until_listening()
        try:
            clients = asyncio.run(say_goodbye(service, other))
            service.stop()
        finally:
            service.kill()
        for client in clients:
            if client.drain is None:
                raise Fault(f"the client of {client.thread} was closed without an announcement")
            if client.welcome != "welcome":
                raise Fault(f"the client of {client.thread} came back and got {client.welcome}")
        waits = [client.wait for client in clients]
        check_spread(waits, longest)
        return max(waits)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    allow_descriptors(2 * CLIENTS + 100)
    try:
        last = run(options, [], LONGEST)
        last_in_window = run(options, ["--drain-window", str(WINDOW_SECONDS)], WINDOW_SECONDS * 1000)
    except Fault as fault:
        print(f"FAILED: {fault}")
        return 1
    except ExceptionGroup as group:
        print(f"FAILED: {group.exceptions[0]!r}")
        return 1
    print(
        f"goodbye: {CLIENTS} clients came back over {last / 1000:.1f} s, and over {last_in_window / 1000:.1f} s with a window "
        f"of {WINDOW_SECONDS} s"
    )
    return 0


# The checks, checked ----------------------------------------------------------------------------------------------------


def self_test():
    even = [10 * number for number in range(300)]
    check_spread(even, LONGEST)
    check_spread([number * 2000 // 300 for number in range(300)], 2000)
    assert told({"reconnect_in_ms": 12}, GOING_AWAY, "reconnect_after_ms=12") == 12
    return check_broken(
        "goodbye",
        [
            ("another code", "the code 1000", lambda: told({"reconnect_in_ms": 12}, 1000, "reconnect_after_ms=12")),
            ("no reason", "reason", lambda: told({"reconnect_in_ms": 12}, GOING_AWAY, "")),
            ("a sentence", "reason", lambda: told(None, GOING_AWAY, "the server is going away")),
            ("a sign", "reason", lambda: told(None, GOING_AWAY, "reconnect_after_ms=-1")),
            ("another time", "announcement", lambda: told({"reconnect_in_ms": 13}, GOING_AWAY, "reconnect_after_ms=12")),
            ("all at once", "not spread", lambda: check_spread([0] * 300, LONGEST)),
            ("half at once", "not spread", lambda: check_spread(even[:150] + [0] * 150, LONGEST)),
            ("too late", "longest", lambda: check_spread(even[:-1] + [3001], LONGEST)),
            ("later than the window", "longest", lambda: check_spread(even, 2000)),
            ("a hole", "empty", lambda: check_spread([1 if 600 <= wait < 900 else wait for wait in even], LONGEST)),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
