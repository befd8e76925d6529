#!/usr/bin/env python3
"""Commands that cannot be carried out, over WebSocket and over HTTP: each is answered with its error, which says what was met
and what would have been right, and the log is afterwards as it was before.

  command_input.py               against services that this script starts
  command_input.py --self-test   that the checks notice each of these faults
"""

import argparse
import http.client
import json
import os
import signal
import sys
import time

from drafts import draft
from people import Person, guide, log_of, write_garden
from plain_stream import message_frame
from self_test import check_broken
from service import DataFolder, Service, add_binary_option
from thread_reader import Fault

MIB = 1024 * 1024
FLOOD = 10_000
FORM = {
    "type": "object",
    "properties": {
        "environment": {"type": "string", "enum": ["staging", "production"]},
        "count": {"type": "integer", "minimum": 1, "maximum": 5},
    },
    "required": ["environment"],
}


def answer(approval, decision="approved", **more):
    return {"name": "answer", "data": {"approval_id": approval, "decision": decision, **more}}


def filled(data):
    return answer("a_open", data=data)


# Name, the body, the code, and a word of the message that says what is right; in the thread t_7 unless one is named.
CASES = [
    ("a command that there is not", {"name": "halt"}, "command.unknown", "there are: stop"),
    ("a command without a name", {}, "message.invalid", "name"),
    ("a command without a key", {"name": "stop", "key": None}, "command.key_missing", "a command has a key"),
    ("a command with its author", {"name": "stop", "by": "u_2"}, None, ""),
    ("a stop with data that it has not", {"name": "stop", "data": {"why": "x"}}, "command.invalid", "reason"),
    ("a run of another thread", {"name": "stop", "run_id": "r_other"}, "run.unknown", "run"),
    ("a run that there is not", {"name": "pause", "run_id": "r_never"}, "run.unknown", "run"),
    ("a run that has ended", {"name": "pause", "run_id": "r_ended"}, "run.not_open", "run"),
    ("a run that is queued", {"name": "pause", "run_id": "r_queued"}, "run.not_started", "run"),
    ("an own command for a paused run", {"name": "editor.undo", "run_id": "r_paused"}, "run.paused", "run"),
    ("a thread that there is not", {"name": "stop", "thread": "t_never"}, "thread.unknown", ""),
    ("an as_of that is a number", {"name": "stop", "as_of": "57"}, "cursor.invalid", "3-42"),
    ("an as_of that is none", {"name": "stop", "as_of": "-"}, "cursor.invalid", "3-42"),
    ("an as_of with a tail", {"name": "stop", "as_of": "3-57 "}, "cursor.invalid", "3-42"),
    ("an answer without its approval", {"name": "answer", "data": {"decision": "approved"}}, "command.invalid", "approval_id"),
    ("an answer that is neither", answer("a_open", "expired"), "command.invalid", "approved or denied"),
    ("an answer to nothing", answer("a_never"), "approval.unknown", ""),
    ("an answer after the time", answer("a_late"), "approval.expired", ""),
    ("a form that is not filled in", filled(None), "approval.data_invalid", "required"),
    ("a form with a field left out", filled({"count": 2}), "approval.data_invalid", "required"),
    ("a form with another choice", filled({"environment": "moon"}), "approval.data_invalid", "staging, production"),
    ("a form with a text for a number", filled({"environment": "staging", "count": "2"}), "approval.data_invalid", "whole number"),
    ("a form with too high a number", filled({"environment": "staging", "count": 6}), "approval.data_invalid", "at most"),
    ("a form with a field too many", filled({"environment": "staging", "cuont": 2}), "approval.data_invalid", "count"),
    ("a form that is a list", filled([1]), "approval.data_invalid", "object"),
    ("arguments that are not to be edited", filled({"environment": "staging", "arguments": {}}), "approval.data_invalid", "edited"),
    ("a message without a text", {"name": "message", "data": {}}, "command.invalid", "text"),
    ("a message that is empty", {"name": "message", "data": {"text": ""}}, "command.invalid", "empty"),
    ("a message for nobody", {"name": "message", "data": {"text": "x", "agent": "nobody"}}, "agent.unknown", "guide"),
    ("a message for a run", {"name": "message", "run_id": "r_open", "data": {"text": "x"}}, "command.invalid", "leave run_id out"),
    ("a message that answers and waits", {"name": "message", "data": {"text": "x", "policy": "queue", "answers_approval": True}},
     "command.invalid", "steer"),
    ("a policy that there is not", {"name": "message", "data": {"text": "x", "policy": "soon"}}, "command.invalid", "supersede"),
    ("a policy that the agent has not", {"name": "message", "data": {"text": "x", "policy": "parallel"}}, "policy.not_allowed", ""),
    ("a message for a free thread", {"name": "message", "data": {"text": "x", "policy": "reject"}}, "thread.busy", "policy"),
    ("a start of what there was not", {"name": "start", "data": {"retry_of": "r_never"}}, "run.unknown", ""),
    ("an own command of 1 MiB", {"name": "editor.paste", "run_id": "r_open", "data": "x" * (MIB - 160)}, "event.too_large", ""),
]

# Forms that are refused: the code of the emission, and a word of its message.
SCHEMAS = [
    ("a schema that is none", "object", "object"),
    ("a schema of a list", {"type": "array"}, "flat object"),
    ("a field of a field", {"type": "object", "properties": {"a": {"type": "object"}}}, "a field is"),
    ("a rule that nobody checks", {"type": "object", "properties": {"a": {"type": "string", "pattern": "a"}}}, "pattern"),
    ("a field that is required and not there", {"type": "object", "properties": {}, "required": ["a"]}, "no such field"),
    ("a default that does not fit", {"type": "object", "properties": {"a": {"type": "integer", "default": "x"}}}, "whole number"),
    ("a form of 1 000 fields", {"type": "object", "properties": {f"f_{n}": {"type": "string"} for n in range(1000)}}, "at most 100"),
]


class OverHTTP:
    """One connection that is kept."""

    name = "HTTP"

    def __init__(self, service):
        self.connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=180)

    def post(self, path, body, key=None):
        headers = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
        self.connection.request("POST", path, json.dumps(body), headers)
        response = self.connection.getresponse()
        return response.status, json.loads(response.read())

    def command(self, thread, key, body):
        """The answer, or the error."""
        status, answer = self.post(f"/v1/threads/{thread}/commands", body, key)
        return answer if status == 200 else {"status": status, **answer["error"]}

    def emit(self, thread, event):
        status, answer = self.post(f"/v1/threads/{thread}/events", event)
        return answer if status == 201 else {"status": status, **answer["error"]}

    def close(self):
        self.connection.close()


class OverStream:
    name = "WebSocket"

    def __init__(self, service):
        self.person = Person(service)

    def command(self, thread, key, body):
        members = {**body, **({"key": key} if key else {})}
        return self.person.answer(self.person.send(op="command", thread_id=thread, **members))

    def emit(self, thread, event):
        return self.person.answer(self.person.send(op="emit", thread_id=thread, events=[event]))

    def close(self):
        self.person.close()


def prepare(person):
    """A thread with a run in each state, and questions that are open, and over."""
    started = {run: draft("agent_started", run, "far") for run in ("r_open", "r_ended", "r_paused", "r_other")}
    person.emit("t_7", started["r_ended"], draft("agent_completed", "r_ended", duration_ms=1), started["r_open"])
    person.emit("t_7", started["r_paused"], draft("agent_paused", "r_paused"), draft("agent_queued", "r_queued", "far"))
    person.emit("t_other", started["r_other"])
    person.emit("t_quiet", started["r_ended"], draft("agent_completed", "r_ended", duration_ms=1))
    asking = {"prompt": "Where to?", "schema": FORM}
    person.emit("t_7", draft("approval_requested", "r_open", approval_id="a_open", **asking))
    person.follow("t_7")
    person.emit("t_7", draft("approval_requested", "r_open", approval_id="a_late", prompt="?", expires_at="2026-01-01T00:00:00Z"))
    person.wait("t_7", "approval_resolved", approval_id="a_late", decision="expired")


def refuse_commands(service, transport):
    for number, (name, body, code, word) in enumerate(CASES):
        members = {key: value for key, value in body.items() if key not in ("thread", "key")}
        thread = body.get("thread", "t_7")
        key = f"k_{transport.name}_{number}" if "key" not in body else None
        before = log_of(service, "t_7")
        error = transport.command(thread, key, members)
        check_refused(f"{transport.name}: {name}", error, code, word, before, log_of(service, "t_7"))
        if thread != "t_7" and log_of(service, thread):
            raise Fault(f"{transport.name}: {name} has opened the thread {thread}")


def refuse_forms(service, transport):
    for name, schema, word in SCHEMAS:
        before = log_of(service, "t_7")
        asking = draft("approval_requested", "r_open", approval_id="a_bad", prompt="?", schema=schema)
        error = transport.emit("t_7", asking)
        check_refused(f"{transport.name}: {name}", error, None, word, before, log_of(service, "t_7"))


def check_refused(name, error, code, word, before, after):
    if before != after:
        raise Fault(f"{name} has logged {len(after) - len(before)} events: {after[len(before):]}")
    given, message = error.get("code"), error.get("message", "")
    # A code of events where the case names none.
    if given is None or given != code and not (code is None and given.startswith("event.")):
        raise Fault(f"{name} was answered with {str(error)[:500]} instead of {code}")
    if word not in message or len(message) < 10:
        raise Fault(f"{name}: the message says nothing of {word!r}: {message}")
    if given in ("run.not_open", "run.not_started", "run.paused", "thread.busy", "approval.expired") and not error.get("details"):
        raise Fault(f"{name}: {given} does not name what was met: {error}")


def unknown_cursors(service, transport):
    """An as_of that the thread does not know, such as one of another thread, counts as now: it is taken, and that is said."""
    before = log_of(service, "t_quiet")
    beyond = log_of(service, "t_7")[-1]["id"]
    for number, cursor in enumerate((beyond, "1-1", "18446744073709551615-1")):
        taken = transport.command("t_quiet", f"k_{transport.name}_as_of_{number}", {"name": "stop", "as_of": cursor})
        check_unknown_cursor(cursor, taken)
    if log_of(service, "t_quiet") != before:
        raise Fault("a stop of what has ended has logged something")


def check_unknown_cursor(cursor, taken):
    if taken.get("outcome") != "unchanged" or taken.get("details", {}).get("as_of") != "unknown":
        raise Fault(f"as_of {cursor} was answered with {taken}")


# Too much, and too late -------------------------------------------------------------------------------------------------


def too_large(service):
    """A command above the limit of a message: the connection is closed, the body refused; nothing is logged."""
    before = log_of(service, "t_7")
    body = {"name": "editor.paste", "run_id": "r_open", "data": "x" * MIB}
    over_http = OverHTTP(service)
    error = over_http.command("t_7", "k_large", body)
    over_http.close()
    if (error.get("status"), error.get("code")) != (413, "limits.body_bytes"):
        raise Fault(f"a command of more than 1 MiB was answered with {error}")
    person = Person(service)
    try:
        person.command("editor.paste", "t_7", run_id="r_open", data="x" * MIB)
    except Fault as closed:
        if "1009" not in str(closed):
            raise
    else:
        raise Fault("a command of more than 1 MiB was answered over WebSocket")
    finally:
        person.close()
    if log_of(service, "t_7") != before:
        raise Fault("a command of more than 1 MiB is in the log")


def flood(service):
    """Ten thousand commands in a moment on one connection; returns how many were taken. The next moment it is taken again."""
    before = log_of(service, "t_7")
    with Person(service) as person:
        first = person.number + 1
        frames = (
            message_frame(op="command", req=first + number, thread_id="t_7", key=f"k_flood_{number}", name="resume", run_id="r_open")
            for number in range(FLOOD)
        )
        began = time.monotonic()
        answers = []
        # A connection that takes no answers is not read from either.
        for _ in range(FLOOD // 500):
            person.connection.sendall(b"".join(next(frames) for _ in range(500)))
            answers += [person.receive(lambda message: message.get("op") in ("accepted", "error")) for _ in range(500)]
        taken = check_flood(answers, time.monotonic() - began)
        person.number += FLOOD
        while True:
            answer = person.command("resume", "t_7", run_id="r_open")
            if answer.get("outcome") == "unchanged":
                break
            check_flood([answer], 1)
    if log_of(service, "t_7") != before:
        raise Fault("a flood of commands without an effect is in the log")
    return taken


def check_flood(answers, seconds):
    refused = [answer for answer in answers if answer["op"] == "error"]
    for answer in refused:
        if answer["code"] != "limits.commands" or not answer["retryable"] or not 0 < (answer["retry_after_ms"] or 0) <= 1000:
            raise Fault(f"a command too many was answered with {answer}")
    taken = len(answers) - len(refused)
    if taken > 50 * (int(seconds) + 2):
        raise Fault(f"{taken} commands of one connection were taken in {seconds:.1f} s")
    return taken


def while_stopping(binary, folder, data):
    """A message to a service that is about to stop is refused; what stops and answers is still taken."""
    with Service(binary, data, *guide(folder, 1), "--drain-timeout", "600") as service:
        transports = [OverHTTP(service), OverStream(service)]
        person = transports[1].person
        run = person.ask("t_7", "launch secret")["run_id"]
        person.follow("t_7")
        person.wait("t_7", "approval_requested", run)
        transports[0].command("t_7", "k_warm", {"name": "resume"})
        os.kill(service.process.pid, signal.SIGTERM)
        person.receive(lambda message: message.get("op") == "drain")
        before = log_of_kept(transports[0])
        for transport in transports:
            for name in ("message", "start"):
                body = {"name": name, "data": {"text": "too late"} if name == "message" else {}}
                error = transport.command("t_7", f"k_late_{transport.name}_{name}", body)
                check_refused(f"{transport.name}: {name} to a service that stops", error, "server.stopping", "stop", before, log_of_kept(transports[0]))
                if not error["retryable"]:
                    raise Fault(f"{transport.name}: {error}")
        stopped = transports[0].command("t_7", "k_stop", {"name": "stop", "run_id": run})
        if stopped.get("outcome") != "done":
            raise Fault(f"a stop to a service that stops was answered with {stopped}")
        for transport in transports:
            transport.close()
        service.stop()


def log_of_kept(over_http):
    """The events of the thread, over a connection that is there already: a service that stops takes no further ones."""
    over_http.connection.request("GET", "/v1/threads/t_7/events?limit=1000")
    return json.loads(over_http.connection.getresponse().read())["events"]


def run(binary):
    with DataFolder() as folder:
        write_garden(folder / "garden")
        with Service(binary, folder / "data", *guide(folder / "garden", 0)) as service:
            with Person(service) as person:
                prepare(person)
            for transport in (OverStream(service), OverHTTP(service)):
                refuse_commands(service, transport)
                refuse_forms(service, transport)
                unknown_cursors(service, transport)
                transport.close()
            too_large(service)
            taken = flood(service)
            if service.errors():
                raise Fault(f"the service complains: {service.errors()}")
        while_stopping(binary, folder / "garden", folder / "stopping")
    print(f"{len(CASES) + len(SCHEMAS)} commands and forms, each over WebSocket and HTTP, are refused and not logged; of {FLOOD} at once {taken} were taken")


# The checks, checked ----------------------------------------------------------------------------------------------------


def self_test():
    error = {"op": "error", "code": "run.paused", "message": "the run is paused", "details": {"status": "paused"}}
    check_refused("x", error, "run.paused", "paused", [], [])
    many = {"op": "error", "code": "limits.commands", "retryable": True, "retry_after_ms": 20}
    check_flood([{"op": "accepted"}, many], 1)
    check_unknown_cursor("1-1", {"outcome": "unchanged", "details": {"as_of": "unknown"}})
    broken = [
        ("a refusal that logs", "has logged", lambda: check_refused("x", error, "run.paused", "paused", [], [1])),
        ("another code", "instead of", lambda: check_refused("x", error, "run.unknown", "paused", [], [])),
        ("a command that is taken", "instead of", lambda: check_refused("x", {"outcome": "done"}, None, "", [], [])),
        ("a message that does not help", "says nothing", lambda: check_refused("x", error, "run.paused", "resume", [], [])),
        ("a refusal without the state", "what was met", lambda: check_refused("x", {**error, "details": None}, "run.paused", "paused", [], [])),
        ("a flood that is taken", "were taken", lambda: check_flood([{"op": "accepted"}] * 500, 1)),
        ("a flood without a time to come back", "too many", lambda: check_flood([{**many, "retry_after_ms": None}], 1)),
        ("another refusal of a flood", "too many", lambda: check_flood([{**many, "code": "server.failed"}], 1)),
        ("a cursor that is passed over", "answered", lambda: check_unknown_cursor("1-1", {"outcome": "unchanged", "details": {}})),
        ("a cursor that is refused", "answered", lambda: check_unknown_cursor("1-1", {"op": "error"})),
    ]
    return check_broken("input of commands", broken)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    try:
        run(options.binary)
    except Fault as fault:
        print(f"FAILED: {fault}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
