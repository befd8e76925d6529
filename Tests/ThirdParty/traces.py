#!/usr/bin/env python3
"""A collector of traces that is not ours: OTLP as JSON, read with the messages of opentelemetry-proto.

What it gets is compared with what the log says, by rules that are written here once more:

- the demo agent is asked, from a place in a trace: each run and each tool call is one span, in the right place, with the ids,
  times and attributes that follow from the log, and the run links to that place;
- runs that are emitted from outside are killed in the middle with the service, and go on after the restart: each is one span,
  and what is sent twice is sent with the same ids, and is the same;
- a collector that is down, slow, or refuses holds up neither a request nor a stop, and gets what is left after the next start;
- nothing of what is said, asked, called with or answered is in any request: canaries stand in all of it (SEC-72).

  traces.py               against services that this script starts
  traces.py --self-test   that the checks notice each of these faults
"""

import argparse
import base64
import copy
import datetime
import hashlib
import http.server
import json
import re
import sys
import threading
import time

from drafts import draft
from self_test import check_broken
from service import ROOT, DataFolder, Service, add_binary_option
from thread_reader import Fault

# For what hangs, and not for what is slow.
SECONDS = 180
CANARY = "canary-4711"
HEADER = "collector-secret-4711"
PARENT = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
ENDS = {"agent_completed": "completed", "agent_failed": "failed", "agent_cancelled": "cancelled"}
PLAIN = re.compile(r"[A-Za-z0-9._:/@+-]{1,128}")


# What the log says

def identity(length, *lines):
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:length]


def nanoseconds(text):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (moment - epoch) // datetime.timedelta(milliseconds=1) * 1_000_000


def spans_of(events):
    """The spans of a thread, by their ids: what each must have."""
    runs, calls, spans, messages = {}, {}, {}, {}
    for event in events:
        kind, run, data = event["type"], event.get("run_id"), event["data"]
        thread, at = event["thread_id"], nanoseconds(event["time"])
        if kind == "user_message" and "trace" in data:
            messages[data["message_id"]] = data["trace"]
        elif kind == "agent_started":
            parent = data.get("parent_run_id")
            call = calls.get((parent, data.get("parent_call_id")))
            above = call["span"] if call else identity(16, "run", thread, parent) if parent else ""
            links = [data["trace"]] if "trace" in data else []
            links += [messages[name] for name in data.get("message_ids", []) if name in messages]
            runs[run] = {
                "trace": runs[parent]["trace"] if parent else identity(32, "trace", thread, run), "parent": above,
                "start": at, "links": links}
        elif kind == "tool_executing":
            span = identity(16, "call", thread, run, data["call_id"], str(event["seq"]))
            calls[run, data["call_id"]] = {"start": at, "span": span}
        elif kind == "tool_completed":
            call = calls.pop((run, data["call_id"]))
            error = None
            if data["status"] in ("failed", "timed_out"):
                error = error_type(data["error"]["code"]) if "error" in data else data["status"]
            spans[call["span"]] = {
                "trace": runs[run]["trace"], "parent": identity(16, "run", thread, run), "start": call["start"], "end": at,
                "name": f"execute_tool {data['tool']}", "error": error, "links": [],
                "attributes": {
                    "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": data["tool"],
                    "gen_ai.tool.call.id": data["call_id"], "gen_ai.conversation.id": thread,
                    "agent_events.run.id": run, "agent_events.tool.status": data["status"]}}
        elif kind in ENDS and run in runs:
            known, usage = runs[run], data.get("usage", {})
            attributes = {
                "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": event["agent"],
                "gen_ai.conversation.id": thread, "agent_events.run.id": run, "agent_events.run.outcome": ENDS[kind]}
            for name in ("input_tokens", "output_tokens"):
                if name in usage:
                    attributes[f"gen_ai.usage.{name}"] = usage[name]
            spans[identity(16, "run", thread, run)] = {
                "trace": known["trace"], "parent": known["parent"], "start": known["start"], "end": at,
                "name": f"invoke_agent {event['agent']}", "attributes": attributes,
                "error": error_type(data["error"]["code"]) if kind == "agent_failed" else None,
                "links": unique(known["links"])}
    return spans


def error_type(code):
    return code if PLAIN.fullmatch(code) else "_OTHER"


def unique(links):
    seen = []
    for link in links:
        if link not in seen:
            seen.append(link)
    return seen


# What the collector got

def parsed(body):
    """The request as opentelemetry-proto reads it. In OTLP's JSON, unlike that of protobuf, ids are hexadecimal."""
    from google.protobuf import json_format
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    try:
        document = json.loads(body)
        for span in raw_spans(document):
            for part in [span, *span.get("links", [])]:
                for name, length in (("traceId", 32), ("spanId", 16), ("parentSpanId", 16)):
                    if name in part:
                        if not re.fullmatch(f"[0-9a-f]{{{length}}}", part[name]) or set(part[name]) == {"0"}:
                            raise Fault(f"{name} is {part[name]!r}")
                        part[name] = base64.b64encode(bytes.fromhex(part[name])).decode()
            for name in ("startTimeUnixNano", "endTimeUnixNano"):
                if not re.fullmatch("[1-9][0-9]*", str(span.get(name))) or not isinstance(span[name], str):
                    raise Fault(f"{name} is {span.get(name)!r}")
        return json_format.ParseDict(document, ExportTraceServiceRequest())
    except (ValueError, KeyError, TypeError, AttributeError, json_format.ParseError) as error:
        raise Fault(f"no request of OTLP: {error}: {body[:300]!r}") from error


def raw_spans(document):
    return [span for resource in document["resourceSpans"] for scope in resource["scopeSpans"] for span in scope["spans"]]


def value_of(value):
    return getattr(value, value.WhichOneof("value"))


def attributes_of(attributes):
    found = {attribute.key: value_of(attribute.value) for attribute in attributes}
    if len(found) != len(attributes):
        raise Fault("an attribute stands there twice")
    return found


def collected(requests, service_name="agent-events"):
    """The spans of requests by their ids; one that came twice must be the same."""
    spans = {}
    for request in requests:
        for resource in parsed(request.body).resource_spans:
            if attributes_of(resource.resource.attributes).get("service.name") != service_name:
                raise Fault(f"the service is {resource.resource.attributes}")
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                known = spans.setdefault(span.span_id.hex(), span)
                if known != span:
                    raise Fault(f"two spans have the id {span.span_id.hex()}: {known} {span}")
    return spans


def check_spans(expected, spans):
    """Each span that the log says, and no other one."""
    if set(expected) != set(spans):
        missing = [expected[name]["name"] for name in set(expected) - set(spans)]
        raise Fault(f"these spans are missing: {missing}; these are too many: {[spans[name].name for name in set(spans) - set(expected)]}")
    for name, due in expected.items():
        check_span(due, spans[name])


def check_span(due, span):
    attributes = attributes_of(span.attributes)
    got = {
        "trace": span.trace_id.hex(), "parent": span.parent_span_id.hex(), "start": span.start_time_unix_nano,
        "end": span.end_time_unix_nano, "name": span.name, "error": attributes.get("error.type")}
    for member, value in got.items():
        if value != due[member]:
            raise Fault(f"{span.name}: {member} is {value!r} instead of {due[member]!r}")
    for name, value in due["attributes"].items():
        if attributes.get(name) != value:
            raise Fault(f"{span.name}: {name} is {attributes.get(name)!r} instead of {value!r}")
    if span.kind != 1:
        raise Fault(f"{span.name}: the kind is {span.kind}")
    if (span.status.code == 2) != (due["error"] is not None) or span.status.message:
        raise Fault(f"{span.name}: the status is {span.status}")
    if "agent_events.incomplete" in attributes:
        raise Fault(f"{span.name} is incomplete")
    links = [link_of(link) for link in span.links]
    if links != [link_due(link) for link in due["links"]]:
        raise Fault(f"{span.name}: links to {links}")


def link_of(link):
    return link.trace_id.hex(), link.span_id.hex(), link.trace_state, link.flags & 1


def link_due(trace):
    _, trace_id, span_id, flags = trace["traceparent"].split("-")
    return trace_id, span_id, trace.get("tracestate", ""), int(flags, 16) & 1


def check_requests(requests, canaries=(CANARY,), headers=()):
    for request in requests:
        if request.path != "/v1/traces" or request.headers.get("Content-Type") != "application/json":
            raise Fault(f"a request to {request.path} of the type {request.headers.get('Content-Type')}")
        if len(raw_spans(json.loads(request.body))) > 512:
            raise Fault("more than 512 spans in a request")
        for canary in canaries:
            if canary.encode() in request.body or canary in str(request.headers):
                raise Fault(f"a request tells {canary!r}: {request.body[:300]!r}")
        for name, value in headers:
            if request.headers.get(name) != value:
                raise Fault(f"the header {name} is {request.headers.get(name)!r}")


# The collector

class Request:
    def __init__(self, path, headers, body, answer=200):
        self.path = path
        self.headers = headers
        self.body = body
        self.answer = answer


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that gave up, or was killed, is no fault of this end."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Collector:
    """Answers each request as it is told, and remembers all of them."""

    def __init__(self):
        self.requests = []
        self.mode = 200
        # This many requests are taken before the mode counts.
        self.taken_first = 0
        self.changed = threading.Condition()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.answer(self, body)

            def log_message(self, *arguments):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, handler, body):
        with self.changed:
            mode = 200 if self.taken_first > 0 else self.mode
            self.taken_first -= 1
            self.requests.append(Request(handler.path, dict(handler.headers), body, mode))
            self.changed.notify_all()
        if mode == "hang":
            with self.changed:
                self.changed.wait_for(lambda: self.mode != "hang", SECONDS)
            handler.close_connection = True
            return
        if mode == "close":
            handler.close_connection = True
            return
        handler.send_response(mode)
        if mode in (429, 503):
            handler.send_header("Retry-After", "0")
        if 300 <= mode < 400:
            handler.send_header("Location", self.url + "/elsewhere")
        answer = b'{"partialSuccess":{}}' if mode == 200 else b"<p>no</p>"
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)

    def turn(self, mode, taken_first=0):
        with self.changed:
            self.mode, self.taken_first = mode, taken_first
            self.changed.notify_all()

    def wait(self, what, condition):
        with self.changed:
            if not self.changed.wait_for(condition, SECONDS):
                raise Fault(f"{what}: not within {SECONDS} s, {len(self.requests)} requests came")

    def wait_for_spans(self, expected):
        """Until everything that the log says was taken."""
        self.wait(f"{len(expected)} spans", lambda: set(expected) <= set(self.taken_ids()))

    def taken(self):
        return [request for request in self.requests if request.answer == 200]

    def taken_ids(self):
        return [span["spanId"] for request in self.taken() for span in raw_spans(json.loads(request.body))]

    def close(self):
        self.turn(200)
        self.server.shutdown()
        self.server.server_close()


# The courses

def log_of(service, thread):
    return [json.loads(event) for event in service.pages(thread)[0]]


def post(service, thread, events, headers=None):
    body = "".join(json.dumps(event) + "\n" for event in events)
    answer = service.request(
        "POST", f"/v1/threads/{thread}/events", body, {"Content-Type": "application/x-ndjson", **(headers or {})})
    if answer.status != 201:
        raise Fault(f"events were answered with {answer}")


def wait_for(what, condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Fault(f"{what}: not within {SECONDS} s")
        time.sleep(0.01)


def begin(run, **data):
    return draft("agent_started", run, "worker", input={"x": CANARY}, **data)


def call(run, name):
    return draft("tool_executing", run, call_id=name, tool="search", arguments={"q": CANARY}, purpose=CANARY)


def done(run, name, status="succeeded", **data):
    return draft("tool_completed", run, call_id=name, tool="search", status=status, result=CANARY, duration_ms=5, **data)


def end(run):
    usage = {"input_tokens": 12, "output_tokens": 34}
    return draft("agent_completed", run, result={"answer": CANARY}, usage=usage, duration_ms=7)


def demo(start, collector):
    """The demo agent is asked from a place in a trace, and by a command."""
    with start("--demo", "--demo-folder", str(ROOT / "Schemas"), "--demo-pace", "0") as service:
        trace = {"traceparent": f"00-{PARENT[0]}-{PARENT[1]}-01", "tracestate": "a=1"}
        for number, headers in enumerate([trace | {"baggage": f"x={CANARY}"}, {}, {"traceparent": "00-0-0-01"}]):
            thread = f"t_{number}"
            body = json.dumps({"text": f"Which files mention a golden example? {CANARY}"})
            answer = service.request("POST", f"/v1/threads/{thread}/messages", body, headers)
            if answer.status != 202:
                raise Fault(f"a message was answered with {answer}")
            wait_for("the end of a run", lambda thread=thread: any(e["type"] in ENDS for e in log_of(service, thread)))
        first = log_of(service, "t_0")
        if not any(event["type"] == "agent_started" and event["data"].get("trace") == trace for event in first):
            raise Fault(f"agent_started does not have the place in the trace: {first[:2]}")
        if any("trace" in event["data"] for event in log_of(service, "t_2")):
            raise Fault("a traceparent that is none is in the log")
        expected = {}
        for number in range(3):
            expected |= spans_of(log_of(service, f"t_{number}"))
        if len(expected) < 6 or not any(span["links"] for span in expected.values()):
            raise Fault(f"the demo made {len(expected)} spans")
        collector.wait_for_spans(expected)
    check_spans(expected, collected(collector.taken()))
    return f"{len(expected)} spans of the demo"


def outside(start, collector):
    """Runs that go on over a kill, a child and a call used again among them."""
    with start() as service:
        for thread in ("t_1", "t_2"):
            parent = {"traceparent": f"00-{PARENT[0]}-{PARENT[1]}-00"}
            post(service, thread, [begin("r_1"), call("r_1", "c_1"), begin("r_2", parent_run_id="r_1", parent_call_id="c_1"),
                                   call("r_2", "c_1"), done("r_2", "c_1"), call("r_2", "c_1")], parent)
        before = {name: span for thread in ("t_1", "t_2") for name, span in spans_of(log_of(service, thread)).items()}
        collector.wait_for_spans(before)
        # What comes now may be sent before the kill, or not.
        post(service, "t_1", [done("r_2", "c_1", "failed", error={"code": f"a sentence {CANARY}", "message": CANARY}), end("r_2")])
        service.kill()
    with start() as service:
        post(service, "t_2", [done("r_2", "c_1", "timed_out"),
                              draft("agent_failed", "r_2", error={"code": "tool.broken", "message": CANARY}, duration_ms=1)])
        for thread in ("t_1", "t_2"):
            post(service, thread, [done("r_1", "c_1", "denied"), end("r_1")])
        expected = {name: span for thread in ("t_1", "t_2") for name, span in spans_of(log_of(service, thread)).items()}
        collector.wait_for_spans(expected)
    check_spans(expected, collected(collector.taken()))
    return f"{len(expected)} spans over a kill"


def troubles(start, collector):
    """Nobody answers, or not as one should: everything else goes on, and a stop does not wait for long."""
    expected = {}
    for number, mode in enumerate(["hang", "close", 503]):
        collector.turn(mode)
        thread = f"t_{number}"
        before = len(collector.requests)
        with start() as service:
            post(service, thread, [begin("r_1"), call("r_1", "c_1"), done("r_1", "c_1"), end("r_1")])
            collector.wait(f"{mode}: a request", lambda: len(collector.requests) > before)
            # The one is under way, or has failed, while others are answered.
            post(service, thread, [begin("r_2"), end("r_2")])
            expected |= spans_of(log_of(service, thread))
            # Ends although nobody answers.
            service.stop()
        collector.turn(200)
        with start() as service:
            collector.wait_for_spans(expected)
            wait_for("a metric", lambda: metric(service, "agent_events_trace_spans_waiting") == 0)
    check_spans(expected, collected(collector.taken()))
    return "a collector that hangs, closes, or asks for time"


def refusals(start, collector):
    """What is refused for good is not sent again."""
    for number, mode in enumerate([400, 302]):
        collector.turn(mode)
        before = len(collector.requests)
        with start() as service:
            post(service, f"t_{number}", [begin("r_1"), end("r_1")])
            wait_for(f"{mode}: a metric", lambda: metric(service, 'agent_events_trace_spans_total{outcome="rejected"}') == 1)
            # At once; the next one is sent, and the first one is not among what comes.
            collector.turn(200)
            post(service, f"t_{number}", [begin("r_2"), end("r_2")])
            expected = {identity(16, "run", f"t_{number}", "r_2"): None}
            collector.wait_for_spans(expected)
            wait_for("a metric", lambda: metric(service, 'agent_events_trace_spans_total{outcome="sent"}') == 1)
        if len(collector.requests) != before + 2:
            raise Fault(f"{mode} was followed by {len(collector.requests) - before - 1} requests")
    return "two refusals"


def nobody(start, collector):
    """No collector at all: a port that is closed."""
    collector.close()
    with start() as service:
        for number in range(5):
            post(service, f"t_{number}", [begin("r_1"), end("r_1")])
        wait_for("a metric", lambda: (metric(service, 'agent_events_trace_requests_total{outcome="failed"}') or 0) >= 1)
        if "the collector did not answer" not in service.errors():
            raise Fault(f"the log does not tell of it: {service.errors()}")
    return "nobody at all"


def many(start, collector):
    """More than a request takes, and more than the queue holds while the collector is down after a good beginning."""
    collector.turn(503, taken_first=2)
    runs = 5000
    with start() as service:
        for first in range(0, runs, 500):
            post(service, "t_1", [event for number in range(first, first + 500) for event in (begin(f"r_{number}"), end(f"r_{number}"))])
        wait_for("drops", lambda: (metric(service, 'agent_events_trace_spans_total{outcome="dropped"}') or 0) > 0)
        wait_for("the end of the log", lambda: metric(service, 'agent_events_sink_pending_commits{sink="traces"}') == 0)
        if metric(service, "agent_events_trace_spans_waiting") > 2048:
            raise Fault("more than 2048 spans wait")
        service.kill()
    collector.turn(200)
    with start() as service:
        expected = spans_of(log_of(service, "t_1"))
        if len(expected) != runs:
            raise Fault(f"the log has {len(expected)} runs")
        # What was dropped is in the log: the place of the sink has not moved.
        collector.wait_for_spans(expected)
    check_spans(expected, collected(collector.taken()))
    repeated = len(collector.taken_ids()) - len(set(collector.taken_ids()))
    return f"{runs} spans after an outage, {repeated} of them sent twice"


def metric(service, name):
    answer = service.request("GET", "/metrics", port=service.internal_port)
    for line in answer.body.decode().splitlines():
        if line.startswith(name + " "):
            return float(line.split(" ")[1])
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    said = []
    for course in (demo, outside, troubles, refusals, nobody, many):
        collector = Collector()
        with DataFolder() as folder:
            secret = folder / "headers"
            secret.write_text(f"Authorization: Bearer {HEADER}\n")
            services = []

            def start(*arguments):
                # One half by options, the other half by the variables of the standard.
                by_option = ["--otlp-endpoint", collector.url, "--otlp-headers-file", str(secret)]
                by_variable = {
                    "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
                    "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{HEADER}"}
                is_even = len(services) % 2 == 0
                service = Service(
                    options.binary, folder / "data", "--internal-listen", "127.0.0.1:0", *arguments,
                    *(by_option if is_even else []), environment={} if is_even else by_variable)
                services.append(service)
                return service

            try:
                said.append(course(start, collector))
                check_requests(collector.requests, headers=[("authorization", f"Bearer {HEADER}")])
                for service in services:
                    for canary in (CANARY, HEADER):
                        if canary in service.errors():
                            raise Fault(f"the log tells {canary!r}")
            except Fault as fault:
                print(f"FAILED: {course.__name__}: {fault}")
                return 1
            finally:
                if course is not nobody:
                    collector.close()
    print(f"traces: {'; '.join(said)}")
    return 0


# The checks themselves

def recorded():
    """A thread, and the request that it makes."""
    thread = [
        ("user_message", {"message_id": "m_1", "user_id": "u_1", "text": CANARY,
                          "trace": {"traceparent": f"00-{PARENT[0]}-{PARENT[1]}-01", "tracestate": "a=1"}}),
        ("agent_started", {"message_ids": ["m_1"]}),
        ("tool_executing", {"call_id": "c_1", "tool": "search", "arguments": {}}),
        ("tool_completed", {"call_id": "c_1", "tool": "search", "status": "failed", "duration_ms": 1,
                            "error": {"code": "a.b", "message": CANARY}}),
        ("agent_completed", {"usage": {"input_tokens": 12}, "duration_ms": 2}),
    ]
    events = [
        {"type": kind, "seq": number, "thread_id": "t_1", "run_id": "r_1", "agent": "guide",
         "time": f"2026-11-21T02:10:00.{number:03}Z", "data": data}
        for number, (kind, data) in enumerate(thread, 1)]
    base = nanoseconds("2026-11-21T02:10:00.000Z")

    def text(name, value):
        return {"key": name, "value": {"stringValue": value}}

    shared = {"traceId": identity(32, "trace", "t_1", "r_1"), "kind": 1}
    run = identity(16, "run", "t_1", "r_1")
    spans = [
        {**shared, "spanId": identity(16, "call", "t_1", "r_1", "c_1", "3"), "parentSpanId": run,
         "name": "execute_tool search", "startTimeUnixNano": str(base + 3_000_000), "endTimeUnixNano": str(base + 4_000_000),
         "attributes": [
             text("gen_ai.operation.name", "execute_tool"), text("gen_ai.tool.name", "search"),
             text("gen_ai.tool.call.id", "c_1"), text("gen_ai.conversation.id", "t_1"), text("agent_events.run.id", "r_1"),
             text("agent_events.tool.status", "failed"), text("error.type", "a.b")],
         "status": {"code": 2}},
        {**shared, "spanId": run, "name": "invoke_agent guide", "startTimeUnixNano": str(base + 2_000_000),
         "endTimeUnixNano": str(base + 5_000_000),
         "attributes": [
             text("gen_ai.operation.name", "invoke_agent"), text("gen_ai.agent.name", "guide"),
             text("gen_ai.conversation.id", "t_1"), text("agent_events.run.id", "r_1"),
             text("agent_events.run.outcome", "completed"),
             {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "12"}}],
         "links": [{"traceId": PARENT[0], "spanId": PARENT[1], "traceState": "a=1", "flags": 769}], "status": {}},
    ]
    document = {"resourceSpans": [{
        "resource": {"attributes": [text("service.name", "agent-events")]},
        "scopeSpans": [{"scope": {"name": "x"}, "spans": spans}]}]}
    return events, document


def self_test():
    events, document = recorded()
    expected = spans_of(events)

    def request(change=lambda spans: None, path="/v1/traces", kind="application/json", document=document):
        changed = copy.deepcopy(document)
        change(changed["resourceSpans"][0]["scopeSpans"][0]["spans"])
        return Request(path, {"Content-Type": kind, "authorization": "x"}, json.dumps(changed).encode())

    def check(change):
        check_spans(expected, collected([request(change)]))

    def put(place, name, value):
        return lambda spans: spans[place].__setitem__(name, value)

    def attribute(place, name, value):
        def change(spans):
            for found in spans[place]["attributes"]:
                if found["key"] == name:
                    found["value"] = value
        return change

    check(lambda spans: None)
    check_spans(expected, collected([request(), request()]))
    check_requests([request()], headers=[("authorization", "x")])
    other = {"stringValue": "x"}
    return check_broken(
        "traces",
        [
            ("a missing span", "missing", lambda: check(lambda spans: spans.pop())),
            ("a span too many", "too many", lambda: check(lambda spans: spans.append({**spans[0], "spanId": "1" * 16}))),
            ("two of one id", "two spans", lambda: collected([request(), request(put(0, "name", "x"))])),
            ("another trace", "trace", lambda: check(put(0, "traceId", "1" * 32))),
            ("another parent", "parent", lambda: check(put(0, "parentSpanId", "1" * 16))),
            ("a parent of the run", "parent", lambda: check(put(1, "parentSpanId", "1" * 16))),
            ("another start", "start", lambda: check(put(1, "startTimeUnixNano", "1"))),
            ("another end", "end", lambda: check(put(0, "endTimeUnixNano", "1"))),
            ("another name", "name", lambda: check(put(0, "name", "x"))),
            ("another kind", "kind", lambda: check(put(0, "kind", 3))),
            ("no error", "status", lambda: check(put(0, "status", {}))),
            ("an error that is none", "status", lambda: check(put(1, "status", {"code": 2}))),
            ("a message in the status", "status", lambda: check(put(0, "status", {"code": 2, "message": "x"}))),
            ("another type of error", "error", lambda: check(attribute(0, "error.type", other))),
            ("another thread", "conversation", lambda: check(attribute(1, "gen_ai.conversation.id", other))),
            ("tokens as a text", "tokens", lambda: check(attribute(1, "gen_ai.usage.input_tokens", other))),
            ("a number that is no string", "OTLP", lambda: check(attribute(1, "gen_ai.usage.input_tokens", {"intValue": "x"}))),
            ("an attribute twice", "twice", lambda: check(lambda spans: spans[0]["attributes"].append(spans[0]["attributes"][0]))),
            ("incomplete", "incomplete", lambda: check(lambda spans: spans[0]["attributes"].append(
                {"key": "agent_events.incomplete", "value": {"boolValue": True}}))),
            ("no link", "links", lambda: check(put(1, "links", []))),
            ("another link", "links", lambda: check(lambda spans: spans[1]["links"][0].__setitem__("spanId", "1" * 16))),
            ("an id in Base64", "traceId", lambda: check(put(0, "traceId", "W47/95gDgQPSabYzgT/GDA=="))),
            ("an id of zeros", "spanId", lambda: check(put(0, "spanId", "0" * 16))),
            ("a time as a number", "startTime", lambda: check(put(0, "startTimeUnixNano", 1))),
            ("an unknown member", "OTLP", lambda: check(put(0, "start_time", "1"))),
            ("no JSON", "OTLP", lambda: parsed(b"{")),
            ("another service", "service", lambda: collected([request()], "x")),
            ("another path", "request to", lambda: check_requests([request(path="/")])),
            ("another media type", "of the type", lambda: check_requests([request(kind="text/plain")])),
            ("contents", "tells", lambda: check_requests([request(put(0, "name", CANARY))])),
            ("no header", "header", lambda: check_requests([request()], headers=[("authorization", "y")])),
            ("too many spans", "512", lambda: check_requests([request(lambda spans: spans.extend(spans * 256))])),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
