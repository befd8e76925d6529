#!/usr/bin/env python3
"""Isolation under fire, against the program as it is built: 50 users with 4 tabs each and 20 threads that they share.

While events are emitted, rights come and go: members are let in and put out, tokens end, are replaced, and are revoked; tabs subscribe
anywhere, with cursors of other threads and of other users, leave, and come back. isolation_history.py, which shares nothing with the product,
then finds no event at a client that had no right to it (with the second that the service has for a change), and neither gap nor duplicate at
those that had.

  isolation.py              against a service that this script starts: 15 s of it
  isolation.py --long       60 s
  isolation.py --self-test  that the judge finds each planted fault
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import os
import random
import re
import sys
import time

from isolation_faults import self_test
from isolation_history import Connection, Judge, Rights, Token, check_end, check_world
from plain_stream import Ended, StreamParser, message_frame
from process_use import machine_load
from service import STREAM_PATH, SUBPROTOCOL, DataFolder, Service, add_binary_option
from thread_reader import Fault

USERS, TABS, THREADS = 50, 4, 20
QUICK_SECONDS, LONG_SECONDS = 15, 60
# Tokens live that long, in seconds; most are replaced before.
LIVES = (3, 12)
# The users that are let into a thread, and put out again.
CIRCLE = 8
# For what hangs, not for what is slow.
PATIENCE = 180
EVENT = re.compile(rb'^\{"type":"[^"]*","id":"\d+-(\d+)","seq":(\d+),("from_seq":\d+,)?"thread_id":"([^"]+)"')
ALLOWED_ERRORS = {"limits.rate", "auth.expired", "auth.revoked", "subscription.unknown", "thread.not_subscribed"}


class Tokens:
    """Makes tokens by hand (RFC 7515, HS256), and remembers what they say."""

    def __init__(self, secret, chance):
        self.secret, self.chance = secret, chance
        self.current = {}

    def make(self, user, life, threads=(), **more):
        # `exp` is in whole seconds; the token counts up to it.
        made = time.time()
        end = int(made + life)
        name = f"j_{self.chance.getrandbits(64):x}"
        claims = {"sub": user, "iat": int(made), "exp": end, "jti": name, **more}
        if threads:
            claims["threads"] = list(threads)
        signed = ".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
            for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        code = hmac.new(self.secret, signed.encode(), hashlib.sha256).digest()
        token = Token(user, made, end, threads)
        token.name, token.text = name, signed + "." + base64.urlsafe_b64encode(code).rstrip(b"=").decode()
        return token


async def http(port, method, path, token, body=None):
    """The status of a request on a connection of its own."""
    data = b"" if body is None else json.dumps(body).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token.text}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
        answer = await reader.read()
    finally:
        writer.close()
    if not answer.startswith(b"HTTP/1.1 "):
        raise Fault(f"{method} {path} is answered with {answer[:200]!r}")
    return int(answer[9:12]), answer.partition(b"\r\n\r\n")[2]


class World:
    """What all tabs share."""

    def __init__(self, service, secret, chance):
        self.service, self.chance = service, chance
        self.tokens = Tokens(secret, chance)
        self.rights = Rights()
        self.judge = Judge(self.rights)
        self.threads = [f"t_{number}" for number in range(THREADS)]
        self.users = [f"u_{number}" for number in range(USERS)]
        self.heads = dict.fromkeys(self.threads, 0)
        self.generation = None
        self.tabs = []
        self.counts = dict.fromkeys(
            ["connected", "expired", "revoked", "refreshed", "let in", "put out", "foreign cursors", "resumed"], 0)
        self.is_calm = False
        for number, thread in enumerate(self.threads):
            self.rights.own(thread, self.users[number])
        # Those that come and go in a thread; all others only try.
        self.circles = {
            thread: chance.sample([user for user in self.users if user != self.rights.owners[thread]], CIRCLE)
            for thread in self.threads}
        self.backend = self.tokens.make("backend", 3600, scope="emit", act_as="*")
        self.operator = self.tokens.make("operator", 3600, scope="admin")
        self.sharers = {
            thread: self.tokens.make(self.rights.owners[thread], 3600, scope="read share") for thread in self.threads}

    def cursor(self, number):
        return f"{self.generation}-{number}"

    async def emit(self, thread, count):
        events = [
            {"type": "custom", "data": {"name": "n", "value": self.heads[thread] + 1 + number}} for number in range(count)]
        self.judge.emitting(thread, self.heads[thread] + 1, time.time())
        lines = "".join(json.dumps({**event}) + "\n" for event in events)
        status, body = await self.post_events(thread, lines)
        if status != 201:
            raise Fault(f"an emission is answered with {status} {body[:300]!r}")
        cursor = json.loads(body)["ids"][-1]
        generation, _, number = cursor.partition("-")
        self.generation = generation
        self.heads[thread] += count
        if int(number) != self.heads[thread]:
            raise Fault(f"{thread} has {number} events, and {self.heads[thread]} were emitted")

    async def post_events(self, thread, lines):
        data = lines.encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.service.port)
        try:
            writer.write(
                f"POST /v1/threads/{thread}/events?user_id={self.rights.owners[thread]} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Authorization: Bearer {self.backend.text}\r\nConnection: close\r\nContent-Type: application/x-ndjson\r\n"
                f"Content-Length: {len(data)}\r\n\r\n".encode() + data)
            answer = await reader.read()
        finally:
            writer.close()
        return int(answer[9:12]), answer.partition(b"\r\n\r\n")[2]

    # Changes

    async def let_in(self, thread, user):
        self.rights.granting(thread, user, time.time())
        status, body = await http(
            self.service.port, "PUT", f"/v1/threads/{thread}/members/{user}", self.sharers[thread], {"role": "viewer"})
        if status != 200:
            raise Fault(f"a member is answered with {status} {body[:300]!r}")
        self.counts["let in"] += 1

    async def put_out(self, thread, user):
        status, body = await http(
            self.service.port, "DELETE", f"/v1/threads/{thread}/members/{user}", self.sharers[thread])
        if status != 204:
            raise Fault(f"the end of a member is answered with {status} {body[:300]!r}")
        self.rights.removed(thread, user, time.time())
        self.counts["put out"] += 1

    async def revoke(self, token):
        token.is_revoking = True
        status, body = await http(
            self.service.internal_port, "POST", "/v1/admin/revocations", self.operator, {"token_id": token.name})
        if status not in (200, 201, 204):
            raise Fault(f"a revocation is answered with {status} {body[:300]!r}")
        token.revoked = time.time()

    def is_member(self, thread, user):
        spans = self.rights.spans.get((thread, user))
        return bool(spans) and spans[-1][1] == float("inf")

    async def change_members(self, until):
        places = [(thread, user) for thread in self.threads for user in self.circles[thread]]
        while time.time() < until:
            thread, user = self.chance.choice(places)
            if self.is_member(thread, user):
                await self.put_out(thread, user)
            else:
                await self.let_in(thread, user)
            await asyncio.sleep(0.01)

    async def change_tokens(self, until):
        while time.time() < until:
            await asyncio.sleep(0.25)
            tab = self.chance.choice(self.tabs)
            if tab.token is not None:
                await self.revoke(tab.token)

    async def emit_all(self, until):
        while time.time() < until:
            await self.emit(self.chance.choice(self.threads), self.chance.choice([1, 1, 2, 5]))
            await asyncio.sleep(0.015)


class Tab:
    """A tab of a user: one connection after the other."""

    def __init__(self, world, user, number):
        self.world, self.user = world, user
        self.name = f"{user}/{number}"
        self.token = None
        self.connection = None
        self.number = 0
        self.seen = {}
        self.waiting = {}
        self.is_open = False

    # Life

    def make_token(self):
        chance = self.world.chance
        listed = chance.sample(self.world.threads, 2) if chance.random() < 0.15 else ()
        life = 3600 if self.world.is_calm else chance.uniform(*LIVES)
        return self.world.tokens.make(self.user, life, listed)

    async def run(self, until):
        while time.time() < until:
            await self.connect()
            try:
                await asyncio.gather(self.read(), self.act(until))
            except Gone:
                pass
            finally:
                self.close()
            await asyncio.sleep(self.world.chance.uniform(0, 0.3))

    async def connect(self):
        self.token = self.make_token()
        # Some do nothing about the end of their token.
        self.is_careless = self.world.chance.random() < 0.4
        now = time.time()
        self.number += 1
        self.connection = Connection(f"{self.name}.{self.number}", self.token, now)
        self.pings, self.waiting = 0, {}
        self.parser = StreamParser()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.world.service.port, limit=1 << 20)
        self.writer.write((
            f"GET {STREAM_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\nAuthorization: Bearer {self.token.text}\r\n\r\n").encode())
        self.is_open = True

    def close(self):
        self.is_open = False
        self.token = None
        self.writer.close()

    def send(self, **message):
        if self.is_open:
            self.writer.write(message_frame(**message))

    # What a tab does

    async def act(self, until):
        chance = self.world.chance
        while self.is_open and time.time() < until:
            self.ping()
            await asyncio.sleep(chance.uniform(0.05, 0.4))
            choice = chance.random()
            if choice < 0.45:
                self.subscribe()
            elif choice < 0.55:
                followed = [thread for thread, one in self.connection.subscriptions.items()
                            if one.is_answered and thread not in self.waiting]
                if followed:
                    thread = chance.choice(followed)
                    self.waiting[thread] = True
                    self.send(op="unsubscribe", req=f"u:{thread}", thread_id=thread)
            elif choice < 0.6:
                # It goes without a word, and comes back where it was.
                self.is_open = False
                self.writer.close()
                raise Gone()
            if not self.is_careless and self.token.end - time.time() < 1.5:
                self.refresh()

    def ping(self):
        self.pings += 1
        self.connection.ping(self.pings, time.time())
        self.send(op="ping", req=self.pings)

    def subscribe(self):
        chance, world = self.world.chance, self.world
        near = [one for one in world.threads if world.rights.owners[one] == self.user or self.user in world.circles[one]]
        thread = chance.choice(near if near and chance.random() < 0.7 else world.threads)
        if thread in self.connection.subscriptions or len(self.connection.subscriptions) >= 8:
            return
        members = {}
        kind = chance.randrange(6)
        if kind == 0:
            members["after"] = "start"
        elif kind == 1 and thread in self.seen:
            members["after"] = world.cursor(self.seen[thread])
            world.counts["resumed"] += 1
        elif kind == 2 and world.generation:
            # Of another thread, or of somebody else's place in this one.
            members["after"] = world.cursor(world.heads[chance.choice(world.threads)])
            world.counts["foreign cursors"] += 1
        elif kind == 3 and world.generation:
            members["after"] = f"{int(world.generation) - 1}-{chance.randint(1, 30)}"
            world.counts["foreign cursors"] += 1
        elif kind == 4:
            members["snapshot"] = True
        world.judge.subscribing(self.connection, thread, time.time())
        self.send(op="subscribe", req=f"s:{thread}", thread_id=thread, merge=False, **members)

    def refresh(self, token=None):
        if self.waiting.get("token"):
            return
        token = token or self.make_token()
        self.waiting["token"] = token
        self.connection.refreshing(token, time.time())
        self.send(op="refresh", req="r", token=token.text)

    # What it is given

    async def read(self):
        try:
            while self.is_open:
                data = await self.reader.read(1 << 18)
                if not data:
                    raise Gone()
                texts = self.parser.feed(data)
                now = time.time()
                for text in texts:
                    self.take(text, now)
                answers = self.parser.take_answers()
                if answers:
                    self.writer.write(answers)
                # A close that came with the texts.
                self.parser.feed(b"")
        except Ended as ended:
            self.ended(str(ended), time.time())
            self.is_open = False
            raise Gone() from None
        except (ConnectionError, OSError):
            self.is_open = False
            raise Gone() from None
        except Fault as fault:
            # A token that was revoked, or has ended, before it came.
            self.is_open = False
            if "401 Unauthorized" not in str(fault):
                raise
            self.world.counts["revoked"] += self.token.revoked != float("inf")
            raise Gone() from None

    def take(self, text, now):
        found = EVENT.match(text)
        if found:
            number, thread = int(found.group(2)), found.group(4).decode()
            self.world.judge.event(self.connection, thread, number, now)
            self.seen[thread] = number
            return
        message = json.loads(text)
        self.take_message(message, now)

    def take_message(self, message, now):
        op, thread = message.get("op"), message.get("thread_id")
        judge = self.world.judge
        if op == "pong":
            self.connection.pong(message["req"])
        elif op == "ping":
            self.send(op="pong")
        elif op == "welcome":
            if message["user_id"] != self.user:
                judge.fault(f"{self.connection.name} is welcomed as {message['user_id']}")
            self.connection.opened(now)
            self.world.counts["connected"] += 1
        elif op == "subscribed":
            judge.subscribed(self.connection, thread, number_of(message["after"]), message["head"], now)
        elif op == "unsubscribed":
            self.waiting.pop(thread, None)
            judge.unsubscribed(self.connection, thread)
        elif op == "reset":
            judge.reset(self.connection, thread, message["oldest"], now)
        elif op == "snapshot":
            if message.get("part", 1) == message.get("parts", 1):
                cursor = message["cursor"]
                judge.state(self.connection, thread, None if cursor is None else number_of(cursor), now)
        elif op == "refreshed":
            self.token = self.waiting.pop("token")
            self.connection.refreshed(self.token, now)
            self.world.counts["refreshed"] += 1
        elif op == "error":
            self.take_error(message)
        elif op not in ("live", "expiring", "drain"):
            raise Fault(f"{self.connection.name} got {message}")

    def take_error(self, message):
        request = str(message.get("req", ""))
        if request == "r":
            self.connection.refused(self.waiting.pop("token"))
        elif request.startswith("s:"):
            self.connection.subscriptions.pop(request[2:], None)
        elif request.startswith("u:"):
            self.waiting.pop(request[2:], None)
            self.connection.subscriptions.pop(request[2:], None)
        if message["code"] not in ALLOWED_ERRORS:
            raise Fault(f"{self.connection.name} got {message}")

    def ended(self, reason, now):
        check_end(reason, [entry[0] for entry in self.connection.tokens], now)
        self.world.counts["expired" if "expired" in reason else "revoked"] += 1


class Gone(Exception):
    """The connection is at its end."""


def number_of(cursor):
    return 0 if cursor is None else int(cursor.partition("-")[2])


async def until_true(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise Fault(f"{what}, {PATIENCE} s later")
        await asyncio.sleep(0.02)


async def calm(world):
    """Nothing changes any longer: everybody comes back, and those who have a right have everything in the end."""
    world.is_calm = True
    tasks = []
    for tab in world.tabs:
        await tab.connect()
        tasks.append(asyncio.create_task(tab.read()))
        for thread in world.chance.sample(world.threads, 6):
            world.judge.subscribing(tab.connection, thread, time.time())
            start = world.cursor(max(1, world.heads[thread] - 5))
            tab.send(op="subscribe", req=f"s:{thread}", thread_id=thread, merge=False, after=start)
    for thread in world.threads:
        await world.emit(thread, 2)
    # Whatever was written before is there when a ping that comes after it is answered.
    for tab in world.tabs:
        tab.ping()

    def is_complete(tab):
        return not tab.connection.pings and all(
            not has_right(world, tab, thread) or one.position == world.heads[thread]
            for thread, one in tab.connection.subscriptions.items())

    try:
        await until_true(lambda: all(map(is_complete, world.tabs)) or any(map(has_failed, tasks)), "events are missing")
    except Fault:
        # The judge says which.
        for tab in world.tabs:
            for thread in tab.connection.subscriptions:
                if has_right(world, tab, thread):
                    world.judge.ends(tab.connection, thread, world.heads[thread])
        world.judge.check()
        raise
    finally:
        for tab in world.tabs:
            tab.close()
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Fault):
                raise result
    return sum(has_right(world, tab, thread) for tab in world.tabs for thread in tab.connection.subscriptions)


def has_failed(task):
    return task.done() and not task.cancelled() and task.exception() is not None


def has_right(world, tab, thread):
    return (world.rights.owners[thread] == tab.user or world.is_member(thread, tab.user)
            or any(thread in entry[0].threads for entry in tab.connection.tokens))


async def fire(world, seconds):
    for thread in world.threads:
        await world.emit(thread, 3)
    world.tabs = [Tab(world, user, number) for user in world.users for number in range(TABS)]
    until = time.time() + seconds
    await asyncio.gather(
        world.change_members(until), world.change_tokens(until), world.emit_all(until), *(tab.run(until) for tab in world.tabs))
    return await calm(world)


def run(options):
    chance = random.Random(options.seed)
    seconds = options.seconds or (LONG_SECONDS if options.long else QUICK_SECONDS)
    with DataFolder() as folder:
        secret = base64.b64encode(os.urandom(32))
        file = folder / "secret"
        file.write_bytes(secret)
        file.chmod(0o600)
        arguments = ["--auth", "jwt", "--jwt-secret-file", str(file), "--internal-listen", "127.0.0.1:0"]
        with Service(options.binary, folder / "data", *arguments) as service:
            world = World(service, secret, chance)
            complete = asyncio.run(fire(world, seconds))
    world.judge.check()
    counts = {**world.counts, **{name: world.judge.counts[name] for name in ("events", "silent", "resets", "ended", "states")}}
    check_world(counts)
    print(
        f"isolation: {USERS} users, {USERS * TABS} tabs, {sum(world.heads.values())} events in {THREADS} threads, "
        f"{complete} subscriptions complete; " + ", ".join(f"{count} {name}" for name, count in counts.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--long", action="store_true", help=f"{LONG_SECONDS} s of it")
    parser.add_argument("--self-test", action="store_true", help="prove that the judge can find faults")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    try:
        run(options)
    except Fault as fault:
        print(f"FAILED with --seed {options.seed}: {fault} ({machine_load()})")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
