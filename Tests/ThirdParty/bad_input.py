#!/usr/bin/env python3
"""Bad input, over WebSocket, HTTP and the command line: each gets its typed error, the connection and the service go on,
and nothing of it is logged.

  bad_input.py               against services that this script starts
  bad_input.py --self-test   that every case fails against a service that accepts everything
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import threading

from drafts import draft
from frames import BINARY, TEXT, Closed, RawSocket, frame
from service import ANSWER_SECONDS, ROOT, DataFolder, Service, add_binary_option
from thread_reader import Fault

LIMIT = 1024 * 1024
FAULTS = (Fault, Closed, OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError)


class Table:
    """Cases by name; each is called with the service."""

    def __init__(self):
        self.cases = []

    def add(self, name, body):
        self.cases.append((name, body))


TABLE = Table()
NUMBER = iter(range(1, 1 << 30))


def new_thread():
    return f"t_bad_{next(NUMBER)}"


# Asking -----------------------------------------------------------------------------------------------------------------


def ask(peer, message):
    """Sends a message (text, bytes or an object) and returns the answer."""
    text = message if isinstance(message, (str, bytes)) else json.dumps(message)
    peer.send(frame(TEXT, text))
    return peer.message()


def emit(peer, thread, events, **members):
    answer = ask(peer, {"op": "emit", "req": 1, "thread_id": thread, "events": events, **members})
    if answer.get("op") != "emitted":
        raise Fault(f"what prepares the case was refused: {answer}")
    return answer["cursors"]


def expect_error(answer, code, **members):
    """An `error` with this code, and with these members. A set of codes means any of them."""
    codes = code if isinstance(code, set) else {code}
    if answer.get("op") != "error" or answer.get("code") not in codes:
        raise Fault(f"answered with {json.dumps(answer)[:400]}, and should be an error {' or '.join(sorted(codes))}")
    if not answer.get("message") or not isinstance(answer.get("retryable"), bool) or "retry_after_ms" not in answer:
        raise Fault(f"the error is not whole: {answer}")
    for name, expected in members.items():
        if answer.get(name) != expected:
            raise Fault(f"{name} is {answer.get(name)}, and should be {expected}: {answer}")


def expect_count(service, thread, count):
    """A thread has so many events; none means that there is no such thread."""
    events, _ = service.pages(thread)
    if len(events) != count:
        raise Fault(f"thread {thread} has {len(events)} events, and should have {count}")


def expect_http(answer, status, code):
    statuses = status if isinstance(status, set) else {status}
    codes = code if isinstance(code, set) else {code}
    if answer.status not in statuses or answer.code not in codes:
        raise Fault(f"answered with {answer}, and should be {statuses} {codes}")


# Messages ---------------------------------------------------------------------------------------------------------------


def message_case(name, message, code, **members):
    """A message that is refused, and that leaves the connection alive."""

    def body(service):
        thread = new_thread()
        with RawSocket(service.port).open() as peer:
            sent = message(thread) if callable(message) else message
            expect_error(ask(peer, sent), code, **members)
            peer.expect_lives()
        expect_count(service, thread, 0)

    TABLE.add(f"message: {name}", body)


message_case("not JSON", "{nope", "json.syntax")
message_case("nothing", " ", "json.syntax")
message_case("two values", '{"op":"ping"}{}', "json.syntax")
message_case("a NUL at the end", '{"op":"ping"}\0', "json.syntax")
message_case("a key twice", '{"op":"ping","op":"ping"}', "json.duplicate_key")
message_case("not an object: array", "[]", "message.invalid")
message_case("not an object: string", '"ping"', "message.invalid")
message_case("not an object: number", "1", "message.invalid")
message_case("not an object: null", "null", "message.invalid")
message_case("no op", '{"req":1}', "message.invalid", req=1)
message_case("op of the wrong type", '{"op":1,"req":"a"}', "message.invalid", req="a")
message_case("unknown op", '{"op":"explode","req":7}', "op.unknown", req=7)
message_case("op in capitals", '{"op":"PING"}', "op.unknown")
message_case("req of the wrong type", '{"op":"ping","req":{}}', "message.invalid")
message_case("auth is not there yet", {"op": "auth", "req": 1, "token": "x", "key": "k", "name": "stop"}, "op.unsupported", req=1)
message_case("refresh without a token", {"op": "refresh", "req": 1}, "message.invalid", path="$.token", req=1)
message_case("refresh with a token of the wrong type", {"op": "refresh", "req": 1, "token": 7}, "message.invalid", path="$.token", req=1)


def command(name="stop", thread="t_cmd", **members):
    message = {"op": "command", "req": 1, "thread_id": thread, "key": "k", "name": name, **members}
    return {member: value for member, value in message.items() if value is not ...}


message_case("a command without key", command(key=...), "command.key_missing", req=1, path="$.key")
message_case("a command without name", command(name=...), "message.invalid", req=1, path="$.name")
message_case("a command that there is not", command("halt"), "command.unknown", req=1, path="$.name")
message_case("a command in capitals", command("STOP"), "command.unknown", req=1, path="$.name")
message_case("a command with a space", command("a b.c"), "command.invalid", req=1, path="$.name")
message_case("a command that says who gives it", command(by="u_2"), "event.unknown_field", req=1, path="$.by")
message_case("a command whose data says who gives it", command(data={"by": "u_2"}), "command.invalid", req=1, path="$.data.by")
message_case("a command with an as_of that is none", command(as_of="42"), "cursor.invalid", req=1, path="$.as_of")
message_case("a command for a run that is no id", command(run_id="a b"), "message.invalid", req=1, path="$.run_id")
message_case("a command with data of the wrong type", command(data=[]), "command.invalid", req=1, path="$.data")
message_case("a message without text", command("message"), "command.invalid", req=1, path="$.data.text")
message_case("a command in a thread that there is not", command(thread="t_never"), "thread.unknown", req=1)
message_case("merge of the wrong type", lambda t: {"op": "subscribe", "thread_id": t, "merge": 1}, "message.invalid")
message_case("snapshot of the wrong type", lambda t: {"op": "subscribe", "thread_id": t, "snapshot": 1}, "message.invalid")
message_case("a consumer that is no name", lambda t: {"op": "subscribe", "thread_id": t, "consumer": "a b"}, "message.invalid")
message_case("ack without subscription", lambda t: {"op": "ack", "req": 1, "thread_id": t, "cursor": "1-1"}, "subscription.unknown", req=1)
message_case("ack without cursor", lambda t: {"op": "ack", "req": 1, "thread_id": t}, "message.invalid", req=1)
message_case("ack of no cursor", lambda t: {"op": "ack", "req": 1, "thread_id": t, "cursor": "now"}, "cursor.invalid", req=1)
message_case("10 000 nested arrays", "[" * 10000 + "]" * 10000, "json.depth")
message_case("10 000 arrays, not closed", "[" * 10000, {"json.depth", "json.syntax"})
message_case("10 000 nested objects", '{"a":' * 10000, {"json.depth", "json.syntax"})
message_case("a lone surrogate as thread", '{"op":"subscribe","thread_id":"\\ud800"}', "json.lone_surrogate")
message_case("a lone surrogate as key", '{"\\ud800":1,"op":"ping"}', "json.lone_surrogate")

for op in ("subscribe", "unsubscribe", "emit"):
    extra = {"events": [draft("user_message", message_id="m", user_id="u", text="x")]} if op == "emit" else {}
    message_case(f"{op} without thread", {"op": op, "req": 2, **extra}, "message.invalid", req=2, path="$.thread_id")
    message_case(f"{op}: thread of the wrong type", {"op": op, "thread_id": 7, **extra}, "message.invalid")
    for label, invalid in [("blank", "a b"), ("empty", ""), ("long", "x" * 257), ("letter", "é"), ("star", "a*"), ("dot", "."), ("dots", "..")]:
        message_case(
            f"{op}: invalid thread id ({label})", {"op": op, "req": 3, "thread_id": invalid, **extra}, "message.invalid",
            req=3, path="$.thread_id",
        )

for label, after in [
    ("a word", "soon"), ("no number", "3-x"), ("zero", "0-1"), ("sequence zero", "1-0"), ("leading zero", "01-1"),
    ("empty", ""), ("signs", "+1-+1"), ("three parts", "1-2-3"), ("too big", "1-99999999999999999999999"),
]:
    message_case(
        f"malformed cursor: {label}",
        lambda t, after=after: {"op": "subscribe", "req": 4, "thread_id": t, "after": after}, "cursor.invalid", req=4,
    )
message_case("after of the wrong type", lambda t: {"op": "subscribe", "thread_id": t, "after": 5}, "message.invalid")


def reset_case(name, reason, cursor_of):
    """A well-formed cursor that the thread's log does not know is answered with a reset, and then with all events."""

    def body(service):
        thread, other = new_thread(), new_thread()
        with RawSocket(service.port).open() as peer:
            events = [draft("user_message", message_id=f"m_{n}", user_id="u", text="x") for n in range(3)]
            own = emit(peer, thread, events)
            foreign = emit(peer, other, events + events)
            cursor = cursor_of(own, foreign)
            answer = ask(peer, {"op": "subscribe", "req": 5, "thread_id": thread, "after": cursor})
            seen = [answer]
            while answer.get("op") != "reset":
                if answer.get("op") not in ("subscribed",):
                    raise Fault(f"cursor {cursor}: no reset, but {answer}")
                answer = peer.message()
                seen.append(answer)
            if answer != {"op": "reset", "thread_id": thread, "reason": reason, "oldest": own[0]}:
                raise Fault(f"cursor {cursor}: the reset is {answer}")
            peer.send(frame(TEXT, '{"op":"ping","req":6}'))
            while answer != {"op": "pong", "req": 6}:
                answer = peer.message()
                if answer.get("op") == "error":
                    raise Fault(f"after a reset: {answer}")
        expect_count(service, thread, 3)

    TABLE.add(f"cursor: {name}", body)


reset_case("beyond the end", "unknown", lambda own, foreign: own[-1].partition("-")[0] + "-99")
reset_case("of a generation that never was", "diverged", lambda own, foreign: "999-2")
reset_case("of another thread", "unknown", lambda own, foreign: foreign[-1])
reset_case("beyond the end, of a generation that never was", "diverged", lambda own, foreign: "999-99")
reset_case("the largest there is", "diverged", lambda own, foreign: "18446744073709551615-18446744073709551615")


# Drafts -----------------------------------------------------------------------------------------------------------------


def started(run="r_1", agent="worker"):
    return draft("agent_started", run, agent)


def thought(text="x", run="r_1", **members):
    return {**draft("agent_thinking", run, thought_id="th_1", text=text), **members}


def raw_thought(data):
    return '{"type":"agent_thinking","run_id":"r_1","data":' + data + "}"


def draft_case(name, event, code, path=None):
    """The third event of a batch is refused: over WebSocket and over HTTP, and nothing of the batch is logged."""

    def body(service):
        thread = new_thread()
        bad = event(thread) if callable(event) else event
        bad = bad if isinstance(bad, str) else json.dumps(bad)
        good = [json.dumps(started()), json.dumps(thought())]
        with RawSocket(service.port).open() as peer:
            text = f'{{"op":"emit","req":9,"thread_id":"{thread}","events":[{",".join(good + [bad])}]}}'
            expected = {} if code == "json.depth" else {"req": 9, "index": 2}
            if code in ("json.lone_surrogate", "json.duplicate_key") and path is None:
                expected = {}
            if path is not None:
                expected["path"] = f"$.events[2]{path}"
            expect_error(ask(peer, text), code, **expected)
            peer.expect_lives()
            expect_count(service, thread, 0)
            body_text = "\n".join(good + [bad]) + "\n"
            answer = post(service, thread, body_text)
            expect_http(answer, {400, 413}, code)
            expect_count(service, thread, 0)
            # The same without the bad event is accepted: what was refused left nothing behind.
            emit(peer, thread, [started(), thought()])
        expect_count(service, thread, 2)

    TABLE.add(f"draft: {name}", body)


def post(service, thread, body, content_type="application/x-ndjson", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if content_type is not None:
        headers["Content-Type"] = content_type
    return service.request("POST", f"/v1/threads/{thread}/events", body, headers)


draft_case("not an object", "[]", "event.wrong_type", "")
draft_case("no type", {"run_id": "r_1", "data": {}}, "event.missing_field", ".type")
draft_case("unknown type", draft("agent_exploded", "r_1"), "event.unknown_type", ".type")
draft_case("type of the wrong type", {"type": 1, "run_id": "r_1", "data": {}}, "event.wrong_type", ".type")
draft_case("no data", {"type": "agent_thinking", "run_id": "r_1"}, "event.missing_field", ".data")
draft_case("data of the wrong type", {**thought(), "data": []}, "event.wrong_type", ".data")
draft_case("a member is missing", draft("agent_thinking", "r_1", text="x"), "event.missing_field", ".data.thought_id")
draft_case("a member of the wrong type", draft("agent_thinking", "r_1", thought_id="th_1", text=7), "event.wrong_type", ".data.text")
draft_case("a member that is null", draft("agent_thinking", "r_1", thought_id="th_1", text=None), "event.wrong_type", ".data.text")
draft_case("an unknown member", thought(color="red"), "event.unknown_field", ".color")
draft_case("an unknown member of data", draft("agent_thinking", "r_1", thought_id="t", text="x", color="red"), "event.unknown_field", ".data.color")
draft_case("no run", draft("agent_thinking", None, thought_id="th_1", text="x"), "event.missing_field", ".run_id")
draft_case("a run where there is none", draft("user_message", "r_1", message_id="m", user_id="u", text="x"), "event.field_not_allowed", ".run_id")
draft_case("a start without an agent", draft("agent_started", "r_2"), "event.missing_field", ".agent")
draft_case("an invalid run id", thought(run="r 1"), "event.invalid_id", ".run_id")
draft_case("an invalid id in data", draft("agent_thinking", "r_1", thought_id="", text="x"), "event.invalid_id", ".data.thought_id")
draft_case("an id that is too long", draft("agent_thinking", "r_1", thought_id="x" * 257, text="x"), "event.invalid_id", ".data.thought_id")
draft_case("an empty tool name", draft("tool_executing", "r_1", call_id="c", tool="", arguments={}), "event.invalid_id", ".data.tool")
draft_case("id set by the client", thought(id="1-3"), "event.field_not_allowed", ".id")
draft_case("seq set by the client", thought(seq=3), "event.field_not_allowed", ".seq")
draft_case("time set by the client", thought(time="2026-11-21T02:10:00.123Z"), "event.field_not_allowed", ".time")
draft_case("another thread", thought(thread_id="t_other"), "event.invalid_value", ".thread_id")
draft_case("a fraction above 1", draft("agent_progress", "r_1", fraction=1.5), "event.invalid_value", ".data.fraction")
draft_case("a fraction of 1e400", '{"type":"agent_progress","run_id":"r_1","data":{"fraction":1e400}}', "json.number_range", ".data.fraction")
draft_case("a count of 2^63", draft("agent_progress", "r_1", step=1 << 63, total=1), "json.number_range", ".data.step")
draft_case("a negative duration", draft("agent_completed", "r_1", duration_ms=-1), "event.invalid_value", ".data.duration_ms")
draft_case("an unknown status", draft("tool_completed", "r_1", call_id="c", tool="t", status="great", duration_ms=1), "event.invalid_value", ".data.status")
draft_case("a time that is none", draft("approval_requested", "r_1", approval_id="a", prompt="?", expires_at="soon"), "event.invalid_value", ".data.expires_at")
APPROVAL = draft("approval_requested", "r_1", approval_id="a_1", prompt="?")
draft_case("a run that is queued without an agent", draft("agent_queued", "r_2"), "event.missing_field", ".agent")
draft_case("no messages where there must be some", draft("input_taken", "r_1", message_ids=[]), "event.invalid_value", ".data.message_ids")
draft_case("a message twice", draft("input_taken", "r_1", message_ids=["m_1", "m_1"]), "event.invalid_value", ".data.message_ids[1]")
draft_case("257 messages", draft("input_taken", "r_1", message_ids=[f"m_{n}" for n in range(257)]), "event.invalid_value", ".data.message_ids")
draft_case("a message that is none", draft("agent_queued", "r_2", "guide", message_ids=["m 1"]), "event.invalid_id", ".data.message_ids[0]")
draft_case("the attempt 0", draft("agent_queued", "r_2", "guide", attempt=0), "event.invalid_value", ".data.attempt")
draft_case("a count below 0", draft("usage_reported", "r_1", input_tokens=-1, output_tokens=0), "event.invalid_value", ".data.input_tokens")
draft_case("a report without a count", draft("usage_reported", "r_1", input_tokens=1), "event.missing_field", ".data.output_tokens")
draft_case("an unknown kind of question", {**APPROVAL, "data": {**APPROVAL["data"], "kind": "guess"}}, "event.invalid_value", ".data.kind")
draft_case("no approvers", draft("approval_requested", "r_1", approval_id="a", prompt="?", approvers=[]), "event.invalid_value", ".data.approvers")
draft_case("an answer that says who gives it", draft("approval_resolved", "r_1", approval_id="a", decision="approved", by="local"), "event.field_not_allowed", ".data.by")
draft_case("a form that is none", draft("approval_requested", "r_1", approval_id="a", prompt="?", schema={"type": "string"}), "event.invalid_value", ".data.schema.type")
draft_case("a form with a keyword that is not checked", draft("approval_requested", "r_1", approval_id="a", prompt="?", schema={"type": "object", "properties": {"a": {"type": "string", "pattern": "x"}}}), "event.unknown_field", ".data.schema.properties.a.pattern")
draft_case("a form of 1000 fields", draft("approval_requested", "r_1", approval_id="a", prompt="?", schema={"type": "object", "properties": {f"f{n}": {"type": "boolean"} for n in range(1000)}}), "event.invalid_value", ".data.schema.properties")
draft_case("a lone surrogate in an id", raw_thought('{"thought_id":"\\ud83d","text":"x"}'), "json.lone_surrogate", ".data.thought_id")
draft_case("a lone surrogate in a key", raw_thought('{"thought_id":"th_1","text":"x","\\udc00":1}'), "json.lone_surrogate")
draft_case("a key twice", raw_thought('{"thought_id":"th_1","text":"x","text":"y"}'), "json.duplicate_key")
draft_case("10 000 nested arrays in a value", '{"type":"custom","run_id":"r_1","data":{"name":"n","value":' + "[" * 10000 + "]" * 10000 + "}}", "json.depth")


def batch_limits(service):
    thread = new_thread()
    with RawSocket(service.port).open() as peer:
        message = {"op": "emit", "req": 1, "thread_id": thread}
        expect_error(ask(peer, {**message, "events": []}), "event.empty_batch", req=1)
        expect_error(ask(peer, message), "message.invalid", req=1, path="$.events")
        expect_error(ask(peer, {**message, "events": {}}), "message.invalid", req=1, path="$.events")
        many = [draft("user_message", message_id=f"m_{n}", user_id="u", text="x") for n in range(1001)]
        expect_error(ask(peer, {**message, "events": many}), "limits.batch_events", req=1)
        expect_error(ask(peer, {**message, "events": many[:1], "key": "a b"}), "message.invalid", req=1, path="$.key")
        expect_error(ask(peer, {**message, "events": many[:1], "user_id": 1}), "message.invalid", req=1)
        peer.expect_lives()
        expect_count(service, thread, 0)
        expect_error(ask(peer, {**message, "events": many[:1] + [{}]}), "event.missing_field", index=1)
        expect_count(service, thread, 0)
        emit(peer, thread, many[:1000])
    expect_count(service, thread, 1000)


TABLE.add("batch: empty, missing, too many, one bad one", batch_limits)


def foreign_thread(service):
    """A thread belongs to the user that opened it."""
    thread = new_thread()
    event = draft("user_message", message_id="m", user_id="u", text="x")
    with RawSocket(service.port).open() as peer:
        emit(peer, thread, [event], user_id="u_1")
        answer = ask(peer, {"op": "emit", "req": 2, "thread_id": thread, "user_id": "u_2", "events": [event]})
        expect_error(answer, "thread.forbidden", req=2)
        peer.expect_lives()
    answer = service.request("POST", f"/v1/threads/{thread}/events?user_id=u_2", json.dumps(event))
    expect_http(answer, 403, "thread.forbidden")
    expect_count(service, thread, 1)


TABLE.add("thread of another user", foreign_thread)


def large_event(service):
    """The message fits, and the event does not: its envelope is larger than the draft's."""
    thread = "t_" + "x" * 100 + str(next(NUMBER))
    agent = "a" * 256
    with RawSocket(service.port).open() as peer:
        emit(peer, thread, [started(agent=agent)])
        message = {"op": "emit", "req": 1, "thread_id": thread, "events": [thought("")]}
        room = LIMIT - len(json.dumps(message, separators=(",", ":")))
        message["events"][0]["data"]["text"] = "x" * room
        text = json.dumps(message, separators=(",", ":"))
        if len(text) != LIMIT:
            raise Fault("the test is wrong")
        expect_error(ask(peer, text), "event.too_large", req=1, index=0)
        peer.expect_lives()
    answer = post(service, thread, json.dumps(thought("x" * (LIMIT + 100))))
    expect_http(answer, 413, "event.too_large")
    answer = post(service, thread, "\n".join(json.dumps(thought("x" * LIMIT)) for _ in range(17)))
    expect_http(answer, 413, {"limits.body_bytes", "event.too_large"})
    expect_count(service, thread, 1)


TABLE.add("an event over 1 MiB", large_event)


def kept_exactly(service):
    """Odd, and good: kept to the byte."""
    thread = new_thread()
    value = '{"big":1e400,"whole":9223372036854775808,"digits":' + "9" * 400 + ',"half":"\\ud83d","tail":-0.10}'
    text = f'{{"op":"emit","thread_id":"{thread}","events":[{{"type":"custom","data":{{"name":"n","value":{value}}}}}]}}'
    with RawSocket(service.port).open() as peer:
        answer = ask(peer, text)
        if answer.get("op") != "emitted":
            raise Fault(f"refused: {answer}")
    events, _ = service.pages(thread)
    if len(events) != 1 or not events[0].decode().endswith(f'"data":{{"name":"n","value":{value}}}}}'):
        raise Fault(f"the value was changed: {events}")


TABLE.add("numbers and lone surrogates in free values are kept", kept_exactly)


# Order ------------------------------------------------------------------------------------------------------------------


def call(call_id="c_1", run="r_1"):
    return draft("tool_executing", run, call_id=call_id, tool="search", arguments={})


def called(call_id="c_1", run="r_1", tool="search"):
    return draft("tool_completed", run, call_id=call_id, tool=tool, status="succeeded", duration_ms=1)


def said(text="x", message="m_1"):
    return draft("message_delta", "r_1", message_id=message, text=text)


def completed(run="r_1"):
    return draft("agent_completed", run, duration_ms=1)


MESSAGE = draft("message_completed", "r_1", message_id="m_1", role="assistant", text="x")
APPROVED = draft("approval_resolved", "r_1", approval_id="a_1", decision="approved")
PAUSED, RESUMED = draft("agent_paused", "r_1"), draft("agent_resumed", "r_1")
CHILD = draft("agent_started", "r_2", "helper", parent_run_id="r_1")
LONG = "x" * 600_000
QUEUED = draft("agent_queued", "r_1", "worker")

# Rule: what comes before, and what breaks the rule.
ORDER = [
    ("order.not_started", [], thought()),
    ("order.not_started", [started()], thought(run="r_2")),
    ("order.already_started", [started()], started()),
    ("order.already_started", [started(), completed()], started()),
    ("order.already_ended", [started(), completed()], thought()),
    ("order.already_ended", [started(), completed()], completed()),
    ("order.already_ended", [started(), completed()], draft("agent_cancelled", "r_1", duration_ms=1)),
    ("order.not_started", [QUEUED], thought()),
    ("order.not_started", [QUEUED], completed()),
    ("order.not_started", [QUEUED], draft("usage_reported", "r_1", input_tokens=1, output_tokens=1)),
    ("order.already_started", [QUEUED], QUEUED),
    ("order.already_started", [QUEUED, started()], QUEUED),
    ("order.already_started", [QUEUED, started()], started()),
    ("order.agent_mismatch", [QUEUED], draft("agent_started", "r_1", "another")),
    ("order.parent_not_open", [QUEUED], CHILD),
    ("order.paused", [started(), PAUSED], draft("input_taken", "r_1", message_ids=["m_1"])),
    ("order.call_reused", [started(), call()], call()),
    ("order.call_reused", [started(), call(), called(), call()], call()),
    ("order.call_not_open", [started()], called()),
    ("order.call_not_open", [started(), call(), called()], called()),
    ("order.call_not_open", [started(), call()], called(tool="other")),
    ("order.call_not_open", [started()], draft("tool_progress", "r_1", call_id="c_1")),
    ("order.message_closed", [started(), said(), MESSAGE], said()),
    ("order.message_closed", [started(), MESSAGE], MESSAGE),
    ("order.approval_not_open", [started()], APPROVED),
    ("order.approval_not_open", [started(), APPROVAL, APPROVED], APPROVED),
    ("order.approval_reused", [started(), APPROVAL], APPROVAL),
    ("order.approval_reused", [started(), APPROVAL, APPROVED], APPROVAL),
    ("order.work_open", [started(), call()], completed()),
    ("order.work_open", [started(), said()], completed()),
    ("order.work_open", [started(), APPROVAL], completed()),
    ("order.work_open", [started(), CHILD], completed()),
    ("order.paused", [started(), PAUSED], thought()),
    ("order.paused", [started(), PAUSED], call()),
    ("order.paused", [started(), PAUSED], completed()),
    ("order.not_paused", [started()], RESUMED),
    ("order.parent_not_open", [], CHILD),
    ("order.parent_not_open", [started(), completed()], CHILD),
    ("order.agent_mismatch", [started()], thought(agent="another")),
    ("order.message_too_long", [started(), said(LONG)], said(LONG)),
]


def order_case(rule, before, bad):
    def body(service):
        thread = new_thread()
        with RawSocket(service.port).open() as peer:
            if before:
                emit(peer, thread, before)
            # A good event before the bad one in the same request: all or nothing.
            good = draft("user_message", message_id="m_9", user_id="u", text="x")
            answer = ask(peer, {"op": "emit", "req": 3, "thread_id": thread, "events": [good, bad]})
            expect_error(answer, rule, req=3, index=1, thread_id=thread, retryable=False)
            if not answer.get("state") or not isinstance(answer.get("legal"), list):
                raise Fault(f"the error names no state, or not what was legal: {answer}")
            if bad["type"] in answer["legal"] and rule in ("order.already_ended", "order.paused", "order.not_paused"):
                raise Fault(f"the error calls legal what was refused: {answer}")
            peer.expect_lives()
            expect_http(post(service, thread, json.dumps(bad), "application/json"), 409, rule)
            expect_count(service, thread, len(before))
            # The refused event left the state as it was: an open run can still be failed, which closes its work.
            is_open = bool(before) and before[-1]["type"] != "agent_completed"
            if is_open:
                error = {"code": "test", "message": "over", "retryable": False}
                end = draft("agent_failed", "r_1", error=error, duration_ms=1)
                # What has not started does not fail.
                emit(peer, thread, [draft("agent_cancelled", "r_1") if before[-1] == QUEUED else end])

    label = "empty" if not before else ", ".join(event["type"] for event in before)
    TABLE.add(f"order: {rule}: {bad['type']} after {label}", body)


for each in ORDER:
    order_case(*each)


# Frames -----------------------------------------------------------------------------------------------------------------


def frame_case(name, bad, code):
    """A frame that ends its connection, and no other one."""

    def body(service):
        with RawSocket(service.port).open() as other, RawSocket(service.port).open() as peer:
            peer.send(bad)
            peer.expect_close(code)
            other.expect_lives()

    TABLE.add(f"frame: {name}", body)


frame_case("binary", frame(BINARY, b"{}"), 1003)
frame_case("without a mask", frame(TEXT, '{"op":"ping"}', masked=False), 1002)
frame_case("not UTF-8", frame(TEXT, b'{"op":"\xff"}'), 1007)


def many_malformed(service):
    """A hundred within ten seconds are borne with; then the connection is closed."""
    with RawSocket(service.port).open() as peer:
        peer.send(frame(TEXT, "nope") * 101)
        for _ in range(100):
            expect_error(peer.message(), "json.syntax")
        fin, opcode, payload = peer.receive()
        if opcode == TEXT:
            expect_error(json.loads(payload), "json.syntax")
            fin, opcode, payload = peer.receive()
        if payload[:2] != (4400).to_bytes(2, "big"):
            raise Fault(f"after 101 malformed messages came opcode {opcode} {payload!r}, and should be a close 4400")


TABLE.add("message: 101 malformed ones", many_malformed)


# HTTP -------------------------------------------------------------------------------------------------------------------

GOOD = json.dumps(draft("user_message", message_id="m", user_id="u", text="x"))


def http_case(name, method, path, status, code, body=None, **headers):
    def run(service):
        thread = new_thread()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = service.request(method, path.replace("{t}", thread), body, named)
        expect_http(answer, status, code)
        if answer.headers.get("Content-Type", "").split(";")[0] != "application/json":
            raise Fault(f"the error is {answer.headers.get('Content-Type')}")
        expect_count(service, thread, 0)

    TABLE.add(f"HTTP: {name}", run)


EVENTS, MESSAGES = "/v1/threads/{t}/events", "/v1/threads/{t}/messages"
NDJSON = "application/x-ndjson"
http_case("unknown path", "GET", "/v1/nothing", 404, "path.unknown")
http_case("wrong method", "DELETE", EVENTS, 405, "path.method_not_allowed")
http_case("unknown thread", "GET", EVENTS, 404, "thread.unknown")
http_case("invalid thread id", "GET", "/v1/threads/a%20b/events", 400, "request.invalid")
http_case("invalid thread id in a post", "POST", "/v1/threads/a%20b/events", 400, "request.invalid", GOOD)
http_case("thread id too long", "GET", "/v1/threads/" + "x" * 257 + "/events", 400, "request.invalid")
http_case("a malformed escape in the path", "GET", "/v1/threads/a%2/events", 400, "request.invalid")
http_case("an encoded dot segment", "GET", "/v1/threads/%2E%2E/events", 400, "request.invalid")
http_case("a malformed escape in the query", "POST", EVENTS + "?user_id=100%", 400, "request.invalid", GOOD)
http_case("malformed cursor", "GET", EVENTS + "?after=soon", 400, "cursor.invalid")
http_case("limit of 0", "GET", EVENTS + "?limit=0", 400, "request.invalid")
http_case("limit that is no number", "GET", EVENTS + "?limit=many", 400, "request.invalid")
http_case("not JSON", "POST", EVENTS, 400, "json.syntax", "{nope", Content_Type="application/json")
http_case("no body", "POST", EVENTS, 400, "event.empty_batch", "", Content_Type="application/json")
http_case("not UTF-8", "POST", EVENTS, 400, "json.encoding", b'{"type":"\xff"}', Content_Type="application/json")
http_case("not an object", "POST", EVENTS, 400, "event.wrong_type", "[1]", Content_Type="application/json")
http_case("another media type", "POST", EVENTS, 415, "request.media_type", GOOD, Content_Type="text/xml")
http_case("a key that is none", "POST", EVENTS, 400, "request.invalid", GOOD, Idempotency_Key="a b")
http_case("NDJSON cut in the middle", "POST", EVENTS, 400, "json.syntax", f"{GOOD}\n{GOOD[:40]}", Content_Type=NDJSON)
http_case("NDJSON with a bad line", "POST", EVENTS, 400, "json.syntax", f"{GOOD}\nnope\n{GOOD}\n", Content_Type=NDJSON)
http_case("NDJSON of unknown type cut", "POST", EVENTS, 400, "json.syntax", f"{GOOD}\n{GOOD[:40]}")
http_case("10 000 nested arrays", "POST", EVENTS, 400, "json.depth", "[" * 10000 + "]" * 10000, Content_Type="application/json")
http_case("message without text", "POST", MESSAGES, 400, "message.invalid", "{}", Content_Type="application/json")
http_case("message that is no object", "POST", MESSAGES, 400, "message.invalid", "[]", Content_Type="application/json")
http_case("message that is not JSON", "POST", MESSAGES, 400, "json.syntax", "hello", Content_Type="application/json")
http_case("message for nobody", "POST", MESSAGES, 404, "agent.unknown", '{"text":"hi","agent":"nobody"}', Content_Type="application/json")
http_case("no upgrade", "GET", "/v1/stream", 426, "upgrade.required")


def names_the_line(service):
    thread = new_thread()
    answer = post(service, thread, f"{GOOD}\n\n{GOOD}\n{GOOD[:30]}\n")
    expect_http(answer, 400, "json.syntax")
    if "line 4" not in answer.json()["error"]["message"]:
        raise Fault(f"the error does not name the line: {answer}")
    expect_count(service, thread, 0)


def cursor_of_nobody(service):
    thread = new_thread()
    expect_http(post(service, thread, GOOD), 201, None)
    answer = service.request("GET", f"/v1/threads/{thread}/events?after=999-1")
    expect_http(answer, 409, "cursor.diverged")


def cut_request(service):
    """A body that ends before its announced length."""
    thread = new_thread()
    with socket.create_connection(("127.0.0.1", service.port), timeout=ANSWER_SECONDS) as peer:
        head = f"POST /v1/threads/{thread}/events HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nContent-Length: 500\r\n\r\n"
        peer.sendall(head.encode() + GOOD.encode())
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(4096):
            pass
    if service.request("GET", "/health").json() != {"status": "healthy"}:
        raise Fault("the service is not healthy")
    expect_count(service, thread, 0)
    expect_http(post(service, thread, GOOD), 201, None)


def repeated_key(service):
    """The same key again logs nothing, also with other events."""
    thread = new_thread()
    first = post(service, thread, GOOD, Idempotency_Key="k_1")
    expect_http(first, 201, None)
    for _ in range(2):
        again = post(service, thread, GOOD, Idempotency_Key="k_1")
        if again.status != 201 or again.json() != first.json():
            raise Fault(f"the same key gave {first} and then {again}")
    expect_count(service, thread, 1)


TABLE.add("HTTP: the line at fault is named", names_the_line)
TABLE.add("HTTP: a cursor that the log does not know", cursor_of_nobody)
TABLE.add("HTTP: a body cut off", cut_request)
TABLE.add("HTTP: a key sent again", repeated_key)


# The command line -------------------------------------------------------------------------------------------------------


def expect_exit(binary, arguments, code, word, text=None):
    """The program ends by itself with this code, and says why in one line with the word in it."""
    done = subprocess.run(
        [str(binary), *map(str, arguments)], input=text, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
    )
    said = (done.stderr + done.stdout).strip()
    if done.returncode != code:
        raise Fault(f"ended with {done.returncode}, and should with {code}: {said[-600:]}")
    if word not in said or "Fatal error" in said or "Stack dump" in said:
        raise Fault(f"does not say {word!r}: {said[-600:]}")


def port_in_use(service, binary):
    with DataFolder() as data:
        expect_exit(binary, ["serve", "--port", service.port, "--data", data], 69, str(service.port))


def second_service(service, binary, data):
    expect_exit(binary, ["serve", "--port", 0, "--data", data], 69, "")
    if service.request("GET", "/health").status != 200:
        raise Fault("the first service was disturbed")


def unusable_folder(service, binary):
    with DataFolder() as data:
        file = data / "file"
        file.write_text("not a folder")
        expect_exit(binary, ["serve", "--port", 0, "--data", file / "folder"], 69, "file")
        if os.geteuid() != 0:
            closed = data / "closed"
            closed.mkdir(mode=0o500)
            expect_exit(binary, ["serve", "--port", 0, "--data", closed], 69, "closed")


def open_address(service, binary):
    with DataFolder() as data:
        expect_exit(binary, ["serve", "--host", "0.0.0.0", "--port", 0, "--data", data], 64, "127.0.0.1")


def canonical_only(service, binary):
    """The one rule that a service with the standard policy does not have."""
    run = [started(), call(), called(), completed()]
    text = "".join(json.dumps(event) + "\n" for event in run)
    expect_exit(binary, ["validate", "-"], 0, "", text)
    expect_exit(binary, ["validate", "-", "--policy", "canonical"], 1, "order.not_canonical", text)


COMMANDS = [
    ("command line: port in use", lambda service, binary, data: port_in_use(service, binary)),
    ("command line: a second service on the same data folder", second_service),
    ("command line: a data folder that cannot be made", lambda service, binary, data: unusable_folder(service, binary)),
    ("command line: no authentication on an open address", lambda service, binary, data: open_address(service, binary)),
    ("command line: order.not_canonical", lambda service, binary, data: canonical_only(service, binary)),
]


def untested_rules():
    """The rules of the core that no case here breaks."""
    source = (ROOT / "Sources" / "AgentEvents" / "Order" / "OrderRule.swift").read_text()
    rules = set(re.findall(r'"(order\.[a-z_]+)"', source))
    if not rules:
        raise RuntimeError("found no rules in OrderRule.swift")
    return rules - {rule for rule, _, _ in ORDER} - {"order.not_canonical"}


def run_cases(service, cases):
    failed = []
    for name, body in cases:
        try:
            body(service)
        except FAULTS as fault:
            failed.append((name, fault))
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that each case can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    with DataFolder() as data, Service(options.binary, data) as service:
        commands = [
            (name, lambda service, body=body: body(service, options.binary, data)) for name, body in COMMANDS
        ]
        cases = TABLE.cases + commands
        failed = run_cases(service, cases)
        if not service.is_running() or service.request("GET", "/health").status != 200:
            failed.append(("the service lives", Fault(service.errors())))
    failed += [(f"order: {rule}", Fault("no case breaks this rule")) for rule in sorted(untested_rules())]
    for name, fault in failed:
        print(f"FAILED {name}: {fault}")
    print(f"bad input: {len(cases) - len(failed)} of {len(cases)} cases passed")
    return 1 if failed else 0


# The cases, checked -----------------------------------------------------------------------------------------------------


class Yes:
    """A service that accepts everything: every message with a fitting answer, every post with 201, every upgrade."""

    def __init__(self, port):
        self.port = port

    # A case that waits for what this peer never says has failed, which is what is asked of it.
    answer_seconds = 2
    request = Service.request
    pages = Service.pages


def yes_peer(listener):
    import base64
    import hashlib

    from frames import GUID

    def serve(connection):
        with connection:
            try:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(65536)
                head, _, rest = request.partition(b"\r\n\r\n")
                key = re.search(rb"Sec-WebSocket-Key: (.*)", head)
                if key is None:
                    body = b'{"events":[{"type":"custom"}],"next":null,"head":"1-1","ids":["1-1"]}'
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                    return
                accept = base64.b64encode(hashlib.sha1(key.group(1).strip() + GUID).digest())
                connection.sendall(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + frame(TEXT, '{"op":"welcome"}', masked=False)
                )
                while connection.recv(1 << 22):
                    answer = '{"op":"emitted","req":1,"cursors":["1-1","1-2","1-3","1-4","1-5","1-6"]}'
                    connection.sendall(frame(TEXT, answer, masked=False))
            except OSError:
                pass

    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


def self_test():
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    threading.Thread(target=yes_peer, args=(listener,), daemon=True).start()
    service = Yes(listener.getsockname()[1])
    cases = list(TABLE.cases)
    # A program that ends well whatever it is asked, and one that crashes.
    for program in ("true", "false"):
        for name, body in COMMANDS:
            cases.append((f"{name} ({program})", lambda service, b=body, p=program: b(service, p, "data")))
    failed = {name for name, _ in run_cases(service, cases)}
    listener.close()
    missed = [name for name, _ in cases if name not in failed]
    for name in missed:
        print(f"self-test: {name} passed against a service that accepts everything")
    if untested_rules():
        missed.append("rules")
        print(f"self-test: no case breaks {sorted(untested_rules())}")
    ORDER.pop()
    if untested_rules() != {"order.message_too_long"}:
        missed.append("a rule without a case")
        print("self-test: a rule without a case was not noticed")
    print(f"bad input, self-test: {len(cases) + 2 - len(missed)} of {len(cases) + 2} failures noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
