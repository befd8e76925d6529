#!/usr/bin/env python3
"""SEC-74: a thread is deleted while foreign clients follow it and others; the service is killed while it erases.

- who follows the thread is told that it was deleted, and gets nothing of it afterwards; the connection lives;
- who follows another one, under load, gets each event once, in order, over the deletion;
- kill -9 in the middle of the rewriting: after the restart the thread is gone, and is erased by itself;
- then no file of the data folder has anything of it, and the other threads are as they were;
- its id is never used again.

  deletion.py               against services that this script starts and kills
  deletion.py --self-test   that the checks notice each fault
"""

import argparse
import json
import sys
import threading
import time

from websockets.sync.client import connect

from self_test import check_broken
from service import SUBPROTOCOL, DataFolder, Service, add_binary_option
from thread_reader import Fault

CANARY = "CANARY-b1946ac92492"
GONE = "t_gone"
KEPT = "t_kept"
FILLING = 60
ROUNDS = 6
SECONDS = 60


# The checks

def check_files(contents):
    """No file has the canary."""
    found = sorted(name for name, content in contents.items() if CANARY.encode() in content)
    if found:
        raise Fault(f"the canary is still in {found}")


def check_order(sequences):
    """Each event once, in order, without a gap."""
    for index, sequence in enumerate(sequences):
        if sequence != index + 1:
            raise Fault(f"event {sequence} came in the place of {index + 1}")


def check_told(messages):
    """The last message about the thread says that it was deleted, once."""
    about = [message for message in messages if message.get("thread_id") == GONE]
    told = [message for message in about if message.get("op") == "unsubscribed"]
    if [message.get("code") for message in told] != ["thread.deleted"]:
        raise Fault(f"the end of the subscription was told as {told}")
    if about[-1] is not told[0]:
        raise Fault(f"after the deletion came {about[-1]}")


def check_gone(status, code):
    if (status, code) not in ((404, "thread.unknown"), (410, "thread.deleted")):
        raise Fault(f"the thread was answered with {status} {code}")


def check_kept(before, after):
    if after[:len(before)] != before:
        raise Fault("the other thread is not as it was")


# The run

def event(thread, number, text):
    return json.dumps({"type": "custom", "data": {"name": f"n_{number}", "value": text}})


def emit(service, thread, number, text, key=None):
    headers = {"Idempotency-Key": key} if key else {}
    answer = service.request(
        "POST", f"/v1/threads/{thread}/events", event(thread, number, text),
        {"Content-Type": "application/json", **headers})
    if answer.status != 201:
        raise Fault(f"an event was answered with {answer}")


def page_of(service, thread):
    events, after = [], "start"
    while True:
        answer = service.request("GET", f"/v1/threads/{thread}/events?after={after}&limit=1000")
        if answer.status != 200:
            raise Fault(f"{thread} was answered with {answer}")
        page = answer.json()
        events += page["events"]
        if not page["next"]:
            return events
        after = page["next"]


def follow(socket, messages):
    """Reads until the connection ends."""
    try:
        for text in socket:
            message = json.loads(text)
            if message.get("op") == "ping":
                socket.send(json.dumps({"op": "pong"}))
            messages.append(message)
    except Exception:
        # The service is killed under the clients; what they have until then is what counts.
        return


def wait_until(condition, what):
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Fault(f"{what} did not come within {SECONDS} s")
        time.sleep(0.01)


def contents(folder):
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def subscriber(service, thread):
    socket = connect(service.url, subprotocols=[SUBPROTOCOL], max_size=None)
    messages = []
    threading.Thread(target=follow, args=(socket, messages), daemon=True).start()
    socket.send(json.dumps({"op": "subscribe", "req": 1, "thread_id": thread, "after": "start"}))
    wait_until(lambda: any(message.get("op") == "live" for message in messages), "live")
    return socket, messages


def sequences(messages, thread):
    return [message["seq"] for message in messages if "seq" in message and message["thread_id"] == thread]


def run_round(binary, folder, number):
    service = Service(binary, folder).wait_until_listening()
    gone = f"{GONE}"
    text = CANARY * 400
    for index in range(FILLING):
        emit(service, gone, index, text, key=f"{CANARY}-{index}")
        emit(service, KEPT, index, f"kept {index}" * 200)
    first, told = subscriber(service, gone)
    second, kept = subscriber(service, KEPT)
    before = page_of(service, KEPT)
    stopping = threading.Event()

    def load():
        index = FILLING
        while not stopping.is_set():
            try:
                emit(service, KEPT, index, "under load")
            except Exception:
                # The service was killed.
                return
            index += 1

    loader = threading.Thread(target=load, daemon=True)
    loader.start()
    answer = service.request("DELETE", f"/v1/threads/{gone}")
    if answer.status not in (200, 202):
        raise Fault(f"the deletion was answered with {answer}")
    again = service.request("GET", f"/v1/threads/{gone}/events")
    check_gone(again.status, again.code)
    wait_until(lambda: any(message.get("op") == "unsubscribed" for message in told), "unsubscribed")
    first.ping().wait(SECONDS)
    time.sleep(0.004 * number)
    service.kill()
    stopping.set()
    loader.join(SECONDS)
    check_told(told)
    check_order(sequences(kept, KEPT))

    service = Service(binary, folder).wait_until_listening()
    again = service.request("GET", f"/v1/threads/{gone}/events")
    check_gone(again.status, again.code)
    wait_until(
        lambda: service.request("GET", f"/v1/threads/{gone}/deletion").json().get("erased_at"), "the end of the erasure")
    check_files(contents(folder))
    check_kept(before, page_of(service, KEPT))
    refused = service.request(
        "POST", f"/v1/threads/{gone}/events", event(gone, 1, "again"), {"Content-Type": "application/json"})
    check_gone(refused.status, refused.code)
    service.stop()
    check_files(contents(folder))


def run(binary):
    for number in range(ROUNDS):
        with DataFolder() as folder:
            run_round(binary, folder, number)
    print(f"deletion: {ROUNDS} threads deleted under load, killed while erasing; nothing of them is left")


def self_test():
    end = {"op": "unsubscribed", "thread_id": GONE, "code": "thread.deleted"}
    more = {"type": "custom", "thread_id": GONE, "seq": 1}
    check_files({"a": b"something"})
    check_order([1, 2, 3])
    check_told([more, end])
    check_gone(404, "thread.unknown")
    check_gone(410, "thread.deleted")
    check_kept([1], [1, 2])
    broken = [
        ("a canary that is left", "still in", lambda: check_files({"a": b"x" + CANARY.encode()})),
        ("an event that is missing", "in the place", lambda: check_order([1, 3])),
        ("an event that comes twice", "in the place", lambda: check_order([1, 1])),
        ("an end that is not told", "was told as", lambda: check_told([more])),
        ("an end for another reason", "was told as", lambda: check_told([{**end, "code": "thread.forbidden"}])),
        ("an event after the end", "after the deletion", lambda: check_told([end, more])),
        ("a thread that is there", "was answered", lambda: check_gone(200, None)),
        ("a thread that is forbidden", "was answered", lambda: check_gone(403, "thread.forbidden")),
        ("another thread that changes", "not as it was", lambda: check_kept([1, 2], [1])),
    ]
    return check_broken("deletion", broken)


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
