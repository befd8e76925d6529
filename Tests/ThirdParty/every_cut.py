#!/usr/bin/env python3
"""Every cut: clients that are cut at every frame boundary and at random bytes see what an uncut one sees.

A busy thread is recorded; a part of it is emitted while clients follow it. They go through the fault proxy:

- one is cut behind every single event, and now and then behind the answer to the upgrade, `welcome` and `subscribed`;
- others are cut at random bytes, of what they hear or of what they say: closed, reset or left half-open; some get their
  bytes late, slowly, or in slices; they start over until there were cuts enough;
- some of these take merged fragments: the texts must be the same, put together.

Each goes on at its cursor. Order is checked on arrival, bytes against the pages over HTTP.

  every_cut.py               at least 2 000 cuts of a service that this script starts
  every_cut.py --long        as many as fit into a minute and a half
  every_cut.py --self-test   that the checks notice a lost, a doubled, a changed and a foreign event, and too few cuts
"""

import argparse
import asyncio
import json
import random
import socket
import sys
import time

from busy_thread import batches, busy_runs
from drafts import draft
from fault_proxy import FaultProxy, Harm
from history import History
from plain_stream import UPGRADE, Ended, StreamParser, message_frame
from process_use import machine_load
from self_test import check_broken
from service import DataFolder, Service, add_binary_option
from thread_reader import Fault, ThreadReader, compare_merged

THREAD = "t_busy"
CUTS = 2_000
LONG_SECONDS = 90
TIME_LIMIT = 600
RECORDED_EVENTS = 700
LIVE_EVENTS = 400
RANDOM_CLIENTS = 8
MERGING_CLIENTS = 2
# How long a client waits for a service that has something to say; and how long when the silence is the fault.
SILENCE = 180
WATCHDOG = 0.15


class Course:
    """How far it all is: what was emitted, how often clients were cut, and the bytes behind each number."""

    def __init__(self, seed, cuts, seconds=None):
        self.random = random.Random(seed)
        self.cuts_wanted = cuts
        self.deadline = None if seconds is None else time.monotonic() + seconds
        self.cuts = 0
        self.kinds = {}
        self.boundaries = set()
        self.raws = {}
        self.last = None
        self.merged_count = 0
        self.finished = 0
        self.went_on = asyncio.Event()
        # All events, as soon as the uncut client has them.
        self.whole = None

    def is_enough(self):
        if self.deadline is not None:
            return time.monotonic() > self.deadline
        return self.cuts >= self.cuts_wanted

    def was_cut(self, kind):
        self.cuts += 1
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        self.went_on.set()


class Follower:
    """A client of the thread, over all its connections. Judges each message by itself; knows no socket."""

    def __init__(self, name, course, history=None, merges=False):
        self.name = name
        self.course = course
        self.history = history
        self.merges = merges
        self.reader = ThreadReader(THREAD, 0, merges)
        self.expected = "welcome"

    def reconnected(self):
        self.expected = "welcome"

    @property
    def is_done(self):
        return self.course.last is not None and self.reader.sequence == self.course.last

    def take(self, raw):
        """The next text message. Returns what the client answers with: `subscribe`, `pong` or nothing."""
        if self.expected is None and raw.startswith('{"type"'):
            return self._event(raw)
        message = json.loads(raw)
        kind = message.get("op", message.get("type"))
        if kind == "ping":
            return message_frame(op="pong")
        if self.expected is not None:
            if kind != self.expected:
                raise Fault(f"{self.name} waited for {self.expected} and got {raw[:300]}")
            return self._opening(kind, message)
        if kind != "live":
            raise Fault(f"{self.name} got {raw[:300]}")
        if message["cursor"] != self.reader.cursor:
            raise Fault(f"{self.name}: live at {message['cursor']}, events came up to {self.reader.cursor}")
        return None

    def _opening(self, kind, message):
        if kind == "welcome":
            self.expected = "subscribed"
            after = self.reader.cursor or "start"
            return message_frame(op="subscribe", req=1, thread_id=THREAD, after=after, merge=self.merges)
        self.expected = None
        if message["thread_id"] != THREAD or message["after"] != self.reader.cursor:
            raise Fault(f"{self.name} is at {self.reader.cursor}, the answer is {message}")
        if self.history:
            self.history.subscribed(self.name, THREAD, message["after"])
        return None

    def _event(self, raw):
        event = self.reader.accept(raw)
        if self.history:
            self.history.seen(self.name, raw)
        if "from_seq" not in event:
            known = self.course.raws.setdefault(event["seq"], raw)
            if known != raw:
                raise Fault(f"{self.name}: event {event['id']} has other bytes than before: {raw[:200]} {known[:200]}")

    def check(self, raws):
        """At the end, against all events of the thread."""
        if self.merges:
            compare_merged(self.reader, raws)
        elif self.reader.raw != raws:
            raise Fault(f"{self.name} saw {len(self.reader.raw)} events, and not those that the pages hold: {len(raws)}")


async def converse(connection, link, follower, watchdog):
    """One connection, until it is cut or the follower is at the end. A cut shows as an end, a reset, or silence."""
    loop = asyncio.get_running_loop()
    parser = StreamParser()
    follower.reconnected()
    try:
        await loop.sock_sendall(connection, UPGRADE)
        while not follower.is_done:
            try:
                data = await asyncio.wait_for(loop.sock_recv(connection, 1 << 16), watchdog or SILENCE)
            except asyncio.TimeoutError:
                if watchdog is None and not follower.is_done:
                    raise Fault(f"{follower.name}: nothing came for {SILENCE} s at {follower.reader.cursor}") from None
                return
            if not data:
                return
            for text in parser.feed(data):
                answer = follower.take(text.decode("utf-8"))
                if answer:
                    await loop.sock_sendall(connection, answer)
            answers = parser.take_answers()
            if answers:
                await loop.sock_sendall(connection, answers)
    except Ended as ended:
        raise Fault(f"{follower.name}: the service closed: {ended}") from None
    except OSError:
        if link is None:
            raise


async def follow_uncut(port, follower, course):
    """The one that the others are measured by: straight to the service, and never cut."""
    loop = asyncio.get_running_loop()
    with socket.socket() as connection:
        connection.setblocking(False)
        await loop.sock_connect(connection, ("127.0.0.1", port))
        await converse(connection, None, follower, None)
    if not follower.is_done:
        raise Fault(f"{follower.name}: the service ended the connection at {follower.reader.cursor}")
    course.whole.set_result(follower.reader.raw)


async def follow_cut(proxy, follower, next_harm):
    """Goes on at its cursor after each cut, until the end of the thread."""
    course = follower.course
    while not follower.is_done:
        before = follower.reader.sequence
        harm, kind = next_harm(follower)
        connection, link = await proxy.connect(harm)
        with connection:
            await converse(connection, link, follower, WATCHDOG if harm.cut == "swallow" else None)
        if link.is_cut.is_set():
            course.was_cut(kind)
            if kind == "frame" and follower.reader.sequence == before + 1:
                course.boundaries.add(follower.reader.sequence)


class FrameCuts:
    """Cuts behind each event, one after the other; and behind what comes before the first event of a connection."""

    def __init__(self, chance):
        self.chance = chance

    def __call__(self, follower):
        if self.chance.random() < 0.1:
            return Harm(frames_to_client=self.chance.randint(1, 3), cut=self.chance.choice(["close", "reset"])), "opening"
        return Harm(frames_to_client=4), "frame"


class RandomCuts:
    """Cuts anywhere. Bytes are chosen so that small numbers are as likely as big ones."""

    def __init__(self, chance):
        self.chance = chance

    def __call__(self, follower):
        chance = self.chance
        harm = Harm(cut=chance.choice(["close", "close", "close", "reset", "reset", "reset", "reset", "swallow"]))
        if chance.random() < 0.1:
            harm.bytes_to_service = chance.randint(0, len(UPGRADE) + 120)
            kind = "said"
        else:
            harm.bytes_to_client = int(2 ** chance.uniform(0, 12 if chance.random() < 0.85 else 19))
            kind = "heard"
        manner = chance.random()
        if manner < 0.1:
            harm.slice = chance.choice([1, 7, 100])
            harm.bytes_to_client = min(harm.bytes_to_client or 2000, 3000 if harm.slice < 100 else 1 << 20)
        elif manner < 0.15:
            harm.delay = 0.01
        elif manner < 0.18 and (harm.bytes_to_client or 0) < 5000:
            harm.slice, harm.bytes_per_second = 200, 50_000
        elif manner < 0.2:
            # Until the watchdog strikes, nothing further is read.
            harm.stop_reading_after, harm.cut = chance.randint(1, 3000), "swallow"
            kind = "window"
        return harm, f"{kind}/{harm.cut}"


async def follow_again_and_again(proxy, name, course, history, merges):
    """Clients that are cut at random, one after the other, until there were cuts enough."""
    cuts = RandomCuts(random.Random(course.random.random()))
    round_number = 0
    while not course.is_enough() or round_number == 0:
        follower = Follower(f"{name}_{round_number}", course, history if round_number == 0 else None, merges)
        await follow_cut(proxy, follower, cuts)
        follower.check(await course.whole)
        course.merged_count += follower.reader.merged_count
        course.finished += 1
        round_number += 1


class Emitter:
    """Emits batches over HTTP, and writes down what it was told."""

    def __init__(self, service, history, course):
        self.service = service
        self.history = history
        self.course = course
        self.count = 0
        self.number = 0

    async def emit(self, events):
        self.number += 1
        name = f"a_{self.number}"
        self.history.attempt(name, THREAD, events)
        answer = await asyncio.to_thread(self._post, "\n".join(json.dumps(event) for event in events))
        if answer.status != 201:
            raise Fault(f"an emission got {answer}")
        self.history.acknowledged(name, THREAD, answer.json()["ids"])
        self.count += len(events)

    def _post(self, body):
        path = f"/v1/threads/{THREAD}/events?user_id=local"
        return self.service.request("POST", path, body, {"Content-Type": "application/x-ndjson"})

    async def emit_while_cut(self, remaining):
        """A batch for every few cuts; the thread goes on as long as clients are cut."""
        step = max(1, min(self.course.cuts_wanted, CUTS) * 2 // 3 // len(remaining))
        for number, batch in enumerate(remaining, 1):
            while self.course.cuts < number * step:
                self.course.went_on.clear()
                await self.course.went_on.wait()
            await self.emit(batch)
        self.course.last = self.count + 1
        await self.emit([draft("custom", name="end", value=None)])


async def cut_test(service, course, history):
    chance = course.random
    emitter = Emitter(service, history, course)
    events = busy_runs(chance, RECORDED_EVENTS + LIVE_EVENTS)
    parts = list(batches(chance, events))
    recorded = len(parts) * RECORDED_EVENTS // (RECORDED_EVENTS + LIVE_EVENTS)
    for part in parts[:recorded]:
        await emitter.emit(part)
    uncut = Follower("uncut", course, history)
    by_frame = Follower("by_frame", course, history)
    course.whole = asyncio.get_running_loop().create_future()
    async with FaultProxy(service.port) as proxy:
        uncut_task = asyncio.create_task(follow_uncut(service.port, uncut, course))
        tasks = [uncut_task, asyncio.create_task(emitter.emit_while_cut(parts[recorded:]))]
        tasks.append(asyncio.create_task(follow_cut(proxy, by_frame, FrameCuts(random.Random(chance.random())))))
        for number in range(RANDOM_CLIENTS):
            merges = number < MERGING_CLIENTS
            name = f"merging_{number}" if merges else f"at_random_{number}"
            recording = history if number in (0, RANDOM_CLIENTS - 1) else None
            tasks.append(asyncio.create_task(follow_again_and_again(proxy, name, course, recording, merges)))
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    raws = [raw.decode("utf-8") for raw in service.pages(THREAD)[0]]
    for raw in raws:
        history.logged(raw)
    uncut.check(raws)
    by_frame.check(raws)
    check_course(course, len(raws))


def check_course(course, event_count):
    if not course.is_enough():
        raise Fault(f"there were {course.cuts} cuts, and {course.cuts_wanted} were to be")
    missing = event_count - len(course.boundaries)
    # At the last one the client is done, and not cut.
    if missing > 1:
        raise Fault(f"behind {missing} of {event_count} events nobody was cut")
    if not course.merged_count:
        raise Fault("no event came merged")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--cuts", type=int, default=CUTS)
    parser.add_argument("--long", action="store_true", help=f"for {LONG_SECONDS} seconds")
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    print(f"seed {options.seed}, {machine_load()}", flush=True)
    course, started = Course(options.seed, options.cuts, LONG_SECONDS if options.long else None), time.monotonic()
    try:
        with DataFolder() as data, Service(options.binary, data) as service, History() as history:
            asyncio.run(asyncio.wait_for(cut_test(service, course, history), TIME_LIMIT))
            verdict = history.check(options.binary)
    except (Fault, asyncio.TimeoutError) as fault:
        name = f"not done within {TIME_LIMIT} s" if isinstance(fault, asyncio.TimeoutError) else fault
        print(f"FAILED with --seed {options.seed}: {name} ({course.cuts} cuts)")
        return 1
    print(", ".join(f"{kind}: {count}" for kind, count in sorted(course.kinds.items())))
    print(
        f"{course.cuts} cuts, {len(course.raws)} events, {course.finished + 2} clients, {course.merged_count} merged events, {verdict}, "
        f"{time.monotonic() - started:.0f} s (seed {options.seed})"
    )
    return 0


# The checks, checked ----------------------------------------------------------------------------------------------------


def self_test():
    events = busy_runs(random.Random(1), 60)
    good = [
        json.dumps({"type": event["type"], "id": f"3-{number}", "seq": number, "thread_id": THREAD, **event})
        for number, event in enumerate(events, 1)
    ]
    welcome = '{"op":"welcome"}'

    def subscribed(after):
        return json.dumps({"op": "subscribed", "thread_id": THREAD, "after": after})

    def follow(messages, merges=False, course=None):
        follower = Follower("client", course or Course(1, 0), merges=merges)
        for message in messages:
            if message is None:
                follower.reconnected()
            else:
                follower.take(message)
        return follower

    def cut_at(count, *rest):
        return [welcome, subscribed(None), *good[:count], None, welcome, *rest]

    def changed(raw, **members):
        return json.dumps({**json.loads(raw), **members})

    def merged(begin, end, text=None):
        """Fragments as one."""
        parts = [json.loads(raw) for raw in good[begin - 1 : end]]
        whole = parts[-1]
        whole["from_seq"] = begin
        whole["data"]["text"] = "".join(part["data"]["text"] for part in parts) if text is None else text
        return json.dumps(whole)

    first, last = adjacent_fragments(good)

    def merging(message):
        messages = [welcome, subscribed(None), *good[: first - 1], message, *good[last:]]
        return lambda: follow(messages, merges=True).check(good)

    def other_bytes():
        course = Course(1, 0)
        follow([welcome, subscribed(None), *good], course=course)
        follow([welcome, subscribed(None), changed(good[0], time="x")], course=course)

    def course_with(cuts, boundaries, merged=1):
        course = Course(1, 10)
        course.cuts, course.boundaries, course.merged_count = cuts, set(range(boundaries)), merged
        return course

    follow(cut_at(5, subscribed("3-5"), *good[5:])).check(good)
    merging(merged(first, last))()
    check_course(course_with(10, 19), 20)
    return check_broken(
        "every cut",
        [
            ("a lost event", "came after", lambda: follow(cut_at(5, subscribed("3-5"), *good[6:]))),
            ("a doubled event", "came again", lambda: follow(cut_at(5, subscribed("3-5"), *good[4:]))),
            ("a swapped pair", "came after", lambda: follow([welcome, subscribed(None), good[1], good[0]])),
            ("another position", "is at", lambda: follow(cut_at(5, subscribed("3-4")))),
            ("a reset", "waited for", lambda: follow(cut_at(5, '{"op":"reset"}'))),
            ("a reset later", "got", lambda: follow(cut_at(5, subscribed("3-5"), '{"op":"reset"}'))),
            ("a foreign event", "an event of", lambda: follow(cut_at(0, subscribed(None), changed(good[0], thread_id="t")))),
            ("live too early", "live at", lambda: follow(cut_at(5, subscribed("3-5"), '{"op":"live","cursor":"3-6"}'))),
            ("other bytes", "other bytes", other_bytes),
            ("a lost tail", "not those", lambda: follow(cut_at(5, subscribed("3-5"), *good[5:-1])).check(good)),
            ("a merged event", "asked for none", lambda: follow(cut_at(first - 1, subscribed(f"3-{first-1}"), merged(first, last)))),
            ("a merged text that lacks something", "merged it says", merging(merged(first, last, "x"))),
            ("a merged range with a gap", "came after", merging(merged(first + 1, last))),
            ("a merged range twice", "came again", merging(merged(first - 1, last, ""))),
            ("an empty range", "the range", merging(changed(merged(first, last), from_seq=last))),
            ("too few cuts", "cuts", lambda: check_course(course_with(9, 19), 20)),
            ("nothing merged", "came merged", lambda: check_course(course_with(10, 19, 0), 20)),
            ("a boundary left out", "nobody was cut", lambda: check_course(course_with(10, 18), 20)),
        ],
    )


def adjacent_fragments(raws):
    """Where fragments of one message stand next to each other: the first and the last number."""
    for number in range(len(raws) - 3):
        ids = {json.loads(raw)["data"].get("message_id", raw) for raw in raws[number : number + 3]}
        types = {json.loads(raw)["type"] for raw in raws[number : number + 3]}
        if len(ids) == 1 and types == {"message_delta"} and number > 0:
            return number + 1, number + 3
    raise RuntimeError("the recording has no long message")


if __name__ == "__main__":
    sys.exit(main())
