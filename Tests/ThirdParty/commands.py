#!/usr/bin/env python3
"""Commands of people to runs, against the real service and the demo agent, each of them at a socket of their own.

The numbers are those of the cases in the design:
 1 a stop while a tool runs          4 a stop that is late leaves what began later    7 a stop, and its sender is gone
 8 a reader that is gone stops nothing           12 the message after a stop          16 a pause in the middle of an answer
29 two people say yes and no at once             35 an emission that says who answers

  commands.py               against services that this script starts
  commands.py --self-test   that the checks notice each of these faults
"""

import argparse
import json
import socket
import struct
import sys
import time

from drafts import draft
from people import ENDS, Person, check_order, check_runs, guide, log_of, said, write_garden, write_library
from self_test import check_broken
from service import DataFolder, Service, add_binary_option
from thread_reader import Fault

ANSWERS = 40


def cut(person):
    """The connection ends as when a machine is gone: with a reset, and nothing is said."""
    person.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    person.close()


# Stopping ---------------------------------------------------------------------------------------------------------------


def stop_during_a_tool(binary, folder):
    """1: the end is in the log at once, and nothing of the run comes after it; its body does not hold up the service's end."""
    with Service(binary, None, *guide(folder, 0), "--drain-timeout", "600") as service, Person(service) as reader:
        with Person(service) as other:
            for round_number in range(2):
                thread = f"t_tool_{round_number}"
                reader.follow(thread)
                run = other.ask(thread, "Where are ships?")["run_id"]
                reader.wait(thread, "tool_progress", run)
                answer = other.do("stop", thread, data={"reason": "enough"})
                end = reader.wait(thread, "agent_cancelled", run)
                if answer["cursors"] != [end["id"]]:
                    raise Fault(f"the stop has the cursors {answer['cursors']}, the run ended at {end['id']}")
                check_stopped(reader.events[thread], run)
                # A whole run in the same thread: nothing of the old one has come until its end.
                later = other.ask(thread, "Where are roses?")["run_id"]
                reader.wait(thread, "agent_completed", later)
                check_stopped(reader.events[thread], run)
        began = time.monotonic()
        service.stop()
        if time.monotonic() - began > 120:
            raise Fault("the body of a stopped run held up the end of the service")


def check_stopped(events, run):
    mine = [event for event in events if event.get("run_id") == run]
    call, end = mine[-2], mine[-1]
    if call["type"] != "tool_completed" or call["data"]["status"] != "cancelled" or call["data"]["error"]["code"] != "tool.abandoned":
        raise Fault(f"the call of a stopped run ends with {call}")
    if end["type"] != "agent_cancelled" or (end["data"].get("by"), end["data"].get("reason")) != ("local", "enough"):
        raise Fault(f"a stopped run ends with {end}")


def next_message(service, people):
    """12: what comes after a stop is answered, by a run of its own, and nothing of the old run comes any longer."""
    thread, (one, two) = "t_next", people
    one.follow(thread)
    for _ in range(5):
        stopped = two.ask(thread, "Where are roses?")["run_id"]
        one.wait(thread, "message_delta", stopped)
        two.do("stop", thread)
        fresh = two.ask(thread, "Where are tulips?")
        if fresh["run_id"] == stopped or fresh["details"]["status"] != "running":
            raise Fault(f"after a stop a message is answered with {fresh}")
        one.wait(thread, "message_delta", fresh["run_id"])
        two.do("stop", thread, run_id=fresh["run_id"])
    last = two.ask(thread, "Where are tulips?")["run_id"]
    one.wait(thread, "agent_completed", last)
    check_runs(one.events[thread])


def late_stop(service, people):
    """4: a stop is for what its sender saw."""
    thread, (one, two) = "t_late", people
    one.follow(thread)
    first = two.ask(thread, "Where are roses?")["run_id"]
    seen = one.wait(thread, "agent_completed", first)["id"]
    second = two.ask(thread, "Where are tulips?")["run_id"]
    one.wait(thread, "message_delta", second)
    answer = one.do("stop", thread, outcome="unchanged", as_of=seen)
    check_left(answer, [second])
    # Where both are open, it ends the one and leaves the other.
    for run in ("r_1", "r_2"):
        seen = two.emit("t_both", draft("agent_started", run, "far"))[0] if run == "r_1" else seen
        if run == "r_2":
            two.emit("t_both", draft("agent_started", run, "far"))
    answer = one.do("stop", "t_both", as_of=seen)
    check_left(answer, ["r_2"])
    if answer["run_id"] != "r_1":
        raise Fault(f"a stop as of {seen} is for {answer}")
    # The panic button.
    one.do("stop", "t_both")
    one.do("stop", thread)
    end = one.wait(thread, ENDS, second)
    if end["type"] != "agent_cancelled":
        raise Fault(f"the second run ended with {end}")


def check_left(answer, runs):
    left = [run["run_id"] for run in answer.get("details", {}).get("left", [])]
    if left != runs:
        raise Fault(f"a stop as of an earlier event left {left} instead of {runs}: {answer}")


def stop_and_gone(binary, folder, data):
    """7: what came whole is carried out once, and a repetition is answered with the same, also after kill -9."""
    answers = {}
    with Service(binary, data, *guide(folder, 4)) as service, Person(service) as reader:
        for number, leave in enumerate([Person.close, cut, Person.close, cut]):
            thread = f"t_gone_{number}"
            reader.follow(thread)
            run = reader.ask(thread, "Where are roses?")["run_id"]
            reader.wait(thread, "message_delta", run)
            one = Person(service)
            one.begin("stop", thread, key="k_gone")
            leave(one)
            with Person(service) as again:
                if leave is Person.close:
                    # It came whole, so it is carried out without its sender.
                    reader.wait(thread, "agent_cancelled", run)
                else:
                    # A connection that was cut may have taken the command with it: then this is the first that comes.
                    again.command("stop", thread, key="k_gone")
                answers[thread] = again.do("stop", thread, outcome="repeated", key="k_gone")["cursors"]
        service.kill()
    with Service(binary, data, *guide(folder, 4)) as service, Person(service) as again:
        for thread, cursors in answers.items():
            answer = again.do("stop", thread, outcome="repeated", key="k_gone")
            events = log_of(service, thread)
            check_once(events, cursors, answer["cursors"])


def check_once(events, cursors, repeated):
    ends = [event["id"] for event in events if event["type"] == "agent_cancelled"]
    if not ends or ends != cursors or repeated != cursors:
        raise Fault(f"a stop that was sent twice: the log has {ends}, the answers are {cursors} and {repeated}")


# Going away and pausing -------------------------------------------------------------------------------------------------


def reader_gone(service, people):
    """8: a run continues when nobody looks, and a reader who comes back gets the rest."""
    thread, (one, _) = "t_alone", people
    run = one.ask(thread, "Where are roses?")["run_id"]
    seen = []
    for leave in (Person.close, cut):
        reader = Person(service)
        reader.follow(thread, after=seen[-1]["id"] if seen else "start")
        reader.wait(thread, "message_delta", run)
        seen += reader.events[thread]
        leave(reader)
    with Person(service) as back:
        back.follow(thread, after=seen[-1]["id"])
        back.wait(thread, "agent_completed", run)
        seen += back.events[thread]
    check_said(seen, run)


def check_said(events, run):
    fragments, whole = said(events, run)
    if len(fragments) < 20 or "".join(fragments) != whole:
        raise Fault(f"{run} said {len(fragments)} words, and they are not its message {whole!r}: {''.join(fragments)!r}")
    if events[-1]["type"] != "agent_completed":
        raise Fault(f"{run} ends with {events[-1]}")


def pause_in_mid_answer(service, people):
    """16: nothing comes while an answer is paused, though another one is said meanwhile; then every word comes once."""
    thread, (one, two) = "t_pause", people
    one.follow(thread)
    run = one.ask(thread, "Where are roses?")["run_id"]
    for number in range(3):
        for _ in range(4):
            one.wait(thread, "message_delta", run)
        paused = two.do("pause", thread)["cursors"]
        two.do("pause", thread, outcome="unchanged")
        one.wait(thread, "agent_paused", run)
        # The clock by which nothing comes: the whole answer to another question.
        clock = f"t_clock_{number}"
        two.follow(clock)
        two.wait(clock, "agent_completed", two.ask(clock, "Where are tulips?")["run_id"])
        resumed = two.do("resume", thread)["cursors"]
        one.wait(thread, "agent_resumed", run)
        check_paused(one.events[thread], paused, resumed)
    one.wait(thread, ENDS, run)
    check_said(one.events[thread], run)


def check_paused(events, paused, resumed):
    ids = [event["id"] for event in events]
    between = events[ids.index(paused[-1]) + 1 : ids.index(resumed[0])]
    if between:
        raise Fault(f"in a paused run there are {[event['type'] for event in between]}")


# Answering --------------------------------------------------------------------------------------------------------------


def opposite_answers(service, people):
    """29: of two answers at once one counts, both people are told which, and see the same."""
    thread = "t_tabs"
    one, two = people
    one.follow(thread)
    two.follow(thread)
    one.emit(thread, draft("agent_started", "r_1", "far"))
    for number in range(ANSWERS):
        approval = f"a_{number}"
        one.emit(thread, draft("approval_requested", "r_1", approval_id=approval, prompt="Yes or no?"))
        for person in people:
            person.wait(thread, "approval_requested", approval_id=approval)
        decisions = ("approved", "denied")
        order = (0, 1) if number % 2 else (1, 0)
        sent = {
            index: people[index].begin("answer", thread, data={"approval_id": approval, "decision": decisions[index]})
            for index in order
        }
        answers = [people[index].answer(sent[index]) for index in (0, 1)]
        events = [person.wait(thread, "approval_resolved", approval_id=approval) for person in people]
        check_answers(answers, events, decisions)
    if one.readers[thread].raw != two.readers[thread].raw:
        raise Fault("two people who answered at once saw different events")
    one.do("stop", thread)


def check_answers(answers, events, decisions):
    won = [index for index in (0, 1) if answers[index].get("outcome") == "done"]
    if len(won) != 1 or events[0] != events[1]:
        raise Fault(f"opposite answers got {answers}, and events {events}")
    (winner,) = won
    loser, event = answers[1 - winner], events[0]
    if event["data"]["decision"] != decisions[winner] or answers[winner]["cursors"] != [event["id"]]:
        raise Fault(f"the answer {answers[winner]} is {event} in the log")
    told = loser.get("details", {})
    if loser.get("code") != "approval.resolved" or told.get("decision") != decisions[winner] or told.get("cursor") != event["id"]:
        raise Fault(f"an answer that does not count was answered with {loser}, the one that counts is {event}")


def answers_and_body(service, people):
    """29, with the guide: its tool runs exactly when the answer that counts is a yes."""
    one, two = people
    for number in range(6):
        thread = f"t_secret_{number}"
        one.follow(thread)
        run = two.ask(thread, "launch secret")["run_id"]
        approval = one.wait(thread, "approval_requested", run)["data"]["approval_id"]
        decisions = ("approved", "denied")
        order = (0, 1) if number % 2 else (1, 0)
        sent = {
            index: people[index].begin("answer", thread, data={"approval_id": approval, "decision": decisions[index]})
            for index in order
        }
        for index in (0, 1):
            people[index].answer(sent[index])
        one.wait(thread, ENDS, run)
        check_body(one.events[thread])


def check_body(events):
    (answer,) = [event["data"]["decision"] for event in events if event["type"] == "approval_resolved"]
    statuses = [event["data"]["status"] for event in events if event["type"] == "tool_completed" and event["data"]["tool"] == "read_file"]
    text = "".join(event["data"]["text"] for event in events if event["type"] == "message_completed")
    has_read = statuses == ["succeeded"] and "Tuesday" in text
    was_told = statuses == ["denied"] and "Tuesday" not in text and "not allowed to read" in text
    if not (has_read if answer == "approved" else was_told) or events[-1]["type"] != "agent_completed":
        raise Fault(f"after {answer} the guide's call was {statuses}, and it said {text!r}")


def self_approval(service, people):
    """35: nobody says in an event who has answered; the service does, from the credentials."""
    thread, (one, _) = "t_self", people
    one.emit(thread, draft("agent_started", "r_1", "far"), draft("approval_requested", "r_1", approval_id="a_1", prompt="?"))
    before = log_of(service, thread)
    forged = draft("approval_resolved", "r_1", approval_id="a_1", decision="approved", by="u_1")
    code = one.emit(thread, forged)
    check_refused(code, "event.field_not_allowed", before, log_of(service, thread))
    answer = service.request("POST", f"/v1/threads/{thread}/events", json.dumps(forged), {"Content-Type": "application/json"})
    check_refused(answer.code, "event.field_not_allowed", before, log_of(service, thread))
    one.emit(thread, draft("approval_resolved", "r_1", approval_id="a_1", decision="denied"))
    check_stamped(log_of(service, thread)[-1])
    one.do("stop", thread)


def check_refused(code, expected, before, after):
    if code != expected or before != after:
        raise Fault(f"expected {expected} and nothing in the log, got {code} and {len(after) - len(before)} events")


def check_stamped(event):
    if event["data"].get("by") != "local":
        raise Fault(f"an answer without its author is in the log: {event}")


# The run, and the checks checked ----------------------------------------------------------------------------------------


def run(binary):
    with DataFolder() as folder:
        write_garden(folder / "garden")
        write_library(folder / "library")
        stop_during_a_tool(binary, folder / "library")
        with Service(binary, None, *guide(folder / "garden", 30)) as service:
            for case in (next_message, late_stop, reader_gone, pause_in_mid_answer, opposite_answers, answers_and_body, self_approval):
                with Person(service) as one, Person(service) as two:
                    case(service, (one, two))
            if service.errors():
                raise Fault(f"the service complains: {service.errors()}")
        stop_and_gone(binary, folder / "garden", folder / "data")
    print(f"cases 1, 4, 7, 8, 12, 16, 29 ({ANSWERS} pairs of answers) and 35 hold")


def event(kind, number, run="r_1", **data):
    return {"type": kind, "id": f"1-{number}", "seq": number, "run_id": run, "data": data}


def self_test():
    abandoned = event("tool_completed", 3, tool="t", status="cancelled", error={"code": "tool.abandoned", "message": "x"})
    cancelled = event("agent_cancelled", 4, by="local", reason="enough")
    check_stopped([abandoned, cancelled], "r_1")
    words = [event("message_delta", number, text="a ") for number in range(20)]
    message = event("message_completed", 20, text="a " * 20)
    completed = event("agent_completed", 21)
    check_said([*words, message, completed], "r_1")
    won = {"outcome": "done", "cursors": ["1-9"]}
    lost = {"code": "approval.resolved", "details": {"decision": "approved", "cursor": "1-9"}}
    resolved = event("approval_resolved", 9, decision="approved", by="local")
    both, decisions = [resolved, resolved], ("approved", "denied")
    check_answers([won, lost], both, decisions)
    read = event("tool_completed", 10, tool="read_file", status="succeeded")
    telling = event("message_completed", 11, text="Tuesday")
    check_body([resolved, read, telling, completed])
    question = {**event("user_message", 1, message_id="m_1"), "run_id": None}
    first = event("agent_started", 2, message_ids=["m_1"])
    second = event("agent_started", 3, run="r_2")
    check_runs([question, first, cancelled])
    queued = [event("agent_queued", 1, run="r_1"), event("agent_queued", 2, run="r_2")]
    broken = [
        ("a call that has no end", "the call", lambda: check_stopped([completed, cancelled], "r_1")),
        ("a body that had not begun", "the call", lambda: check_stopped([event("tool_completed", 3, tool="t", status="cancelled", error={"code": "tool.not_started"}), cancelled], "r_1")),
        ("a stop without its author", "ends with", lambda: check_stopped([abandoned, event("agent_cancelled", 4, reason="enough")], "r_1")),
        ("a stop that took too much", "left []", lambda: check_left({"details": {}}, ["r_2"])),
        ("two ends", "twice", lambda: check_once([cancelled, event("agent_cancelled", 5)], ["1-4"], ["1-4"])),
        ("another answer", "twice", lambda: check_once([cancelled], ["1-4"], ["1-5"])),
        ("a lost word", "said 20", lambda: check_said([*words[:-1], words[0], event("message_completed", 20, text="b " * 20), completed], "r_1")),
        ("a run that did not go on", "ends with", lambda: check_said([*words, message, cancelled], "r_1")),
        ("a word in a pause", "message_delta", lambda: check_paused([event("agent_paused", 1), *words[2:3], event("agent_resumed", 3)], ["1-1"], ["1-3"])),
        ("two answers that count", "opposite", lambda: check_answers([won, won], both, decisions)),
        ("an answer that got lost", "opposite", lambda: check_answers([lost, lost], both, decisions)),
        ("another answer in the log", "in the log", lambda: check_answers([lost, won], both, decisions)),
        ("a loser that is told nothing", "does not count", lambda: check_answers([won, {"code": "approval.resolved"}], both, decisions)),
        ("a body after a no", "after denied", lambda: check_body([event("approval_resolved", 9, decision="denied"), read, telling, completed])),
        ("a forged answer that is logged", "1 events", lambda: check_refused("event.field_not_allowed", "event.field_not_allowed", [], [1])),
        ("an answer of nobody", "without its author", lambda: check_stamped(event("approval_resolved", 1))),
        ("two open runs", "while", lambda: check_runs([question, first, second])),
        ("a message without a run", "no run", lambda: check_runs([question])),
        ("an event after the end", "after agent_cancelled", lambda: check_runs([question, first, cancelled, words[0]])),
        ("a run without an end", "no end", lambda: check_runs([question, first])),
        ("a queue out of order", "started", lambda: check_order([*queued, event("agent_started", 3, run="r_2"), event("agent_started", 4, run="r_1")])),
    ]
    return check_broken("commands", broken)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    try:
        run(options.binary)
    except Fault as fault:
        print(f"FAILED: {fault}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
