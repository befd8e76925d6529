#!/usr/bin/env python3
"""Schedules and hooks of the real service over kill -9, with a wall clock that is moved; the demo agent answers.

The numbers are those of the cases in the design:
76 down for a day: one run, and the others are told      78 killed between an occurrence and its run: it starts exactly once
Besides, a signed delivery to a hook is one message, also after a kill, and a schedule is for clocks of its zone.

  schedules.py               against services that this script starts
  schedules.py --self-test   that the checks notice each of these faults
"""

import argparse
import base64
import datetime
import hashlib
import hmac
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from people import guide, log_of, write_garden
from self_test import check_broken
from service import DataFolder, Service, add_binary_option
from thread_reader import Fault

SCHEDULES = 20
# The moments after a full minute at which the service is killed, in seconds.
MOMENTS = (0, 0.004, 0.010, 0.020, 0.040, 0.120)
# How long the service has before the minute. The first time the schedules have to be made by then.
LEAD_SECONDS = 1.4
FIRST_LEAD_SECONDS = 6
DEADLINE_SECONDS = 120
BASE = datetime.datetime(2027, 1, 4, tzinfo=datetime.timezone.utc).timestamp()
SECRET = b"a secret of some length"


class Clock:
    """The wall clock of services, moved by a library that is loaded before the C library."""

    def __init__(self, folder):
        compiler = next(name for name in ("cc", "clang") if shutil.which(name))
        self.library = folder / "clock_shift.so"
        source = Path(__file__).with_name("clock_shift.c")
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", self.library, source, "-ldl"], check=True)
        self.shift = 0

    def environment(self, moment):
        """That of a service for which it is this moment now."""
        self.shift = moment - time.time()
        return {"LD_PRELOAD": str(self.library), "CLOCK_SHIFT": f"{self.shift:.6f}"}

    def wait(self, moment):
        """Returns when it is that late for the service."""
        time.sleep(max(0, moment - self.shift - time.time()))


def text(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def minute(moment):
    return round(datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()) // 60


# Schedules --------------------------------------------------------------------------------------------------------------


def put(service, schedule, **members):
    answer = service.request("PUT", f"/v1/schedules/{schedule}", json.dumps(members))
    if answer.status not in (200, 201):
        raise Fault(f"the schedule {schedule} was refused: {answer}")
    return answer.json()


def settled(service, wanted):
    """Returns once everything up to a time is done with."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        schedules = service.request("GET", "/v1/schedules").json()["schedules"]
        late = [one["id"] for one in schedules if one["id"].startswith("s_") and one["done_up_to"] < text(wanted)]
        if len(schedules) >= SCHEDULES and not late:
            return
        if time.monotonic() > deadline:
            raise Fault(f"not done with by {text(wanted)}: {late or schedules}")
        time.sleep(0.05)


def check_occurrences(events, schedule, first, last):
    """Each minute from the first to the last is one run, or was told as one without: no other, and none twice."""
    runs = [event["run_id"] for event in events if event["type"] == "agent_queued" and event["data"].get("schedule_id") == schedule]
    if len(set(runs)) != len(runs):
        raise Fault(f"{schedule}: a run was queued twice: {runs}")
    skipped = set()
    for event in events:
        if event["type"] != "custom" or event["data"]["name"] != "schedule.skipped":
            continue
        value = event["data"]["value"]
        told = range(minute(value["first"]), minute(value["last"]) + 1)
        if value["schedule_id"] != schedule or value["count"] != len(told):
            raise Fault(f"{schedule}: {value} is not what it says")
        skipped.update(told)
    wanted = last - first + 1
    if len(runs) + len(skipped) != wanted:
        raise Fault(f"{schedule}: {len(runs)} runs and {len(skipped)} skipped ones are not the {wanted} that were due")
    return len(runs), len(skipped)


def check_answered(events):
    """Every run has its start and its end."""
    for kind in ("agent_started", "agent_completed"):
        runs = [event["run_id"] for event in events if event["type"] == "agent_queued"]
        found = [event["run_id"] for event in events if event["type"] == kind]
        ended = [event["run_id"] for event in events if event["type"] == "agent_failed"]
        if not set(runs) <= set(found) | set(ended) or len(found) != len(set(found)):
            raise Fault(f"the runs {runs} have {kind} of {found}")


def kill_at_every_moment(binary, garden, data, clock, hook):
    """Each life has one minute, and is killed a moment after it."""
    delivered = None
    for number, moment in enumerate(MOMENTS):
        due = BASE + (number + 1) * 60
        environment = clock.environment(due - (LEAD_SECONDS if number else FIRST_LEAD_SECONDS))
        with Service(binary, data, *guide(garden, 0), "--hook", str(hook), environment=environment) as service:
            if number == 0:
                for one in range(SCHEDULES):
                    put(service, f"s_{one}", cron="* * * * *", thread_id=f"t_{one}", input="Where are roses?")
            answer = deliver(service, clock, "d_1")
            check_same(delivered, answer)
            delivered = answer
            clock.wait(due + moment)
            service.kill()


def after_a_day(binary, garden, data, clock):
    now = BASE + 86_400 + 30
    with Service(binary, data, *guide(garden, 0), environment=clock.environment(now)) as service:
        settled(service, now - 30)
        total = 0
        for number in range(SCHEDULES):
            events = log_of(service, f"t_{number}")
            runs, skipped = check_occurrences(events, f"s_{number}", int(BASE) // 60 + 1, int(BASE) // 60 + 1440)
            check_made_up(runs, skipped)
            total += runs
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            try:
                for number in range(SCHEDULES):
                    check_answered(log_of(service, f"t_{number}"))
                break
            except Fault:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        zone(service)
        return total


def check_made_up(runs, skipped):
    if not 1 <= runs <= len(MOMENTS) + 1 or skipped < 1440 - len(MOMENTS) - 1:
        raise Fault(f"after a day {runs} runs were made up for, and {skipped} skipped")


def zone(service):
    """The clocks of Lord Howe are turned by half an hour, on 4 April 2027."""
    try:
        found = put(service, "howe", cron="45 1 4 4 *", zone="Australia/Lord_Howe", thread_id="t_0")["next"]
    except Fault as fault:
        if "tzdata" not in str(fault):
            raise
        return
    if found != "2027-04-03T14:45:00.000Z":
        raise Fault(f"01:45 on Lord Howe, the first of two, is not {found}")


# Hooks ------------------------------------------------------------------------------------------------------------------


def write_hook(folder):
    secret = folder / "secret"
    secret.write_bytes(SECRET)
    secret.chmod(0o600)
    hook = folder / "hook.json"
    members = {"id": "builds", "secret_file": str(secret), "user_id": "local", "thread_id": "t_{{thread}}", "text": "Where are {{flower}}?"}
    hook.write_text(json.dumps(members))
    return hook


def signed(body, delivery, seconds, secret=SECRET):
    code = hmac.new(secret, f"{delivery}.{seconds}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": delivery, "webhook-timestamp": str(seconds),
        "webhook-signature": "v1," + base64.b64encode(code).decode(), "Content-Type": "application/json",
    }


def deliver(service, clock, delivery):
    body = json.dumps({"thread": "hook", "flower": "tulips"}).encode()
    seconds = int(time.time() + clock.shift)
    for wrong in (signed(body, delivery, seconds - 400), signed(body, delivery, seconds, b"another secret of some")):
        refused = service.request("POST", "/v1/hooks/builds", body, wrong)
        if (refused.status, refused.code) != (401, "hook.signature"):
            raise Fault(f"a wrong signature was answered with {refused}")
    answer = service.request("POST", "/v1/hooks/builds", body, signed(body, delivery, seconds))
    if answer.status != 202:
        raise Fault(f"a delivery was refused: {answer}")
    return answer.json()


def check_same(before, after):
    if before and (before["message_id"], before["run_id"]) != (after["message_id"], after["run_id"]):
        raise Fault(f"a delivery that came again became another message: {before}, {after}")


# ------------------------------------------------------------------------------------------------------------------------


def run(binary):
    with DataFolder() as folder:
        write_garden(folder / "garden")
        clock = Clock(folder)
        kill_at_every_moment(binary, folder / "garden", folder / "data", clock, write_hook(folder))
        total = after_a_day(binary, folder / "garden", folder / "data", clock)
    print(f"76, 78: {SCHEDULES} schedules over {len(MOMENTS)} kills and a day: {total} runs, each minute once; a delivery is one message")


def self_test():
    def queued(run, schedule="s"):
        return {"type": "agent_queued", "run_id": run, "data": {"schedule_id": schedule}}

    def skipped(first, last, count=None):
        value = {"schedule_id": "s", "reason": "missed", "first": text(first * 60), "last": text(last * 60)}
        value["count"] = last - first + 1 if count is None else count
        return {"type": "custom", "data": {"name": "schedule.skipped", "value": value}}

    def of(kind, run):
        return {"type": kind, "run_id": run, "data": {}}

    check_occurrences([queued("r_1"), skipped(101, 103), queued("r_2")], "s", 100, 104)
    check_answered([queued("r_1"), of("agent_started", "r_1"), of("agent_completed", "r_1")])
    check_made_up(2, 1438)
    check_same({"message_id": "m", "run_id": "r"}, {"message_id": "m", "run_id": "r"})
    broken = [
        ("an occurrence that started twice", "are not the 5", lambda: check_occurrences([queued("r_1"), queued("r_3"), skipped(101, 103), queued("r_2")], "s", 100, 104)),
        ("an occurrence that is lost", "are not the 5", lambda: check_occurrences([skipped(101, 103), queued("r_2")], "s", 100, 104)),
        ("a run that is queued twice", "twice", lambda: check_occurrences([queued("r_1"), queued("r_1")], "s", 100, 101)),
        ("a skip that counts wrongly", "not what it says", lambda: check_occurrences([skipped(100, 103, 3), queued("r_2")], "s", 100, 104)),
        ("a run that never starts", "agent_started", lambda: check_answered([queued("r_1")])),
        ("a run that never ends", "agent_completed", lambda: check_answered([queued("r_1"), of("agent_started", "r_1")])),
        ("a run that starts twice", "agent_started", lambda: check_answered([queued("r_1"), of("agent_started", "r_1"), of("agent_started", "r_1")])),
        ("a day that is made up for in full", "made up", lambda: check_made_up(1440, 0)),
        ("a day of which nothing is made up for", "made up", lambda: check_made_up(0, 1440)),
        ("a delivery that is two messages", "another message", lambda: check_same({"message_id": "m", "run_id": "r"}, {"message_id": "n", "run_id": "r"})),
    ]
    return check_broken("schedules", broken)


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
