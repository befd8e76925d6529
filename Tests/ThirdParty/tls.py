#!/usr/bin/env python3
"""TLS, seen by clients that are not ours: curl, Python's ssl and `websockets` (SEC-73).

- HTTPS and WSS are served with TLS 1.2 and 1.3 and `http/1.1` by ALPN; older versions, and clients without TLS, get nothing;
- the program's own `emit` and `tail` speak `https`, trust the authority that `--ca-file` names, and no other;
- SIGHUP serves new connections with a new certificate and leaves the open ones alone; a pair that is wrong, missing or has
  expired is one error in the log, and the old one stays in use;
- a header of the PROXY protocol comes before TLS, and nowhere else;
- a webhook's receiver may have a certificate of an authority of one's own.

  tls.py               against services that this script starts
  tls.py --self-test   that the checks notice each fault
"""

import argparse
import asyncio
import http.server
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

from certificates import Authority
from self_test import check_broken
from service import SUBPROTOCOL, DataFolder, Service, add_binary_option
from thread_reader import Fault

# For what hangs, and not for what is slow.
SECONDS = 180
DRAFT = {"type": "custom", "data": {"name": "n", "value": 1}}
V2 = bytes.fromhex("0d0a0d0a000d0a515549540a") + bytes([0x21, 0x11, 0, 12, 198, 51, 100, 7, 127, 0, 0, 1, 0, 80, 0, 80])


def expect(what, found, wanted):
    if found != wanted:
        raise Fault(f"{what}: {found!r}, and not {wanted!r}")


def context_of(authority, version=None):
    context = ssl.create_default_context(cafile=str(authority.file))
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def curl(*arguments):
    """The exit code and the output."""
    result = subprocess.run(["curl", "--silent", "--max-time", str(SECONDS), *map(str, arguments)], capture_output=True, text=True)
    return result.returncode, result.stdout


def handshake(port, context, before=b"", after=b""):
    """The version and the protocol that were agreed, and the status of /health; an error's name when there is none."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        try:
            connection.sendall(before)
            context.set_alpn_protocols(["h2", "http/1.1"])
            with context.wrap_socket(connection, server_hostname="localhost") as stream:
                stream.sendall(after + b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = b""
                while piece := stream.recv(65536):
                    answer += piece
                status = answer.split(b" ")[1].decode() if answer else "closed"
                return stream.version(), stream.selected_alpn_protocol(), status
        except ssl.SSLCertVerificationError:
            return "untrusted"
        except (ssl.SSLError, OSError):
            return "refused"


def check_versions(found):
    expect("TLS 1.2", found["1.2"], ("TLSv1.2", "http/1.1", "200"))
    expect("TLS 1.3", found["1.3"], ("TLSv1.3", "http/1.1", "200"))
    expect("a client of another authority", found["other"], "untrusted")


def check_curl(found):
    expect("curl with the authority", found["trusting"], (0, '{"status":"healthy"} 1.1'))
    expect("curl without it", found["system"][0], 60)
    expect("curl without TLS", found["plain"][0] != 0, True)
    expect("curl with TLS 1.1", found["old"][0] != 0, True)


def foreign_clients(service, authority, other):
    port = service.port
    check_versions({
        "1.2": handshake(port, context_of(authority, ssl.TLSVersion.TLSv1_2)),
        "1.3": handshake(port, context_of(authority, ssl.TLSVersion.TLSv1_3)),
        "other": handshake(port, context_of(other)),
    })
    url = f"https://localhost:{port}/health"
    check_curl({
        "trusting": curl("--cacert", authority.file, "--http2", "--write-out", " %{http_version}", url),
        "system": curl(url),
        "plain": curl(f"http://localhost:{port}/health"),
        "old": curl("--cacert", authority.file, "--tls-max", "1.1", url),
    })


def program(binary, *arguments, text=""):
    result = subprocess.run([str(binary), *map(str, arguments)], input=text, capture_output=True, text=True, timeout=SECONDS)
    return result.returncode, result.stdout, result.stderr


def check_own_clients(emitted, tailed, refused, address):
    expect("emit over https", (emitted[0], emitted[1].endswith("-1\n")), (0, True))
    expect("tail over https", (tailed[0], json.loads(tailed[1])["id"]), (0, emitted[1].strip()))
    expect("tail without the authority", refused[0], 69)
    if "not of an authority that is trusted" not in refused[2] or address not in refused[2]:
        raise Fault(f"tail without the authority says {refused[2]!r}")


def own_clients(binary, service, authority):
    url = f"https://localhost:{service.port}"
    emitted = program(binary, "emit", "--url", url, "--ca-file", authority.file, "--thread", "t_own", text=json.dumps(DRAFT) + "\n")
    tail = ["tail", "t_own", "--after", "start", "--count", "1", "--format", "json", "--url", url]
    tailed = program(binary, *tail, "--ca-file", authority.file)
    refused = program(binary, *tail)
    check_own_clients(emitted, tailed, refused, f"localhost:{service.port}")


async def emit_one(socket_, number):
    await socket_.send(json.dumps({"op": "emit", "req": number, "thread_id": "t_open", "events": [DRAFT]}))
    while True:
        message = json.loads(await asyncio.wait_for(socket_.recv(), SECONDS))
        if message.get("req") == number:
            expect("an emission over wss", message["op"], "emitted")
            return


def until(condition, what):
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Fault(f"{what} did not happen within {SECONDS} s")
        time.sleep(0.05)


def check_reload_log(text, failures):
    found = [line for line in text.splitlines() if "not reloaded" in line]
    expect("errors of reloads in the log", len(found), failures)


async def reloads(service, old, new):
    import websockets

    port = service.port
    async with websockets.connect(
        f"wss://localhost:{port}/v1/stream", ssl=context_of(old), subprotocols=[SUBPROTOCOL]
    ) as open_since_before:
        await emit_one(open_since_before, 1)
        new.issue("server")
        os.kill(service.process.pid, signal.SIGHUP)
        until(lambda: handshake(port, context_of(new))[-1] == "200", "a connection with the new certificate")
        expect("the old authority after the reload", handshake(port, context_of(old)), "untrusted")
        await emit_one(open_since_before, 2)
        # Each fault is one error, and the pair before it stays in use.
        certificate, key = new.folder / "server.pem", new.folder / "server.key"
        pair = certificate.read_bytes(), key.read_bytes()
        faults = [
            ("a key of another pair", lambda: key.write_bytes(new.issue("another")[1].read_bytes())),
            ("no certificate", certificate.unlink),
            ("no key", key.unlink),
            ("a key that others may read", lambda: key.chmod(0o644)),
            ("a certificate that has expired", lambda: new.issue("server", days=-1)),
            ("a file that is no certificate", lambda: certificate.write_text("nothing")),
        ]
        for number, (name, fault) in enumerate(faults, 1):
            fault()
            os.kill(service.process.pid, signal.SIGHUP)
            until(lambda: service.errors().count("not reloaded") >= number, f"the error for {name}")
            expect(f"a connection after {name}", handshake(port, context_of(new))[-1], "200")
            certificate.write_bytes(pair[0])
            key.write_bytes(pair[1])
            key.chmod(0o600)
        await emit_one(open_since_before, 3)
        check_reload_log(service.errors(), len(faults))


def check_proxy(found):
    expect("a header before TLS", found["before"], ("TLSv1.3", "http/1.1", "200"))
    expect("no header", found["without"], "refused")
    expect("a header within TLS", found["within"], "refused")


def proxied(binary, certificate, key, authority):
    arguments = ["--tls-certificate", certificate, "--tls-key", key, "--proxy-protocol"]
    with Service(binary, None, *map(str, arguments), "--trusted-proxy", "127.0.0.1") as service:
        context = lambda: context_of(authority, ssl.TLSVersion.TLSv1_3)  # noqa: E731
        check_proxy({
            "before": handshake(service.port, context(), before=V2),
            "without": handshake(service.port, context()),
            "within": handshake(service.port, context(), after=V2),
        })
    with Service(binary, None, *map(str, arguments), "--trusted-proxy", "192.0.2.1") as service:
        expect("a header of somebody else", handshake(service.port, context_of(authority), before=V2), "refused")


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class QuietServer(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """A client that does not trust it breaks off; that is what is tried here."""


def webhook(binary, certificate, key, authority, folder):
    server = QuietServer(("127.0.0.1", 0), Receiver)
    server.bodies = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    secret = folder / "secret"
    secret.write_text("a secret of some length")
    secret.chmod(0o600)
    url = f"https://localhost:{server.server_address[1]}/hook"
    arguments = ["--webhook", url, "--webhook-secret-file", str(secret), "--sink-pause", "1s"]
    try:
        with Service(binary, None, *arguments, "--webhook-ca-file", str(authority.file)) as service:
            expect("an event", service.request("POST", "/v1/threads/t_1/events", json.dumps(DRAFT)).status, 201)
            until(lambda: server.bodies, "a request to the webhook")
            expect("what came", server.bodies[0]["events"][0]["type"], "custom")
        server.bodies.clear()
        with Service(binary, None, *arguments) as service:
            expect("an event", service.request("POST", "/v1/threads/t_1/events", json.dumps(DRAFT)).status, 201)
            until(lambda: "webhook.unreachable" in service.errors() or server.bodies, "the refusal of the webhook")
            expect("what came without the authority", server.bodies, [])
    finally:
        server.shutdown()


def check_refusals(answers):
    for name, (code, _, error), wanted in answers:
        if code != 64 or wanted not in error:
            raise Fault(f"serve with {name} ends with {code}: {error!r}")


def refusals(binary, certificate, key, authority):
    other = authority.issue("other_key")[1]
    open_key = authority.issue("open_key")[1]
    open_key.chmod(0o644)
    expired = authority.issue("expired", days=-1)
    serve = lambda *arguments: program(binary, "serve", "--in-memory", "--port", "0", *arguments)  # noqa: E731
    check_refusals([
        ("a certificate without its key", serve("--tls-certificate", certificate), "go together"),
        ("another key", serve("--tls-certificate", certificate, "--tls-key", other), "does not belong to"),
        ("an open key", serve("--tls-certificate", certificate, "--tls-key", open_key), f"chmod 600 {open_key}"),
        ("a missing file", serve("--tls-certificate", certificate, "--tls-key", "/nowhere"), "cannot be read"),
        ("an old certificate", serve("--tls-certificate", expired[0], "--tls-key", expired[1]), "has expired"),
        ("a key for a certificate", serve("--tls-certificate", key, "--tls-key", key), "no certificate"),
    ])


def run(binary):
    with DataFolder() as folder:
        old, new, other = (Authority(folder, name) for name in ("old", "new", "other"))
        certificate, key = old.issue("server")
        arguments = ["--tls-certificate", str(certificate), "--tls-key", str(key)]
        with Service(binary, None, *arguments) as service:
            foreign_clients(service, old, other)
            own_clients(binary, service, old)
            asyncio.run(reloads(service, old, new))
        print("TLS: foreign clients, the program's own, and reloads are as they should be")
        proxied(binary, certificate, key, new)
        print("TLS: the PROXY protocol comes before it")
        webhook(binary, certificate, key, new, folder)
        print("TLS: a webhook's receiver is trusted with its authority alone")
        refusals(binary, certificate, key, new)
        print("TLS: what cannot be used is refused with what is wrong")


def self_test():
    good = ("TLSv1.3", "http/1.1", "200")
    versions = {"1.2": ("TLSv1.2", "http/1.1", "200"), "1.3": good, "other": "untrusted"}
    curls = {"trusting": (0, '{"status":"healthy"} 1.1'), "system": (60, ""), "plain": (52, ""), "old": (35, "")}
    proxies = {"before": good, "without": "refused", "within": "refused"}
    tailed = (0, '{"id":"1-1"}\n', "")
    refused = (69, "", "the certificate that wss://localhost:1/ shows is not of an authority that is trusted here")
    check_versions(versions)
    check_curl(curls)
    check_proxy(proxies)
    check_own_clients((0, "1-1\n", ""), tailed, refused, "localhost:1")
    check_reload_log("not reloaded\nreloaded\n", 1)
    check_refusals([("x", (64, "", "go together"), "go together")])
    return check_broken("TLS", [
        ("HTTP/2 by ALPN", "TLS 1.3", lambda: check_versions({**versions, "1.3": ("TLSv1.3", "h2", "200")})),
        ("no TLS 1.2", "TLS 1.2", lambda: check_versions({**versions, "1.2": "refused"})),
        ("a service that everybody trusts", "another authority", lambda: check_versions({**versions, "other": good})),
        ("plain HTTP beside TLS", "without TLS", lambda: check_curl({**curls, "plain": (0, "")})),
        ("TLS 1.1", "TLS 1.1", lambda: check_curl({**curls, "old": (0, "")})),
        ("a certificate of the system", "without it", lambda: check_curl({**curls, "system": (0, "")})),
        ("a header within TLS that is taken", "within TLS", lambda: check_proxy({**proxies, "within": good})),
        ("no header that is taken", "no header", lambda: check_proxy({**proxies, "without": good})),
        ("a header that is refused", "before TLS", lambda: check_proxy({**proxies, "before": "refused"})),
        ("a client that trusts everybody", "without the authority",
         lambda: check_own_clients((0, "1-1\n", ""), tailed, (0, "", ""), "localhost:1")),
        ("a client that does not say why", "without the authority",
         lambda: check_own_clients((0, "1-1\n", ""), tailed, (69, "", "no"), "localhost:1")),
        ("an event that is not emitted", "emit over https",
         lambda: check_own_clients((1, "", ""), tailed, refused, "localhost:1")),
        ("two errors for one fault", "errors of reloads", lambda: check_reload_log("not reloaded\nnot reloaded\n", 1)),
        ("a service that starts all the same", "serve with x",
         lambda: check_refusals([("x", (0, "", "go together"), "go together")])),
    ])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    try:
        sys.exit(self_test() if options.self_test else run(options.binary))
    except Fault as fault:
        print(f"TLS: {fault}")
        sys.exit(1)
