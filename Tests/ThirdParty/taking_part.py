#!/usr/bin/env python3
"""The commands in README.md, typed as they stand there, line by line: with agent-events command and with curl.

Each line is typed at the moment that the text beside it names (while the agent answers, once it asks), and the ids are those
that the program shows. A second subscriber sees what comes of it.

  taking_part.py               against services that this script starts
  taking_part.py --self-test   that the checks notice each of these faults
"""

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from people import ENDS, SECONDS, Person, check_runs, said
from self_test import check_broken
from service import ROOT, DataFolder, Service, add_binary_option
from thread_reader import Fault

PACE = "20"


def blocks():
    """The lines of each part of the README, by its name; text may stand between its blocks."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"<!-- taking part: (\S+) -->\n(.*?)<!-- /taking part -->", readme, re.DOTALL)
    named = {name: "".join(re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)).splitlines() for name, text in found}
    for name in ("agent-events", "curl", "kill"):
        if not named.get(name):
            raise Fault(f"README.md has no example of taking part with {name}")
    return named


class Walk:
    """Somebody who types the lines, in the thread that they name."""

    def __init__(self, binary, service, person, folder):
        self.service, self.person, self.folder = service, person, folder
        self.thread = None
        self.runs, self.approvals, self.shown = [], [], None
        self.functions, self.is_paused = "", False
        # The program finds the service at its usual address there, and here by this.
        self.path = folder / "bin"
        self.path.mkdir(exist_ok=True)
        program = self.path / "agent-events"
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(str(binary))} "$@" --url http://127.0.0.1:{service.port}\n')
        program.chmod(0o755)

    def type(self, line):
        """Types one line, and returns what it printed, and its exit code."""
        if self.functions and "--approve" not in line and "agent-events" not in line:
            line = self.functions + line
        line = line.replace("127.0.0.1:8080", f"127.0.0.1:{self.service.port}").replace("$PWD/.build/debug", str(self.path))
        environment = {"PATH": f"{self.path}:/usr/local/bin:/usr/bin:/bin", "HOME": str(self.folder)}
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.folder / "docs", env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        return done.returncode, done.stdout, done.stderr

    def walk(self, lines):
        try:
            self.type_all(lines)
            self.person.wait(self.thread, ENDS, self.runs[-1])
        finally:
            self.look(None)
        return self.person.events[self.thread]

    def type_all(self, lines):
        for line in lines:
            if line.startswith(("export ", "echo ", "rm ")):
                self.expect_quiet(line)
            elif line.startswith("act() "):
                self.functions = line + "\n"
                self.follow(re.search(r"threads/(\w+)/", line).group(1))
            elif "agent-events tail " in line:
                self.follow(line.split()[2])
                self.look(line)
            else:
                self.command(line)

    def follow(self, thread):
        self.thread = thread
        self.person.follow(thread)

    def look(self, line):
        """The follower that the README starts, for as long as the walk takes; its output has the ids."""
        if line is not None:
            self.output = (self.folder / "shown").open("w+", encoding="utf-8")
            command = shlex.split(line)
            self.shown = subprocess.Popen([str(self.path / "agent-events"), *command[1:]], stdout=self.output, stderr=subprocess.DEVNULL)
        elif self.shown is not None:
            self.shown.kill()
            self.shown.wait()
            self.shown = None

    def expect_quiet(self, line):
        code, output, errors = self.type(line)
        if code != 0 or output or errors:
            raise Fault(f"{line} printed {output}{errors} and returned {code}")

    def command(self, line):
        self.wait_for_moment(line)
        line = re.sub(r"\ba_\d\b", self.approvals[-1] if self.approvals else "a_none", line)
        line = re.sub(r"\br_1\b", self.runs[0] if self.runs else "r_none", line)
        code, output, errors = self.type(line)
        self.runs += check_answer(line, code, output, errors)
        if re.search(r"\b(pause|resume)\b", line):
            self.is_paused = "pause" in line

    def wait_for_moment(self, line):
        """The moment at which a person types the line."""
        is_in_answer = re.search(r"\b(pause|stop|rollback|steer)\b", line)
        if "approve" in line or "deny" in line or '"answer"' in line:
            asked = self.person.wait(self.thread, "approval_requested", self.runs[-1])["data"]["approval_id"]
            self.approvals.append(self.seen(asked))
        elif is_in_answer:
            self.person.wait(self.thread, "message_delta", self.runs[-1])
        elif self.runs and not self.is_paused:
            self.person.wait(self.thread, ENDS, self.runs[-1])

    def seen(self, approval):
        """The id, as the follower shows it to the person."""
        deadline = time.monotonic() + SECONDS
        while self.shown is not None:
            text = (self.folder / "shown").read_text(encoding="utf-8")
            ids = re.findall(r" approval_requested +(\S+) ", text)
            if approval in ids:
                break
            if time.monotonic() > deadline or self.shown.poll() is not None:
                raise Fault(f"tail does not show the id {approval}: {text[-2000:]}")
        return approval


def check_answer(line, code, output, errors):
    """The runs that a command began."""
    if code != 0 or errors:
        raise Fault(f"{line} printed {output}{errors} and returned {code}")
    if "act '" in line:
        answer = json.loads(output)
        outcome, begun = answer.get("outcome"), [answer["run_id"]] if "message" in line or "start" in line else []
    else:
        outcome = output.partition(":")[0]
        begun = re.findall(r"^  run (\S+) is ", output, re.MULTILINE)
    if outcome != "done":
        raise Fault(f"{line} is answered with {output}")
    return begun


def check_walk(events):
    """All that the README promises has happened, in this order."""
    check_runs(events)
    kinds = [event["type"] for event in events]
    of_kind = lambda kind: [event for event in events if event["type"] == kind]  # noqa: E731
    first = of_kind("agent_started")[0]["run_id"]
    fragments, whole = said(events, first)
    if "agent_paused" not in kinds or "".join(fragments) != whole or not whole:
        raise Fault(f"the answer that was paused is {whole!r}, and its words are {''.join(fragments)!r}")
    between = kinds[kinds.index("agent_paused") + 1 : kinds.index("agent_resumed")]
    if between != ["user_message", "agent_queued"]:
        raise Fault(f"while the answer was paused there came {between}")
    decisions = [event["data"]["decision"] for event in of_kind("approval_resolved")]
    texts = [event["data"]["text"] for event in of_kind("message_completed")]
    if decisions != ["approved", "denied"]:
        raise Fault(f"the questions were {decisions}")
    if not any("on Tuesday" in text for text in texts) or not any("not allowed to read secret" in text.replace("it", "secret") for text in texts):
        raise Fault(f"what the guide said about the file is not in {texts}")
    ends = [(event["data"].get("reason"), event["data"].get("discarded", False)) for event in of_kind("agent_cancelled")]
    if ends != [("wrong question", False), ("superseded", True)]:
        raise Fault(f"a stop and an edit ended the runs as {ends}")
    taken = [message for event in of_kind("input_taken") for message in event["data"]["message_ids"]]
    given = [event["data"]["message_id"] for event in of_kind("user_message") if event["data"].get("given_to")]
    if taken != given or len(given) != 1 or not any("“deadline”" in text for text in texts):
        raise Fault(f"what was added is {given}, and {taken} was taken: {texts}")
    if [event["data"].get("retry_of") for event in of_kind("agent_started")][-1] != first:
        raise Fault("the last run does not do the first one again")


def killed(binary, walk, lines, data, arguments):
    """The last block: the service dies while the agent asks, and the answer to the question comes after the restart."""
    asking, _, answering, leaving = lines
    walk.runs += check_answer(asking, *walk.type(asking))
    walk.approvals.append(walk.person.wait(walk.thread, "approval_requested", walk.runs[-1])["data"]["approval_id"])
    walk.service.kill()
    with Service(binary, data, *arguments) as service, Person(service) as person:
        again = Walk(binary, service, person, walk.folder)
        again.follow(walk.thread)
        check_answer(answering, *again.type(answering.replace("a_3", walk.approvals[-1])))
        person.wait(walk.thread, ENDS, walk.runs[-1])
        check_resumed(person.events[walk.thread], walk.runs[-1])
        again.expect_quiet(leaving)


def check_resumed(events, run):
    """The run that was killed has its answer, read the file once, and told what is in it."""
    check_runs(events)
    mine = [event for event in events if event.get("run_id") == run]
    ends = [event["data"]["status"] for event in mine if event["type"] == "tool_completed" and event["data"]["tool"] == "read_file"]
    asked = [event["type"] for event in mine if event["type"] in ("approval_requested", "approval_resolved")]
    text = "".join(event["data"]["text"] for event in mine if event["type"] == "message_completed")
    if asked != ["approval_requested", "approval_resolved"] or ends.count("succeeded") != len(ends) or "on Tuesday" not in text:
        raise Fault(f"after the restart {asked}, the calls are {ends}, and it says {text!r}")
    if mine[-1]["type"] != "agent_completed":
        raise Fault(f"after the restart the run ends with {mine[-1]}")


def copy_rivals(docs):
    """Copies each file of the repository that speaks of what the questions are about: in its folder, where people type the
    lines, the guide has the choice between them and the file with the secret."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    rivals = [path for path in map(Path, names) if b"picnic" in (ROOT / path).read_bytes()]
    if Path("README.md") not in rivals:
        raise Fault("README.md does not speak of the picnic")
    for path in rivals:
        (docs / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, docs / path)


def run(binary):
    named = blocks()
    with DataFolder() as folder:
        docs = folder / "docs"
        shutil.copytree(ROOT / "Sources" / "AgentEvents" / "Runtime", docs)
        copy_rivals(docs)
        arguments = ["--demo", "--demo-folder", str(docs), "--demo-pace", PACE]
        count = 0
        with Service(binary, folder / "data", *arguments) as service, Person(service) as person:
            walk = Walk(binary, service, person, folder)
            events = walk.walk(named["agent-events"])
            check_walk(events)
            with Person(service) as other:
                events += Walk(binary, service, other, folder).walk(named["curl"])
                check_walk(other.events["t_3"])
            count = len(events)
            killed(binary, walk, named["kill"], folder / "data", arguments)
    lines = sum(map(len, named.values()))
    print(f"{lines} lines of README.md do what it says, in {count} events")


# The checks, checked ----------------------------------------------------------------------------------------------------


def recorded():
    """The events of a walk."""
    events = []

    def add(kind, run=None, **data):
        number = len(events) + 1
        events.append({"type": kind, "id": f"1-{number}", "seq": number, "run_id": run, "data": data})

    def message(name, **more):
        add("user_message", message_id=name, **more)

    message("m_1")
    add("agent_started", "r_1", message_ids=["m_1"])
    add("message_delta", "r_1", text="a ")
    add("agent_paused", "r_1")
    message("m_2")
    add("agent_queued", "r_2", message_ids=["m_2"])
    add("agent_resumed", "r_1")
    add("message_delta", "r_1", text="b")
    add("message_completed", "r_1", text="a b")
    add("agent_completed", "r_1")
    add("agent_started", "r_2")
    add("approval_resolved", "r_2", decision="approved")
    add("message_completed", "r_2", text="on Tuesday")
    add("agent_completed", "r_2")
    add("agent_started", "r_3")
    add("approval_resolved", "r_3", decision="denied")
    add("message_completed", "r_3", text="I was not allowed to read it")
    add("agent_completed", "r_3")
    add("agent_started", "r_4")
    add("agent_cancelled", "r_4", reason="wrong question")
    add("agent_started", "r_5")
    add("agent_cancelled", "r_5", reason="superseded", discarded=True)
    add("agent_started", "r_6")
    message("m_3", given_to="r_6")
    add("input_taken", "r_6", message_ids=["m_3"])
    add("message_completed", "r_6", text="about “deadline”")
    add("agent_completed", "r_6")
    add("agent_started", "r_7", retry_of="r_1")
    add("agent_completed", "r_7")
    return events


def resumed():
    """The events of a run that was killed while it asked."""
    kinds = [
        ("agent_started", {}),
        ("approval_requested", {}),
        ("approval_resolved", {"decision": "approved"}),
        ("tool_completed", {"tool": "read_file", "status": "succeeded"}),
        ("message_completed", {"text": "on Tuesday"}),
        ("agent_completed", {}),
    ]
    return [{"type": kind, "id": f"1-{n}", "seq": n, "run_id": "r_1", "data": data} for n, (kind, data) in enumerate(kinds, 1)]


def without(kind, run=None):
    return [event for event in recorded() if event["type"] != kind or run not in (None, event["run_id"])]


def changed(kind, run, **data):
    events = recorded()
    for event in events:
        if event["type"] == kind and event["run_id"] == run:
            event["data"] = {**event["data"], **data}
    return events


def self_test():
    check_walk(recorded())
    check_resumed(resumed(), "r_1")
    done = "done: 1-1 1-2\n  message m_1\n  run r_1 is running\n"
    if check_answer("agent-events command t_2 message", 0, done, "") != ["r_1"]:
        raise Fault("the run of an answer is not found")
    broken = [
        ("a lost word", "words", lambda: check_walk(changed("message_completed", "r_1", text="a b c"))),
        ("a word in a pause", "while", lambda: check_walk(sorted(recorded(), key=lambda event: event["seq"] if event["seq"] != 8 else 5.5))),
        ("a no that counts as a yes", "questions", lambda: check_walk(changed("approval_resolved", "r_3", decision="approved"))),
        ("a no that is not told", "said about", lambda: check_walk(changed("message_completed", "r_3", text="It is on Tuesday"))),
        ("a stop without its reason", "ended", lambda: check_walk(changed("agent_cancelled", "r_4", reason=None))),
        ("an edit that stays", "ended", lambda: check_walk(changed("agent_cancelled", "r_5", discarded=False))),
        ("an addition that nobody takes", "no run", lambda: check_walk(without("input_taken"))),
        ("another run again", "again", lambda: check_walk(changed("agent_started", "r_7", retry_of="r_2"))),
        ("a run without an end", "no end", lambda: check_walk(recorded()[:-1])),
        ("a question that is asked again", "after the restart", lambda: check_resumed([resumed()[0], resumed()[1], *resumed()[1:]], "r_1")),
        ("a file that is not read", "after the restart", lambda: check_resumed([event for event in resumed() if event["type"] != "message_completed"], "r_1")),
        ("a run that is lost", "ends with", lambda: check_resumed([*resumed()[:-1], {**resumed()[-1], "type": "agent_failed"}], "r_1")),
        ("an error", "returned 1", lambda: check_answer("agent-events command t_2 pause", 1, "", "error: run.unknown")),
        ("nothing done", "is answered", lambda: check_answer("agent-events command t_2 pause", 0, "unchanged: it was so already", "")),
    ]
    return check_broken("taking part", broken)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    try:
        run(Path(options.binary).resolve())
    except Fault as fault:
        print(f"FAILED: {fault}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
