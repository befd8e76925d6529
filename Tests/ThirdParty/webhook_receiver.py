#!/usr/bin/env python3
"""A receiver of webhooks that is not ours, and that has its troubles: it redirects, refuses, breaks off, says nothing.

While it does, events are emitted; then it recovers. After each kind of trouble:

- every event came, in the order of the log, in the very bytes of the log, and none twice;
- every request was signed, and a request that came again had the same key;
- the log and `/ready` told of the trouble, without the secret, the query of an address, or what is in the events.

A stop and a kill in the middle of a trouble lose nothing; 410 is asked no more; an event that alone is refused is set
aside, and nothing is while everything is refused.

  webhook_receiver.py               against services that this script starts
  webhook_receiver.py --self-test   that the checks notice each of these faults
"""

import argparse
import hashlib
import hmac
import http.server
import json
import os
import sys
import threading
import time

from drafts import draft
from self_test import check_broken
from service import DataFolder, Service, add_binary_option, split_events
from thread_reader import Fault

SECRET = b"a secret of some length"
# What must not stand in a log: the query of the webhook, that of a redirect, and the text of the events.
HIDDEN = ["hidden-query", "hidden-target", "hidden-text", SECRET.decode()]
PATH = "/hook?token=hidden-query"
LOCATION = "/elsewhere?token=hidden-target"
THREADS = ["t_1", "t_2"]
# For what hangs, and not for what is slow.
SECONDS = 180
QUICK = ["--sink-pause", "1s", "--webhook-timeout", "1"]
# The trouble, the code in the log, and the status there.
TROUBLES = [
    (301, "webhook.refused", 301),
    (302, "webhook.refused", 302),
    (304, "webhook.refused", 304),
    (400, "webhook.refused", 400),
    (401, "webhook.refused", 401),
    (404, "webhook.refused", 404),
    (405, "webhook.refused", 405),
    (413, "webhook.refused", 413),
    (422, "webhook.refused", 422),
    (429, "webhook.refused", 429),
    (500, "webhook.refused", 500),
    (503, "webhook.refused", 503),
    ("close", "webhook.unreachable", None),
    ("half", "webhook.unreachable", None),
    ("garbage", "webhook.unreachable", None),
    ("hang", "webhook.unreachable", None),
]


class Request:
    def __init__(self, path, headers, body, answer):
        self.path = path
        self.headers = headers
        self.body = body
        self.answer = answer

    @property
    def events(self):
        return split_events(self.body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that gave up, or was killed, is no fault of this end."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Receiver:
    """Answers each request as it is told, and remembers all of them."""

    def __init__(self):
        self.requests = []
        self.mode = 200
        self.poison = None
        self.changed = threading.Condition()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.answer(self, body)

            def log_message(self, *arguments):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}{PATH}"

    def answer(self, handler, body):
        with self.changed:
            answer = self.mode
            if self.poison is not None and self.poison in body:
                answer = 400
            self.requests.append(Request(handler.path, dict(handler.headers), body, answer))
            self.changed.notify_all()
        if answer == "hang":
            with self.changed:
                self.changed.wait_for(lambda: self.mode != "hang", SECONDS)
            handler.close_connection = True
        elif answer == "close":
            handler.close_connection = True
        elif answer == "half":
            handler.wfile.write(b"HTTP/1.1 20")
            handler.close_connection = True
        elif answer == "garbage":
            handler.wfile.write(b"this is not HTTP\r\n\r\n")
            handler.close_connection = True
        else:
            handler.send_response(answer)
            if 300 <= answer < 400:
                handler.send_header("Location", LOCATION)
            if answer != 304:
                handler.send_header("Content-Length", "0")
            handler.end_headers()

    def turn(self, mode, poison=None):
        with self.changed:
            self.mode, self.poison = mode, poison
            self.changed.notify_all()

    def wait(self, what, condition):
        with self.changed:
            if not self.changed.wait_for(lambda: condition(self.requests), SECONDS):
                raise Fault(f"{what}: not within {SECONDS} s, {len(self.requests)} requests came")

    def count(self):
        with self.changed:
            return len(self.requests)

    def taken(self):
        """The events that were answered with 200, in order."""
        with self.changed:
            return [event for request in self.requests if request.answer == 200 for event in request.events]

    def close(self):
        self.turn(200)
        self.server.shutdown()
        self.server.server_close()


# Checks

def check_order(taken, pages, aside=(), allows_repetition=False):
    """What was taken of each thread is what its pages hold, in order; those set aside are missing."""
    for thread, page in pages.items():
        got = [event for event in taken if json.loads(event)["thread_id"] == thread]
        if allows_repetition:
            got = list(dict.fromkeys(got))
        due = [event for event in page if event not in aside]
        if got != due:
            sequences = [json.loads(event)["seq"] for event in got]
            raise Fault(f"{thread}: of {len(due)} events these came: {sequences}")


def check_signature(headers, body):
    parts = dict(part.split("=", 1) for part in headers["Agent-Events-Signature"].split(","))
    expected = hmac.new(SECRET, parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, parts["v1"]):
        raise Fault("a request is not signed with the secret")
    if abs(time.time() - int(parts["t"])) > 3600:
        raise Fault(f"a request was signed at {parts['t']}")


def check_requests(requests):
    keys = {}
    for request in requests:
        check_signature(request.headers, request.body)
        if request.path != PATH:
            raise Fault(f"a request went to {request.path}")
        key = request.headers["Idempotency-Key"]
        if keys.setdefault(key, request.body) != request.body:
            raise Fault(f"two bodies have the key {key}")
    if len(set(keys.values())) != len(keys):
        raise Fault("one body has two keys")


def check_log(log, level, *words):
    """A line of a level has all these words, and nothing anywhere is told that must not be."""
    for hidden in HIDDEN:
        if hidden in log:
            raise Fault(f"the log tells {hidden!r}")
    if not any(f" {level} " in line and all(word in line for word in words) for line in log.splitlines()):
        raise Fault(f"no line of the level {level} has {words}: {log[-1500:]!r}")


def check_ready(sink, **expected):
    for member, value in expected.items():
        if sink.get(member) != value:
            raise Fault(f"/ready has {member} {sink.get(member)!r} instead of {value!r}: {sink}")
    if sink["state"] == "retrying" and "since" not in sink:
        raise Fault(f"/ready does not say since when: {sink}")


# The course

def log_of(service):
    descriptor = service.output.fileno()
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode("utf-8", "replace")


def sink_of(service):
    answer = service.request("GET", "/ready", port=service.internal_port)
    if answer.status != 200:
        raise Fault(f"/ready answers {answer}")
    return answer.json()["sinks"][0]


def wait_for(what, condition):
    deadline = time.monotonic() + SECONDS
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Fault(f"{what}: not within {SECONDS} s")
        time.sleep(0.01)


def emit(service, count=3, text="hidden-text", threads=THREADS):
    for number in range(count):
        for thread in threads:
            event = draft("custom", name="n", value={"n": number, "text": text})
            answer = service.request("POST", f"/v1/threads/{thread}/events", json.dumps(event))
            if answer.status != 201:
                raise Fault(f"an event was answered with {answer}")


def pages(service):
    return {thread: service.pages(thread)[0] for thread in THREADS}


def wait_for_all(service, receiver, aside=()):
    """Returns the pages, when the receiver has them."""
    held = pages(service)
    due = {event for page in held.values() for event in page} - set(aside)
    receiver.wait("every event", lambda requests: due <= set(receiver_events(requests)))
    return held


def receiver_events(requests):
    return [event for request in requests if request.answer == 200 for event in request.events]


def troubles(start, receiver):
    with start(*QUICK) as service:
        emit(service, 1)
        wait_for_all(service, receiver)
        for trouble, code, status in TROUBLES:
            receiver.turn(trouble)
            before = receiver.count()
            emit(service)
            receiver.wait(f"{trouble}: a second try", lambda requests: len(requests) >= before + 2)
            sink = wait_for(
                f"{trouble} in /ready",
                lambda: next((sink for sink in [sink_of(service)] if sink.get("http_status") == status
                              and sink.get("code") == code), None),
            )
            check_ready(sink, name="webhook", state="retrying", set_aside=0)
            words = ["sink.name=webhook", f"error.code={code}"] + ([f"http.status={status}"] if status else [])
            if status in (301, 302):
                words.append("points to /elsewhere")
            check_log(log_of(service), "warning", *words)
            receiver.turn(200)
            held = wait_for_all(service, receiver)
            check_order(receiver.taken(), held)
        wait_for("a sink that works", lambda: sink_of(service)["state"] == "working")
        check_ready(sink_of(service), pending_commits=0, set_aside=0)
        check_log(log_of(service), "notice", "sink.name=webhook", "takes events again")
    return f"{len(TROUBLES)} troubles, {len(receiver.taken())} events in order"


def stops(start, receiver):
    """In the middle of the pauses, which may be an hour long: stopped, and killed."""
    for ends in ("stop", "kill"):
        with start("--webhook-timeout", "1") as service:
            emit(service, 1)
            wait_for_all(service, receiver)
            receiver.turn(404)
            before = receiver.count()
            emit(service)
            receiver.wait("tries", lambda requests: len(requests) >= before + 6)
            first = receiver.requests[-1].events[0]
            service.kill() if ends == "kill" else service.stop()
        receiver.turn(200)
        before = receiver.count()
        with start() as service:
            held = wait_for_all(service, receiver)
            check_order(receiver.taken(), held, allows_repetition=ends == "kill")
            if ends == "stop" and receiver.requests[before].events[0] != first:
                raise Fault("the first event after a restart is another one than before")
    return "a stop and a kill in the middle of the pauses"


def gone(start, receiver):
    with start(*QUICK) as service:
        emit(service, 1)
        wait_for_all(service, receiver)
        receiver.turn(410)
        before = receiver.count()
        emit(service)
        sink = wait_for("a stop in /ready", lambda: next((s for s in [sink_of(service)] if s["state"] == "stopped"), None))
        check_ready(sink, code="webhook.gone", http_status=410, set_aside=0)
        check_log(log_of(service), "error", "sink.name=webhook", "error.code=webhook.gone", "http.status=410")
        receiver.turn(200)
        emit(service)
        service.stop()
        if receiver.count() != before + 1:
            raise Fault(f"after 410 came {receiver.count() - before - 1} requests")
    with start() as service:
        held = wait_for_all(service, receiver)
        check_order(receiver.taken(), held)
    return "410 was asked once"


def poison(start, receiver, folder):
    patience = ["--sink-attempts", "3", "--sink-patience", "1s"]
    with start(*QUICK, *patience) as service:
        emit(service, 2)
        wait_for_all(service, receiver)
        # Everything is refused, often and long: no event is to blame.
        receiver.turn(404)
        before, began = receiver.count(), time.monotonic()
        emit(service)
        receiver.wait(
            "an outage", lambda requests: len(requests) > before + 20 and time.monotonic() > began + 1)
        check_ready(sink_of(service), set_aside=0)
        receiver.turn(200)
        wait_for_all(service, receiver)
        # One event is refused, and others are not.
        receiver.turn(200, poison=b"POISON")
        emit(service, 1, "hidden-text POISON")
        emit(service)
        aside = [event for page in pages(service).values() for event in page if b"POISON" in event]
        held = wait_for_all(service, receiver, aside)
        check_order(receiver.taken(), held, aside, allows_repetition=True)
        wait_for("both in /ready", lambda: sink_of(service)["set_aside"] == len(aside))
        for event in map(json.loads, aside):
            check_log(
                log_of(service), "error", "set aside", f"event.id={event['id']}", f"thread.id={event['thread_id']}")
    with open(folder / "webhook-refused.ndjson", encoding="utf-8") as letters:
        refused = [json.loads(line)["event"] for line in letters]
    if refused != [json.loads(event) for event in sorted(aside, key=lambda event: THREADS.index(json.loads(event)["thread_id"]))]:
        raise Fault(f"these were set aside: {refused}")
    return f"{len(refused)} events set aside, and none in an outage"


def poison_first(start, receiver):
    """The first event that the receiver is ever given is one that it refuses, on disk and in memory."""
    patience = ["--sink-attempts", "3", "--sink-patience", "1s"]
    for place in ({}, {"in_memory": True}):
        before = len(receiver.taken())
        receiver.turn(200, poison=b"POISON")
        with start(*QUICK, *patience, **place) as service:
            emit(service, 1, "hidden-text POISON", THREADS[:1])
            emit(service)
            aside = [event for page in pages(service).values() for event in page if b"POISON" in event]
            # Of an event that another thread has after them it is seen that the receiver takes events.
            held = wait_for_all(service, receiver, aside)
            check_order(receiver.taken()[before:], held, aside, allows_repetition=True)
            wait_for("all in /ready", lambda: sink_of(service)["set_aside"] == len(aside))
            wait_for("a sink that works", lambda: sink_of(service)["state"] == "working")
            for event in map(json.loads, aside):
                check_log(
                    log_of(service), "error", "set aside", f"event.id={event['id']}", f"thread.id={event['thread_id']}")
    return "a poison event may be the first"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    said = []
    for course in (troubles, stops, gone, poison, poison_first):
        receiver = Receiver()
        with DataFolder() as folder:
            secret = folder / "secret"
            secret.write_bytes(SECRET + b"\n")
            secret.chmod(0o600)
            data = folder / "data"

            def start(*arguments, in_memory=False):
                return Service(
                    options.binary, None if in_memory else data, "--internal-listen", "127.0.0.1:0",
                    "--webhook", receiver.url, "--webhook-secret-file", str(secret), *arguments)

            try:
                said.append(course(start, receiver, data) if course is poison else course(start, receiver))
                check_requests(receiver.requests)
            except Fault as fault:
                print(f"FAILED: {course.__name__}: {fault}")
                return 1
            finally:
                receiver.close()
    print(f"webhook: {'; '.join(said)}")
    return 0


# The checks themselves

def self_test():
    def event(number, thread="t_1"):
        return json.dumps({"seq": number, "thread_id": thread}).encode()

    events = [event(number) for number in (1, 2, 3)]
    held = {"t_1": events, "t_2": []}
    body = b'{"events":[]}'

    def signed(secret=SECRET, time_offset=0, path=PATH, key="k", body=body):
        at = int(time.time()) + time_offset
        code = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return Request(path, {"Agent-Events-Signature": f"t={at},v1={code}", "Idempotency-Key": key}, body, 200)

    line = "2026-11-26T00:00:00+0000 warning agent-events: error.code=webhook.refused http.status=404 refused"
    sink = {"name": "webhook", "state": "retrying", "since": "x", "set_aside": 0}
    check_order(events, held)
    check_order(events[:2] + events[1:], held, allows_repetition=True)
    check_order([events[0], events[2]], held, aside=[events[1]])
    check_requests([signed(), signed()])
    check_log(line, "warning", "http.status=404")
    check_ready(sink, set_aside=0)
    return check_broken(
        "webhook",
        [
            ("a missing event", "these came", lambda: check_order(events[:2], held)),
            ("an event that overtakes", "these came", lambda: check_order([events[0], events[2], events[1]], held)),
            ("an event twice", "these came", lambda: check_order(events + events[2:], held)),
            ("other bytes", "these came", lambda: check_order(events[:2] + [events[2] + b" "], held)),
            ("an overtaken one that comes again", "these came", lambda: check_order(
                [events[0], events[2], events[1], events[2]], held, allows_repetition=True)),
            ("another secret", "signed", lambda: check_requests([signed(b"another secret")])),
            ("an old signature", "signed at", lambda: check_requests([signed(time_offset=-7200)])),
            ("another path", "went to", lambda: check_requests([signed(path="/elsewhere")])),
            ("a key for two bodies", "two bodies", lambda: check_requests([signed(), signed(body=b"{}")])),
            ("two keys for a body", "two keys", lambda: check_requests([signed(), signed(key="l")])),
            ("another level", "no line", lambda: check_log(line, "error", "http.status=404")),
            ("another status", "no line", lambda: check_log(line, "warning", "http.status=500")),
            ("a secret in the log", "tells", lambda: check_log(line + " hidden-query", "warning")),
            ("another state", "state", lambda: check_ready(sink, state="working")),
            ("no time", "since when", lambda: check_ready({"name": "webhook", "state": "retrying"})),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
