"""A person at a connection of their own: follows threads, commands, and asks the guide.

Everything that comes is checked as a subscriber must see it: each event once, in order, without a gap.
"""

import itertools
import json
import socket

from plain_stream import UPGRADE, Ended, StreamParser, message_frame
from thread_reader import Fault, ThreadReader, sequence_of

ENDS = ("agent_completed", "agent_failed", "agent_cancelled")
# For what hangs, and not for what is slow.
SECONDS = 180
KEYS = itertools.count(1)


class Person:
    def __init__(self, service):
        self.connection = socket.create_connection(("127.0.0.1", service.port), SECONDS)
        self.parser = StreamParser()
        self.ready = []
        self.readers, self.events, self.places = {}, {}, {}
        self.number = 0
        self.connection.sendall(UPGRADE)
        self.receive(lambda message: message.get("op") == "welcome")

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()

    # Messages

    def receive(self, wanted):
        """The next message that is wanted; the events that come before it are kept."""
        while True:
            while self.ready:
                raw = self.ready.pop(0).decode("utf-8")
                if raw == '{"op":"ping"}':
                    self.connection.sendall(message_frame(op="pong"))
                    continue
                message = json.loads(raw)
                if "type" in message:
                    thread = message["thread_id"]
                    self.readers[thread].accept(raw)
                    self.events[thread].append(message)
                if wanted(message):
                    return message
            try:
                data = self.connection.recv(1 << 16)
                if not data:
                    raise Fault("the service closed a connection without a word")
                self.ready = self.parser.feed(data)
                self.connection.sendall(self.parser.take_answers())
            except Ended as ended:
                raise Fault(f"the service closed a connection: {ended}") from None
            except TimeoutError:
                raise Fault(f"nothing came for {SECONDS} s; the last: {[e[-3:] for e in self.events.values()]}") from None

    def send(self, **members):
        """Sends a request, and returns its number."""
        self.number += 1
        self.connection.sendall(message_frame(req=self.number, **members))
        return self.number

    def answer(self, number):
        return self.receive(lambda message: message.get("req") == number and "op" in message)

    # Following

    def follow(self, thread, after="start"):
        start = 0 if after == "start" else sequence_of(after)
        self.readers[thread], self.events[thread], self.places[thread] = ThreadReader(thread, start), [], 0
        number = self.send(op="subscribe", thread_id=thread, after=after, merge=False)
        answer = self.answer(number)
        if answer["op"] != "subscribed":
            raise Fault(f"following {thread} was answered with {answer}")

    def wait(self, thread, kind, run=None, **data):
        """The next event of a kind in a thread, after the last one that was waited for."""
        events = self.events[thread]
        kinds = kind if isinstance(kind, tuple) else (kind,)
        while True:
            while self.places[thread] < len(events):
                event = events[self.places[thread]]
                self.places[thread] += 1
                is_meant = event["type"] in kinds and run in (None, event.get("run_id"))
                if is_meant and all(event["data"].get(name) == value for name, value in data.items()):
                    return event
            self.receive(lambda message: message.get("thread_id") == thread and "type" in message)

    # Acting

    def begin(self, name, thread, key=None, data=None, **members):
        """Sends a command, and returns the number of the request."""
        if data is not None:
            members["data"] = data
        return self.send(op="command", thread_id=thread, key=key or f"k_{next(KEYS)}", name=name, **members)

    def command(self, name, thread, key=None, data=None, **members):
        """The answer, a refusal too."""
        return self.answer(self.begin(name, thread, key, data, **members))

    def do(self, name, thread, outcome="done", **members):
        """The answer to a command that is taken."""
        answer = self.command(name, thread, **members)
        if answer.get("outcome") != outcome:
            raise Fault(f"{name} in {thread} was answered with {answer} and not with {outcome}")
        return answer

    def ask(self, thread, text, **data):
        """The answer to a message for the guide."""
        return self.do("message", thread, data={"text": text, **data})

    def emit(self, thread, *drafts):
        """The ids of the events, or the code of the refusal."""
        answer = self.answer(self.send(op="emit", thread_id=thread, events=list(drafts)))
        return answer["cursors"] if answer["op"] == "emitted" else answer["code"]


# The guide --------------------------------------------------------------------------------------------------------------


def write_garden(folder):
    """Two files that the guide quotes, and one that it asks for."""
    folder.mkdir()
    for name in ("garden", "meadow"):
        lines = [f"{number} In the {name} there are roses, tulips and many other flowers, all day." for number in range(9)]
        (folder / f"{name}.txt").write_text("\n".join(lines), encoding="utf-8")
    (folder / "secret-launch.txt").write_text("The launch\nis on Tuesday.\n", encoding="utf-8")


def write_library(folder, count=3000):
    """Enough files for a search to take its time."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}.txt").write_text(f"Volume {number} speaks of ships and shores.\n" * 20, encoding="utf-8")


def guide(folder, pace, *arguments):
    return ["--demo", "--demo-folder", str(folder), "--demo-pace", str(pace), *arguments]


# The log ----------------------------------------------------------------------------------------------------------------


def log_of(service, thread):
    """The committed events of a thread."""
    return [json.loads(raw) for raw in service.pages(thread)[0]]


# What holds for every thread --------------------------------------------------------------------------------------------


def check_runs(events, at_rest=True):
    """Never two open runs without a parent that the service hosts; each message has a run; at rest every run has ended."""
    started, ended, children, answered, messages = [], {}, set(), set(), []
    for event in events:
        run, kind, data = event.get("run_id"), event["type"], event["data"]
        if kind == "user_message":
            messages.append(data["message_id"])
        if run in ended:
            raise Fault(f"{kind} {event['id']} of {run} comes after {ended[run]}")
        if kind in ("agent_queued", "agent_started"):
            answered.update(data.get("message_ids", []))
        if kind == "input_taken":
            answered.update(data["message_ids"])
        if kind == "agent_started":
            if data.get("parent_run_id"):
                children.add(run)
            else:
                is_open = [other for other in started if other not in ended]
                if is_open:
                    raise Fault(f"{run} started while {is_open} was open, at {event['id']}")
                started.append(run)
        if kind in ENDS:
            ended[run] = kind
    lost = [message for message in messages if message not in answered]
    if lost:
        raise Fault(f"the messages {lost} have no run")
    begun = {event["run_id"] for event in events if event["type"] in ("agent_queued", "agent_started")}
    if at_rest and begun - set(ended):
        raise Fault(f"the runs {sorted(begun - set(ended))} have no end")


def check_order(events):
    """Runs that were queued start in the order in which they were queued."""
    queued = [event["run_id"] for event in events if event["type"] == "agent_queued"]
    started = [event["run_id"] for event in events if event["type"] == "agent_started" and event["run_id"] in queued]
    if started != [run for run in queued if run in started]:
        raise Fault(f"queued {queued}, started {started}")


def said(events, run):
    """The text of a run, in its fragments; and whole."""
    mine = [event for event in events if event.get("run_id") == run]
    fragments = [event["data"]["text"] for event in mine if event["type"] == "message_delta"]
    return fragments, "".join(event["data"]["text"] for event in mine if event["type"] == "message_completed")
