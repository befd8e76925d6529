#!/usr/bin/env python3
"""Busy threads and queues of the real service over commands and kill -9; the demo agent answers.

The numbers are those of the cases in the design:
46 a message takes the place of a run, at each event of it, and the service is killed at each of these moments
49 queued messages outlive the failure, the stop, the loss and the kill of what they wait for
54 queued runs are stopped by the thousand: afterwards as many agents work as may, and no place is lost
62 an agent's tool that was killed is not run again      66 after a restart nothing seems to run, and new runs start

  command_crashes.py               against services that this script starts
  command_crashes.py --self-test   that the checks notice each of these faults
"""

import argparse
import http.client
import json
import os
import sys
import threading
import time

from commands import event
from drafts import draft
from people import ENDS, Person, check_order, check_runs, guide, log_of, write_garden, write_library
from self_test import check_broken
from service import DataFolder, Service, add_binary_option
from thread_reader import Fault

LIVES, AT_ONCE = 4, 8
KILLS, KILL_SECONDS = 10_000, 30
# The number of agents that work for a user at once.
SLOTS = 8
# Runs of a process that is gone end as lost.
NEVER = ("--demo-restart", "never")


# 46 ---------------------------------------------------------------------------------------------------------------------


def supersede_everywhere(binary, folder, data):
    moments = 0
    for life in range(LIVES):
        threads = {f"t_over_{life}_{number}": 2 + life + number * LIVES for number in range(AT_ONCE)}
        with Service(binary, data, *guide(folder, 60)) as service, Person(service) as person:
            # With the answer, with some of what follows it, and without any of both.
            moments += supersede(person, threads, wanted=AT_ONCE - life, beyond=life * 3)
            service.kill()
        with Service(binary, data, *guide(folder, 0)) as service, Person(service) as person:
            for thread in threads:
                settle(person, thread)
    return moments


def supersede(person, threads, wanted, beyond):
    """Sends a message to `wanted` threads when their runs have their numbers of events, and reads `beyond` messages more."""
    for thread in threads:
        person.follow(thread)
        person.ask(thread, "Where are roses?")
    sent = set()

    def look(message):
        thread = message.get("thread_id")
        if "type" in message and thread not in sent and len(person.events[thread]) >= threads[thread]:
            sent.add(thread)
            person.begin("message", thread, data={"text": "Where are tulips?", "policy": "supersede"})
        return len(sent) >= wanted

    person.receive(look)
    for _ in range(beyond):
        person.receive(lambda message: True)
    return len(sent)


def settle(person, thread):
    """Returns the thread's events once nothing is open in it: the answer to a last message comes after all others."""
    if thread not in person.events:
        person.follow(thread)
    run = person.ask(thread, "Where are tulips?")["run_id"]
    person.wait(thread, ENDS, run)
    check_runs(person.events[thread])
    check_order(person.events[thread])
    return person.events[thread]


# 49 ---------------------------------------------------------------------------------------------------------------------


def queue_outlives(binary, folder, data):
    """Three messages wait in each thread, after a run that ends in another way in each of them."""
    runs = {}
    with Service(binary, data, *guide(folder, 1)) as service, Person(service) as person:
        for thread in ("t_failed", "t_stopped", "t_silent", "t_killed"):
            start = {"idle_timeout_ms": 1000} if thread == "t_silent" else {}
            if thread == "t_killed":
                person.ask(thread, "Where are roses?")
            else:
                person.emit(thread, draft("agent_started", "r_far", "far", **start))
            answers = [person.ask(thread, f"Where are {what}?") for what in ("roses", "tulips", "flowers")]
            if [answer["details"]["status"] for answer in answers] != ["queued"] * 3:
                raise Fault(f"{thread}: the messages were answered with {answers}")
            runs[thread] = [answer["run_id"] for answer in answers]
        service.kill()
    with Service(binary, data, *guide(folder, 0)) as service, Person(service) as person:
        for thread in ("t_failed", "t_stopped"):
            check_queue(service.request("GET", f"/v1/threads/{thread}/state").json()["state"], runs[thread])
        error = {"code": "far.broken", "message": "It broke."}
        person.emit("t_failed", draft("agent_failed", "r_far", error=error, duration_ms=1))
        person.do("stop", "t_stopped", run_id="r_far")
        for thread, queued in runs.items():
            person.follow(thread)
            for run in queued:
                person.wait(thread, "agent_completed", run)
            check_answered(person.events[thread], queued)


def check_queue(state, runs):
    queue = [(entry["run_id"], entry["position"]) for entry in state.get("queue", [])]
    if queue != list(zip(runs, range(1, len(runs) + 1))):
        raise Fault(f"after the restart the queue is {queue} instead of {runs}")


def check_answered(events, runs):
    check_runs(events)
    check_order(events)
    for run in runs:
        types = [event["type"] for event in events if event.get("run_id") == run]
        if types[:2] != ["agent_queued", "agent_started"] or types[-1] != "agent_completed" or types.count("agent_started") != 1:
            raise Fault(f"{run}, which was queued, is {types}")


# 54 ---------------------------------------------------------------------------------------------------------------------


class Killer(threading.Thread):
    """Fills the queue of a thread over HTTP and stops it, again and again."""

    def __init__(self, service, number, deadline, target):
        super().__init__()
        self.thread, self.deadline, self.target = f"t_kill_{number}", deadline, target
        self.connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=180)
        self.killed, self.fault = 0, None

    def post(self, path, body, key):
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        self.connection.request("POST", f"/v1/threads/{self.thread}/{path}", json.dumps(body), headers)
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())

    def run(self):
        number = 0
        try:
            while self.killed < self.target and time.monotonic() < self.deadline:
                for _ in range(16):
                    number += 1
                    status, answer = self.post("messages", {"text": "roses"}, f"m_{number}")
                    if status != 202:
                        raise Fault(f"a message was answered with {status} {answer}")
                status, answer = self.post("commands", {"name": "stop"}, f"k_{number}")
                if status != 200 or answer["outcome"] != "done":
                    raise Fault(f"the stop of a queue was answered with {status} {answer}")
                self.killed += len(answer["cursors"])
        except Exception as fault:  # noqa: BLE001 - told by the one who waits for this thread
            self.fault = fault
        finally:
            self.connection.close()


def stop_queued(binary, folder):
    """Returns the number of queued runs that were stopped."""
    with Service(binary, None, *guide(folder, 0.01)) as service, Person(service) as person:
        holders = [person.ask(f"t_hold_{number}", "Where are roses?") for number in range(SLOTS)]
        check_slots([holder["details"]["status"] for holder in holders])
        deadline = time.monotonic() + KILL_SECONDS
        killers = [Killer(service, number, deadline, KILLS // 3) for number in range(3)]
        for killer in killers:
            killer.start()
        # Meanwhile places come free, and are taken at the moment at which those who wait for them are stopped.
        turn = 0
        while any(killer.is_alive() for killer in killers):
            thread = f"t_hold_{turn % SLOTS}"
            turn += 1
            person.do("stop", thread)
            person.ask(thread, "Where are roses?")
            killers[turn % 3].join(0.1)
        for killer in killers:
            if killer.fault:
                raise Fault(f"{killer.thread}: {killer.fault}")
            check_runs(log_of(service, killer.thread))
        for number in range(SLOTS):
            person.do("stop", f"t_hold_{number}")
        again = [person.ask(f"t_again_{number}", "Where are roses?") for number in range(SLOTS + 1)]
        check_slots([answer["details"]["status"] for answer in again], others=1)
        # One place comes free, and one run takes it.
        person.do("stop", "t_again_0")
        person.follow(f"t_again_{SLOTS}")
        person.wait(f"t_again_{SLOTS}", "agent_started")
        check_slots([person.ask("t_late", "Where are roses?")["details"]["status"]], slots=0, others=1)
        for thread in [*(f"t_again_{number}" for number in range(1, SLOTS + 1)), "t_late"]:
            person.do("stop", thread)
        return sum(killer.killed for killer in killers)


def check_slots(statuses, slots=SLOTS, others=0):
    if statuses != ["running"] * slots + ["queued"] * others:
        raise Fault(f"with {slots} places free the runs are {statuses}")


# 62 and 66 --------------------------------------------------------------------------------------------------------------


def killed_in_a_tool(binary, folder, data):
    """62: says if the files themselves tell that nobody read them again."""
    files = list(folder.iterdir())
    forget_reading(files)
    with Service(binary, data, *guide(folder, 0, *NEVER)) as service, Person(service) as person:
        person.follow("t_tool")
        run = person.ask("t_tool", "Where are ships?")["run_id"]
        person.wait("t_tool", "tool_progress", run)
        service.kill()
    tells = any(os.stat(file).st_atime > 0 for file in files)
    forget_reading(files)
    with Service(binary, data, *guide(folder, 0, *NEVER)) as service, Person(service) as person:
        person.follow("t_tool")
        person.wait("t_tool", "agent_failed", run)
        check_lost(person.events["t_tool"], run)
        read = [file.name for file in files if os.stat(file).st_atime > 0]
        if read:
            raise Fault(f"after the restart the tool has read {read[:3]} again")
        # In the time of a whole run of the same agent nothing has been added.
        person.follow("t_clock")
        person.wait("t_clock", "agent_completed", person.ask("t_clock", "Where are ships?")["run_id"])
        check_lost(person.events["t_tool"], run)
    return tells


def forget_reading(files):
    """Sets the times at which files were read to the beginning of time, which reading them changes."""
    for file in files:
        os.utime(file, (0, time.time()))


def check_lost(events, run):
    mine = [event for event in events if event.get("run_id") == run]
    calls = [event for event in mine if event["type"] == "tool_executing"]
    ends = [(event["data"]["status"], event["data"]["error"]["code"]) for event in mine if event["type"] == "tool_completed"]
    end = mine[-1]
    if len(calls) != 1 or ends != [("cancelled", "tool.lost")]:
        raise Fault(f"the tool that was killed has {len(calls)} calls and the ends {ends}")
    if end["type"] != "agent_failed" or end["data"]["error"]["code"] != "run.lost":
        raise Fault(f"the run that was killed ends with {end}")


def no_ghosts(binary, folder, data):
    """66: a run in each state is killed; afterwards none seems to be in it, and each thread takes a new one."""
    with Service(binary, data, *guide(folder, 1, *NEVER)) as service, Person(service) as person:
        threads = ["t_running", "t_paused", "t_waiting", "t_queued"]
        for thread in threads:
            person.follow(thread)
            run = person.ask(thread, "launch secret" if thread == "t_waiting" else "Where are roses?")["run_id"]
            person.wait(thread, "approval_requested" if thread == "t_waiting" else "message_delta", run)
        person.do("pause", "t_paused")
        person.ask("t_queued", "Where are tulips?")
        service.kill()
    with Service(binary, data, *guide(folder, 0, *NEVER)) as service, Person(service) as person:
        for thread in threads:
            person.follow(thread)
            person.wait(thread, "agent_failed")
            if thread == "t_queued":
                person.wait(thread, "agent_completed")
            check_ghosts(thread, service.request("GET", f"/v1/threads/{thread}/state").json()["state"])
            events = settle(person, thread)
            check_new(thread, events)


def check_ghosts(thread, state):
    ghosts = [run["run_id"] for run in state["runs"] if run["status"] in ("queued", "running", "paused")]
    if ghosts or state.get("queue"):
        raise Fault(f"{thread}: after the restart {ghosts} seem to run, and {state.get('queue')} to wait")


def check_new(thread, events):
    ends = [event["type"] for event in events if event["type"] in ENDS]
    expected = ["agent_failed"] + ["agent_completed"] * (2 if thread == "t_queued" else 1)
    if ends != expected:
        raise Fault(f"{thread}: the runs ended with {ends}")
    if thread == "t_waiting":
        decisions = [event["data"]["decision"] for event in events if event["type"] == "approval_resolved"]
        if decisions != ["cancelled"]:
            raise Fault(f"the question of a run that was killed was {decisions}")


# The run, and the checks checked ----------------------------------------------------------------------------------------


def run(binary):
    with DataFolder() as folder:
        garden, library = folder / "garden", folder / "library"
        write_garden(garden)
        write_library(library)
        moments = supersede_everywhere(binary, garden, folder / "over")
        queue_outlives(binary, garden, folder / "queue")
        killed = stop_queued(binary, garden)
        tells = killed_in_a_tool(binary, library, folder / "tool")
        no_ghosts(binary, garden, folder / "ghosts")
    told = "" if tells else " (by the log alone: this file system does not say when a file was read)"
    print(f"46: {moments} moments, {LIVES} kills; 49; 54: {killed} queued runs stopped; 62{told}; 66: all hold")


def self_test():
    started = event("agent_started", 1)
    call = event("tool_executing", 2, call_id="c_1")
    lost = event("tool_completed", 3, call_id="c_1", status="cancelled", error={"code": "tool.lost"})
    failed = event("agent_failed", 4, error={"code": "run.lost"})
    check_lost([started, call, lost, failed], "r_1")
    check_queue({"queue": [{"run_id": "r_1", "position": 1}]}, ["r_1"])
    queued = event("agent_queued", 1)
    done = event("agent_completed", 5)
    check_answered([queued, event("agent_started", 2), done], ["r_1"])
    check_slots(["running"] * 8)
    check_ghosts("t", {"runs": [{"run_id": "r_1", "status": "failed"}]})
    check_new("t", [failed, done])
    broken = [
        ("a tool that runs again", "2 calls", lambda: check_lost([started, call, call, lost, failed], "r_1")),
        ("a tool that succeeds", "the ends", lambda: check_lost([started, call, {**lost, "data": {"status": "succeeded", "error": {"code": None}}}, failed], "r_1")),
        ("a run that does not know it", "ends with", lambda: check_lost([started, call, lost, done], "r_1")),
        ("a lost message", "the queue", lambda: check_queue({"queue": []}, ["r_1"])),
        ("another order", "the queue", lambda: check_queue({"queue": [{"run_id": "r_2", "position": 1}, {"run_id": "r_1", "position": 2}]}, ["r_1", "r_2"])),
        ("a run that starts twice", "while", lambda: check_answered([queued, event("agent_started", 2), event("agent_started", 3), done], ["r_1"])),
        ("a run that is dropped", "which was queued", lambda: check_answered([queued, event("agent_cancelled", 2)], ["r_1"])),
        ("a place that is lost", "places", lambda: check_slots(["running"] * 7 + ["queued"])),
        ("a place too much", "places", lambda: check_slots(["running"] * 9, others=1)),
        ("a ghost", "seem to run", lambda: check_ghosts("t", {"runs": [{"run_id": "r_1", "status": "running"}]})),
        ("a run that was not lost", "ended with", lambda: check_new("t", [done, done])),
        ("a question that stays", "question", lambda: check_new("t_waiting", [failed, done])),
    ]
    return check_broken("commands over crashes", broken)


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
