"""A busy thread as drafts: runs side by side, long messages in many fragments, tools, small events and big ones."""

import itertools

from drafts import draft

SMALL_WORDS = ["and", "so", "the", "🧭", "naïve", "\"quoted\"", "a\nline", "tab\t", "\\", "漢字", "end."]


def busy_runs(chance, count, big_bytes=120_000, name="r"):
    """`count` events or a few more: of two or three runs at a time, mixed; each run is whole."""
    events, number = [], 0
    while len(events) < count:
        runs = []
        for _ in range(chance.randint(2, 3)):
            number += 1
            runs.append(_run(chance, f"{name}_{number}", big_bytes))
        events += _mixed(chance, runs)
    return events


def batches(chance, events, most=20):
    """The events cut into batches of 1 to `most`."""
    position = 0
    while position < len(events):
        size = chance.randint(1, most)
        yield events[position : position + size]
        position += size


def _mixed(chance, runs):
    """Takes a stretch of one run, then of another: fragments of a message are often, not always, next to each other."""
    left = [iter(run) for run in runs]
    mixed = []
    while left:
        chosen = chance.choice(left)
        stretch = list(itertools.islice(chosen, chance.choice([1, 3, 12, 30])))
        if not stretch:
            left.remove(chosen)
        mixed += stretch
    return mixed


def _run(chance, run, big_bytes):
    agent = chance.choice(["guide", "worker"])
    events = [draft("agent_started", run, agent, input={"question": "why?", "n": 9007199254740993})]
    for step in range(chance.randint(2, 4)):
        for number in range(chance.choice([1, 2, 12])):
            events.append(draft("agent_thinking", run, thought_id=f"th_{step}", text=f"{_words(chance)} {number}"))
        call = f"c_{step}"
        events.append(draft("tool_executing", run, call_id=call, tool="search_files", arguments={"query": _words(chance)}))
        if chance.random() < 0.3:
            events.append(draft("tool_progress", run, call_id=call, fraction=0.5))
        size = chance.choice([10, 10, 200, 3000, big_bytes // 10] if chance.random() < 0.9 else [big_bytes])
        events.append(
            draft("tool_completed", run, call_id=call, tool="search_files", status="succeeded", result="x" * size, duration_ms=3)
        )
        message = f"m_{step}"
        parts = [_words(chance) for _ in range(chance.choice([2, 20, 60]))]
        events += [draft("message_delta", run, message_id=message, text=part) for part in parts]
        events.append(draft("message_completed", run, message_id=message, role="assistant", text="".join(parts)))
    events.append(draft("agent_completed", run, result={"answer": _words(chance)}, duration_ms=5))
    return events


def _words(chance):
    return " ".join(chance.choice(SMALL_WORDS) for _ in range(chance.randint(1, 8))) + " "
