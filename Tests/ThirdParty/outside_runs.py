#!/usr/bin/env python3
"""Runs that a program outside of the service emits, over HTTP and over WebSocket.

- SIGTERM and kill -9 in the middle of a run leave it open; after a restart its program goes on with the next event: the
  same run, no gap, one start and one end;
- a program that dies: its run ends as `run.lost` when nothing has come for the idle time, what is open in it is closed,
  and the log can be trimmed again; a run that waits for a person, or that asked for more time, stays open;
- an approval expires by itself at `expires_at`, also while the service is down, and no answer counts afterwards;
- while the service drains, programs emit until they are done, are told when to come back, and keep nobody waiting.

  outside_runs.py               against services that this script starts
  outside_runs.py --self-test   that the checks notice each of these faults
"""

import argparse
import datetime
import json
import os
import signal
import socket
import sys
import time

from drafts import draft
from plain_stream import UPGRADE, Ended, StreamParser, message_frame
from self_test import check_broken
from service import DataFolder, Service, add_binary_option
from thread_reader import Fault

ENDS = {"agent_completed", "agent_failed", "agent_cancelled"}
SECONDS = 60
IDLE = 2


def started(run, **data):
    return draft("agent_started", run, "guide", **data)


def progress(run):
    return draft("agent_progress", run, fraction=0.5)


def completed(run):
    return draft("agent_completed", run, duration_ms=1)


def asking(run, seconds):
    expires_at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    text = expires_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return draft("approval_requested", run, approval_id="a_1", prompt="May I?", expires_at=text)


def answering(run):
    return draft("approval_resolved", run, approval_id="a_1", decision="approved")


class HTTPBackend:
    name = "HTTP"

    def __init__(self, service):
        self.service = service

    def emit(self, thread, *drafts):
        """The ids, or the code of the refusal."""
        body = "\n".join(json.dumps(draft) for draft in drafts)
        headers = {"Content-Type": "application/x-ndjson"}
        self.answer = self.service.request("POST", f"/v1/threads/{thread}/events", body, headers)
        return self.answer.json()["ids"] if self.answer.status == 201 else self.answer.code

    def close(self):
        pass


class StreamBackend:
    name = "WebSocket"

    def __init__(self, service):
        self.connection = socket.create_connection(("127.0.0.1", service.port), 20)
        self.parser = StreamParser()
        self.ready = []
        self.drain = None
        self.connection.sendall(UPGRADE)
        self.message("welcome")

    def message(self, *operations):
        """The next message with one of these ops; None when the service has closed the connection."""
        while True:
            while self.ready:
                message = json.loads(self.ready.pop(0))
                if message.get("op") == "drain":
                    self.drain = message
                if message.get("op") in operations:
                    return message
            try:
                data = self.connection.recv(1 << 16)
                if not data:
                    return None
                self.ready = self.parser.feed(data)
                self.connection.sendall(self.parser.take_answers())
            except (Ended, OSError):
                return None

    def emit(self, thread, *drafts):
        try:
            self.connection.sendall(message_frame(op="emit", req=1, thread_id=thread, events=list(drafts)))
        except OSError:
            return "closed"
        message = self.message("emitted", "error")
        if message is None:
            return "closed"
        return message["cursors"] if message["op"] == "emitted" else message["code"]

    def close(self):
        self.connection.close()


def events_of(service, thread):
    return [json.loads(raw) for raw in service.pages(thread)[0]]


def take(backend, thread, *drafts):
    ids = backend.emit(thread, *drafts)
    if not isinstance(ids, list) or len(ids) != len(drafts):
        raise Fault(f"{backend.name}: {drafts[0]['type']} was answered with {ids}")
    return ids


def check_refused(name, answer, code):
    if answer != code:
        raise Fault(f"{name} was answered with {answer} instead of {code}")


def check_run(events, run, types):
    """A run has these events and no others, in a thread without a gap."""
    numbers = [event["seq"] for event in events]
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise Fault(f"the thread has a gap: {numbers}")
    found = [event["type"] for event in events if event.get("run_id") == run]
    if found != types:
        raise Fault(f"run {run} is {found} instead of {types}")


def check_open(events, run):
    ends = [event for event in events if event.get("run_id") == run and event["type"] in ENDS]
    if ends:
        raise Fault(f"run {run} should be open, and has ended: {ends[0]}")


def check_lost(events, run):
    last = [event for event in events if event.get("run_id") == run][-1]
    error = last["data"].get("error", {})
    if last["type"] != "agent_failed" or error.get("code") != "run.lost" or error.get("retryable") is not True:
        raise Fault(f"run {run} should be lost, and ends with {last}")


def check_drain(drain):
    if drain is None or not 0 <= drain.get("reconnect_in_ms", -1) <= 30_000:
        raise Fault(f"the client was not told when to come back: {drain}")


def check_retry_after(answer):
    if not (answer.headers.get("Retry-After") or "").isdigit():
        raise Fault(f"an answer during the drain does not say when to come back: {answer}")


def check_time(name, seconds, least, most):
    if not least <= seconds <= most:
        raise Fault(f"{name} took {seconds:.2f} s and should take {least} to {most} s")


def check_trimmed(events):
    if events[0]["seq"] == 1:
        raise Fault(f"{len(events)} events are kept, of which the first is the first of the thread")


def until(what, condition):
    deadline = time.monotonic() + SECONDS
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Fault(f"waited {SECONDS} s for {what}")
        time.sleep(0.05)


def restarts(binary, backend_class):
    run, thread = "r_1", "t_1"
    with DataFolder() as data:
        count = 0
        for kind in ("kill", "stop", "kill", "stop"):
            service = Service(binary, data, "--drain-timeout", "1").wait_until_listening()
            try:
                backend = backend_class(service)
                if count == 0:
                    take(backend, thread, started(run), draft("tool_executing", run, call_id="c_1", tool="search", arguments={}))
                take(backend, thread, progress(run), progress(run))
                count += 1
            finally:
                if kind == "kill":
                    service.kill()
            service.stop()
            backend.close()
        with Service(binary, data) as service:
            backend = backend_class(service)
            check_open(events_of(service, thread), run)
            done = draft("tool_completed", run, call_id="c_1", tool="search", status="succeeded", duration_ms=1)
            take(backend, thread, done, completed(run))
            check_run(
                events_of(service, thread), run,
                ["agent_started", "tool_executing"] + ["agent_progress"] * (2 * count) + ["tool_completed", "agent_completed"],
            )
            backend.close()
    print(f"{backend_class.name}: a run goes on over {count} ends of the service, of which 2 were kill -9")


def stays_alive(service, backend, thread, seconds):
    """Emits again and again. Whether it never took as long as a run may be idle; then the run may be lost."""
    take(backend, thread, started("r_1"))
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        answer = backend.emit(thread, progress("r_1"))
        if not isinstance(answer, list):
            check_idle(events_of(service, thread), IDLE)
            return False
        time.sleep(0.5)
    return True


def check_idle(events, seconds):
    """Nothing came for so long before the last event."""
    last, end = (datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")) for event in events[-2:])
    if (end - last).total_seconds() < seconds:
        raise Fault(f"a run was lost that was idle since {last} only: {events[-1]}")


def idle(binary):
    arguments = ("--emitted-run-timeout", f"{IDLE}s", "--retain-events", "20")
    with DataFolder() as data:
        with Service(binary, data, *arguments) as service:
            backend = HTTPBackend(service)
            call = draft("tool_executing", "r_dead", call_id="c_1", tool="search", arguments={})
            take(backend, "t_dead", started("r_dead"), call, draft("message_delta", "r_dead", message_id="m_1", text="Half"))
            take(backend, "t_dead", *[draft("custom", name="n", value=number) for number in range(100)])
            take(backend, "t_patient", started("r_1", idle_timeout_ms=3_600_000))
            take(backend, "t_paused", started("r_1"), draft("agent_paused", "r_1"))
            take(backend, "t_asking", started("r_1"), draft("approval_requested", "r_1", approval_id="a_1", prompt="May I?"))
            is_alive = stays_alive(service, backend, "t_alive", 4)
            events = events_of(service, "t_dead")
            check_lost(events, "r_dead")
            check_run(
                events, "r_dead",
                ["agent_started", "tool_executing", "message_delta", "message_completed", "tool_completed", "agent_failed"],
            )
            check_refused("an event of a run that was lost", backend.emit("t_dead", progress("r_dead")), "order.already_ended")
            for thread in ["t_patient", "t_paused", "t_asking"] + ["t_alive"] * is_alive:
                check_open(events_of(service, thread), "r_1")
            bad = backend.emit("t_bad", started("r_1", idle_timeout_ms=999))
            check_refused("an idle time below a second", bad, "event.invalid_value")
            take(backend, "t_down", started("r_1"), progress("r_1"))
            service.kill()
        time.sleep(IDLE)
        # At its start a service trims.
        with Service(binary, data, *arguments) as service:
            until("the log to be trimmed", lambda: events_of(service, "t_dead")[0]["seq"] > 1)
            check_trimmed(events_of(service, "t_dead"))
            until("the run to be lost", lambda: len(events_of(service, "t_down")) == 3)
            check_lost(events_of(service, "t_down"), "r_1")
    print("a dead program: its run is lost after the idle time, and the log is trimmed; runs that wait stay open")


def expiry(binary):
    with DataFolder() as data:
        with Service(binary, data) as service:
            backend = HTTPBackend(service)
            take(backend, "t_up", started("r_1"), asking("r_1", 1))
            take(backend, "t_past", started("r_1"), asking("r_1", -60))
            take(backend, "t_paused", started("r_1"), asking("r_1", 1), draft("agent_paused", "r_1"))
            take(backend, "t_in_time", started("r_1"), asking("r_1", 60), answering("r_1"))
            for thread, types in (
                ("t_past", ["agent_started", "approval_requested", "approval_resolved"]),
                ("t_up", ["agent_started", "approval_requested", "approval_resolved"]),
                ("t_paused", ["agent_started", "approval_requested", "agent_paused", "approval_resolved"]),
            ):
                # By itself: nothing is emitted here.
                until(f"the approval of {thread} to expire", lambda: check_expired(events_of(service, thread)))
                check_run(events_of(service, thread), "r_1", types)
                check_refused("a late answer", backend.emit(thread, answering("r_1")), "order.approval_not_open")
                if "expired at" not in backend.answer.json()["error"]["message"]:
                    raise Fault(f"a late answer is not told that the approval expired: {backend.answer}")
            asked = take(backend, "t_down", started("r_1"), asking("r_1", 1))
            service.kill()
        time.sleep(1)
        with Service(binary, data) as service:
            check_refused("an answer that came too late", HTTPBackend(service).emit("t_down", answering("r_1")), "order.approval_not_open")
            until("the approval to expire", lambda: check_expired(events_of(service, "t_down")))
            if events_of(service, "t_down")[-1]["id"].partition("-")[0] == asked[0].partition("-")[0]:
                raise Fault("the approval should have expired while the service was down")
            check_open(events_of(service, "t_down"), "r_1")
    print("approvals expire by themselves, also in paused runs and while the service is down, and take no late answer")


def check_expired(events):
    """Whether the approval has ended; then it has expired, and no earlier than it should."""
    ends = [event for event in events if event["type"] == "approval_resolved"]
    if not ends:
        return False
    asked = [event for event in events if event["type"] == "approval_requested"][0]
    if ends[0]["data"]["decision"] != "expired" or ends[0]["time"] < asked["data"]["expires_at"]:
        raise Fault(f"the approval should have expired, and has ended with {ends[0]}")
    return True


def drains(binary):
    with DataFolder() as data:
        service = Service(binary, data, "--drain-timeout", "20").wait_until_listening()
        try:
            stream, post = StreamBackend(service), HTTPBackend(service)
            take(stream, "t_1", started("r_1"))
            take(post, "t_2", started("r_2"))
            os.kill(service.process.pid, signal.SIGTERM)
            until("the service to drain", lambda: service.request("GET", "/ready").status == 503)
            for _ in range(6):
                take(stream, "t_1", progress("r_1"))
                take(post, "t_2", progress("r_2"))
                check_retry_after(post.answer)
                time.sleep(0.3)
            take(stream, "t_1", completed("r_1"))
            check_drain(stream.drain)
            take(post, "t_2", completed("r_2"))
            begin = time.monotonic()
            service.stop()
            check_time("the stop after the last run", time.monotonic() - begin, 0, 8)
        finally:
            service.kill()
        with Service(binary, data) as service:
            for thread, run in (("t_1", "r_1"), ("t_2", "r_2")):
                check_run(events_of(service, thread), run, ["agent_started"] + ["agent_progress"] * 6 + ["agent_completed"])
    with DataFolder() as data:
        service = Service(binary, data, "--drain-timeout", "3").wait_until_listening()
        try:
            stream = StreamBackend(service)
            take(stream, "t_1", started("r_1"))
            begin = time.monotonic()
            os.kill(service.process.pid, signal.SIGTERM)
            sent = 0
            while True:
                answer = stream.emit("t_1", progress("r_1"))
                if not isinstance(answer, list):
                    break
                sent += 1
                time.sleep(0.02)
            if answer not in ("closed", "server.stopping"):
                raise Fault(f"an emission at the end of the drain was answered with {answer}")
            check_time("taking emissions", time.monotonic() - begin, 1.5, 10)
            service.stop()
        finally:
            service.kill()
        with Service(binary, data) as service:
            check_run(events_of(service, "t_1"), "r_1", ["agent_started"] + ["agent_progress"] * sent)
            take(StreamBackend(service), "t_1", completed("r_1"))
        with Service(binary, data, "--drain-timeout", "60") as service:
            take(HTTPBackend(service), "t_3", started("r_3"), draft("approval_requested", "r_3", approval_id="a_1", prompt="May I?"))
            begin = time.monotonic()
            service.stop()
            check_time("a stop for which nobody needs time", time.monotonic() - begin, 0, 10)
    print(f"while a service drains, programs finish their runs, {sent} emissions of one that does not end were all kept, and nobody is waited for in vain")


def self_test():
    events = [
        {"seq": number + 4, "run_id": "r_1", "type": kind, "time": f"2026-11-21T02:10:0{number}.000Z", "data": {}}
        for number, kind in enumerate(["agent_started", "approval_requested", "approval_resolved", "agent_failed"])
    ]
    events[1]["data"] = {"expires_at": "2026-11-21T02:10:02.000Z"}
    events[2]["data"] = {"decision": "expired"}
    events[3]["data"] = {"error": {"code": "run.lost", "retryable": True}}
    types = [event["type"] for event in events]

    def changed(index, **members):
        return events[:index] + [dict(events[index], **members)] + events[index + 1 :]

    class Retry:
        def __init__(self, value):
            self.headers = {"Retry-After": value}

    check_run(events, "r_1", types)
    check_lost(events, "r_1")
    check_open(events[:3], "r_1")
    check_drain({"reconnect_in_ms": 0})
    check_retry_after(Retry("1"))
    check_trimmed(events)
    check_idle(events, 1)
    check_time("it", 1, 0, 2)
    check_refused("it", "code", "code")
    if not check_expired(events) or check_expired(events[:2]):
        raise Fault("an approval that expired should be one")
    broken = [
        ("a gap", "gap", lambda: check_run(events[:1] + events[2:], "r_1", types)),
        ("an event too many", "instead of", lambda: check_run(events, "r_1", types[:-1])),
        ("another order", "instead of", lambda: check_run(events, "r_1", types[::-1])),
        ("a run that was ended", "should be open", lambda: check_open(events, "r_1")),
        ("a run that goes on", "should be lost", lambda: check_lost(events[:3], "r_1")),
        ("another end", "should be lost", lambda: check_lost(changed(3, type="agent_cancelled"), "r_1")),
        ("another code", "should be lost", lambda: check_lost(changed(3, data={"error": {"code": "x"}}), "r_1")),
        ("an answer", "should have expired", lambda: check_expired(changed(2, data={"decision": "approved"}))),
        ("an early end", "should have expired", lambda: check_expired(changed(2, time="2026-11-21T02:10:01.000Z"))),
        ("a run that was lost too early", "idle since", lambda: check_idle(events, 2)),
        ("a silent drain", "when to come back", lambda: check_drain(None)),
        ("a long wait", "when to come back", lambda: check_drain({"reconnect_in_ms": 30_001})),
        ("an answer without a time", "when to come back", lambda: check_retry_after(Retry(None))),
        ("a log that is not trimmed", "are kept", lambda: check_trimmed(changed(0, seq=1))),
        ("a long stop", "took", lambda: check_time("it", 3, 0, 2)),
        ("an emission that was taken", "instead of", lambda: check_refused("it", ["1-1"], "code")),
    ]
    return check_broken("runs from outside", broken)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--self-test", action="store_true")
    add_binary_option(parser)
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    try:
        restarts(arguments.binary, HTTPBackend)
        restarts(arguments.binary, StreamBackend)
        idle(arguments.binary)
        expiry(arguments.binary)
        drains(arguments.binary)
    except Fault as fault:
        print(f"runs from outside: {fault}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
