#!/usr/bin/env python3
"""Requests that do not wait for answers: each gets one, and what one connection sends about a thread is applied in order.

A page that mounts twice (subscribe, unsubscribe at once) 200 times; a client that subscribes and emits at once, into 2 000 new
threads; every ordered pair of requests in one packet, about one thread and about two, against what is due when each waits for
the one before. And a client that takes messages of 1 MiB and no more, as Python's `websockets` does unless told otherwise,
follows a thread whose state is larger: it comes in parts.

  pipelined.py               against a service that this script starts
  pipelined.py --self-test   that the checks notice each fault
"""

import argparse
import asyncio
import json
import sys
import time

from drafts import draft
from open_stream import Lost, Stream
from plain_stream import message_frame
from self_test import check_broken
from service import SUBPROTOCOL, DataFolder, Service, add_binary_option
from thread_reader import Fault

MOUNTS, NEW_THREADS = 200, 2000
MOST_BYTES = 1024 * 1024
ANSWER_SECONDS = 60
ONE_EVENT = [{"type": "custom", "data": {"name": "n", "value": 1}}]

# What a client may send, without its mark and its thread.
REQUESTS = {
    "subscribe now": {"op": "subscribe", "after": "now"},
    "subscribe start": {"op": "subscribe", "after": "start"},
    "subscribe cursor": {"op": "subscribe", "after": "1-900"},
    "subscribe snapshot": {"op": "subscribe", "after": "snapshot"},
    "subscribe consumer": {"op": "subscribe", "consumer": "c"},
    "unsubscribe": {"op": "unsubscribe"},
    "ack": {"op": "ack", "cursor": "1-900"},
    "emit": {"op": "emit", "events": ONE_EVENT},
    "ping": {"op": "ping"},
    "malformed": {"op": "subscribe", "after": "nowhere"},
}
# Answered at once, whatever is under way.
PROMPT = ("ping", "malformed")


class Model:
    """What is due when each request waits for the one before."""

    def __init__(self):
        self.follows = False

    def due(self, name):
        if name.startswith("subscribe"):
            if self.follows:
                return "subscription.exists"
            self.follows = True
            return "subscribed"
        if name == "unsubscribe":
            if not self.follows:
                return "subscription.unknown"
            self.follows = False
            return "unsubscribed"
        if name == "ack":
            return "ack.not_sent" if self.follows else "subscription.unknown"
        return {"emit": "emitted", "ping": "pong", "malformed": "cursor.invalid"}[name]


class Answers:
    """What came until each request had its answer."""

    def __init__(self, title):
        self.title = title
        self.words = {}
        self.order = []
        self.messages = []

    def take(self, raw, wanted):
        """Takes a message in. Returns whether every request is answered."""
        if len(raw.encode("utf-8")) > MOST_BYTES:
            raise Fault(f"{self.title}: a message has {len(raw.encode('utf-8'))} bytes")
        message = json.loads(raw)
        self.messages.append(message)
        if "type" not in message and "req" in message:
            mark = message["req"]
            if mark in self.words:
                raise Fault(f"{self.title}: request {mark} is answered twice: {raw[:200]}")
            self.words[mark] = message.get("code", message["op"])
            self.order.append(mark)
        return len(self.order) >= wanted

    def events(self):
        return [message for message in self.messages if "type" in message]

    def answer(self, mark):
        return next(message for message in self.messages if "type" not in message and message.get("req") == mark)

    def check_words(self, due):
        if self.words != due:
            raise Fault(f"{self.title}: the answers are {self.words}, due were {due}")

    def check_order(self, due):
        if self.order != due:
            raise Fault(f"{self.title}: answered in the order {self.order}, due was {due}")

    def check_events(self, sequences):
        seen = [event["seq"] for event in self.events()]
        if seen != sequences:
            raise Fault(f"{self.title}: the events {seen} came, due were {sequences}")


async def hear(stream, title, wanted):
    answers = Answers(title)

    async def listen():
        while not answers.take(await stream.receive(), wanted):
            pass

    try:
        await asyncio.wait_for(listen(), ANSWER_SECONDS)
    except asyncio.TimeoutError:
        raise Fault(f"{title}: {wanted} requests, and after {ANSWER_SECONDS} s only {answers.order} are answered") from None
    except Lost:
        raise Fault(f"{title}: the service ended the connection") from None
    return answers


def request(name, mark, thread):
    place = {} if name == "ping" else {"thread_id": thread}
    return message_frame(**REQUESTS[name], req=mark, **place)


# The inputs ---------------------------------------------------------------------------------------------------------------


async def mount_twice(port):
    """A page that mounts, is left at once, and mounts again."""
    stream = await Stream.open(port)
    for number in range(MOUNTS):
        thread, first = f"t_mount_{number}", number * 3
        names = ("subscribe now", "unsubscribe", "subscribe now")
        await stream.send(b"".join(request(name, first + place, thread) for place, name in enumerate(names)))
        answers = await hear(stream, f"mount {number}", 3)
        check_mount(answers, first)
    stream.close()


def check_mount(answers, first):
    answers.check_order([first, first + 1, first + 2])
    answers.check_words({first: "subscribed", first + 1: "unsubscribed", first + 2: "subscribed"})


async def subscribe_and_emit(port):
    """Into new threads, on ten connections, so that some of it meets other commits."""
    await asyncio.gather(*(subscribe_and_emit_on_one(port, number) for number in range(10)))


async def subscribe_and_emit_on_one(port, connection):
    stream = await Stream.open(port)
    for number in range(NEW_THREADS // 10):
        thread = f"t_new_{connection}_{number}"
        names = ("subscribe now", "emit", "unsubscribe")
        await stream.send(b"".join(request(name, place, thread) for place, name in enumerate(names)))
        check_new_thread(await hear(stream, thread, 3))
    stream.close()


def check_new_thread(answers):
    answers.check_words({0: "subscribed", 1: "emitted", 2: "unsubscribed"})
    answers.check_order([0, 1, 2])
    if answers.answer(0)["after"] is not None or answers.answer(0)["head"] is not None:
        raise Fault(f"{answers.title}: {answers.answer(0)} knows of what was emitted later")
    answers.check_events([1])


async def pairs(port):
    count = 0
    for first in REQUESTS:
        for second in REQUESTS:
            for same in (True, False):
                title = f"{first}, {second}, {'one thread' if same else 'two threads'}"
                threads = [f"t_pair_{count}", f"t_pair_{count}" if same else f"t_pair_{count}_other"]
                count += 1
                stream = await Stream.open(port)
                await stream.send(request(first, 1, threads[0]) + request(second, 2, threads[1]))
                check_pair(await hear(stream, title, 2), first, second, same)
                stream.close()
    return count


def check_pair(answers, first, second, same):
    model = Model()
    due = {1: model.due(first)}
    due[2] = (model if same else Model()).due(second)
    answers.check_words(due)
    if same and second not in PROMPT and (first, second) != ("emit", "ack"):
        answers.check_order([1, 2])


async def emitted_before_and_after(port):
    stream = await Stream.open(port)
    for number in range(100):
        names = ("emit", "subscribe now", "emit", "unsubscribe")
        thread = f"t_before_{number}"
        await stream.send(b"".join(request(name, place, thread) for place, name in enumerate(names)))
        answers = await hear(stream, thread, 4)
        answers.check_order([0, 1, 2, 3])
        answers.check_events([2])
        if answers.answer(1)["after"] != answers.answer(0)["cursors"][0]:
            raise Fault(f"{thread}: {answers.answer(1)} does not lie behind what was emitted before")
    stream.close()


# Snapshots in parts ---------------------------------------------------------------------------------------------------------


class Joiner:
    """Joins the parts of a snapshot of one thread."""

    def __init__(self, thread):
        self.thread = thread
        self.texts = []
        self.cursor = None

    def take(self, raw):
        """Takes a message in. Returns the state once it is whole."""
        if len(raw.encode("utf-8")) > MOST_BYTES:
            raise Fault(f"a message has {len(raw.encode('utf-8'))} bytes")
        message = json.loads(raw)
        if message.get("thread_id") != self.thread:
            return None
        if message.get("op") != "snapshot":
            if self.texts:
                raise Fault(f"between two parts came {raw[:200]}")
            return None
        if "state" in message:
            return message["state"]
        part, parts = message["part"], message["parts"]
        if part != len(self.texts) + 1 or self.texts and message["cursor"] != self.cursor:
            raise Fault(f"part {part} of {parts} at {message['cursor']} came after {len(self.texts)} of {self.cursor}")
        self.texts.append(message["state_json"])
        self.cursor = message["cursor"]
        if part < parts:
            return None
        state = json.loads("".join(self.texts))
        if state["cursor"] != self.cursor:
            raise Fault(f"the state is as of {state['cursor']}, its parts were of {self.cursor}")
        return state


async def large_snapshots(service):
    """The client that the README shows, with the limit that it has by itself."""
    import websockets

    thread, large = "t_large", {"q": "x" * 600_000, "quoted": '"\\🦩' * 1000}
    emit(service, thread, [draft("agent_started", "r_1", "guide")])
    for call in ("c_1", "c_2"):
        emit(service, thread, [draft("tool_executing", "r_1", call_id=call, tool="search", arguments=large)])
    joined = 0
    for subscribe in ({"after": "1-9000", "snapshot": True}, {"after": "snapshot"}, {"snapshot": True}):
        async with websockets.connect(service.url, subprotocols=[SUBPROTOCOL]) as socket:
            joiner, state = Joiner(thread), None
            await socket.send(json.dumps({"op": "subscribe", "thread_id": thread, **subscribe}))
            while state is None:
                state = joiner.take(await asyncio.wait_for(socket.recv(), ANSWER_SECONDS))
            check_state(state, large, len(joiner.texts))
            await asyncio.to_thread(emit, service, thread, ONE_EVENT)
            while True:
                message = json.loads(await asyncio.wait_for(socket.recv(), ANSWER_SECONDS))
                if message.get("type") == "custom":
                    break
            joined += len(joiner.texts)
    return joined


def check_state(state, large, parts):
    if [call["arguments"] for call in state["calls"]] != [large, large]:
        raise Fault("the state does not have the two open calls")
    if parts < 2:
        raise Fault(f"a state of more than 1 MiB came in {parts} parts")


def emit(service, thread, events):
    body = "\n".join(json.dumps(event) for event in events)
    answer = service.request("POST", f"/v1/threads/{thread}/events", body, {"Content-Type": "application/x-ndjson"})
    if answer.status != 201:
        raise Fault(f"an emission got {answer}")


async def check(service):
    await mount_twice(service.port)
    await subscribe_and_emit(service.port)
    await emitted_before_and_after(service.port)
    pair_count = await pairs(service.port)
    return pair_count, await large_snapshots(service)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    started = time.monotonic()
    try:
        with DataFolder() as data, Service(options.binary, data, "--log-level", "critical") as service:
            pair_count, parts = asyncio.run(check(service))
    except Fault as fault:
        print(f"FAILED: {fault}")
        return 1
    print(
        f"{MOUNTS} pages mounted twice, {NEW_THREADS} new threads, {pair_count} pairs: each request is answered once, in "
        f"order; a snapshot over 1 MiB joined of {parts // 2} parts, {time.monotonic() - started:.0f} s"
    )
    return 0


# The checks, checked ----------------------------------------------------------------------------------------------------


def self_test():
    def heard(*messages, wanted=3):
        answers = Answers("self-test")
        for message in messages:
            answers.take(json.dumps(message), wanted)
        return answers

    def subscribed(mark, after=None, head=None):
        return {"op": "subscribed", "req": mark, "thread_id": "t", "after": after, "head": head}

    def emitted(mark):
        return {"op": "emitted", "req": mark, "thread_id": "t", "cursors": ["3-1"]}

    def unsubscribed(mark):
        return {"op": "unsubscribed", "req": mark, "thread_id": "t"}

    event = {"type": "custom", "id": "3-1", "seq": 1}
    refused = {"op": "error", "req": 0, "code": "log.failed"}
    check_mount(heard(subscribed(0), unsubscribed(1), subscribed(2)), 0)
    check_new_thread(heard(subscribed(0), event, emitted(1), unsubscribed(2)))
    check_pair(heard(subscribed(1), unsubscribed(2)), "subscribe now", "unsubscribe", True)

    def joined(*messages):
        joiner = Joiner("t")
        return [joiner.take(message if isinstance(message, str) else json.dumps(message)) for message in messages][-1]

    def part(number, parts, text, cursor="3-9"):
        return {"op": "snapshot", "thread_id": "t", "cursor": cursor, "part": number, "parts": parts, "state_json": text}

    if joined(subscribed(1), part(1, 2, '{"cursor":'), {"op": "ping"}, part(2, 2, '"3-9"}')) != {"cursor": "3-9"}:
        raise RuntimeError("parts are not joined")
    large = {"q": "x"}
    check_state({"calls": [{"arguments": large}] * 2}, large, 2)
    return check_broken(
        "pipelined",
        [
            ("an answer dropped", "in the order", lambda: check_mount(heard(unsubscribed(1), subscribed(2)), 0)),
            ("an answer twice", "twice", lambda: heard(subscribed(0), subscribed(0))),
            ("answers out of order", "in the order",
             lambda: check_mount(heard(unsubscribed(1), subscribed(0), subscribed(2)), 0)),
            ("an error", "the answers are", lambda: check_new_thread(heard(refused, emitted(1), unsubscribed(2)))),
            ("a place behind what is emitted later", "knows of",
             lambda: check_new_thread(heard(subscribed(0, "3-1", "3-1"), emitted(1), unsubscribed(2)))),
            ("emitted before subscribed", "in the order",
             lambda: check_new_thread(heard(emitted(1), subscribed(0), event, unsubscribed(2)))),
            ("an event lost", "the events", lambda: check_new_thread(heard(subscribed(0), emitted(1), unsubscribed(2)))),
            ("an event twice", "the events",
             lambda: check_new_thread(heard(subscribed(0), event, event, emitted(1), unsubscribed(2)))),
            ("a pair that is applied in the other order", "the answers are",
             lambda: check_pair(heard(subscribed(1), {"op": "error", "req": 2, "code": "subscription.unknown"}),
                                "subscribe now", "unsubscribe", True)),
            ("a pair answered in the other order", "in the order",
             lambda: check_pair(heard(unsubscribed(2), subscribed(1)), "subscribe now", "unsubscribe", True)),
            ("a large message", "bytes", lambda: heard({"op": "ping", "text": "x" * MOST_BYTES})),
            ("a large part", "bytes", lambda: joined(part(1, 2, "x" * MOST_BYTES))),
            ("an event between two parts", "between", lambda: joined(part(1, 2, "{"), {**event, "thread_id": "t"})),
            ("a part left out", "came after", lambda: joined(part(1, 3, "{"), part(3, 3, "}"))),
            ("parts of two states", "came after", lambda: joined(part(1, 2, "{"), part(2, 2, "}", "3-10"))),
            ("a state of another event", "as of", lambda: joined(part(1, 2, '{"cursor":'), part(2, 2, '"3-8"}'))),
            ("a call lost", "open calls", lambda: check_state({"calls": [{"arguments": large}]}, large, 2)),
            ("one large message", "1 parts", lambda: check_state({"calls": [{"arguments": large}] * 2}, large, 1)),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
