#!/usr/bin/env python3
"""A herd: 5 000 clients come back at once to 10 threads that go on meanwhile, each at a cursor some way back.

The service has just been started again, so that nothing is cached. Measured is how long it takes until each client is live,
and how many bytes the service reads for it: so few that clients must share what is read. Then the threads come to an end,
and each client has seen each event behind its cursor once, in order, in the bytes of the pages.

  herd.py               against a service that this script starts; a debug build may take its time
  herd.py --long        as --strict, several times
  herd.py --strict      all must be live within 3 seconds (for a release build)
  herd.py --self-test   that the checks notice each of these faults
"""

import argparse
import json
import random
import selectors
import socket
import sys
import time

from drafts import run_events
from history import History
from plain_stream import UPGRADE, Ended, StreamParser, message_frame
from process_use import allow_descriptors, machine_load, processor_seconds, read_bytes
from self_test import check_broken
from service import DataFolder, Service, add_binary_option
from thread_reader import Fault, ThreadReader

CLIENTS = 5_000
THREADS = 10
EVENTS_BEFORE = 400
# So many events at most are behind the cursor of a client.
WAY_BACK = 60
# Of every thread, while the herd comes.
EVENTS_PER_SECOND = 2
STRICT_SECONDS, QUICK_SECONDS = 3.0, 40.0
LAST_SECONDS = 180
LONG_ROUNDS = 5
# The service may read as much from its log as it would for so many clients of each thread, one by one.
SHARED_READERS = 50
RECORDED_CLIENTS = 2 * THREADS


class Client:
    """One of the herd. While it runs it only keeps what it gets; what that is worth is judged afterwards."""

    def __init__(self, number, thread, position, cursor):
        self.name = f"c_{number}"
        self.thread = thread
        # What it has seen before: the number of the event, and its cursor.
        self.position = position
        self.cursor = cursor
        self.parser = StreamParser()
        self.texts = []
        self.event_count = 0
        self.connected_after = None
        self.live_after = None

    def connect(self, port):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(("127.0.0.1", port))

    def connected(self):
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise Fault(f"{self.name} could not connect: {error}")
        self.socket.send(UPGRADE)

    def read(self, now):
        """Takes what is there. Returns whether it became live."""
        try:
            data = self.socket.recv(1 << 18)
            texts = self.parser.feed(data)
        except BlockingIOError:
            return False
        except OSError as error:
            raise Fault(f"{self.name}: {error}") from None
        except Ended as ended:
            raise Fault(f"{self.name}: the service closed: {ended}") from None
        if not data:
            raise Fault(f"{self.name}: the service ended the connection")
        was_live = self.live_after is not None
        for text in texts:
            if text.startswith(b'{"type"'):
                self.event_count += 1
            elif text.startswith(b'{"op":"welcome"'):
                self.socket.send(
                    message_frame(op="subscribe", thread_id=self.thread, after=self.cursor or "start", merge=False)
                )
            elif text.startswith(b'{"op":"live"'):
                self.live_after = self.live_after or now
            elif text.startswith(b'{"op":"ping"'):
                self.socket.send(message_frame(op="pong"))
                continue
            self.texts.append(text)
        answers = self.parser.take_answers()
        if answers:
            self.socket.send(answers)
        return self.live_after is not None and not was_live

    @property
    def sequence(self):
        return self.position + self.event_count

    def check(self, raws):
        """Judges all that came, against the pages of the thread."""
        position, lives, opening = self.position, 0, ["welcome", "subscribed"]
        for text in self.texts:
            if not opening and text.startswith(b'{"type"'):
                if position >= len(raws) or text != raws[position]:
                    raise Fault(f"{self.name}: where event {position + 1} was due came {text[:300]!r}")
                position += 1
                continue
            message = json.loads(text)
            kind = message.get("op", message.get("type"))
            if opening:
                if kind != opening.pop(0):
                    raise Fault(f"{self.name}: too early came {text[:300]!r}")
                if kind == "subscribed" and message["after"] != self.cursor:
                    raise Fault(f"{self.name} is at {self.cursor}, the answer is {text[:300]!r}")
            elif kind == "live":
                lives += 1
                if message["cursor"] != json.loads(raws[position - 1])["id"]:
                    raise Fault(f"{self.name}: live at {message['cursor']}, events came up to {position}")
            else:
                raise Fault(f"{self.name} got {text[:300]!r}")
        if position != len(raws):
            raise Fault(f"{self.name} stands at {position}, and should at {len(raws)}")
        if lives < 1:
            raise Fault(f"{self.name} was never live")

    def write_down(self, history):
        history.subscribed(self.name, self.thread, self.cursor)
        for text in self.texts:
            if text.startswith(b'{"type"'):
                history.seen(self.name, text.decode("utf-8"))


class Producer:
    """Emits into all threads over one connection that does not wait."""

    def __init__(self, port, threads, history, name):
        self.threads = threads
        self.history = history
        self.name = name
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(UPGRADE)
        self.parser = StreamParser()
        self.number = 0
        self.answered = 0

    def emit(self, thread, count):
        self.number += 1
        name = f"{self.name}_{self.number}"
        events = run_events(f"r_{name}", count, name)
        self.history.attempt(name, thread, events)
        self.socket.sendall(message_frame(op="emit", req=name, thread_id=thread, events=events))

    def read(self):
        data = self.socket.recv(1 << 18)
        if not data:
            raise Fault("the service ended the producer's connection")
        for text in self.parser.feed(data):
            message = json.loads(text)
            if message["op"] == "emitted":
                self.answered += 1
                self.history.acknowledged(message["req"], message["thread_id"], message["cursors"])
            elif message["op"] == "ping":
                self.socket.sendall(message_frame(op="pong"))
            elif message["op"] != "welcome":
                raise Fault(f"the producer got {text[:300]!r}")

    def settle(self):
        while self.answered < self.number:
            self.read()

    def close(self):
        self.socket.close()


class Herd:
    """All clients, and the loop that serves them."""

    def __init__(self, service, clients, producer):
        self.service = service
        self.clients = clients
        self.producer = producer
        self.selector = selectors.EpollSelector()
        self.selector.register(producer.socket, selectors.EVENT_READ, None)
        self.live = 0

    def close(self):
        for client in self.clients:
            client.socket.close()
        self.selector.close()

    def come(self, seconds):
        """Everybody at once. Returns when all are live."""
        began = time.monotonic()
        for client in self.clients:
            client.connect(self.service.port)
            self.selector.register(client.socket, selectors.EVENT_WRITE, client)
        next_event = began
        while self.live < len(self.clients):
            now = time.monotonic()
            if now > began + seconds:
                connected = sum(client.connected_after is not None for client in self.clients)
                raise Fault(
                    f"{self.live} of {len(self.clients)} were live within {seconds} s, {connected} were connected"
                )
            if now >= next_event:
                for thread in self.producer.threads:
                    self.producer.emit(thread, 6)
                next_event = now + 6 / EVENTS_PER_SECOND
            self._turn(began)

    def _turn(self, began):
        for key, events in self.selector.select(0.2):
            client = key.data
            if client is None:
                self.producer.read()
                continue
            now = time.monotonic() - began
            if events & selectors.EVENT_WRITE:
                client.connected()
                client.connected_after = now
                self.selector.modify(client.socket, selectors.EVENT_READ, client)
            elif client.read(now):
                self.live += 1

    def end(self, heads, seconds):
        """Reads until everybody has everything."""
        began = time.monotonic()
        while any(client.sequence < heads[client.thread] for client in self.clients):
            if time.monotonic() > began + seconds:
                late = sum(client.sequence < heads[client.thread] for client in self.clients)
                raise Fault(f"{late} clients do not have everything {seconds} s later")
            self._turn(began)


def check_seconds(slowest, limit):
    if slowest > limit:
        raise Fault(f"the last client was live after {slowest:.2f} s, the limit is {limit:.0f} s")


def check_reads(read, sizes):
    """What the service read from its log, and the bytes of a way back by thread."""
    limit = SHARED_READERS * sum(sizes)
    if read > limit:
        raise Fault(f"the service read {read >> 10} KiB from its log, the limit is {limit >> 10} KiB")


def overflows():
    """How often a queue of connections was full, anywhere on the machine."""
    with open("/proc/net/netstat", encoding="ascii") as file:
        lines = [line.split() for line in file if line.startswith("TcpExt:")]
    return int(dict(zip(lines[0][1:], lines[1][1:]))["ListenOverflows"])


def herd_test(options, chance, data, history):
    """One herd. Returns what was measured."""
    threads = [f"t_{number}" for number in range(THREADS)]
    with Service(options.binary, data) as service:
        producer = Producer(service.port, threads, history, "before")
        for thread in threads:
            for _ in range(EVENTS_BEFORE // 100):
                producer.emit(thread, 100)
        producer.settle()
        producer.close()
    with Service(options.binary, data) as service:
        pages = {thread: [raw for raw in service.pages(thread)[0]] for thread in threads}
        clients = []
        for number in range(CLIENTS):
            thread = threads[number % THREADS]
            position = EVENTS_BEFORE - chance.randint(0, WAY_BACK)
            clients.append(Client(number, thread, position, json.loads(pages[thread][position - 1])["id"]))
        producer = Producer(service.port, threads, history, "meanwhile")
        herd = Herd(service, clients, producer)
        pid = service.process.pid
        before = (read_bytes(pid), processor_seconds(pid), overflows())
        try:
            herd.come(STRICT_SECONDS * 4 if options.strict or options.long else QUICK_SECONDS)
            after = (read_bytes(pid), processor_seconds(pid), overflows())
            producer.settle()
            pages = {thread: [raw for raw in service.pages(thread)[0]] for thread in threads}
            herd.end({thread: len(raws) for thread, raws in pages.items()}, LAST_SECONDS)
        finally:
            herd.close()
            producer.close()
    for client in clients:
        client.check(pages[client.thread])
    for client in clients[:RECORDED_CLIENTS]:
        client.write_down(history)
    for raws in pages.values():
        reader = ThreadReader(json.loads(raws[0])["thread_id"], 0)
        for raw in raws:
            reader.accept(raw)
            history.logged(raw.decode("utf-8"))
    # Without what the clients said, which the service read as well.
    cursor = json.loads(pages[threads[0]][-1])["id"]
    said = CLIENTS * (len(UPGRADE) + len(message_frame(op="subscribe", thread_id="t_0", after=cursor, merge=False)))
    read = max(0, after[0] - before[0] - said)
    sizes = [sum(len(raw) for raw in raws[-WAY_BACK:]) for raws in pages.values()]
    times = sorted(client.live_after for client in clients)
    replayed = sum(client.event_count for client in clients)
    late = sum(client.connected_after > 0.9 for client in clients)
    print(
        f"live: half after {times[len(times) // 2]:.2f} s, 99 % after {times[len(times) * 99 // 100]:.2f} s, "
        f"the last after {times[-1]:.2f} s; {replayed} events; {after[1] - before[1]:.2f} s of the service's CPU; "
        f"{late} waited for a connection, {after[2] - before[2]} overflows of the queue; "
        f"{read >> 10} KiB read besides what clients said, {sum(sizes) >> 10} KiB are all ways back together"
    )
    check_reads(read, sizes)
    check_seconds(times[-1], STRICT_SECONDS if options.strict or options.long else QUICK_SECONDS)
    return times[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--long", action="store_true", help="several herds, and strict")
    parser.add_argument("--strict", action="store_true", help="all live within 3 seconds")
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    allow_descriptors(CLIENTS + 500)
    print(f"seed {options.seed}, {machine_load()}", flush=True)
    chance, started, slowest = random.Random(options.seed), time.monotonic(), 0.0
    try:
        for _ in range(LONG_ROUNDS if options.long else 1):
            with DataFolder() as data, History() as history:
                slowest = max(slowest, herd_test(options, chance, data, history))
                verdict = history.check(options.binary)
    except Fault as fault:
        print(f"FAILED with --seed {options.seed}: {fault} ({machine_load()})")
        return 1
    print(
        f"{CLIENTS} clients of {THREADS} threads live within {slowest:.2f} s, {verdict}, "
        f"{time.monotonic() - started:.0f} s (seed {options.seed})"
    )
    return 0


# The checks, checked ----------------------------------------------------------------------------------------------------


def self_test():
    raws = [
        json.dumps({"type": "custom", "id": f"3-{n}", "seq": n, "thread_id": "t_1"}, separators=(",", ":")).encode()
        for n in range(1, 11)
    ]

    def message(op, **members):
        return json.dumps({"op": op, **members}, separators=(",", ":")).encode()

    def client(*texts, after="3-4"):
        made = Client(1, "t_1", 4, "3-4")
        made.texts = [message("welcome"), message("subscribed", after=after), *texts]
        return lambda: made.check(raws)

    live = message("live", cursor="3-8")
    client(*raws[4:8], live, *raws[8:])()
    check_seconds(2.9, STRICT_SECONDS)
    check_reads(SHARED_READERS * 1000, [1000])
    return check_broken(
        "herd",
        [
            ("a lost event", "was due", client(*raws[5:8], live, *raws[8:])),
            ("a doubled event", "was due", client(*raws[4:8], live, *raws[7:])),
            ("a swapped pair", "was due", client(raws[5], raws[4], *raws[6:8], live, *raws[8:])),
            ("a foreign event", "was due", client(raws[4].replace(b"t_1", b"t_2"))),
            ("an event too many", "was due", client(*raws[4:8], live, *raws[8:], raws[9])),
            ("a lost tail", "stands at 9", client(*raws[4:8], live, raws[8])),
            ("another position", "is at", client(*raws[4:], after="3-5")),
            ("a reset", "got", client(message("reset"))),
            ("live too early", "live at", client(*raws[4:7], live, *raws[7:])),
            ("never live", "never live", client(*raws[4:])),
            ("too late", "the last client", lambda: check_seconds(3.1, STRICT_SECONDS)),
            ("a read for each client", "from its log", lambda: check_reads(500 * 1000, [1000])),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
