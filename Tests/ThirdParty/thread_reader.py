"""Checks one subscriber's view of one thread, event by event, as they arrive. Nothing is ever sorted."""

import json


class Fault(Exception):
    """What a subscriber saw is not what it must see."""


class ThreadReader:
    """Follows a thread from a position on: each event exactly once, its sequence rising by one.

    `after` is the sequence of the event before the first one. With `merges`, fragments may come merged: an event then
    begins at its `from_seq`.
    """

    def __init__(self, thread, after, merges=False):
        self.thread = thread
        self.merges = merges
        self.sequence = after
        self.generation = 0
        self.first = after + 1
        self.raw = []
        self.merged_count = 0

    def accept(self, raw):
        """Takes one event as it arrived. Raises a Fault when it is not the next one of this thread."""
        if isinstance(raw, bytes):
            raw = raw.decode("utf-8")
        event = json.loads(raw)
        sequence = event["seq"]
        if event["thread_id"] != self.thread:
            raise Fault(f"{self.thread}: got an event of {event['thread_id']}: {raw[:200]}")
        begin = sequence
        if "from_seq" in event:
            if not self.merges:
                raise Fault(f"{self.thread}: got a merged event and asked for none: {raw[:200]}")
            begin = event["from_seq"]
            if begin >= sequence:
                raise Fault(f"{self.thread}: a merged event has the range {begin} to {sequence}")
            self.merged_count += 1
        if begin <= self.sequence:
            raise Fault(f"{self.thread}: event {begin} came again, or late, after {self.sequence}")
        if begin != self.sequence + 1:
            raise Fault(f"{self.thread}: event {begin} came after {self.sequence}")
        generation, _, number = event["id"].partition("-")
        if number != str(sequence) or not generation.isdigit():
            raise Fault(f"{self.thread}: event {sequence} has the id {event['id']}")
        if int(generation) < self.generation:
            raise Fault(f"{self.thread}: the generation of {event['id']} is below {self.generation}")
        self.generation = int(generation)
        self.sequence = sequence
        self.raw.append(raw)
        return event

    @property
    def cursor(self):
        """The cursor after the last event; None when there was none yet."""
        return f"{self.generation}-{self.sequence}" if self.raw else None

    def raw_at(self, sequence):
        return self.raw[sequence - self.first]


def sequence_of(cursor):
    """The sequence of a cursor or null."""
    return 0 if cursor is None else int(cursor.partition("-")[2])


def compare(readers, expected_last):
    """Checks several readers of one thread against each other: all reached the end, and saw the same bytes."""
    whole = min(readers, key=lambda reader: reader.first)
    for reader in readers:
        if reader.sequence != expected_last:
            raise Fault(f"{reader.thread}: a subscriber stands at {reader.sequence}, and should at {expected_last}")
        for offset, raw in enumerate(reader.raw):
            sequence = reader.first + offset
            if raw != whole.raw_at(sequence):
                raise Fault(f"{reader.thread}: event {sequence} differs between two subscribers")


def told(raws):
    """What events say, however fragments are merged: adjacent fragments of one message or thought are one text."""
    parts = []
    for raw in raws:
        event = json.loads(raw)
        fragment = {"message_delta": "message_id", "agent_thinking": "thought_id"}.get(event["type"])
        event.pop("from_seq", None)
        if fragment is not None and parts:
            last = parts[-1]
            same = all(last.get(member) == event.get(member) for member in ("type", "run_id", "agent", "thread_id"))
            if same and last["data"][fragment] == event["data"][fragment]:
                # The later one's id, seq and time, and both texts.
                event["data"]["text"] = last["data"]["text"] + event["data"]["text"]
                parts.pop()
        parts.append(event)
    return parts


def compare_merged(reader, raws):
    """Checks a reader that got merged events against the events one by one."""
    for got, expected in zip(told(reader.raw), told(raws)):
        if got != expected:
            raise Fault(f"{reader.thread}: merged it says {str(got)[:300]} instead of {str(expected)[:300]}")
    if reader.sequence != len(raws):
        raise Fault(f"{reader.thread}: a subscriber stands at {reader.sequence}, and should at {len(raws)}")
