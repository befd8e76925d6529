#!/usr/bin/env python3
"""Streams of server-sent events with clients that are not ours: httpx-sse, and `curl -N`. The numbers are those of the pitfalls
that the design lists.

  23  every event is a message without a name, with its cursor as id
  24  what is not in the log has no id; a client that loses its connection again and again misses nothing and gets nothing twice,
      also when the service is killed in between
  25  a silent stream survives behind a proxy that closes what is idle
  26  a client that takes nothing for a while finds no heap of comments
  27  any text, in pieces of one byte
  28  more streams at a time than a browser opens
  29  a Last-Event-ID that is newer than the log, malformed, or of a thread that there is not
  30  the first bytes come before there is an event

  server_sent_events.py               against the program
  server_sent_events.py --self-test   that the checks notice a stream that is not as it should be
"""

import argparse
import json
import socket
import subprocess
import sys
import threading
import time

from self_test import check_broken
from service import ANSWER_SECONDS, DataFolder, Service, add_binary_option
from thread_reader import Fault, ThreadReader

EVENT_STREAM = "text/event-stream"
NAMES = {"welcome", "subscribed", "reset", "live", "drain", "snapshot", "unsubscribed", "error", "expiring"}
TEXTS = [
    "a\r\nb\nc\rd", "\u2028 and \u2029 and \u0085", "data: x\n\nid: 9-9\n\n: no comment", "🧭 é 🚀", "\u0000\u001f",
]


def path(thread):
    return f"/v1/threads/{thread}/events"


def draft(value):
    return {"type": "custom", "data": {"name": "n", "value": value}}


def emit(service, thread, *values):
    body = "\n".join(json.dumps(draft(value)) for value in values)
    answer = service.request("POST", path(thread), body, {"Content-Type": "application/x-ndjson"})
    if answer.status != 201:
        raise Fault(f"the events were refused: {answer}")


# One stream -------------------------------------------------------------------------------------------------------------


class Stream:
    """A stream by httpx-sse, as an iterator of its messages."""

    def __init__(self, service, thread, last=None, query="", headers=None):
        import httpx
        import httpx_sse

        self.client = httpx.Client(timeout=ANSWER_SECONDS)
        headers = dict(headers or {}, **({"Last-Event-ID": last} if last else {}))
        url = f"http://127.0.0.1:{service.port}{path(thread)}{query}"
        self.context = httpx_sse.connect_sse(self.client, "GET", url, headers=headers)
        self.source = self.context.__enter__()
        self.response = self.source.response
        self.events = self.source.iter_sse()

    def __iter__(self):
        return self.events

    def __enter__(self):
        return self

    def __exit__(self, *error):
        # A stream that is left in the middle is not read to its end.
        self.response.close()
        self.client.close()


class Follower:
    """What a page knows of a stream: checks each message."""

    def __init__(self, thread, after=0):
        self.reader = ThreadReader(thread, after, merges=True)
        self.last = ""
        self.operations = []

    def accept(self, message):
        """Takes a message of httpx-sse. Returns its JSON."""
        if message.event != "message":
            raise Fault(f"the event {message.id} has a name, and a page would not get it: {message.event}")
        content = json.loads(message.data)
        if "op" in content:
            # Each stream begins without one.
            if message.id not in ("", self.last):
                raise Fault(f"{content['op']} has an id: {message.id}")
            if content["op"] not in NAMES:
                raise Fault(f"nobody knows of {content['op']}")
            self.operations.append(content["op"])
        else:
            if message.id != content["id"]:
                raise Fault(f"the event {content['id']} came with the id {message.id}")
            if content.get("from_seq") is None and message.id == self.last:
                raise Fault(f"the event {message.id} came again")
            self.reader.accept(message.data)
            self.last = message.id
        return content


def follow(stream, follower, enough):
    """Reads until it is enough."""
    for message in stream:
        content = follower.accept(message)
        if enough(content):
            return content
    raise Fault(f"the stream has ended after {follower.last}: {follower.operations}")


def is_live(content):
    return content.get("op") == "live"


def check_head(headers):
    for name, value in [
        ("content-type", EVENT_STREAM), ("cache-control", "no-cache, no-transform"), ("x-accel-buffering", "no"),
        ("content-encoding", None), ("content-length", None),
    ]:
        if headers.get(name) != value:
            raise Fault(f"the head has {name}: {headers.get(name)}, and not {value}")


def check_against_log(service, follower):
    """What the client got are the bytes of the log."""
    logged, _ = service.pages(follower.reader.thread)
    got = [raw.encode() for raw in follower.reader.raw]
    if got != logged:
        raise Fault(f"{len(got)} events came, and the log has {len(logged)}, or their bytes are others")


# The checks ---------------------------------------------------------------------------------------------------------------


def check_messages(service):
    """23 and 27, and curl."""
    emit(service, "t_messages", *TEXTS, *range(20))
    follower = Follower("t_messages")
    with Stream(service, "t_messages", headers={"Accept-Encoding": "gzip, br"}) as stream:
        check_head(stream.response.headers)
        follow(stream, follower, is_live)
        emit(service, "t_messages", *TEXTS)
        follow(stream, follower, lambda content: content.get("seq") == 30)
    if follower.operations != ["welcome", "subscribed", "live"]:
        raise Fault(f"what is said beside the events is {follower.operations}")
    check_against_log(service, follower)
    values = [json.loads(raw)["data"]["value"] for raw in follower.reader.raw]
    if values[:5] != TEXTS or values[-5:] != TEXTS:
        raise Fault(f"the texts are others: {values[:5]}")
    body = curl(service, "t_messages")
    check_pieces(body, "t_messages", 30)


def has_live(body):
    """Whether the message `live` has come as a whole; comments may follow it."""
    return b"\n\n" in body[body.rfind(b'"op":"live"') :] and b'"op":"live"' in body


def curl(service, thread):
    """The bytes that `curl -N` prints up to the message `live`."""
    url = f"http://127.0.0.1:{service.port}{path(thread)}"
    process = subprocess.Popen(["curl", "-sN", "-H", f"Accept: {EVENT_STREAM}", url], stdout=subprocess.PIPE)
    try:
        body = b""
        while not has_live(body):
            piece = process.stdout.read1(65536)
            if not piece:
                raise Fault(f"curl has ended after {body[-300:]!r}")
            body += piece
        return body
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def check_pieces(body, thread, count):
    """27: the same messages whole, and byte by byte."""
    import httpx
    import httpx_sse

    whole = None
    for pieces in [[body], (bytes([byte]) for byte in body)]:
        response = httpx.Response(200, headers={"content-type": EVENT_STREAM}, content=iter(pieces))
        messages = list(httpx_sse.EventSource(response).iter_sse())
        follower = Follower(thread)
        for message in messages:
            follower.accept(message)
        if follower.reader.sequence != count:
            raise Fault(f"{thread}: {follower.reader.sequence} of {count} events came")
        content = [(message.event, message.id, message.data, message.retry) for message in messages]
        if whole is not None and content != whole:
            raise Fault("byte by byte it is something else")
        whole = content


def check_losses(binary):
    """24: the connection is lost after each event, and the service is killed in between."""
    with DataFolder() as data:
        follower = Follower("t_losses")
        service = Service(binary, data).wait_until_listening()
        try:
            emit(service, "t_losses", *range(12))
            for end in range(1, 13):
                with Stream(service, "t_losses", follower.last) as stream:
                    follow(stream, follower, lambda content, end=end: content.get("seq") == end)
                if end == 6:
                    service.kill()
                    service = Service(binary, data).wait_until_listening()
                    emit(service, "t_losses", 12)
            with Stream(service, "t_losses", follower.last) as stream:
                follow(stream, follower, is_live)
            if "reset" in follower.operations:
                raise Fault("a client that has the true history was told to begin again")
            check_against_log(service, follower)
            # A cursor of another history: the id of the page stays what it was until there is an event.
            other = Follower("t_losses")
            other.last = "1-3"
            with Stream(service, "t_losses", "1-3") as stream:
                follow(stream, other, is_live)
            if other.operations != ["welcome", "subscribed", "reset", "live"] or other.last != follower.last:
                raise Fault(f"after another history there is {other.operations}, and the cursor {other.last}")
            service.stop()
        finally:
            service.kill()


class IdleProxy:
    """Passes bytes on, and closes connections over which nothing has come for a while."""

    def __init__(self, port, seconds):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.target, self.seconds = port, seconds
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client):
        with client, socket.create_connection(("127.0.0.1", self.target)) as server:
            client.settimeout(self.seconds)
            server.settimeout(self.seconds)
            try:
                server.sendall(client.recv(65536))
                while piece := server.recv(65536):
                    client.sendall(piece)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.listener.close()


def check_silence(service, silent_seconds, idle_seconds):
    """25: nothing is emitted for several times as long as the proxy waits."""
    emit(service, "t_silent", 1)
    follower = Follower("t_silent")
    with IdleProxy(service.port, idle_seconds) as proxy:
        with Stream(proxy, "t_silent") as stream:
            timer = threading.Timer(silent_seconds, lambda: emit(service, "t_silent", 2))
            timer.start()
            try:
                follow(stream, follower, lambda content: content.get("seq") == 2)
            except Fault:
                raise
            except Exception as error:
                raise Fault(f"the proxy has closed the stream: {error}") from None
            finally:
                timer.join()


def check_comments(body):
    """26: what was sent while the client took nothing has no comments in a row."""
    lines = [line for line in body.split(b"\n") if line]
    row = longest = 0
    for line in lines:
        row = row + 1 if line.startswith(b":") else 0
        longest = max(longest, row)
    if longest > 2:
        raise Fault(f"{longest} comments stand in a row")


def check_slow_reader(service, seconds):
    """26: a client takes nothing for a while, several heartbeats long, and then everything."""
    # Far more than the kernel keeps for a connection.
    for _ in range(32):
        emit(service, "t_slow", *["x" * 10_000 for _ in range(50)])
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(("127.0.0.1", service.port))
        # HTTP/1.0: the body comes without chunks.
        connection.sendall(
            f"GET {path('t_slow')} HTTP/1.0\r\nHost: 127.0.0.1\r\nAccept: {EVENT_STREAM}\r\n\r\n".encode())
        body = connection.recv(1000)
        time.sleep(seconds)
        while not has_live(body[-100_000:]):
            piece = connection.recv(1 << 20)
            if not piece:
                raise Fault("the stream has ended")
            body += piece
    head, _, body = body.partition(b"\r\n\r\n")
    if b" 200 " not in head:
        raise Fault(f"answered with {head!r}")
    check_comments(body)
    check_pieces_whole(body, "t_slow", 1600)


def check_pieces_whole(body, thread, count):
    import httpx
    import httpx_sse

    response = httpx.Response(200, headers={"content-type": EVENT_STREAM}, content=body)
    follower = Follower(thread)
    for message in httpx_sse.EventSource(response).iter_sse():
        follower.accept(message)
    if follower.reader.sequence != count:
        raise Fault(f"{thread}: {follower.reader.sequence} of {count} events came")


def check_tabs(service, count=7):
    """28: the service has no limit of six; a browser has one for each origin over HTTP/1.1."""
    emit(service, "t_tabs", 1)
    streams = [(Stream(service, "t_tabs"), Follower("t_tabs")) for _ in range(count)]
    try:
        for stream, follower in streams:
            follow(stream, follower, is_live)
        emit(service, "t_tabs", 2)
        for stream, follower in streams:
            follow(stream, follower, lambda content: content.get("seq") == 2)
    finally:
        for stream, _ in streams:
            stream.__exit__()


# What a page of events is answered, and with it a stream: the thread, the Last-Event-ID, the status and the code.
REFUSALS = [
    ("t_nobodys", None, 404, "thread.unknown"),
    ("t_nobodys", "1-1", 404, "thread.unknown"),
    ("t_place", "seven", 400, "cursor.invalid"),
    ("t_place", "now", 400, "cursor.invalid"),
    ("%20", None, 400, None),
]


def check_refusals(service):
    """29"""
    for thread, last, status, code in REFUSALS:
        headers = {"Accept": EVENT_STREAM, **({"Last-Event-ID": last} if last else {})}
        answer = service.request("GET", path(thread), None, headers)
        if answer.status != status or code is not None and answer.code != code:
            raise Fault(f"{thread} after {last}: answered with {answer}, and not with {status} {code}")


def check_places(service):
    """29: a cursor that is newer than the log begins again, and says so."""
    emit(service, "t_place", 1, 2)
    with Stream(service, "t_place") as stream:
        first = Follower("t_place")
        follow(stream, first, is_live)
    generation = first.last.split("-")[0]
    follower = Follower("t_place")
    follower.last = f"{generation}-99"
    with Stream(service, "t_place", follower.last) as stream:
        follow(stream, follower, is_live)
    if follower.operations != ["welcome", "subscribed", "reset", "live"]:
        raise Fault(f"after a cursor that is newer than the log: {follower.operations}")
    with Stream(service, "t_place", headers={"Origin": "https://chat.example"}) as stream:
        headers = stream.response.headers
        if headers.get("access-control-allow-origin") != "https://chat.example":
            raise Fault(f"a page of an allowed origin cannot read the stream: {dict(headers)}")
        if "Last-Event-ID" not in headers.get("access-control-expose-headers", ""):
            raise Fault(f"Last-Event-ID is not exposed: {dict(headers)}")
    check_refusals(service)


def check_beginning(service):
    """30: a thread in which nothing happens."""
    emit(service, "t_first", 1)
    start = time.monotonic()
    with Stream(service, "t_first", query="?after=now") as stream:
        # The head came, and a body with it.
        next(iter(stream))
        return (time.monotonic() - start) * 1000


def check_goodbye(service):
    """The service stops: the client is told when to come back, and the answer ends as it should."""
    emit(service, "t_goodbye", 1)
    follower = Follower("t_goodbye")
    with Stream(service, "t_goodbye") as stream:
        follow(stream, follower, is_live)
        stopping = threading.Thread(target=service.stop)
        stopping.start()
        last = None
        for message in stream:
            last = message
            follower.accept(message)
        stopping.join()
    if follower.operations[-1] != "drain":
        raise Fault(f"the goodbye was {follower.operations[-1]}, and not drain")
    wait = json.loads(last.data)["reconnect_in_ms"]
    if last.retry != wait + 1000:
        raise Fault(f"the client comes back after {last.retry} ms, and was to wait {wait}")


def check_deletion(service):
    """Nothing follows in a thread that was deleted."""
    emit(service, "t_deleted", 1)
    follower = Follower("t_deleted")
    with Stream(service, "t_deleted") as stream:
        follow(stream, follower, is_live)
        answer = service.request("DELETE", "/v1/threads/t_deleted?wait")
        if answer.status != 200:
            raise Fault(f"the thread is not deleted: {answer}")
        for message in stream:
            follower.accept(message)
    headers = {"Accept": EVENT_STREAM}
    for last, status in [(None, 410), (follower.last, 204)]:
        again = dict(headers, **({"Last-Event-ID": last} if last else {}))
        answer = service.request("GET", path("t_deleted"), None, again)
        if answer.status != status:
            raise Fault(f"a deleted thread after {last}: answered with {answer}, and not with {status}")


def check(binary):
    with Service(binary, None, "--heartbeat", "1", "--allowed-origin", "https://chat.example") as service:
        check_messages(service)
        print("every event is a message with its cursor, by httpx-sse and by curl")
        check_tabs(service)
        check_places(service)
        milliseconds = check_beginning(service)
        print(f"cursors and refusals are as they should be; the first message of a silent thread after {milliseconds:.0f} ms")
        check_silence(service, 8, 2)
        check_slow_reader(service, 4)
        print("silence behind a proxy and a slow reader are survived")
        check_deletion(service)
        check_goodbye(service)
    check_losses(binary)
    print("the end, lost connections and a killed service leave no gap and no duplicate")


# The checks, checked ------------------------------------------------------------------------------------------------------


class Message:
    """As httpx-sse gives it."""

    def __init__(self, content, last="", name="message"):
        self.data, self.id, self.event, self.retry = json.dumps(content), last, name, None


def event(sequence):
    return {"type": "custom", "id": f"1-{sequence}", "seq": sequence, "thread_id": "t", "data": {"name": "n", "value": 1}}


LIVE = {"op": "live", "thread_id": "t", "cursor": "1-2"}


def accept(*messages, enough=is_live):
    follow(iter(messages), Follower("t"), enough)


class StandIn:
    """Serves one body on a port, again and again."""

    def __init__(self, body, pause=0):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.body, self.pause = body, pause
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                client.recv(65536)
                client.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: {EVENT_STREAM}\r\nConnection: close\r\n\r\n".encode())
                client.sendall(self.body)
                time.sleep(self.pause)

    def request(self, method, path, body=None, headers=None):
        from service import Answer

        return Answer(201 if method == "POST" else 200, {}, b"{}")


def self_test():
    good = [Message({"op": "welcome"}), Message(event(1), "1-1"), Message(event(2), "1-2"), Message(LIVE, "1-2")]
    accept(*good)
    head = {"content-type": EVENT_STREAM, "cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}
    check_head(head)
    check_comments(b": agent-events.v1\nretry: 1\n:\nid: 1-1\ndata: {}\n\n:\n")
    frames = "".join(f"id: 1-{n}\ndata: {json.dumps(event(n))}\n\n" for n in [1, 2]).encode()
    check_pieces(frames, "t", 2)
    silent = StandIn(b"data: {\"op\":\"welcome\"}\n\n", pause=5)
    return check_broken("server-sent events", [
        ("an event with a name", "has a name", lambda: accept(Message(event(1), "1-1", "custom"), *good)),
        ("a cursor on what is not in the log", "has an id", lambda: accept(good[0], good[1], Message(LIVE, "9-9"))),
        ("an event with the cursor of another one", "came with the id", lambda: accept(Message(event(1), "1-2"))),
        ("an event without a cursor", "came with the id", lambda: accept(Message(event(1), ""))),
        ("an event that came again", "came again", lambda: accept(*good[:2], good[1])),
        ("a gap", "came after", lambda: accept(good[1], Message(event(3), "1-3"))),
        ("a stream that ends", "has ended", lambda: accept(*good[:3])),
        ("an operation that there is not", "nobody knows", lambda: accept(Message({"op": "x"}))),
        *[
            (f"a head with another {name}", name, lambda name=name: check_head(dict(head, **{name: "gzip"})))
            for name in [*head, "content-encoding", "content-length"]
        ],
        ("a heap of comments", "in a row", lambda: check_comments(b"id: 1-1\ndata: {}\n\n:\n:\n:\n:\n")),
        ("an event that is missing at the end", "1 of 2", lambda: check_pieces(frames[: frames.index(b"id: 1-2")], "t", 2)),
        ("a line that is cut", "came after", lambda: check_pieces(frames.replace(b"data: {", b"data {", 1)[1:], "t", 2)),
        ("a stream without comments", "closed the stream|has ended", lambda: quiet(silent)),
        ("a refusal that is a stream", "answered with", lambda: check_refusals(silent)),
    ])


def quiet(service):
    """Whichever of the two words it is: httpx tells an end without a length as one, or as an error."""
    try:
        check_silence(service, 0.1, 0.5)
    except Fault as fault:
        if "closed the stream" in str(fault) or "has ended" in str(fault):
            raise Fault("closed the stream|has ended") from None
        raise


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    try:
        check(options.binary)
    except Fault as fault:
        print(f"FAILED {fault}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
