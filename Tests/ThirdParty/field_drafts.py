#!/usr/bin/env python3
"""What real backends send: ids of other systems, members that are null or missing, call ids that come again, halves of
characters. Each is sent over WebSocket and over HTTP, and the data in the log are compared to the byte; what the service
takes and what it refuses is compared with draft.schema.json.

  field_drafts.py               against a service that this script starts
  field_drafts.py --self-test   that each check can fail
"""

import argparse
import http.client
import json
import re
import subprocess
import sys
import urllib.parse
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "Schemas"))

from frames import TEXT, Closed, RawSocket, frame
from schema_set import SchemaSet
from self_test import check_broken
from service import ROOT, DataFolder, Service, add_binary_option
from thread_reader import Fault

FAULTS = (Fault, Closed, OSError, ValueError, KeyError, TypeError, RuntimeError)

# Ids as other systems make them.
IDS = [
    "auth0|5f7c8ec7", "google-oauth2|107951", "ada@example.org", "https://example.org/a?b=c&d=%20#e", "U02/T01",
    "19:meeting_x@thread.v2", "+4930123456", "-100123", "call_abc|fc_1", "aGVsbG8+/w==", "mcp/server/1", "list_dir:0",
    "{4f1e}", "!#$%&'()+,-./:;=?@[]^_{|}~", "%2F", "...", "x" * 256,
]
NO_IDS = ["", "a b", "é", "a\n", "a\\b", 'a"b', "a*", "<a>", "`a`", "x" * 257]

START = '{"type":"agent_started","run_id":"r_1","agent":"guide","data":{}}'
CALL = '{"type":"tool_executing","run_id":"r_1","data":{"call_id":"c_1","tool":"search"}}'
MEASURED = "MEASURED"


def event(kind, data, run='"run_id":"r_1",'):
    return f'{{"type":"{kind}",{run}"data":{data}}}'


def delta(text, message="m_1"):
    return event("message_delta", f'{{"message_id":"{message}","text":"{text}"}}')


# Name: what is sent after the start of a run, and the `data` of each event that is logged for it.
TAKEN = [
    ("null for every optional member", [
        '{"type":"agent_progress","id":null,"seq":null,"time":null,"thread_id":null,"run_id":"r_1","agent":null,'
        '"data":{"message":null,"fraction":null,"step":null,"total":null}}'], ["{}"]),
    ("whole numbers with a fraction or an exponent", [event("agent_progress", '{"step":2.0,"total":1.2e1}')], [
        '{"step":2,"total":12}']),
    ("a call without arguments", [CALL], ['{"call_id":"c_1","tool":"search","arguments":{}}']),
    ("a call with null arguments", [
        event("tool_executing", '{"call_id":"c_1","tool":"search","arguments":null,"purpose":null}')], [
        '{"call_id":"c_1","tool":"search","arguments":{}}']),
    ("arguments as a text of JSON", [
        event("tool_executing", '{"call_id":"c_1","tool":"search","arguments":"{\\"q\\":1}"}')], [
        '{"call_id":"c_1","tool":"search","arguments":"{\\"q\\":1}"}']),
    ("arguments as an empty text", [event("tool_executing", '{"call_id":"c_1","tool":"search","arguments":""}')], [
        '{"call_id":"c_1","tool":"search","arguments":""}']),
    ("a call's end with what a serializer writes", [CALL, event(
        "tool_completed",
        '{"call_id":"c_1","tool":"search","status":"succeeded","result":null,"error":null,"duration_ms":12.0}')], [
        '{"call_id":"c_1","tool":"search","arguments":{}}',
        '{"call_id":"c_1","tool":"search","status":"succeeded","duration_ms":12}']),
    ("a call's end without a duration", [CALL, event(
        "tool_completed", '{"call_id":"c_1","tool":"search","status":"failed","error":{"code":null,"message":"no"}}')], [
        '{"call_id":"c_1","tool":"search","arguments":{}}',
        '{"call_id":"c_1","tool":"search","status":"failed","error":{"code":"error","message":"no"},'
        f'"duration_ms":{MEASURED}}}']),
    ("usage with null counts and details", [event(
        "agent_completed",
        '{"result":"ok","usage":{"input_tokens":null,"output_tokens":7.0,"prompt_tokens_details":{"cached_tokens":0}},'
        '"duration_ms":1}')], [
        '{"result":"ok","usage":{"output_tokens":7,"prompt_tokens_details":{"cached_tokens":0}},"duration_ms":1}']),
    ("usage without any count", [event("agent_completed", '{"usage":{"input_tokens":null},"duration_ms":null}')], [
        f'{{"usage":{{}},"duration_ms":{MEASURED}}}']),
    ("a start without data", ['{"type":"agent_started","run_id":"r_2","agent":"guide"}'], ["{}"]),
    ("an end without data", ['{"type":"agent_completed","run_id":"r_1"}'], [f'{{"duration_ms":{MEASURED}}}']),
    ("a cancellation with null data", ['{"type":"agent_cancelled","run_id":"r_1","data":null}'], [
        f'{{"duration_ms":{MEASURED}}}']),
    ("a failure with little to say", [event("agent_failed", '{"error":{"message":"boom"}}')], [
        f'{{"error":{{"code":"error","message":"boom","retryable":false}},"duration_ms":{MEASURED}}}']),
    ("a failure with null members", [
        event("agent_failed", '{"error":{"code":null,"message":"","retryable":null},"duration_ms":1e3}')], [
        '{"error":{"code":"error","message":"","retryable":false},"duration_ms":1000}']),
    ("a failure whose message was cut in a character", [
        event("agent_failed", '{"error":{"code":"a","message":"cut \\ud83d","retryable":true},"duration_ms":1}')], [
        '{"error":{"code":"a","message":"cut \ufffd","retryable":true},"duration_ms":1}']),
    ("a failure with control characters", [
        event("agent_failed", '{"error":{"code":"a","message":"\\u0000\\u001b[31m\\n\\ud83d\\u0000"},"duration_ms":1}')], [
        '{"error":{"code":"a","message":"\\u0000\\u001b[31m\\n\ufffd\\u0000","retryable":false},"duration_ms":1}']),
    ("a cancellation with a reason cut in a character", [
        event("agent_cancelled", '{"reason":"\\ude00 \\ud83d","duration_ms":1}')], [
        '{"reason":"\ufffd \ufffd","duration_ms":1}']),
    ("one call id again and again", [
        event(kind, data) for number in range(3) for kind, data in [
            ("tool_executing", f'{{"call_id":"call_0","tool":"t_{number}","arguments":{number}}}'),
            ("tool_progress", '{"call_id":"call_0"}'),
            ("tool_completed", f'{{"call_id":"call_0","tool":"t_{number}","status":"succeeded","duration_ms":1}}'),
        ]], [data for number in range(3) for data in [
            f'{{"call_id":"call_0","tool":"t_{number}","arguments":{number}}}', '{"call_id":"call_0"}',
            f'{{"call_id":"call_0","tool":"t_{number}","status":"succeeded","duration_ms":1}}']]),
    ("a character cut between two fragments", [delta("Hi \\ud83d"), delta("\\ude00!")], [
        '{"message_id":"m_1","text":"Hi "}', '{"message_id":"m_1","text":"😀!"}']),
    ("a fragment for each half", [delta("\\ud83d"), delta("\\ude00")], [
        '{"message_id":"m_1","text":""}', '{"message_id":"m_1","text":"😀"}']),
    ("two messages with halves at once", [
        delta("\\ud83d"), delta("\\ud83e", "m_2"), delta("\\ude00"), delta("\\udd16", "m_2")], [
        '{"message_id":"m_1","text":""}', '{"message_id":"m_2","text":""}', '{"message_id":"m_1","text":"😀"}',
        '{"message_id":"m_2","text":"🤖"}']),
    ("halves that do not meet", [delta("a\\ud83d"), delta("b"), delta("\\ude00\\ud83d\\u0000")], [
        '{"message_id":"m_1","text":"a"}', '{"message_id":"m_1","text":"\ufffdb"}',
        '{"message_id":"m_1","text":"\ufffd\ufffd\\u0000"}']),
    ("an end after half of a character", [delta("a\\ud83d"), event("agent_cancelled", '{"duration_ms":1}')], [
        '{"message_id":"m_1","text":"a"}', '{"message_id":"m_1","role":"assistant","text":"a\ufffd"}',
        '{"duration_ms":1}']),
    ("half of a character in a thought and in a user's text", [
        event("agent_thinking", '{"thought_id":"th_1","text":"\\ud83d"}'),
        event("user_message", '{"message_id":"m_9","user_id":"u","text":"\\udc00x","data":"\\ud83d"}', "")], [
        '{"thought_id":"th_1","text":"\ufffd"}',
        '{"message_id":"m_9","user_id":"u","text":"\ufffdx","data":"\\ud83d"}']),
    ("a removed entry with all members", [
        event("state_updated", '{"version":1.0,"key":"k","value":null,"removed":true,"expires_at":null}', "")], [
        '{"version":1,"key":"k","removed":true}']),
    ("an entry that is not removed", [event("state_updated", '{"version":2,"key":"k","value":1,"removed":false}', "")], [
        '{"version":2,"key":"k","value":1}']),
    ("a time with an offset", [event(
        "approval_requested", '{"approval_id":"a_1","prompt":"?","expires_at":"2030-01-01T01:00:00.5+01:00"}')], [
        '{"approval_id":"a_1","prompt":"?","expires_at":"2030-01-01T00:00:00.500Z"}']),
    ("flags that are false", [
        event("usage_reported", '{"model":null,"input_tokens":12.0,"output_tokens":1,"estimated":false,"cost":null}'),
        event("agent_cancelled", '{"discarded":false,"superseded_by":null,"usage":{},"duration_ms":1}')], [
        '{"input_tokens":12,"output_tokens":1,"cost":null}', '{"usage":{},"duration_ms":1}']),
    ("slashes that are escaped", [
        event("tool_executing", '{"call_id":"mcp\\/1","tool":"mcp\\/server\\/search","arguments":"a\\/b"}')], [
        '{"call_id":"mcp/1","tool":"mcp/server/search","arguments":"a/b"}']),
]
TAKEN += [(f"the id {name[:40]}", [
    event("tool_executing", json.dumps({"call_id": name, "tool": "t", "arguments": {}}, separators=(",", ":")))], [
    f'{{"call_id":"{name}","tool":"t","arguments":{{}}}}']) for name in IDS]

# Name: what is sent after the start of a run, the code and the path of the error.
REFUSED = [
    ("a duration with a fraction", event("agent_completed", '{"duration_ms":12.5}'), "event.invalid_value",
     "$.data.duration_ms"),
    ("a duration as a text", event("agent_completed", '{"duration_ms":"12"}'), "event.wrong_type", "$.data.duration_ms"),
    ("a count beyond 64 bits", event("agent_progress", '{"step":1e19}'), "json.number_range", "$.data.step"),
    ("null for a text", event("agent_thinking", '{"thought_id":"t","text":null}'), "event.wrong_type", "$.data.text"),
    ("null for a run", '{"type":"agent_thinking","run_id":null,"data":{"thought_id":"t","text":""}}',
     "event.missing_field", "$.run_id"),
    ("an unknown member that is null", event("agent_cancelled", '{"resaon":null}'), "event.unknown_field",
     "$.data.resaon"),
    ("an error that is a text", event("agent_failed", '{"error":"boom"}'), "event.wrong_type", "$.data.error"),
    ("no data where members are needed", '{"type":"agent_thinking","run_id":"r_1"}', "event.missing_field", "$.data"),
    ("an entry without a value", event("state_updated", '{"version":1,"key":"k"}', ""), "event.missing_field",
     "$.data.value"),
    ("a value and a removal", event("state_updated", '{"version":1,"key":"k","value":1,"removed":true}', ""),
     "event.invalid_value", "$.data.removed"),
    ("a usage that is a number", event("agent_completed", '{"usage":3}'), "event.wrong_type", "$.data.usage"),
    ("an id set by the client", '{"type":"agent_paused","id":"1-9","run_id":"r_1","data":{}}', "event.field_not_allowed",
     "$.id"),
]
REFUSED += [(f"the id {name[:20]!r}", event(
    "tool_executing", json.dumps({"call_id": name, "tool": "t", "arguments": {}})), "event.invalid_id",
    "$.data.call_id") for name in NO_IDS]


class Sender:
    """Sends drafts into threads of its own."""

    def __init__(self, port, binary):
        self.port = port
        self.binary = binary
        self.count = 0

    def thread(self):
        self.count += 1
        return f"t_field_{self.count}"

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def over_http(self, thread, drafts):
        body = "".join(text + "\n" for text in drafts).encode()
        headers = {"Content-Type": "application/x-ndjson"}
        status, answer = self.request("POST", path_of(thread, "events"), body, headers)
        return None if status == 201 else answer["error"]

    def over_websocket(self, thread, drafts):
        with RawSocket(self.port).open() as peer:
            events = ",".join(drafts)
            peer.send(frame(TEXT, f'{{"op":"emit","req":1,"thread_id":{json.dumps(thread)},"events":[{events}]}}'))
            answer = peer.message()
        return None if answer.get("op") == "emitted" else answer

    def one_by_one(self, thread, drafts):
        """Each in a message of its own, as a backend that streams does."""
        with RawSocket(self.port).open() as peer:
            for text in drafts:
                peer.send(frame(TEXT, f'{{"op":"emit","req":1,"thread_id":{json.dumps(thread)},"events":[{text}]}}'))
                answer = peer.message()
                if answer.get("op") != "emitted":
                    return answer
        return None

    def logged(self, thread):
        """The data of each event, as the text it has in the log."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path_of(thread, "events") + "?limit=1000")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        decoder = json.JSONDecoder()
        position, data = len('{"events":['), []
        while text[position] == "{":
            _, end = decoder.raw_decode(text, position)
            event_text = text[position:end]
            data.append(event_text[event_text.index('"data":') + 7 : -1])
            position = end + (text[end] == ",")
        return data


def path_of(thread, tail):
    return f"/v1/threads/{urllib.parse.quote(thread, safe='')}/{tail}"


def expect_data(found, expected):
    """The same bytes, but for durations that the service measured."""
    if len(found) != len(expected):
        raise Fault(f"{len(found)} events are logged, and should be {len(expected)}: {found}")
    for one, other in zip(found, expected):
        pattern = re.escape(other).replace(MEASURED, "[0-9]+")
        if not re.fullmatch(pattern, one, re.DOTALL):
            raise Fault(f"logged is {one}, and should be {other}")


def expect_verdict(schemas, text, is_taken):
    """The schema of drafts says what the service does."""
    problems = schemas.problems("draft.schema.json", json.loads(text))
    if bool(problems) == is_taken:
        raise Fault(f"the service {'takes' if is_taken else 'refuses'} {text}, and the schema says {problems or 'valid'}")


def expect_error(error, code, path):
    if error is None:
        raise Fault(f"was taken, and should be refused with {code}")
    if error["code"] != code or not error.get("path", "").endswith(path.removeprefix("$")):
        raise Fault(f"refused with {error}, and should be with {code} at {path}")
    if not error["message"]:
        raise Fault("the error does not say what would be right")


def taken(sender, schemas, drafts, expected):
    for text in drafts:
        expect_verdict(schemas, text, True)
    for send in (sender.over_websocket, sender.over_http, sender.one_by_one):
        thread = sender.thread()
        error = send(thread, [START] + drafts)
        if error is not None:
            raise Fault(f"{send.__name__}: refused: {error}")
        expect_data(sender.logged(thread), ["{}"] + expected)


def refused(sender, schemas, text, code, path):
    expect_verdict(schemas, text, False)
    for send in (sender.over_websocket, sender.over_http):
        thread = sender.thread()
        expect_error(send(thread, [START, text]), code, path)
        status, _ = sender.request("GET", path_of(thread, "events"))
        if status != 404:
            raise Fault("something of a refused request was logged")


def thread_of_any_name(sender, name):
    """An id of another system as thread, user, run and key, over every way in and out."""
    if sender.over_websocket(name, [START]) is not None:
        raise Fault("refused over WebSocket")
    path = path_of(name, "events") + "?user_id=local"
    for _ in range(2):
        status, answer = sender.request(
            "POST", path, event("agent_progress", "{}"), {"Idempotency-Key": name, "Content-Type": "application/json"})
        if status != 201:
            raise Fault(f"refused over HTTP: {status} {answer}")
    status, answer = sender.request("POST", path_of(name, "messages"), json.dumps({"text": "hi"}))
    if status != 202 or answer["thread_id"] != name:
        raise Fault(f"a message: {status} {answer}")
    expect_data(sender.logged(name)[:2], ["{}", "{}"])
    if len(sender.logged(name)) != 3:
        raise Fault("the key was not kept")
    status, answer = sender.request("GET", path_of(name, "state"))
    if status != 200 or answer["thread_id"] != name:
        raise Fault(f"the state: {status} {answer}")
    with RawSocket(sender.port).open() as peer:
        peer.send(frame(TEXT, json.dumps(
            {"op": "subscribe", "req": 1, "thread_id": name, "after": "start", "consumer": name, "merge": None})))
        answers = [peer.message() for _ in range(5)]
        if [answer.get("op", answer.get("type")) for answer in answers][-1] != "live":
            raise Fault(f"a subscription: {answers}")
        if any(answer["thread_id"] != name for answer in answers):
            raise Fault(f"events of another thread: {answers}")
    if sender.binary is None:
        return
    done = subprocess.run(
        [str(sender.binary), "emit", "--url", f"ws://127.0.0.1:{sender.port}/v1/stream", "--thread", name],
        input=event("agent_completed", "{}") + "\n", capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise Fault(f"agent-events emit: {done.returncode} {done.stderr}")


def end_of_any_length(sender):
    """An error message of two megabytes still ends its run."""
    thread = sender.thread()
    sender.over_http(thread, [START])
    data = json.dumps({"error": {"code": "big", "message": "é🧭" * 350_000, "retryable": False}}, ensure_ascii=False)
    error = sender.over_http(thread, [event("agent_failed", data)])
    if error is not None:
        raise Fault(f"refused: {error}")
    message = json.loads(sender.logged(thread)[1])["error"]["message"]
    if not (message.startswith("é🧭é🧭") and message.endswith("…") and 900_000 < len(message.encode()) < 1 << 20):
        raise Fault(f"the message has {len(message)} characters and ends with {message[-5:]}")


def restarted(binary):
    """Half of a character waits in memory only: after a kill it is U+FFFD, and the run goes on or has ended."""
    with DataFolder() as data:
        with Service(binary, data) as service:
            sender = Sender(service.port, binary)
            sender.over_websocket("t_half", [START, delta("a\\ud83d")])
            service.kill()
        with Service(binary, data) as service:
            sender = Sender(service.port, binary)
            error = sender.over_websocket("t_half", [delta("\\ude00b")])
            found = sender.logged("t_half")
            if error is None:
                expect_data(found[1:], ['{"message_id":"m_1","text":"a"}', '{"message_id":"m_1","text":"\ufffdb"}'])
            elif error["code"] != "order.already_ended":
                raise Fault(f"refused: {error}")


def run(binary):
    schemas = SchemaSet(ROOT / "Schemas")
    cases = []
    for name, drafts, expected in TAKEN:
        cases.append((name, lambda sender, d=drafts, e=expected: taken(sender, schemas, d, e)))
    for name, text, code, path in REFUSED:
        cases.append((f"refused: {name}", lambda s, t=text, c=code, p=path: refused(s, schemas, t, c, p)))
    for name in IDS:
        cases.append((f"thread {name[:40]}", lambda sender, n=name: thread_of_any_name(sender, n)))
    cases.append(("an end of any length", end_of_any_length))
    cases.append(("half of a character and a kill", lambda sender: restarted(binary)))
    failed = 0
    with DataFolder() as data, Service(binary, data) as service:
        sender = Sender(service.port, binary)
        for name, body in cases:
            try:
                body(sender)
            except FAULTS as fault:
                failed += 1
                print(f"FAILED {name}: {type(fault).__name__}: {str(fault)[:600]}")
    print(f"field drafts: {len(cases) - failed} of {len(cases)} cases passed")
    return 1 if failed else 0


def self_test():
    schemas = SchemaSet(ROOT / "Schemas")
    good = event("agent_completed", '{"duration_ms":1}')
    return check_broken("field drafts", [
        ("an event that is missing", "1 events are logged, and should be 2", lambda: expect_data(["{}"], ["{}", "{}"])),
        ("other data", "logged is", lambda: expect_data(['{"a":1}'], ['{"a":2}'])),
        ("null in the log", "logged is", lambda: expect_data(['{"a":null}'], ["{}"])),
        ("a duration that is none", "logged is",
         lambda: expect_data(['{"duration_ms":null}'], [f'{{"duration_ms":{MEASURED}}}'])),
        ("half of a character in the log", "logged is", lambda: expect_data(['"\\ud83d"'], ['"\ufffd"'])),
        ("a schema that refuses what is taken", "takes",
         lambda: expect_verdict(schemas, event("agent_completed", '{"duration_ms":0.5}'), True)),
        ("a schema that takes what is refused", "refuses", lambda: expect_verdict(schemas, good, False)),
        ("a bad draft that is taken", "was taken", lambda: expect_error(None, "event.wrong_type", "$.data")),
        ("another code", "refused with",
         lambda: expect_error({"code": "event.wrong_type", "path": "$", "message": "x"}, "event.invalid_id", "$")),
        ("another path", "refused with",
         lambda: expect_error({"code": "event.wrong_type", "path": "$.a", "message": "x"}, "event.wrong_type", "$.b")),
        ("an error without words", "what would be right",
         lambda: expect_error({"code": "a.b", "path": "$.a", "message": ""}, "a.b", "$.a")),
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that each check can fail")
    options = parser.parse_args()
    return self_test() if options.self_test else run(options.binary)


if __name__ == "__main__":
    sys.exit(main())
