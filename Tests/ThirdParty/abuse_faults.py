"""A service for the self-test of abuse.py: fair to its clients, or one that has all of them wait for each attacker."""

import asyncio
import json
import multiprocessing
import os
import signal
import socket
import time

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from service import SUBPROTOCOL, Answer

# For each request of an attacker: longer than what a busy machine has anybody wait.
PAUSE_SECONDS = 1.5
REQUESTS = 4
# The others begin a round every 4 ms at most: of 25 rounds one waits, and the 99th percentile of any number of them is one that waited.
SECONDS_BETWEEN = 0.1


def ask_often(service, long, base):
    """An attack: requests from another address."""
    for number in range(REQUESTS):
        with socket.socket() as peer:
            peer.bind(("127.9.0.1", 0))
            peer.connect(("127.0.0.1", service.port))
            peer.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            while peer.recv(65536):
                pass
        time.sleep(SECONDS_BETWEEN)
    return 0


class FakeService:
    """What abuse.py needs of a service."""

    def __init__(self, is_fair):
        self.is_fair = is_fair

    def __enter__(self):
        context = multiprocessing.get_context("fork")
        ports = context.Queue()
        self.process = context.Process(target=lambda: asyncio.run(self._run(ports)), daemon=True)
        self.process.start()
        self.port = ports.get()
        return self

    def __exit__(self, kind, error, trace):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()

    def metrics(self):
        return ""

    def request(self, method, path):
        return Answer(200, {}, b"")

    def _answer(self, connection, request):
        if request.path == "/v1/stream":
            return None
        if not self.is_fair:
            time.sleep(PAUSE_SECONDS)
        return connection.respond(200, "ok")

    async def _run(self, ports):
        followers = []

        async def converse(connection):
            await connection.send('{"op":"welcome"}')
            try:
                async for text in connection:
                    message = json.loads(text)
                    if message["op"] == "subscribe":
                        followers.append(connection)
                        await connection.send('{"op":"live"}')
                    elif message["op"] == "emit":
                        for follower in followers:
                            await follower.send(json.dumps(message["events"][0]))
                        await connection.send('{"op":"emitted"}')
            except ConnectionClosed:
                pass

        async with serve(
            converse, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL], process_request=self._answer, compression=None
        ) as server:
            ports.put(server.sockets[0].getsockname()[1])
            await server.serve_forever()
