#!/usr/bin/env python3
"""Slow among fast: of 1 000 subscribers 100 read a byte per second; the others do not notice, and the service stays small.

All follow one thread, in which small events come at an even pace. Then the 100 ask for another thread as well, with far
more in it than any buffer holds, and are slow; in the end they are released and catch up. A second service has as many
subscribers and none that is slow: both are measured at the same time, so that whatever else the machine does befalls both.

- the delay from an emission to its arrival at the fast ones is compared between the two services (p99);
- so is their CPU time: slow readers are no work;
- the service's memory stays under what it was, plus a watermark of 256 KiB for each slow one, plus some slack;
- everybody, the slow ones too, has seen each event once, in order, in the same bytes.

  slow_among_fast.py               a quick measurement: fails only when the delay is far off
  slow_among_fast.py --long        longer, and p99 may move by 10 % at most
  slow_among_fast.py --self-test   that the checks notice each of these faults
"""

import argparse
import collections
import json
import resource
import selectors
import socket
import statistics
import subprocess
import sys
import time

from drafts import draft
from history import History
from plain_stream import UPGRADE, Ended, StreamParser, message_frame
from process_use import allow_descriptors, descriptor_count, machine_load, processor_seconds, resident_bytes
from self_test import check_broken
from service import DataFolder, Service, add_binary_option
from thread_reader import Fault, ThreadReader

SUBSCRIBERS = 1_000
SLOW = 100
HOT, FAT = "t_hot", "t_fat"
# Small events come at this pace, to each of the two services.
EVENTS_PER_SECOND = 3
# What the slow ones ask for. The kernel alone takes more than a MiB for each.
FAT_EVENTS, FAT_BYTES = 50, 100_000
WATERMARK = 256 * 1024
# What the allocator, the log's own caches and the runtime may take besides.
SLACK = 48 * 1024 * 1024
STRETCH_SECONDS, LONG_STRETCH_SECONDS = 10, 60
# A stretch is judged by the median over its slices: what else the machine does comes in bursts.
SLICE_SECONDS = 2
CATCH_UP_SECONDS = 180
SETUP_SECONDS = 180
# Both services must be this close; the quick form is short, and on machines that do other things as well.
QUICK_FACTOR, LONG_FACTOR = 3.0, 1.10
# … and in their CPU time.
PROCESSOR_FACTOR = 1.5
# Differences below this are noise, in seconds.
NOISE = 0.005
# The slow ones' receive buffer while they are slow, and afterwards.
SMALL_BUFFER, LARGE_BUFFER = 4096, 1 << 20
RECORDED_CLIENTS = 12


class Book:
    """The bytes of each event of a thread, as the first one saw them."""

    def __init__(self, thread):
        self.thread = thread
        self.first = ThreadReader(thread, 0)

    def accept(self, sequence, raw):
        """The event that is due with this number: known bytes, or the next new ones."""
        if sequence <= self.first.sequence:
            if self.first.raw_at(sequence) != raw:
                raise Fault(f"{self.thread}: where event {sequence} was due came {raw[:300]}")
        else:
            self.first.accept(raw)


class Subscriber:
    """A connection with its subscriptions. Reads when it is told to."""

    def __init__(self, name, books, is_slow):
        self.name = name
        self.books = books
        self.is_slow = is_slow
        self.sequences = {}
        self.parser = StreamParser()
        self.live = set()
        self.socket = None

    def open(self, port):
        self.socket = socket.socket()
        if self.is_slow:
            # Before connecting: the window that the service sees is made of it.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(UPGRADE)
        self.socket.setblocking(False)

    def read(self, most=1 << 18):
        """Takes what is there. Returns the new events of the hot thread."""
        try:
            data = self.socket.recv(most)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise Fault(f"{self.name}: {error} at {self.sequences}") from None
        if not data:
            raise Fault(f"{self.name}: the service ended the connection at {self.sequences}")
        return self.feed(data)

    def feed(self, data):
        before = self.sequences.get(HOT, 0)
        try:
            texts = self.parser.feed(data)
        except Ended as ended:
            raise Fault(f"{self.name}: the service closed: {ended}") from None
        for text in texts:
            if text.startswith(b'{"type"'):
                self._event(text.decode("utf-8"))
            else:
                self._message(json.loads(text))
        answers = self.parser.take_answers()
        if answers:
            self.socket.sendall(answers)
        return self.sequences.get(HOT, 0) - before

    def _event(self, raw):
        thread = FAT if f'"thread_id":"{FAT}"' in raw[:200] else HOT
        if thread not in self.sequences:
            raise Fault(f"{self.name}: got an event of a thread not asked for: {raw[:200]}")
        self.books[thread].accept(self.sequences[thread] + 1, raw)
        self.sequences[thread] += 1

    def subscribe(self, thread):
        self.sequences[thread] = 0
        if self.socket:
            self.socket.sendall(message_frame(op="subscribe", thread_id=thread, after="start", merge=False))

    def _message(self, message):
        op = message.get("op")
        if op == "welcome":
            self.subscribe(HOT)
        elif op == "live":
            self.live.add(message["thread_id"])
        elif op == "ping":
            self.socket.sendall(message_frame(op="pong"))
        elif op != "subscribed":
            raise Fault(f"{self.name} got {str(message)[:300]}")

    @property
    def is_live(self):
        return HOT in self.live


class Emitter:
    """Emits into both threads over one connection, each event when it is due."""

    def __init__(self, port, history, name):
        # Only the tried one's threads are written down; the other's have the same names.
        self.history = history if name == "tried" else None
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(UPGRADE)
        self.socket.setblocking(False)
        self.parser = StreamParser()
        # When each event of the hot thread was sent.
        self.sent = [None]
        self.counts = {HOT: 0, FAT: 0}
        self.acknowledged = {HOT: 0, FAT: 0}
        self.backlog = b""

    def emit(self):
        self._send(HOT, {"n": self.counts[HOT], "text": "x" * 100})
        self.sent.append(time.monotonic())

    def emit_fat(self):
        self._send(FAT, {"n": self.counts[FAT], "text": "y" * FAT_BYTES})

    def _send(self, thread, value):
        self.counts[thread] += 1
        events = [draft("custom", name="tick", value=value)]
        name = f"{thread}-{self.counts[thread]}"
        if self.history:
            self.history.attempt(name, thread, events)
        self.backlog += message_frame(op="emit", req=name, thread_id=thread, events=events)
        self.flush()

    def flush(self):
        try:
            while self.backlog:
                self.backlog = self.backlog[self.socket.send(self.backlog) :]
        except BlockingIOError:
            pass

    def read(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise Fault("the service ended the emitter's connection")
        for text in self.parser.feed(data):
            message = json.loads(text)
            if message["op"] == "emitted":
                self.acknowledged[message["thread_id"]] += 1
                if self.history:
                    self.history.acknowledged(message["req"], message["thread_id"], message["cursors"])
            elif message["op"] == "error":
                raise Fault(f"an emission got {message}")
        self.backlog += self.parser.take_answers()
        self.flush()


class Stretch:
    """What was measured in one stretch."""

    def __init__(self, name):
        self.name = name
        self.delays = []
        # Where each slice begins in the delays.
        self.slices = []
        self.largest_resident = 0
        self.processor_seconds = 0.0

    def begin_slice(self):
        self.slices.append(len(self.delays))

    def sliced_percentiles(self, share):
        """The percentile of each slice."""
        return [
            percentile(self.delays[begin:end], share)
            for begin, end in zip(self.slices, self.slices[1:] + [len(self.delays)])
            if end > begin
        ]

    def __str__(self):
        shares = [(share, percentile(self.delays, share)) for share in (0.5, 0.9, 0.99)]
        times = ", ".join(f"p{int(share * 100)} {seconds * 1000:.1f} ms" for share, seconds in shares)
        return f"{self.name}: {len(self.delays)} deliveries, {times}, {self.processor_seconds:.2f} s of CPU, RSS at most {self.largest_resident >> 20} MiB"


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def typical_p99(*stretches):
    return statistics.median(p99 for stretch in stretches for p99 in stretch.sliced_percentiles(0.99))


def kernel_bytes():
    """What the kernel holds in the buffers of all TCP connections of the machine."""
    with open("/proc/net/sockstat", encoding="ascii") as file:
        line = next(line for line in file if line.startswith("TCP:"))
    return int(line.split()[-1]) * resource.getpagesize()


class Side:
    """A service with its subscribers and its emitter."""

    def __init__(self, name, service, history):
        self.name = name
        self.service = service
        self.pid = service.process.pid
        self.books = {thread: Book(thread) for thread in (HOT, FAT)}
        self.fast = [Subscriber(f"{name}_{n}", self.books, False) for n in range(SUBSCRIBERS - SLOW)]
        self.slow = [Subscriber(f"{name}_{n}", self.books, True) for n in range(SUBSCRIBERS - SLOW, SUBSCRIBERS)]
        self.emitter = Emitter(service.port, history, name)
        self.are_slow = False
        self.stretch = None
        self.processor_before = 0.0

    def begin(self, name):
        self.stretch = Stretch(f"{self.name}, {name}")
        self.processor_before = processor_seconds(self.pid)

    def end(self):
        stretch, self.stretch = self.stretch, None
        stretch.processor_seconds = processor_seconds(self.pid) - self.processor_before
        return stretch

    def emit(self):
        self.emitter.emit()
        self.stretch.largest_resident = max(self.stretch.largest_resident, resident_bytes(self.pid))

    def read(self, subscriber):
        count = subscriber.read()
        if count and self.stretch is not None and not subscriber.is_slow:
            now, last = time.monotonic(), subscriber.sequences[HOT]
            for sequence in range(last - count + 1, last + 1):
                self.stretch.delays.append(now - self.emitter.sent[sequence])

    def has_arrived(self, subscribers):
        counts = self.emitter.counts
        self.emitter.flush()
        if self.emitter.acknowledged != counts:
            return False
        return all(s.sequences[thread] == counts[thread] for s in subscribers for thread in s.sequences)

    @property
    def readers(self):
        """Those who read all the time."""
        return self.fast + ([] if self.are_slow else self.slow)

    def states(self):
        """By state, how many subscribers the service knows; None when it does not say."""
        answer = self.service.request("GET", f"/v1/threads/{HOT}/subscribers")
        if answer.status != 200:
            return None
        return collections.Counter(subscriber["state"] for subscriber in answer.json()["subscribers"])

    def behind(self):
        """How many bytes of big events the slow ones have not seen."""
        return sum(FAT_EVENTS - subscriber.sequences[FAT] for subscriber in self.slow) * FAT_BYTES

    def close(self):
        for subscriber in self.fast + self.slow:
            if subscriber.socket:
                subscriber.socket.close()
        self.emitter.socket.close()


class Measurement:
    """Two sides, and the loop that serves them both."""

    def __init__(self, calm, tried):
        self.calm = calm
        self.tried = tried
        self.sides = (calm, tried)
        self.selector = selectors.EpollSelector()
        for side in self.sides:
            self.selector.register(side.emitter.socket, selectors.EVENT_READ, (side, None))

    def close(self):
        for side in self.sides:
            side.close()
        self.selector.close()

    def open_all(self):
        """Connects, and reads until everybody is live."""
        for side in self.sides:
            for subscriber in side.slow + side.fast:
                subscriber.open(side.service.port)
                self.selector.register(subscriber.socket, selectors.EVENT_READ, (side, subscriber))
                self._turn(0)
        everybody = [subscriber for side in self.sides for subscriber in side.readers]
        self._until(lambda: all(s.is_live for s in everybody), SETUP_SECONDS, "not everybody was live")

    def _until(self, condition, seconds, message):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise Fault(f"{message} within {seconds} s")
            self._turn(0.05)

    def _turn(self, seconds):
        for key, _ in self.selector.select(seconds):
            side, subscriber = key.data
            if subscriber is None:
                side.emitter.read()
            else:
                side.read(subscriber)

    def measure(self, name, seconds):
        """Emits at an even pace, to one side and the other in turn; a slow one reads a byte per second."""
        begin = next_event = next_byte = next_slice = time.monotonic()
        turn = 0
        for side in self.sides:
            side.begin(name)
        while (now := time.monotonic()) < begin + seconds:
            if now >= next_slice:
                for side in self.sides:
                    side.stretch.begin_slice()
                next_slice += SLICE_SECONDS
            if now >= next_event:
                self.sides[turn % 2].emit()
                turn += 1
                # What could not be emitted in time is left out, not made up for.
                next_event = max(next_event + 0.5 / EVENTS_PER_SECOND, now)
            if now >= next_byte:
                for side in self.sides:
                    for subscriber in side.slow if side.are_slow else []:
                        subscriber.read(1)
                next_byte += 1
            self._turn(max(0, min(next_event, begin + seconds) - time.monotonic()))
        for side in self.sides:
            self._until(lambda: side.has_arrived(side.readers), CATCH_UP_SECONDS, f"{name}: not everything arrived")
        return [side.end() for side in self.sides]

    def fill(self):
        """Emits what the slow ones will ask for."""
        emitter = self.tried.emitter
        for number in range(1, FAT_EVENTS + 1):
            emitter.emit_fat()
            self._until(lambda: emitter.acknowledged[FAT] == number, SETUP_SECONDS, "the big events were not taken")

    def slow_down(self):
        self.tried.are_slow = True
        for subscriber in self.tried.slow:
            self.selector.unregister(subscriber.socket)
            subscriber.subscribe(FAT)

    def release(self):
        """Returns how long the slow ones take to catch up."""
        began = time.monotonic()
        side = self.tried
        side.are_slow = False
        for subscriber in side.slow:
            subscriber.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LARGE_BUFFER)
            self.selector.register(subscriber.socket, selectors.EVENT_READ, (side, subscriber))
        self._until(lambda: side.has_arrived(side.slow), CATCH_UP_SECONDS, "the slow ones did not catch up")
        return time.monotonic() - began


def check_delays(expected, got, factor):
    """The p99 with slow ones against the p99 without, in seconds."""
    if got > max(expected * factor, expected + NOISE):
        raise Fault(f"p99 of the fast ones is {got * 1000:.1f} ms beside slow ones, {expected * 1000:.1f} ms without")


def check_memory(base, largest):
    limit = base + SLOW * WATERMARK + SLACK
    if largest > limit:
        raise Fault(f"the service has {largest >> 20} MiB, {base >> 20} before; the limit is {limit >> 20} MiB")


def check_load(behind, states):
    """The test is one only when more waits for the slow ones than buffers hold: the service serves them from the log."""
    if states is not None and states != {"replaying": SLOW, "live": SUBSCRIBERS - SLOW}:
        raise Fault(f"the service takes its subscribers for {dict(states)}")
    least = SLOW * 2 * WATERMARK
    if behind < least:
        raise Fault(f"only {behind >> 20} MiB waited for the slow ones, {least >> 20} would be needed: too few events")


def check_seen(thread, raws, pages):
    if raws != pages:
        raise Fault(f"{thread}: {len(raws)} events were seen, and not the {len(pages)} of the pages")


def check_processor(expected, got):
    """The CPU time of the service with slow ones against that of the other, in seconds."""
    if got > max(expected * PROCESSOR_FACTOR, expected + 1):
        raise Fault(f"the service with slow ones took {got:.1f} s of CPU, the other one {expected:.1f} s")


def compare_services(options, history):
    """Returns the p99 of both."""
    arguments = ["--log-level", "error"]
    if options.long and "--max-stall" in _serve_help(options.binary):
        arguments += ["--max-stall", "600"]
    with (
        DataFolder() as calm_data,
        DataFolder() as tried_data,
        Service(options.binary, calm_data, *arguments) as calm_service,
        Service(options.binary, tried_data, *arguments) as tried_service,
    ):
        calm, tried = Side("calm", calm_service, history), Side("tried", tried_service, history)
        measurement = Measurement(calm, tried)
        try:
            return run(measurement, calm, tried, options, history)
        finally:
            measurement.close()


def run(measurement, calm, tried, options, history):
    measurement.fill()
    measurement.open_all()
    # The first stretch warms up and is not told.
    measurement.measure("warm-up", 1)
    before = measurement.measure("nobody slow", 4)
    base = resident_bytes(tried.pid)
    measurement.slow_down()
    # The buffers fill up: a burst, told and not judged.
    onset = measurement.measure("slowing down", 4)
    beside = measurement.measure("100 slow", LONG_STRETCH_SECONDS if options.long else STRETCH_SECONDS)
    behind, states, in_kernel = tried.behind(), tried.states(), kernel_bytes()
    caught_up = measurement.release()
    for stretch in (*before, *onset, *beside):
        print(stretch)
    print(
        f"base {base >> 20} MiB; {behind >> 20} MiB waited for the slow ones, {in_kernel >> 20} of it in the kernel; "
        f"they caught up in {caught_up:.1f} s; afterwards {resident_bytes(tried.pid) >> 20} MiB, "
        f"{descriptor_count(tried.pid)} descriptors"
    )
    for side in (calm, tried):
        for thread, book in side.books.items():
            if side.emitter.counts[thread]:
                pages = [raw.decode("utf-8") for raw in side.service.pages(thread, limit=100)[0]]
                check_seen(thread, book.first.raw, pages)
    check_load(behind, states)
    check_memory(base, max(onset[1].largest_resident, beside[1].largest_resident))
    check_processor(beside[0].processor_seconds, beside[1].processor_seconds)
    expected, got = (typical_p99(stretch) for stretch in beside)
    check_delays(expected, got, LONG_FACTOR if options.long else QUICK_FACTOR)
    write_down(history, tried)
    return expected, got


def write_down(history, side):
    """Some of the fast ones and one slow one: all have seen the bytes of the books, or a fault would have been raised."""
    for subscriber in side.fast[: RECORDED_CLIENTS - 1] + side.slow[:1]:
        for thread in subscriber.sequences:
            history.reader(subscriber.name, side.books[thread].first)
    for book in side.books.values():
        for raw in book.first.raw:
            history.logged(raw)


def _serve_help(binary):
    done = subprocess.run([str(binary), "serve", "--help"], capture_output=True, text=True, timeout=180, check=False)
    return done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--long", action="store_true", help="longer, and strict")
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    allow_descriptors(2 * SUBSCRIBERS + 200)
    print(machine_load(), flush=True)
    started = time.monotonic()
    try:
        with History() as history:
            calm, beside = compare_services(options, history)
            verdict = history.check(options.binary)
    except Fault as fault:
        print(f"FAILED: {fault} ({machine_load()})")
        return 1
    print(
        f"p99 {beside * 1000:.1f} ms beside {SLOW} slow ones, {calm * 1000:.1f} ms without, "
        f"{verdict}, {time.monotonic() - started:.0f} s"
    )
    return 0


# The checks, checked ----------------------------------------------------------------------------------------------------


def self_test():
    def stretch(*slices):
        made = Stretch("")
        for delays in slices:
            made.begin_slice()
            made.delays += delays
        return made

    def event(sequence, thread=HOT, text="a"):
        members = {"type": "custom", "id": f"3-{sequence}", "seq": sequence, "thread_id": thread, "data": text}
        return json.dumps(members, separators=(",", ":"))

    def subscriber(*raws):
        books = {thread: Book(thread) for thread in (HOT, FAT)}
        known, reader = Subscriber("a", books, True), Subscriber("b", books, False)
        known.subscribe(HOT)
        reader.subscribe(HOT)
        known.feed(frames([event(n) for n in range(1, 5)]))
        reader.feed(frames(raws))
        return reader

    def frames(raws):
        head = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
        return head + b"".join(bytes([0x81, 126]) + len(raw.encode()).to_bytes(2, "big") + raw.encode() for raw in raws)

    mebi = 1 << 20
    calm = typical_p99(stretch([0.010] * 980 + [0.050] * 20, [0.010] * 980 + [0.050] * 20, [9.0] * 10))
    check_delays(calm, typical_p99(stretch([0.010] * 980 + [0.052] * 20)), LONG_FACTOR)
    check_memory(50 * mebi, 50 * mebi + SLOW * WATERMARK)
    check_processor(4, 5)
    check_load(SLOW * 3 * WATERMARK, {"replaying": SLOW, "live": SUBSCRIBERS - SLOW})
    if subscriber(*[event(n) for n in range(1, 6)]).sequences != {HOT: 5}:
        print("self-test: a good stream was not counted")
        return 1
    return check_broken(
        "slow among fast",
        [
            ("slower beside slow ones", "p99", lambda: check_delays(calm, typical_p99(stretch([0.01] * 90 + [0.2] * 10)), QUICK_FACTOR)),
            ("a little slower", "p99", lambda: check_delays(calm, typical_p99(stretch([0.01] * 90 + [0.057] * 10)), LONG_FACTOR)),
            ("slow ones that are work", "of CPU", lambda: check_processor(4, 6.1)),
            ("memory that grows", "MiB", lambda: check_memory(50 * mebi, 50 * mebi + SLOW * WATERMARK + SLACK + 1)),
            ("too little load", "too few events", lambda: check_load(SLOW * WATERMARK, None)),
            ("slow ones that are not", "takes its", lambda: check_load(SLOW * 3 * WATERMARK, {"live": SUBSCRIBERS})),
            ("a lost event", "was due", lambda: subscriber(event(1), event(3))),
            ("a lost new event", "came after", lambda: subscriber(*[event(n) for n in (1, 2, 3, 4, 6)])),
            ("a doubled event", "was due", lambda: subscriber(event(1), event(1))),
            ("other bytes", "was due", lambda: subscriber(event(1), event(2, text="b"))),
            ("a foreign event", "not asked for", lambda: subscriber(event(1), event(2, thread=FAT))),
            ("a reset", "got", lambda: subscriber('{"op":"reset"}')),
            ("a lost tail", "not the 2", lambda: check_seen(HOT, [event(1)], [event(1), event(2)])),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
