#!/usr/bin/env python3
"""No ghosts: 10 000 connections that end in every way leave no subscription, no file descriptor and no memory behind.

They end before, in and after the upgrade, in the midst of a frame, subscribed, while the service replays a big thread to
them; with a close, a FIN or a reset. Some stay half-open: the client is gone, and nobody tells the service. Two clients
follow a thread meanwhile, in which events come, and see each of them once, in order.

The connections come in two halves that are alike. What the service builds up once it has after the first one; what a
connection leaves behind, every half leaves behind, so the second one shows it.

  no_ghosts.py               against a service that this script starts
  no_ghosts.py --long        for more than a minute
  no_ghosts.py --self-test   that the checks notice each of these faults
"""

import argparse
import asyncio
import json
import os
import random
import socket
import struct
import sys
import time

from drafts import draft
from frames import CLOSE, TEXT
from history import History
from open_stream import Lost, Stream
from plain_stream import UPGRADE, client_frame, message_frame
from process_use import allow_descriptors, descriptor_count, machine_load, resident_bytes, socket_count, wait_until
from self_test import check_broken
from service import DataFolder, Service, add_binary_option
from thread_reader import Fault, ThreadReader

VISITS = 10_000
# What is built up once (caches, buffers of the allocator) is there after so many.
WARM_UP = 2_000
VISITORS = 64
# So many at a time are half-open; a connection is pinged after this many seconds of silence.
HALF_OPEN = 200
HEARTBEAT = 2
# … or, when bytes wait for it, closed after so many without any that were taken.
STALL = 5
LONG_SECONDS = 70
TIME_LIMIT = 600
# How long the service may take to be rid of everything: a missed heartbeat, and the time for a close.
SETTLE_SECONDS = 180
# The second half may leave so much, about 1 kB for a connection: what the allocator keeps goes up and down. With an arena
# for each thread and limits that follow the largest block it were 10 MiB, so the service gets one arena and fixed limits.
MOST_GROWTH = 6 * 1024 * 1024
ONE_ARENA = {
    "MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": str(128 * 1024), "MALLOC_TRIM_THRESHOLD_": str(128 * 1024)}
# Files that the log may open at its leisure.
MORE_FILES = 16
WATCHED, FAT = "t_watched", "t_fat"
OTHERS = [f"t_other_{number}" for number in range(20)]
FAT_EVENTS, FAT_BYTES = 40, 50_000
VISITS_PER_EVENT = 50
RESET = struct.pack("ii", 1, 0)


def reset(connection):
    """Closes so that the other side gets a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


async def say(connection, data):
    await asyncio.get_running_loop().sock_sendall(connection, data)


async def hear(connection, most=65536):
    return await asyncio.get_running_loop().sock_recv(connection, most)


async def opened(connection):
    """A stream after its welcome."""
    stream = Stream(connection)
    await stream.send(UPGRADE)
    await stream.expect("welcome")
    return stream


# The ways of a visit. Each gets a connection and what chance says, and leaves the connection as it is then: it is closed
# (FIN) or reset afterwards.


async def silent(connection, chance):
    """Not a byte."""


async def mid_upgrade(connection, chance):
    await say(connection, UPGRADE[: chance.randint(1, len(UPGRADE) - 1)])


async def unread_upgrade(connection, chance):
    """Gone before the answer."""
    await say(connection, UPGRADE)


async def half_a_welcome(connection, chance):
    await say(connection, UPGRADE)
    await hear(connection, chance.randint(1, 150))


async def welcomed(connection, chance):
    await opened(connection)


async def closed_well(connection, chance):
    stream = await opened(connection)
    await stream.send(client_frame(CLOSE, (1000).to_bytes(2, "big")))
    while await hear(connection):
        pass


async def close_and_run(connection, chance):
    """Says that it closes, and does not wait for the answer."""
    stream = await opened(connection)
    await stream.send(client_frame(CLOSE, b""))


async def mid_frame(connection, chance):
    stream = await opened(connection)
    whole = client_frame(TEXT, b'{"op":"ping","req":"' + b"x" * chance.choice([10, 1000, 30_000]) + b'"}')
    await stream.send(whole[: chance.randint(1, len(whole) - 1)])


async def subscribed(connection, chance):
    stream = await opened(connection)
    await stream.send(message_frame(op="subscribe", thread_id=chance.choice(OTHERS + [WATCHED]), after="now"))
    await stream.expect("subscribed")


async def subscribing(connection, chance):
    """Gone before the answer, which needs a look-up."""
    stream = await opened(connection)
    for thread in chance.sample(OTHERS, 5) + [FAT, WATCHED]:
        await stream.send(message_frame(op="subscribe", thread_id=thread, after="start"))


async def subscribed_to_many(connection, chance):
    stream = await opened(connection)
    for thread in OTHERS:
        await stream.send(message_frame(op="subscribe", thread_id=thread, after="start"))
    for thread in chance.sample(OTHERS, 5):
        await stream.send(message_frame(op="unsubscribe", thread_id=thread))
    await hear(connection)


async def in_replay(connection, chance):
    """Megabytes are on their way."""
    stream = await opened(connection)
    await stream.send(message_frame(op="subscribe", thread_id=FAT, after="start", merge=False))
    for _ in range(chance.randint(1, 4)):
        await hear(connection)


async def in_a_page(connection, chance):
    """Over HTTP: gone while the page comes."""
    await say(connection, f"GET /v1/threads/{FAT}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    if chance.random() < 0.8:
        await hear(connection)


async def in_a_body(connection, chance):
    """Over HTTP: gone in the midst of an emission."""
    head = f"POST /v1/threads/{FAT}/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n"
    await say(connection, head.encode() + b'{"type":"custom"' * chance.randint(0, 100))


WAYS = [
    silent,
    mid_upgrade,
    unread_upgrade,
    half_a_welcome,
    welcomed,
    closed_well,
    close_and_run,
    mid_frame,
    subscribed,
    subscribing,
    subscribed_to_many,
    in_replay,
    in_a_page,
    in_a_body,
]


class Visits:
    """Connections one after the other, by several visitors."""

    def __init__(self, port, chance):
        self.port = port
        self.random = chance
        self.counts = {}
        self.total = 0
        self.went_on = asyncio.Event()

    async def make(self, goes_on):
        await asyncio.gather(*(self._visitor(goes_on) for _ in range(VISITORS)))

    async def _visitor(self, goes_on):
        while goes_on(self.total):
            self.total += 1
            way, is_reset = self.random.choice(WAYS), self.random.random() < 0.5
            with socket.socket() as connection:
                connection.setblocking(False)
                await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self.port))
                try:
                    await asyncio.wait_for(way(connection, self.random), 180)
                except asyncio.TimeoutError:
                    raise Fault(f"{way.__name__}: the service said nothing for 180 s") from None
                except Lost:
                    raise Fault(f"{way.__name__}: the service ended the connection") from None
                if is_reset:
                    reset(connection)
            self.counts[way.__name__] = self.counts.get(way.__name__, 0) + 1
            self.went_on.set()


class HalfOpen:
    """Connections whose clients say nothing any more, not even to pings, and do not close."""

    def __init__(self):
        self.streams = []

    async def open(self, port, chance):
        for _ in range(HALF_OPEN):
            stream = await Stream.open(port)
            self.streams.append(stream)
            thread = chance.choice(OTHERS + [FAT])
            await stream.send(message_frame(op="subscribe", thread_id=thread, after="start", merge=False))

    def close(self):
        for stream in self.streams:
            stream.close()


class Watcher:
    """A client that stays, and sees everything."""

    def __init__(self, name, history):
        self.name = name
        self.history = history
        self.reader = ThreadReader(WATCHED, 0)
        self.moved = asyncio.Event()

    async def follow(self, port):
        try:
            stream = await Stream.open(port)
            await stream.send(message_frame(op="subscribe", thread_id=WATCHED, after="start", merge=False))
            answer = await stream.expect("subscribed")
            self.history.subscribed(self.name, WATCHED, answer["after"])
            while True:
                raw = await stream.receive()
                if raw.startswith('{"type"'):
                    self.reader.accept(raw)
                    self.history.seen(self.name, raw)
                    self.moved.set()
                elif not raw.startswith('{"op":"live"'):
                    raise Fault(f"{self.name} got {raw[:300]}")
        except Lost:
            raise Fault(f"{self.name}: the service ended the connection at {self.reader.cursor}") from None

    async def reach(self, last):
        while self.reader.sequence < last:
            self.moved.clear()
            await self.moved.wait()


class Emitter:
    """Events into the watched thread, one for every few visits."""

    def __init__(self, service, history, visits, name):
        self.service = service
        self.history = history
        self.visits = visits
        self.name = name
        self.first = visits.total
        self.count = 0
        self.is_stopping = False

    def stop(self):
        self.is_stopping = True
        self.visits.went_on.set()

    async def emit(self):
        while True:
            while self.visits.total - self.first < self.count * VISITS_PER_EVENT and not self.is_stopping:
                self.visits.went_on.clear()
                await self.visits.went_on.wait()
            if self.is_stopping:
                return
            self.count += 1
            name = f"{self.name}_{self.count}"
            self.history.attempt(name, WATCHED, [tick(self.count)])
            answer = await asyncio.to_thread(emit, self.service, WATCHED, [tick(self.count)])
            self.history.acknowledged(name, WATCHED, answer["ids"])


def tick(number, size=20):
    return draft("custom", name="tick", value={"n": number, "text": "x" * size})


def emit(service, thread, events):
    body = "\n".join(json.dumps(event) for event in events)
    answer = service.request("POST", f"/v1/threads/{thread}/events", body, {"Content-Type": "application/x-ndjson"})
    if answer.status != 201:
        raise Fault(f"an emission got {answer}")
    return answer.json()


class Use:
    """What the service holds at a moment when nobody is there."""

    def __init__(self, sockets, descriptors, resident, subscribers):
        self.sockets = sockets
        self.descriptors = descriptors
        self.resident = resident
        # By thread, those that there are.
        self.subscribers = subscribers

    @classmethod
    def of(cls, service):
        subscribers = {}
        for thread in [*OTHERS, FAT, WATCHED]:
            answer = service.request("GET", f"/v1/threads/{thread}/subscribers")
            if answer.status != 200:
                raise Fault(f"the subscribers of {thread}: {answer}")
            if answer.json()["subscribers"]:
                subscribers[thread] = answer.json()["subscribers"]
        pid = service.process.pid
        return cls(socket_count(pid), descriptor_count(pid), resident_bytes(pid), subscribers)

    def __str__(self):
        return f"{self.descriptors} descriptors, {self.sockets} of them sockets, {self.resident / (1 << 20):.1f} MiB"


def settled(service, sockets):
    """The use as soon as no more sockets are open than that, or when time is up."""
    wait_until(lambda: socket_count(service.process.pid) <= sockets, SETTLE_SECONDS)
    use = Use.of(service)
    # The questions took connections as well.
    wait_until(lambda: socket_count(service.process.pid) <= sockets, SETTLE_SECONDS)
    use.sockets = socket_count(service.process.pid)
    use.descriptors = descriptor_count(service.process.pid)
    return use


def check_gone(idle, after):
    """Of the connections nothing is left."""
    if after.sockets > idle.sockets:
        raise Fault(f"{after.sockets} sockets are open, and {idle.sockets} when nobody had come")
    if after.subscribers:
        thread, ghosts = next(iter(after.subscribers.items()))
        raise Fault(f"{len(ghosts)} subscriptions of {thread} are left, and maybe more: {str(ghosts)[:300]}")


def check_growth(before, between, after):
    """Files may be opened and memory be taken once, and not with every connection."""
    if after.descriptors > before.descriptors + MORE_FILES:
        raise Fault(f"{after.descriptors} file descriptors are open, before the visits {before.descriptors} were")
    if after.resident > between.resident + MOST_GROWTH:
        raise Fault(f"the service has grown in the second half too, to {after} from {between}; first it was {before}")


def check_ways(counts):
    for way in WAYS:
        if not counts.get(way.__name__):
            raise Fault(f"nobody went the way {way.__name__}")


async def visit(service, chance, history, wanted, seconds, visits):
    """Warms up, then makes the visits in two halves. Returns the use before, between and after them."""
    idle = await asyncio.to_thread(settled, service, 1)
    warm_up = Visits(service.port, chance)
    half_open = HalfOpen()
    await half_open.open(service.port, chance)
    await warm_up.make(lambda total: total < WARM_UP)
    # These are still half-open for the service: it must be rid of them by itself.
    before = await asyncio.to_thread(settled, service, idle.sockets)
    check_gone(idle, before)
    half_open.close()

    uses = [before]
    for half in (1, 2):
        end, deadline = wanted * half // 2, time.monotonic() + (seconds or 0) / 2

        def goes_on(total, end=end, deadline=deadline):
            return time.monotonic() < deadline if seconds else total < end

        half_open = await visit_watched(service, chance, history, f"half_{half}", visits, goes_on)
        use = await asyncio.to_thread(settled, service, idle.sockets)
        half_open.close()
        check_gone(idle, use)
        uses.append(use)
    check_growth(*uses)
    return uses


async def visit_watched(service, chance, history, name, visits, goes_on):
    """Visits while two watch, and some stay half-open, which are returned."""
    half_open = HalfOpen()
    await half_open.open(service.port, chance)
    watchers = [Watcher(f"{name}_watcher_{number}", history) for number in range(2)]
    watching = [asyncio.create_task(watcher.follow(service.port)) for watcher in watchers]
    emitter = Emitter(service, history, visits, name)
    emitting = asyncio.create_task(emitter.emit())
    making = asyncio.create_task(visits.make(goes_on))
    try:
        await asyncio.wait([making, emitting, *watching], return_when=asyncio.FIRST_COMPLETED)
        for task in (making, emitting, *watching):
            if task.done():
                task.result()
        emitter.stop()
        await emitting
        pages = [raw.decode("utf-8") for raw in (await asyncio.to_thread(service.pages, WATCHED))[0]]
        reached = asyncio.gather(*(watcher.reach(len(pages)) for watcher in watchers))
        await asyncio.wait([reached, *watching], timeout=180, return_when=asyncio.FIRST_COMPLETED)
        for watcher in watchers:
            if watcher.reader.raw != pages:
                raise Fault(f"{watcher.name} saw {len(watcher.reader.raw)} events, the log holds {len(pages)}")
    finally:
        for task in (making, emitting, *watching):
            task.cancel()
        await asyncio.gather(making, emitting, *watching, return_exceptions=True)
    for watcher in watchers:
        history.left(watcher.name)
    return half_open


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--visits", type=int, default=VISITS)
    parser.add_argument("--long", action="store_true", help=f"visits for {LONG_SECONDS} seconds")
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    allow_descriptors(HALF_OPEN + VISITORS + 300)
    os.environ.update(ONE_ARENA)
    print(f"seed {options.seed}, {machine_load()}", flush=True)
    chance, started = random.Random(options.seed), time.monotonic()
    visits = None
    try:
        arguments = ["--heartbeat", str(HEARTBEAT), "--max-stall", str(STALL), "--log-level", "critical"]
        with DataFolder() as data, Service(options.binary, data, *arguments) as service, History() as history:
            for thread in [*OTHERS, WATCHED]:
                history.attempt(f"first_{thread}", thread, [tick(0)])
                history.acknowledged(f"first_{thread}", thread, emit(service, thread, [tick(0)])["ids"])
            for number in range(FAT_EVENTS):
                emit(service, FAT, [tick(number, FAT_BYTES)])
            visits = Visits(service.port, chance)
            seconds = LONG_SECONDS if options.long else None
            visiting = visit(service, chance, history, options.visits, seconds, visits)
            before, between, after = asyncio.run(asyncio.wait_for(visiting, TIME_LIMIT))
            print(f"before: {before}; between: {between}; after: {after}")
            check_ways(visits.counts)
            for raw in service.pages(WATCHED)[0]:
                history.logged(raw.decode("utf-8"))
            verdict = history.check(options.binary)
    except (Fault, asyncio.TimeoutError) as fault:
        name = f"not done within {TIME_LIMIT} s" if isinstance(fault, asyncio.TimeoutError) else fault
        print(f"FAILED with --seed {options.seed}: {name}")
        return 1
    print(
        f"{visits.total} visits in {len(WAYS)} ways, {3 * HALF_OPEN} half-open, no subscription is left, "
        f"{(between.resident - before.resident) / (1 << 20):+.1f} MiB in the first half, "
        f"{(after.resident - between.resident) / (1 << 20):+.1f} MiB in the second, {verdict}, "
        f"{time.monotonic() - started:.0f} s (seed {options.seed})"
    )
    return 0


# The checks, checked ----------------------------------------------------------------------------------------------------


def self_test():
    before = Use(4, 20, 50 << 20, {})

    def used(sockets=4, descriptors=20, resident=50 << 20, subscribers=None, between=50 << 20):
        def check():
            after = Use(sockets, descriptors, resident, subscribers or {})
            check_gone(before, after)
            check_growth(before, Use(4, 20, between, {}), after)

        return check

    def counted(*left_out):
        return lambda: check_ways({way.__name__: 1 for way in WAYS if way not in left_out})

    used()()
    used(4, 19, (50 << 20) + MOST_GROWTH)()
    # Built up once.
    used(resident=80 << 20, between=80 << 20)()
    counted()()
    return check_broken(
        "no ghosts",
        [
            ("a connection left", "sockets", used(sockets=5)),
            ("a descriptor left", "descriptors", used(descriptors=21 + MORE_FILES)),
            ("a subscription left", "are left", used(subscribers={FAT: [{}]})),
            ("memory left", "grown", used(resident=(50 << 20) + MOST_GROWTH + 1)),
            ("memory left in each half", "grown", used(resident=70 << 20, between=60 << 20)),
            ("a way not gone", "in_replay", counted(in_replay)),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
