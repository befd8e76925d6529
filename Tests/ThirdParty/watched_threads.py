#!/usr/bin/env python3
"""The list of threads, watched over a WebSocket by a client that is not ours.

What a client has by what it is told is compared with what `GET /v1/threads` answers: the same threads, in the same order, with the
same members. While events are emitted into many threads; with filters and small lists; when threads are deleted; by a client that
reads nothing for a while, which then gets the newest of each thread and nothing of what was in between; and after a kill -9 and a
restart, on the data folder of before.

  watched_threads.py               against services that this script starts
  watched_threads.py --self-test   that the checks notice each of these faults
"""

import argparse
import asyncio
import json
import socket
import sys
import time
import urllib.parse

from open_stream import Lost, Stream
from plain_stream import UPGRADE, message_frame
from self_test import check_broken
from service import ANSWER_SECONDS, DataFolder, Service, add_binary_option
from thread_reader import Fault

STATES = {"idle", "running", "waiting", "paused", "queued"}


class Watched:
    """The list, by what was told of it."""

    def __init__(self, limit=50):
        self.limit = limit
        self.threads = {}
        self.next = None
        self.is_watching = False
        self.message_count = 0

    def accept(self, message):
        """Returns whether the message is about the list."""
        op = message.get("op")
        if op == "watching":
            if self.is_watching:
                raise Fault("watching was told twice")
            self.is_watching = True
        elif op == "threads":
            self._threads(message)
        elif op in ("unwatched", "error"):
            raise Fault(f"the list has ended: {message}")
        else:
            return False
        return True

    def _threads(self, message):
        if not self.is_watching:
            raise Fault("the list came before watching")
        if set(message) != {"op", "threads", "gone", "next"}:
            raise Fault(f"a message has the members {sorted(message)}")
        says = not self.message_count or message["next"] != self.next
        for thread in message["gone"]:
            if thread not in self.threads:
                raise Fault(f"{thread} has gone, and was not in the list")
            del self.threads[thread]
            says = True
        for card in message["threads"]:
            thread = card["thread_id"]
            if thread in message["gone"]:
                raise Fault(f"{thread} is in the list and has gone")
            if card["status"] not in STATES:
                raise Fault(f"{thread} is {card['status']}")
            if self.threads.get(thread) == card:
                raise Fault(f"{thread} is told again, and has not changed")
            self.threads[thread] = card
            says = True
        if not says:
            raise Fault("a message says nothing")
        if len(self.threads) > self.limit:
            raise Fault(f"the list has {len(self.threads)} threads, and not {self.limit}")
        self.next = message["next"]
        self.message_count += 1

    @property
    def in_order(self):
        return sorted(self.threads.values(), key=lambda card: (card["updated_at"], card["thread_id"].encode()), reverse=True)

    def difference(self, page):
        """What is not as in a page of GET /v1/threads."""
        if [card["thread_id"] for card in self.in_order] != [card["thread_id"] for card in page["threads"]]:
            return f"the list is {list(self.threads)}, the page {[card['thread_id'] for card in page['threads']]}"
        for one, other in zip(self.in_order, page["threads"]):
            if one != other:
                return f"the list has {one}, the page {other}"
        return None if self.next == page["next"] else f"the list ends before {self.next}, the page before {page['next']}"


def emit(service, thread, *events):
    body = "\n".join(json.dumps(each) for each in events)
    answer = service.request("POST", f"/v1/threads/{thread}/events", body, {"Content-Type": "application/x-ndjson"})
    if answer.status != 201:
        raise Fault(f"the events were refused: {answer}")


def note(value):
    return {"type": "custom", "data": {"name": "n", "value": value}}


def started(run, text):
    return {"type": "agent_started", "run_id": run, "agent": "guide", "data": {"input": text}}


def ended(run):
    return {"type": "agent_cancelled", "run_id": run, "data": {"duration_ms": 1}}


def page_of(service, asked):
    answer = service.request("GET", f"/v1/threads?{urllib.parse.urlencode(asked)}")
    if answer.status != 200:
        raise Fault(f"the list: answered with {answer}")
    return answer.json()


async def open_small(port):
    """A connection whose kernel keeps little for it."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    stream = Stream(connection)
    await stream.send(UPGRADE)
    await stream.expect("welcome")
    return stream


async def watch(service, asked, is_small=False):
    stream = await (open_small(service.port) if is_small else Stream.open(service.port))
    await stream.send(message_frame(op="watch", req=1, **asked))
    return stream, Watched(asked.get("limit", 50))


async def take_until_same(service, stream, watched, asked, seconds=ANSWER_SECONDS):
    """Takes what comes until the client has what the service answers; each comparison may be a moment too early."""
    deadline = time.monotonic() + seconds
    difference = "nothing has come"
    while time.monotonic() < deadline:
        if watched.message_count:
            page = await asyncio.to_thread(page_of, service, asked)
            difference = watched.difference(page)
            if difference is None:
                return
        try:
            # What is missing is on its way; without it nothing else comes.
            async with asyncio.timeout(min(30, seconds)):
                watched.accept(json.loads(await stream.receive()))
        except TimeoutError:
            break
    raise Fault(f"the client is not told: {difference}")


async def check_growing(service):
    asked = {"limit": 5}
    stream, watched = await watch(service, asked)
    running, only = await watch(service, {"status": "running", "agent": "guide"})
    for turn in range(3):
        for number in range(12):
            emit(service, f"t_{number}", started(f"r_{turn}", f"Question {number}"), note(turn))
        await take_until_same(service, stream, watched, asked)
        await take_until_same(service, running, only, {"status": "running", "agent": "guide"})
        if len(only.threads) != 12:
            raise Fault(f"{len(only.threads)} of 12 runs are under way")
        for number in range(12):
            emit(service, f"t_{number}", ended(f"r_{turn}"))
        await take_until_same(service, running, only, {"status": "running", "agent": "guide"})
        if only.threads:
            raise Fault(f"{list(only.threads)} are under way, though nothing is")
    await take_until_same(service, stream, watched, asked)
    gone = watched.in_order[0]["thread_id"]
    answer = service.request("DELETE", f"/v1/threads/{gone}?wait")
    if answer.status != 200:
        raise Fault(f"the thread is not deleted: {answer}")
    await take_until_same(service, stream, watched, asked)
    if gone in watched.threads:
        raise Fault("a deleted thread is in the list")
    stream.close()
    running.close()


# What the service keeps for a connection, and the kernels of both ends.
MOST_BYTES = 1 << 20


async def check_slow(service, seconds):
    """A client that reads nothing costs its page: it gets the newest of each thread, and not each change."""
    asked = {"limit": 100, "q": "s_"}
    stream, watched = await watch(service, asked, is_small=True)
    # Of four bytes each: the largest title that there is.
    title = "\U0001F600" * 119
    for number in range(100):
        emit(service, f"s_{number}", {"type": "user_message", "data": {"message_id": "m_1", "user_id": "local", "text": title}})
    turns, start = 0, time.monotonic()
    while time.monotonic() < start + seconds:
        for number in range(100):
            emit(service, f"s_{number}", note(turns))
        turns += 1
    byte_count = 0
    # What has come meanwhile, and then the newest.
    while True:
        raw = await stream.receive()
        byte_count += len(raw)
        watched.accept(json.loads(raw))
        if watched.message_count and watched.difference(page_of(service, asked)) is None:
            break
    stream.close()
    told = sum(int(card["head"].split("-")[1]) for card in watched.threads.values())
    if told != 100 * (turns + 1):
        raise Fault(f"the newest cards tell of {told} events")
    # Four lists in a second would be more than that.
    if byte_count > MOST_BYTES:
        raise Fault(f"{byte_count} bytes came to a client that read nothing")
    return turns, watched.message_count, byte_count


async def check_restart(binary, folder):
    asked = {"limit": 20}
    with Service(binary, folder) as service:
        stream, watched = await watch(service, asked)
        for number in range(30):
            emit(service, f"k_{number}", started("r_1", "Go"), note(number))
        await take_until_same(service, stream, watched, asked)
        for number in range(0, 30, 2):
            emit(service, f"k_{number}", note(number))
        service.kill()
        try:
            while True:
                watched.accept(json.loads(await stream.receive()))
        except Lost:
            stream.close()
    with Service(binary, folder) as service:
        stream, again = await watch(service, asked)
        await take_until_same(service, stream, again, asked)
        for card in again.threads.values():
            events = [json.loads(event) for event in service.pages(card["thread_id"])[0]]
            if card["head"] != events[-1]["id"]:
                raise Fault(f"{card} is listed, and the last event is {events[-1]['id']}")
        stream.close()


async def check(binary):
    with Service(binary, None) as service:
        await check_growing(service)
        print("what a client is told of a list is what the service lists")
        turns, messages, byte_count = await check_slow(service, 10)
        print(f"a client that read nothing for {turns} changes of 100 threads got {messages} messages, {byte_count // 1024} KiB")
    with DataFolder() as folder:
        await check_restart(binary, folder)
    print("and so it is after a kill -9")


# The checks, checked ------------------------------------------------------------------------------------------------------


def card(thread, head="1-1", at=1, **members):
    return {"thread_id": thread, "updated_at": f"2026-11-28T10:00:00.00{at}Z", "head": head, "status": "idle", **members}


def news(*cards, gone=(), following=None, **members):
    return {"op": "threads", "threads": list(cards), "gone": list(gone), "next": following, **members}


def told(*messages, limit=50, page=None):
    watched = Watched(limit)
    for message in messages:
        watched.accept(message)
    difference = watched.difference(page) if page else None
    if difference:
        raise Fault(difference)


def self_test():
    first = {"op": "watching", "req": 1}
    good = [first, news(card("a", at=1), card("b", at=2)), news(card("a", "1-2", at=3), gone=["b"]), news(card("c", at=3))]
    page = {"threads": [card("c", at=3), card("a", "1-2", at=3)], "next": None}
    told(*good, page=page)
    return check_broken("watched threads", [
        ("a list that nobody asked for", "before watching", lambda: told(news())),
        ("a thread that was not there", "was not in the list", lambda: told(first, news(gone=["a"]))),
        ("a thread that has gone and is there", "and has gone", lambda: told(*good[:2], news(card("a", "1-2"), gone=["a"]))),
        ("a card that has not changed", "told again", lambda: told(*good[:2], news(card("a", at=1)))),
        ("a message that says nothing", "says nothing", lambda: told(*good, news())),
        ("a list that is too long", "has 2 threads", lambda: told(*good[:2], limit=1)),
        ("a state that there is not", "is busy", lambda: told(first, news(card("a", status="busy")))),
        ("a member that there is not", "has the members", lambda: told(first, news(total=1))),
        ("an end that nobody asked for", "has ended", lambda: told(*good, {"op": "unwatched", "code": "x"})),
        ("a thread that is missing", "the page", lambda: told(*good[:3], page=page)),
        ("another order", "the page", lambda: told(*good, page=dict(page, threads=page["threads"][::-1]))),
        ("an old card", "the list has", lambda: told(*good[:2], news(gone=["b"]), good[3], page=dict(page, threads=[card("c", at=3), card("a", "1-2", at=1)]))),
        ("an older page that is not told", "ends before", lambda: told(*good, page=dict(page, next="1-a"))),
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    try:
        asyncio.run(check(options.binary))
    except (Fault, Lost) as fault:
        print(f"FAILED {fault or 'the connection is lost'}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
