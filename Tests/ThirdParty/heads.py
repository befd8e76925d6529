#!/usr/bin/env python3
"""SEC-01: heads without end, before anybody is known.

A head of 2 MiB, one of 10 000 fields, and one with a field of 80 KiB:

- each is answered with 431, or its connection is closed;
- a thousand of each at once take less than 64 MiB of the service;
- others are answered meanwhile, and afterwards.

  heads.py               against a service that this script starts
  heads.py --self-test   that the checks notice each of these faults
"""

import argparse
import socket
import sys

from process_use import allow_descriptors, forget_peak, peak_bytes, resident_bytes
from self_test import check_broken
from service import Service, add_binary_option
from thread_reader import Fault

MIB = 1 << 20
CONNECTIONS = 1000
MOST_BYTES = 64 * MIB
BEGINNING = b"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n"
# As much of a head as is read before it is refused: all connections have that much at once.
HELD_BYTES = 15 * 1024

HEADS = {
    "a head of 2 MiB": BEGINNING + b"".join(b"X-%d: %s\r\n" % (number, b"a" * 1024) for number in range(2048)) + b"\r\n",
    "10 000 fields": BEGINNING + b"".join(b"A%d: b\r\n" % number for number in range(10_000)) + b"\r\n",
    "a field of 80 KiB": BEGINNING + b"X: " + b"a" * 80 * 1024 + b"\r\n\r\n",
}


def check_answer(name, status):
    """431, or a close without a word: what was sent and not read takes the answer with it."""
    if status not in (431, None):
        raise Fault(f"{name} was answered with {status}")


def check_answered(name, statuses):
    if 431 not in statuses:
        raise Fault(f"{name}: not one of {len(statuses)} was told why")


def check_memory(name, before, peak):
    if peak - before >= MOST_BYTES:
        raise Fault(f"{CONNECTIONS} of {name} took {(peak - before) / MIB:.0f} MiB of the service")


def check_lives(status):
    if status != 200:
        raise Fault(f"another client was answered with {status}")


def status_of(peer):
    """The status of the answer; None for a close without one."""
    data = b""
    try:
        while b"\r\n" not in data:
            piece = peer.recv(65536)
            if not piece:
                break
            data += piece
    except socket.timeout:
        raise Fault("a head that is too large keeps its connection") from None
    except OSError:
        pass
    return int(data.split(b" ")[1]) if data else None


def send(peer, data):
    try:
        peer.sendall(data)
    except OSError:
        pass  # refused meanwhile


def run_kind(service, name, head):
    pid = service.process.pid
    before = resident_bytes(pid)
    forget_peak(pid)
    peers = []
    for _ in range(CONNECTIONS):
        peer = socket.create_connection(("127.0.0.1", service.port), 180)
        send(peer, head[:HELD_BYTES])
        peers.append(peer)
    check_lives(service.request("GET", "/health").status)
    statuses = []
    for peer in peers:
        send(peer, head[HELD_BYTES:])
        statuses.append(status_of(peer))
        check_answer(name, statuses[-1] if statuses[-1] != 408 else None)
        peer.close()
    check_answered(name, statuses)
    check_memory(name, before, peak_bytes(pid))
    check_lives(service.request("GET", "/health").status)
    return statuses.count(431)


def run(binary):
    allow_descriptors(4 * CONNECTIONS)
    with Service(binary, None, "--limits", "none") as service:
        # What the first connections cost, whatever they send.
        run_kind(service, "heads of 20 KiB", BEGINNING + b"X: " + b"a" * 20 * 1024 + b"\r\n\r\n")
        told = sum(run_kind(service, name, head) for name, head in HEADS.items())
    print(f"heads: {len(HEADS)} kinds, {CONNECTIONS} of each at once; {told} were told why, the others closed")


def self_test():
    check_answer("x", 431)
    check_answer("x", None)
    check_answered("x", [None, 431])
    check_memory("x", 0, MOST_BYTES - 1)
    check_lives(200)
    return check_broken("heads", [
        ("a head that is taken", "was answered", lambda: check_answer("x", 101)),
        ("a head that is another fault", "was answered", lambda: check_answer("x", 400)),
        ("connections that are never told", "was told why", lambda: check_answered("x", [None])),
        ("memory without a bound", "MiB", lambda: check_memory("x", MIB, 65 * MIB)),
        ("a service that does not answer", "another client", lambda: check_lives(503)),
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    try:
        run(options.binary)
    except Fault as fault:
        print(f"FAILED: {fault}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
