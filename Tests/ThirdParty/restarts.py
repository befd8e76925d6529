#!/usr/bin/env python3
"""The real service dies, by kill -9 or SIGTERM, while the demo agent is in each of its states, under each restart mode.

The numbers are those of the cases in the design:
24 a question outlives a reload and a restart, and its body runs once      27 a no outlives them, too: the body never runs
42 a stop of the service leaves an open question open                      61 kill -9 in every state, for every restart mode

  restarts.py               against services that this script starts
  restarts.py --self-test   that the checks notice each of these faults
"""

import argparse
import sys

from commands import event
from people import ENDS, Person, check_runs, guide, log_of, write_garden, write_library
from self_test import check_broken
from service import DataFolder, Service, add_binary_option
from thread_reader import Fault

SECRET = "is on Tuesday"


def of_run(events, run):
    return [event for event in events if event.get("run_id") == run]


def finished(service, thread, run):
    """The events of a run, once it has ended."""
    with Person(service) as person:
        person.follow(thread)
        person.wait(thread, ENDS, run)
        check_runs(person.events[thread], at_rest=False)
        return of_run(person.events[thread], run)


# 24, 27 and 42 ----------------------------------------------------------------------------------------------------------


def questions(binary, garden, data):
    """Kills before the answer, right after it, and both; and stops of the service: all come to the same."""
    asked = {}
    with Service(binary, data, *guide(garden, 0)) as service, Person(service) as person:
        for decision in ("approved", "denied"):
            for moment in ("before", "after", "stopped"):
                thread = f"t_{decision}_{moment}"
                person.follow(thread)
                run = person.ask(thread, "launch secret")["run_id"]
                asked[thread] = run, person.wait(thread, "approval_requested", run)["data"]["approval_id"], decision
                if moment == "after":
                    person.do("answer", thread, data={"approval_id": asked[thread][1], "decision": decision})
        # At the moment of an answer, and of what comes of it.
        service.kill()
    with Service(binary, data, *guide(garden, 0)) as service, Person(service) as person:
        for thread, (run, approval, decision) in asked.items():
            if thread.endswith("before"):
                check_open(log_of(service, thread), run)
                # Somebody who has just come: a page that was loaded again.
                state = service.request("GET", f"/v1/threads/{thread}/state").json()["state"]
                check_shown(state, approval)
                answer_twice(person, thread, approval, decision)
                check_outcome(finished(service, thread, run), decision)
        service.stop()
    with Service(binary, data, *guide(garden, 0)) as service, Person(service) as person:
        for thread, (run, approval, decision) in asked.items():
            if thread.endswith("stopped"):
                check_open(log_of(service, thread), run)
                answer_twice(person, thread, approval, decision)
            check_outcome(finished(service, thread, run), decision)
    return len(asked)


def answer_twice(person, thread, approval, decision):
    data = {"approval_id": approval, "decision": decision}
    first = person.do("answer", thread, data=data)
    again = person.do("answer", thread, outcome="unchanged", data=data)
    if first["cursors"] != again["cursors"]:
        raise Fault(f"an answer was given twice: {first} and {again}")


def check_open(events, run):
    types = [event["type"] for event in of_run(events, run)]
    if "approval_resolved" in types or set(types) & set(ENDS) or "approval_requested" not in types:
        raise Fault(f"after the end of the service the question is not open: {types}")


def check_shown(state, approval):
    if approval not in [open_one["approval_id"] for open_one in state.get("approvals", [])]:
        raise Fault(f"who comes later is not shown {approval}: {state}")


def check_outcome(events, decision):
    calls = [event["data"]["call_id"] for event in events if event["type"] == "tool_executing" and event["data"]["tool"] == "read_file"]
    ends = [(event["data"]["call_id"], event["data"]["status"]) for event in events if event["type"] == "tool_completed" and event["data"]["tool"] == "read_file"]
    answers = [event["data"]["decision"] for event in events if event["type"] == "approval_resolved"]
    expected = [(call, "succeeded" if decision == "approved" else "denied") for call in calls]
    if answers != [decision] or len(calls) != 1 or ends != expected:
        raise Fault(f"{decision}: the answers are {answers}, the calls {calls} ended as {ends}")
    if (SECRET in str(events)) != (decision == "approved") or events[-1]["type"] != "agent_completed":
        raise Fault(f"{decision}: the run ended as {events[-1]}")


# 61 ---------------------------------------------------------------------------------------------------------------------


def every_state(binary, garden, library, data, mode):
    """One run in each state at the kill; returns what became of each."""
    restart = ("--demo-restart", mode)
    runs = {}
    with Service(binary, data, *guide(garden, 2, *restart)) as service, Person(service) as person:
        for state in ("running", "paused", "waiting", "behind"):
            thread = f"t_{state}"
            person.follow(thread)
            runs[state] = person.ask(thread, "launch secret" if state == "waiting" else "Where are roses?")["run_id"]
            person.wait(thread, "approval_requested" if state == "waiting" else "message_delta", runs[state])
        person.do("pause", "t_paused")
        runs["queued"] = person.ask("t_behind", "Where are tulips?")["run_id"]
        service.kill()
    with Service(binary, data, *guide(library, 0, *restart)) as service, Person(service) as person:
        # The queued run runs now; another one is killed in the middle of a call.
        finished(service, "t_behind", runs["queued"])
        person.follow("t_call")
        runs["call"] = person.ask("t_call", "Where are ships?")["run_id"]
        person.wait("t_call", "tool_progress", runs["call"])
        service.kill()
    with Service(binary, data, *guide(garden, 0, *restart)) as service, Person(service) as person:
        if mode == "resume":
            person.follow("t_waiting")
            asked = person.wait("t_waiting", "approval_requested", runs["waiting"])["data"]["approval_id"]
            person.do("answer", "t_waiting", data={"approval_id": asked, "decision": "approved"})
            person.do("resume", "t_paused")
        for state, run in runs.items():
            thread = "t_behind" if state == "queued" else f"t_{state}"
            events = finished(service, thread, run)
            if mode == "again" and state != "queued":
                events += again(service, thread, run)
            check_state(mode, state, events)


def again(service, thread, run):
    """The events of the run that does a lost one again, and of those that do that one again."""
    events = []
    while run is not None:
        with Person(service) as person:
            person.follow(thread)
            while not (following := [e for e in person.events[thread] if e["data"].get("retry_of") == run and e["type"] == "agent_queued"]):
                person.receive(lambda message: "type" in message)
            run = following[0]["run_id"]
            if thread == "t_waiting":
                asked = person.wait(thread, ("approval_requested", *ENDS), run)
                if asked["type"] == "approval_requested":
                    person.do("answer", thread, data={"approval_id": asked["data"]["approval_id"], "decision": "approved"})
        mine = finished(service, thread, run)
        events += mine
        run = run if mine[-1]["type"] == "agent_failed" else None
    return events


def check_state(mode, state, events):
    """Compares a run that was in this state with the table of the design."""
    kinds = [event["type"] for event in events]
    codes = [event["data"]["error"]["code"] for event in events if event["type"] == "agent_failed"]
    if state == "queued":
        if kinds[0] != "agent_queued" or kinds[-1] != "agent_completed" or codes:
            raise Fault(f"{mode}, {state}: {kinds}")
        return
    if mode == "resume":
        if codes or kinds[-1] != "agent_completed":
            raise Fault(f"{mode}, {state}: {kinds} {codes}")
        if state in ("running", "behind") and not any(event["data"].get("reason") == "process_lost" for event in events):
            raise Fault(f"{mode}, {state}: nothing says that the process was lost: {kinds}")
        if state == "call":
            calls = [event["data"]["call_id"] for event in events if event["type"] == "tool_executing"]
            ends = [event["data"]["call_id"] for event in events if event["type"] == "tool_completed"]
            if sorted(calls) != sorted(ends):
                raise Fault(f"{mode}, {state}: the calls {calls} ended as {ends}")
        return
    if not codes or set(codes) != {"run.lost"} or (kinds[-1] != "agent_completed") != (mode == "never"):
        raise Fault(f"{mode}, {state}: {kinds} {codes}")
    lost = [event["data"]["error"]["code"] for event in events if event["type"] == "tool_completed" and event["data"].get("error")]
    if state == "call" and "tool.lost" not in lost:
        raise Fault(f"{mode}, {state}: the call that was under way ended with {lost}")
    decisions = [event["data"]["decision"] for event in events if event["type"] == "approval_resolved"]
    if state == "waiting" and (not decisions or decisions[0] != "cancelled"):
        raise Fault(f"{mode}, {state}: the question was {decisions}")
    attempts = [event["data"].get("attempt") for event in events if event["type"] == "agent_queued"]
    if mode == "again" and (not attempts or attempts != list(range(2, 2 + len(attempts)))):
        raise Fault(f"{mode}, {state}: the attempts are {attempts}")


# The run, and the checks checked ----------------------------------------------------------------------------------------


def run(binary):
    with DataFolder() as folder:
        write_garden(folder / "garden")
        write_library(folder / "library")
        count = questions(binary, folder / "garden", folder / "questions")
        for mode in ("never", "again", "resume"):
            every_state(binary, folder / "garden", folder / "library", folder / mode, mode)
    print(f"24, 27, 42: {count} questions over kills and stops; 61: six states under three restart modes; all hold")


def self_test():
    asked = event("approval_requested", 2, approval_id="a_1")
    call = event("tool_executing", 1, call_id="c_1", tool="read_file")
    yes = event("approval_resolved", 3, decision="approved")
    read = event("tool_completed", 4, call_id="c_1", tool="read_file", status="succeeded", result=SECRET)
    done, lost = event("agent_completed", 9), event("agent_failed", 8, error={"code": "run.lost"})
    check_open([call, asked], "r_1")
    check_outcome([call, asked, yes, read, done], "approved")
    started, queued = event("agent_started", 1), event("agent_queued", 1, attempt=2)
    check_state("never", "running", [started, lost])
    check_state("again", "running", [started, lost, queued, done])
    check_state("resume", "running", [started, event("agent_paused", 2, reason="process_lost"), done])
    broken = [
        ("a question that is lost", "not open", lambda: check_open([call, asked, yes], "r_1")),
        ("a run that is lost", "not open", lambda: check_open([call, asked, lost], "r_1")),
        ("a question that is not shown", "not shown", lambda: check_shown({}, "a_1")),
        ("a question that is shown as answered", "not shown", lambda: check_shown({"resolved_approvals": [{"approval_id": "a_1"}]}, "a_1")),
        ("a body that runs twice", "the calls", lambda: check_outcome([call, asked, yes, read, read, done], "approved")),
        ("a body that runs after a no", "ended as", lambda: check_outcome([call, asked, event("approval_resolved", 3, decision="denied"), read, done], "denied")),
        ("a body that does not run", "ended as", lambda: check_outcome([call, asked, yes, event("tool_completed", 4, call_id="c_1", tool="read_file", status="cancelled"), done], "approved")),
        ("never, and the run goes on", "never, running", lambda: check_state("never", "running", [started, done])),
        ("again, and nothing follows", "again, running", lambda: check_state("again", "running", [started, lost])),
        ("again, with the same attempt", "attempts", lambda: check_state("again", "running", [started, lost, event("agent_queued", 1, attempt=1), done])),
        ("resume, and the run is lost", "resume, paused", lambda: check_state("resume", "paused", [started, lost])),
        ("resume, and nothing is said", "process was lost", lambda: check_state("resume", "running", [started, done])),
        ("a queued run that is lost", "queued", lambda: check_state("never", "queued", [event("agent_queued", 1), lost])),
        ("a question that stays", "question", lambda: check_state("never", "waiting", [started, lost])),
        ("a call that is not told lost", "under way", lambda: check_state("never", "call", [started, lost])),
    ]
    return check_broken("restarts", broken)


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
