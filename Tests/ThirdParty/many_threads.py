#!/usr/bin/env python3
"""10 000 events into 50 threads, 200 subscribers: each sees exactly its thread's events, dense and in order.

The client is Python's `websockets`. Two connections emit into each thread at once, in batches, a whole run each. Of the
four subscribers of a thread, two are there before the first event (`start`, `now`), one comes mid-way from the start, and
one comes mid-way from `now` or from a cursor; some drop their connection on the way and go on at their cursor.
Order is checked on arrival.

  many_threads.py               against a service that this script starts
  many_threads.py --self-test   that the checks notice a lost, a doubled, a swapped and a foreign event
"""

import argparse
import asyncio
import itertools
import json
import random
import sys
import time

from drafts import run_events
from service import SUBPROTOCOL, DataFolder, Service, add_binary_option
from self_test import check_broken
from thread_reader import Fault, ThreadReader, compare, sequence_of

THREADS = 50
EVENTS_PER_RUN = 100
EVENTS_PER_THREAD = 2 * EVENTS_PER_RUN
EMITTERS = 10
TIME_LIMIT = 600


class Plan:
    """What is emitted, and what was answered."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.threads = [f"t_{number}" for number in range(THREADS)]
        # By thread: the draft behind each cursor that an `emitted` named.
        self.emitted = {thread: {} for thread in self.threads}
        # By thread: set when half of the events are emitted, so that late subscribers come mid-way.
        self.half = {}
        self.count = 0

    def emitted_event(self, thread, cursor, event):
        if cursor in self.emitted[thread]:
            raise Fault(f"{thread}: the cursor {cursor} was given twice")
        self.emitted[thread][cursor] = event
        self.count += 1
        if len(self.emitted[thread]) >= EVENTS_PER_THREAD // 2:
            self.half[thread].set()


class Connection:
    """A WebSocket: `websockets` below, JSON above."""

    def __init__(self, socket):
        self.socket = socket
        self.request = 0

    async def send(self, op, **members):
        self.request += 1
        await self.socket.send(json.dumps({"op": op, "req": self.request, **members}))
        return self.request

    async def receive(self):
        """The next message as text and as JSON."""
        raw = await self.socket.recv()
        if not isinstance(raw, str):
            raise Fault("the service sent a binary message")
        message = json.loads(raw)
        if message.get("op") == "error":
            raise Fault(f"the service answered {raw}")
        return raw, message

    async def reply(self, op, request):
        """The answer to a request, on a connection that gets no events."""
        while True:
            raw, message = await self.receive()
            if message.get("op") == "ping":
                await self.socket.send('{"op":"pong"}')
            elif message.get("op") == op and message.get("req") == request:
                return message
            else:
                raise Fault(f"waited for {op} {request} and got {raw[:300]}")


class Opening:
    """`async with Opening(url) as connection`: connected and welcomed."""

    def __init__(self, url):
        import websockets

        self.connecting = websockets.connect(
            url, subprotocols=[SUBPROTOCOL], max_queue=64, open_timeout=180, compression=None, ping_interval=None
        )

    async def __aenter__(self):
        socket = await self.connecting.__aenter__()
        if socket.subprotocol != SUBPROTOCOL:
            raise Fault(f"the subprotocol is {socket.subprotocol}")
        connection = Connection(socket)
        raw, message = await connection.receive()
        if message.get("op") != "welcome":
            raise Fault(f"the first message is no welcome: {raw}")
        return connection

    async def __aexit__(self, *failure):
        return await self.connecting.__aexit__(*failure)


async def emit_runs(url, plan, work, seed):
    """Emits one run into each of the given threads, a batch here and a batch there."""
    chance = random.Random(seed)
    left = {thread: run_events(run, EVENTS_PER_RUN, f"{thread}/{run}") for thread, run in work}
    async with Opening(url) as connection:
        while left:
            # Several requests are under way at once; their answers come in order.
            waiting = []
            for thread in chance.sample(sorted(left), min(len(left), 4)):
                size = chance.randint(1, 20)
                batch, left[thread] = left[thread][:size], left[thread][size:]
                if not left[thread]:
                    del left[thread]
                request = await connection.send("emit", thread_id=thread, events=batch)
                waiting.append((request, thread, batch))
            for request, thread, batch in waiting:
                message = await connection.reply("emitted", request)
                cursors = message["cursors"]
                if message["thread_id"] != thread or len(cursors) != len(batch):
                    raise Fault(f"{thread}: {len(batch)} events were emitted, the answer is {message}")
                numbers = [sequence_of(cursor) for cursor in cursors]
                if numbers != list(range(numbers[0], numbers[0] + len(batch))):
                    raise Fault(f"{thread}: the events of one batch are not next to each other: {cursors}")
                for cursor, event in zip(cursors, batch):
                    plan.emitted_event(thread, cursor, event)


async def follow(url, thread, after, drop_at, ready):
    """Reads a thread to its end; drops the connection once on the way when `drop_at` says so.

    `ready` is called when the subscription is there.
    """
    reader = None
    while True:
        async with Opening(url) as connection:
            await subscribe(connection, thread, after, reader)
            raw, message = await connection.receive()
            if message.get("op") != "subscribed" or message.get("thread_id") != thread or message.get("req") != 1:
                raise Fault(f"{thread}: no subscribed: {raw}")
            position = sequence_of(message["after"])
            if reader is None:
                reader = ThreadReader(thread, position)
                check_position(thread, after, message)
            elif message["after"] != reader.cursor:
                raise Fault(f"{thread}: resumed at {reader.cursor}, the answer is {raw}")
            ready()
            if await read_on(connection, reader, sequence_of(message["head"]), drop_at):
                return reader
            drop_at = None


async def subscribe(connection, thread, after, reader):
    if reader is not None and reader.cursor is not None:
        after = reader.cursor
    await connection.send("subscribe", thread_id=thread, after=after, merge=False)


def check_position(thread, after, message):
    """What `subscribed` says is where the subscription begins."""
    begins = {"start": None, "now": message["head"]}.get(after, after)
    if message["after"] != begins:
        raise Fault(f"{thread}: asked for {after}, the answer is {message}")


async def read_on(connection, reader, head, drop_at):
    """Returns True at the end of the thread, False when the connection is to be dropped."""
    lives, begin = 0, reader.sequence
    while reader.sequence < EVENTS_PER_THREAD or lives == 0:
        raw, message = await connection.receive()
        if "type" in message:
            reader.accept(raw)
            if drop_at is not None and reader.sequence >= drop_at:
                return False
        elif message["op"] == "live":
            lives += 1
            if sequence_of(message["cursor"]) != reader.sequence or reader.sequence < max(head, begin):
                raise Fault(f"{reader.thread}: live at {message['cursor']}, events came up to {reader.sequence}")
        elif message["op"] == "ping":
            await connection.socket.send('{"op":"pong"}')
        else:
            raise Fault(f"{reader.thread}: got {raw[:300]}")
    if lives > 1:
        raise Fault(f"{reader.thread}: {lives} times live")
    # Whatever else the service sends to this subscriber comes before this answer.
    request = await connection.send("ping")
    raw, message = await connection.receive()
    if message.get("op") != "pong" or message.get("req") != request:
        raise Fault(f"{reader.thread}: after the last event came {raw[:300]}")
    return True


async def follow_late(url, plan, thread, after, drop_at):
    """A subscriber that comes when half of the events are there."""
    await plan.half[thread].wait()
    if after == "cursor":
        after = plan.random.choice(list(plan.emitted[thread]))
    return await follow(url, thread, after, drop_at, lambda: None)


async def run(url, plan, seed):
    plan.half = {thread: asyncio.Event() for thread in plan.threads}
    early, subscribed = [], asyncio.Event()
    ready_count = itertools.count(1)

    def ready():
        if next(ready_count) >= 2 * THREADS:
            subscribed.set()

    tasks = []
    for number, thread in enumerate(plan.threads):
        drop = plan.random.randint(5, EVENTS_PER_THREAD - 5)
        late = ["now", "cursor"][number % 2]
        tasks += [
            asyncio.create_task(follow(url, thread, "start", drop if number % 3 == 0 else None, ready)),
            asyncio.create_task(follow(url, thread, "now", None, ready)),
            asyncio.create_task(follow_late(url, plan, thread, "start", None)),
            asyncio.create_task(follow_late(url, plan, thread, late, None)),
        ]
    everyone = asyncio.gather(*tasks)
    try:
        waiting = asyncio.create_task(subscribed.wait())
        await asyncio.wait([everyone, waiting], return_when=asyncio.FIRST_COMPLETED)
        if everyone.done():
            await everyone
        work = [[] for _ in range(EMITTERS)]
        for number, thread in enumerate(plan.threads):
            work[number % EMITTERS].append((thread, f"r_{number}_a"))
            work[(number + 1 + number // EMITTERS) % EMITTERS].append((thread, f"r_{number}_b"))
        emitters = [emit_runs(url, plan, part, seed + number) for number, part in enumerate(work)]
        await gather_with(emitters, everyone)
        return await everyone
    finally:
        everyone.cancel()


async def gather_with(emitters, everyone):
    """Waits for the emitters; a subscriber that fails meanwhile ends the wait."""
    emitting = asyncio.gather(*emitters)
    await asyncio.wait([emitting, everyone], return_when=asyncio.FIRST_EXCEPTION)
    if everyone.done() and everyone.exception() is not None:
        emitting.cancel()
        raise everyone.exception()
    await emitting


def check(plan, readers, service):
    """Everything is in, and everybody has the same."""
    by_thread = {thread: [] for thread in plan.threads}
    for reader in readers:
        by_thread[reader.thread].append(reader)
    for thread, of_thread in by_thread.items():
        compare(of_thread, EVENTS_PER_THREAD)
        whole = min(of_thread, key=lambda reader: reader.first)
        check_content(thread, plan.emitted[thread], whole)
        events, _ = service.pages(thread)
        if [event.decode("utf-8") for event in events] != whole.raw:
            raise Fault(f"{thread}: the pages over HTTP do not hold the bytes that the subscribers got")


def check_content(thread, emitted, reader):
    """The events are those that were emitted, each behind the cursor that `emitted` named."""
    seen = [json.loads(raw) for raw in reader.raw]
    if [event["id"] for event in seen if event["id"] not in emitted]:
        raise Fault(f"{thread}: events came that nobody emitted")
    if len(seen) != len(emitted):
        raise Fault(f"{thread}: {len(emitted)} events were emitted and {len(seen)} came")
    for event in seen:
        sent = emitted[event["id"]]
        for member in ("type", "run_id", "data"):
            if event[member] != sent[member]:
                raise Fault(f"{thread}: event {event['id']} is not what was emitted: {event} instead of {sent}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    plan = Plan(options.seed)
    started = time.monotonic()
    try:
        with DataFolder() as data, Service(options.binary, data) as service:
            started = time.monotonic()
            readers = asyncio.run(asyncio.wait_for(run(service.url, plan, options.seed), TIME_LIMIT))
            seconds = time.monotonic() - started
            check(plan, readers, service)
    except (Fault, asyncio.TimeoutError) as fault:
        name = f"not done within {TIME_LIMIT} s" if isinstance(fault, asyncio.TimeoutError) else fault
        print(f"FAILED with --seed {options.seed}: {name} ({plan.count} events emitted)")
        return 1
    delivered = sum(len(reader.raw) for reader in readers)
    print(f"{plan.count} events into {THREADS} threads, {len(readers)} subscribers got {delivered} in {seconds:.1f} s")
    return 0


# The checks, checked ----------------------------------------------------------------------------------------------------


def recorded(thread, count):
    events = run_events("r_1", count, thread)
    return [
        json.dumps({"type": event["type"], "id": f"3-{number}", "seq": number, "thread_id": thread, **event})
        for number, event in enumerate(events, 1)
    ]


def self_test():
    def read(raw, after=0):
        reader = ThreadReader("t_1", after)
        for event in raw:
            reader.accept(event)
        return reader

    def plus(raw, **members):
        return json.dumps({**json.loads(raw), **members})

    good = recorded("t_1", 20)
    emitted = {json.loads(raw)["id"]: json.loads(raw) for raw in good}
    other = recorded("t_2", 20)
    broken = [
        ("a lost event", "came after", lambda: read(good[:5] + good[6:])),
        ("a lost first event", "came after", lambda: read(good[1:])),
        ("a lost last event", "and should at", lambda: compare([read(good[:-1])], 20)),
        ("a doubled event", "came again", lambda: read(good[:6] + good[5:])),
        ("a swapped pair", "came after", lambda: read(good[:5] + [good[6], good[5]] + good[7:])),
        ("a foreign event", "got an event of", lambda: read(good[:5] + [other[5]] + good[6:])),
        ("an id that is not the sequence's", "has the id", lambda: read([plus(good[0], id="3-2")])),
        ("a generation that shrinks", "generation", lambda: read([good[0], plus(good[1], id="2-2")])),
        ("a merged event", "merged", lambda: read([plus(good[0], from_seq=1)])),
        ("other bytes", "differs", lambda: compare([read(good), read([plus(good[0], data={})] + good[1:])], 20)),
        ("other bytes mid-way", "differs", lambda: compare([read(good), read([plus(good[9], a=1)] + good[10:], 9)], 20)),
        ("an event of nobody", "nobody", lambda: check_content("t_1", dict(list(emitted.items())[1:]), read(good))),
        ("an event that never came", "came", lambda: check_content("t_1", emitted, read(good[:-1]))),
        ("other content", "not what", lambda: check_content("t_1", emitted, read([plus(good[0], data={})] + good[1:]))),
        ("a cursor given twice", "twice", lambda: twice_given()),
        ("another start", "asked for", lambda: check_position("t_1", "start", {"after": "3-4", "head": "3-20"})),
    ]

    def twice_given():
        plan = Plan(1)
        plan.half = {"t_1": asyncio.Event()}
        plan.emitted_event("t_1", "3-1", {})
        plan.emitted_event("t_1", "3-1", {})

    compare([read(good), read(good[9:], 9)], 20)
    check_content("t_1", emitted, read(good))
    return check_broken("many threads", broken)


if __name__ == "__main__":
    sys.exit(main())
