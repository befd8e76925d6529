#!/usr/bin/env python3
"""One history is never continued in another, and one idempotency key never stands for two requests.

Clients that follow a thread meet another history of it: a restart in memory, one on a new data folder, a restored backup.
Over WebSocket each is told `reset`, `diverged`, over HTTP 409 `cursor.diverged`; a consumer misses nothing; `tail` shows the
new run from its `agent_started`. A data folder of an earlier version opens, and its generations rise above the time. A key
with another request is `key.conflict` in the three places that take keys, also after kill -9; the same request in other
white space, or over another transport, is the same.

  histories.py               against services that this script starts
  histories.py --self-test   that the checks notice each of these faults
"""

import argparse
import json
import queue
import shutil
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

from drafts import draft
from frames import TEXT, RawSocket, frame
from self_test import check_broken
from service import DataFolder, Service, add_binary_option
from thread_reader import Fault

THREAD = "t_1"
SECONDS = 60
OLD_LOG = Path(__file__).with_name("old_log.tar.gz")


# Clients ----------------------------------------------------------------------------------------------------------------


class Client:
    """A WebSocket connection that asks and waits."""

    def __init__(self, service):
        self.peer = RawSocket(service.port, SECONDS)

    def __enter__(self):
        self.peer.open()
        return self

    def __exit__(self, *failure):
        self.peer.__exit__(*failure)

    def send(self, **members):
        self.peer.send(frame(TEXT, json.dumps(members)))

    def receive(self, *ops):
        """The messages up to the first of these ops."""
        seen = []
        while True:
            message = self.peer.message()
            if message.get("op") == "ping":
                self.send(op="pong")
                continue
            seen.append(message)
            if message.get("op") in ops:
                return seen

    def subscribe(self, **members):
        """All messages until it is live."""
        self.send(op="subscribe", req=1, thread_id=THREAD, merge=False, **members)
        return self.receive("live", "error")


def post(service, path, body, key=None):
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Idempotency-Key"] = key
    return service.request("POST", path, body, headers)


def note(word, number):
    return draft("custom", name=word, value=number)


def emit(service, word, count):
    """Emits some events, and gives their ids."""
    lines = "\n".join(json.dumps(note(word, number)) for number in range(count))
    answer = service.request(
        "POST", f"/v1/threads/{THREAD}/events", lines, {"Content-Type": "application/x-ndjson"})
    if answer.status != 201:
        raise Fault(f"an emission got {answer}")
    return answer.json()["ids"]


# What is checked --------------------------------------------------------------------------------------------------------


def check_reset(story, cursor, messages, expected):
    """What a subscriber with a foreign cursor gets: a reset at once, then what the log has from its start."""
    ops = [message.get("op") or message["seq"] for message in messages]
    if ops[:2] != ["subscribed", "reset"] or messages[1]["reason"] != "diverged":
        raise Fault(f"{story}: {cursor} was continued: {json.dumps(messages)[:400]}")
    if messages[0]["after"] is not None:
        raise Fault(f"{story}: {cursor} was answered with a place: {messages[0]}")
    events = [message["id"] for message in messages if "type" in message]
    if events != expected:
        raise Fault(f"{story}: after the reset of {cursor} came {events}, and not {expected}")


def check_page(story, cursor, answer, expected):
    """What HTTP says to a foreign cursor."""
    status, code = (409, "cursor.diverged") if expected else (404, "thread.unknown")
    if (answer.status, answer.code) != (status, code):
        raise Fault(f"{story}: GET ?after={cursor} got {answer}")


def check_conflict(place, answer_code, before, after):
    if answer_code != "key.conflict":
        raise Fault(f"{place}: the same key with another request got {answer_code}")
    if before != after:
        raise Fault(f"{place}: a request that was refused logged {after - before} events")


def check_same(place, first, again):
    if first != again:
        raise Fault(f"{place}: the same request got {again}, and {first} before")


# One history after another ----------------------------------------------------------------------------------------------


def meet(story, service, foreign, kept):
    """Every client with a cursor of the gone history, before and after the numbers are used again."""
    ids = list(kept)
    for count in (0, 2, 10):
        if count:
            ids += emit(service, "new", count)
        for cursor in foreign:
            with Client(service) as client:
                check_reset(story, cursor, client.subscribe(after=cursor), ids)
            with Client(service) as client:
                check_reset(story, cursor, client.subscribe(after=cursor, consumer=f"c_{count}"), ids)
            check_page(story, cursor, service.request("GET", f"/v1/threads/{THREAD}/events?after={cursor}"), ids)
        if kept:
            with Client(service) as client:
                messages = client.subscribe(after=kept[-1])
                if [message["id"] for message in messages if "type" in message] != ids[len(kept):]:
                    raise Fault(f"{story}: {kept[-1]} is of both histories, and got {messages}")
    # An acknowledgement names an event of this history.
    with Client(service) as client:
        client.subscribe(after="start", consumer="acknowledging")
        for cursor in foreign:
            client.send(op="ack", req=2, thread_id=THREAD, cursor=cursor)
            code = client.receive("error")[-1]["code"]
            if code != "ack.not_sent":
                raise Fault(f"{story}: an acknowledgement of {cursor} got {code}")
        client.send(op="ack", req=2, thread_id=THREAD, cursor=ids[-1])
        client.send(op="ping", req=3)
        client.receive("pong")
    with Client(service) as client:
        subscribed = client.subscribe(consumer="acknowledging")[0]
        if subscribed["after"] != ids[-1]:
            raise Fault(f"{story}: a consumer that acknowledged {ids[-1]} begins at {subscribed}")


def follow_consumer(service, cursor):
    with Client(service) as client:
        client.subscribe(consumer="phone")
        client.send(op="ack", req=2, thread_id=THREAD, cursor=cursor)
        client.send(op="ping", req=3)
        client.receive("pong")


def consume(story, service, expected):
    """A consumer that comes back gets what it has not acknowledged in this history, whatever it did in another."""
    with Client(service) as client:
        events = [message["id"] for message in client.subscribe(consumer="phone") if "type" in message]
        if events != expected:
            raise Fault(f"{story}: a consumer got {events}, and not {expected}")


def run_in_memory(binary):
    with Service(binary, None) as service:
        old = emit(service, "old", 10)
        follow_consumer(service, old[6])
        service.kill()
    with Service(binary, None) as service:
        meet("in memory", service, [old[0], old[4], old[9]], [])
        consume("in memory", service, [event["id"] for event in map(json.loads, service.pages(THREAD)[0])])


def run_new_folder(binary, folder):
    with Service(binary, folder / "first") as service:
        old = emit(service, "old", 10)
        follow_consumer(service, old[6])
    with Service(binary, folder / "second") as service:
        meet("a new folder", service, [old[0], old[4], old[9]], [])


def run_backup(binary, folder):
    data, backup = folder / "data", folder / "backup"
    with Service(binary, data) as service:
        old = emit(service, "old", 6)
        follow_consumer(service, old[3])
    shutil.copytree(data, backup)
    # The log continues, and its clients with it.
    with Service(binary, data) as service:
        gone = emit(service, "gone", 4)
        follow_consumer(service, gone[2])
        service.kill()
    shutil.rmtree(data)
    shutil.copytree(backup, data)
    with Service(binary, data) as service:
        consume("a backup", service, old[4:])
        meet("a backup", service, [gone[0], gone[2], gone[3]], old)
        new = [event["id"] for event in map(json.loads, service.pages(THREAD)[0])]
        consume("a backup", service, new[4:])
    if len({cursor.partition("-")[0] for cursor in (old[0], gone[0], new[6])}) != 3:
        raise Fault(f"a backup: generations are shared by {old[0]}, {gone[0]} and {new[6]}")


def run_old_folder(binary, folder):
    """A folder of the version before generations were told apart: 1, 2, 3."""
    with tarfile.open(OLD_LOG) as archive:
        archive.extractall(folder, filter="data")
    with Service(binary, folder / "data") as service:
        answer = service.request("GET", "/v1/threads/t_old/events?limit=1000")
        ids = [event["id"] for event in answer.json()["events"]]
        if ids != ["1-1", "1-2", "1-3", "2-4", "2-5", "3-6", "3-7", "3-8", "3-9"]:
            raise Fault(f"an old folder has {ids}")
        ended = post(service, "/v1/threads/t_old/events", json.dumps(note("new", 1))).json()["ids"][0]
        generation = int(ended.partition("-")[0])
        if not 1_700_000_000 << 20 < generation < 1 << 53:
            raise Fault(f"an old folder continues with {ended}")
        with Client(service) as client:
            client.send(op="subscribe", req=1, thread_id="t_old", after="3-8", merge=False)
            events = [message["id"] for message in client.receive("live") if "type" in message]
            if events != ["3-9", ended]:
                raise Fault(f"an old folder: after 3-8 came {events}")


# tail -------------------------------------------------------------------------------------------------------------------


class Tail:
    """`agent-events tail`, whose lines are waited for."""

    def __init__(self, binary, service):
        self.process = subprocess.Popen(
            [str(binary), "tail", THREAD, "--after", "start", "--format", "json", "--url", service.url],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.lines = {"out": queue.Queue(), "error": queue.Queue()}
        for name, pipe in (("out", self.process.stdout), ("error", self.process.stderr)):
            threading.Thread(target=self._read, args=(pipe, self.lines[name]), daemon=True).start()

    @staticmethod
    def _read(pipe, lines):
        for line in pipe:
            lines.put(line.decode("utf-8").rstrip("\n"))

    def line(self, name, wanted):
        """The next line that has the words; those before it."""
        seen = []
        while True:
            try:
                seen.append(self.lines[name].get(timeout=SECONDS))
            except queue.Empty:
                raise Fault(f"tail: no line with {wanted!r} within {SECONDS} s, but {seen}") from None
            if wanted in seen[-1]:
                return seen

    def end(self):
        self.process.kill()
        self.process.wait()


def run_of(service, run):
    """A run of four events; gives their ids."""
    events = [
        draft("agent_started", run, "guide"), draft("agent_thinking", run, thought_id="th_1", text="Hm."),
        draft("agent_progress", run, message="half"), draft("agent_completed", run, duration_ms=5),
    ]
    answer = service.request(
        "POST", f"/v1/threads/{THREAD}/events", "\n".join(map(json.dumps, events)),
        {"Content-Type": "application/x-ndjson"})
    return answer.json()["ids"]


def check_tail(lines, expected):
    shown = [json.loads(line)["id"] for line in lines]
    if shown != expected:
        raise Fault(f"tail showed {shown} of {expected}")


def run_tail(binary):
    with Service(binary, None) as service:
        port = service.port
        tail = Tail(binary, service)
        try:
            ids = run_of(service, "r_1")
            check_tail(tail.line("out", ids[-1]), ids)
            service.kill()
            with Service(binary, None, port=port) as second:
                # As long as the first run, so that a cursor that is taken at its number shows nothing.
                ids = run_of(second, "r_2")
                check_tail(tail.line("out", ids[-1]), ids)
                resets = [line for line in tail.line("error", "history") if "diverged" in line]
                if len(resets) != 1:
                    raise Fault(f"tail said {resets} of the reset")
        finally:
            tail.end()


# Keys -------------------------------------------------------------------------------------------------------------------

EVENT = {"type": "custom", "data": {"name": "n", "value": {"a": 1, "b": "é"}}}
SAME = '{ "data" : {"value":{"b":"\\u00e9","a":1},\n"name":"n"},"type":"custom"}'
OTHER = {"type": "custom", "data": {"name": "n", "value": {"a": 1, "b": "e"}}}


def count(service):
    return len(service.pages(THREAD)[0])


def over_stream(service, raw, key):
    with Client(service) as client:
        client.peer.send(
            frame(TEXT, '{"op":"emit","req":7,"thread_id":"%s","key":"%s","events":[%s]}' % (THREAD, key, raw)))
        answer = client.receive("emitted", "error")[-1]
        if answer.get("req") != 7:
            raise Fault(f"an emission with req 7 was answered with {answer}")
        return answer.get("code"), answer.get("cursors")


def over_http(service, raw, key):
    answer = post(service, f"/v1/threads/{THREAD}/events", raw, key)
    if answer.code == "key.conflict" and answer.status != 409:
        raise Fault(f"key.conflict has the status {answer.status}")
    return answer.code, answer.json().get("ids")


def message(service, raw, key):
    answer = post(service, f"/v1/threads/{THREAD}/messages", raw, key)
    if answer.code == "key.conflict" and answer.status != 409:
        raise Fault(f"key.conflict has the status {answer.status}")
    return answer.code, answer.json().get("message_id")


PLACES = [("emit", over_stream), ("POST events", over_http)]


def check_keys(service, known, when):
    """Each key with its own request, written in two ways and over both transports, and with another one."""
    for place, send in PLACES:
        for raw in (json.dumps(EVENT), SAME):
            for other, again in PLACES:
                code, ids = again(service, raw, place.replace(" ", "_"))
                if code:
                    raise Fault(f"{place}, {when}: the same request over {other} got {code}")
                check_same(f"{place}, {when}", known.setdefault(place, ids), ids)
        for other, again in PLACES:
            before = count(service)
            code, _ = again(service, json.dumps(OTHER), place.replace(" ", "_"))
            check_conflict(f"{place}, {when}, over {other}", code, before, count(service))
        before = count(service)
        code, _ = over_stream(service, f"{json.dumps(EVENT)},{json.dumps(EVENT)}", place.replace(" ", "_"))
        check_conflict(f"{place}, {when}, two events", code, before, count(service))
    for raw in ('{"text":"Hello","agent":"guide"}', '{ "agent" : "guide",\n"text":"H\\u0065llo" }'):
        code, known_id = message(service, raw, "k_message")
        if code:
            raise Fault(f"POST messages, {when}: the same message got {code}")
        check_same(f"POST messages, {when}", known.setdefault("message", known_id), known_id)
    for raw in ('{"text":"Hello!","agent":"guide"}', '{"text":"Hello"}'):
        before = user_messages(service)
        code, _ = message(service, raw, "k_message")
        check_conflict(f"POST messages, {when}", code, before, user_messages(service))


def user_messages(service):
    return sum(b'{"type":"user_message"' in event for event in service.pages(THREAD)[0])


def race(service):
    """Twenty at once, of two kinds: one of them is logged, ten times the same, and ten are conflicts."""
    before = count(service)
    codes = [None] * 20

    def send(number):
        codes[number] = over_http(service, json.dumps(EVENT if number % 2 else OTHER), "k_race")[0]

    threads = [threading.Thread(target=send, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_race(codes, count(service) - before)


def check_race(codes, logged):
    if logged != 1 or sorted(map(str, codes)) != ["None"] * 10 + ["key.conflict"] * 10:
        raise Fault(f"twenty requests at once, of two kinds: {logged} logged, the codes are {codes}")


def run_keys(binary, folder):
    known = {}
    for round_number in range(3):
        with Service(binary, folder / "keys", "--demo", "--demo-pace", "0") as service:
            check_keys(service, known, f"start {round_number + 1}")
            if round_number == 0:
                race(service)
            if round_number < 2:
                service.kill()
    with Service(binary, None, "--demo", "--demo-pace", "0") as service:
        check_keys(service, {}, "in memory")


def run(binary):
    with DataFolder() as folder:
        for name in ("new", "backup", "old", "keys"):
            (folder / name).mkdir()
        run_in_memory(binary)
        run_new_folder(binary, folder / "new")
        run_backup(binary, folder / "backup")
        run_old_folder(binary, folder / "old")
        run_tail(binary)
        run_keys(binary, folder / "keys")
    print(
        "in memory, on a new folder and on a restored backup, each foreign cursor was told; tail shows the new run; an old "
        "folder opens; a key stands for one request"
    )


# The checks, checked ----------------------------------------------------------------------------------------------------


class _Answer:
    def __init__(self, status, code):
        self.status, self.code = status, code


def self_test():
    subscribed = {"op": "subscribed", "after": None, "head": "9-1"}
    reset = {"op": "reset", "reason": "diverged", "oldest": "9-1"}
    event = {"type": "custom", "id": "9-1", "seq": 1}
    live = {"op": "live", "cursor": "9-1"}
    check_reset("x", "1-5", [subscribed, reset, event, live], ["9-1"])
    check_page("x", "1-5", _Answer(409, "cursor.diverged"), ["9-1"])
    check_page("x", "1-5", _Answer(404, "thread.unknown"), [])
    check_conflict("x", "key.conflict", 3, 3)
    check_tail(['{"id":"9-1"}'], ["9-1"])
    check_race(["key.conflict", None] * 10, 1)
    unknown = {**reset, "reason": "unknown"}
    placed = {**subscribed, "after": "1-5"}
    broken = [
        ("a continuation", "was continued", lambda: check_reset("x", "1-5", [placed, event, live], ["9-1"])),
        ("another reason", "was continued", lambda: check_reset("x", "1-5", [subscribed, unknown, event], ["9-1"])),
        ("an error", "was continued", lambda: check_reset("x", "1-5", [{"op": "error"}], ["9-1"])),
        ("a reset with a place", "with a place", lambda: check_reset("x", "1-5", [placed, reset, event], ["9-1"])),
        ("a reset without the start", "came []", lambda: check_reset("x", "1-5", [subscribed, reset, live], ["9-1"])),
        ("a page", "got", lambda: check_page("x", "1-5", _Answer(200, None), ["9-1"])),
        ("a page of the wrong kind", "got", lambda: check_page("x", "1-5", _Answer(409, "cursor.unknown"), ["9-1"])),
        ("an old answer for another request", "got None", lambda: check_conflict("x", None, 3, 3)),
        ("a refusal that logs", "logged 1", lambda: check_conflict("x", "key.conflict", 3, 4)),
        ("another answer", "the same request", lambda: check_same("x", ["1-1"], ["1-2"])),
        ("a tail without the start", "tail showed", lambda: check_tail(['{"id":"9-2"}'], ["9-1", "9-2"])),
        ("two winners", "of two kinds", lambda: check_race([None] * 20, 2)),
        ("a loser that is told nothing", "of two kinds", lambda: check_race([None] * 20, 1)),
    ]
    return check_broken("histories", broken)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--self-test", action="store_true")
    add_binary_option(parser)
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    try:
        run(arguments.binary)
    except Fault as fault:
        print(f"histories: {fault}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
