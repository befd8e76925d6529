#!/usr/bin/env python3
"""The service as its operators have it: systemd, Prometheus, settings, logs.

- systemd is told, as sd_notify(3) has it, that the service is ready, that it lives, reads its settings again, and stops;
- settings come from the environment; each line of the log is a JSON object;
- a secret in any field of requests and messages is in no line of the log (at the level trace), no metric, and no answer on the listener
  for operators; one that was sent as a credential is in no answer at all;
- counters only grow, and tell what was done;
- a connection that is open takes the rates of the settings that are read again, and keeps what it has used.

  operating.py               against services that this script starts
  operating.py --self-test   that the checks notice each fault
"""

import argparse
import json
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from self_test import check_broken
from service import SUBPROTOCOL, DataFolder, Service, add_binary_option
from thread_reader import Fault

SECONDS = 120
CANARY = "canary-5d1e93"


# The checks

def check_notice(text, *expected):
    """A message is lines NAME=value, and has these."""
    lines = text.split("\n")
    for line in lines:
        if not re.fullmatch(r"[A-Z_]+=[^\n]*", line):
            raise Fault(f"a line of a notice is no assignment: {line!r}")
    for pattern in expected:
        if not any(re.fullmatch(pattern, line) for line in lines):
            raise Fault(f"no line of a notice is {pattern}: {text!r}")


def check_log(text):
    """Each line is an object with a time, a level and a message."""
    lines = text.splitlines()
    if not lines:
        raise Fault("nothing was logged")
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            raise Fault(f"a line of the log is not JSON: {line!r}") from None
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value.get("ts", "")):
            raise Fault(f"a line of the log has no time: {line!r}")
        if value.get("level") not in ("trace", "debug", "info", "notice", "warning", "error", "critical"):
            raise Fault(f"a line of the log has no level: {line!r}")
        if not value.get("msg"):
            raise Fault(f"a line of the log has no message: {line!r}")


def check_hidden(where, text):
    if CANARY in text:
        place = text.index(CANARY)
        raise Fault(f"{where} tells a secret: {text[max(0, place - 200):place + 40]!r}")


def values_of(text):
    """The counters of a scrape."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    values = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = re.fullmatch(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (\S+)', line)
        if not match:
            raise Fault(f"a line of the metrics is none: {line!r}")
        if kinds.get(match.group(1)) == "counter":
            values[match.group(1) + (match.group(2) or "")] = float(match.group(3))
    return values


def check_growth(before, after):
    for name, value in before.items():
        if after.get(name, -1) < value:
            raise Fault(f"the counter {name} went from {value} to {after.get(name)}")


# The course

class Listener:
    """Takes what a service tells systemd."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(1)

    def until(self, pattern):
        """The first message with such a line."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            try:
                text = self.socket.recv(4096).decode()
            except TimeoutError:
                continue
            check_notice(text)
            if any(re.fullmatch(pattern, line) for line in text.split("\n")):
                return text
        raise Fault(f"systemd was not told {pattern}")


def log_of(service):
    descriptor = service.output.fileno()
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode("utf-8", "replace")


def metrics_of(service):
    answer = service.request("GET", "/metrics", port=service.internal_port)
    if answer.status != 200 or not answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"):
        raise Fault(f"/metrics answers {answer} {answer.headers['Content-Type']}")
    return answer.body.decode()


def notices(binary):
    with DataFolder() as folder:
        path = str(Path(folder) / "notify")
        listener = Listener(path)
        environment = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000"}
        service = Service(binary, None, environment=environment).wait_until_listening()
        check_notice(listener.until("READY=1"), "READY=1", rf"STATUS=listening on http://127\.0\.0\.1:{service.port}")
        for _ in range(3):
            listener.until("WATCHDOG=1")
        os.kill(service.process.pid, signal.SIGHUP)
        check_notice(listener.until("RELOADING=1"), "RELOADING=1", r"MONOTONIC_USEC=[1-9]\d*")
        listener.until("READY=1")
        os.kill(service.process.pid, signal.SIGTERM)
        listener.until("STOPPING=1")
        service.stop()


def secret_requests(service):
    """Requests with a secret in each field that there is.

    Returns the answers to those that had it as a credential.
    """
    answers = []
    for headers in ({"Authorization": f"Bearer {CANARY}"}, {"Authorization": CANARY}, {"Proxy-Authorization": CANARY},
                    {"Cookie": f"session={CANARY}"}, {"Sec-WebSocket-Protocol": f"{SUBPROTOCOL}, bearer.{CANARY}"}):
        for path in ("/v1/threads/t/events", "/v1/nothing", "/v1/stream", "/health"):
            answers.append(service.request("GET", path, headers=headers))
    for query in ("access_token", "token", "jwt", "other"):
        for path in ("/v1/threads/t/events", "/v1/stream", "/nothing"):
            answers.append(service.request("GET", f"{path}?{query}={CANARY}"))
        answers.append(service.request("GET", f"/metrics?{query}={CANARY}", port=service.internal_port))
    for headers in ({"Origin": f"https://{CANARY}.example"}, {"Referer": f"https://a.example/{CANARY}"},
                    {"User-Agent": CANARY}, {"Accept": CANARY}, {"Expect": CANARY}, {"Traceparent": CANARY}):
        service.request("GET", "/v1/threads/t/events", headers=headers)
    event = {"type": "custom", "data": {"name": "n", "value": CANARY}}
    for body in (json.dumps(event), json.dumps([event]), f'{{"{CANARY}":', json.dumps({"type": CANARY}),
                 json.dumps({"type": "custom", "data": {"name": "n", "value": 1, CANARY: 1}}), f"{CANARY}\n" * 3):
        service.request("POST", "/v1/threads/t/events", body, {"Content-Type": "application/x-ndjson"})
    for name in ("messages", "commands"):
        for body in ({"text": CANARY}, {"name": "stop", "data": {"reason": CANARY}}, {"text": "x", CANARY: 1}):
            service.request("POST", f"/v1/threads/t/{name}", json.dumps(body))
    return answers


def secret_messages(service):
    """The same over a WebSocket."""
    event = {"type": "custom", "data": {"name": "n", "value": CANARY}}
    messages = [
        {"op": "auth", "token": CANARY}, {"op": "refresh", "req": 1, "token": CANARY},
        {"op": "subscribe", "req": CANARY, "thread_id": "t", "after": "start"}, {"op": CANARY},
        {"op": "emit", "req": 2, "thread_id": "t", "events": [event, {"type": "custom", "data": CANARY}]},
        {"op": "emit", "req": 3, "thread_id": "t", "events": [event]}, {"op": "ack", "thread_id": "t", "cursor": CANARY},
        {"op": "command", "req": 4, "thread_id": "t", "name": "stop", "data": {"reason": CANARY}},
    ]
    with connect(service.url, subprotocols=[SUBPROTOCOL], additional_headers={"Authorization": f"Bearer {CANARY}"}) as stream:
        try:
            for message in messages:
                stream.send(json.dumps(message))
            stream.send(f"{CANARY} is not JSON")
            stream.send(json.dumps({"op": "emit", "req": "last", "thread_id": "t", "events": [event]}))
            while json.loads(stream.recv(timeout=SECONDS)).get("req") != "last":
                pass
        except WebSocketException:
            # It may be closed for what was sent.
            pass


def secrets(binary):
    environment = {"AGENT_EVENTS_LOG_FORMAT": "json", "AGENT_EVENTS_LOG_LEVEL": "trace"}
    with DataFolder() as folder:
        service = Service(
            binary, folder / "data", "--internal-listen", "127.0.0.1:0", environment=environment).wait_until_listening()
        before = values_of(metrics_of(service))
        for answer in secret_requests(service):
            check_hidden("an answer", f"{answer.body!r} {answer.headers}")
        secret_messages(service)
        scrape = metrics_of(service)
        check_growth(before, values_of(scrape))
        if values_of(scrape).get('agent_events_events_committed_total{type="custom"}', 0) < 2:
            raise Fault("the events that were emitted were not counted")
        if CANARY not in service.request("GET", "/v1/threads/t/events").body.decode():
            raise Fault("the secret did not reach the thread, so that nothing was tried")
        for path in ("/metrics", "/ready", "/health", "/v1/admin/status"):
            answer = service.request("GET", path, port=service.internal_port)
            check_hidden(path, f"{answer.body!r} {answer.headers}")
        service.stop()
        log = log_of(service)
        check_log(log)
        check_hidden("the log", log)
        check_hidden("the audit file", (folder / "data" / "audit.ndjson").read_text())
        return len(log.splitlines())


def check_refused(refused, expected):
    if refused != expected:
        raise Fault(f"of ten messages {refused} were refused, and {expected} should have been")


def reloaded_rates(binary):
    """Ten messages after each change of the settings, on one connection."""
    with DataFolder() as folder:
        settings = folder / "settings.yaml"
        settings.write_text("internal-listen: 127.0.0.1:0\n")
        service = Service(binary, None, "--config", str(settings))
        service.has_internal_port = True
        service.wait_until_listening()
        try:
            with connect(service.url, subprotocols=[SUBPROTOCOL]) as stream:
                for count, (rate, expected) in enumerate([
                    ("none", 0), ("8/24h", 2), ("8/24h", 10), ("13/24h", 5), ("none", 0),
                ]):
                    if count:
                        settings.write_text(f"internal-listen: 127.0.0.1:0\nrate: [emitter-messages={rate}, strikes=none]\n")
                        os.kill(service.process.pid, signal.SIGHUP)
                        wait_for_reloads(service, count)
                    check_refused(sum(is_refused(stream, number) for number in range(10)), expected)
        finally:
            service.stop()


def is_refused(stream, number):
    stream.send(json.dumps({"op": "ping", "req": number}))
    while True:
        answer = json.loads(stream.recv(timeout=SECONDS))
        if answer.get("req") == number:
            return answer.get("code") == "limits.rate"


def wait_for_reloads(service, count):
    deadline = time.monotonic() + SECONDS
    while values_of(metrics_of(service)).get("agent_events_reloads_total") != count:
        if time.monotonic() > deadline:
            raise Fault(f"the settings were not read again: {log_of(service)[-2000:]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    try:
        notices(options.binary)
        count = secrets(options.binary)
        reloaded_rates(options.binary)
    except Fault as fault:
        print(f"FAILED: {fault}")
        return 1
    print(f"operating: systemd is told all, and no secret is in {count} lines of the log, the metrics and the answers")
    return 0


# The checks themselves

def self_test():
    line = {"ts": "2026-01-02T03:04:05.678Z", "level": "info", "msg": "m"}
    metrics = '# TYPE a_total counter\na_total{b="c"} 2\n# TYPE d gauge\nd 1\n'
    check_notice("READY=1\nSTATUS=x", "READY=1")
    check_log(json.dumps(line))
    check_hidden("x", "nothing")
    check_growth(values_of(metrics), values_of(metrics.replace(" 2", " 3").replace("d 1", "d 0")))
    broken = [
        ("a notice without READY", "no line", lambda: check_notice("STATUS=x", "READY=1")),
        ("a notice that is none", "no assignment", lambda: check_notice("READY=1\nand so on")),
        ("an empty log", "nothing", lambda: check_log("")),
        ("a text in the log", "not JSON", lambda: check_log("2026 info x")),
        ("no time", "no time", lambda: check_log(json.dumps({**line, "ts": "now"}))),
        ("no level", "no level", lambda: check_log(json.dumps({**line, "level": "loud"}))),
        ("no message", "no message", lambda: check_log(json.dumps({**line, "msg": ""}))),
        ("a secret", "tells a secret", lambda: check_hidden("x", f"a{CANARY}b")),
        ("a counter that falls", "went from", lambda: check_growth(values_of(metrics), values_of(metrics.replace(" 2", " 1")))),
        ("a counter that is gone", "went from", lambda: check_growth(values_of(metrics), {})),
        ("a line that is none", "is none", lambda: values_of("a b c")),
        ("a rate that is not taken", "of ten", lambda: check_refused(0, 2)),
        ("a rate that forgets", "of ten", lambda: check_refused(2, 10)),
    ]
    return check_broken("operating", broken)


if __name__ == "__main__":
    sys.exit(main())
