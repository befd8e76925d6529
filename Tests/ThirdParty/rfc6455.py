#!/usr/bin/env python3
"""The service against RFC 6455, frame by frame, on plain sockets: handshake, fragments, control frames, masks, UTF-8,
limits and close codes.

  rfc6455.py               against a service that this script starts
  rfc6455.py --self-test   that every case fails against a peer that accepts everything and says the wrong thing
"""

import argparse
import json
import os
import socket
import sys
import threading

from frames import (
    BINARY, CLOSE, CONTINUATION, PING, PONG, SECONDS, TEXT, Closed, RawSocket, close_payload, frame, ping_op,
)
from service import STREAM_PATH, SUBPROTOCOL, DataFolder, Service, add_binary_option
from thread_reader import Fault

LIMIT = 1024 * 1024
CASES = []


def case(name, *arguments):
    """Adds a case. With arguments: one for each of them."""

    def add(body):
        if not arguments:
            CASES.append((name, body))
        for argument in arguments:
            label = argument if isinstance(argument, (int, str)) else argument[0]
            CASES.append((f"{name}: {label}", lambda port, argument=argument: body(port, argument)))
        return body

    return add


def connected(port, seconds=SECONDS):
    return RawSocket(port, seconds).open()


def expect_closed_after(port, data, *codes):
    with connected(port) as peer:
        peer.send(data)
        peer.expect_close(*codes)


# Messages ---------------------------------------------------------------------------------------------------------------


@case("a text message in one frame")
def one_frame(port):
    with connected(port) as peer:
        peer.send(frame(TEXT, ping_op(1)))
        peer.expect_pong_op(1)


@case("a mask of zeros")
def zero_mask(port):
    with connected(port) as peer:
        peer.send(frame(TEXT, ping_op(1), key=b"\0\0\0\0"))
        peer.expect_pong_op(1)


@case("fragments", 2, 3, 7, 40)
def fragments(port, count):
    text = ping_op(1, padding=100).encode()
    size = len(text) // count
    with connected(port) as peer:
        peer.send(frame(TEXT, text[:size], fin=False))
        for number in range(1, count - 1):
            peer.send(frame(CONTINUATION, text[size * number : size * (number + 1)], fin=False))
        peer.send(frame(CONTINUATION, text[size * (count - 1) :]))
        peer.expect_pong_op(1)
        peer.expect_lives()


@case("empty fragments")
def empty_fragments(port):
    with connected(port) as peer:
        peer.send(frame(TEXT, b"", fin=False) + frame(CONTINUATION, b"", fin=False))
        peer.send(frame(CONTINUATION, ping_op(1), fin=False) + frame(CONTINUATION, b""))
        peer.expect_pong_op(1)


@case("control frames between fragments")
def control_between_fragments(port):
    with connected(port) as peer:
        text = ping_op(1).encode()
        peer.send(frame(TEXT, text[:5], fin=False))
        peer.send(frame(PING, b"between"))
        peer.expect_frame(PONG, b"between")
        peer.send(frame(CONTINUATION, text[5:9], fin=False) + frame(PONG, b"unasked") + frame(PING, b""))
        peer.expect_frame(PONG, b"")
        peer.send(frame(CONTINUATION, text[9:]))
        peer.expect_pong_op(1)


@case("an empty text message")
def empty_text(port):
    with connected(port) as peer:
        peer.send(frame(TEXT, b""))
        error = peer.message()
        if error.get("op") != "error" or not error.get("code", "").startswith("json."):
            raise Fault(f"an empty message was answered with {error}")
        peer.expect_lives()


@case("byte by byte")
def byte_by_byte(port):
    with RawSocket(port) as peer:
        request, accept = peer.request(Sec_WebSocket_Protocol=SUBPROTOCOL)
        for byte in request:
            peer.send(bytes([byte]))
        peer.opened(peer.response(), accept)
        data = frame(TEXT, ping_op(1)[:6], fin=False) + frame(PING, b"p") + frame(CONTINUATION, ping_op(1)[6:])
        for byte in data:
            peer.send(bytes([byte]))
        peer.expect_frame(PONG, b"p")
        peer.expect_pong_op(1)


@case("many messages in one write")
def many_in_one_write(port):
    with connected(port) as peer:
        peer.send(b"".join(frame(TEXT, ping_op(number)) for number in range(500)))
        for number in range(500):
            peer.expect_pong_op(number)


@case("a message right behind the upgrade")
def behind_the_upgrade(port):
    with RawSocket(port) as peer:
        request, accept = peer.request(Sec_WebSocket_Protocol=SUBPROTOCOL)
        peer.send(request + frame(TEXT, ping_op(1)))
        peer.opened(peer.response(), accept)
        peer.expect_pong_op(1)


@case("a message of the length", 125, 126, 127, 128, 65535, 65536, 65537, 200000)
def lengths(port, length):
    text = ping_op(1, padding=length - len(ping_op(1)))
    with connected(port) as peer:
        peer.send(frame(TEXT, text))
        peer.expect_pong_op(1)
        peer.expect_lives()


@case("what the service sends has the length", 100, 126, 60000, 70000)
def sent_lengths(port, length):
    text = "x" * length
    thread = f"t_length_{length}"
    event = {"type": "custom", "data": {"name": "note", "value": text}}
    with connected(port) as peer:
        peer.send(frame(TEXT, json.dumps({"op": "emit", "thread_id": thread, "events": [event]})))
        if peer.message().get("op") != "emitted":
            raise Fault("not emitted")
        peer.send(frame(TEXT, json.dumps({"op": "subscribe", "thread_id": thread, "after": "start"})))
        if peer.message().get("op") != "subscribed":
            raise Fault("not subscribed")
        if peer.message().get("data", {}).get("value") != text:
            raise Fault("the event came back changed")


# Control frames ---------------------------------------------------------------------------------------------------------


@case("a ping is answered with its payload", 0, 1, 125)
def ping(port, size):
    payload = os.urandom(size)
    with connected(port) as peer:
        peer.send(frame(PING, payload))
        peer.expect_frame(PONG, payload)
        peer.expect_lives()


@case("pings are answered in order")
def pings(port):
    with connected(port) as peer:
        peer.send(b"".join(frame(PING, str(number)) for number in range(20)))
        for number in range(20):
            peer.expect_frame(PONG, str(number).encode())


@case("a pong that nobody asked for is passed over")
def unasked_pong(port):
    with connected(port) as peer:
        peer.send(frame(PONG, b"") + frame(PONG, b"x" * 125))
        peer.expect_lives()


@case("a control frame of 126 bytes", ("ping", PING), ("pong", PONG), ("close", CLOSE))
def long_control(port, kind):
    payload = close_payload(1000, b"x" * 124) if kind[1] == CLOSE else b"x" * 126
    expect_closed_after(port, frame(kind[1], payload), 1002)


@case("a control frame in fragments", ("ping", PING), ("pong", PONG), ("close", CLOSE))
def fragmented_control(port, kind):
    expect_closed_after(port, frame(kind[1], close_payload(1000), fin=False), 1002)


# What breaks the framing ------------------------------------------------------------------------------------------------


@case("a frame without a mask", ("text", TEXT), ("ping", PING), ("close", CLOSE), ("continuation", CONTINUATION))
def unmasked(port, kind):
    with connected(port) as peer:
        if kind[1] == CONTINUATION:
            peer.send(frame(TEXT, b"{", fin=False))
        peer.send(frame(kind[1], close_payload(1000) if kind[1] == CLOSE else ping_op(1), masked=False))
        peer.expect_close(1002)


@case("a reserved bit", 1, 2, 4, 7)
def reserved_bits(port, bits):
    expect_closed_after(port, frame(TEXT, ping_op(1), reserved=bits), 1002)


@case("a reserved bit on a ping")
def reserved_bit_on_ping(port):
    expect_closed_after(port, frame(PING, b"", reserved=4), 1002)


@case("a reserved bit on a continuation")
def reserved_bit_on_continuation(port):
    expect_closed_after(port, frame(TEXT, "{", fin=False) + frame(CONTINUATION, "}", reserved=4), 1002)


@case("a reserved opcode", 3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
def reserved_opcodes(port, opcode):
    expect_closed_after(port, frame(opcode, b"x"), 1002)


@case("a continuation without a start")
def stray_continuation(port):
    expect_closed_after(port, frame(CONTINUATION, ping_op(1)), 1002)


@case("a continuation after a whole message")
def late_continuation(port):
    with connected(port) as peer:
        peer.send(frame(TEXT, ping_op(1)[:4], fin=False) + frame(CONTINUATION, ping_op(1)[4:]))
        peer.expect_pong_op(1)
        peer.send(frame(CONTINUATION, b"{}"))
        peer.expect_close(1002)


@case("a new message inside of a fragmented one")
def interleaved(port):
    expect_closed_after(port, frame(TEXT, "{", fin=False) + frame(TEXT, ping_op(1)), 1002)


@case("a binary message", ("whole", True), ("in fragments", False))
def binary(port, kind):
    expect_closed_after(port, frame(BINARY, ping_op(1), fin=kind[1]), 1003)


@case("a length of more than 63 bits")
def impossible_length(port):
    expect_closed_after(port, frame(TEXT, b"", length=1 << 63), 1002, 1009)


# UTF-8 ------------------------------------------------------------------------------------------------------------------

BROKEN_TEXTS = [
    ("a stray byte", b'{"op":"\xff"}'),
    ("a stray continuation byte", b'{"op":"\x80"}'),
    ("an overlong form", b'{"op":"\xc0\xaf"}'),
    ("an overlong form of three bytes", b'{"op":"\xe0\x80\xaf"}'),
    ("a surrogate", b'{"op":"\xed\xa0\x80"}'),
    ("above U+10FFFF", b'{"op":"\xf4\x90\x80\x80"}'),
    ("cut off at the end", b'{"op":"\xf0\x9f\xa7'),
]


@case("broken UTF-8", *BROKEN_TEXTS)
def broken_utf8(port, text):
    expect_closed_after(port, frame(TEXT, text[1]), 1007)


@case("broken UTF-8 over fragments", *BROKEN_TEXTS)
def broken_utf8_in_fragments(port, text):
    data = text[1]
    with connected(port) as peer:
        peer.send(frame(TEXT, data[:8], fin=False) + frame(CONTINUATION, data[8:9], fin=False))
        peer.send(frame(CONTINUATION, data[9:]))
        peer.expect_close(1007)


@case("a character in two fragments")
def split_character(port):
    text = '{"op":"ping","req":"🧭é"}'.encode()
    for cut in range(text.index(b"\xf0") + 1, text.index(b"\xf0") + 6):
        with connected(port) as peer:
            peer.send(frame(TEXT, text[:cut], fin=False) + frame(PING, b"") + frame(CONTINUATION, text[cut:]))
            peer.expect_frame(PONG, b"")
            peer.expect_pong_op("🧭é")


# Limits -----------------------------------------------------------------------------------------------------------------


@case("a message at the limit")
def at_the_limit(port):
    text = ping_op(1, padding=LIMIT - len(ping_op(1)))
    with connected(port) as peer:
        peer.send(frame(TEXT, text))
        peer.expect_pong_op(1)


@case("a message at the limit in fragments")
def at_the_limit_in_fragments(port):
    text = ping_op(1, padding=LIMIT - len(ping_op(1))).encode()
    with connected(port) as peer:
        peer.send(frame(TEXT, text[:400000], fin=False))
        peer.send(frame(CONTINUATION, text[400000:800000], fin=False) + frame(CONTINUATION, text[800000:]))
        peer.expect_pong_op(1)


@case("a message over the limit")
def over_the_limit(port):
    with connected(port) as peer:
        peer.send_until_answered(frame(TEXT, b" " * (LIMIT + 1)))
        peer.expect_close(1009)


@case("a message over the limit in fragments")
def over_the_limit_in_fragments(port):
    with connected(port) as peer:
        data = frame(TEXT, b" " * 600000, fin=False) + frame(CONTINUATION, b" " * (LIMIT - 600000 + 1))
        peer.send_until_answered(data)
        peer.expect_close(1009)


@case("a length far over the limit is refused before its payload comes")
def far_over_the_limit(port):
    expect_closed_after(port, frame(TEXT, b"x" * 100, length=1 << 40), 1009)


# Closing ----------------------------------------------------------------------------------------------------------------


@case("a close code that may be sent", 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
def good_close_codes(port, code):
    expect_closed_after(port, frame(CLOSE, close_payload(code)), code)


@case("a close code that may not be sent", 0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
def bad_close_codes(port, code):
    expect_closed_after(port, frame(CLOSE, close_payload(code)), 1002)


@case("a close without a code")
def empty_close(port):
    expect_closed_after(port, frame(CLOSE), None, 1000)


@case("a close with a reason")
def close_with_reason(port):
    expect_closed_after(port, frame(CLOSE, close_payload(1000, "genug, tschüß 🧭".encode())), 1000)


@case("a close with the longest reason")
def close_with_longest_reason(port):
    expect_closed_after(port, frame(CLOSE, close_payload(1000, b"x" * 123)), 1000)


@case("a close with one byte")
def close_with_one_byte(port):
    expect_closed_after(port, frame(CLOSE, b"\x03"), 1002)


@case("a close with a reason that is not UTF-8")
def close_with_broken_reason(port):
    expect_closed_after(port, frame(CLOSE, close_payload(1000, b"\xff\xfe")), 1007)


@case("a close inside of a fragmented message")
def close_inside_of_a_message(port):
    expect_closed_after(port, frame(TEXT, "{", fin=False) + frame(CLOSE, close_payload(1000)), 1000)


@case("nothing counts after a close")
def nothing_after_close(port):
    with connected(port) as peer:
        peer.send(frame(CLOSE, close_payload(1000)) + frame(TEXT, ping_op(1)) + frame(PING, b""))
        peer.expect_close(1000, answer=False)


@case("the service ends the connection, whether its close is answered or not")
def unanswered_close(port):
    with connected(port) as peer:
        peer.send(frame(BINARY, b""))
        peer.expect_close(1003, answer=False)


@case("the end of the stream without a close")
def end_of_stream(port):
    with connected(port) as peer:
        peer.send(frame(TEXT, ping_op(1)))
        peer.expect_pong_op(1)
        peer.socket.shutdown(socket.SHUT_WR)
        try:
            peer.receive()
        except Closed:
            return
        # A close frame may be sent; then the connection ends.
        peer.expect_end()


# The handshake ----------------------------------------------------------------------------------------------------------


def expect_declined(port, statuses, header=None, **changes):
    """An upgrade is declined with a status and a body that says why."""
    with RawSocket(port) as peer:
        try:
            status, headers, body = peer.upgrade(**changes)
        except Closed as closed:
            raise Fault(f"the upgrade was declined without an answer: {closed}") from None
    if status not in statuses:
        raise Fault(f"answered with {status} {body[:200]!r}, and should be {' or '.join(map(str, statuses))}")
    expect_error_body(body)
    if header is not None and headers.get(header[0]) != header[1]:
        raise Fault(f"the header {header[0]} is {headers.get(header[0])}, and should be {header[1]}")


def expect_error_body(body):
    try:
        error = json.loads(body)["error"]
        code, message = error["code"], error["message"]
    except (ValueError, KeyError, TypeError):
        raise Fault(f"the body does not say why: {body[:300]!r}") from None
    if "." not in code or not message:
        raise Fault(f"the body has no code and message: {body[:300]!r}")


def expect_subprotocol(port, expected, **changes):
    with RawSocket(port) as peer:
        request, accept = peer.request(**changes)
        peer.send(request)
        status, headers, body = peer.response()
        if headers.get("sec-websocket-protocol") != expected:
            raise Fault(f"the subprotocol is {headers.get('sec-websocket-protocol')}, and should be {expected}")
        peer.opened((status, headers, body), accept)
        peer.expect_lives()


@case("no subprotocol offered")
def no_subprotocol(port):
    expect_subprotocol(port, None)


@case("the subprotocol offered")
def our_subprotocol(port):
    expect_subprotocol(port, SUBPROTOCOL, Sec_WebSocket_Protocol=SUBPROTOCOL)


@case("two subprotocols offered", ("ours first", f"{SUBPROTOCOL}, chat"), ("ours last", f"chat , {SUBPROTOCOL}"))
def two_subprotocols(port, offer):
    expect_subprotocol(port, SUBPROTOCOL, Sec_WebSocket_Protocol=offer[1])


@case("two subprotocols in two headers")
def two_headers(port):
    expect_subprotocol(port, SUBPROTOCOL, Sec_WebSocket_Protocol=["chat", SUBPROTOCOL])


@case("a foreign subprotocol", "chat", "agent-events.v2", "AGENT-EVENTS.V1")
def foreign_subprotocol(port, name):
    expect_declined(port, [400], Sec_WebSocket_Protocol=name)


# SEC-06
@case("an extension offered is not agreed on")
def extension(port):
    with RawSocket(port) as peer:
        peer.open(Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits")
        peer.expect_lives()


@case("headers in another spelling")
def other_spelling(port):
    with RawSocket(port) as peer:
        peer.open(Upgrade="WebSocket", Connection="keep-alive, Upgrade")
        peer.expect_lives()


@case("no key")
def no_key(port):
    expect_declined(port, [400, 426], Sec_WebSocket_Key=None)


@case("a key that is not 16 bytes", "short", "AAAA", "dGhlIHNhbXBsZSBub25jZQ==dGhl")
def bad_key(port, key):
    expect_declined(port, [400], Sec_WebSocket_Key=key)


@case("another version", "8", "12", "14", "x")
def other_version(port, version):
    expect_declined(port, [426], header=("sec-websocket-version", "13"), Sec_WebSocket_Version=version)


@case("no version")
def no_version(port):
    expect_declined(port, [400, 426], header=("sec-websocket-version", "13"), Sec_WebSocket_Version=None)


@case("another path", "/page", "/v1", "/v1/stream/x", "/v2/stream")
def other_path(port, path):
    expect_declined(port, [404], path=path)


@case("another method", "POST", "PUT")
def other_method(port, method):
    expect_declined(port, [400, 405], method=method)


@case("a page from another origin")
def foreign_origin(port):
    expect_declined(port, [403], Origin="https://elsewhere.example")


@case("no upgrade at all")
def no_upgrade(port):
    expect_declined(port, [426], Upgrade=None, Connection=None)


@case("an upgrade to something else is left at HTTP", "h2c", "TLS/1.0, h2c")
def other_upgrade(port, name):
    with RawSocket(port) as peer:
        try:
            status, _, body = peer.upgrade(path="/health", Upgrade=name, Sec_WebSocket_Key=None)
        except Closed as closed:
            raise Fault(f"GET /health was not answered: {closed}") from None
        if status != 200 or json.loads(body) != {"status": "healthy"}:
            raise Fault(f"GET /health was answered with {status} {body[:200]!r}")


@case("an upgrade as the second request of a connection")
def second_request(port):
    with RawSocket(port) as peer:
        peer.send(f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        status, _, body = peer.response()
        if status != 200 or json.loads(body) != {"status": "healthy"}:
            raise Fault(f"GET /health: {status} {body!r}")
        request, accept = peer.request(Sec_WebSocket_Protocol=SUBPROTOCOL)
        peer.send(request)
        try:
            response = peer.response()
        except Closed:
            raise Fault("an upgrade as the second request was not answered") from None
        if response[0] == 101:
            peer.opened(response, accept)
            peer.expect_lives()
        elif 400 <= response[0] < 600:
            expect_error_body(response[2])
        else:
            raise Fault(f"answered with {response[0]}")


def run_cases(port):
    """Runs every case, and returns those that failed."""
    failed = []
    for name, body in CASES:
        try:
            body(port)
        except (Fault, Closed, ValueError, AttributeError) as fault:
            failed.append((name, fault))
        except OSError as error:
            failed.append((name, error))
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that each case can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    with DataFolder() as data, Service(options.binary, data) as service:
        failed = run_cases(service.port)
        if not service.is_running() or service.request("GET", "/health").status != 200:
            failed.append(("the service lives", Fault(service.errors())))
    for name, fault in failed:
        print(f"FAILED {name}: {fault}")
    print(f"RFC 6455: {len(CASES) - len(failed)} of {len(CASES)} cases passed")
    return 1 if failed else 0


# The cases, checked -----------------------------------------------------------------------------------------------------


def wrong_peer(listener):
    """Accepts every upgrade, and answers with what is never right: a text that is no welcome, then a close with 1014."""

    def serve(connection):
        with connection:
            try:
                connection.recv(1 << 16)
                connection.sendall(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Accept: wrong\r\nSec-WebSocket-Protocol: wrong\r\n\r\n"
                )
                connection.sendall(frame(TEXT, "{}", masked=False) + frame(CLOSE, close_payload(1014), masked=False))
            except OSError:
                pass

    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


def sloppy_peer(listener):
    """Does the handshake well, sends a welcome, and then answers every byte with a close of 1014."""
    import base64
    import hashlib
    import re

    from frames import GUID

    def serve(connection):
        with connection:
            try:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(1)
                key = re.search(rb"Sec-WebSocket-Key: (.*)\r\n", request)
                accept = base64.b64encode(hashlib.sha1((key.group(1) if key else b"") + GUID).digest())
                connection.sendall(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + frame(TEXT, '{"op":"welcome"}', masked=False)
                )
                connection.recv(1 << 16)
                connection.sendall(frame(CLOSE, close_payload(1014), masked=False))
            except OSError:
                pass

    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


def self_test():
    missed = 0
    for peer in (wrong_peer, sloppy_peer):
        listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        threading.Thread(target=peer, args=(listener,), daemon=True).start()
        failed = {name for name, _ in run_cases(listener.getsockname()[1])}
        listener.close()
        for name, _ in CASES:
            if name not in failed:
                missed += 1
                print(f"self-test: {name} passed against the {peer.__name__.replace('_', ' ')}")
    print(f"RFC 6455, self-test: {2 * len(CASES) - missed} of {2 * len(CASES)} failures noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
