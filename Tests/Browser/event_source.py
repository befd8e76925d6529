#!/usr/bin/env python3
"""The browser's own EventSource on a page of another origin (FRONTEND, tests 23, 24, 29, 43 and 45).

  event_source.py               against services that this script starts
  event_source.py --self-test   that the checks notice a service, or a page, that is not as it should be
"""

import http.server
import json
import sys
import threading

from browser import draft, expect, main
from page_server import PageServer

READ = """url => {
  window.seen = []; window.states = [];
  window.source = new EventSource(url);
  source.onmessage = ({ data, lastEventId }) => { const event = JSON.parse(data); seen.push([event.id ?? event.op, lastEventId]); };
  source.onerror = () => states.push(source.readyState);
}"""


class Blank(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>another page</title>")

    def log_message(self, *_):
        pass


class Origin:
    """A page of its own, on a port of its own."""

    def __enter__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Blank)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Between(PageServer):
    """Hands everything on, and keeps what was asked."""

    def __init__(self, port):
        self.asked = []
        super().__init__(port)

    async def hand_on(self, first, lines, reader, writer):
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        self.asked.append((first.split(" ")[0], headers.get("origin"), headers.get("last-event-id")))
        await super().hand_on(first, self.changed(lines), reader, writer)

    def changed(self, lines):
        return lines


def open_page(stage, origin):
    context = stage.browser.new_context()
    stage.contexts.append(context)
    page = context.new_page()
    page.set_default_timeout(stage.wait)
    page.faults = []
    page.goto(origin.url)
    return page


def read(stage, between=Between):
    """An allowed origin reads, is cut off, and continues after its last event without a question before (a preflight)."""
    from service import Service

    with Origin() as origin, Service(stage.service.process.args[0], None, "--allowed-origin", origin.url) as service:
        stage.service = service
        ids = stage.emit("t_es", draft("custom", {"name": "n", "value": 1}), draft("custom", {"name": "n", "value": "\u2028 🧭"}))
        server = between(service.port)
        try:
            page = open_page(stage, origin)
            page.evaluate(READ, f"{server.url}/v1/threads/t_es/events?after=start")
            page.wait_for_function("() => seen.filter(([id]) => id.includes('-')).length === 2")
            ids += stage.emit("t_es", draft("custom", {"name": "n", "value": 3}))
            page.wait_for_function("() => seen.filter(([id]) => id.includes('-')).length === 3")
            server.cut()
            page.wait_for_function("() => states.includes(EventSource.CONNECTING)")
            ids += stage.emit("t_es", draft("custom", {"name": "n", "value": 4}))
            server.cut(False)
            page.wait_for_function("() => seen.filter(([id]) => id.includes('-')).length >= 4")
            seen = page.evaluate("seen")
            events = [id for id, _ in seen if "-" in id]
            expect(events == ids, f"it has the events {events}, the log {ids}")
            for at, (id, last) in enumerate(seen):
                due = id if "-" in id else next((each for each, _ in reversed(seen[:at]) if "-" in each), "")
                expect(last == due, f"after {id} the browser would continue after {last!r}")
            expect({method for method, _, _ in server.asked} == {"GET"}, f"it asks before it reads: {server.asked}")
            expect({each for _, each, _ in server.asked} == {origin.url}, f"the origins are {server.asked}")
            expect(server.asked[-1][2] == ids[2], f"it continues after {server.asked[-1][2]}, not {ids[2]}")
        finally:
            server.stop()


def refused(stage, arguments=()):
    """A page of another origin gets nothing: no event, and no try after the first."""
    from service import Service

    with Origin() as origin, Origin() as other, Service(stage.service.process.args[0], None, "--allowed-origin", other.url, *(each.format(origin.url) for each in arguments)) as service:
        stage.service = service
        stage.emit("t_es", draft("custom", {"name": "n", "value": 1}))
        server = Between(service.port)
        try:
            page = open_page(stage, origin)
            page.evaluate(READ, f"{server.url}/v1/threads/t_es/events?after=start")
            page.wait_for_function("() => states.length > 0 || seen.length > 0")
            expect(page.evaluate("seen.length") == 0, "a page that is not allowed reads events")
            expect(page.evaluate("source.readyState === EventSource.CLOSED"), "a page that is not allowed tries again and again")
            told = page.evaluate("url => fetch(url).then(answer => answer.text(), () => 'nothing')", f"{server.url}/v1/threads/t_es/events")
            expect(told == "nothing", f"a page that is not allowed reads {told[:100]!r}")
        finally:
            server.stop()


def token(stage, header="authorization"):
    """With a token, which EventSource cannot send, a page asks first (a preflight) and reads with fetch, Last-Event-ID and all."""
    import tempfile
    import time
    from pathlib import Path

    import jwt
    from service import Service

    secret = "s" * 40
    with tempfile.TemporaryDirectory() as folder, Origin() as origin:
        file = Path(folder) / "secret"
        file.write_text(secret)
        file.chmod(0o600)
        with Service(stage.service.process.args[0], None, "--auth", "jwt", "--jwt-secret-file", str(file), "--allowed-origin", origin.url) as service:
            made = jwt.encode({"sub": "u_1", "exp": int(time.time()) + 600, "scope": "read emit open command"}, secret, "HS256")
            ids = []
            for value in range(2):
                body = json.dumps(draft("custom", {"name": "n", "value": value}))
                answer = service.request("POST", "/v1/threads/u_1~es/events", body, {"Content-Type": "application/json", "Authorization": f"Bearer {made}"})
                expect(answer.status == 201, f"the service refuses: {answer}")
                ids += answer.json()["ids"]
            server = Between(service.port)
            try:
                page = open_page(stage, origin)
                text = page.evaluate("""async ([url, token, last, header]) => {
                  const answer = await fetch(url, { headers: { accept: 'text/event-stream', [header]: `Bearer ${token}`, 'last-event-id': last } }).catch(error => ({ error }));
                  if (answer.error || !answer.ok) return `refused ${answer.status ?? answer.error}`;
                  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
                  let text = '';
                  while (!text.includes('"op":"live"')) text += (await reader.read()).value;
                  await reader.cancel();
                  return text;
                }""", [f"{server.url}/v1/threads/u_1~es/events", made, ids[0], header])
                expect(f"id: {ids[1]}" in text and f"id: {ids[0]}\n" not in text, f"with a token it reads {text[:200]!r}")
                expect("OPTIONS" in {method for method, _, _ in server.asked}, f"the check needs a preflight: {server.asked}")
            finally:
                server.stop()


CHECKS = {"read": read, "refused": refused, "token": token}


class Forgetful(Between):
    """Loses what the browser says of its last event."""

    def changed(self, lines):
        return [line for line in lines if not line.lower().startswith("last-event-id:")]


class Stranger(Between):
    """Says that the page is another one."""

    def changed(self, lines):
        return ["Origin: http://127.0.0.1:1" if line.lower().startswith("origin:") else line for line in lines]


BROKEN = [
    ("a service that is not told where to continue", "the events", {}, lambda stage: read(stage, Forgetful)),
    ("a service that takes the page for another one", "Timeout", {}, lambda stage: read(stage, Stranger)),
    ("a service that allows every page", "reads events", {}, lambda stage: refused(stage, ("--allowed-origin={}",))),
    ("a header that is not allowed", "refused", {}, lambda stage: token(stage, "x-authorization")),
]

if __name__ == "__main__":
    sys.exit(main("event source", __doc__, CHECKS, BROKEN))
