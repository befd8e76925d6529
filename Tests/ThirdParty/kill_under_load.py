#!/usr/bin/env python3
"""kill -9 under load: 50 clients follow, 5 emitters retry under idempotency keys, the service dies 100 times.

Clients and emitters live through all kills: each connects again as soon as the service is back, a client at its cursor,
an emitter with what was not answered. Some of what was not answered is given up for good. At the end:

- everything acknowledged is in the log once, at the cursors that were told, as it was emitted;
- what was refused is not there, and what was given up is there once, whole, or not at all;
- each client saw its thread from the start to the end: each event once, in order, in the bytes of the log.

  kill_under_load.py               against services that this script starts and kills
  kill_under_load.py --long        as many kills as fit into more than a minute
  kill_under_load.py --self-test   that the checks notice each of these faults
"""

import argparse
import asyncio
import json
import random
import sys
import time

from drafts import draft, run_events
from history import History
from open_stream import Lost, Stream
from plain_stream import message_frame
from process_use import machine_load
from self_test import check_broken
from service import DataFolder, Service, add_binary_option
from thread_reader import Fault, ThreadReader

KILLS = 100
CLIENTS = 50
EMITTERS = 5
THREADS = 10
TIME_LIMIT = 600
LONG_SECONDS = 70
# What an emitter sends in a second then: the history of all of it is to be checked in memory.
LONG_REQUESTS_PER_SECOND = 25
# How many clients stand in the history: one of each thread.
RECORDED_CLIENTS = THREADS
SETTLE_SECONDS = 180
# A run that its emitter has given up ends when nothing has come for so long.
IDLE = ("--emitted-run-timeout", "5s")


class Address:
    """Where the service is; clients wait here while it is dead."""

    def __init__(self):
        self.port = None
        self.changed = asyncio.Event()
        self.generation = 0

    def is_at(self, port):
        self.port = port
        self.generation += 1
        self.changed.set()

    def is_gone(self):
        self.port = None
        self.changed.clear()

    async def next(self):
        while self.port is None:
            await self.changed.wait()
        return self.port


class Request:
    """A batch under an idempotency key."""

    def __init__(self, name, thread, events):
        self.name = name
        self.thread = thread
        self.events = events
        self.cursors = None
        self.is_refused = False


class Ledger:
    """All requests, and what was answered."""

    def __init__(self):
        self.requests = []
        self.by_name = {}

    def attempt(self, name, thread, events):
        request = Request(name, thread, events)
        self.requests.append(request)
        self.by_name[name] = request
        return request

    def answered(self, request, message, raw):
        """An `emitted` or an `error`. A run that was given up (`run.lost`) may be refused, and nothing else."""
        if message.get("op") == "emitted":
            if len(message["cursors"]) != len(request.events) or message["thread_id"] != request.thread:
                raise Fault(f"{request.name}: {len(request.events)} events were emitted, the answer is {raw[:300]}")
            if request.is_refused or request.cursors not in (None, message["cursors"]):
                raise Fault(f"{request.name} was answered with other cursors before: {request.cursors}")
            request.cursors = message["cursors"]
        elif message.get("op") == "error" and message["code"].startswith("order.") and request.events[0]["type"] != "agent_started":
            if request.cursors is not None:
                raise Fault(f"{request.name} was acknowledged and is refused: {raw[:300]}")
            request.is_refused = True
        else:
            raise Fault(f"{request.name} was answered with {raw[:300]}")

    def check(self, logs):
        """Against what the log holds at the end: the events of each thread, as text."""
        ids, alive = {}, set()
        for thread, raws in logs.items():
            reader = ThreadReader(thread, 0)
            for raw in raws:
                event = reader.accept(raw)
                if event["type"] == "agent_failed":
                    alive.discard(event.get("run_id"))
                else:
                    alive.add(event.get("run_id"))
                name = mark_of(event)
                if name is None:
                    if event["type"] != "agent_failed" or event["data"]["error"]["code"] != "run.lost":
                        raise Fault(f"{thread}: nobody emitted {raw[:300]}")
                    continue
                if name not in self.by_name or self.by_name[name].thread != thread:
                    raise Fault(f"{thread}: {name} is there and was not emitted there: {raw[:300]}")
                ids.setdefault(name, []).append(event)
        for request in self.requests:
            self._check(request, ids.get(request.name, []))
            if request.is_refused and request.events[0]["run_id"] in alive:
                raise Fault(f"{request.name} was refused, and its run was not lost")

    def _check(self, request, events):
        ids = [event["id"] for event in events]
        if request.cursors is not None and ids != request.cursors:
            raise Fault(f"{request.name} was acknowledged as {request.cursors}, the log holds {ids}")
        if request.is_refused and ids:
            raise Fault(f"{request.name} was refused, the log holds {ids}")
        if ids and len(ids) != len(request.events):
            raise Fault(f"{request.name} has {len(request.events)} events, the log holds {ids}")
        for event, sent in zip(events, request.events):
            if any(event[member] != sent[member] for member in ("type", "run_id", "data")):
                raise Fault(f"{request.name}: the log holds {event} instead of {sent}")


def mark_of(event):
    """The name of the request that an event came with."""
    text = json.dumps(event["data"])
    at = text.find("mark:")
    return None if at < 0 else text[at + 5 :].partition(";")[0]


def marked(events, name):
    """The same events, each with the name of its request and its own number in it."""
    for number, event in enumerate(events):
        mark = f"mark:{name};{number}"
        data = event["data"]
        if event["type"] == "agent_started":
            data["input"] = mark
        elif event["type"] in ("agent_completed", "tool_completed"):
            data["result"] = mark
        elif "text" in data:
            data["text"] = f"{mark} {data['text']}"
        else:
            data["arguments"] = {"mark": mark}
    return events


class Emitter:
    """Emits whole runs and parts of runs, a few requests at a time; what a kill left open is sent again."""

    def __init__(self, number, ledger, threads, seed, requests_per_second):
        self.number = number
        # None for as fast as it can.
        self.requests_per_second = requests_per_second
        self.began = time.monotonic()
        self.ledger = ledger
        self.threads = threads
        self.random = random.Random(seed)
        self.count = 0
        self.given_up = 0
        self.retried = 0
        self.open_runs = {}
        self.is_stopping = False

    def next_request(self):
        """When it is stopping, only the runs that are still open are ended."""
        chance = self.random
        self.count += 1
        name = f"e{self.number}-{self.count}"
        thread = next(iter(self.open_runs)) if self.is_stopping else chance.choice(self.threads)
        run = self.open_runs.pop(thread, None)
        if run is not None and (self.is_stopping or chance.random() < 0.5):
            events = [draft("agent_completed", run, duration_ms=1)]
        elif run is not None:
            events = [draft("agent_thinking", run, thought_id="th_1", text="and on")]
            self.open_runs[thread] = run
        elif chance.random() < 0.3:
            run = self.open_runs[thread] = f"r_{name}"
            events = [draft("agent_started", run, "worker"), draft("agent_thinking", run, thought_id="th_1", text="on")]
        else:
            events = run_events(f"r_{name}", chance.randint(7, 12), name)
        return self.ledger.attempt(name, thread, marked(events, name))

    @property
    def has_more(self):
        return bool(self.open_runs) or not self.is_stopping

    async def work(self, address):
        open_requests = []
        while open_requests or self.has_more:
            port = await address.next()
            try:
                stream = await Stream.open(port)
            except Lost:
                address_is_gone(address, port)
                continue
            try:
                open_requests = self.give_some_up(open_requests)
                self.retried += len(open_requests)
                while open_requests or self.has_more:
                    while len(open_requests) < self.random.choice([1, 2, 4]) and self.has_more:
                        open_requests.append(self.next_request())
                    await self.exchange(stream, open_requests)
                    await self.keep_pace()
            except Lost:
                pass
            finally:
                stream.close()

    async def keep_pace(self):
        if self.requests_per_second is not None and not self.is_stopping:
            ahead = self.count / self.requests_per_second - (time.monotonic() - self.began)
            await asyncio.sleep(max(0, ahead))

    def give_some_up(self, requests):
        """Now and then nobody asks again: then the events are there once, or not at all.

        It is all that is open of a run, or nothing: whoever asks for the start again asks for the end again, too.
        """
        runs = {request.events[0]["run_id"]: self.random.random() < 0.1 for request in requests}
        kept = [request for request in requests if not runs[request.events[0]["run_id"]]]
        self.given_up += len(requests) - len(kept)
        return kept

    async def exchange(self, stream, open_requests):
        """Sends all that is open, and takes the answers, which come in the same order."""
        for request in open_requests:
            await stream.send(
                message_frame(
                    op="emit", req=request.name, thread_id=request.thread, key=request.name, events=request.events
                )
            )
        while open_requests:
            raw = await stream.receive()
            message = json.loads(raw)
            request = open_requests[0]
            if message.get("req") != request.name:
                raise Fault(f"waited for the answer to {request.name} and got {raw[:300]}")
            self.ledger.answered(request, message, raw)
            if request.is_refused and self.open_runs.get(request.thread) == request.events[0]["run_id"]:
                # It is lost.
                del self.open_runs[request.thread]
            open_requests.pop(0)


def address_is_gone(address, port):
    """Whoever notices first says so; a new service is not meant."""
    if address.port == port:
        address.is_gone()


class Client:
    """A subscriber of one thread, over all its connections."""

    def __init__(self, name, thread, book, history=None):
        self.name = name
        self.history = history
        # By number: the bytes that any client of the thread saw first.
        self.book = book
        self.reader = ThreadReader(thread, 0)
        self.last = None
        self.reached = asyncio.Event()

    def ends_at(self, last):
        self.last = last
        if self.reader.sequence >= last:
            self.reached.set()

    async def follow(self, address):
        while True:
            port = await address.next()
            try:
                stream = await Stream.open(port)
            except Lost:
                address_is_gone(address, port)
                continue
            try:
                await stream.send(
                    message_frame(
                        op="subscribe",
                        thread_id=self.reader.thread,
                        after=self.reader.cursor or "start",
                        merge=False,
                    )
                )
                while True:
                    self.take(await stream.receive())
            except Lost:
                pass
            finally:
                stream.close()

    def take(self, raw):
        if raw.startswith('{"type"'):
            event = self.reader.accept(raw)
            if self.history:
                self.history.seen(self.name, raw)
            if self.book.setdefault(event["seq"], raw) != raw:
                raise Fault(f"{self.name}: event {event['id']} has other bytes than another client saw: {raw[:300]}")
            if self.last is not None and self.reader.sequence >= self.last:
                self.reached.set()
            return
        message = json.loads(raw)
        if message.get("op") == "subscribed":
            if message["after"] != self.reader.cursor:
                raise Fault(f"{self.name} is at {self.reader.cursor}, the answer is {raw[:300]}")
            if self.history:
                self.history.subscribed(self.name, self.reader.thread, message["after"])
        elif message.get("op") != "live":
            raise Fault(f"{self.name} got {raw[:300]}")
        elif message["cursor"] != self.reader.cursor:
            raise Fault(f"{self.name}: live at {message['cursor']}, events came up to {self.reader.cursor}")

    def check(self, raws):
        if self.reader.raw != raws:
            raise Fault(f"{self.name} saw {len(self.reader.raw)} events, and not the {len(raws)} of the log")


class Course:
    """The whole test, and what came of it."""

    def __init__(self, binary, seed, kills, long):
        self.binary = binary
        self.random = random.Random(seed)
        self.kills_wanted = kills
        self.deadline = time.monotonic() + LONG_SECONDS if long else None
        self.kills = 0
        self.ledger = Ledger()
        self.threads = [f"t_{number}" for number in range(THREADS)]
        pace = LONG_REQUESTS_PER_SECOND if long else None
        self.emitters = [
            Emitter(number, self.ledger, self.threads[number::EMITTERS], self.random.random(), pace)
            for number in range(EMITTERS)
        ]

    def goes_on(self):
        if self.deadline is not None:
            return time.monotonic() < self.deadline
        return self.kills < self.kills_wanted

    async def run(self, data, history):
        address = Address()
        books = {thread: {} for thread in self.threads}
        clients = []
        for number in range(CLIENTS):
            thread = self.threads[number % THREADS]
            recorded = history if number < RECORDED_CLIENTS else None
            clients.append(Client(f"c_{number}", thread, books[thread], recorded))
        emitting = [asyncio.create_task(emitter.work(address)) for emitter in self.emitters]
        following = [asyncio.create_task(client.follow(address)) for client in clients]
        everyone = emitting + following
        try:
            while self.goes_on():
                await self.one_life(data, address, everyone)
            await self.last_life(data, address, clients, emitting, everyone, history)
        finally:
            for task in everyone:
                task.cancel()
            await asyncio.gather(*everyone, return_exceptions=True)

    async def one_life(self, data, address, everyone):
        """From a start to a kill."""
        service = await asyncio.to_thread(lambda: Service(self.binary, data, *IDLE).wait_until_listening())
        try:
            address.is_at(service.port)
            await still_well(everyone, self.random.uniform(0.02, 0.3))
            if not service.is_running():
                raise Fault(f"the service ended by itself: {service.errors()}")
        finally:
            # Nobody runs in between: whoever comes now finds it dead.
            service.kill()
            address.is_gone()
        self.kills += 1

    async def last_life(self, data, address, clients, emitting, everyone, history):
        """The emitters get their answers, the clients come to the end, and all is compared."""
        service = await asyncio.to_thread(lambda: Service(self.binary, data, *IDLE).wait_until_listening())
        try:
            address.is_at(service.port)
            for emitter in self.emitters:
                emitter.is_stopping = True
            await in_time(asyncio.gather(*emitting), everyone, "the emitters got no answers")
            logs = await asyncio.to_thread(self.settled_logs, service)
            for client in clients:
                client.ends_at(len(logs[client.reader.thread]))
            reached = asyncio.gather(*(client.reached.wait() for client in clients))
            await in_time(reached, everyone, "the clients did not come to the end")
            for client in clients:
                client.check(logs[client.reader.thread])
            self.ledger.check(logs)
            self.write_down(history, logs)
        finally:
            for task in everyone:
                task.cancel()
            service.kill()

    def settled_logs(self, service):
        """All threads, when the runs that were given up are ended, and no more comes."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            logs = {t: [raw.decode("utf-8") for raw in service.pages(t)[0]] for t in self.threads}
            open_runs = [run for raws in logs.values() for run in unended(raws)]
            if not open_runs:
                return logs
            if time.monotonic() > deadline:
                raise Fault(f"{open_runs} have no end {SETTLE_SECONDS} s after the start")

    def write_down(self, history, logs):
        for request in self.ledger.requests:
            history.attempt(request.name, request.thread, request.events, key=request.name)
            if request.cursors is not None:
                history.acknowledged(request.name, request.thread, request.cursors)
            if request.is_refused:
                history.refused(request.name)
        for raws in logs.values():
            for raw in raws:
                history.logged(raw)


def unended(raws):
    """The runs without an end."""
    started = {}
    for raw in raws:
        event = json.loads(raw)
        if event["type"] == "agent_started":
            started[event["run_id"]] = True
        elif event["type"] in ("agent_completed", "agent_failed", "agent_cancelled"):
            started.pop(event["run_id"], None)
    return list(started)


async def still_well(tasks, seconds):
    """Waits; a client or emitter that ends meanwhile has found a fault."""
    done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
        raise Fault("a client ended by itself")


async def in_time(waiting, everyone, message):
    waiting = asyncio.ensure_future(waiting)
    others = [task for task in everyone if not task.done()]
    deadline = time.monotonic() + SETTLE_SECONDS
    while not waiting.done():
        done, _ = await asyncio.wait(
            [waiting, *others], timeout=max(0, deadline - time.monotonic()), return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            raise Fault(f"{message} within {SETTLE_SECONDS} s")
        for task in done:
            task.result()
        others = [task for task in others if not task.done()]
    await waiting


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--long", action="store_true", help=f"as many kills as fit into {LONG_SECONDS} seconds")
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    print(f"seed {options.seed}, {machine_load()}", flush=True)
    course, started = Course(options.binary, options.seed, options.kills, options.long), time.monotonic()
    try:
        with DataFolder() as data, History() as history:
            asyncio.run(asyncio.wait_for(course.run(data, history), TIME_LIMIT))
            verdict = history.check(options.binary)
    except (Fault, asyncio.TimeoutError) as fault:
        name = f"not done within {TIME_LIMIT} s" if isinstance(fault, asyncio.TimeoutError) else fault
        print(f"FAILED with --seed {options.seed}: {name} ({course.kills} kills)")
        return 1
    requests = course.ledger.requests
    acknowledged = sum(request.cursors is not None for request in requests)
    refused = sum(request.is_refused for request in requests)
    print(
        f"{course.kills} kills, {sum(emitter.retried for emitter in course.emitters)} requests sent again, "
        f"{refused} refused as their run was lost, {sum(emitter.given_up for emitter in course.emitters)} given up"
    )
    print(
        f"{course.kills} kills, {CLIENTS} clients, {acknowledged} acknowledged requests, {verdict}, "
        f"{time.monotonic() - started:.0f} s (seed {options.seed})"
    )
    return 0


# The checks, checked ----------------------------------------------------------------------------------------------------


def self_test():
    events = marked(run_events("r_1", 8, "x"), "e1-1")
    good = [
        json.dumps({**event, "id": f"3-{number}", "seq": number, "thread_id": "t_1"})
        for number, event in enumerate(events, 1)
    ]
    ids = [f"3-{number}" for number in range(1, 9)]
    lost = json.dumps(
        {"type": "agent_failed", "id": "3-9", "seq": 9, "thread_id": "t_1", "data": {"error": {"code": "run.lost"}}}
    )

    def changed(raw, **members):
        return json.dumps({**json.loads(raw), **members})

    def ledger(cursors=None, refused=False):
        fresh = Ledger()
        request = fresh.attempt("e1-1", "t_1", events)
        request.cursors, request.is_refused = cursors, refused
        return fresh

    def checked(raws, cursors=None, refused=False, thread="t_1"):
        return lambda: ledger(cursors, refused).check({thread: raws})

    def refused_alive():
        fresh = ledger(ids)
        fresh.attempt("e1-2", "t_1", [draft("agent_thinking", "r_1")]).is_refused = True
        fresh.check({"t_1": good})

    def again():
        """All eight events twice."""
        return [changed(raw, id=f"3-{n}", seq=n) for n, raw in enumerate(good + good, 1)]

    def client(raws, book=None):
        follower = Client("c_1", "t_1", {} if book is None else book)
        for raw in raws:
            follower.take(raw)
        return follower

    def answered(message, **state):
        fresh = ledger(**state)
        return lambda: fresh.answered(fresh.requests[0], message, json.dumps(message))

    def emitted(cursors):
        return {"op": "emitted", "thread_id": "t_1", "cursors": cursors}

    def subscribed(after):
        return json.dumps({"op": "subscribed", "thread_id": "t_1", "after": after})

    for nothing_wrong in (checked(good, ids), checked(good), checked([]), checked([], refused=True), checked(good + [lost], ids)):
        nothing_wrong()
    client([subscribed(None), *good[:4], subscribed("3-4"), *good[4:]]).check(good)
    answered(emitted(ids), cursors=ids)()
    refusal = {"op": "error", "code": "order.already_ended"}
    return check_broken(
        "kill under load",
        [
            ("an acknowledged batch lost", "acknowledged as", checked([], ids)),
            ("an acknowledged batch elsewhere", "acknowledged as", checked(good, ids[::-1])),
            ("a batch twice", "the log holds", checked(again(), ids)),
            ("a given up batch twice", "the log holds", checked(again())),
            ("half a batch", "the log holds", checked(good[:4])),
            ("a refused batch logged", "was refused", checked(good, refused=True)),
            ("a refusal without a reason", "not lost", refused_alive),
            ("other content", "instead of", checked([changed(good[0], run_id="r_2")] + good[1:], ids)),
            ("a foreign event", "got an event of", checked(good, thread="t_2")),
            ("an event of nobody", "nobody emitted", checked([changed(good[0], data={})])),
            ("a failure that is none", "nobody emitted", checked(good + [lost.replace("run.lost", "error")])),
            ("other cursors", "before", answered(emitted(ids[::-1]), cursors=ids)),
            ("too few cursors", "were emitted", answered(emitted(ids[1:]))),
            ("refused after all", "answered with", answered(refusal)),
            ("another error", "answered with", answered({"op": "error", "code": "log.failed"})),
            ("a lost event", "came after", lambda: client(good[:3] + good[4:])),
            ("a doubled event", "came again", lambda: client(good[:3] + good[2:])),
            ("a swapped pair", "came after", lambda: client([good[1], good[0]])),
            ("another position", "is at", lambda: client([*good[:4], subscribed("3-3")])),
            ("a reset", "got", lambda: client(['{"op":"reset"}'])),
            ("live too early", "live at", lambda: client([*good[:4], '{"op":"live","cursor":"3-5"}'])),
            ("other bytes", "other bytes", lambda: client(good, {3: good[2] + " "})),
            ("a lost tail", "not the 8", lambda: client(good[:-1]).check(good)),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
