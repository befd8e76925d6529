#!/usr/bin/env python3
"""Abuse: clients that take what they can, from their own addresses, while others use the service.

Two services are started with the limits of one that faces others. One of them is attacked, in windows with pauses between
them; a process of its own follows a thread of each and measures the delay from an emission to its arrival, of one and then of
the other, so that whatever else the machine does befalls both. The attackers have a lower priority: elsewhere they are other
machines.

- each attack ends as it should: refused with a code, slowed down, or closed in time;
- the others keep their connections, and their delay (p99) moves by 20 % at most, against the service that is left alone at the
  same time, and against the pauses: for each attack with a few milliseconds for the noise of one machine, for all of them
  together without;
- the memory of the service stays bounded, and it answers afterwards;
- whatever was refused is counted in the metrics.

  abuse.py               few of each: fails only when the delay is far off
  abuse.py --long        the whole list: 10 000 half-open handshakes, bodies byte by byte; for a release build
  abuse.py --self-test   that the checks notice each of these faults, among them a service that fails its other clients
"""

import argparse
import errno
import json
import multiprocessing
import os
import re
import select
import socket
import struct
import subprocess
import sys
import time

import jwt

from abuse_faults import FakeService, ask_often
from frames import CONTINUATION, PING, PONG, TEXT, Closed, RawSocket, frame, ping_op
from process_use import allow_descriptors, forget_peak, peak_bytes, resident_bytes, wait_until
from self_test import check_broken
from service import SUBPROTOCOL, DataFolder, Service, add_binary_option
from thread_reader import Fault

LIMITS = (
    "--limits", "standard", "--limit-loopback", "--max-connections-per-user", "50000", "--internal-listen", "127.0.0.1:0",
)
MIB = 1 << 20
# Of the process that observes, where it needs one.
TOKEN = os.environ.get("ABUSE_TOKEN")
FOLLOWERS = 4
# The delay of the others may be this many times that of the service that is left alone, and more for noise.
QUICK_FACTOR, LONG_FACTOR = 10.0, 1.2
# The quick form is run beside other things, with a build for debugging. The long one has a turn of the scheduler, since a
# process that takes what attackers send has less left of the processors than one that sleeps.
QUICK_NOISE_SECONDS, LONG_NOISE_SECONDS = 0.5, 0.004
# All attacks together: none but what a clock has.
ALL_NOISE_SECONDS = 0.0005
PRIORITY_OF_ATTACKERS = 10
# What the service may take more than before, after an attack: the allocator's and the log's own, and buffers of sockets; and for
# each connection that is open at the same time, as Operating.md says.
MEMORY_SLACK = 96 * MIB
CONNECTION_BYTES = 16 * 1024
CLOSE_SECONDS = 60
HEADERS = ("Host", "Origin", "Authorization", "Sec-WebSocket-Protocol", "Sec-WebSocket-Key", "Sec-WebSocket-Version")


# Attackers --------------------------------------------------------------------------------------------------------------


def address(number):
    """An address of this machine that is not that of the others."""
    return f"127.{1 + number // 60000}.{number // 250 % 240}.{number % 250 + 1}"


def connect(port, number):
    """A connection from the address with a number."""
    peer = socket.socket()
    peer.settimeout(60)
    peer.bind((address(number), 0))
    peer.connect(("127.0.0.1", port))
    return peer


class Attacker(RawSocket):
    """A client from an address of its own."""

    def __init__(self, port, number, seconds=60):
        self.port = port
        self.seconds = seconds
        self.socket = connect(port, number)
        self.received = b""


def is_closed(peer):
    """Whether the service has closed a connection; what it has sent is read and dropped."""
    peer.setblocking(False)
    try:
        while True:
            if not peer.recv(65536):
                return True
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        peer.setblocking(True)


def answer_of(peer, seconds=60):
    """The status and the code of the answer on a connection that is closed after it; None for a close without a word."""
    peer.settimeout(seconds)
    data = b""
    try:
        while True:
            piece = peer.recv(65536)
            if not piece:
                break
            data += piece
    except socket.timeout:
        raise Fault(f"the connection is still open after {seconds} s: {data[:200]!r}") from None
    except OSError:
        pass
    head, _, body = data.partition(b"\r\n\r\n")
    if not head:
        return None
    try:
        code = json.loads(body)["error"]["code"]
    except (ValueError, KeyError, TypeError):
        code = None
    return int(head.split(b" ")[1]), code, head


# The attacks: each is given the port, whether it is the long form, and a number of addresses of its own.


def expect_gone(peers, seconds, what):
    left = list(peers)

    def is_over():
        left[:] = [peer for peer in left if not is_closed(peer)]
        return not left

    if not wait_until(is_over, seconds, 0.25):
        raise Fault(f"{len(left)} of {len(peers)} {what} are open after {seconds} s")
    for peer in peers:
        peer.close()


def half_open(service, long, base):
    """Heads that never end, and connections on which nothing comes."""
    count, silent_count = (9_500, 500) if long else (300, 100)
    peers = [connect(service.port, base + number // 16) for number in range(silent_count)]
    for number in range(silent_count, silent_count + count):
        peer = connect(service.port, base + number // 16)
        try:
            peer.sendall(b"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ")
        except OSError:
            pass  # closed already
        peers.append(peer)
    expect_gone(peers, 10 + CLOSE_SECONDS, "half-open handshakes")
    return len(peers)


def unauthenticated(service, long, base):
    """WebSockets whose clients never show who they are: they are told, and closed, after 5 seconds."""
    peers = []
    for number in range(1000 if long else 100):
        peer = Attacker(service.port, base + number // 8)
        request, _ = peer.request(Sec_WebSocket_Protocol=SUBPROTOCOL)
        peer.send(request)
        if peer.response()[0] != 101:
            raise Fault("a client without a token could not open a WebSocket, to show one in its first message")
        peers.append(peer)
    for peer in peers:
        message = peer.message()
        if message.get("code") != "auth.missing":
            raise Fault(f"a client without a token was told {message}")
        peer.expect_close(4401)
        peer.socket.close()
    return len(peers)


def slow_heads(service, long, base):
    """Heads byte by byte, the first request and a later one."""
    peers = [connect(service.port, base + number // 16) for number in range(200 if long else 40)]
    for peer in peers[::2]:
        peer.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        peer.recv(65536)
    left, deadline = set(peers), time.monotonic() + 10 + CLOSE_SECONDS
    codes = []
    while left and time.monotonic() < deadline:
        for peer in list(left):
            try:
                peer.sendall(b"G")
            except OSError:
                pass
            if select.select([peer], [], [], 0)[0]:
                codes.append(answer_of(peer))
                left.discard(peer)
        time.sleep(0.5)
    if left:
        raise Fault(f"{len(left)} heads of {len(peers)} that come byte by byte are still waited for")
    told = sum(answer is not None and answer[:2] in ((408, "request.timeout"), (400, "request.invalid")) for answer in codes)
    if told < len(peers) // 2:
        raise Fault(f"only {told} of {len(peers)} slow heads were told why: {codes[:3]}")
    return len(peers)


def slow_bodies(service, long, base):
    """Bodies byte by byte. They have 30 seconds, so this is for the long form."""
    if not long:
        return 0
    peers = [connect(service.port, base + number // 16) for number in range(200)]
    for peer in peers:
        peer.sendall(
            b"POST /v1/threads/t_slow/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: 10000\r\n\r\n"
        )
    start, left, answers = time.monotonic(), set(peers), []
    while left and time.monotonic() < start + 30 + CLOSE_SECONDS:
        for peer in list(left):
            if select.select([peer], [], [], 0)[0]:
                answers.append(answer_of(peer))
                left.discard(peer)
                continue
            try:
                peer.sendall(b" ")
            except OSError:
                pass
        time.sleep(0.5)
    if left:
        raise Fault(f"{len(left)} bodies of {len(peers)} that come byte by byte are still waited for")
    if any(answer is None or answer[:2] != (408, "request.timeout") for answer in answers):
        raise Fault(f"slow bodies were answered with {answers[:3]}")
    return len(answers)


def message_flood(service, long, base):
    """As many messages as the connection takes, until it is closed."""
    with Attacker(service.port, base) as peer:
        peer.open()
        batch = b"".join(frame(TEXT, ping_op(number), key=bytes(4)) for number in range(1000))
        closed = False
        try:
            for _ in range(1000):
                peer.send(batch)
                while select.select([peer.socket], [], [], 0)[0]:
                    peer._fill()
        except Closed:
            closed = True
        if not closed and not wait_until(lambda: is_closed(peer.socket), CLOSE_SECONDS):
            raise Fault("a client that sends a million messages keeps its connection")
        data = bytes(peer.received)
        if data and b'"code":"limits.rate"' not in data:
            raise Fault(f"the flood was never refused: {data[-300:]!r}")
        if data and struct.pack("!H", 4429) not in data:
            raise Fault(f"the flood was not closed with 4429: {data[-300:]!r}")
        return 21


def control_flood(opcode, payload):
    """Control frames or fragments as fast as they are taken: the client is slowed down, and others do not notice."""

    def attack(service, long, base):
        with Attacker(service.port, base) as peer:
            peer.open()
            batch = frame(opcode, payload, fin=opcode == PING, key=bytes(4)) * 1000
            peer.socket.setblocking(False)
            sent, deadline = 0, time.monotonic() + (8 if long else 3)
            try:
                while time.monotonic() < deadline:
                    readable, writable, _ = select.select([peer.socket], [peer.socket], [], 0.1)
                    if readable and not peer.socket.recv(1 << 20):
                        return 1
                    if writable:
                        sent += peer.socket.send(batch)
            except OSError:
                return 1  # closed, which is right as well
            # The kernel's buffers, and 4096 frames a second after 8192.
            most = 16 * MIB + ((8 if long else 3) * 5000 + 20_000) * len(batch) // 1000
            if sent > most:
                raise Fault(f"{sent} bytes of a flood were taken")
            return 1

    return attack


def connect_flood(resets):
    """Connections that come and go, from one address."""

    def attack(service, long, base):
        refused = taken = resets_seen = 0
        for _ in range(5000 if long else 400):
            try:
                peer = connect(service.port, base)
            except OSError as error:
                if error.errno in (errno.EADDRNOTAVAIL, errno.EADDRINUSE):
                    continue
                raise
            if resets:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.close()
                # Some are there before they are reset, and end as they came.
                resets_seen += 1
                refused = resets_seen // 2
                continue
            try:
                peer.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                answer = answer_of(peer)
            except OSError:
                answer = None
            peer.close()
            if answer is not None and answer[0] == 200:
                taken += 1
            elif answer is None or answer[:2] == (429, "limits.connects"):
                refused += 1
            else:
                raise Fault(f"a flood of connections was answered with {answer}")
        if not resets and (refused < taken or taken < 20):
            raise Fault(f"of a flood of connections {taken} were taken and {refused} refused")
        return refused

    return attack


def bodies(service, long, base):
    """Bodies that are small and would become much (SEC-60), deep and wide JSON (SEC-63)."""
    path = "/v1/threads/t_abuse/events"
    lines = {"Content-Type": "application/x-ndjson"}
    full = 16 * MIB
    whole = [
        ("newlines", b"\n" * full), ("arrays", b"[]\n" * (full // 3)), ("objects", b"{}\n" * (full // 3)),
        ("blanks", b" " * full), ("pairs", b"\r\n" * (full // 2)),
    ]
    deep = [
        ("deep arrays", b"[" * 500_000), ("deep objects", b'{"a":' * 100_000), ("digits", b"1" * 900_000),
        ("keys", b"{" + b",".join(b'"k%d":1' % number for number in range(60_000)) + b"}"),
        ("one key", b'{"type":"custom",' + b",".join([b'"data":1'] * 90_000) + b"}"),
        ("exponent", b'{"type":"custom","data":{"name":"n","value":1e' + b"9" * 900_000 + b"}}"),
        ("a string without end", b'"' + b"\\u0041" * 150_000),
    ]
    refused = 0
    for name, body in whole + deep:
        before = resident_bytes(service.process.pid)
        forget_peak(service.process.pid)
        answer = service.request("POST", path, body, lines)
        grown = peak_bytes(service.process.pid) - before
        # Some of these are events.
        if answer.status not in (201, 400, 409, 413):
            raise Fault(f"{name}: {answer}")
        refused += answer.status != 201
        if grown > 3 * len(body) + 32 * MIB:
            raise Fault(f"{name}: {len(body)} bytes took {grown >> 20} MiB")
    return refused


def header_bytes(service, long, base):
    """Each byte in each header that decides about something (SEC-04): an answer, or a close; and no byte of it in a head."""
    refused = 0
    for header in HEADERS:
        for byte in range(256):
            # The others have the address 127.0.0.1, and each address only so many connections a minute.
            peer = connect(service.port, base + (HEADERS.index(header) * 256 + byte) // 16)
            value = b"zq7" + bytes([byte]) + b"zq7"
            fields = {
                "Host": b"127.0.0.1", "Upgrade": b"websocket", "Connection": b"Upgrade, close",
                "Sec-WebSocket-Key": b"dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": b"13",
                header: value,
            }
            head = b"".join(name.encode() + b": " + text + b"\r\n" for name, text in fields.items())
            try:
                peer.sendall(b"GET /v1/stream HTTP/1.1\r\n" + head + b"\r\n")
                peer.shutdown(socket.SHUT_WR)
                answer = answer_of(peer)
            except OSError:
                answer = None
            peer.close()
            if answer is not None and b"zq7" in answer[2]:
                raise Fault(f"{header} with byte {byte}: a part of it stands in the head of the answer: {answer[2]!r}")
            if answer is not None and not (answer[0] == 101 or 400 <= answer[0] < 500):
                raise Fault(f"{header} with byte {byte}: {answer}")
            refused += answer is not None and answer[0] != 101
    return refused


# With the number of windows in the long form: short attacks have several.
ATTACKS = [
    ("half-open handshakes", half_open, 1),
    ("clients that never authenticate", unauthenticated, 1),
    ("heads byte by byte", slow_heads, 1),
    ("bodies byte by byte", slow_bodies, 1),
    ("a flood of messages", message_flood, 3),
    ("a flood of pings", control_flood(PING, b""), 1),
    ("a flood of fragments", control_flood(CONTINUATION, b""), 3),
    ("a flood of connections", connect_flood(resets=False), 1),
    ("a flood of resets", connect_flood(resets=True), 2),
    ("bodies that become much", bodies, 2),
    ("all bytes in all headers", header_bytes, 1),
]


# The others --------------------------------------------------------------------------------------------------------------


class Follower(RawSocket):
    """One that lives: it answers pings."""

    def message(self):
        while True:
            _, opcode, payload = self.receive()
            if opcode == PING:
                self.send(frame(PONG, payload))
            elif opcode == TEXT:
                message = json.loads(payload)
                if message.get("op") != "ping":
                    return message
                self.send(frame(TEXT, '{"op":"pong"}'))
            else:
                raise Fault(f"the others got a frame with opcode {opcode}: {payload[:100]!r}")


class Observer:
    """A follower's view of a service: the delay of each event."""

    def __init__(self, port):
        credentials = {"Authorization": f"Bearer {TOKEN}"} if TOKEN else {}
        self.emitter = Follower(port).open(**credentials)
        self.followers = [Follower(port).open(**credentials) for _ in range(FOLLOWERS)]
        for follower in self.followers:
            follower.send(frame(TEXT, json.dumps({"op": "subscribe", "thread_id": "others~t", "after": "now"})))
            while follower.message().get("op") != "live":
                pass
        self.number = 0

    def round(self):
        """Emits an event, and returns the time until all have it."""
        self.number += 1
        start = time.monotonic()
        event = {"type": "custom", "data": {"name": "n", "value": self.number}}
        self.emitter.send(frame(TEXT, json.dumps({"op": "emit", "thread_id": "others~t", "events": [event]})))
        for follower in self.followers:
            while True:
                message = follower.message()
                if message.get("type") == "custom":
                    if message["data"]["value"] != self.number:
                        raise Fault(f"event {self.number} was due, and came {message}")
                    break
        answer = self.emitter.message()
        if answer.get("op") != "emitted":
            raise Fault(f"the others were refused: {answer}")
        return time.monotonic() - start


def observe(ports):
    """Measures until its standard input ends. Each line of it is the name of the window that begins; writes the delays of each
    service in each kind of window as JSON."""
    observers = [Observer(port) for port in ports]
    delays, window = {"pause": [[] for _ in ports], "attack": [[] for _ in ports]}, "pause"
    print("observing", flush=True)
    while True:
        if select.select([sys.stdin], [], [], 0.004)[0]:
            word = os.read(sys.stdin.fileno(), 100).decode().strip()
            if not word:
                break
            window = word.split()[-1]
        for observer, found in zip(observers, delays[window]):
            found.append(observer.round())
    print(json.dumps(delays))


class Others:
    """The process that measures."""

    def __init__(self, *services):
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--observe", *(str(service.port) for service in services)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        if self.process.stdout.readline().strip() != "observing":
            raise Fault("the others could not connect")

    def begin(self, window):
        self.process.stdin.write(f"{window}\n")
        self.process.stdin.flush()

    def end(self):
        """The delays of the attacked and of the calm service, in pauses and attacks."""
        output, _ = self.process.communicate(timeout=120)
        if self.process.returncode != 0:
            raise Fault(f"the others ended with {self.process.returncode}")
        return json.loads(output)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def p99(delays):
    return sorted(delays)[len(delays) * 99 // 100]


def judge_delay(delays, factor, noise):
    """Returns p99 of the others while somebody attacks, and without."""
    (attacked, calm), pause = delays["attack"], delays["pause"][0]
    if min(len(attacked), len(calm), len(pause)) < 10:
        raise Fault(f"only {min(len(attacked), len(calm), len(pause))} rounds were measured")
    # That of the other service has what befalls the machine meanwhile; that of the pauses has what this one is like.
    usual = max(p99(calm), p99(pause))
    if p99(attacked) > usual * factor + noise:
        raise Fault(
            f"p99 of the others is {p99(attacked) * 1000:.1f} ms, and {p99(calm) * 1000:.1f} ms where nobody attacks, "
            f"{p99(pause) * 1000:.1f} ms in the pauses")
    return p99(attacked), usual


def together(all_delays):
    """The delays of all attacks, each with the same weight: as many rounds of each as of the one with the fewest."""
    count = min(min(len(found) for windows in delays.values() for found in windows) for delays in all_delays)

    def some(found):
        return sorted(found)[:: max(1, len(found) // count)]

    return {
        window: [sum((some(delays[window][number]) for delays in all_delays), []) for number in (0, 1)]
        for window in ("pause", "attack")
    }


def judge_memory(before, after, connections=0):
    if after - before > MEMORY_SLACK + connections * CONNECTION_BYTES:
        raise Fault(f"the service grew by {(after - before) >> 20} MiB")


def refusals_in(text):
    """What the metrics count of what the service has refused, in all."""
    patterns = [
        r'agent_events_request_failures_total\{.*', r'agent_events_limit_hits_total\{action="(refused|closed|delayed)".*',
        r'agent_events_http_requests_total\{.*status="4..".*', r'agent_events_connections_total\{outcome="refused".*',
        r'agent_events_connection_closes_total\{code="(1002|1007|1009|44..)".*',
    ]
    return sum(
        float(line.rpartition(" ")[2]) for line in text.splitlines() if any(re.match(pattern, line) for pattern in patterns)
    )


def judge_count(refused, counted):
    if counted < refused:
        raise Fault(f"{refused} were refused, and {counted:.0f} are counted")


def in_a_process(attack, *arguments):
    """Runs an attack with a lower priority than that of the service and of the others. Returns how much was refused."""
    context = multiprocessing.get_context("fork")
    results = context.Queue()

    def run():
        os.nice(PRIORITY_OF_ATTACKERS)
        try:
            results.put(attack(*arguments))
        except Exception as error:
            results.put(f"{type(error).__name__}: {error}")

    process = context.Process(target=run)
    process.start()
    result = results.get()
    process.join()
    if isinstance(result, str):
        raise Fault(result)
    return result


def run_attack(make_service, name, attack, base, long, windows):
    """Returns the delays."""
    with make_service() as attacked, make_service() as calm:
        others = Others(attacked, calm)
        try:
            before, counted = resident_bytes(attacked.process.pid), refusals_in(attacked.metrics())
            start, refused = time.monotonic(), 0
            for window in range(windows):
                others.begin("pause")
                time.sleep(1)
                others.begin("attack")
                began = time.monotonic()
                refused += in_a_process(attack, attacked, long, base + 100 * window)
                # As many rounds of the others that there is something to judge.
                time.sleep(max(0, began + 1 - time.monotonic()))
            grown = resident_bytes(attacked.process.pid)
            others.begin("pause")
            time.sleep(0.5)
            delays = others.end()
        finally:
            others.close()
        judge_memory(before, grown, refused if attack in (half_open, unauthenticated) else 0)
        judge_count(refused, refusals_in(attacked.metrics()) - counted)
        if attacked.request("GET", "/health").status != 200:
            raise Fault("the service is not healthy afterwards")
        found, usual = judge_delay(
            delays, LONG_FACTOR if long else QUICK_FACTOR, LONG_NOISE_SECONDS if long else QUICK_NOISE_SECONDS)
        print(
            f"  {name}: p99 {found * 1000:.1f} ms, otherwise {usual * 1000:.1f} ms ({len(delays['attack'][0])} rounds), "
            f"{(grown - before) / MIB:+.1f} MiB, {time.monotonic() - start:.1f} s", flush=True
        )
        return delays


class AttackedService(Service):
    """A service with a secret for tokens, where clients are to authenticate: the others have one."""

    def __init__(self, binary, attack):
        if attack is unauthenticated:
            super().__init__(binary, None, *LIMITS, "--auth", "jwt", "--jwt-secret-file", os.environ["ABUSE_SECRET"])
        else:
            super().__init__(binary, None, *LIMITS)

    def metrics(self):
        return self.request("GET", "/metrics", port=self.internal_port).body.decode()


def make_token(folder):
    """The secret of the services, and a token for the others, in the environment."""
    secret, path = "s" * 40, folder / "secret"
    path.write_text(secret)
    path.chmod(0o600)
    now = int(time.time())
    os.environ["ABUSE_SECRET"] = str(path)
    os.environ["ABUSE_TOKEN"] = jwt.encode(
        {"sub": "others", "iat": now, "exp": now + 3600, "jti": "1", "scope": "read emit open"}, secret, "HS256")


# Self-test ---------------------------------------------------------------------------------------------------------------




def self_test():
    def measured(attacked, calm, pause=0.002):
        return {"attack": [attacked, calm], "pause": [[pause] * 100, [pause] * 100]}

    steady = [0.002] * 100
    slower = measured([0.004] * 100, steady)
    gone = socket.socketpair()
    gone[0].close()

    def open_pair():
        pair = socket.socketpair()
        try:
            expect_gone([pair[0]], 0.1, "connections")
        finally:
            pair[0].close()
            pair[1].close()

    def unanswered():
        pair = socket.socketpair()
        answer_of(pair[0], 0.1)

    def among(is_fair):
        # A service that is fair to its other clients, and one that has them wait for each attacker.
        run_attack(lambda: FakeService(is_fair), "a service made for this", ask_often, 1000, False, 1)

    expect_gone([gone[1]], 1, "connections")
    judge_delay(measured([0.0023] * 100, steady), LONG_FACTOR, 0)
    judge_delay(together([measured(steady, steady)] * 9 + [measured([0.0022] * 100, steady)]), LONG_FACTOR, 0)
    assert refusals_in('agent_events_limit_hits_total{action="refused",limit="rate"} 2\nagent_events_ready 1\n') == 2
    among(is_fair=True)
    return check_broken(
        "abuse",
        [
            ("a delay that is far off", "p99 of the others", lambda: judge_delay(measured([0.002] * 90 + [2] * 10, steady), 10, 0.5)),
            ("a delay that is off by a half", "p99 of the others", lambda: judge_delay(measured([0.3] * 99, [0.2] * 99), 1.2, 0.004)),
            ("a delay that is off by a quarter", "p99 of the others", lambda: judge_delay(measured([0.0025] * 99, steady), 1.2, 0)),
            ("one attack of ten", "p99 of the others",
             lambda: judge_delay(together([measured(steady, steady)] * 9 + [slower]), 1.2, 0)),
            ("others that were not measured", "only 3", lambda: judge_delay(measured([1] * 3, [1] * 3), 10, 0.5)),
            ("a service whose others wait", "p99 of the others", lambda: among(is_fair=False)),
            ("a service that grows", "grew by 200", lambda: judge_memory(0, 200 * MIB)),
            ("connections that are dear", "grew by 300", lambda: judge_memory(0, 300 * MIB, 10_000)),
            ("a refusal that is not counted", "are counted", lambda: judge_count(3, 2)),
            ("an attack that fails", "over there", lambda: in_a_process(lambda: (_ for _ in ()).throw(Fault("over there")))),
            ("a connection that stays", "1 of 1", open_pair),
            ("an answer that does not come", "still open", unanswered),
        ],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--long", action="store_true", help="the whole list")
    parser.add_argument("--only", help="the attacks with this word in their name")
    parser.add_argument("--self-test", action="store_true", help="prove that each check can fail")
    parser.add_argument("--observe", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    if options.observe:
        observe(options.observe)
        return 0
    allow_descriptors(11_000 if options.long else 2_000)
    with DataFolder() as folder:
        make_token(folder)
        return attack_all(options)


def attack_all(options):
    failures, all_delays = 0, []
    for number, (name, attack, windows) in enumerate(ATTACKS):
        if options.only and options.only not in name:
            continue
        try:
            all_delays.append(run_attack(
                lambda: AttackedService(options.binary, attack), name, attack, 1000 + number * 2000, options.long,
                windows if options.long else 1))
        except (Fault, Closed, RuntimeError, OSError, ValueError) as fault:
            failures += 1
            print(f"  {name}: {type(fault).__name__}: {fault}", flush=True)
    if options.long and not failures:
        try:
            found, usual = judge_delay(together(all_delays), LONG_FACTOR, ALL_NOISE_SECONDS)
            print(f"  all of them: p99 {found * 1000:.2f} ms, otherwise {usual * 1000:.2f} ms")
        except Fault as fault:
            failures += 1
            print(f"  all of them: {fault}")
    print(f"abuse: {'FAILED' if failures else 'ok'}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
