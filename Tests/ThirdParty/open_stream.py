"""One WebSocket connection among many of an asyncio program."""

import asyncio
import json
import socket

from plain_stream import UPGRADE, Ended, StreamParser, message_frame
from thread_reader import Fault


class Lost(Exception):
    """The connection is gone without a word: the service was killed, or the client was cut off."""


class Stream:
    """A connection of a client or an emitter: messages in, messages out."""

    def __init__(self, connection):
        self.connection = connection
        self.parser = StreamParser()
        self.ready = []

    @classmethod
    async def open(cls, port):
        connection = socket.socket()
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
            stream = cls(connection)
            await stream.send(UPGRADE)
            await stream.expect("welcome")
            return stream
        except OSError as error:
            connection.close()
            raise Lost() from error
        except BaseException:
            connection.close()
            raise

    def close(self):
        self.connection.close()

    async def send(self, data):
        try:
            await asyncio.get_running_loop().sock_sendall(self.connection, data)
        except OSError as error:
            raise Lost() from error

    async def receive(self):
        """The next text message that is no ping."""
        while True:
            while self.ready:
                raw = self.ready.pop(0).decode("utf-8")
                if raw != '{"op":"ping"}':
                    return raw
                await self.send(message_frame(op="pong"))
            try:
                data = await asyncio.get_running_loop().sock_recv(self.connection, 1 << 16)
                if not data:
                    raise Lost()
                self.ready = self.parser.feed(data)
                answers = self.parser.take_answers()
                if answers:
                    await self.send(answers)
            except OSError as error:
                raise Lost() from error
            except Ended as ended:
                raise Fault(f"the service closed a connection: {ended}") from None

    async def expect(self, op):
        raw = await self.receive()
        message = json.loads(raw)
        if message.get("op") != op:
            raise Fault(f"waited for {op} and got {raw[:300]}")
        return message
