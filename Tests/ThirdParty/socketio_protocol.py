#!/usr/bin/env python3
"""The protocols of Engine.IO 4 and Socket.IO 5, with aiohttp: the cases of the official suites of both protocols, each
under its own sentence, against the two echo servers that these suites ask for.

Where a suite waits for a while, these cases wait for what is to happen; and they say how long that takes at least.

  socketio_protocol.py               against the program
  socketio_protocol.py --self-test   that each case notices a server that says something else
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from self_test import check_broken
from service import START_SECONDS, Service, add_binary_option
from thread_reader import Fault

# What the suites ask a server for.
PING_INTERVAL, PING_TIMEOUT, CONNECT_TIMEOUT = 0.3, 0.2, 1.0
OPENED = {"pingInterval": 300, "pingTimeout": 200, "maxPayload": 1_000_000}
# For what hangs.
CASE_SECONDS = 30
PAUSE = 0.02
SEPARATOR = "\x1e"
CASE_COUNTS = {"engine.io": 25, "socket.io": 32}


class ConformanceService(Service):
    """The program with the two servers, on a free port."""

    COMMAND = "socket-io-conformance"

    def __init__(self, binary):
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [str(binary), self.COMMAND, "--port", "0"],
            stdout=subprocess.PIPE, stderr=self.output, stdin=subprocess.DEVNULL,
        )
        self.port = self.internal_port = None
        self.has_internal_port = self.was_killed = False
        self.start_seconds = START_SECONDS


# The clients ----------------------------------------------------------------------------------------------------------


Answer = namedtuple("Answer", "status text")


def expect(what, got, wanted):
    if got != wanted:
        raise Fault(f"{what}: {got!r}, not {wanted!r}")


class Server:
    """One of the two servers, as clients reach it."""

    def __init__(self, http, port, suite):
        self.http, self.port, self.suite = http, port, suite
        self.path = f"/{suite}/"

    def url(self, query):
        return f"http://127.0.0.1:{self.port}{self.path}?{query}"

    async def request(self, method, query, body=None):
        async with self.http.request(method, self.url(query), data=body) as response:
            return Answer(response.status, await response.text())

    async def open(self):
        """The id of a session that begins with polls."""
        answer = await self.request("GET", "EIO=4&transport=polling")
        expect("the status of a session that begins", answer.status, 200)
        return opened(answer.text, ["websocket"])

    async def poll(self, sid):
        return await self.request("GET", f"EIO=4&transport=polling&sid={sid}")

    async def post(self, sid, payload):
        return await self.request("POST", f"EIO=4&transport=polling&sid={sid}", payload)

    async def send(self, sid, payload):
        expect(f"the answer to a POST of {payload!r}", await self.post(sid, payload), Answer(200, "ok"))

    async def connect(self, sid):
        """Connects a session of Socket.IO to the main namespace, by polls."""
        await self.send(sid, "40")
        packets = (await self.poll(sid)).text.split(SEPARATOR)
        # On a slow machine it is time for a ping.
        if "2" in packets:
            await self.send(sid, "3")
        answers = [packet for packet in packets if packet != "2"]
        if len(answers) != 2 or not answers[0].startswith('40{"sid":') or answers[1] != '42["auth",{}]':
            raise Fault(f"the answer to a connection to / is {answers}")

    async def is_gone(self, sid):
        """The next poll is refused."""
        answer = await self.poll(sid)
        expect(f"the status of a poll of a session that has ended ({answer.text!r})", answer.status, 400)

    async def until_refused(self, sid, payload):
        """Posts until the session is gone."""
        while (await self.post(sid, payload)).status != 400:
            await asyncio.sleep(PAUSE)

    async def refuses(self, method, query, code):
        """A request that begins no session, and the code of its refusal."""
        answer = await self.request(method, query)
        expect(f"the status of {method} {query}", answer.status, 400)
        expect(f"the code of {method} {query}", members(answer.text).get("code"), code)

    async def refuses_socket(self, query):
        """A WebSocket that does not come to be: its request is refused, or it is closed before anything came."""
        try:
            async with Socket(self, query) as socket:
                await socket.is_closed()
        except aiohttp.WSServerHandshakeError as refusal:
            expect(f"the status of a WebSocket with {query}", refusal.status, 400)

    def socket(self, sid=None, answers_pings=True):
        return Socket(self, "EIO=4&transport=websocket" + (f"&sid={sid}" if sid else ""), answers_pings)


CLOSED = object()


class Socket:
    """A WebSocket that answers the pings of the server beside what else happens, unless it is not to."""

    def __init__(self, server, query, answers_pings=True):
        self.server, self.query, self.answers_pings = server, query, answers_pings
        self.came = asyncio.Queue()
        self.is_connected = False

    async def __aenter__(self):
        self.began = time.monotonic()
        self.web_socket = await self.server.http.ws_connect(self.server.url(self.query))
        self.reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *error):
        self.reading.cancel()
        await self.web_socket.close()

    async def _read(self):
        try:
            async for message in self.web_socket:
                if message.data == "2" and self.answers_pings:
                    await self.send("3")
                else:
                    self.came.put_nowait(message.data)
        except aiohttp.ClientError:
            # The connection is gone, which is an end like any other.
            pass
        self.came.put_nowait(CLOSED)

    async def send(self, content):
        if isinstance(content, str):
            await self.web_socket.send_str(content)
        else:
            await self.web_socket.send_bytes(content)

    async def next(self):
        content = await self.came.get()
        if content is CLOSED:
            raise Fault(f"the WebSocket was closed with {self.web_socket.close_code}, and something was to come")
        return content

    async def gets(self, *contents):
        for content in contents:
            expect("what came by the WebSocket", await self.next(), content)

    async def is_opened(self):
        return opened(await self.next(), [])

    async def is_closed(self, after=0):
        """The server closes it, says nothing else, and takes its time."""
        content = await self.came.get()
        if content is not CLOSED:
            raise Fault(f"{content!r} came, and the WebSocket was to be closed")
        passed = time.monotonic() - self.began
        if passed < after:
            raise Fault(f"the WebSocket was closed after {passed:.3f} s, before {after} s had passed")

    async def connects(self, namespace="", auth=""):
        """Connects to a namespace of Socket.IO."""
        comma = f"{namespace}," if namespace else ""
        await self.send(f"40{comma}{auth}")
        content = await self.next()
        if not isinstance(content, str) or not content.startswith(f"40{comma}{{"):
            raise Fault(f"the answer to a connection to {namespace or '/'} is {content!r}")
        handshake = members(content.removeprefix(f"40{comma}"))
        expect(f"the members of {content}", set(handshake), {"sid"})
        expect("the type of the sid", type(handshake["sid"]), str)
        await self.gets(f'42{comma}["auth",{auth or "{}"}]')
        self.is_connected = True

    async def talks(self):
        """The session lives, and the WebSocket carries it."""
        if self.server.suite == "engine.io":
            await self.send("4hello")
            return await self.gets("4hello")
        if not self.is_connected:
            await self.connects()
        await self.send('42["message","hello"]')
        await self.gets('42["message-back","hello"]')


def opened(text, upgrades):
    """The id of the session that a packet opens."""
    if not isinstance(text, str) or not text.startswith("0"):
        raise Fault(f"no session is opened by {text!r}")
    handshake = members(text[1:])
    sid = handshake.pop("sid", None)
    expect("the type of the sid", type(sid), str)
    expect("what a session is opened with", handshake, {"upgrades": upgrades, **OPENED})
    return sid


def members(text):
    """Those of a JSON object."""
    content = json.loads(text)
    expect(f"the type of {text}", type(content), dict)
    return content


# The cases ------------------------------------------------------------------------------------------------------------


Case = namedtuple("Case", "suite name run")
CASES = []


def case(suite, name):
    def add(run):
        CASES.append(Case(suite, name, run))
        return run

    return add


@case("engine.io", "handshake, long-polling: successfully opens a session")
@case("socket.io", "handshake, long-polling: should successfully open a session")
async def polling_opens(server):
    await server.open()


@case("engine.io", "handshake, long-polling: fails with an invalid 'EIO' query parameter")
@case("socket.io", "handshake, long-polling: should fail with an invalid 'EIO' query parameter")
async def polling_version(server):
    await server.refuses("GET", "transport=polling", 5)
    await server.refuses("GET", "EIO=abc&transport=polling", 5)


@case("engine.io", "handshake, long-polling: fails with an invalid 'transport' query parameter")
@case("socket.io", "handshake, long-polling: should fail with an invalid 'transport' query parameter")
async def polling_transport(server):
    await server.refuses("GET", "EIO=4", 0)
    await server.refuses("GET", "EIO=4&transport=abc", 0)


@case("engine.io", "handshake, long-polling: fails with an invalid request method")
@case("socket.io", "handshake, long-polling: should fail with an invalid request method")
async def polling_method(server):
    await server.refuses("POST", "EIO=4&transport=polling", 2)
    await server.refuses("PUT", "EIO=4&transport=polling", 2)


@case("engine.io", "handshake, WebSocket: successfully opens a session")
@case("socket.io", "handshake, WebSocket: should successfully open a session")
async def socket_opens(server):
    async with server.socket() as socket:
        await socket.is_opened()


@case("engine.io", "handshake, WebSocket: fails with an invalid 'EIO' query parameter")
@case("socket.io", "handshake, WebSocket: should fail with an invalid 'EIO' query parameter")
async def socket_version(server):
    await server.refuses_socket("transport=websocket")
    await server.refuses_socket("EIO=abc&transport=websocket")


@case("engine.io", "handshake, WebSocket: fails with an invalid 'transport' query parameter")
@case("socket.io", "handshake, WebSocket: should fail with an invalid 'transport' query parameter")
async def socket_transport(server):
    await server.refuses_socket("EIO=4")
    await server.refuses_socket("EIO=4&transport=abc")


async def echoes(server, payload):
    """A payload comes back as one."""
    sid = await server.open()
    await server.send(sid, payload)
    answer = await server.poll(sid)
    # On a slow machine it is time for a ping.
    packets = [packet for packet in answer.text.split(SEPARATOR) if packet != "2"]
    expect("the poll after a payload", (answer.status, SEPARATOR.join(packets)), (200, payload))


@case("engine.io", "message, long-polling: sends and receives a payload containing one plain text packet")
async def polling_text(server):
    await echoes(server, "4hello")


@case("engine.io", "message, long-polling: sends and receives a payload containing several plain text packets")
async def polling_texts(server):
    await echoes(server, SEPARATOR.join(["4test1", "4test2", "4test3"]))


@case("engine.io", "message, long-polling: sends and receives a payload containing plain text and binary packets")
async def polling_binary(server):
    await echoes(server, SEPARATOR.join(["4hello", "bAQIDBA=="]))


@case("engine.io", "message, long-polling: closes the session upon invalid packet format")
async def polling_invalid(server):
    sid = await server.open()
    expect("the status of a POST that is no packet", (await server.post(sid, "abc")).status, 400)
    await server.is_gone(sid)


@case("engine.io", "message, long-polling: closes the session upon duplicate poll requests")
async def polling_twice(server):
    sid = await server.open()
    answers = await asyncio.gather(server.poll(sid), server.poll(sid))
    # Either may be the one that comes first, and is told of the end.
    told = [answer for answer in answers if answer.status == 200]
    expect(f"what is told by two polls at once ({answers})", told, [Answer(200, "1")])
    expect("the statuses of two polls at once", {answer.status for answer in answers}, {200, 400})
    await server.is_gone(sid)


@case("engine.io", "message, long-polling: closes the session upon cancelled polling request")
async def polling_cancelled(server):
    sid = await server.open()
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"GET {server.path}?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    writer.write(head.encode())
    await writer.drain()
    # Meanwhile the poll is under way. The client answers pings: the session does not end for want of them.
    await server.send(sid, "3")
    writer.close()
    await writer.wait_closed()
    await server.until_refused(sid, "3")
    await server.is_gone(sid)


@case("engine.io", "message, WebSocket: sends and receives a plain text packet")
async def socket_text(server):
    async with server.socket() as socket:
        await socket.is_opened()
        await socket.send("4hello")
        await socket.gets("4hello")


@case("engine.io", "message, WebSocket: sends and receives a binary packet")
async def socket_binary(server):
    async with server.socket() as socket:
        await socket.is_opened()
        await socket.send(bytes([1, 2, 3, 4]))
        await socket.gets(bytes([1, 2, 3, 4]))


@case("engine.io", "message, WebSocket: closes the session upon invalid packet format")
async def socket_invalid(server):
    async with server.socket() as socket:
        await socket.is_opened()
        await socket.send("abc")
        await socket.is_closed()


@case("engine.io", "heartbeat, long-polling: sends ping/pong packets")
@case("socket.io", "heartbeat, long-polling: should send ping/pong packets")
async def polling_pings(server):
    began = time.monotonic()
    sid = await server.open()
    # A client that has not connected is not waited for as long as three pings may take.
    if server.suite == "socket.io":
        await server.connect(sid)
    for _ in range(3):
        expect("the poll that waits for a ping", await server.poll(sid), Answer(200, "2"))
        check_interval(time.monotonic() - began)
        began = time.monotonic()
        await server.send(sid, "3")


def check_interval(passed):
    if passed < PING_INTERVAL:
        raise Fault(f"a ping came after {passed:.3f} s, before {PING_INTERVAL} s had passed")


@case("engine.io", "heartbeat, long-polling: closes the session upon ping timeout")
@case("socket.io", "heartbeat, long-polling: should close the session upon ping timeout")
async def polling_silence(server):
    began = time.monotonic()
    sid = await server.open()
    # What has no content is no answer to a ping.
    await server.until_refused(sid, "6")
    passed = time.monotonic() - began
    if passed < PING_INTERVAL + PING_TIMEOUT:
        raise Fault(f"the session ended after {passed:.3f} s, before a ping could be missed")
    await server.is_gone(sid)


@case("engine.io", "heartbeat, WebSocket: sends ping/pong packets")
@case("socket.io", "heartbeat, WebSocket: should send ping/pong packets")
async def socket_pings(server):
    async with server.socket() as socket:
        began = socket.began
        await socket.is_opened()
        if server.suite == "socket.io":
            await socket.connects()
        socket.answers_pings = False
        for _ in range(3):
            await socket.gets("2")
            check_interval(time.monotonic() - began)
            began = time.monotonic()
            await socket.send("3")


@case("engine.io", "heartbeat, WebSocket: closes the session upon ping timeout")
@case("socket.io", "heartbeat, WebSocket: should close the session upon ping timeout")
async def socket_silence(server):
    async with server.socket(answers_pings=False) as socket:
        await socket.is_opened()
        await socket.gets("2")
        await socket.is_closed(after=PING_INTERVAL + PING_TIMEOUT)


@case("engine.io", "close, long-polling: forcefully closes the session")
@case("socket.io", "close, long-polling: should forcefully close the session")
async def polling_close(server):
    # A poll that comes after the close, however early it was sent, is refused. That is not what happens to each.
    answers = [await closed_under_poll(server) for _ in range(4)]
    if Answer(200, "6") not in answers:
        raise Fault(f"the polls of sessions that were closed were answered with {answers}")


async def closed_under_poll(server):
    """Closes a session for which a poll waits. Returns the answer to the poll."""
    sid = await server.open()
    polling = asyncio.create_task(server.poll(sid))
    try:
        # Meanwhile the poll is under way.
        await server.send(sid, "6")
        await server.send(sid, "1")
        answer = await polling
    finally:
        polling.cancel()
    if answer != Answer(200, "6") and answer.status != 400:
        raise Fault(f"the poll of a session that was closed was answered with {answer}")
    await server.is_gone(sid)
    return answer


@case("engine.io", "close, WebSocket: forcefully closes the session")
@case("socket.io", "close, WebSocket: should forcefully close the session")
async def socket_close(server):
    async with server.socket() as socket:
        await socket.is_opened()
        await socket.send("1")
        await socket.is_closed()


async def probe(socket):
    await socket.send("2probe")
    await socket.gets("3probe")


@case("engine.io", "upgrade: successfully upgrades from HTTP long-polling to WebSocket")
@case("socket.io", "upgrade: should successfully upgrade from HTTP long-polling to WebSocket")
async def upgrade(server):
    sid = await server.open()
    async with server.socket(sid) as socket:
        await probe(socket)
        expect("the poll in the middle of an upgrade", await server.poll(sid), Answer(200, "6"))
        await socket.send("5")
        await socket.talks()


@case("engine.io", "upgrade: ignores HTTP requests with same sid after upgrade")
@case("socket.io", "upgrade: should ignore HTTP requests with same sid after upgrade")
async def upgrade_poll(server):
    sid = await server.open()
    async with server.socket(sid) as socket:
        await probe(socket)
        await socket.send("5")
        # Then the upgrade is at its end.
        await socket.talks()
        await server.is_gone(sid)
        await socket.talks()


@case("engine.io", "upgrade: ignores WebSocket connection with same sid after upgrade")
@case("socket.io", "upgrade: should ignore WebSocket connection with same sid after upgrade")
async def upgrade_socket(server):
    sid = await server.open()
    async with server.socket(sid) as socket:
        await probe(socket)
        await socket.send("5")
        await socket.talks()
        await server.refuses_socket(f"EIO=4&transport=websocket&sid={sid}")
        await socket.talks()


@case("socket.io", "connect: should allow connection to the main namespace")
async def main_namespace(server):
    async with server.socket() as socket:
        await socket.is_opened()
        await socket.connects()


@case("socket.io", "connect: should allow connection to the main namespace with a payload")
async def main_namespace_payload(server):
    async with server.socket() as socket:
        await socket.is_opened()
        await socket.connects(auth='{"token":"123"}')


@case("socket.io", "connect: should allow connection to a custom namespace")
async def custom_namespace(server):
    async with server.socket() as socket:
        await socket.is_opened()
        await socket.connects("/custom")


@case("socket.io", "connect: should allow connection to a custom namespace with a payload")
async def custom_namespace_payload(server):
    async with server.socket() as socket:
        await socket.is_opened()
        await socket.connects("/custom", '{"token":"abc"}')


@case("socket.io", "connect: should disallow connection to an unknown namespace")
async def unknown_namespace(server):
    async with server.socket() as socket:
        await socket.is_opened()
        await socket.send("40/random")
        await socket.gets('44/random,{"message":"Invalid namespace"}')


@case("socket.io", "connect: should disallow connection with an invalid handshake")
async def invalid_connect(server):
    async with server.socket() as socket:
        await socket.is_opened()
        await socket.send("4abc")
        await socket.is_closed()


@case("socket.io", "connect: should close the connection if no handshake is received")
async def no_connect(server):
    # It answers pings: the want of a handshake is the only reason.
    async with server.socket() as socket:
        await socket.is_opened()
        await socket.is_closed(after=CONNECT_TIMEOUT)


@asynccontextmanager
async def connected(server):
    """A WebSocket that is connected to the main namespace."""
    async with server.socket() as socket:
        await socket.is_opened()
        await socket.connects()
        yield socket


@case("socket.io", "disconnect: should disconnect from the main namespace")
async def disconnect(server):
    async with connected(server) as socket:
        socket.answers_pings = False
        # It leaves just before the time for its first namespace is over.
        for _ in range(int(CONNECT_TIMEOUT / PING_INTERVAL)):
            await socket.gets("2")
            await socket.send("3")
        await socket.send("41")
        # Nothing but the next ping comes, and the connection stays.
        await socket.gets("2")


@case("socket.io", "disconnect: should connect then disconnect from a custom namespace")
async def disconnect_custom(server):
    async with connected(server) as socket:
        await socket.connects("/custom")
        await socket.send("41/custom")
        await socket.send('42["message","message to main namespace"]')
        await socket.gets('42["message-back","message to main namespace"]')


@case("socket.io", "message: should send a plain-text packet")
async def event(server):
    async with connected(server) as socket:
        await socket.send('42["message",1,"2",{"3":[true]}]')
        await socket.gets('42["message-back",1,"2",{"3":[true]}]')


PLACES = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
ATTACHMENTS = [bytes([1, 2, 3]), bytes([4, 5, 6])]


@case("socket.io", "message: should send a packet with binary attachments")
async def binary_event(server):
    async with connected(server) as socket:
        for content in [f'452-["message",{PLACES}]', *ATTACHMENTS]:
            await socket.send(content)
        await socket.gets(f'452-["message-back",{PLACES}]', *ATTACHMENTS)


@case("socket.io", "message: should send a plain-text packet with an ack")
async def acknowledged_event(server):
    async with connected(server) as socket:
        await socket.send('42456["message-with-ack",1,"2",{"3":[false]}]')
        await socket.gets('43456[1,"2",{"3":[false]}]')


@case("socket.io", "message: should send a packet with binary attachments and an ack")
async def acknowledged_binary_event(server):
    async with connected(server) as socket:
        for content in [f'452-789["message-with-ack",{PLACES}]', *ATTACHMENTS]:
            await socket.send(content)
        await socket.gets(f"462-789[{PLACES}]", *ATTACHMENTS)


async def closes_after(server, content):
    async with connected(server) as socket:
        await socket.send(content)
        await socket.is_closed()


@case("socket.io", "message: should close the connection upon invalid format (unknown packet type)")
async def unknown_type(server):
    await closes_after(server, "4abc")


@case("socket.io", "message: should close the connection upon invalid format (invalid payload format)")
async def invalid_payload(server):
    await closes_after(server, "42{}")


@case("socket.io", "message: should close the connection upon invalid format (invalid ack id)")
async def invalid_acknowledgement(server):
    await closes_after(server, '42abc["message-with-ack",1,"2",{"3":[false]}]')


# Running them ---------------------------------------------------------------------------------------------------------


async def attempt(chosen, port, seconds=CASE_SECONDS):
    """Runs one case."""
    # A connection for each request: those that are kept would be tried again behind the back of the case.
    connector = aiohttp.TCPConnector(force_close=True)
    began = time.monotonic()
    async with aiohttp.ClientSession(connector=connector) as http:
        try:
            async with asyncio.timeout(seconds):
                await chosen.run(Server(http, port, chosen.suite))
        except TimeoutError:
            raise Fault(f"it did not come to its end within {seconds} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Fault(f"{type(error).__name__} after {time.monotonic() - began:.3f} s: {error}") from None
        except Fault as fault:
            raise Fault(f"{fault} (after {time.monotonic() - began:.3f} s)") from None


def check(binary):
    """Returns how many cases failed."""
    failed = 0
    with ConformanceService(binary) as service:
        for suite, count in CASE_COUNTS.items():
            cases = [chosen for chosen in CASES if chosen.suite == suite]
            expect(f"the cases of {suite}", len({chosen.name for chosen in cases}), count)
            for chosen in cases:
                try:
                    asyncio.run(attempt(chosen, service.port))
                except Fault as fault:
                    print(f"FAILED: {suite}, {chosen.name}: {fault}")
                    failed += 1
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test(options.binary)
    failed = check(options.binary)
    sums = " and ".join(f"{count} of {suite}" for suite, count in CASE_COUNTS.items())
    print(f"socketio_protocol: of the cases of the suites ({sums}) {failed or 'none'} failed")
    return 1 if failed else 0


# The checks, checked --------------------------------------------------------------------------------------------------


class Falsifier:
    """A proxy that changes what the service says, or what it is told.

    answer   of a request: a status and a text, and what they become
    message  of a WebSocket to the client: what it becomes, or None for nothing
    told     the same, to the service
    ending   what comes in place of the end of a WebSocket, which then stays open; None for the end, "" for nothing
    ends     each WebSocket ends after its first message
    """

    def __init__(self, port, answer=None, message=None, told=None, ending=None, ends=False):
        self.target = f"http://127.0.0.1:{port}"
        self.answer = answer or (lambda status, text: (status, text))
        self.message = message or (lambda content: content)
        self.told = told or (lambda content: content)
        self.ending, self.ends = ending, ends

    async def __aenter__(self):
        self.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._take)
        self.runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.port = self.runner.addresses[0][1]
        return self

    async def __aexit__(self, *error):
        await self.runner.cleanup()
        await self.http.close()

    async def _take(self, request):
        url = self.target + request.raw_path
        if "Upgrade" in request.headers:
            return await self._take_socket(request, url)
        headers = {"Content-Type": request.content_type} if request.can_read_body else {}
        body = await request.read()
        async with self.http.request(request.method, url, data=body or None, headers=headers) as response:
            status, text = self.answer(response.status, await response.text())
        return web.Response(status=status, text=text)

    async def _take_socket(self, request, url):
        try:
            service = await self.http.ws_connect(url)
        except aiohttp.WSServerHandshakeError as refusal:
            if self.ending is None:
                return web.Response(status=refusal.status)
            service = None
        client = web.WebSocketResponse()
        await client.prepare(request)
        if service is not None:
            telling = asyncio.create_task(self._pass(client, service, self.told))
            await self._pass(service, client, self.message, once=self.ends)
            await service.close()
            telling.cancel()
            await asyncio.wait([telling])
        if self.ending is None:
            await client.close()
            return client
        if self.ending:
            await client.send_str(self.ending)
        async for _ in client:
            pass
        return client

    @staticmethod
    async def _pass(source, target, change, once=False):
        try:
            async for message in source:
                content = change(message.data)
                if isinstance(content, str):
                    await target.send_str(content)
                elif content is not None:
                    await target.send_bytes(content)
                if once:
                    return
        except (aiohttp.ClientError, ConnectionError):
            # One side is gone.
            pass


def replaced(old, new):
    """Changes a text; bytes too."""

    def change(content):
        if isinstance(content, bytes):
            return content.replace(old, new) if isinstance(old, bytes) else content
        return content if isinstance(old, bytes) else content.replace(old, new)

    return change


def answers(old, new):
    return {"answer": lambda status, text: (status, text.replace(old, new))}


def answers_whole(old, new):
    return {"answer": lambda status, text: (status, new if text == old else text)}


def says(old, new):
    return {"message": replaced(old, new)}


ACCEPTED = {"answer": lambda status, text: (200, text)}
STAYS = {"ending": "6"}
WAS_TO_CLOSE = "was to be closed"
NOT_IN_TIME = "did not come to its end"
# For each case how the service is falsified, and a word of the fault.
FALSE = {
    polling_opens: [(answers('"pingInterval":300', '"pingInterval":301'), "301"), (answers("0{", "4{"), "no session")],
    polling_version: [(ACCEPTED, "200, not 400"), (answers('"code":5', '"code":3'), "3, not 5")],
    polling_transport: [(ACCEPTED, "200, not 400"), (answers('"code":0', '"code":3'), "3, not 0")],
    polling_method: [(ACCEPTED, "200, not 400"), (answers('"code":2', '"code":3'), "3, not 2")],
    socket_opens: [(says('"upgrades":[]', '"upgrades":["websocket"]'), "opened with"), (says('"sid"', '"id"'), "sid")],
    socket_version: [(STAYS, WAS_TO_CLOSE)],
    socket_transport: [(STAYS, WAS_TO_CLOSE)],
    polling_text: [(answers("4hello", "4hallo"), "4hallo"), (answers("ok", "OK"), "OK")],
    polling_texts: [(answers(f"4test1{SEPARATOR}4test2", f"4test2{SEPARATOR}4test1"), "after a payload")],
    polling_binary: [(answers("bAQIDBA==", "4AQIDBA=="), "after a payload")],
    polling_invalid: [(ACCEPTED, "200, not 400")],
    polling_twice: [(answers_whole("1", "6"), "two polls"), (ACCEPTED, "two polls")],
    polling_cancelled: [({**ACCEPTED, "seconds": 1}, NOT_IN_TIME)],
    socket_text: [(says("4hello", "4hallo"), "4hallo"), ({"message": str.encode}, "no session")],
    socket_binary: [(says(b"\1\2", b"\2\1"), "\\x02\\x01")],
    socket_invalid: [(STAYS, WAS_TO_CLOSE)],
    polling_pings: [(answers_whole("2", "6"), "waits for a ping")],
    polling_silence: [
        ({**ACCEPTED, "seconds": 1}, NOT_IN_TIME),
        ({"answer": lambda status, text: (status if text[:1] == "0" else 400, text)}, "before a ping"),
    ],
    socket_pings: [
        ({"message": lambda content: None if content == "2" else content}, "was closed with"),
        (says("2", "6"), "not"),
    ],
    socket_silence: [(STAYS, WAS_TO_CLOSE), ({"ending": "", "seconds": 1}, NOT_IN_TIME)],
    polling_close: [
        (answers_whole("6", "2"), "answered with"),
        ({"answer": lambda status, text: (400 if text == "6" else status, text)}, "polls of sessions"),
        (ACCEPTED, "not 400"),
    ],
    socket_close: [(STAYS, WAS_TO_CLOSE), ({"ending": "", "seconds": 1}, NOT_IN_TIME)],
    upgrade: [
        (says("3probe", "3prove"), "3prove"),
        (answers_whole("6", "1"), "middle of an upgrade"),
        ({"told": replaced("5", "4")}, "was closed with"),
    ],
    upgrade_poll: [(ACCEPTED, "200, not 400")],
    upgrade_socket: [(STAYS, WAS_TO_CLOSE)],
    main_namespace: [(says('40{"sid"', '40{"pid":"p","sid"'), "members"), (says('["auth",{}]', '["auth"]'), "auth")],
    main_namespace_payload: [(says('"123"', '"124"'), "124")],
    custom_namespace: [(says("40/custom,", "40"), "connection to /custom"), (says("42/custom,", "42"), "/custom")],
    custom_namespace_payload: [(says('"abc"', '"abd"'), "abd")],
    unknown_namespace: [(says("Invalid", "Unknown"), "Unknown"), ({"told": replaced("/random", "/custom")}, "40/cus")],
    invalid_connect: [(STAYS, WAS_TO_CLOSE)],
    no_connect: [(STAYS, WAS_TO_CLOSE), ({"ends": True}, "before 1.0 s")],
    disconnect: [({"told": replaced("41", "1")}, "was closed with"), (says("2", "41"), "not")],
    disconnect_custom: [({"told": replaced("41/custom", "41")}, "was closed with")],
    event: [(says('1,"2"', '"2",1'), "message-back")],
    binary_event: [(says(b"\1\2\3", b"\4\5\6"), "x04"), (says("452-", "42"), "message-back")],
    acknowledged_event: [(says("43456", "43457"), "43457")],
    acknowledged_binary_event: [(says("462-789", "462-788"), "788"), (says(b"\4\5\6", b"\1\2\3"), "x01")],
    unknown_type: [(STAYS, WAS_TO_CLOSE)],
    invalid_payload: [(STAYS, WAS_TO_CLOSE)],
    invalid_acknowledgement: [(STAYS, WAS_TO_CLOSE)],
}


async def attempt_falsified(chosen, port, changes):
    changes = dict(changes)
    seconds = changes.pop("seconds", CASE_SECONDS)
    async with Falsifier(port, **changes) as falsifier:
        await attempt(chosen, falsifier.port, seconds)


def self_test(binary):
    with ConformanceService(binary) as service:
        # Behind a proxy that changes nothing no case hangs.
        for chosen in CASES:
            if any(word == NOT_IN_TIME for _, word in FALSE[chosen.run]):
                asyncio.run(attempt_falsified(chosen, service.port, {}))
        return check_broken("socketio_protocol", [
            (
                f"{chosen.suite}, {chosen.name}, {number}", word,
                lambda chosen=chosen, changes=changes: asyncio.run(attempt_falsified(chosen, service.port, changes)),
            )
            for chosen in CASES
            for number, (changes, word) in enumerate(FALSE[chosen.run])
        ] + [("a ping that comes too early", "before 0.3 s", lambda: check_interval(PING_INTERVAL - 0.01))])


if __name__ == "__main__":
    sys.exit(main())
