#!/usr/bin/env python3
"""Where the service listens, and who is believed to be in front of it.

- a unix socket has its permissions, is not taken from a service that lives, is replaced after a kill -9, and is removed at
  the end; curl and the program's own `emit` and `tail` speak over it;
- what `X-Forwarded-…`, `Forwarded` and the PROXY protocol tell counts from trusted proxies only (SEC-70);
- `--drain-delay`: SIGTERM is told by `/ready` first, and everything is taken as before until the delay is over.

  listening.py               against services that this script starts
  listening.py --self-test   that the checks notice each fault
"""

import argparse
import json
import os
import re
import select
import signal
import socket
import stat
import subprocess
import sys
import time

from self_test import check_broken
from service import DataFolder, Service, add_binary_option
from thread_reader import Fault

# For what hangs, and not for what is slow.
SECONDS = 180
DRAFT = json.dumps({"type": "custom", "data": {"name": "n", "value": 1}})
V1 = b"PROXY TCP4 198.51.100.7 127.0.0.1 4711 80\r\n"
V2_LOCAL = bytes.fromhex("0d0a0d0a000d0a515549540a") + bytes([0x20, 0, 0, 0])


def expect(what, found, wanted):
    if found != wanted:
        raise Fault(f"{what}: {found!r}, and not {wanted!r}")


class UnixService:
    """`agent-events serve` on a unix socket."""

    def __init__(self, binary, path, *arguments):
        self.path = path
        self.process = subprocess.Popen(
            [str(binary), "serve", "--in-memory", "--listen", f"unix:{path}", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)

    def __enter__(self):
        text = b""
        deadline = time.monotonic() + SECONDS
        while b"listening on" not in text:
            readable, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            piece = os.read(self.process.stdout.fileno(), 65536) if readable else b""
            if not piece:
                self.process.kill()
                raise Fault(f"no service on the socket: {text!r} {self.process.stderr.read()!r}")
            text += piece
        expect("the address that is said", text.split(b"\n")[0].decode(), f"listening on unix:{self.path}")
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.stdout.close()
        self.process.stderr.close()


def program(*arguments, text=""):
    result = subprocess.run([str(a) for a in arguments], input=text, capture_output=True, text=True, timeout=SECONDS)
    return result.returncode, result.stdout, result.stderr


def check_socket(mode, health, emitted, tailed, second):
    expect("the permissions of the socket", oct(mode), "0o620")
    expect("curl over the socket", health[:2], (0, '{"status":"healthy"}'))
    expect("emit over the socket", emitted[:2], (0, "1-1\n"))
    expect("tail over the socket", (tailed[0], '"id":"1-1"' in tailed[1]), (0, True))
    expect("a second service at the path", (second[0], "another process listens" in second[2]), (69, True))


def unix_sockets(binary, folder):
    path = folder / "s"
    url = f"unix:{path}"
    with UnixService(binary, path, "--socket-mode", "0620") as service:
        check_socket(
            stat.S_IMODE(os.stat(path).st_mode),
            program("curl", "--silent", "--unix-socket", path, "http://localhost/health"),
            program(binary, "emit", "--url", url, "--thread", "t_1", text=DRAFT + "\n"),
            program(binary, "tail", "t_1", "--after", "start", "--count", "1", "--format", "json", "--url", url),
            program(binary, "serve", "--in-memory", "--listen", url))
        expect("the folder of the socket", os.listdir(folder), ["s"])
        service.process.kill()
        service.process.wait()
    expect("what a kill leaves", os.listdir(folder), ["s"])
    with UnixService(binary, path):
        expect("curl after a kill", program("curl", "--silent", "--unix-socket", path, "http://localhost/health")[0], 0)
        expect("the usual permissions", oct(stat.S_IMODE(os.stat(path).st_mode)), "0o660")
    expect("what a stop leaves", os.listdir(folder), [])


def answer(port, before, headers):
    """The status of /health; "closed" when the connection ends without one."""
    lines = ["GET /health HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        text = b""
        try:
            connection.sendall(before + "\r\n".join(lines).encode() + b"\r\n\r\n")
            while piece := connection.recv(65536):
                text += piece
        except ConnectionError:
            pass
    match = re.match(rb"HTTP/1.1 (\d+)", text)
    return int(match.group(1)) if match else "closed"


FORGED = ["X-Forwarded-For: 198.51.100.7", "X-Forwarded-Host: events.example.com"]
# Arguments, what comes before the request, headers, and the answer. Without authentication only names of this machine are
# answered, so that a host that is believed is a refusal.
PROXIES = [
    ([], b"", FORGED, 200),
    (["--trusted-proxy", "10.0.0.0/8"], b"", FORGED, 200),
    (["--trusted-proxy", "127.0.0.0/8"], b"", FORGED, 403),
    (["--trusted-proxy", "127.0.0.1", "--forwarded-header", "forwarded"], b"", FORGED, 200),
    (["--trusted-proxy", "127.0.0.1", "--forwarded-header", "forwarded"], b"",
     ['Forwarded: for="198.51.100.7";host=events.example.com'], 403),
    (["--trusted-proxy", "127.0.0.1", "--proxy-protocol"], V1, [], 200),
    (["--trusted-proxy", "127.0.0.1", "--proxy-protocol"], V2_LOCAL, [], 200),
    (["--trusted-proxy", "127.0.0.1", "--proxy-protocol"], b"", [], "closed"),
    (["--trusted-proxy", "127.0.0.1", "--proxy-protocol"], b"PROXY TCP4 evil 127.0.0.1 1 2\r\n", [], "closed"),
    (["--trusted-proxy", "10.0.0.0/8", "--proxy-protocol"], V1, [], "closed"),
    # The client that the header tells of is no proxy, so that what it forwards is its own word.
    (["--trusted-proxy", "127.0.0.1", "--proxy-protocol"], V1, FORGED, 200),
    # A header where none is expected is no HTTP.
    ([], V1, [], 400),
]


def check_proxies(answers):
    for (arguments, before, headers, wanted), found in zip(PROXIES, answers):
        expect(f"{arguments} {before!r} {headers}", found, wanted)


def proxies(binary):
    answers, service, last = [], None, None
    try:
        for arguments, before, headers, _ in PROXIES:
            if arguments != last:
                if service:
                    service.stop()
                service, last = Service(binary, None, *arguments).wait_until_listening(), arguments
            answers.append(answer(service.port, before, headers))
    finally:
        if service:
            service.kill()
    check_proxies(answers)


def check_drain(before, during, emitted, seconds, delay):
    expect("/ready", before, 200)
    expect("/ready while it drains", (during.status, during.json()["status"]), (503, "draining"))
    expect("an event while it drains", emitted, 201)
    if not delay <= seconds < 30:
        raise Fault(f"the stop took {seconds:.1f} s, and not {delay} to 30")


def drain(binary):
    delay = 2
    with Service(binary, None, "--drain-delay", str(delay)) as service:
        before = service.request("GET", "/ready").status
        began = time.monotonic()
        os.kill(service.process.pid, signal.SIGTERM)
        while (during := service.request("GET", "/ready")).status == 200:
            pass
        emitted = service.request("POST", "/v1/threads/t_1/events", DRAFT).status
        service.process.wait(SECONDS)
        check_drain(before, during, emitted, time.monotonic() - began, delay)
    # At a terminal nobody waits.
    with Service(binary, None) as service:
        began = time.monotonic()
        os.kill(service.process.pid, signal.SIGINT)
        expect("the exit code after an interrupt", service.process.wait(SECONDS), 0)
        if time.monotonic() - began > 30:
            raise Fault("an interrupt took more than 30 s")


USAGE = [
    (["--listen", "unix:"], "has a path"),
    (["--listen", "8080"], "names no port"),
    (["--listen", "127.0.0.1:0", "--host", "localhost"], "leave out --host"),
    (["--listen", "0.0.0.0:0"], "without authentication"),
    (["--socket-mode", "0660"], "--listen unix:PATH"),
    (["--listen", "unix:/tmp/s", "--socket-mode", "9"], "octal"),
    (["--listen", "unix:/nowhere/at/all/s"], "no socket at"),
    (["--trusted-proxy", "everybody"], "is not a network"),
    (["--proxy-protocol"], "--trusted-proxy"),
]


def check_usage(answers):
    for (arguments, word), (code, _, error) in zip(USAGE, answers):
        if code != 64 or word not in error:
            raise Fault(f"serve {' '.join(arguments)} ends with {code}: {error!r}")


def run(binary):
    with DataFolder() as folder:
        unix_sockets(binary, folder)
    print("listening: unix sockets are as they should be")
    proxies(binary)
    print("listening: proxies are believed where they are trusted, and nowhere else")
    drain(binary)
    print("listening: a stop is told before it comes")
    check_usage([program(binary, "serve", "--in-memory", *arguments) for arguments, _ in USAGE])
    print("listening: what cannot be is refused with what is wrong")


class Ready:
    def __init__(self, status, text):
        self.status = status
        self.text = text

    def json(self):
        return {"status": self.text}


def self_test():
    good = {
        "mode": 0o620, "health": (0, '{"status":"healthy"}', ""), "emitted": (0, "1-1\n", ""), "tailed": (0, '{"id":"1-1"}', ""),
        "second": (69, "", "error: another process listens on it"),
    }
    answers = [wanted for *_, wanted in PROXIES]
    usage = [(64, "", word) for _, word in USAGE]
    draining = Ready(503, "draining")
    check_socket(**good)
    check_proxies(answers)
    check_usage(usage)
    check_drain(200, draining, 201, 2.5, 2)

    def proxies_with(index, found):
        return lambda: check_proxies(answers[:index] + [found] + answers[index + 1:])

    return check_broken("listening", [
        ("a socket for everybody", "permissions", lambda: check_socket(**{**good, "mode": 0o777})),
        ("a socket that is taken from a service", "a second service", lambda: check_socket(**{**good, "second": (0, "", "")})),
        ("a socket that nobody answers on", "curl over", lambda: check_socket(**{**good, "health": (7, "", "")})),
        ("an event that is not emitted", "emit over", lambda: check_socket(**{**good, "emitted": (69, "", "")})),
        ("an event that is not seen", "tail over", lambda: check_socket(**{**good, "tailed": (0, "", "")})),
        ("a forged host that is believed", "X-Forwarded-Host", proxies_with(0, 403)),
        ("a proxy that is not believed", "127.0.0.0/8", proxies_with(2, 200)),
        ("the header that is not chosen", "forwarded", proxies_with(3, 403)),
        ("a connection without its header", "--proxy-protocol", proxies_with(7, 200)),
        ("a header of anybody", "10.0.0.0/8", proxies_with(9, 200)),
        ("a stop that is not told", "while it drains", lambda: check_drain(200, Ready(503, "stopping"), 201, 2.5, 2)),
        ("a stop that takes nothing", "an event while", lambda: check_drain(200, draining, 503, 2.5, 2)),
        ("a stop at once", "the stop took", lambda: check_drain(200, draining, 201, 0.5, 2)),
        ("a stop that takes too long", "the stop took", lambda: check_drain(200, draining, 201, 31, 2)),
        ("wrong usage that is taken", "serve", lambda: check_usage([(0, "", "")] + usage[1:])),
    ])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    try:
        sys.exit(self_test() if options.self_test else run(options.binary))
    except Fault as fault:
        print(f"listening: {fault}")
        sys.exit(1)
