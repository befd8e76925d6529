#!/usr/bin/env python3
"""The client of Socket.IO as it is, on a page of another origin (INTEROP, tests 53, 54 and 57).

  socketio_page.py               against services that this script starts
  socketio_page.py --self-test   that the checks notice a service that is not as it should be
"""

import json
import sys
import tempfile
from pathlib import Path

from browser import ROOT, expect, main
from event_source import Between, Origin, open_page

CLIENT = ROOT / ".build" / "tools" / "socket.io-client" / "socket.io.min.cjs"
FOLLOW = """([url, options]) => {
  window.seen = []; window.states = []; window.carriers = [];
  window.socket = io(url, { reconnectionDelay: 50, reconnectionDelayMax: 200, auth: { after: 'start' }, ...options });
  socket.on('connect', () => {
    states.push(['connect', socket.recovered]);
    carriers.push(socket.io.engine.transport.name);
    socket.io.engine.on('upgrade', transport => carriers.push(transport.name));
  });
  socket.on('disconnect', reason => states.push(['disconnect', reason]));
  socket.on('connect_error', error => states.push(['connect_error', error.message]));
  socket.on('event', (event, cursor) => seen.push([event, cursor]));
}"""


def script():
    if not CLIENT.exists():
        from socketio_clients import fetch_bundle

        fetch_bundle()
    return CLIENT.read_text()


def page_with_client(stage, origin):
    page = open_page(stage, origin)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.add_script_tag(content=script())
    return page


def serve(stage, data, folder, *arguments, pace=200):
    from service import Service

    return Service(stage.service.process.args[0], data, "--demo", "--demo-folder", folder, "--demo-pace", str(pace), *arguments)


def log(service):
    events, _ = service.pages("t_page")
    return [json.loads(event) for event in events]


def told(events):
    """The texts of messages and the types of all else: fragments may have come merged."""
    parts = []
    for event in events:
        if event["type"] == "message_delta" and parts and parts[-1][0] == "message_delta":
            parts[-1][1] += event["data"]["text"]
        else:
            parts.append([event["type"], event["data"].get("text")])
    return parts


def conversation(stage, options=None, between=Between):
    """A question is acknowledged, its answer streams, the service dies in the middle, and the page ends with what the log has."""
    with tempfile.TemporaryDirectory() as data, tempfile.TemporaryDirectory() as folder, Origin() as origin:
        Path(folder, "ordinary.txt").write_text("ordinary words\n" + "ordinary words, more of them\n" * 10)
        # So slow that the answer is not over when the service dies, however slow the page is.
        service = serve(stage, data, folder, "--allowed-origin", origin.url, pace=4)
        server = None
        try:
            service.wait_until_listening()
            server = between(service.port)
            page = page_with_client(stage, origin)
            page.evaluate(FOLLOW, [f"{server.url}/threads/t_page", options or {}])
            page.wait_for_function("states.length > 0")
            expect(page.evaluate("states") == [["connect", False]], f"the page begins with {page.evaluate('states')}")
            if not options:
                page.wait_for_function("carriers.includes('websocket')")
            answer = page.evaluate("socket.emitWithAck('message', { key: 'k', data: { text: 'ordinary words' } })")
            expect(answer.get("ok") is True, f"the question is answered with {answer}")
            page.wait_for_function("seen.filter(([event]) => event.type === 'message_delta').length > 2")
            server.cut()
            service.kill()
            service = serve(stage, data, folder, "--allowed-origin", origin.url)
            service.wait_until_listening()
            server.service_port = service.port
            server.cut(False)
            page.wait_for_function("seen.some(([event]) => event.type === 'agent_completed')")
            seen = page.evaluate("seen")
            states = page.evaluate("states.filter(([name]) => name === 'connect')")
            expect(states == [["connect", False], ["connect", True]], f"the page was connected as {states}")
            numbers = [event.get("from_seq", event["seq"]) for event, _ in seen]
            ends = [0] + [event["seq"] for event, _ in seen]
            expect(numbers == [end + 1 for end in ends[:-1]], f"the numbers of the events are {numbers}, their ends {ends[1:]}")
            expect(all(event["id"] == cursor for event, cursor in seen), "an event has another cursor beside it")
            expect(told(event for event, _ in seen) == told(log(service)), "the page has other events than the log")
        finally:
            service.kill()
            if server:
                server.stop()


def polls(stage):
    """The same without a WebSocket."""
    conversation(stage, {"transports": ["polling"]})


def refused(stage, arguments=()):
    """A page of another origin gets nothing, whichever way it tries."""
    with tempfile.TemporaryDirectory() as folder, Origin() as origin, Origin() as other:
        Path(folder, "ordinary.txt").write_text("ordinary words\n")
        arguments = [each.format(origin.url) for each in arguments]
        with serve(stage, None, folder, "--allowed-origin", other.url, *arguments) as service:
            server = Between(service.port)
            try:
                page = page_with_client(stage, origin)
                for transport in ("polling", "websocket"):
                    page.evaluate(FOLLOW, [f"{server.url}/threads/t_page", {"transports": [transport], "forceNew": True}])
                    page.wait_for_function("states.length > 0")
                    first = page.evaluate("states[0][0]")
                    expect(first == "connect_error", f"a page that is not allowed has {first} over {transport}")
                    expect(page.evaluate("seen.length") == 0, "a page that is not allowed has events")
                    page.evaluate("socket.close()")
            finally:
                server.stop()


CHECKS = {"conversation": conversation, "polls": polls, "refused": refused}


class Mistaken(Between):
    """Asks for the WebSocket of a session that there is not."""

    async def hand_on(self, first, lines, reader, writer):
        await super().hand_on(first.replace("transport=websocket", "transport=websocket&sid=other"), lines, reader, writer)


BROKEN = [
    ("a service whose WebSocket is not to be had", "Timeout", {}, lambda stage: conversation(stage, between=Mistaken)),
    ("a service that allows every page", "not allowed has connect", {}, lambda stage: refused(stage, ("--allowed-origin={}",))),
]

if __name__ == "__main__":
    sys.exit(main("socket.io page", __doc__, CHECKS, BROKEN))
