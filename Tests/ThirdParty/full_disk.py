#!/usr/bin/env python3
"""A full disk: a file may not grow beyond a limit of the process (RLIMIT_FSIZE), under both durabilities.

A client emits until the service can write no more. Then:

- the emission that met the limit gets 503 and the code `log.full`, and nothing of it was visible;
- the service ends with exit code 69 and says why;
- started again with room, the service has exactly what was acknowledged, with the same ids, and takes further events.

  full_disk.py               against services that this script starts
  full_disk.py --self-test   that the checks notice each of these faults
"""

import argparse
import json
import resource
import subprocess
import sys

from drafts import draft
from self_test import check_broken
from service import DataFolder, Service, add_binary_option
from thread_reader import Fault

LIMIT = 6 * 1024 * 1024
EVENT_BYTES = 100_000
MOST_EVENTS = 2 * LIMIT // EVENT_BYTES
UNAVAILABLE = 69
THREAD = "t_full"


def event_text(number):
    return json.dumps(draft("custom", name="filler", value={"n": number, "text": "x" * EVENT_BYTES}))


def emit(service, number):
    return service.request("POST", f"/v1/threads/{THREAD}/events?user_id=u_1", event_text(number))


def fill(service):
    """Emits until it is refused. Returns the acknowledged ids, and the answer that refused."""
    acknowledged = []
    for number in range(MOST_EVENTS):
        answer = emit(service, number)
        if answer.status != 201:
            return acknowledged, answer
        acknowledged += answer.json()["ids"]
    raise Fault(f"{MOST_EVENTS} events of {EVENT_BYTES} bytes went into files of {LIMIT}")


def check_refusal(acknowledged, answer):
    if not acknowledged:
        raise Fault("nothing was taken before the disk was full")
    if answer.status != 503 or answer.code != "log.full":
        raise Fault(f"the emission that met the limit got {answer}")


def check_end(code, errors):
    if code != UNAVAILABLE:
        raise Fault(f"the service ended with {code} instead of {UNAVAILABLE}: {errors}")
    if "log.full" not in errors and "File too large" not in errors:
        raise Fault(f"the service does not say why it ended: {errors}")


def check_kept(acknowledged, events):
    stored = [json.loads(event) for event in events]
    ids = [event["id"] for event in stored]
    if ids != acknowledged:
        raise Fault(f"acknowledged were {len(acknowledged)} events up to {acknowledged[-1]}, stored are {ids[-3:]}")
    for number, event in enumerate(stored):
        if event["data"]["value"]["n"] != number or len(event["data"]["value"]["text"]) != EVENT_BYTES:
            raise Fault(f"event {event['id']} is not the one that was acknowledged")


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))


def run(binary, durability):
    with DataFolder() as data:
        service = Service(binary, data, "--durability", durability, before_start=limit_files).wait_until_listening()
        try:
            acknowledged, answer = fill(service)
            check_refusal(acknowledged, answer)
            try:
                code = service.process.wait(20)
            except subprocess.TimeoutExpired:
                raise Fault("the service goes on without a log") from None
            check_end(code, service.errors())
        finally:
            service.kill()
        with Service(binary, data, "--durability", durability) as service:
            check_kept(acknowledged, service.pages(THREAD)[0])
            answer = emit(service, len(acknowledged))
            if answer.status != 201:
                raise Fault(f"with room again, an emission got {answer}")
            check_kept(acknowledged + answer.json()["ids"], service.pages(THREAD)[0])
    print(f"{durability}: {len(acknowledged)} events fit, the next one got log.full, all of them are kept")


class _Answer:
    def __init__(self, status, code):
        self.status, self.code = status, code


def self_test():
    ids = ["1-1", "1-2"]
    events = [
        json.dumps({"id": cursor, "data": {"value": {"n": number, "text": "x" * EVENT_BYTES}}})
        for number, cursor in enumerate(ids)
    ]
    check_kept(ids, events)
    check_refusal(ids, _Answer(503, "log.full"))
    check_end(UNAVAILABLE, "error.code=log.full")
    broken = [
        ("nothing taken", "nothing was taken", lambda: check_refusal([], _Answer(503, "log.full"))),
        ("a crash instead of an answer", "met the limit", lambda: check_refusal(ids, _Answer(500, None))),
        ("another code", "met the limit", lambda: check_refusal(ids, _Answer(503, "log.failed"))),
        ("killed by the signal", "ended with -25", lambda: check_end(-25, "log.full")),
        ("silence", "does not say why", lambda: check_end(UNAVAILABLE, "bye")),
        ("a lost event", "acknowledged were 2", lambda: check_kept(ids, events[:1])),
        ("an event too many", "acknowledged were 1", lambda: check_kept(ids[:1], events)),
        ("another event", "not the one", lambda: check_kept(ids, [events[0], events[1].replace('"n": 1', '"n": 2')])),
    ]
    return check_broken("full disk", broken)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--self-test", action="store_true")
    add_binary_option(parser)
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    try:
        for durability in ("process", "disk"):
            run(arguments.binary, durability)
    except Fault as fault:
        print(f"full disk: {fault}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
