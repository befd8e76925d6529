#!/usr/bin/env python3
"""The program in pipes: what comes out of a slow producer, what a recorder wrote, and nothing at all.

- `emit` sends each line of a pipe and of a terminal as soon as it is there, and reads no further ahead than it may;
- over a kill -9 of the service, also between a commit and its answer, each line is logged once and in order, with the ids
  that were printed; without a service it gives up with 69 and says how far it came;
- SIGTERM finishes what was taken; a refused line is named, and what stands before it is logged;
- `--key-prefix` lets another `emit` repeat the same lines and log nothing twice;
- `validate`, `emit` and `replay` of nothing end with 1; marks of UTF-8, CRLF and blank lines are no fault;
- `validate` and `replay` read what Python's `websockets` recorded, plain and wrapped;
- each command takes the address that `serve` prints.

  pipes.py               against services that this script starts and kills
  pipes.py --self-test   that the checks notice each fault
"""

import argparse
import asyncio
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from self_test import check_broken
from service import SUBPROTOCOL, DataFolder, Service, add_binary_option
from thread_reader import Fault

SECONDS = 60
KILLED_LINES = 400


def message(number):
    return json.dumps({"type": "custom", "data": {"name": "line", "value": number}})


def run_lines(run="r_1"):
    return [
        json.dumps({"type": "agent_started", "run_id": run, "agent": "a", "data": {}}),
        json.dumps({"type": "agent_completed", "run_id": run, "data": {"duration_ms": 1}}),
    ]


class Program:
    """A command with pipes, whose standard output is read line by line."""

    def __init__(self, command, *arguments, stdin=subprocess.PIPE):
        self.process = subprocess.Popen(
            [*command, *arguments], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.received = b""

    def write(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def line(self, seconds=SECONDS):
        """The next line of the output; None when none comes in time, or the output has ended."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.received:
            left = deadline - time.monotonic()
            readable, _, _ = select.select([self.process.stdout], [], [], max(0, left))
            piece = os.read(self.process.stdout.fileno(), 65536) if readable else b""
            if not piece:
                return None
            self.received += piece
        line, _, self.received = self.received.partition(b"\n")
        return line.decode()

    def end(self, seconds=SECONDS):
        """The exit code, the rest of the output, and the standard error."""
        try:
            if self.process.stdin is not None and not self.process.stdin.closed:
                try:
                    self.process.stdin.close()
                except BrokenPipeError:
                    pass
                self.process.stdin = None
            output, errors = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise Fault(f"{self.process.args} did not end within {seconds} s") from None
        return self.process.returncode, (self.received + output).decode(), errors.decode()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def run(command, *arguments, text=b""):
    if isinstance(text, str):
        text = text.encode()
    try:
        done = subprocess.run([*command, *arguments], input=text, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Fault(f"{arguments} did not end within {SECONDS} s") from None
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def expect(condition, text):
    if not condition:
        raise Fault(text)


def values(service, thread):
    """The values of the events of a thread, and their ids."""
    events = [json.loads(raw) for raw in service.pages(thread)[0]]
    return [event["data"]["value"] for event in events if event["type"] == "custom"], [event["id"] for event in events]


def check_once_in_order(logged, ids, printed, count):
    if logged != list(range(count)):
        missing = sorted(set(range(count)) - set(logged))[:10]
        twice = sorted({value for value in logged if logged.count(value) > 1})[:10]
        raise Fault(f"{len(logged)} of {count} lines are logged; missing: {missing}, more than once: {twice}, or out of order")
    if printed != ids:
        raise Fault(f"the ids that were printed are not those of the log: {printed[:5]}… and {ids[:5]}…")


# emit -------------------------------------------------------------------------------------------------------------------


def slow_producer(command, service):
    """Each line is committed before the next one is written."""
    for arguments in ([], ["--batch", "1"]):
        thread = f"t_slow_{len(arguments)}"
        program = Program(command, "emit", "--url", f"http://127.0.0.1:{service.port}", "--thread", thread, *arguments)
        try:
            for number in range(5):
                program.write(message(number) + "\n")
                line = program.line()
                expect(line and line.endswith(f"-{number + 1}"), f"line {number} of a slow producer: {line!r} was printed")
            # A line in two pieces is one.
            program.write(message(5)[:10])
            program.write(message(5)[10:] + "\n")
            expect(program.line() is not None, "a line in two pieces does not come out")
            code, output, errors = program.end()
            expect((code, output, errors) == (0, "", ""), f"emit of a slow producer ended with {code}: {output} {errors}")
        finally:
            program.kill()
        expect(values(service, thread)[0] == list(range(6)), f"{thread} holds {values(service, thread)}")


def terminal(command, service):
    leader, follower = pty.openpty()
    program = Program(command, "emit", "--url", service.url, "--thread", "t_tty", stdin=follower)
    try:
        os.close(follower)
        os.write(leader, (message(0) + "\n").encode())
        expect(program.line() is not None, "a line typed into a terminal does not come out")
        os.write(leader, b"\x04")
        code, _, errors = program.end()
        expect(code == 0, f"emit from a terminal ended with {code}: {errors}")
    finally:
        program.kill()
        os.close(leader)
    expect(values(service, "t_tty")[0] == [0], "the line of a terminal is not logged")


def over_kills(command, data, service, arguments):
    """The service is killed again and again while lines flow; every one is logged once."""
    thread = "t_kill_" + "_".join(["x", *arguments]).replace("-", "")
    port = str(service.port)
    program = Program(
        command, "emit", "--url", f"http://127.0.0.1:{port}/", "--thread", thread, "--give-up", "60s", *arguments
    )
    printed = []
    try:
        for number in range(KILLED_LINES):
            program.write(message(number) + "\n")
            if number % 100 == 50:
                # In the midst of what is on its way.
                printed.append(program.line())
                service.kill()
                service = Service(command[-1], data, "--port", port).wait_until_listening()
        code, output, errors = program.end()
        printed += output.split()
        expect(code == 0, f"emit over kills ended with {code}: {errors}")
        logged, ids = values(service, thread)
        check_once_in_order(logged, ids, printed, KILLED_LINES)
        if "--key-prefix" in arguments:
            # Another process, with the same lines: the same answers, and nothing is logged again.
            text = "".join(message(number) + "\n" for number in range(KILLED_LINES + 1))
            code, output, errors = run(
                command, "emit", "--url", service.url, "--thread", thread, *arguments, text=text
            )
            expect(code == 0, f"the repeated emit ended with {code}: {errors}")
            logged, ids = values(service, thread)
            check_once_in_order(logged, ids, output.split(), KILLED_LINES + 1)
        return service
    except BaseException:
        service.kill()
        raise
    finally:
        program.kill()


def named_pipe(command, service, folder):
    path = folder / "pipe"
    os.mkfifo(path)
    program = Program(command, "replay", str(path), "--url", service.url, "--thread", "t_fifo")
    try:
        with open(path, "w", encoding="utf-8") as pipe:
            for number in range(3):
                pipe.write(message(number) + "\n")
                pipe.flush()
                expect(program.line() is not None, "a line of a named pipe does not come out")
        code, _, errors = program.end()
        expect(code == 0, f"replay of a named pipe ended with {code}: {errors}")
    finally:
        program.kill()


def back_pressure(command, service):
    """While the service stands still, the producer does too."""
    program = Program(command, "emit", "--url", service.url, "--thread", "t_back")
    descriptor = program.process.stdin.fileno()
    line = (json.dumps({"type": "custom", "data": {"name": "x", "value": "y" * 1000}}) + "\n").encode()
    try:
        os.write(descriptor, line)
        expect(program.line() is not None, "the first line does not come out")
        os.kill(service.process.pid, signal.SIGSTOP)
        os.set_blocking(descriptor, False)
        written, limit = 0, 16 << 20
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline and written < limit:
            try:
                written += os.write(descriptor, line)
                deadline = time.monotonic() + 1
            except BlockingIOError:
                select.select([], [descriptor], [], 0.2)
        expect(written < 4 << 20, f"emit took {written} bytes while the service stood still")
    finally:
        os.kill(service.process.pid, signal.SIGCONT)
        program.kill()


def giving_up(command, data):
    service = Service(command[-1], data).wait_until_listening()
    program = Program(command, "emit", "--url", service.url, "--thread", "t_give_up", "--give-up", "1")
    try:
        program.write(message(0) + "\n\n" + message(1) + "\n")
        expect(program.line() and program.line(), "two lines do not come out")
        service.kill()
        began = time.monotonic()
        program.write(message(2) + "\n")
        code, output, errors = program.end()
        expect(code == 69, f"without a service emit ended with {code}: {errors}")
        expect("2 events are committed, up to line 3" in errors, f"it does not say how far it came: {errors}")
        expect(0.5 < time.monotonic() - began < 30, f"it gave up after {time.monotonic() - began} s")
    finally:
        program.kill()
        service.kill()
    code, _, errors = run(command, "emit", "--url", service.url, "--thread", "t", text=message(0))
    expect(code == 69 and errors.count("\n") == 1, f"emit to nobody ended with {code}: {errors}")


def stopped(command, service):
    for number in (signal.SIGTERM, signal.SIGINT):
        thread = f"t_stop_{int(number)}"
        program = Program(command, "emit", "--url", service.url, "--thread", thread)
        try:
            program.write("".join(message(n) + "\n" for n in range(3)))
            expect(program.line() is not None, "no line comes out")
            os.kill(program.process.pid, number)
            # An agent that was told to stop has a last word.
            program.write(message(3) + "\n")
            # The producer keeps its end of the pipe open.
            code = program.process.wait(SECONDS)
            _, _, errors = program.end()
            expect(code == 0 and "4 events are committed" in errors, f"{number!r} ended emit with {code}: {errors}")
        finally:
            program.kill()
        expect(values(service, thread)[0] == [0, 1, 2, 3], f"after {number!r} the log has {values(service, thread)}")


def refused(command, service):
    lines = ["", *run_lines("r_1"), "  ", run_lines("r_1")[1], message(9)]
    for arguments in ([], ["--batch", "1"], ["--key-prefix", "refused"]):
        thread = f"t_refused_{'_'.join(arguments).replace('-', '')}"
        code, output, errors = run(
            command, "emit", "--url", service.url, "--thread", thread, *arguments, text="\r\n".join(lines)
        )
        expect(code == 1 and "line 5: order.already_ended" in errors, f"a refused line: {code} {errors}")
        expect("2 events are committed, up to line 3" in errors, f"what is committed is not said: {errors}")
        expect(len(output.split()) == 2 and len(service.pages(thread)[0]) == 2, f"a refused line: {output!r}")
    code, output, errors = run(command, "emit", "--url", service.url, "--thread", "t_cut", text=message(0) + "\n" + message(1)[:20])
    expect(code == 1 and "line 2: json.syntax" in errors and len(output.split()) == 1, f"a cut line: {code} {errors}")
    large = json.dumps({"type": "custom", "data": {"name": "x", "value": "y" * (2 << 20)}})
    code, output, errors = run(command, "emit", "--url", service.url, "--thread", "t_large", text=message(0) + "\n" + large)
    expect(code == 1 and "line 2" in errors and len(output.split()) == 1, f"a line that is too large: {code} {errors}")
    # Large lines that fit are not joined into a message that does not.
    large = json.dumps({"type": "custom", "data": {"name": "x", "value": "y" * 300_000}}) + "\n"
    code, output, errors = run(command, "emit", "--url", service.url, "--thread", "t_many", text=large * 12)
    expect(code == 0 and len(output.split()) == 12, f"12 lines of 300 kB: {code} {errors}")


# Nothing, and encodings -------------------------------------------------------------------------------------------------


def nothing(command, service):
    for text in ("", "\n \r\n\t\n", "\ufeff", "\ufeff\r\n"):
        for arguments in (["validate", "-"], ["validate", "-", "--as-test"], ["validate", "-", "--history"]):
            code, output, errors = run(command, *arguments, text=text)
            expect(code == 1 and not output and "there is no event" in errors, f"{arguments} of {text!r}: {code} {output}{errors}")
        for arguments in (["emit", "--thread", "t_none"], ["replay", "-", "--thread", "t_none"]):
            code, output, errors = run(command, *arguments, "--url", service.url, text=text)
            expect(code == 1 and not output and "there is no event" in errors, f"{arguments} of {text!r}: {code} {output}{errors}")
    # The failure of one end of a pipe is not the success of the other.
    pipe = f"{command[-1]} tail t --url ws://127.0.0.1:1 --format json | {command[-1]} validate -"
    done = subprocess.run(["bash", "-c", pipe + '; echo "${PIPESTATUS[@]}" $?'], capture_output=True, timeout=SECONDS, check=False)
    expect(done.stdout.split()[:2] == [b"69", b"1"], f"tail | validate: {done.stdout!r} {done.stderr!r}")


def encodings(command, service, folder):
    start, end = run_lines("r_e")
    text = "\r\n".join(["", start, "", "  ", end, ""])
    for name, data in (("mark", ("\ufeff" + start + "\r\n" + end).encode()), ("crlf", text.encode())):
        path = folder / f"{name}.ndjson"
        path.write_bytes(data)
        code, output, errors = run(command, "validate", str(path))
        expect(code == 0 and output.startswith("ok: 2 events, 1 run"), f"validate of {name}: {code} {output}{errors}")
        for arguments in (["emit"], ["replay", "-"]):
            thread = f"t_{name}_{arguments[0]}"
            code, output, errors = run(command, *arguments, "--url", service.url, "--thread", thread, text=data)
            expect(code == 0 and len(output.split()) == 2, f"{arguments} of {name}: {code} {output}{errors}")
        answer = service.request("POST", f"/v1/threads/t_{name}_post/events", data)
        expect(answer.status == 201, f"POST of {name}: {answer}")
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        for arguments in (["validate", "-"], ["validate", "-", "--history"], ["emit", "--thread", "t_16", "--url", service.url]):
            code, _, errors = run(command, *arguments, text=text.strip().encode(encoding))
            expect(code == 1 and "UTF-16" in errors, f"{arguments} in {encoding}: {code} {errors}")


# Recordings -------------------------------------------------------------------------------------------------------------


async def record(service, thread):
    """All that one connection carried, as (direction, text)."""
    import websockets

    recorded = []
    async with websockets.connect(service.url, subprotocols=[SUBPROTOCOL]) as socket:
        request = json.dumps({"op": "subscribe", "req": 1, "thread_id": thread, "after": "start", "snapshot": True})
        await socket.send(request)
        recorded.append(("sent", request))
        while not recorded or json.loads(recorded[-1][1]).get("op") != "live":
            recorded.append(("received", await asyncio.wait_for(socket.recv(), SECONDS)))
    return recorded


def recordings(command, service, folder):
    thread = "t_recorded"
    lines = run_lines("r_1") + run_lines("r_2")
    code, _, errors = run(command, "emit", "--url", service.url, "--thread", thread, text="\n".join(lines))
    expect(code == 0, f"emit ended with {code}: {errors}")
    recorded = asyncio.run(record(service, thread))
    forms = {
        "plain": [text for _, text in recorded],
        "received": [text for direction, text in recorded if direction == "received"],
        "wscat": ["Connected (press CTRL+C to quit)"] + [("> " if d == "sent" else "< ") + text for d, text in recorded],
        "wrapped": [json.dumps({"at": 1.5, "direction": d, "data": text}) for d, text in recorded],
        "objects": [json.dumps({"dir": d, "message": json.loads(text)}) for d, text in recorded],
    }
    for name, written in forms.items():
        path = folder / f"recorded_{name}.ndjson"
        path.write_text("\n".join(written) + "\n", encoding="utf-8")
        code, output, errors = run(command, "validate", str(path))
        expect(code == 0 and output.startswith("ok: 4 events, 2 runs, 1 thread; "), f"{name}: {code} {output}{errors}")
        code, output, errors = run(
            command, "replay", str(path), "--url", service.url, "--thread", f"t_again_{name}", "--speed", "0"
        )
        expect(code == 0 and len(output.split()) == 4, f"replay of {name}: {code} {output}{errors}")
        # Read once more after a reset it is right; without one it is not.
        reset = json.dumps({"op": "reset", "thread_id": thread, "reason": "diverged", "oldest": "1-1"})
        events = [line for line in written if "agent_started" in line or "agent_completed" in line]
        code, output, _ = run(command, "validate", "-", text="\n".join([*events, reset, *events]))
        expect(code == 0, f"{name} with a reset: {output}")
        code, output, _ = run(command, "validate", "-", text="\n".join([*events, *events]))
        expect(code == 1 and "seq.repeated" in output, f"{name} twice: {output}")
        code, output, _ = run(command, "validate", "-", text="\n".join([*events[:-1], events[-1][:-20]]))
        expect(code == 1, f"{name} with a cut line: {output}")


def addresses(command, service):
    host = f"127.0.0.1:{service.port}"
    for url in (f"http://{host}", f"http://{host}/", f"http://{host}/v1/stream", f"ws://{host}/v1/stream/", f"HTTP://{host}/v1/"):
        code, _, errors = run(command, "tail", "t_recorded", "--url", url, "--after", "start", "--count", "1")
        expect(code == 0, f"tail --url {url}: {code} {errors}")
        code, _, errors = run(command, "emit", "--thread", "t_url", "--url", url, text=message(0))
        expect(code == 0, f"emit --url {url}: {code} {errors}")
    for url in (f"https://{host}", f"wss://{host}"):
        code, _, errors = run(command, "emit", "--thread", "t_url", "--url", url, text=message(0))
        expect(code == 69 and "no TLS at" in errors, f"emit --url {url}: {code} {errors}")
    for url in (f"https://{host}:x", host, f"http://{host}/#x"):
        code, _, errors = run(command, "emit", "--thread", "t_url", "--url", url, text=message(0))
        expect(code == 64 and ("http://" in errors or "fragment" in errors or "its port" in errors), f"emit --url {url}: {code} {errors}")


def words(command, service):
    """No article in front of a word that it does not fit."""
    answers = []
    for arguments in (
        ["emit", "--thread", ""], ["emit", "--thread", "a b"], ["emit", "--thread", "t", "--user", "x" * 300],
        ["emit", "--thread", "t", "--key-prefix", "a b"],
    ):
        answers.append(run(command, *arguments)[2])
    for member in ("agent", "run_id"):
        draft = json.loads(run_lines()[0])
        for wrong in ("", "\u0001", "x" * 300):
            draft[member] = wrong
            answers.append(service.request("POST", "/v1/threads/t_words/events", json.dumps(draft)).body.decode())
    for key in ("a b", "x" * 300, ""):
        answer = service.request("POST", "/v1/threads/t_words/events", message(0), {"Idempotency-Key": key})
        answers.append(answer.body.decode())
    check_articles(answers)


def check_articles(answers):
    for answer in answers:
        wrong = re.search(r"\b(a [aeio]\w+|an [bcdfghjklmnpqrstvwxyz]\w+|1 (event|line|file|byte)s)\b", answer)
        if wrong:
            raise Fault(f"{wrong.group()!r} is not English: {answer}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    command = [str(options.binary)]
    began = time.monotonic()
    with DataFolder() as data, DataFolder() as folder, Service(options.binary, data) as service:
        for check in (slow_producer, terminal, refused, nothing, stopped, addresses_after_recordings(folder), words, back_pressure):
            check(command, service)
        encodings(command, service, Path(folder))
        named_pipe(command, service, Path(folder))
    with DataFolder() as data:
        service = Service(options.binary, data).wait_until_listening()
        for arguments in ([], ["--key-prefix", "k_7"]):
            service = over_kills(command, data, service, arguments)
        service.stop()
    with DataFolder() as data:
        giving_up(command, data)
    print(f"pipes: each line once and in order, within {time.monotonic() - began:.0f} s")
    return 0


def addresses_after_recordings(folder):
    def check(command, service):
        recordings(command, service, Path(folder))
        addresses(command, service)

    return check


# The checks, checked ----------------------------------------------------------------------------------------------------


def script(text):
    return [sys.executable, "-c", text]


class NoService:
    port = 1
    url = "ws://127.0.0.1:1"


def self_test():
    hoards = script("import sys; text = sys.stdin.read(); print('1-1')")
    says_ok = script("print('ok: 0 events, 0 runs, 0 threads')")
    broken = [
        ("an emit that waits for the end", "slow producer", lambda: slow_producer_of(hoards)),
        ("a line that is lost", "missing: [1]", lambda: check_once_in_order([0, 2], ["1-1", "1-2"], ["1-1", "1-2"], 3)),
        ("a line twice", "more than once: [1]", lambda: check_once_in_order([0, 1, 1], ["a", "b", "c"], ["a", "b", "c"], 2)),
        ("lines out of order", "out of order", lambda: check_once_in_order([1, 0], ["a", "b"], ["a", "b"], 2)),
        ("ids of something else", "not those of the log", lambda: check_once_in_order([0], ["1-1"], ["1-2"], 1)),
        ("a validate of nothing that is right", "of ''", lambda: nothing(says_ok, NoService)),
        ("a wrong article", "'a idempotency'", lambda: check_articles(["a idempotency key must not be empty"])),
        ("another one", "'an tool'", lambda: check_articles(["an tool name"])),
        ("a wrong plural", "'1 events'", lambda: check_articles(["1 events are committed"])),
        ("an address that is refused", "tail --url", lambda: addresses(script("import sys; sys.exit(64)"), NoService)),
    ]
    return check_broken("pipes", broken)


def slow_producer_of(command):
    global SECONDS
    before, SECONDS = SECONDS, 1
    try:
        program_line = Program.line
        Program.line = lambda self, seconds=1: program_line(self, 1)
        slow_producer(command, NoService)
    finally:
        Program.line = program_line
        SECONDS = before


if __name__ == "__main__":
    sys.exit(main())
