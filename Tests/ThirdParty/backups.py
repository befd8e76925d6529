#!/usr/bin/env python3
"""Backups of a service under load, and what is made of them after kill -9 and the loss of the data folder.

- Clients emit hundreds of events in a second, and one follows, while backups are made; then the service is killed, its data folder
  is deleted, and the last backup is restored: everything that was acknowledged before it was asked for is there, as it was;
- a client that has seen more is told `reset`, `diverged` (SEC-75), reads the thread anew, and goes on; one that has not continues;
- the sizes and hashes of the manifest are those that Python computes; the heads are those of the threads;
- a bit that is another one, in any file of the backup, is found by `verify`, which names the file and the place; nothing is restored of it;
- a full disk leaves no backup and no data folder; the log is as it was;
- a data folder of the version before tenants opens as before.

  backups.py               against services that this script starts
  backups.py --self-test   that the checks notice each fault
"""

import argparse
import hashlib
import json
import random
import re
import resource
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

from websockets.sync.client import connect

from drafts import draft
from self_test import check_broken
from service import SUBPROTOCOL, DataFolder, Service, add_binary_option
from thread_reader import Fault, ThreadReader

THREADS = [f"t_{number}" for number in range(3)]
BATCH = 20
SECONDS = 120
LOAD_SECONDS = 2
BACKUPS = 3
FLIPS = 3
UNAVAILABLE = 69
OLD_LOG = Path(__file__).with_name("log_aeb3.tar.gz")
# The events that it was made with.
OLD_EVENTS = {"t_1": 22, "t_2": 5}


# The checks

def check_restored(acknowledged, stored):
    """The log begins with what was acknowledged before the backup; some of what came since may follow."""
    if not acknowledged:
        raise Fault("nothing was acknowledged before the backup")
    ids = [json.loads(event)["id"] for event in stored]
    if ids[:len(acknowledged)] != acknowledged:
        raise Fault(f"{len(acknowledged)} events were acknowledged up to {acknowledged[-1]}, restored are {len(ids)}, {ids[-1:]}")
    for number, event in enumerate(stored):
        if json.loads(event)["seq"] != number + 1:
            raise Fault(f"event {number + 1} is {event[:100]}")


def check_bytes(seen, stored):
    """What a follower saw of the part that was restored is what is stored."""
    for number, (one, other) in enumerate(zip(seen, stored)):
        if one.encode() != other:
            raise Fault(f"event {number + 1} was seen as {one[:100]}, and is {other[:100]!r}")


def check_reset(messages):
    """A client that has seen more than there is."""
    ops = [message.get("op") for message in messages[:2]]
    if ops != ["subscribed", "reset"] or messages[1].get("reason") != "diverged":
        raise Fault(f"a cursor beyond the backup was answered with {json.dumps(messages)[:300]}")


def check_continued(messages, cursor):
    """A client that has seen less."""
    if messages[0].get("after") != cursor or any(message.get("op") == "reset" for message in messages):
        raise Fault(f"the cursor {cursor} of the backup was answered with {json.dumps(messages)[:300]}")


def check_found(code, text, name, offset):
    """What `verify` says of a damaged byte."""
    if code != 1:
        raise Fault(f"verify ended with {code} for a bit of {name}: {text}")
    if name.startswith("manifest."):
        name = "manifest.json"
        offset = None
    match = re.search(rf"^{re.escape(name)}(?:, at offset (\d+))?: ", text, re.M)
    if not match:
        raise Fault(f"verify does not name {name}: {text}")
    if offset is None:
        return
    if match.group(1) is None or not 0 <= offset - int(match.group(1)) < 65536:
        raise Fault(f"verify names another place of {name} than {offset}: {text}")


def check_manifest(folder, heads):
    manifest = json.loads((folder / "manifest.json").read_text())
    seal = (folder / "manifest.sha256").read_text()
    if seal != hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest() + "  manifest.json\n":
        raise Fault("manifest.sha256 is not the hash of the manifest")
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    if names != {file["name"] for file in manifest["files"]} | {"manifest.json", "manifest.sha256"}:
        raise Fault(f"the manifest has other files than the folder: {sorted(names)}")
    for file in manifest["files"]:
        content = (folder / file["name"]).read_bytes()
        if (len(content), hashlib.sha256(content).hexdigest()) != (file["bytes"], file["sha256"]):
            raise Fault(f"the manifest says another thing of {file['name']}")
    lines = [json.loads(line) for line in (folder / "heads.ndjson").read_text().splitlines()]
    if {line["thread_id"]: line["head"] for line in lines} != heads:
        raise Fault(f"the heads are {lines}, and not {heads}")


def check_full(code, text, folders):
    if code != UNAVAILABLE or "log.full" not in text:
        raise Fault(f"a full disk ended with {code}: {text}")
    for folder in folders:
        if folder.exists():
            raise Fault(f"a full disk left {folder}")


# The course

def command(binary, *arguments, limit=None):
    """Runs the program; the exit code, and what it wrote."""
    def before():
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    done = subprocess.run(
        [str(binary), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        preexec_fn=before, timeout=SECONDS)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def succeed(binary, *arguments):
    code, text = command(binary, *arguments)
    if code != 0:
        raise Fault(f"{' '.join(map(str, arguments))} ended with {code}: {text}")
    return text


def emit(service, thread, number, count=BATCH):
    lines = "\n".join(json.dumps(draft("custom", name="n", value={"n": number + n, "text": "x" * 100})) for n in range(count))
    answer = service.request(
        "POST", f"/v1/threads/{thread}/events", lines, {"Content-Type": "application/x-ndjson"})
    if answer.status != 201:
        raise Fault(f"an emission got {answer}")
    return answer.json()["ids"]


class Emitter(threading.Thread):
    """Emits until it is told to stop, or the service is gone."""

    def __init__(self, service, thread):
        super().__init__(daemon=True)
        self.service, self.thread = service, thread
        self.acknowledged = []
        self.ends = False
        self.fault = None
        self.start()

    def run(self):
        while not self.ends:
            try:
                self.acknowledged = self.acknowledged + emit(self.service, self.thread, len(self.acknowledged))
            except Fault as fault:
                self.fault = fault
                return
            except Exception:
                # The service was killed.
                return


class Follower(threading.Thread):
    """A client of another make that follows a thread until the service is gone."""

    def __init__(self, service, thread):
        super().__init__(daemon=True)
        self.reader = ThreadReader(thread, 0)
        self.url = service.url
        self.fault = None
        self.start()

    def run(self):
        try:
            with connect(self.url, subprotocols=[SUBPROTOCOL], max_size=None) as stream:
                subscribe(stream, self.reader.thread, "start")
                while True:
                    text = stream.recv(timeout=SECONDS)
                    if text.startswith('{"type"'):
                        self.reader.accept(text)
        except Fault as fault:
            self.fault = fault
        except Exception:
            # The service was killed.
            return


def subscribe(stream, thread, after):
    stream.send(json.dumps({"op": "subscribe", "req": 1, "thread_id": thread, "after": after, "merge": False}))


def messages_until(stream, ends):
    """The texts of messages up to the first that is the end."""
    seen = []
    while True:
        text = stream.recv(timeout=SECONDS)
        message = json.loads(text)
        if message.get("op") == "ping":
            stream.send(json.dumps({"op": "pong"}))
            continue
        seen.append(text)
        if ends(message):
            return seen


def is_live(message):
    return message.get("op") in ("live", "error")


def wait_for(what, condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Fault(f"{what} did not happen within {SECONDS} s")
        time.sleep(0.02)


def under_load(binary, folder):
    """Backups under load, and the end of the service. What was acknowledged before the last one, and what a follower saw."""
    data = folder / "data"
    service = Service(
        binary, data, "--internal-listen", "127.0.0.1:0", "--backup-folder", str(folder / "backups")).wait_until_listening()
    try:
        follower = Follower(service, THREADS[0])
        start = time.monotonic()
        emitters = [Emitter(service, thread) for thread in THREADS]
        time.sleep(LOAD_SECONDS)
        url = f"http://127.0.0.1:{service.internal_port}"
        for number in range(BACKUPS):
            acknowledged = {emitter.thread: list(emitter.acknowledged) for emitter in emitters}
            succeed(binary, "backup", "create", "--url", url, "--name", f"b_{number}")
            wait_for("emissions after a backup", lambda: all(
                len(emitter.acknowledged) > len(acknowledged[emitter.thread]) or not emitter.is_alive() for emitter in emitters))
        code, text = command(binary, "backup", "create", "--url", url, "--name", "b_0")
        if code != 1:
            raise Fault(f"a second backup of one name ended with {code}: {text}")
        backup = folder / "backups" / f"b_{BACKUPS - 1}"
        heads = {line["thread_id"]: line["head"] for line in map(json.loads, (backup / "heads.ndjson").read_text().splitlines())}
        known = int(heads[THREADS[0]].partition("-")[2])
        wait_for("a follower that saw more than the backup has", lambda: follower.fault or follower.reader.sequence > known + BATCH)
        rate = sum(len(emitter.acknowledged) for emitter in emitters) / (time.monotonic() - start)
    finally:
        service.kill()
    for part in [follower, *emitters]:
        part.ends = True
        part.join(SECONDS)
        if part.fault:
            raise part.fault
    check_manifest(backup, heads)
    shutil.rmtree(data)
    return backup, acknowledged, heads, follower.reader, rate


def restored(binary, folder, backup, acknowledged, heads, reader):
    succeed(binary, "backup", "verify", backup)
    data = folder / "data"
    succeed(binary, "backup", "restore", backup, "--data", data)
    with Service(binary, data) as service:
        for thread in THREADS:
            stored = service.pages(thread)[0]
            check_restored(acknowledged[thread], stored)
            if json.loads(stored[-1])["id"] != heads[thread]:
                raise Fault(f"{thread} ends at {stored[-1][:60]}, and not at {heads[thread]}")
        stored = service.pages(THREADS[0])[0]
        check_bytes(reader.raw, stored)
        if len(reader.raw) <= len(stored):
            raise Fault("the follower saw no more than the backup has")
        answer = service.request("GET", f"/v1/threads/{THREADS[0]}/events?after={reader.cursor}")
        if (answer.status, answer.code) != (409, "cursor.diverged"):
            raise Fault(f"GET with the cursor {reader.cursor} got {answer}")
        with connect(service.url, subprotocols=[SUBPROTOCOL], max_size=None) as stream:
            subscribe(stream, THREADS[0], reader.cursor)
            texts = messages_until(stream, is_live)
            messages = [json.loads(text) for text in texts if not text.startswith('{"op":"welcome"')]
            check_reset(messages)
            again = ThreadReader(THREADS[0], 0)
            for text in texts:
                if text.startswith('{"type"'):
                    again.accept(text)
            check_bytes(again.raw, stored)
            # The numbers that it knew are used again, and it takes them.
            missing = len(reader.raw) - len(stored) + 1
            while missing > 0:
                ids = emit(service, THREADS[0], 0, count=min(missing, 500))
                missing -= len(ids)
            for text in messages_until(stream, lambda message: message.get("id") == ids[-1]):
                if text.startswith('{"type"'):
                    again.accept(text)
            if again.cursor != ids[-1]:
                raise Fault(f"after the reset a client is at {again.cursor}, and not at {ids[-1]}")
        answer = service.request("GET", f"/v1/threads/{THREADS[0]}/events?after={reader.cursor}")
        if (answer.status, answer.code) != (409, "cursor.diverged"):
            raise Fault(f"with the number used again, GET with the cursor {reader.cursor} got {answer}")
        cursor = json.loads(stored[len(stored) // 2])["id"]
        with connect(service.url, subprotocols=[SUBPROTOCOL], max_size=None) as stream:
            subscribe(stream, THREADS[0], cursor)
            texts = messages_until(stream, is_live)
            check_continued([json.loads(text) for text in texts if not text.startswith('{"op":"welcome"')], cursor)
    # The restored log has changed nothing in the backup, and a second one is possible.
    succeed(binary, "backup", "verify", backup)
    code, text = command(binary, "backup", "restore", backup, "--data", data)
    if code != UNAVAILABLE:
        raise Fault(f"a restore over a data folder ended with {code}: {text}")


def damaged(binary, folder, backup, chance):
    count = 0
    for path in sorted(path for path in backup.rglob("*") if path.is_file()):
        name = str(path.relative_to(backup))
        content = path.read_bytes()
        for _ in range(FLIPS):
            offset, bit = chance.randrange(len(content)), chance.randrange(8)
            other = bytearray(content)
            other[offset] ^= 1 << bit
            # Not in place: the file may be the log's, too.
            path.unlink()
            path.write_bytes(other)
            code, text = command(binary, "backup", "verify", backup)
            check_found(code, text, name, offset)
            count += 1
        code, text = command(binary, "backup", "restore", backup, "--data", folder / "none")
        if code != 1 or (folder / "none").exists():
            raise Fault(f"a damaged backup was restored: {code} {text}")
        path.unlink()
        path.write_bytes(content)
    succeed(binary, "backup", "verify", backup)
    return count


def full(binary, folder, backup):
    """The index does not fit, of a backup and of a restore."""
    data, limit = folder / "data", (backup / "index.sqlite").stat().st_size - 1
    code, text = command(binary, "backup", "create", "--data", data, "--to", folder / "full", limit=limit)
    check_full(code, text, [folder / "full", folder / "full.partial"])
    code, text = command(binary, "backup", "restore", backup, "--data", folder / "none", limit=limit)
    check_full(code, text, [folder / "none", folder / "none.partial"])
    succeed(binary, "backup", "create", "--data", data, "--to", folder / "room")
    succeed(binary, "backup", "verify", folder / "room")


def earlier_version(binary, folder):
    data = folder / "old"
    data.mkdir(mode=0o700)
    with tarfile.open(OLD_LOG) as archive:
        archive.extractall(data, filter="data")
    with Service(binary, data) as service:
        before = {}
        for thread, count in OLD_EVENTS.items():
            before[thread] = service.pages(thread)[0]
            # The run that was open when it was killed has ended since.
            if len(before[thread]) < count:
                raise Fault(f"{thread} of the version before has {len(before[thread])} events, and had {count}")
        lines = json.dumps({"type": "custom", "data": {"name": "n", "value": 19}})
        answer = service.request(
            "POST", "/v1/threads/t_1/events", lines,
            {"Content-Type": "application/x-ndjson", "Idempotency-Key": "k_19"})
        # A key counts for a day: later it is a new one.
        if answer.status != 201:
            raise Fault(f"a key of the version before got {answer}")
        emit(service, "t_2", 0)
        with connect(service.url, subprotocols=[SUBPROTOCOL]) as stream:
            stream.send(json.dumps({"op": "subscribe", "req": 1, "thread_id": "t_1", "consumer": "tab"}))
            texts = messages_until(stream, lambda message: message.get("op") in ("subscribed", "error"))
        place = json.loads(texts[-1]).get("after")
        if place != json.loads(before["t_1"][20])["id"]:
            raise Fault(f"a consumer of the version before is at {texts[-1]}")
    succeed(binary, "backup", "create", "--data", data, "--to", folder / "old-backup")
    succeed(binary, "backup", "verify", folder / "old-backup")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--seed", type=int, default=1, help="which bits are damaged (default: %(default)s)")
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    try:
        with DataFolder() as folder:
            backup, acknowledged, heads, reader, rate = under_load(options.binary, folder)
            restored(options.binary, folder, backup, acknowledged, heads, reader)
            count = damaged(options.binary, folder, backup, random.Random(options.seed))
            full(options.binary, folder, backup)
            earlier_version(options.binary, folder)
    except Fault as fault:
        print(f"FAILED: {fault}")
        return 1
    total = sum(len(ids) for ids in acknowledged.values())
    print(f"backups: at {rate:.0f} events/s; {total} events acknowledged before the backup are in it, {count} damaged bits are "
          f"found, and {reader.sequence - int(heads[THREADS[0]].partition('-')[2])} lost events were seen and are reset")
    return 0


# The checks themselves

def self_test():
    def event(sequence, generation=1):
        return json.dumps({"id": f"{generation}-{sequence}", "seq": sequence}).encode()

    stored = [event(1), event(2), event(3)]
    reset = [{"op": "subscribed", "after": None}, {"op": "reset", "reason": "diverged"}]
    check_restored(["1-1", "1-2"], stored)
    check_bytes([event(1).decode()], stored)
    check_reset(reset)
    check_continued([{"op": "subscribed", "after": "1-2"}], "1-2")
    check_found(1, "blocks/a, at offset 10: x", "blocks/a", 12)
    check_found(1, "manifest.json: x", "manifest.sha256", 12)
    check_full(UNAVAILABLE, "log.full", [Path("/nowhere")])
    broken = [
        ("nothing acknowledged", "nothing was", lambda: check_restored([], stored)),
        ("a lost event", "were acknowledged", lambda: check_restored(["1-1", "1-2"], stored[:1])),
        ("another event", "were acknowledged", lambda: check_restored(["1-1", "1-2"], [event(1), event(2, 2)])),
        ("a gap", "event 2 is", lambda: check_restored(["1-1"], [event(1), event(3)])),
        ("other bytes", "was seen as", lambda: check_bytes([event(1).decode() + " "], stored)),
        ("no reset", "beyond the backup", lambda: check_reset([{"op": "subscribed", "after": "1-9"}, {"op": "live"}])),
        ("another reset", "beyond the backup", lambda: check_reset([reset[0], {"op": "reset", "reason": "trimmed"}])),
        ("a reset of a cursor that is kept", "of the backup", lambda: check_continued(reset, "1-2")),
        ("a damage that was not found", "ended with 0", lambda: check_found(0, "whole", "a", 1)),
        ("another file", "does not name", lambda: check_found(1, "b, at offset 1: x", "a", 1)),
        ("no place", "another place", lambda: check_found(1, "a: x", "a", 1)),
        ("another place", "another place", lambda: check_found(1, "a, at offset 70000: x", "a", 1)),
        ("a crash on a full disk", "ended with -25", lambda: check_full(-25, "log.full", [])),
        ("silence on a full disk", "ended with 69", lambda: check_full(UNAVAILABLE, "", [])),
        ("something left", "left", lambda: check_full(UNAVAILABLE, "log.full", [Path("/")])),
    ]
    with DataFolder() as folder:
        def make(**changes):
            (folder / "a").write_text("text")
            (folder / "heads.ndjson").write_text('{"thread_id":"t","head":"1-1"}\n')
            files = [{"name": name, "bytes": (folder / name).stat().st_size,
                      "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()} for name in ("a", "heads.ndjson")]
            files[0].update(changes)
            text = json.dumps({"files": files})
            (folder / "manifest.json").write_text(text)
            (folder / "manifest.sha256").write_text(hashlib.sha256(text.encode()).hexdigest() + "  manifest.json\n")

        def check(heads=None, after=lambda: None, **changes):
            make(**changes)
            after()
            check_manifest(folder, {"t": "1-1"} if heads is None else heads)

        check()
        broken += [
            ("another size", "another thing", lambda: check(bytes=1)),
            ("another hash", "another thing", lambda: check(sha256="0")),
            ("another name", "other files", lambda: check(name="b")),
            ("other heads", "the heads are", lambda: check(heads={"t": "1-2"})),
            ("another seal", "not the hash", lambda: check(after=lambda: (folder / "manifest.sha256").write_text("0"))),
        ]
        return check_broken("backups", broken)


if __name__ == "__main__":
    sys.exit(main())
