"""Well-formed runs as drafts: what a backend emits."""


def draft(kind, run=None, agent=None, **data):
    """One event without id, seq and time."""
    event = {"type": kind}
    if run is not None:
        event["run_id"] = run
    if agent is not None:
        event["agent"] = agent
    event["data"] = data
    return event


def run_events(run, count, marker, agent="worker"):
    """A whole run of exactly `count` events (at least 6), each with the marker and its own number in it."""
    events = [draft("agent_started", run, agent, input={"marker": marker, "n": 0})]
    number = 1
    while len(events) + 5 <= count - 1:
        events += _round(run, marker, number)
        number += 1
    while len(events) < count - 1:
        text = f"{marker} filler {len(events)}"
        events.append(draft("agent_thinking", run, thought_id=f"th_{len(events)}", text=text))
    events.append(draft("agent_completed", run, result={"marker": marker, "n": count - 1}, duration_ms=1))
    return events


def _round(run, marker, number):
    call, message = f"c_{number}", f"m_{number}"
    return [
        draft("agent_thinking", run, thought_id=f"th_{number}", text=f"{marker} thought {number} 🧭"),
        draft("tool_executing", run, call_id=call, tool="search_files", arguments={"marker": marker, "n": number}),
        draft("tool_completed", run, call_id=call, tool="search_files", status="succeeded", result=[number, marker], duration_ms=number),
        draft("message_delta", run, message_id=message, text=f"{marker} says \"{number}\"\n"),
        draft("message_completed", run, message_id=message, role="assistant", text=f"{marker} says \"{number}\"\n"),
    ]
