#!/usr/bin/env python3
"""A forbidden thread and one that does not exist are told apart neither by the answer nor by the time it takes (SEC-33).

Guests ask for threads of somebody else and for threads that nobody has, in pairs and each pair in a random order, over connections that
stay. The answers are the same bytes but for the id, and the times are within 5 %: judged is the median of the differences within
the pairs, so that what befalls the machine befalls both. It fails when the whole interval in which that median is (by the order of
the differences, whatever their distribution) lies beyond 5 %. The interval is so wide that a service whose true difference is 5 %
fails in one run of a million; a busy machine makes it wider, and so finds less, but fails no sooner.

  timing.py             pairs in tens, for the bytes alone: against a service that this script starts
  timing.py --long      10 000 pairs, and the times; for a release build
  timing.py --self-test that the checks notice each of these faults
"""

import argparse
import base64
import math
import os
import random
import socket
import statistics
import sys
import time

from isolation import Tokens
from process_use import machine_load
from self_test import check_broken
from service import DataFolder, Service, add_binary_option
from thread_reader import Fault

PAIRS, QUICK_PAIRS = 10_000, 75
# The quantile of the normal distribution for one failure in a million runs, with three routes in each and on both sides.
QUANTILE = 5.1
# More than these of one user within a moment are refused.
REQUESTS_PER_GUEST = 150
THREADS = 64
LARGEST_DIFFERENCE = 0.05
ROUTES = ["/events", "/state", "/messages", "/subscribers", "/refusals", "/frames?protocol=ai-sdk"]


class Guest:
    """A connection that stays."""

    def __init__(self, port, token):
        self.token = token
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=180)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, path):
        """The answer, and the time it took."""
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.token.text}\r\n\r\n".encode()
        began = time.perf_counter()
        self.socket.sendall(request)
        answer = b""
        while True:
            part = self.socket.recv(1 << 16)
            if not part:
                raise Fault(f"the connection ended after {answer[:200]!r}")
            answer += part
            head, separator, body = answer.partition(b"\r\n\r\n")
            if separator and len(body) >= length_in(head):
                return answer, time.perf_counter() - began

    def close(self):
        self.socket.close()


def length_in(head):
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise Fault(f"an answer without a length: {head[:200]!r}")


def without(answer, thread):
    """An answer without the id, and without the line that the time makes different."""
    lines = answer.replace(thread.encode(), b"ID").split(b"\r\n")
    return [line for line in lines if not line.lower().startswith(b"date:")]


def check_same(forbidden, unknown, route):
    if forbidden != unknown:
        raise Fault(f"{route}: a forbidden thread is answered with {forbidden}, an unknown one with {unknown}")
    if not forbidden[0].startswith(b"HTTP/1.1 404 "):
        raise Fault(f"{route}: a forbidden thread is answered with {forbidden[0]!r}")


def interval(differences):
    """The interval of the median, with the error rate of the quantile: an order statistic on each side of it."""
    ordered, count = sorted(differences), len(differences)
    reach = math.ceil(QUANTILE * math.sqrt(count) / 2)
    return ordered[max(0, count // 2 - reach)], ordered[min(count - 1, count // 2 + reach)]


def check_times(forbidden, unknown, route):
    """The times of pairs, in their order."""
    usual = statistics.median(forbidden + unknown)
    low, high = interval([one - other for one, other in zip(forbidden, unknown)])
    found = f"{route} {usual * 1e6:.0f} µs, {low / usual:+.1%} to {high / usual:+.1%} for a forbidden thread"
    if max(low, -high) > LARGEST_DIFFERENCE * usual:
        raise Fault(f"{found}: that is apart, and at most {LARGEST_DIFFERENCE:.0%} may be")
    return found


def open_threads(service, tokens):
    owner = tokens.make("backend", 3600, scope="emit", act_as="*")
    for number in range(THREADS):
        answer = service.request(
            "POST", f"/v1/threads/there_{number:03}/events?user_id=somebody", headers={"Authorization": f"Bearer {owner.text}"},
            body='{"type":"custom","data":{"name":"n","value":1}}')
        if answer.status != 201:
            raise Fault(f"a thread is opened with {answer}")


def measure(service, tokens, route, chance, guest_names, pairs):
    times = {"there": [], "gone_": []}
    guest, left = None, 0
    for _ in range(pairs):
        if left == 0:
            if guest:
                guest.close()
            guest, left = Guest(service.port, tokens.make(next(guest_names), 3600)), REQUESTS_PER_GUEST // 2
            # The first request of a token has its signature checked.
            guest.ask(f"/v1/threads/gone__999{route}")
        left -= 1
        kinds = list(times)
        chance.shuffle(kinds)
        answers = {}
        for kind in kinds:
            thread = f"{kind}_{chance.randrange(THREADS):03}"
            answer, seconds = guest.ask(f"/v1/threads/{thread}{route}")
            times[kind].append(seconds)
            answers[kind] = without(answer, thread)
        check_same(answers["there"], answers["gone_"], route)
    guest.close()
    return check_times(times["there"], times["gone_"], route) if pairs == PAIRS else route


def run(binary, seed, pairs):
    chance = random.Random(seed)
    guest_names = (f"guest_{number}" for number in range(1_000_000))
    with DataFolder() as folder:
        secret = base64.b64encode(os.urandom(32))
        file = folder / "secret"
        file.write_bytes(secret)
        file.chmod(0o600)
        tokens = Tokens(secret, chance)
        with Service(binary, folder / "data", "--auth", "jwt", "--jwt-secret-file", str(file)) as service:
            open_threads(service, tokens)
            found = [measure(service, tokens, route, chance, guest_names, pairs) for route in ROUTES]
    print(f"timing: forbidden and unknown threads, {pairs} of each: {'; '.join(found)}")


def self_test():
    same = [b"HTTP/1.1 404 Not Found", b"", b"ID"]
    chance = random.Random(7)

    def times(seconds, count=PAIRS, noise=0.3):
        """As a busy machine has them: a few are far off, and the others differ, too."""
        return [seconds * chance.gauss(1, noise) + (0.01 if chance.random() < 0.02 else 0) for _ in range(count)]

    steady = times(0.0003)
    check_same(same, list(same), "/it")
    check_times(steady, times(0.0003), "/it")
    check_times(steady, times(0.000306), "/it")
    # What is just allowed does not fail, also where the noise is large.
    for _ in range(20):
        check_times(times(0.000315, noise=0.5), times(0.0003, noise=0.5), "/it")
    return check_broken("timing", [
        ("another status", "is answered with", lambda: check_same([b"HTTP/1.1 403 Forbidden"], same, "/it")),
        ("the same status that tells", "403", lambda: check_same([b"HTTP/1.1 403 Forbidden"], [b"HTTP/1.1 403 Forbidden"], "/it")),
        ("another length", "is answered with", lambda: check_same(same, [*same, b"more"], "/it")),
        ("a forbidden thread that takes longer", "apart", lambda: check_times(times(0.00033), steady, "/it")),
        ("an unknown thread that takes longer", "apart", lambda: check_times(steady, times(0.00033), "/it")),
        ("an answer without a length", "without a length", lambda: length_in(b"HTTP/1.1 404 Not Found")),
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_binary_option(parser)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--long", action="store_true", help="10 000 pairs, and the times")
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    try:
        run(options.binary, options.seed, PAIRS if options.long else QUICK_PAIRS)
    except Fault as fault:
        print(f"FAILED with --seed {options.seed}: {fault} ({machine_load()})")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
