#!/usr/bin/env python3
"""kill -9 at any moment: what was acknowledged or seen is there afterwards, with the same bytes, and nothing twice.

Clients emit batches with idempotency keys and remember what was acknowledged; a subscriber remembers what it saw. The
service is killed with SIGKILL after a random short time under load (or while it starts), and started again on the same
data. After each start:

- every event that was acknowledged, seen or read before is there, with the same id and bytes;
- the sequences of each thread are dense, batches are whole, and no id was used for two events;
- the generation of new events is above all earlier ones;
- a run that had no end is open, its client goes on with it, and it ends just once, as its client says;
- a key sent again, acknowledged before or not, logs its events at most once, and gives the cursors it gave before;
- the subscriber goes on at its cursor without a reset.

  crash.py               against services that this script starts and kills
  crash.py --self-test   that the checks notice each of these faults
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time

from drafts import draft, run_events
from service import SUBPROTOCOL, DataFolder, Service, add_binary_option
from self_test import check_broken
from thread_reader import Fault, ThreadReader

KILLS = 55
# After so many kills the clients go on in new threads, so that what is read again and again does not grow and grow.
KILLS_PER_EPOCH = 8
THREADS = 12
WORKERS = 4
TIME_LIMIT = 120
ENDS = ("agent_completed", "agent_failed", "agent_cancelled")


class Request:
    """A batch under an idempotency key."""

    def __init__(self, thread, key, events):
        self.thread = thread
        self.key = key
        self.events = events
        self.cursors = None


class Ledger:
    """All that clients know: what was acknowledged, seen and read. Any contradiction is a Fault."""

    def __init__(self):
        # By thread: the bytes behind each id that anybody ever saw, and the requests in the order in which they were sent.
        self.bytes = {}
        self.requests = {}
        self.generation = 0
        self.threads = []
        self.begin_epoch(0)
        # Runs that went on after a kill.
        self.continued_runs = set()

    def begin_epoch(self, epoch):
        self.threads = [f"t_{epoch}_{number}" for number in range(THREADS)]
        for thread in self.threads:
            self.bytes[thread] = {}
            self.requests[thread] = []

    def lately_sent(self):
        """The requests of this epoch: those without an answer, and those with one."""
        requests = [request for thread in self.threads for request in self.requests[thread]]
        return [r for r in requests if r.cursors is None], [r for r in requests if r.cursors is not None]

    def saw(self, thread, raw):
        """An event that a subscriber or a page showed: it must never change or vanish."""
        event = json.loads(raw)
        known = self.bytes[thread].setdefault(event["id"], raw)
        if known != raw:
            raise Fault(f"{thread}: the id {event['id']} has other bytes than before: {raw[:300]} instead of {known[:300]}")

    def acknowledged(self, request, cursors):
        if len(cursors) != len(request.events):
            raise Fault(f"{request.thread}: {len(request.events)} events were emitted, cursors: {cursors}")
        if request.cursors is not None and request.cursors != cursors:
            raise Fault(f"{request.thread}: key {request.key} gave {request.cursors} and now {cursors}")
        if request.cursors is None:
            request.cursors = cursors

    def check_new_generation(self, cursors):
        """The first events logged after a start."""
        generation = int(cursors[0].partition("-")[0])
        if generation <= self.generation:
            raise Fault(f"after a start the generation is {generation}, and was {self.generation} before")
        self.generation = generation

    def check_thread(self, thread, raws):
        """The whole thread as it is after a start. Returns the runs without an end."""
        reader = ThreadReader(thread, 0)
        markers, last_marker, open_runs = {}, None, {}
        for raw in raws:
            event = reader.accept(raw)
            self.saw(thread, raw)
            self.generation = max(self.generation, reader.generation)
            self._follow_run(thread, event, open_runs)
            key = key_of(event)
            if key is not None:
                if key in markers and key != last_marker:
                    raise Fault(f"{thread}: the events of key {key} are not next to each other, or were logged twice")
                markers.setdefault(key, []).append(event["id"])
            last_marker = key
        present = {json.loads(raw)["id"] for raw in raws}
        for cursor in self.bytes[thread]:
            if cursor not in present:
                raise Fault(f"{thread}: event {cursor} was seen before and is lost")
        for request in self.requests[thread]:
            self._check_request(request, markers.get(request.key, []))
        return list(open_runs)

    def _follow_run(self, thread, event, open_runs):
        run = event.get("run_id")
        generation = int(event["id"].partition("-")[0])
        if event["type"] == "agent_started":
            open_runs[run] = generation
        elif run is not None and run not in open_runs:
            raise Fault(f"{thread}: event {event['id']} follows the end of its run {run}")
        if run is not None and generation > open_runs[run]:
            self.continued_runs.add(run)
        if event["type"] in ENDS:
            del open_runs[run]
            if event["type"] != "agent_completed":
                raise Fault(f"{thread}: run {run} was not ended by its client: {event['data']}")

    def _check_request(self, request, ids):
        if ids and len(ids) != len(request.events):
            raise Fault(f"{request.thread}: key {request.key} has {len(request.events)} events, logged are {ids}")
        if request.cursors is not None and ids != request.cursors:
            raise Fault(f"{request.thread}: {request.cursors} were acknowledged for {request.key}, logged are {ids}")


def key_of(event):
    """Every emitted event carries its key somewhere in its data."""
    text = json.dumps(event["data"])
    at = text.find("key:")
    return None if at < 0 else text[at + 4 :].partition(";")[0]


def stamped(events, key):
    """The same events, each with the key in its data."""
    for event in events:
        data = event["data"]
        if event["type"] == "agent_started":
            data["input"] = f"key:{key};"
        elif event["type"] == "agent_completed":
            data["result"] = f"key:{key};"
        elif "text" in data:
            data["text"] = f"key:{key}; {data['text']}"
        elif event["type"] == "tool_completed":
            data["result"] = f"key:{key};"
        else:
            data["arguments"] = {"key": f"key:{key};"}
    return events


class Worker:
    """One connection that emits into threads of its own, without a pause, until the service dies."""

    def __init__(self, number, ledger, seed):
        self.ledger = ledger
        self.random = random.Random(seed)
        self.number = number
        self.count = 0
        # By thread: a run that was left open, and is gone on with, also after a crash.
        self.open_run = {}

    def next_request(self):
        self.count += 1
        key = f"k_{self.number}_{self.count}"
        thread = self.random.choice(self.ledger.threads[self.number :: WORKERS])
        run = self.open_run.get(thread)
        if run is not None and self.random.random() < 0.5:
            events = [draft("agent_completed", run, duration_ms=1)]
            self.open_run[thread] = None
        elif run is not None:
            events = [draft("agent_thinking", run, thought_id="th_1", text="and on")]
        elif self.random.random() < 0.3:
            run = self.open_run[thread] = f"r_{key}"
            events = [draft("agent_started", run, "worker"), draft("agent_thinking", run, thought_id="th_1", text="on")]
        else:
            events = run_events(f"r_{key}", self.random.randint(7, 30), key)
        request = Request(thread, key, stamped(events, key))
        self.ledger.requests[thread].append(request)
        return request

    async def work(self, url):
        import websockets

        try:
            async with websockets.connect(url, subprotocols=[SUBPROTOCOL], compression=None) as socket:
                await expect(socket, "welcome")
                while True:
                    window = [self.next_request() for _ in range(self.random.choice([1, 1, 2, 8]))]
                    for number, request in enumerate(window):
                        await socket.send(emit_message(request, number))
                    for number, request in enumerate(window):
                        message = await expect(socket, "emitted")
                        if message["req"] != number:
                            raise Fault(f"the answers come in another order: {message}")
                        self.ledger.acknowledged(request, message["cursors"])
        except (OSError, websockets.ConnectionClosed, websockets.InvalidMessage):
            pass  # the service was killed


def emit_message(request, number):
    return json.dumps(
        {"op": "emit", "req": number, "thread_id": request.thread, "key": request.key, "events": request.events}
    )


async def expect(socket, op):
    while True:
        raw = await socket.recv()
        message = json.loads(raw)
        if message.get("op") == op:
            return message
        if message.get("op") != "ping":
            raise Fault(f"waited for {op} and got {raw[:400]}")
        await socket.send('{"op":"pong"}')


class Watcher:
    """A subscriber of all threads, which goes on at its cursors after each crash."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.readers = {}

    async def watch(self, url):
        import websockets

        try:
            async with websockets.connect(url, subprotocols=[SUBPROTOCOL], compression=None) as socket:
                await expect(socket, "welcome")
                for thread in self.ledger.threads:
                    after = self.readers.setdefault(thread, ThreadReader(thread, 0)).cursor or "start"
                    await socket.send(json.dumps({"op": "subscribe", "thread_id": thread, "after": after, "merge": False}))
                while True:
                    await self.take(await socket.recv(), socket)
        except (OSError, websockets.ConnectionClosed, websockets.InvalidMessage):
            pass  # the service was killed

    async def take(self, raw, socket):
        message = json.loads(raw)
        if "type" in message:
            reader = self.readers.get(message["thread_id"])
            if reader is None:
                raise Fault(f"got an event of a thread not asked for: {raw[:300]}")
            reader.accept(raw)
            self.ledger.saw(reader.thread, raw)
        elif message["op"] == "ping":
            await socket.send('{"op":"pong"}')
        elif message["op"] not in ("subscribed", "live"):
            raise Fault(f"the subscriber got {raw[:300]}")


async def under_load(service, workers, watcher, seconds):
    """Load until the kill."""
    tasks = [asyncio.create_task(worker.work(service.url)) for worker in workers]
    tasks.append(asyncio.create_task(watcher.watch(service.url)))
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    early = [task for task in tasks if task.done()]
    service.kill()
    await asyncio.wait_for(asyncio.gather(*tasks), 180)
    if early:
        raise Fault(f"a connection ended before the service was killed: {service.errors()}")


async def send_again(url, ledger, requests):
    """Sends keys again; those that were never logged are logged now."""
    import websockets

    async with websockets.connect(url, subprotocols=[SUBPROTOCOL], compression=None) as socket:
        await expect(socket, "welcome")
        # The first event of this generation.
        probe = Request(ledger.threads[0], f"k_probe_{ledger.generation}", [])
        probe.events = stamped(run_events(f"r_{probe.key}", 7, probe.key), probe.key)
        await socket.send(emit_message(probe, 0))
        cursors = (await expect(socket, "emitted"))["cursors"]
        ledger.check_new_generation(cursors)
        ledger.acknowledged(probe, cursors)
        ledger.requests[probe.thread].append(probe)
        for number, request in enumerate(requests):
            await socket.send(emit_message(request, number))
            raw = await socket.recv()
            message = json.loads(raw)
            if message.get("op") != "emitted":
                raise Fault(f"{request.thread}: key {request.key} sent again: {raw[:400]}")
            ledger.acknowledged(request, message["cursors"])


def check_all(service, ledger, threads):
    """Reads threads whole. Returns the runs without an end, with their threads."""
    open_runs = []
    for thread in threads:
        events, _ = service.pages(thread)
        open_runs += [(thread, run) for run in ledger.check_thread(thread, [event.decode("utf-8") for event in events])]
    return open_runs


def end_runs(service, open_runs):
    """However many times the service was killed since, a client ends its run."""
    for thread, run in open_runs:
        end = draft("agent_completed", run, duration_ms=1)
        answer = service.request("POST", f"/v1/threads/{thread}/events", json.dumps(end))
        if answer.status != 201:
            raise Fault(f"{thread}: the end of run {run} was refused: {answer}")


def kill_while_starting(service, seconds):
    """Kills while the service opens the log, binds its port, or just after."""
    try:
        service.process.wait(seconds)
    except subprocess.TimeoutExpired:
        service.kill()
    else:
        raise Fault(f"the service ended by itself: {service.errors()}")


def crash_test(binary, seed, kills):
    chance = random.Random(seed)
    ledger = Ledger()
    workers = [Worker(number, ledger, chance.random()) for number in range(WORKERS)]
    watcher = Watcher(ledger)
    start_seconds = 0.2
    with DataFolder() as data:
        for number in range(kills):
            if number % KILLS_PER_EPOCH == KILLS_PER_EPOCH - 1:
                ledger.begin_epoch(number)
            service = Service(binary, data)
            try:
                if chance.random() < 0.2:
                    kill_while_starting(service, chance.uniform(0, 2 * start_seconds))
                    continue
                started = time.monotonic()
                service.wait_until_listening()
                start_seconds = time.monotonic() - started
                unacknowledged, acknowledged = ledger.lately_sent()
                again = unacknowledged + chance.sample(acknowledged, min(5, len(acknowledged)))
                asyncio.run(send_again(service.url, ledger, again))
                check_all(service, ledger, ledger.threads)
                asyncio.run(under_load(service, workers, watcher, chance.uniform(0, 0.2)))
            finally:
                service.kill()
        with Service(binary, data) as service:
            unacknowledged, acknowledged = ledger.lately_sent()
            asyncio.run(send_again(service.url, ledger, unacknowledged + acknowledged[-20:]))
            # Those of all epochs, and twice: two readings of the same log are the same bytes.
            end_runs(service, check_all(service, ledger, list(ledger.bytes)))
            check_ended(ledger, check_all(service, ledger, list(ledger.bytes)))
    return ledger


def check_ended(ledger, open_runs):
    if open_runs:
        raise Fault(f"{open_runs} are open, and were ended")
    if not ledger.continued_runs:
        raise Fault("no run went on after a kill")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    print(f"seed {options.seed}", flush=True)
    started = time.monotonic()
    try:
        ledger = crash_test(options.binary, options.seed, options.kills)
    except Fault as fault:
        print(f"FAILED with --seed {options.seed}: {fault}")
        return 1
    seconds = time.monotonic() - started
    if seconds > TIME_LIMIT:
        print(f"FAILED with --seed {options.seed}: took {seconds:.0f} s, the limit is {TIME_LIMIT} s")
        return 1
    events = sum(len(known) for known in ledger.bytes.values())
    requests = sum(len(of_thread) for of_thread in ledger.requests.values())
    print(
        f"{options.kills} kills, {events} events, {requests} acknowledged requests, "
        f"{len(ledger.continued_runs)} runs went on after a kill, "
        f"generation {ledger.generation}, {seconds:.0f} s (seed {options.seed})"
    )
    return 0


# The checks, checked ----------------------------------------------------------------------------------------------------


THREAD = "t_0_0"


def recorded(generation=3, lost=False):
    """A thread with two requests: a whole run, and one that is completed, or lost, which none may be."""
    first, second = run_events("r_1", 8, "k_1"), [draft("agent_started", "r_2", "worker")]
    events = stamped(first, "k_1") + stamped(second, "k_2")
    if lost:
        error = {"code": "run.lost", "message": "", "retryable": True}
        events.append(draft("agent_failed", "r_2", error=error, duration_ms=0))
    else:
        events += stamped([draft("agent_completed", "r_2", duration_ms=1)], "k_3")
    return [
        json.dumps({**event, "id": f"{generation}-{number}", "seq": number, "thread_id": THREAD})
        for number, event in enumerate(events, 1)
    ]


def self_test():
    good = recorded()
    ids = [json.loads(raw)["id"] for raw in good]

    def ledger():
        fresh = Ledger()
        fresh.check_thread(THREAD, good)
        request = Request(THREAD, "k_1", [json.loads(raw) for raw in good[:8]])
        fresh.acknowledged(request, ids[:8])
        fresh.requests[THREAD].append(request)
        return fresh

    def changed(raw, **members):
        return json.dumps({**json.loads(raw), **members})

    def renumbered(raws):
        return [changed(raw, id=f"3-{number}", seq=number) for number, raw in enumerate(raws, 1)]

    def fresh_with(request_ids, raws):
        fresh = Ledger()
        request = Request(THREAD, "k_1", [json.loads(raw) for raw in good[:8]])
        request.cursors = request_ids
        fresh.requests[THREAD].append(request)
        fresh.check_thread(THREAD, raws)

    def ended(raws):
        fresh = Ledger()
        check_ended(fresh, fresh.check_thread(THREAD, raws))

    continued = good[:9] + [changed(good[9], id="4-10")]

    def checked(raws):
        return lambda: Ledger().check_thread(THREAD, raws)

    broken = [
        ("a lost tail", "is lost", lambda: ledger().check_thread(THREAD, good[:-1])),
        ("a lost thread", "is lost", lambda: ledger().check_thread(THREAD, [])),
        ("a gap", "came after", checked(good[:4] + good[5:])),
        ("a doubled event", "came again", checked(good[:4] + good[3:])),
        ("other bytes", "other bytes", lambda: ledger().check_thread(THREAD, [changed(good[0], time="x")] + good[1:])),
        ("a lost batch", "were acknowledged", lambda: fresh_with(ids[:8], renumbered(good[8:]))),
        ("half a batch", "has 8 events", lambda: fresh_with(None, renumbered(good[:5] + good[7:]))),
        ("a batch twice", "logged twice", lambda: fresh_with(ids[:8], good + renumbered(good + good[:8])[10:])),
        ("other cursors", "and now", lambda: ledger().acknowledged(ledger_request(ids[:8]), ids[1:9])),
        ("too few cursors", "were emitted", lambda: ledger().acknowledged(ledger_request(None), ids[:3])),
        ("an old generation", "generation", lambda: ledger().check_new_generation(["3-11"])),
        ("an event too late", "follows", checked(renumbered(good + [changed(good[1], data={"text": "late"})]))),
        ("a lost run", "not ended by its client", checked(recorded(lost=True))),
        ("a run without an end", "are open", lambda: ended(good[:9])),
        ("no run that was cut", "no run went on", lambda: ended(good)),
    ]

    def ledger_request(cursors):
        request = Request(THREAD, "k_1", [{}] * 8)
        request.cursors = cursors
        return request

    if ledger().check_thread(THREAD, good):
        print("self-test: a good thread was refused")
        return 1
    ended(continued)
    return check_broken("kill -9", broken)


if __name__ == "__main__":
    sys.exit(main())
