#!/usr/bin/env python3
"""SEC-74: a thread is deleted while foreign clients follow it and others; the service is killed while it erases.

- who follows the thread is told that it was deleted, and gets nothing of it afterwards; the connection lives;
- who follows another one, under load, gets each event once, in order, over the deletion;
- kill -9 in the middle of the rewriting, and of telling the sinks: after the restart the thread is gone, and is erased by itself;
- a webhook gets the record of the deletion after all events of the thread, and none afterwards;
- then no file of the service has anything of it, neither in the data folder nor of a sink, nor the dead letters; the other
  threads are as they were, in these files too;
- the report names what is left: the webhook's receiver, and backups with their age;
- its id is never used again.

  deletion.py               against services that this script starts and kills
  deletion.py --self-test   that the checks notice each fault
"""

import argparse
import http.server
import json
import shutil
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


def check_receiver(posts):
    """The deletion comes after all events of the thread; more than once only because of the kill."""
    deleted = 0
    for body in posts:
        if any(event["thread_id"] == GONE for event in body["events"]) and deleted:
            raise Fault("an event of the thread was sent after its deletion")
        for record in body.get("deletions", []):
            if record["type"] != "thread_deleted" or record["thread_id"] != GONE:
                raise Fault(f"a deletion was sent as {record}")
            deleted += 1
    if deleted not in (1, 2):
        raise Fault(f"the deletion was sent {deleted} times")


def check_lines(before, after, what):
    """The lines of other threads are there, in their order; those of the thread are blank."""
    kept = [line for line in before if CANARY not in line]
    left = [line for line in after if line.strip()]
    if left[:len(kept)] != kept:
        raise Fault(f"{what} does not have what it had of other threads")


def check_left(left):
    """What the report names."""
    if [(entry["where"], entry.get("name")) for entry in left] != [
            ("sink", "webhook"), ("backups", "before"), ("backups", None)]:
        raise Fault(f"what is left was told as {left}")
    if left[1]["age_seconds"] < 0 or "created_at" not in left[1]:
        raise Fault(f"the backup was told as {left[1]}")


# The run

REFUSED = f"{CANARY}-refused"


class Receiver(http.server.ThreadingHTTPServer):
    """Takes what a webhook sends, but for one event."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.posts = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = 500 if REFUSED.encode() in body else 204
        if status == 204:
            self.server.posts.append(json.loads(body))
        self.send_response(status)
        self.end_headers()

    def log_message(self, *arguments):
        pass


def lines(path):
    return path.read_text().splitlines()


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
    receiver = Receiver()
    secret = folder / "secret"
    secret.write_text("a secret of sixteen bytes")
    secret.chmod(0o600)
    sink, letters, backups = folder / "sink" / "events.ndjson", folder / "data" / "webhook-refused.ndjson", folder / "backups"
    sink.parent.mkdir()
    options = [
        "--file-sink", str(sink), "--webhook", receiver.url, "--webhook-secret-file", str(secret), "--sink-attempts", "1",
        "--sink-patience", "1s", "--sink-pause", "1s", "--internal-listen", "127.0.0.1:0", "--backup-folder", str(backups),
    ]

    def start():
        return Service(binary, folder / "data", *options).wait_until_listening()

    service = start()
    gone = f"{GONE}"
    text = CANARY * 400
    for index in range(FILLING):
        emit(service, gone, index, text, key=f"{CANARY}-{index}")
        emit(service, KEPT, index, f"kept {index}" * 200)
    emit(service, KEPT, FILLING, "after which one is refused")
    emit(service, gone, FILLING, REFUSED)
    wait_until(lambda: letters.exists() and CANARY in letters.read_text(), "the dead letter")
    wait_until(lambda: sink.exists() and REFUSED in sink.read_text(), "the last event in the file of the sink")
    made = service.request("POST", "/v1/admin/backups", json.dumps({"name": "before"}), port=service.internal_port)
    if made.status != 201:
        raise Fault(f"the backup was answered with {made}")
    first, told = subscriber(service, gone)
    second, kept = subscriber(service, KEPT)
    before = page_of(service, KEPT)
    written = lines(sink)
    stopping = threading.Event()

    def load():
        index = FILLING + 1
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

    service = start()
    again = service.request("GET", f"/v1/threads/{gone}/events")
    check_gone(again.status, again.code)
    wait_until(
        lambda: service.request("GET", f"/v1/threads/{gone}/deletion").json().get("erased_at"), "the end of the erasure")

    def report():
        return service.request("GET", f"/v1/threads/{gone}/deletion", port=service.internal_port).json()

    wait_until(lambda: all("is being told" not in entry["what"] for entry in report()["left"]), "the end of telling the sinks")
    check_left(report()["left"])
    # The copy has it, as the report says.
    shutil.rmtree(backups)
    check_files(contents(folder))
    check_lines(written, lines(sink), "the file of the sink")
    check_receiver(list(receiver.posts))
    check_kept(before, page_of(service, KEPT))
    refused = service.request(
        "POST", f"/v1/threads/{gone}/events", event(gone, 1, "again"), {"Content-Type": "application/json"})
    check_gone(refused.status, refused.code)
    service.stop()
    check_files(contents(folder))
    receiver.shutdown()
    receiver.server_close()


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
    record = {"events": [], "deletions": [{"type": "thread_deleted", "thread_id": GONE}]}
    posted = {"events": [{"thread_id": GONE}]}
    check_receiver([posted, record])
    check_lines(["a", CANARY, "b"], ["a", "   ", "b", "c"], "x")
    left = [
        {"where": "sink", "name": "webhook"}, {"where": "backups", "name": "before", "created_at": "x", "age_seconds": 0},
        {"where": "backups"},
    ]
    check_left(left)
    broken = [
        ("an event after the record", "after its deletion", lambda: check_receiver([record, posted])),
        ("a record that does not come", "was sent 0 times", lambda: check_receiver([posted])),
        ("a record that comes again and again", "was sent 3 times", lambda: check_receiver([record] * 3)),
        ("a record of another thread", "was sent as", lambda: check_receiver(
            [{"events": [], "deletions": [{"type": "thread_deleted", "thread_id": KEPT}]}])),
        ("a line of another thread that is gone", "other threads", lambda: check_lines(["a", "b"], ["a"], "x")),
        ("a backup that is not told", "what is left", lambda: check_left([left[0], left[2]])),
        ("a sink that is not told", "what is left", lambda: check_left(left[1:])),
        ("a backup without an age", "the backup was told", lambda: check_left(
            [left[0], {"where": "backups", "name": "before", "age_seconds": 1}, left[2]])),
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
