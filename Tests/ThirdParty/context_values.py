#!/usr/bin/env python3
"""Values of a thread's context in the real service: two tabs, zones of time, and kill -9 over an expiry.

The numbers are those of the cases in the design:
71 hosts in UTC+14 and UTC-12 give the same log      72 two writers, one version: one conflict      73 expiry and set

  context_values.py               against services that this script starts
  context_values.py --self-test   that the checks notice each of these faults
"""

import argparse
import sys
import time
from datetime import datetime, timedelta, timezone

from commands import event
from people import Person, guide, log_of, write_garden
from self_test import check_broken
from service import DataFolder, Service, add_binary_option
from thread_reader import Fault

# POSIX turns the sign around.
ZONES = {"UTC+14": "<+14>-14", "UTC-12": "<-12>+12"}
OPENING = {"type": "custom", "data": {"name": "begin", "value": None}}


def instant(text):
    """A time of the wire, which is UTC in whole milliseconds."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def wait_until(moment):
    """What expires at a time has to be waited for."""
    while datetime.now(timezone.utc) <= moment:
        time.sleep(0.02)


def set_value(person, thread, name, value, **rest):
    return person.do("set", thread, data={"key": name, "value": value, **rest})


def changes(events):
    """What happened to values, without times."""
    return [
        {name: value for name, value in event["data"].items() if name != "expires_at"}
        for event in events if event["type"] == "state_updated"
    ]


# 71 ---------------------------------------------------------------------------------------------------------------------


def in_zone(binary, data, zone):
    """The changes that a host in a zone of time logs."""
    began = datetime.now(timezone.utc)
    with Service(binary, data, environment={"TZ": zone}) as service, Person(service) as person:
        person.emit("t_1", OPENING)
        person.follow("t_1")
        set_value(person, "t_1", "short", 1, ttl_ms=300)
        set_value(person, "t_1", "day", 2, ttl_ms=86_400_000)
        set_value(person, "t_1", "stays", 3)
        removal = person.wait("t_1", "state_updated", removed=True)
        check_times(person.events["t_1"], began, {"short": 300, "day": 86_400_000})
        check_removal(person.events["t_1"], removal)
        return changes(log_of(service, "t_1"))


def check_times(events, began, lives):
    """Expiries are as far from their events as was asked for, and events are of now."""
    for event in events:
        if abs(instant(event["time"]) - began) > timedelta(hours=1):
            raise Fault(f"the event {event['id']} is of {event['time']}, and the time was {began}")
        if event["type"] != "state_updated" or "expires_at" not in event["data"]:
            continue
        life = (instant(event["data"]["expires_at"]) - instant(event["time"])) / timedelta(milliseconds=1)
        if life != lives[event["data"]["key"]]:
            raise Fault(f"{event['data']['key']} lives {life} ms, and should {lives[event['data']['key']]}")


def check_removal(events, removal):
    """A value is removed once its time has come, for that reason."""
    name = removal["data"]["key"]
    given = [event for event in events if event["data"].get("key") == name and "expires_at" in event["data"]]
    if not given or removal["data"].get("reason") != "expired":
        raise Fault(f"{name} was removed without a reason: {removal['data']}")
    if instant(removal["time"]) < instant(given[-1]["data"]["expires_at"]):
        raise Fault(f"{name} was removed at {removal['time']}, before {given[-1]['data']['expires_at']}")


def check_same(logs):
    first, *others = logs.values()
    for name, log in logs.items():
        if log != first:
            raise Fault(f"the logs differ: {name} has {log}, and {next(iter(logs))} {first}")
    return len(first)


# Tabs -------------------------------------------------------------------------------------------------------------------


def tabs(binary, data):
    """A value that one tab sets is in the other one, and gone there at its time; of two writers one is told of the other."""
    with Service(binary, data) as service, Person(service) as one, Person(service) as other:
        one.emit("t_1", OPENING)
        other.follow("t_1")
        version = set_value(one, "t_1", "city", "Berlin", ttl_ms=400)["details"]["version"]
        seen = other.wait("t_1", "state_updated", key="city")
        # By the clock of who reads it is gone then, whatever is in the log.
        wait_until(instant(seen["data"]["expires_at"]))
        told = service.request("GET", "/v1/threads/t_1/context/city").json()
        if told != {"key": "city", "version": 0}:
            raise Fault(f"a value whose time is over is told as {told}")
        check_removal(other.events["t_1"], other.wait("t_1", "state_updated", key="city", removed=True))
        late = one.command("set", "t_1", data={"key": "city", "value": "Bonn", "if_version": version})
        check_conflict(late, {"version": 0})
        version = set_value(one, "t_1", "city", "Bonn", if_version=0)["details"]["version"]
        data = {"key": "city", "value": "Köln", "if_version": version}
        requests = [(person, person.begin("set", "t_1", data=data)) for person in (one, other)]
        answers = [person.answer(request) for person, request in requests]
        winner = check_race(answers)
        for person, answer in zip((one, other), answers):
            if answer["op"] == "error":
                check_conflict(answer, {"version": winner, "value": "Köln"})


def check_race(answers):
    """The version that the one who was first has made."""
    done = [answer for answer in answers if answer.get("outcome") == "done"]
    refused = [answer for answer in answers if answer.get("code") == "state.conflict"]
    if len(done) != 1 or len(refused) != 1:
        raise Fault(f"two writers with one version were answered with {answers}")
    return done[0]["details"]["version"]


def check_conflict(answer, expected):
    details = answer.get("details", {})
    if answer.get("code") != "state.conflict" or any(details.get(name) != value for name, value in expected.items()):
        raise Fault(f"a change for another version was answered with {answer}, and should name {expected}")


# kill -9 ----------------------------------------------------------------------------------------------------------------


def over_an_expiry(binary, garden, data):
    """A value expires while there is no process: its removal is the first event of the next one, whoever comes first, and before
    the end of a run that was lost with the process."""
    with Service(binary, data, *guide(garden, 0)) as service, Person(service) as person:
        person.follow("t_run")
        run = person.ask("t_run", "launch secret")["run_id"]
        person.wait("t_run", "approval_requested", run)
        set_value(person, "t_run", "k", 1, ttl_ms=300)
        before = len(log_of(service, "t_run"))
        for thread in ("t_quiet", "t_busy", "t_days"):
            person.emit(thread, OPENING)
            person.follow(thread)
            set_value(person, thread, "k", 1, ttl_ms=86_400_000 if thread == "t_days" else 300)
        end = instant(person.events["t_busy"][-1]["data"]["expires_at"])
        service.kill()
    wait_until(end)
    with Service(binary, data, *guide(garden, 0, "--demo-restart", "never")) as service, Person(service) as person:
        person.follow("t_run")
        person.wait("t_run", "agent_failed", run)
        check_first(log_of(service, "t_run"), before)
        person.emit("t_busy", OPENING)
        # Nobody does anything in this one.
        person.follow("t_quiet")
        person.wait("t_quiet", "state_updated", removed=True)
        for thread in ("t_quiet", "t_busy"):
            check_first(log_of(service, thread), 2)
        if len(log_of(service, "t_days")) != 2:
            raise Fault("a value that lives for a day was removed")


def check_first(events, before):
    """After what was there comes the removal, once."""
    removals = [event["seq"] for event in events if event["data"].get("removed")]
    if removals != [before + 1]:
        raise Fault(f"the removals are {removals} in {[event['type'] for event in events]}, and should be one at {before + 1}")
    check_removal(events, events[before])


# The run, and the checks checked ----------------------------------------------------------------------------------------


def run(binary):
    with DataFolder() as folder:
        logs = {name: in_zone(binary, folder / name, zone) for name, zone in ZONES.items()}
        count = check_same(logs)
        tabs(binary, folder / "tabs")
        write_garden(folder / "garden")
        over_an_expiry(binary, folder / "garden", folder / "killed")
    print(f"71: {count} changes in two zones; 72, 73: two tabs; kill -9 over an expiry; all hold")


def self_test():
    now = datetime.now(timezone.utc)

    def at(seconds):
        moment = now + timedelta(seconds=seconds)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"

    def change(seq, seconds, **data):
        made = event("state_updated", seq, key="k", **data)
        made["time"] = at(seconds)
        return made

    given = change(1, 0, version=1, value=1, expires_at=at(1))
    gone = change(2, 1, version=2, removed=True, reason="expired")
    check_times([given, gone], now, {"k": 1000})
    check_removal([given, gone], gone)
    check_first([given, gone], 1)
    conflict = {"op": "error", "code": "state.conflict", "details": {"version": 2}}
    done = {"op": "accepted", "outcome": "done", "details": {"version": 2}}
    check_conflict(conflict, {"version": 2})
    check_race([done, conflict])
    broken = [
        ("an event of another zone", "the time was", lambda: check_times([change(1, 14 * 3600, version=1, value=1)], now, {})),
        ("an expiry of another zone", "lives", lambda: check_times([change(1, 0, version=1, value=1, expires_at=at(1 - 12 * 3600))], now, {"k": 1000})),
        ("a removal that comes early", "before", lambda: check_removal([given], change(2, 0.5, version=2, removed=True, reason="expired"))),
        ("a removal without a reason", "reason", lambda: check_removal([given], change(2, 2, version=2, removed=True))),
        ("a removal of what stays", "reason", lambda: check_removal([change(1, 0, version=1, value=1)], gone)),
        ("logs that differ", "differ", lambda: check_same({"a": [1], "b": [2]})),
        ("two winners", "two writers", lambda: check_race([done, done])),
        ("no winner", "two writers", lambda: check_race([conflict, conflict])),
        ("a conflict that names nothing", "should name", lambda: check_conflict({"code": "state.conflict"}, {"version": 2})),
        ("a removal that is late", "should be one", lambda: check_first([given, event("custom", 2), change(3, 2, version=2, removed=True, reason="expired")], 1)),
        ("a removal that is lost", "should be one", lambda: check_first([given, event("custom", 2)], 1)),
        ("a removal that comes twice", "should be one", lambda: check_first([given, gone, change(3, 2, version=3, removed=True, reason="expired")], 1)),
    ]
    return check_broken("context values", broken)


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
