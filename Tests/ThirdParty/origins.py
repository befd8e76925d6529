#!/usr/bin/env python3
"""Names and origins, with raw sockets: a page of somebody else gets nothing of the service, whatever it asks for (FRONTEND, test 45).

A page whose name was made to point to this machine asks without `Origin`, as for its own files, and with its name as `Host`; a
page of another name asks with its `Origin`. Both are refused on the page and its files, on what is read of threads, on streams of
server-sent events, on the WebSocket and on what is sent; programs without an origin, and the service's own page, are not.

  origins.py               against the program
  origins.py --self-test   that the checks notice a service that answers everybody
"""

import argparse
import json
import re
import socket
import sys

from self_test import check_broken
from service import ANSWER_SECONDS, Service, add_binary_option
from thread_reader import Fault

SECRET = "only-for-those-who-may"
EVIL = "evil.example"
EVENT = json.dumps({"type": "custom", "data": {"name": "n", "value": SECRET}})
UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
STREAM = {"Accept": "text/event-stream"}
# What is asked for: the method, the path, headers, the body, the status for those who may.
REQUESTS = [
    ("GET", "/", {}, None, 200),
    ("GET", "/inspector/app.js", {}, None, 200),
    ("GET", "/inspector/theme.css", {}, None, 200),
    ("GET", "/inspector/example.ndjson", {}, None, 200),
    ("GET", "/client/agent-events.js", {}, None, 200),
    ("GET", "/examples/plain.html", {}, None, 200),
    ("GET", "/v1/threads/t_45/events", {}, None, 200),
    ("GET", "/v1/threads/t_45/events?around=now", STREAM, None, 400),
    ("GET", "/v1/threads/t_45/events?after=start", STREAM, None, 200),
    ("GET", "/v1/threads/t_45/events", {**STREAM, "Last-Event-ID": "1-1"}, None, 200),
    ("GET", "/v1/threads/t_45/state", {}, None, 200),
    ("GET", "/v1/threads/t_45/messages", {}, None, 200),
    ("GET", "/v1/threads/t_45/subscribers", {}, None, 200),
    ("GET", "/v1/threads/t_45/refusals", {}, None, 200),
    ("GET", "/v1/threads/t_45/frames?protocol=ag-ui-1.0", {}, None, 200),
    ("GET", "/v1/stream", UPGRADE, None, 101),
    ("POST", "/v1/threads/t_45/events", {"Content-Type": "application/json"}, EVENT, 201),
    ("POST", "/v1/threads/t_45/events", {"Content-Type": "text/plain"}, EVENT, 415),
    ("GET", "/health", {}, None, 200),
]


def hosts(port):
    """Who asks: a name, the headers, and the code of the refusal; None for those who may."""
    own = f"127.0.0.1:{port}"
    return [
        ("a name that was made to point here, no origin", {"Host": f"{EVIL}:{port}"}, "origin.host_forbidden"),
        ("the same without a port", {"Host": EVIL}, "origin.host_forbidden"),
        ("the same with its own origin", {"Host": f"{EVIL}:{port}", "Origin": f"http://{EVIL}:{port}"}, "origin.host_forbidden"),
        ("the same with the origin of the service", {"Host": f"{EVIL}:{port}", "Origin": f"http://{own}"}, "origin.host_forbidden"),
        ("a name that begins like one of this machine", {"Host": f"localhost.{EVIL}:{port}"}, "origin.host_forbidden"),
        ("a name that ends like an address", {"Host": f"x127.0.0.1:{port}"}, "origin.host_forbidden"),
        ("another address", {"Host": f"192.0.2.7:{port}"}, "origin.host_forbidden"),
        ("a page of another name", {"Host": own, "Origin": f"https://{EVIL}"}, "origin.forbidden"),
        ("a page of this machine on another port", {"Host": own, "Origin": "http://127.0.0.1:1"}, "origin.forbidden"),
        ("a page without an origin of its own", {"Host": own, "Origin": "null"}, "origin.forbidden"),
        ("a program", {"Host": own}, None),
        ("the page of the service", {"Host": own, "Origin": f"http://{own}"}, None),
        ("the page of the service by its other name", {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}, None),
    ]


def ask(port, method, path, headers, body):
    """Sends a request. Returns the status, the headers by their names in lower case, and what came of the body: all of it, or of a
    stream what there is once its first event has come."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    if "Upgrade" not in headers:
        lines.append("Connection: close")
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as wire:
        wire.sendall("\r\n".join([*lines, "", body or ""]).encode())
        got = b""
        while not is_whole(got):
            piece = wire.recv(65536)
            if not piece:
                break
            got += piece
    head, _, rest = got.partition(b"\r\n\r\n")
    status, *fields = head.decode("latin-1").split("\r\n")
    return int(status.split(" ")[1]), {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}, rest


def is_whole(got):
    """Whether more is not waited for: a stream that has begun, or a WebSocket, does not end."""
    head, separator, rest = got.partition(b"\r\n\r\n")
    if not separator:
        return False
    if re.search(rb"^HTTP/1.1 101", head):
        return True
    size = re.search(rb"(?i)content-length: (\d+)", head)
    if size and len(rest) >= int(size[1]):
        return True
    return bool(re.search(rb"(?i)content-type: text/event-stream", head)) and b"\n\n" in rest


def judge(who, request, code, answer):
    """What is wrong with an answer."""
    method, path, _, _, due = request
    status, headers, body = answer
    where = f"{who}: {method} {path}"
    if code is None:
        if status != due:
            raise Fault(f"{where} is answered with {status} and not {due}: {body[:200]!r}")
        return
    if status != 403:
        raise Fault(f"{where} is answered with {status}: {body[:200]!r}")
    try:
        said = json.loads(body)["error"]["code"]
    except (ValueError, KeyError, TypeError):
        raise Fault(f"{where} is refused without a code: {body[:200]!r}") from None
    if said != code:
        raise Fault(f"{where} is refused as {said}, not {code}")
    if SECRET.encode() in body:
        raise Fault(f"{where} is refused, and told what it asked for")
    allowed = [name for name in headers if name.startswith("access-control-allow")]
    if allowed:
        raise Fault(f"{where} is refused, and may read it: {allowed}")


def check_all(port, ask=ask):
    count = 0
    for who, headers, code in hosts(port):
        for request in REQUESTS:
            method, path, more, body, _ = request
            judge(who, request, code, ask(port, method, path, {**headers, **more}, body))
            count += 1
    return count


def emit(service, body=EVENT):
    answer = service.request("POST", "/v1/threads/t_45/events", body, {"Content-Type": "application/json"})
    if answer.status != 201:
        raise Fault(f"the events were refused: {answer}")


def count_of_events(service):
    return len(service.request("GET", "/v1/threads/t_45/events").json()["events"])


def check_heads(port):
    """Heads that name more than one host are not answered as if they named one of this machine alone."""
    for name, head in {
        "two hosts": f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: {EVIL}\r\n\r\n",
        "two hosts the other way round": f"GET / HTTP/1.1\r\nHost: {EVIL}\r\nHost: 127.0.0.1:{port}\r\n\r\n",
    }.items():
        with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as wire:
            wire.sendall(head.encode())
            first = wire.recv(65536)
        if not re.match(rb"HTTP/1.1 4\d\d ", first):
            raise Fault(f"{name}: answered with {first[:60]!r}")


def run(options):
    with Service(options.binary, None) as service:
        emit(service)
        before = count_of_events(service)
        count = check_all(service.port)
        check_heads(service.port)
        allowed = sum(code is None for _, _, code in hosts(0))
        if count_of_events(service) != before + allowed:
            raise Fault("a request that was refused has logged something")
    print(f"{count} requests of {len(hosts(0))} kinds of clients, each answered as it should be")


def self_test():
    """Services that are not there, each with one fault."""
    def answer(port, path, headers, body):
        host, origin = headers.get("Host", ""), headers.get("Origin")
        due = next(each[4] for each in REQUESTS if each[1] == path and (each[3] is None) == (body is None)
                   and all(headers.get(name) == value for name, value in each[2].items()) and ("Accept" in headers) == ("Accept" in each[2]))
        if re.sub(r":\d+$", "", host) not in ("127.0.0.1", "localhost"):
            code = "origin.host_forbidden"
        elif origin is not None and origin != f"http://{host}":
            code = "origin.forbidden"
        else:
            return due, {}, b""
        return 403, {"content-type": "application/json"}, json.dumps({"error": {"code": code}}).encode()

    def service(fault=lambda path, headers, answer: answer):
        def ask(port, method, path, headers, body):
            return fault(path, headers, answer(port, path, headers, body))

        return lambda: check_all(8080, ask)

    service()()

    def fails_open(path, headers, answer):
        return (200, {}, SECRET.encode()) if "Origin" not in headers else answer

    def page_for_all(path, headers, answer):
        return (200, {}, b"<html>") if path == "/" else answer

    def stream_for_all(path, headers, answer):
        return (200, {"content-type": "text/event-stream"}, b": \n\n") if "Accept" in headers else answer

    def told_anyway(path, headers, answer):
        return (*answer[:2], answer[2][:-1] + b', "x": "' + SECRET.encode() + b'"}') if answer[0] == 403 else answer

    def readable(path, headers, answer):
        return (answer[0], {**answer[1], "access-control-allow-origin": "*"}, answer[2])

    def nobody(path, headers, answer):
        return (403, {}, b"{}") if "Origin" not in headers else answer

    return check_broken("origins", [
        ("a service that trusts whoever has no origin", "is answered with 200", service(fails_open)),
        ("a page for everybody", "is answered with 200", service(page_for_all)),
        ("a stream for everybody", "is answered with 200", service(stream_for_all)),
        ("an answer that tells what it refuses", "told what it asked for", service(told_anyway)),
        ("an answer that every page may read", "may read it", service(readable)),
        ("a service for nobody", "refused without a code", service(nobody)),
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    try:
        run(options)
    except Fault as fault:
        print(f"FAILED: {fault}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
