#!/usr/bin/env python3
"""A proxy for TCP that harms connections, each as it is told: cut after so many bytes of either direction or behind a
frame, half-open, in small slices, late, slowly, or with a window of zero.

  fault_proxy.py --self-test   that each fault does what it says, and nothing happens without one
"""

import asyncio
import dataclasses
import random
import socket
import struct
import sys
import time

from plain_stream import HEAD_END, frame_end
from self_test import check_broken
from thread_reader import Fault

PIECE = 1 << 16
# An abort: what is unsent is dropped, and the other side gets a reset.
LINGER_ZERO = struct.pack("ii", 1, 0)


@dataclasses.dataclass
class Harm:
    """What befalls one connection. Nothing is counted before its begin."""

    # The connection is cut when so many bytes were passed to the client, or to the service.
    bytes_to_client: int | None = None
    bytes_to_service: int | None = None
    # … or so many frames of the service; the head of its answer to the upgrade is the first.
    frames_to_client: int | None = None
    # How it is cut: "close" (FIN), "reset" (RST), or "swallow": it stays open both ways and nothing passes any more.
    cut: str = "close"
    # Each write has at most so many bytes.
    slice: int | None = None
    # Every piece is passed so many seconds late.
    delay: float = 0
    # To the client.
    bytes_per_second: int | None = None
    # From so many bytes of the service on, nothing is read from it until `release` (a window of zero).
    stop_reading_after: int | None = None


class Passage:
    """What of the bytes of one direction passes until the cut. Knows no socket."""

    def __init__(self, most_bytes=None, most_frames=None):
        self.bytes_left = most_bytes
        self.frames_left = most_frames
        # Of the frame that is not whole yet; only needed when frames are counted.
        self.pending = b""
        self.in_head = True

    @property
    def is_cut(self):
        return self.bytes_left == 0 or self.frames_left == 0

    def take(self, data):
        if self.frames_left is not None:
            data = self._up_to_frame(data)
        if self.bytes_left is not None:
            data = data[: self.bytes_left]
            self.bytes_left -= len(data)
        return data

    def _up_to_frame(self, data):
        before = len(self.pending)
        all_bytes = self.pending + data
        position = 0
        while self.frames_left > 0:
            end = self._unit_end(all_bytes, position)
            if end is None or end > len(all_bytes):
                self.pending = all_bytes[position:]
                return data
            position = end
            self.in_head = False
            self.frames_left -= 1
        return all_bytes[before:position]

    def _unit_end(self, data, position):
        if self.in_head:
            end = data.find(HEAD_END)
            return None if end < 0 else end + len(HEAD_END)
        ends = frame_end(data, position)
        return None if ends is None else ends[0]


class Link:
    """A connection through the proxy."""

    def __init__(self, harm, client, service):
        self.harm = harm
        self.client = client
        self.service = service
        self.released = asyncio.Event()
        self.is_cut = asyncio.Event()
        self.passed_to_client = 0

    def release(self):
        """Ends a window of zero."""
        self.released.set()

    async def run(self):
        harm = self.harm
        directions = [
            asyncio.ensure_future(
                self._pass(self.service, self.client, Passage(harm.bytes_to_client, harm.frames_to_client), True)
            ),
            asyncio.ensure_future(self._pass(self.client, self.service, Passage(harm.bytes_to_service), False)),
        ]
        try:
            done, _ = await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            if harm.cut == "swallow" and self.is_cut.is_set():
                for direction in directions:
                    direction.cancel()
                await self._swallow()
            for direction in done:
                if not direction.cancelled() and direction.exception() is not None:
                    if not isinstance(direction.exception(), OSError):
                        raise direction.exception()
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            self._close()

    async def _pass(self, source, target, passage, is_to_client):
        """Passes one direction until its end, or the cut."""
        loop = asyncio.get_running_loop()
        harm = self.harm
        while not passage.is_cut:
            if is_to_client and harm.stop_reading_after is not None and not self.released.is_set():
                if self.passed_to_client >= harm.stop_reading_after:
                    await self.released.wait()
                    continue
                data = await loop.sock_recv(source, min(PIECE, harm.stop_reading_after - self.passed_to_client))
            else:
                data = await loop.sock_recv(source, PIECE)
            if not data:
                return
            data = passage.take(data)
            if harm.delay:
                await asyncio.sleep(harm.delay)
            size = harm.slice or len(data) or 1
            for begin in range(0, len(data), size):
                await loop.sock_sendall(target, data[begin : begin + size])
                if is_to_client and harm.bytes_per_second:
                    await asyncio.sleep(min(size, len(data) - begin) / harm.bytes_per_second)
            if is_to_client:
                self.passed_to_client += len(data)
        self.is_cut.set()

    async def _swallow(self):
        """Half-open: both sides may send, and nothing comes of it, until the client is gone."""
        loop = asyncio.get_running_loop()

        async def drop(source):
            while await loop.sock_recv(source, PIECE):
                pass

        dropping = [asyncio.ensure_future(drop(self.client)), asyncio.ensure_future(drop(self.service))]
        await asyncio.wait(dropping[:1])
        for each in dropping:
            each.cancel()
        await asyncio.gather(*dropping, return_exceptions=True)

    def _close(self):
        for each in (self.client, self.service):
            if self.harm.cut == "reset":
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
            each.close()


class FaultProxy:
    """`async with FaultProxy(port) as proxy: socket, link = await proxy.connect(Harm(…))`."""

    def __init__(self, port):
        self.port = port
        self.awaited = {}
        self.links = set()

    async def __aenter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.listener.setblocking(False)
        self.accepting = asyncio.create_task(self._accept())
        return self

    async def __aexit__(self, *failure):
        self.accepting.cancel()
        for link in self.links:
            link.cancel()
        await asyncio.gather(self.accepting, *self.links, return_exceptions=True)
        self.listener.close()

    async def connect(self, harm=None, receive_buffer=None):
        """A socket to the service, through the proxy, and its link."""
        loop = asyncio.get_running_loop()
        client = socket.socket()
        client.setblocking(False)
        try:
            if receive_buffer:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            client.bind(("127.0.0.1", 0))
            link = self.awaited[client.getsockname()[1]] = (harm or Harm(), loop.create_future())
            await loop.sock_connect(client, self.listener.getsockname())
            return client, await link[1]
        except BaseException:
            client.close()
            raise

    async def _accept(self):
        loop = asyncio.get_running_loop()
        while True:
            client, address = await loop.sock_accept(self.listener)
            client.setblocking(False)
            harm, future = self.awaited.pop(address[1])
            task = asyncio.create_task(self._link(client, harm, future))
            self.links.add(task)
            task.add_done_callback(self.links.discard)

    async def _link(self, client, harm, future):
        service = socket.socket()
        service.setblocking(False)
        for each in (client, service):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if harm.stop_reading_after is not None:
                # The buffer of the proxy must not stand in for the client's.
                service.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await asyncio.get_running_loop().sock_connect(service, ("127.0.0.1", self.port))
        except OSError as error:
            client.close()
            service.close()
            if not future.done():
                future.set_exception(error)
            return
        link = Link(harm, client, service)
        if not future.done():
            future.set_result(link)
        await link.run()


# The faults, checked ----------------------------------------------------------------------------------------------------


class Service:
    """Says `speech` to whoever connects, and remembers what it was told."""

    def __init__(self, speech):
        self.speech = speech
        self.heard = b""
        self.said = 0
        self.end = None

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *failure):
        self.server.close()

    async def _serve(self, reader, writer):
        saying = asyncio.ensure_future(self._say(writer))
        try:
            while data := await reader.read(PIECE):
                self.heard += data
            self.end = "close"
        except ConnectionResetError:
            self.end = "reset"
        finally:
            saying.cancel()
            writer.close()

    async def _say(self, writer):
        writer.transport.set_write_buffer_limits(0)
        for begin in range(0, len(self.speech), 1000):
            writer.write(self.speech[begin : begin + 1000])
            self.said = begin
            await writer.drain()


class Observed:
    """What came of one connection with a harm."""

    def __init__(self):
        self.received = b""
        self.end = None
        self.largest_piece = 0
        self.seconds = 0.0
        self.heard = b""
        self.said_while_stopped = None


# After this long a connection is silent: where silence is what the harm brings, and where it would be a fault.
QUIET, HANGING = 1.5, 180


async def observe(harm, speech, words=b"hello from the client"):
    """Connects with the harm, says the words, and reads until the end or silence."""
    quiet = QUIET if harm.cut == "swallow" or harm.stop_reading_after is not None else HANGING
    seen = Observed()
    loop = asyncio.get_running_loop()
    async with Service(speech) as service, FaultProxy(service.port) as proxy:
        began = time.monotonic()
        client, link = await proxy.connect(harm)
        with client:
            await loop.sock_sendall(client, words)
            while True:
                try:
                    data = await asyncio.wait_for(loop.sock_recv(client, PIECE), quiet)
                except asyncio.TimeoutError:
                    if harm.stop_reading_after is not None and seen.said_while_stopped is None:
                        seen.said_while_stopped = service.said
                        link.release()
                        quiet = HANGING
                        continue
                    seen.end = "silence"
                    break
                except ConnectionResetError:
                    seen.end = "reset"
                    break
                if not data:
                    seen.end = "close"
                    break
                seen.received += data
                seen.largest_piece = max(seen.largest_piece, len(data))
                seen.seconds = time.monotonic() - began
                if len(seen.received) == len(speech):
                    break
        seen.heard = service.heard
    return seen


def speech_of_frames(chance, count):
    """An answer to an upgrade, frames of many sizes, and where each of them ends."""
    speech, ends = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", []
    ends.append(len(speech))
    for _ in range(count):
        size = chance.choice([0, 1, 125, 126, 127, 300, 65535, 65536, 70000])
        if size <= 125:
            head = bytes([0x81, size])
        elif size <= 0xFFFF:
            head = bytes([0x81, 126]) + size.to_bytes(2, "big")
        else:
            head = bytes([0x81, 127]) + size.to_bytes(8, "big")
        speech += head + chance.randbytes(size)
        ends.append(len(speech))
    return speech, ends


def demand(condition, message):
    if not condition:
        raise Fault(message)


def check_received(seen, expected, end):
    demand(seen.received == expected, f"{len(seen.received)} bytes came instead of {len(expected)}")
    demand(seen.end == end, f"it ended with {seen.end} instead of {end}")


def check_reset(seen, expected):
    """A reset may destroy what was passed before it."""
    demand(expected.startswith(seen.received), f"{len(seen.received)} bytes came, {len(expected)} were to be passed")
    demand(seen.end == "reset", f"it ended with {seen.end} instead of a reset")


def check_heard(seen, expected):
    demand(seen.heard == expected, f"the service heard {len(seen.heard)} bytes instead of {len(expected)}")


def check_slow(seen, seconds):
    demand(seen.seconds >= seconds, f"it took {seen.seconds:.3f} s instead of at least {seconds} s")


def check_zero_window(seen, speech, limit):
    said = seen.said_while_stopped
    demand(said is not None, "the bytes never stopped")
    demand(said < limit, f"the service could say {said} bytes to a window of zero")
    demand(seen.received == speech, "what was stopped did not come afterwards")


def check_slices(written, size):
    demand(max(written) <= size, f"a write has {max(written)} bytes, and at most {size} were to be")


def writes_of(harm, speech):
    """The sizes of the writes to the client."""
    sizes = []

    async def run():
        loop = asyncio.get_running_loop()
        whole = loop.sock_sendall
        loop.sock_sendall = lambda target, data: (sizes.append(len(data)), whole(target, data))[1]
        return await observe(harm, speech, words=b"a")

    seen = asyncio.run(run())
    check_received(seen, speech, None)
    return sizes


def check_passage(chance, speech, ends):
    """However the bytes are cut into pieces, the cut is behind the frame."""
    for frames, end in enumerate(ends, 1):
        passage, passed, position = Passage(most_frames=frames), b"", 0
        while position < len(speech) and not passage.is_cut:
            size = chance.choice([1, 2, 3, 50, 1000, 65536, 200_000])
            passed += passage.take(speech[position : position + size])
            position += size
        demand(passed == speech[:end], f"{len(passed)} bytes were passed for {frames} frames, and these have {end}")


def self_test():
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    speech, ends = speech_of_frames(chance, 12)
    short = speech[:5000] if len(speech) > 5000 else speech
    words = b"hello from the client"
    # More than all the buffers of the kernel together.
    long = chance.randbytes(16 * 1024 * 1024)

    def seen(harm, text=speech):
        return asyncio.run(observe(harm, text))

    check_passage(chance, speech, ends)
    untouched = seen(Harm())
    check_received(untouched, speech, None)
    check_heard(untouched, words)
    check_received(seen(Harm(frames_to_client=5)), speech[: ends[4]], "close")
    check_received(seen(Harm(bytes_to_client=1234)), speech[:1234], "close")
    check_received(seen(Harm(bytes_to_client=1234, cut="swallow")), speech[:1234], "silence")
    check_reset(seen(Harm(bytes_to_client=1234, cut="reset")), speech[:1234])
    check_heard(seen(Harm(bytes_to_service=7)), words[:7])
    check_slow(seen(Harm(delay=0.05), short), 0.05)
    check_slow(seen(Harm(bytes_per_second=20_000, slice=500), short), 0.9 * len(short) / 20_000)
    check_zero_window(seen(Harm(stop_reading_after=10_000), long), long, len(long) - 4 * 1024 * 1024)
    check_slices(writes_of(Harm(slice=3), short), 3)
    return check_broken(
        "fault proxy",
        [
            ("no cut behind a frame", "instead of", lambda: check_received(untouched, speech[: ends[4]], "close")),
            ("a cut one byte late", "instead of", lambda: check_received(seen(Harm(bytes_to_client=11)), speech[:10], "close")),
            ("a close instead of a reset", "a reset", lambda: check_reset(seen(Harm(bytes_to_client=9)), speech[:9])),
            ("a close instead of silence", "silence", lambda: check_received(seen(Harm(bytes_to_client=9)), speech[:9], "silence")),
            ("everything was heard", "heard", lambda: check_heard(untouched, words[:7])),
            ("no delay", "at least", lambda: check_slow(untouched, 10)),
            ("no zero window", "never stopped", lambda: check_zero_window(untouched, speech, 1)),
            ("no slices", "a write has", lambda: check_slices(writes_of(Harm(), short), 3)),
            ("another frame boundary", "were passed for", lambda: check_passage(chance, speech, [end + 1 for end in ends])),
        ],
    )


if __name__ == "__main__":
    if sys.argv[1:] != ["--self-test"]:
        sys.exit(__doc__)
    sys.exit(self_test())
