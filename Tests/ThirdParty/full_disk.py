#!/usr/bin/env python3
"""A full disk: a file may not grow beyond a limit of the process (RLIMIT_FSIZE), under both durabilities.

A client emits until the service can write no more. Then:

- the emission that met the limit gets 503 and the code `log.full`;
- a subscriber saw, byte for byte, what the log holds, and nothing of what was refused;
- the service ends with exit code 69 and says why;
- started again with room, the service has exactly what was acknowledged, with the same ids, and takes further events.

  full_disk.py               against services that this script starts
  full_disk.py --self-test   that the checks notice each of these faults
"""

import argparse
import json
import resource
import socket
import subprocess
import sys
import threading

from drafts import draft
from plain_stream import UPGRADE, Ended, StreamParser, message_frame
from self_test import check_broken
from service import DataFolder, Service, add_binary_option
from thread_reader import Fault, ThreadReader

LIMIT = 6 * 1024 * 1024
EVENT_BYTES = 100_000
MOST_EVENTS = 2 * LIMIT // EVENT_BYTES
UNAVAILABLE = 69
THREAD = "t_full"


def event_text(number):
    return json.dumps(draft("custom", name="filler", value={"n": number, "text": "x" * EVENT_BYTES}))


def emit(service, number):
    return service.request("POST", f"/v1/threads/{THREAD}/events?user_id=u_1", event_text(number))


def fill(service):
    """Emits until it is refused. Returns the acknowledged ids, and the answer that refused."""
    acknowledged = []
    for number in range(MOST_EVENTS):
        answer = emit(service, number)
        if answer.status != 201:
            return acknowledged, answer
        acknowledged += answer.json()["ids"]
    raise Fault(f"{MOST_EVENTS} events of {EVENT_BYTES} bytes went into files of {LIMIT}")


class Watcher(threading.Thread):
    """A subscriber from the start on, for as long as the service lets it."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.reader = ThreadReader(THREAD, 0)
        self.fault = None
        self.parser = StreamParser()
        self.connection = socket.create_connection(("127.0.0.1", port), 180)
        self.connection.sendall(UPGRADE + message_frame(op="subscribe", thread_id=THREAD, after="start", merge=False))
        self.messages = self._messages()
        for message in self.messages:
            if message.startswith('{"op":"live"'):
                break

    def run(self):
        try:
            for message in self.messages:
                if message.startswith('{"type"'):
                    self.reader.accept(message)
        except ConnectionResetError:
            # The service has ended with something unread, such as an answer to a ping.
            pass
        except (Fault, OSError) as fault:
            self.fault = fault
        finally:
            self.connection.close()

    def seen(self):
        """What it saw until the service ended."""
        self.join(180)
        if self.is_alive():
            raise Fault("the subscriber's connection is open, and the service has ended")
        if self.fault:
            raise Fault(f"the subscriber: {self.fault}")
        return self.reader.raw

    def _messages(self):
        while True:
            data = self.connection.recv(1 << 20)
            if not data:
                return
            try:
                messages = self.parser.feed(data)
            except Ended:
                return
            self.connection.sendall(self.parser.take_answers())
            yield from (message.decode("utf-8") for message in messages)


def check_refusal(acknowledged, answer):
    if not acknowledged:
        raise Fault("nothing was taken before the disk was full")
    if answer.status != 503 or answer.code != "log.full":
        raise Fault(f"the emission that met the limit got {answer}")


def check_end(code, errors):
    if code != UNAVAILABLE:
        raise Fault(f"the service ended with {code} instead of {UNAVAILABLE}: {errors}")
    if "log.full" not in errors and "File too large" not in errors:
        raise Fault(f"the service does not say why it ended: {errors}")


def check_kept(acknowledged, events):
    stored = [json.loads(event) for event in events]
    ids = [event["id"] for event in stored]
    if ids != acknowledged:
        raise Fault(f"acknowledged were {len(acknowledged)} events up to {acknowledged[-1]}, stored are {ids[-3:]}")
    for number, event in enumerate(stored):
        if event["data"]["value"]["n"] != number or len(event["data"]["value"]["text"]) != EVENT_BYTES:
            raise Fault(f"event {event['id']} is not the one that was acknowledged")


def check_seen(seen, events):
    """The last ones may have been on their way when the service ended; what arrived is committed."""
    if not seen:
        raise Fault("the subscriber saw nothing")
    if len(seen) > len(events):
        raise Fault(f"the subscriber saw {len(seen)} events, the log holds {len(events)}")
    for number, (raw, event) in enumerate(zip(seen, events)):
        if raw.encode("utf-8") != event:
            raise Fault(f"event {number + 1} is not what the subscriber saw: {raw[:200]}")


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))


def run(binary, durability):
    with DataFolder() as data:
        service = Service(binary, data, "--durability", durability, before_start=limit_files).wait_until_listening()
        try:
            watcher = Watcher(service.port)
            watcher.start()
            acknowledged, answer = fill(service)
            check_refusal(acknowledged, answer)
            try:
                code = service.process.wait(180)
            except subprocess.TimeoutExpired:
                raise Fault("the service goes on without a log") from None
            check_end(code, service.errors())
            seen = watcher.seen()
        finally:
            service.kill()
        with Service(binary, data, "--durability", durability) as service:
            stored = service.pages(THREAD)[0]
            check_kept(acknowledged, stored)
            check_seen(seen, stored)
            answer = emit(service, len(acknowledged))
            if answer.status != 201:
                raise Fault(f"with room again, an emission got {answer}")
            check_kept(acknowledged + answer.json()["ids"], service.pages(THREAD)[0])
    print(
        f"{durability}: {len(acknowledged)} events fit, the next one got log.full, all of them are kept, "
        f"a subscriber saw {len(seen)} of them and no other"
    )


class _Answer:
    def __init__(self, status, code):
        self.status, self.code = status, code


def self_test():
    ids = ["1-1", "1-2"]
    events = [
        json.dumps({"id": cursor, "data": {"value": {"n": number, "text": "x" * EVENT_BYTES}}})
        for number, cursor in enumerate(ids)
    ]
    check_kept(ids, events)
    check_refusal(ids, _Answer(503, "log.full"))
    check_end(UNAVAILABLE, "error.code=log.full")
    stored = [event.encode() for event in events]
    check_seen(events, stored)
    check_seen(events[:1], stored)
    broken = [
        ("nothing taken", "nothing was taken", lambda: check_refusal([], _Answer(503, "log.full"))),
        ("a crash instead of an answer", "met the limit", lambda: check_refusal(ids, _Answer(500, None))),
        ("another code", "met the limit", lambda: check_refusal(ids, _Answer(503, "log.failed"))),
        ("killed by the signal", "ended with -25", lambda: check_end(-25, "log.full")),
        ("silence", "does not say why", lambda: check_end(UNAVAILABLE, "bye")),
        ("a lost event", "acknowledged were 2", lambda: check_kept(ids, events[:1])),
        ("an event too many", "acknowledged were 1", lambda: check_kept(ids[:1], events)),
        ("another event", "not the one", lambda: check_kept(ids, [events[0], events[1].replace('"n": 1', '"n": 2')])),
    ]
    broken += [
        ("a refused event that was seen", "the log holds 1", lambda: check_seen(events, stored[:1])),
        ("an event that was seen otherwise", "event 2 is not", lambda: check_seen(events, [stored[0], stored[0]])),
        ("a blind subscriber", "saw nothing", lambda: check_seen([], stored)),
    ]
    return check_broken("full disk", broken)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--self-test", action="store_true")
    add_binary_option(parser)
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    try:
        for durability in ("process", "disk"):
            run(arguments.binary, durability)
    except Fault as fault:
        print(f"full disk: {fault}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
