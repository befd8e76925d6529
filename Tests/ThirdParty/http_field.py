#!/usr/bin/env python3
"""What people's real backends, browsers and proxies send over HTTP and WebSocket: members and parameters of other systems,
compressed bodies, `Expect: 100-continue`, pages of other origins, and values at the documented limits.

  http_field.py               against services that this script starts, with sockets, http.client and curl
  http_field.py --self-test   that every case fails against a service that accepts everything
"""

import argparse
import gzip
import json
import re
import select
import socket
import subprocess
import sys
import threading
import zlib
from pathlib import Path

from bad_input import Yes, yes_peer
from drafts import draft
from frames import TEXT, Closed, RawSocket, frame
from process_use import forget_peak, peak_bytes, resident_bytes
from service import ROOT, DataFolder, Service, add_binary_option
from thread_reader import Fault

FAULTS = (Fault, Closed, OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError)
PAGE = "https://chat.example.com"
SCHEMAS = ROOT / "Schemas"
CASES = []
NUMBER = iter(range(1, 1 << 30))
SECONDS = 60


def case(name):
    def add(body):
        CASES.append((name, body))
        return body

    return add


def new_thread():
    return f"t_field_{next(NUMBER)}"


def expect(condition, problem):
    if not condition:
        raise Fault(problem)


def note(text="x", **members):
    return draft("custom", name="note", value=text, **members)


def logged(service, thread):
    return [json.loads(event) for event in service.pages(thread)[0]]


def expect_answer(answer, status, code=None):
    expect((answer.status, answer.code) == (status, code), f"answered with {answer}, and should be {status} {code}")
    return answer


def ask(peer, message):
    peer.send(frame(TEXT, message if isinstance(message, str) else json.dumps(message)))
    return peer.message()


def events_path(thread):
    return f"/v1/threads/{thread}/events"


def messages_path(thread):
    return f"/v1/threads/{thread}/messages"


# Members and parameters that are not known ------------------------------------------------------------------------------

OPS = {
    "subscribe": [("from", "after"), ("cursor", "after"), ("since", "after"), ("threadId", "thread_id"), ("mrege", "merge"), ("colour", None)],
    "unsubscribe": [("thread", "thread_id"), ("colour", None)],
    "ack": [("after", "cursor"), ("colour", None)],
    "emit": [("idempotency_key", "key"), ("idempotencyKey", "key"), ("user", "user_id"), ("event", "events"), ("colour", None)],
    "command": [("idempotency_key", "key"), ("command", None), ("run", "run_id"), ("asOf", "as_of"), ("after", None), ("by", None)],
    "ping": [("colour", None)],
    "pong": [("colour", None)],
}


def op_message(op, thread):
    message = {"op": op, "req": 7}
    if op not in ("ping", "pong"):
        message["thread_id"] = thread
    if op == "ack":
        message["cursor"] = "1-1"
    if op == "emit":
        message["events"] = [note()]
    if op == "command":
        message |= {"key": "k", "name": "stop"}
    return message


def unknown_member_case(op, name, near):
    @case(f"op {op}: unknown member {name}")
    def body(service):
        thread = new_thread()
        with RawSocket(service.port, SECONDS).open() as peer:
            answer = ask(peer, {**op_message(op, thread), name: "x"})
            found = (answer.get("op"), answer.get("code"), answer.get("path"), answer.get("req"))
            expect(found == ("error", "event.unknown_field", f"$.{name}", 7), f"answered with {answer}")
            if near:
                expect(f"{near} is probably meant" in answer["message"], f"{near} is not named: {answer}")
            # A second member of a name that is known is refused too.
            twice = json.dumps(op_message(op, thread))[:-1] + ',"req":8}'
            expect(ask(peer, twice).get("code") == "json.duplicate_key", "a member twice was taken")
            peer.expect_lives()
        expect(logged(service, thread) == [], "something was logged")


for op, names in OPS.items():
    for name, near in names:
        unknown_member_case(op, name, near)


@case("ops: every member of the schema is known, and no other one")
def schema_members(service):
    schema = json.loads((SCHEMAS / "client-message.schema.json").read_text())["$defs"]
    with RawSocket(service.port, SECONDS).open() as peer:
        for op in OPS:
            for name in schema[op]["properties"]:
                # Numbers are right for req alone: an error about the value tells that the name is known.
                answer = ask(peer, {**op_message(op, "a b"), name: 7 if name != "op" else op, "req": 1} | {"zz": 1})
                expect(answer.get("path") == "$.zz", f"{op}: {answer}")
                listed = answer["message"].partition("are: ")[2].split(", ")
                expect(listed == list(schema[op]["properties"]), f"{op} has {listed}, and the schema has others")


def message_member_case(name, code, word):
    @case(f"message: unknown member {name}")
    def body(service):
        thread = new_thread()
        answer = service.request("POST", messages_path(thread), json.dumps({"text": "Hello", name: "x"}))
        expect_answer(answer, 400, code)
        error = answer.json()["error"]
        expect(error["path"] == f"$.{name}" and word in error["message"], f"answered with {error}")
        expect(logged(service, thread) == [], "something was logged")


for name, word in [("content", "text is"), ("message", "text is"), ("attachments", "data is"), ("agnet", "agent is"), ("colour", "text, agent, data")]:
    message_member_case(name, "event.unknown_field", word)
for name, word in [("user_id", "credentials"), ("idempotency_key", "Idempotency-Key"), ("thread_id", "path"), ("message_id", "service")]:
    message_member_case(name, "event.field_not_allowed", word)

for name, near in [("runId", "run_id"), ("colour", None), ("data.messageId", "message_id"), ("data.colour", None)]:

    def draft_member(service, name=name, near=near):
        thread = new_thread()
        event = draft("user_message", message_id="m", user_id="u", text="x")
        (event["data"] if name.startswith("data.") else event)[name.rpartition(".")[2]] = "x"
        answer = expect_answer(service.request("POST", events_path(thread), json.dumps(event)), 400, "event.unknown_field")
        error = answer.json()["error"]
        expect(error["path"] == f"$.{name}", f"answered with {error}")
        expect(near is None or f"{near} is probably meant" in error["message"], f"{near} is not named: {error}")

    case(f"draft: unknown member {name}")(draft_member)


@case("draft: unknown member of an error")
def error_member(service):
    thread = new_thread()
    error = {"code": "x", "message": "x", "retryable": False, "retriable": True}
    events = [draft("agent_started", "r", "a"), draft("agent_failed", "r", error=error, duration_ms=1)]
    answer = service.request("POST", events_path(thread), "\n".join(map(json.dumps, events)))
    found = expect_answer(answer, 400, "event.unknown_field").json()["error"]
    expect(found["path"] == "$.data.error.retriable" and "retryable is probably meant" in found["message"], f"{found}")


def query_case(method, path, near=None, body=None, code="request.invalid"):
    @case(f"query: {method} {path}")
    def run(service):
        thread = new_thread()
        expect_answer(service.request("POST", events_path(thread), json.dumps(note())), 201)
        answer = expect_answer(service.request(method, path.replace("{t}", thread), body), 400, code)
        if near:
            expect(near in answer.json()["error"]["message"], f"{near} is not named: {answer}")
        expect(len(logged(service, thread)) == 1, "something was logged")


for path, near in [
    ("/v1/threads/{t}/events?cursor=1-1", "after is probably meant"),
    ("/v1/threads/{t}/events?after=start&page_size=5", "limit is probably meant"),
    ("/v1/threads/{t}/events?after=start&after=now", "twice"),
    ("/v1/threads/{t}/events?after=start&colour=red", "after, before, around, limit"),
    ("/v1/threads/{t}/events?=1", None),
    ("/v1/threads/{t}/state?after=1-1", "Its parameters are: at"),
    ("/v1/threads/{t}/subscribers?limit=1", "no parameters"),
    ("/health?verbose=1", None),
    ("/ready?verbose", None),
    ("/v1/stream?thread_id=t_1", "no parameters"),
]:
    query_case("GET", path, near)
for path in ("/v1/stream?token=abc", "/v1/threads/{t}/events?after=start&access_token=abc", "/health?jwt=abc"):
    query_case("GET", path, "never in a URL", code="auth.in_url")
query_case("POST", "/v1/threads/{t}/events?user=u_1", "user_id is probably meant", json.dumps(note()))
query_case("POST", "/v1/threads/{t}/events?idempotency_key=k", "Idempotency-Key", json.dumps(note()))
query_case("POST", "/v1/threads/{t}/messages?agent=guide", None, '{"text":"Hello"}')


@case("query: what is known is taken")
def known_query(service):
    thread = new_thread()
    expect_answer(service.request("POST", events_path(thread) + "?user_id=local&", json.dumps(note())), 201)
    expect_answer(service.request("GET", events_path(thread) + "?limit=1&after=start"), 200)
    expect_answer(service.request("GET", events_path(thread) + "?"), 200)


@case("query: an upgrade with a token in its URL")
def upgrade_with_token(service):
    with RawSocket(service.port, SECONDS) as peer:
        status, _, body = peer.upgrade(path="/v1/stream?token=abc")
        expect(status == 400 and b"never in a URL" in body, f"answered with {status} {body!r}")


@case("message: data reaches the event")
def message_data(service):
    thread = new_thread()
    data = '{"attachments":[{"name":"a.pdf","bytes":12345678901234567890}],"half":"\\ud83d","n":1.50}'
    for _ in range(2):
        answer = service.request("POST", messages_path(thread), f'{{"text":"See","data":{data}}}', {"Idempotency-Key": "k_1"})
        expect_answer(answer, 202)
    events = service.pages(thread)[0]
    sent = [event for event in events if b'"user_message"' in event]
    expect(len(sent) == 1 and data.encode() in sent[0], f"logged: {sent}")
    for data, present in [("null", False), ("false", True), ("[]", True), ('""', True)]:
        thread = new_thread()
        expect_answer(service.request("POST", messages_path(thread), f'{{"text":"See","data":{data}}}'), 202)
        event = next(event for event in service.pages(thread)[0] if b'"user_message"' in event)
        expect((b'"data":' + data.encode() + b"}" in event) == present, f"{data} is logged as {event}")


# Codings of bodies ------------------------------------------------------------------------------------------------------


def zlib_bytes(data, bits):
    compressor = zlib.compressobj(9, zlib.DEFLATED, bits)
    return compressor.compress(data) + compressor.flush()


BODY = json.dumps(note("compressed")).encode()
CODED = {
    "gzip": gzip.compress(BODY),
    "x-gzip": gzip.compress(BODY),
    "GZip": gzip.compress(BODY),
    "identity": BODY,
    "": BODY,
    "deflate": zlib_bytes(BODY, 15),
    "deflate, identity": zlib_bytes(BODY, -15),
    "gzip, identity": gzip.compress(BODY[:20]) + gzip.compress(BODY[20:]),
}

for coding, data in CODED.items():

    def coded(service, coding=coding, data=data):
        thread = new_thread()
        headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
        expect_answer(service.request("POST", events_path(thread), data, headers), 201)
        found = [event["data"]["value"] for event in logged(service, thread)]
        expect(found == ["compressed"], f"logged: {found}")
        if coding in ("gzip", "deflate"):
            headers = {"Content-Encoding": coding}
            pieces = (data[index : index + 1] for index in range(len(data)))
            expect_answer(service.request("POST", events_path(thread), pieces, headers), 201)
            text = b'{"text":"Hello"}'
            body = gzip.compress(text) if coding == "gzip" else zlib_bytes(text, 15)
            expect_answer(service.request("POST", messages_path(thread), body, {"Content-Encoding": coding}), 202)

    case(f"coding: {coding or 'none'}")(coded)

for coding in ("br", "zstd", "compress", "gzip, gzip", "gzip, br", "nonsense"):

    def unknown_coding(service, coding=coding):
        thread = new_thread()
        for path, body in [(events_path(thread), BODY), (messages_path(thread), b'{"text":"Hello"}')]:
            answer = expect_answer(service.request("POST", path, body, {"Content-Encoding": coding}), 415, "request.content_encoding")
            expect(answer.headers["Accept-Encoding"] == "gzip, deflate, identity", f"the list is {answer.headers['Accept-Encoding']}")
        expect(logged(service, thread) == [], "something was logged")

    case(f"coding: {coding} is refused")(unknown_coding)

GZIPPED = gzip.compress(BODY)
for name, coding, data in [
    ("plain JSON as gzip", "gzip", BODY),
    ("plain JSON as deflate", "deflate", BODY),
    ("gzip cut off", "gzip", GZIPPED[:-5]),
    ("gzip cut off in its head", "gzip", GZIPPED[:1]),
    ("nothing as gzip", "gzip", b""),
    ("deflate cut off", "deflate", zlib_bytes(BODY, 15)[:-1]),
    ("a wrong checksum", "gzip", GZIPPED[:-8] + bytes(4) + GZIPPED[-4:]),
    ("a byte damaged", "gzip", GZIPPED[:30] + bytes([GZIPPED[30] ^ 0xFF]) + GZIPPED[31:]),
    ("something behind gzip", "gzip", GZIPPED + b"more"),
    ("something behind deflate", "deflate", zlib_bytes(BODY, 15) + b"more"),
    ("the second member cut off", "gzip", GZIPPED + GZIPPED[:12]),
]:

    def broken_coding(service, coding=coding, data=data):
        thread = new_thread()
        answer = service.request("POST", events_path(thread), data, {"Content-Encoding": coding})
        expect_answer(answer, 400, "request.body_encoding")
        expect(logged(service, thread) == [], "something was logged")

    case(f"coding: {name}")(broken_coding)


def bomb(mebibytes):
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1 << 20)
    return b"".join(compressor.compress(zeros) for _ in range(mebibytes)) + compressor.flush()


@case("coding: a bomb costs no memory")
def bombs(service):
    thread = new_thread()
    before = resident_bytes(service.process.pid)
    large, small = bomb(512), bomb(2)
    for path, data in [(events_path(thread), large), (messages_path(thread), small)]:
        answer = service.request("POST", path, data, {"Content-Encoding": "gzip"})
        expect_answer(answer, 413, "limits.body_bytes")
    grown = resident_bytes(service.process.pid) - before
    expect(grown < 96 << 20, f"the service grew by {grown >> 20} MiB")


def repeated_case(name, piece, status, code, content_type):
    @case(f"lines: 16 MiB of {name} ({content_type}) cost less than 3 times as much")
    def body(service):
        pid = service.process.pid
        data = piece * (16 * 1024 * 1024 // len(piece))
        before = resident_bytes(pid)
        forget_peak(pid)
        thread = new_thread()
        answer = service.request("POST", events_path(thread), data, {"Content-Type": content_type}, seconds=SECONDS)
        expect_answer(answer, status, code)
        grown = peak_bytes(pid) - before
        print(f"     {name}: the service grew by {grown / (1 << 20):.1f} MiB at most")
        expect(grown < 3 * len(data), f"the service grew by {grown >> 20} MiB")
        expect(logged(service, thread) == [], "something was logged")


NDJSON, FORM = "application/x-ndjson", "application/x-www-form-urlencoded"
for content_type in (NDJSON, FORM):
    repeated_case("newlines", b"\n", 400, "event.empty_batch", content_type)
    repeated_case("spaces", b" ", 400, "event.empty_batch", content_type)
    repeated_case("empty objects", b"{}\n", 413, "limits.batch_events", content_type)
    repeated_case("empty arrays", b"[]\r\n", 413, "limits.batch_events", content_type)


# Expect: 100-continue ---------------------------------------------------------------------------------------------------


class Wire:
    """A connection, byte for byte."""

    def __init__(self, service):
        self.socket = socket.create_connection(("127.0.0.1", service.port), timeout=SECONDS)
        self.host = f"127.0.0.1:{service.port}"
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.socket.close()

    def head(self, method, path, version="1.1", **headers):
        lines = [f"{method} {path} HTTP/{version}"]
        headers = {"Host": self.host, **{name.replace("_", "-"): value for name, value in headers.items()}}
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def _receive(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise Fault(f"the service closed after {self.data!r}")
        self.data += piece

    def answer(self):
        """The next head with its body: the status, the headers and the body."""
        while b"\r\n\r\n" not in self.data:
            self._receive()
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(status.split()[1])
        size = 0 if status in (100, 204) else int(headers["content-length"])
        while len(self.data) < size:
            self._receive()
        body, self.data = self.data[:size], self.data[size:]
        return status, headers, body

    def is_silent(self, seconds):
        return not self.data and not select.select([self.socket], [], [], seconds)[0]

    def expect_end(self):
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass


def lines_of(count, size=1000):
    return b"".join(json.dumps(note("x" * size)).encode() + b"\n" for _ in range(count))


@case("expect: 100 comes before the body, on a connection that lives")
def continue_twice(service):
    thread = new_thread()
    with Wire(service) as wire:
        for _ in range(2):
            wire.head("POST", events_path(thread), Content_Length=len(BODY), Expect="100-Continue")
            status, headers, _ = wire.answer()
            expect((status, headers) == (100, {}), f"answered with {status} {headers}")
            wire.socket.sendall(BODY)
            expect(wire.answer()[0] == 201, "the body was not taken")
        wire.head("POST", events_path(thread), Transfer_Encoding="chunked", Expect="100-continue")
        expect(wire.answer()[0] == 100, "no 100 for a chunked body")
        wire.socket.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY))
        expect(wire.answer()[0] == 201, "the chunked body was not taken")
    expect(len(logged(service, thread)) == 3, "not all was logged")


@case("expect: 100 behind the answer to a request before")
def continue_pipelined(service):
    thread = new_thread()
    with Wire(service) as wire:
        wire.head("GET", "/health")
        wire.head("POST", messages_path(thread), Content_Length=16, Expect="100-continue")
        statuses = [wire.answer()[0], wire.answer()[0]]
        expect(statuses == [200, 100], f"answered with {statuses}")
        wire.socket.sendall(b'{"text":"Hello"}')
        expect(wire.answer()[0] == 202, "the body was not taken")


@case("expect: no 100 for a client that does not wait, or has no body")
def continue_not_needed(service):
    thread = new_thread()
    with Wire(service) as wire:
        wire.head("GET", "/health", Expect="100-continue")
        expect(wire.answer()[0] == 200, "a request without body")
        wire.head("POST", events_path(thread), version="1.0", Content_Length=len(BODY), Expect="100-continue")
        expect(wire.is_silent(0.3), "an HTTP/1.0 client was told to continue")
        wire.socket.sendall(BODY)
        expect(wire.answer()[0] == 201, "the body was not taken")


def refused_early_case(name, path, status, code, **headers):
    @case(f"expect: {name} before the body")
    def body(service):
        thread = new_thread()
        owned = service.request("POST", events_path(thread) + "?user_id=u_1", BODY)
        expect_answer(owned, 201)
        for expects in ({"Expect": "100-continue"}, {}):
            if not expects and "Content_Length" not in headers:
                continue
            with Wire(service) as wire:
                wire.head("POST", path.replace("{t}", thread), **{"Content_Length": 100_000, **expects, **headers})
                found, answered, text = wire.answer()
                expect(found == status and json.loads(text)["error"]["code"] == code, f"answered with {found} {text!r}")
                if expects or int(headers.get("Content_Length", 0)) > 1 << 18:
                    expect(answered.get("connection") == "close", f"the end is not announced: {answered}")
                    # It comes after seconds without a word; once is enough.
                    if code == "path.unknown" and expects:
                        wire.expect_end()


LARGE = 16 * 1024 * 1024 + 1
refused_early_case("413", "/v1/threads/{t}/events?user_id=u_1", 413, "limits.body_bytes", Content_Length=LARGE)
refused_early_case("413 of a message", "/v1/threads/t_field/messages", 413, "limits.body_bytes", Content_Length=1024 * 1024 + 1)
refused_early_case("a thread of another user", "/v1/threads/{t}/events?user_id=u_2", 403, "thread.forbidden", Content_Length=1_000_000)
refused_early_case("an unknown path", "/v1/nothing", 404, "path.unknown", Content_Length=1_000_000)
refused_early_case("a method that is not there", "/health", 405, "path.method_not_allowed", Content_Length=1_000_000)
refused_early_case("a bad key", "/v1/threads/{t}/events", 400, "request.invalid", Idempotency_Key="a b")
refused_early_case("a media type", "/v1/threads/{t}/events", 415, "request.media_type", Content_Type="text/xml")
refused_early_case("a coding", "/v1/threads/{t}/events?user_id=u_1", 415, "request.content_encoding", Content_Encoding="br")
refused_early_case("a foreign page", "/v1/threads/{t}/events", 403, "origin.forbidden", Origin="https://evil.example")
refused_early_case("another expectation", "/v1/threads/{t}/events", 417, "request.expectation", Content_Length=1_000_000, Expect="200-ok")


@case("expect: a client that sends all of it reads the 413")
def reads_the_refusal(service):
    thread = new_thread()
    whole = bytes(24 * 1024 * 1024)
    pieces = (whole[index : index + 65536] for index in range(0, len(whole), 65536))
    for body, headers in [(whole, {}), (whole, {"Connection": "close"}), (pieces, {})]:
        answer = service.request("POST", events_path(thread), body, headers, seconds=SECONDS)
        expect_answer(answer, 413, "limits.body_bytes")


@case("expect: a short body that was refused leaves the connection alive")
def lives_after_refusal(service):
    with Wire(service) as wire:
        for _ in range(3):
            wire.head("POST", "/v1/nothing", Content_Length=1000)
            wire.socket.sendall(bytes(1000))
            expect(wire.answer()[0] == 404, "the path is there")


def curl(service, *arguments, data=None):
    """curl's status, and what it says on its standard error."""
    done = subprocess.run(
        ["curl", "-sv", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "30", *arguments],
        input=data, capture_output=True, check=False,
    )
    return done.stdout.decode(), done.stderr.decode(errors="replace")


@case("expect: curl with 2 MB does not wait")
def curl_waits_not(service):
    thread = new_thread()
    url = f"http://127.0.0.1:{service.port}{events_path(thread)}"
    status, said = curl(service, "-H", "Content-Type: application/x-ndjson", "-H", "Expect: 100-continue", "--data-binary", "@-", url, data=lines_of(100, 20_000))
    expect(status == "201", f"answered with {status}: {said[-2000:]}")
    expect("100 Continue" in said and "Done waiting" not in said, f"curl had to wait: {said[-2000:]}")
    expect(len(logged(service, thread)) == 100, "not all was logged")
    status, said = curl(service, "-H", "Expect: 100-continue", "--data-binary", "@-", url, data=bytes(LARGE))
    expect(status == "413" and "100 Continue" not in said, f"answered with {status}: {said[-2000:]}")
    packed = gzip.compress(lines_of(10))
    status, said = curl(service, "-H", "Content-Encoding: gzip", "--data-binary", "@-", url, data=packed)
    expect(status == "201", f"answered with {status}: {said[-2000:]}")


# Pages of other origins -------------------------------------------------------------------------------------------------

PATHS = {
    "/health": "GET, HEAD, OPTIONS",
    "/ready": "GET, HEAD, OPTIONS",
    "/v1/threads/t_field/events": "GET, POST, HEAD, OPTIONS",
    "/v1/threads/t_field/state": "GET, HEAD, OPTIONS",
    "/v1/threads/t_field/subscribers": "GET, HEAD, OPTIONS",
    "/v1/threads/t_field/refusals": "GET, HEAD, OPTIONS",
    "/v1/threads/t_field/frames": "GET, HEAD, OPTIONS",
    "/v1/threads/t_field/messages": "GET, POST, HEAD, OPTIONS",
    "/v1/stream": "GET, HEAD, OPTIONS",
}


def cors(answer):
    return {name.lower(): value for name, value in answer.headers.items() if name.lower().startswith("access-control-")}


def expect_readable(answer, origin=PAGE):
    expect(answer.headers["Access-Control-Allow-Origin"] == origin, f"the page may not read: {dict(answer.headers)}")
    expect("Origin" in (answer.headers["Vary"] or ""), f"caches are not told: {dict(answer.headers)}")
    expect("Access-Control-Allow-Credentials" not in answer.headers, "credentials are allowed")


@case("page: answers and errors can be read")
def readable(service):
    thread = new_thread()
    own = {"Origin": PAGE}
    json_type = {"Content-Type": "application/json"}
    for method, path, body, headers, status in [
        ("GET", "/health", None, {}, 200),
        ("POST", events_path(thread), BODY, {}, 201),
        ("GET", events_path(thread), None, {}, 200),
        ("GET", f"/v1/threads/{thread}/state", None, {}, 200),
        ("POST", messages_path(thread), b'{"text":"Hello"}', json_type, 202),
        ("POST", messages_path(thread), b"{", json_type, 400),
        ("POST", messages_path(thread), bytes((1 << 20) + 1), json_type, 413),
        ("POST", events_path(thread), BODY, {"Content-Encoding": "br"}, 415),
        ("POST", events_path(thread), BODY, {"Expect": "more"}, 417),
        ("GET", events_path(thread) + "?after=1-99", None, {}, 409),
        ("GET", "/v1/threads/t_nobody/events", None, {}, 404),
        ("GET", "/v1/nothing", None, {}, 404),
        ("DELETE", events_path(thread), None, {}, 405),
        ("GET", "/v1/stream", None, {}, 426),
    ]:
        answer = service.request(method, path, body, {**own, **headers})
        expect(answer.status == status, f"{method} {path}: {answer}")
        expect_readable(answer)
        expect("Retry-After" in answer.headers["Access-Control-Expose-Headers"], "Retry-After cannot be read")
        if status == 405:
            expect(answer.headers["Allow"] == PATHS["/v1/threads/t_field/events"], f"allowed is {answer.headers['Allow']}")


@case("page: a parse error can be read")
def readable_parse_error(service):
    with Wire(service) as wire:
        wire.head("POST", "/v1/threads/t_field/events", Origin=PAGE, Transfer_Encoding="chunked")
        wire.socket.sendall(b"zz\r\n")
        status, headers, _ = wire.answer()
        expect((status, headers.get("access-control-allow-origin")) == (400, PAGE), f"answered with {status} {headers}")


@case("page: preflights")
def preflights(service):
    for path, methods in {**PATHS, "/v1/nothing": "GET, HEAD, POST, OPTIONS"}.items():
        asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,idempotency-key"}
        answer = service.request("OPTIONS", path, headers=asked)
        expect(answer.status == 204 and answer.body == b"" and "Content-Length" not in answer.headers, f"{path}: {answer}")
        expect_readable(answer)
        expect(answer.headers["Access-Control-Allow-Methods"] == methods, f"{path}: {cors(answer)}")
        allowed = {name.strip().lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
        needed = {"content-type", "idempotency-key", "authorization", "last-event-id", "content-encoding"}
        expect(needed <= allowed, f"{path}: {cors(answer)}")
        expect(0 < int(answer.headers["Access-Control-Max-Age"]) <= 600, f"{path}: {cors(answer)}")


@case("page: foreign ones get 403 and nothing to read")
def foreign_pages(service):
    for origin in ("https://evil.example", "https://chat.example.com.evil.example", "https://CHAT.example.com", PAGE + ":444",
                   "http://chat.example.com", "null", "", f"{PAGE}, https://evil.example"):
        for method, headers in [("GET", {}), ("OPTIONS", {"Access-Control-Request-Method": "POST"}), ("POST", {})]:
            answer = service.request(method, "/v1/threads/t_field/events", None, {"Origin": origin, **headers})
            expect_answer(answer, 403, "origin.forbidden")
            expect(cors(answer) == {}, f"{origin}: {cors(answer)}")


@case("page: the service's own, and clients without an origin")
def own_pages(service):
    for headers in ({}, {"Origin": f"http://127.0.0.1:{service.port}"}):
        answer = expect_answer(service.request("GET", "/health", headers=headers), 200)
        expect(cors(answer) == {}, f"{headers}: {cors(answer)}")
        for path, methods in PATHS.items():
            plain = service.request("OPTIONS", path, headers=headers)
            expect((plain.status, plain.headers["Allow"]) == (204, methods), f"OPTIONS {path}: {plain} {plain.headers['Allow']}")
            wrong = expect_answer(service.request("PUT", path, headers=headers), 405, "path.method_not_allowed")
            expect(wrong.headers["Allow"] == methods, f"PUT {path}: {wrong.headers['Allow']}")


ORIGINS = {
    "localhost:3000": "http://localhost:3000",
    "chat.example.com": "https://chat.example.com",
    "https://chat.example.com/": "https://chat.example.com",
    "https://chat.example.com/app?x#y": "https://chat.example.com",
    "HTTPS://chat.example.com": "https://chat.example.com",
    "https://Chat.Example.com": "https://chat.example.com",
    "https://a.example:443": "https://a.example",
    "http://a.example:80": "http://a.example",
    "https://a.example:": "https://a.example",
    "https://a.example:0444": "https://a.example:444",
    "wss://a.example": "https://a.example",
    "http://[0:0:0:0:0:0:0:1]:3000": "http://[::1]:3000",
    "https://*.com": "every page of com",
    "*": "name the origins",
    "null": "null",
    "": "--allowed-origin",
    "https://": "https://chat.example.com",
    "https://user@a.example": "https://chat.example.com",
    "https://a.example:99999": "https://chat.example.com",
    "https://a.example https://b.example": "one origin",
    "https://a.example,https://b.example": "one origin",
    "https://bücher.example": "https://chat.example.com",
    "http://127.1:3000": "https://chat.example.com",
    "file:///index.html": "https://chat.example.com",
}


def origin_case(text, word):
    @case(f"origin at the start: {text!r}")
    def body(service):
        done = subprocess.run(
            [str(service.program), "serve", "--port", "0", "--in-memory", f"--allowed-origin={text}"],
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )
        expect(done.returncode == 64, f"ended with {done.returncode}: {done.stderr[-600:]}")
        expect("--allowed-origin" in done.stderr and word in done.stderr, f"does not say {word}: {done.stderr[-600:]}")


for text, word in ORIGINS.items():
    origin_case(text, word)


@case("origin at the start: what browsers send is taken")
def good_origins(service):
    good = ["http://localhost:3000", "http://[::1]:8000", "http://127.0.0.1:5173", "chrome-extension://abcdef", "capacitor://localhost"]
    with DataFolder() as data, Service(service.program, data, *(f"--allowed-origin={each}" for each in good)) as other:
        for each in good:
            expect_readable(other.request("GET", "/health", headers={"Origin": each}), each)


# The documented limits --------------------------------------------------------------------------------------------------

ROW = re.compile(r"^\| `(\w+)` \| ([\d ]+) \| .* \| (.*) \|$", re.MULTILINE)


def limits_section(path):
    text = path.read_text()
    _, found, rest = text.partition("<!-- limits -->")
    section, ended, _ = rest.partition("<!-- /limits -->")
    expect(found and ended, f"{path.name} has no table of limits")
    return section


def limits():
    """The value and the code of each row of the table."""
    rows = ROW.findall(limits_section(SCHEMAS / "README.md"))
    codes = {name: re.findall(r"`([a-z_.]+)`", end) for name, _, end in rows}
    return {name: (int(value.replace(" ", "")), (codes[name] or [None])[0]) for name, value, _ in rows}


def posted(service, thread, body, headers=None):
    """None, or the code of the error that a body of events gets."""
    answer = service.request("POST", events_path(thread), body, headers, seconds=SECONDS)
    if answer.status == 201 and logged(service, thread):
        return None
    return answer.code or f"{answer.status}"


def padded(text, count):
    expect(len(text) <= count, "the test is wrong")
    return text + b" " * (count - len(text))


def try_message_bytes(service, count):
    with RawSocket(service.port, SECONDS).open() as peer:
        peer.send(frame(TEXT, padded(b'{"op":"ping"}', count)))
        fin, opcode, payload = peer.receive()
        if opcode == TEXT:
            return None if json.loads(payload) == {"op": "pong"} else "another answer"
        return f"{int.from_bytes(payload[:2], 'big')}"


def try_event_bytes(service, count):
    thread = new_thread()
    posted(service, thread, json.dumps(note("")))
    # The next one has the same envelope, as long as its number has as many digits.
    empty = len(service.pages(thread)[0][0])
    return posted_new(service, thread, json.dumps(note("x" * (count - empty))))


def posted_new(service, thread, body):
    before = len(logged(service, thread))
    answer = service.request("POST", events_path(thread), body, seconds=SECONDS)
    if answer.status == 201 and len(logged(service, thread)) > before:
        return None
    return answer.code or f"{answer.status}"


def try_text_bytes(service, count):
    thread = new_thread()
    posted_new(service, thread, json.dumps(draft("agent_started", "r", "a")))
    half = count // 2
    for size in (half, count - half):
        failure = posted_new(service, thread, json.dumps(draft("message_delta", "r", message_id="m", text="x" * size)))
        if failure:
            return failure
    return None


def try_batch_events(service, count):
    return posted(service, new_thread(), b"".join(json.dumps(note()).encode() + b"\n" for _ in range(count)))


def try_subscriptions(service, count):
    with RawSocket(service.port, SECONDS).open() as peer:
        for index in range(count):
            answer = ask(peer, {"op": "subscribe", "req": index, "thread_id": f"t_{index}"})
            while answer.get("req") != index:
                answer = peer.message()
            if answer["op"] != "subscribed":
                return answer.get("code")
    return None


def try_body_bytes(service, count):
    return posted(service, new_thread(), padded(BODY, count))


def try_message_body_bytes(service, count):
    answer = service.request("POST", messages_path(new_thread()), padded(b'{"text":"Hello"}', count))
    return None if answer.status == 202 else answer.code or "no error"


def try_depth(service, count):
    # The event and its data are two levels.
    value = "[" * (count - 2) + "]" * (count - 2)
    thread = new_thread()
    failure = posted(service, thread, f'{{"type":"custom","data":{{"name":"n","value":{value}}}}}')
    with RawSocket(service.port, SECONDS).open() as peer:
        value = "[" * (count - 4) + "]" * (count - 4)
        text = f'{{"op":"emit","thread_id":"{thread}","events":[{{"type":"custom","data":{{"name":"n","value":{value}}}}}]}}'
        answer = ask(peer, text)
    over_socket = None if answer.get("op") == "emitted" else answer.get("code")
    expect(failure == over_socket, f"HTTP says {failure}, the WebSocket {over_socket}")
    return failure


def try_id_bytes(service, count):
    thread = (new_thread() + "x" * count)[:count]
    if count > 1 and service.request("GET", events_path(thread)).status == 404:
        key = service.request("POST", events_path(thread), BODY, {"Idempotency-Key": "k" * count})
        expect_answer(key, 201)
    return posted(service, new_thread(), json.dumps(draft("agent_started", "r" * count, "a")))


def try_name_bytes(service, count):
    return posted(service, new_thread(), json.dumps(draft("agent_started", "r", ("é" * (count // 2) + "x" * (count % 2)))))


def try_integer(service, count):
    events = [draft("agent_started", "r", "a"), draft("agent_progress", "r", step=count, total=count)]
    return posted(service, new_thread(), "\n".join(map(json.dumps, events)))


def try_page_events(service, count):
    thread = new_thread()
    posted(service, thread, BODY)
    answer = service.request("GET", f"{events_path(thread)}?limit={count}")
    return None if answer.status == 200 and len(answer.json()["events"]) == 1 else answer.code or "another page"


def head_answer(service, head):
    with Wire(service) as wire:
        wire.socket.sendall(head)
        status, _, body = wire.answer()
        return None if (status, body) == (200, b'{"status":"healthy"}') else json.loads(body)["error"]["code"]


def head_lines(headers):
    return b"GET /health HTTP/1.1\r\n" + b"".join(b"%s: %s\r\n" % header for header in headers) + b"\r\n"


HOST = (b"Host", b"127.0.0.1")


def try_header_bytes(service, count):
    return head_answer(service, head_lines([HOST, (b"X-Long", b"x" * count)]))


def try_head_bytes(service, count):
    headers = [HOST, (b"X-A", b"x" * 12_000), (b"X-B", b"x" * 12_000)]
    left = count - len(b"/health") - sum(len(name) + len(value) for name, value in headers) - 3
    return head_answer(service, head_lines([*headers, (b"X-C", b"x" * left)]))


def try_headers(service, count):
    return head_answer(service, head_lines([HOST] + [(b"X-%d" % index, b"x") for index in range(count - 1)]))


def try_malformed(service, count):
    with RawSocket(service.port, SECONDS).open() as peer:
        peer.send(frame(TEXT, "nope") * count + frame(TEXT, '{"op":"ping"}'))
        while True:
            _, opcode, payload = peer.receive()
            if opcode != TEXT:
                return f"{int.from_bytes(payload[:2], 'big')}"
            if json.loads(payload)["op"] == "pong":
                return None


PROBES = {
    "max_message_bytes": try_message_bytes,
    "max_event_bytes": try_event_bytes,
    "max_text_bytes": try_text_bytes,
    "max_batch_events": try_batch_events,
    "max_subscriptions": try_subscriptions,
    "max_body_bytes": try_body_bytes,
    "max_message_body_bytes": try_message_body_bytes,
    "max_depth": try_depth,
    "max_id_bytes": try_id_bytes,
    "max_name_bytes": try_name_bytes,
    "max_integer": try_integer,
    "max_page_events": try_page_events,
    "max_header_bytes": try_header_bytes,
    "max_head_bytes": try_head_bytes,
    "max_headers": try_headers,
    "max_malformed": try_malformed,
}
CLOSE_CODES = {"max_message_bytes": "1009", "max_malformed": "4400"}


def limit_case(name, probe):
    @case(f"limit: {name}")
    def body(service):
        value, code = limits()[name]
        found = probe(service, value)
        expect(found is None, f"{value} is refused: {found}")
        code = CLOSE_CODES.get(name, code)
        found = probe(service, value + 1)
        expect(found == code, f"{value + 1} gets {found}, and should get {code}")


for name, probe in PROBES.items():
    limit_case(name, probe)


@case("limits: the documents agree with each other and with welcome")
def documents_agree(service):
    table = limits()
    expect(set(table) == set(PROBES), f"the table and the checks differ: {set(table) ^ set(PROBES)}")
    article = ROOT / "Sources" / "AgentEventsServer" / "AgentEventsServer.docc" / "Protocol.md"
    expect(limits_section(article) == limits_section(SCHEMAS / "README.md"), "the article has another table than the schemas")
    expect("Schemas/README.md#limits" in (ROOT / "README.md").read_text(), "README does not lead to the limits")
    with RawSocket(service.port, SECONDS) as peer:
        peer.upgrade()
        told = peer.message()["limits"]
    for name, value in told.items():
        expect(table[name][0] == value, f"welcome says {name} {value}, the table {table[name][0]}")
    shared = json.loads((SCHEMAS / "definitions.schema.json").read_text())["$defs"]
    message = json.loads((SCHEMAS / "client-message.schema.json").read_text())["$defs"]
    delta = json.loads((SCHEMAS / "events" / "message_delta.schema.json").read_text())["properties"]["text"]
    for name, value in {
        "max_integer": shared["count"]["maximum"],
        "max_name_bytes": shared["name"]["maxLength"],
        "max_id_bytes": int(re.search(r"\{1,(\d+)\}", shared["id"]["pattern"]).group(1)),
        "max_batch_events": message["emit"]["properties"]["events"]["maxItems"],
        "max_text_bytes": delta["maxLength"],
    }.items():
        expect(table[name][0] == value, f"a schema says {name} {value}, the table {table[name][0]}")


def integers(schema, path=()):
    """The integer members of a schema, with their ranges."""
    shared = json.loads((SCHEMAS / "definitions.schema.json").read_text())["$defs"]
    for name, member in schema.get("properties", {}).items():
        reference = member.get("$ref", "").rpartition("/")[2]
        member = {**shared.get(reference, {}), **member}
        if member.get("type") == "integer":
            yield (*path, name), member["minimum"], member["maximum"]
        if member.get("type") == "object":
            yield from integers(member, (*path, name))


def integer_runs():
    """Each event with integers, with what comes before it in its run."""
    start = draft("agent_started", "r", "a")
    call = draft("tool_executing", "r", call_id="c", tool="t", arguments={})
    return {
        "agent_queued": ([], draft("agent_queued", "r", "a", attempt=1)),
        "agent_started": ([], draft("agent_started", "r", "a", idle_timeout_ms=60_000)),
        "agent_progress": ([start], draft("agent_progress", "r", step=1, total=2)),
        "tool_completed": ([start, call], draft("tool_completed", "r", call_id="c", tool="t", status="succeeded", duration_ms=1)),
        "usage_reported": ([start], draft("usage_reported", "r", input_tokens=1, output_tokens=1)),
        "agent_completed": ([start], draft("agent_completed", "r", usage={"input_tokens": 1, "output_tokens": 1}, duration_ms=1)),
        "agent_failed": ([start], draft("agent_failed", "r", error={"code": "x", "message": "x", "retryable": False}, usage={"input_tokens": 1, "output_tokens": 1}, duration_ms=1)),
        "agent_cancelled": ([start], draft("agent_cancelled", "r", usage={"input_tokens": 1, "output_tokens": 1}, duration_ms=1)),
        "state_updated": ([], draft("state_updated", version=1, key="k", value=1)),
    }


@case("limits: integers at both ends of their ranges")
def integer_ranges(service):
    runs, tried = integer_runs(), 0
    for path in sorted((SCHEMAS / "events").glob("*.schema.json")):
        kind = path.name.partition(".")[0]
        for steps, least, most in integers(json.loads(path.read_text())):
            expect(kind in runs, f"no run for {kind}")
            before, event = runs[kind]
            above = "json.number_range" if most == 2**63 - 1 else "event.invalid_value"
            for value, code in [(least, None), (most, None), (least - 1, "event.invalid_value"), (most + 1, above)]:
                bad = json.loads(json.dumps(event))
                place = bad["data"]
                for step in steps[:-1]:
                    place = place[step]
                place[steps[-1]] = value
                found = posted(service, new_thread(), "\n".join(map(json.dumps, [*before, bad])))
                expect(found == code, f"{kind}.{'.'.join(steps)} = {value} gets {found}, and should get {code}")
                tried += 1
    expect(tried >= 4 * 10, f"only {tried} were tried")


# Running ----------------------------------------------------------------------------------------------------------------


def run_cases(service):
    failed = []
    for name, body in CASES:
        try:
            body(service)
        except FAULTS as fault:
            failed.append((name, fault))
        except subprocess.TimeoutExpired as fault:
            failed.append((name, fault))
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that each case can fail")
    parser.add_argument("--only", default="", help="the cases with this in their names")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long an answer may take (default: %(default)s)")
    options = parser.parse_args()
    globals()["SECONDS"] = options.seconds
    CASES[:] = [each for each in CASES if options.only in each[0]]
    if options.self_test:
        return self_test()
    with DataFolder() as data, Service(options.binary, data, "--allowed-origin", PAGE) as service:
        service.program = options.binary
        failed = run_cases(service)
        if not service.is_running() or service.request("GET", "/health").status != 200:
            failed.append(("the service lives", Fault(service.errors())))
    for name, fault in failed:
        print(f"FAILED {name}: {type(fault).__name__}: {fault}")
    print(f"HTTP in the field: {len(CASES) - len(failed)} of {len(CASES)} cases passed")
    return 1 if failed else 0


def self_test():
    global SECONDS
    SECONDS = 2
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    threading.Thread(target=yes_peer, args=(listener,), daemon=True).start()
    service = Yes(listener.getsockname()[1])
    service.program = Path("/bin/true")
    failed = {name for name, _ in run_cases(service)}
    listener.close()
    missed = [name for name, _ in CASES if name not in failed]
    for name in missed:
        print(f"self-test: {name} passed against a service that accepts everything")
    print(f"HTTP in the field, self-test: {len(CASES) - len(missed)} of {len(CASES)} failures noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
