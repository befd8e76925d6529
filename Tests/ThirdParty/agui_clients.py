"""Clients of AG-UI 1.0 and 0.x, and of CopilotKit's routes, against the real service.

Each event is read with the models that AG-UI publishes for Python, and followed as a client follows it: messages are reduced by the
rules of its default reducer. What clients do is: ask, ask again after a lost answer or for another answer, come in the middle in two
tabs, answer questions (twice at once, again after a restart or when nothing of the run is kept, and one after the other that are asked
at the same time), stop, and go on after kill -9.
"""

import argparse
import json
import sys
import threading
import time

import jwt
from ag_ui.core import Event, Message
from pydantic import TypeAdapter, ValidationError

from self_test import check_broken
from service import DataFolder, Service, add_binary_option
from thread_reader import Fault
from translated_stream import BROKEN, Stream, read

EVENT = TypeAdapter(Event)
MESSAGE = TypeAdapter(Message)
OPENERS = {"TEXT_MESSAGE_START": "messageId", "TOOL_CALL_START": "toolCallId", "REASONING_START": "messageId"}
CLOSERS = {"TEXT_MESSAGE_END": "messageId", "TOOL_CALL_END": "toolCallId", "REASONING_END": "messageId"}
UNKNOWN_BEFORE_1 = {"SUBAGENT_STARTED", "SUBAGENT_FINISHED", "SUBAGENT_ERROR"}


class Client:
    """One run of AG-UI as a client sees it."""

    def __init__(self, version="1.0"):
        self.version = version
        self.messages = {}
        self.open = set()
        self.end = None
        self.names = []

    def take(self, event):
        kind = event.get("type")
        if None in event.values():
            raise Fault(f"{kind} has a member that is null")
        try:
            EVENT.validate_python(event)
        except ValidationError as error:
            raise Fault(f"{kind} is not an event of AG-UI: {error}") from None
        if self.version is None and (kind in UNKNOWN_BEFORE_1 or (event.get("outcome") or {}).get("type") == "cancelled"):
            raise Fault(f"{kind} is unknown to clients before 1.0")
        if not self.names and kind not in ("RUN_STARTED", "RUN_ERROR"):
            raise Fault(f"the first event is {kind}")
        if self.end is not None:
            raise Fault(f"{kind} comes after the end")
        self.names.append(kind)
        self.follow(kind, event)

    def follow(self, kind, event):
        if kind in OPENERS:
            place = (kind.rsplit("_", 1)[0], event[OPENERS[kind]])
            if place in self.open:
                raise Fault(f"{place} is opened twice")
            self.open.add(place)
        if kind in CLOSERS:
            place = (kind.rsplit("_", 1)[0], event[CLOSERS[kind]])
            if place not in self.open:
                raise Fault(f"{place} is closed and was not open")
            self.open.remove(place)
        if kind == "TEXT_MESSAGE_START":
            self.messages.setdefault(event["messageId"], {"role": event["role"], "content": ""})
        elif kind == "TEXT_MESSAGE_CONTENT":
            self.messages[event["messageId"]]["content"] += event["delta"]
        elif kind == "TOOL_CALL_START":
            self.messages.setdefault(event["toolCallId"], {"role": "assistant", "arguments": ""})
        elif kind == "TOOL_CALL_ARGS":
            self.messages[event["toolCallId"]]["arguments"] += event["delta"]
        elif kind == "TOOL_CALL_RESULT":
            if event["messageId"] in self.messages:
                raise Fault("a result comes twice")
            self.messages[event["messageId"]] = {"role": "tool", "content": event["content"]}
        elif kind == "MESSAGES_SNAPSHOT":
            if len({message["id"] for message in event["messages"]}) < len(event["messages"]):
                raise Fault(f"an id is in a snapshot twice: {[message['id'] for message in event['messages']]}")
            self.messages = {message["id"]: self.snapshot(message) for message in event["messages"]}
        elif kind in ("RUN_FINISHED", "RUN_ERROR"):
            if kind == "RUN_FINISHED" and self.open:
                raise Fault(f"the run ends while {sorted(self.open)} is open")
            self.end = event

    @staticmethod
    def snapshot(message):
        MESSAGE.validate_python(message)
        if message.get("toolCalls"):
            return {"role": "assistant", "arguments": message["toolCalls"][0]["function"]["arguments"]}
        return {"role": message["role"], "content": message["content"]}

    @property
    def outcome(self):
        return (self.end.get("outcome") or {}).get("type")

    def questions(self):
        return [interrupt["id"] for interrupt in (self.end.get("outcome") or {}).get("interrupts", [])]

    def answers(self):
        """What a client that joined has, and one that was there from the start: without the messages of users."""
        return {name: message for name, message in self.messages.items() if message["role"] != "user"}


def asked(thread, run, text, version="1.0", **more):
    body = {"threadId": thread, "runId": run, "state": {}, "tools": [], "context": [], "forwardedProps": {}, **more}
    body.setdefault("messages", [{"id": f"u_{run}", "role": "user", "content": text}] if text else [])
    if version:
        body["protocolVersion"] = version
    return body


def follow(service, body, path="/agui/guide"):
    client = Client(body.get("protocolVersion"))
    frames, _ = read(service, "POST", path, body)
    for event in frames:
        client.take(event)
    if client.end is None:
        raise Fault(f"the stream of {body['runId']} ends without an end: {client.names}")
    return client


def expect(what, got, wanted):
    if got != wanted:
        raise Fault(f"{what}: {got!r}, not {wanted!r}")


def logged(service, thread, kind):
    return [event for event in map(json.loads, service.pages(thread)[0]) if event["type"] == kind]


def at_once(*calls):
    """Runs calls beside each other, and gives what each returned or raised."""
    results = [None] * len(calls)

    def run(place, call):
        try:
            results[place] = call()
        except Exception as error:  # handed on below
            results[place] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


def check_runs(service):
    for version in ("1.0", None):
        thread = f"t_{version}"
        first = follow(service, asked(thread, "run", "ordinary words", version))
        expect("the end", first.end["type"], "RUN_FINISHED")
        again = follow(service, asked(thread, "run", "ordinary words", version))
        expect("the messages of the same run again", again.answers(), first.answers())
        # A client that lost its answer after the first bytes asks with the same runId.
        lost = Stream(service, "POST", "/agui/guide", asked(thread, "lost", "ordinary words", version))
        next(lost.frames())
        lost.close()
        follow(service, asked(thread, "lost", "ordinary words", version))
        expect("the messages in the log", len(logged(service, thread, "user_message")), 2)
        expect("the runs in the log", len(logged(service, thread, "agent_started")), 2)
    conflict = follow(service, asked("t_1.0", "run", "another text"))
    expect("another text with the same runId", conflict.end["code"], "key.conflict")
    refused = service.request("POST", "/agui/nobody", json.dumps(asked("t", "r", "words")))
    expect("an agent that is not there", (refused.status, refused.code), (404, "agent.unknown"))
    # A client posts all that it has.
    old = [{"id": f"old_{number}", "role": "user", "content": "words " * 40000} for number in range(20)]
    body = asked("t_1.0", "long", None, messages=[*old, {"id": "u", "role": "user", "content": "ordinary words"}])
    expect("the outcome with a long thread", follow(service, body).outcome, "success")
    refused = service.request("POST", "/agui/guide", "{}")
    expect("an input without a thread", (refused.status, refused.code), (400, "request.invalid"))


def check_questions(service):
    for version in ("1.0", None):
        thread = f"q_{version}"
        before = follow(service, asked(thread, "before", "ordinary words", version))
        client = follow(service, asked(thread, "ask", "secret words", version))
        expect("the outcome", client.outcome, "interrupt")
        # The snapshots before the question replace all that the client has.
        expect("the first messages after a question", list(client.messages)[: len(before.messages) + 1],
               ["u_before", *before.messages])
        if "u_ask" not in client.messages or len(client.messages) <= len(before.messages) + 2:
            raise Fault(f"messages are missing after a question: {list(client.messages)}")
        name = client.end["outcome"]["interrupts"][0]["id"]
        other = follow(service, asked(thread, "other", "something else", version))
        expect("another message meanwhile", other.end["code"], "thread.busy")
        forged = [{"interruptId": "forged", "status": "resolved"}]
        refused = follow(service, asked(thread, "forged", None, version, resume=forged))
        expect("a forged answer", refused.end["code"], "approval.unknown")
        resume = [{"interruptId": name, "status": "resolved", "payload": {"approved": True, "lines": 1}}]
        tabs = at_once(
            *(lambda run=run: follow(service, asked(thread, run, None, version, resume=resume)) for run in ("a", "b"))
        )
        for tab in tabs:
            expect("the end after the answer", tab.end["type"], "RUN_FINISHED")
            expect("the outcome after the answer", tab.outcome, "success" if version else None)
        expect("the messages of two tabs", tabs[0].messages, tabs[1].messages)
        expect("the answers in the log", len(logged(service, thread, "approval_resolved")), 1)
        no = [{"interruptId": name, "status": "cancelled"}]
        refused = follow(service, asked(thread, "no", None, version, resume=no))
        expect("another answer later", refused.end["code"], "approval.resolved")
    return thread, resume, tabs[0]


def until(what, condition):
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise Fault(f"waited too long for {what}")
        time.sleep(0.05)


def yes(*names):
    return [{"interruptId": name, "status": "resolved", "payload": {"approved": True}} for name in names]


def ask_twice(service, thread, version):
    """Two calls that are asked for side by side: the run ends with the first question, and the second comes after it."""
    first = follow(service, asked(thread, "ask", "secret words", version)).questions()
    until("the second question", lambda: len(logged(service, thread, "approval_requested")) == 2)
    for path, run in (("/agui/guide", "ask"), ("/copilotkit/agent/guide/connect", "look")):
        joined = follow(service, asked(thread, run, "secret words", version), path).questions()
        expect("the number of questions of one who joins", len(joined), 2)
        expect("the first of them", joined[: len(first)], first)
    return first, joined


def check_questions_side_by_side(binary, data, folder):
    (folder / "secret1.txt").write_text("secret words\n")
    (folder / "secret2.txt").write_text("secret words\n")
    with serve(binary, data, folder, "0") as service:
        for version in ("1.0", None):
            success = "success" if version else None
            thread = f"two_{version}"
            first, both = ask_twice(service, thread, version)
            ask_twice(service, f"left_{version}", version)
            refused = follow(service, asked(thread, "no", None, version, resume=yes(both[1])))
            expect("the second answer without the first", refused.end["code"], "approval.unknown")
            expect("the answers in the log", len(logged(service, thread, "approval_resolved")), 0)
            for _ in range(2):
                client = follow(service, asked(thread, "first", None, version, resume=yes(*first)))
                expect("the questions after the first answer", client.questions(), both[len(first):])
            client = follow(service, asked(thread, "second", None, version, resume=yes(*client.questions())))
            expect("the outcome of both answers", (client.end["type"], client.outcome), ("RUN_FINISHED", success))
            # One who has joined has both, and answers them together.
            thread = f"both_{version}"
            _, both = ask_twice(service, thread, version)
            client = follow(service, asked(thread, "answer", None, version, resume=yes(*both)))
            expect("the outcome of both at once", (client.end["type"], client.outcome), ("RUN_FINISHED", success))
        service.kill()
    with serve(binary, data, folder, "0") as service:
        for version in ("1.0", None):
            # What a client was told of before the service died is what it has to answer.
            thread = f"left_{version}"
            both = follow(service, asked(thread, "look", None, version), "/copilotkit/agent/guide/connect").questions()
            client = follow(service, asked(thread, "first", None, version, resume=yes(both[0])))
            expect("the questions after a restart", client.questions(), both[1:])
            client = follow(service, asked(thread, "second", None, version, resume=yes(both[1])))
            expect("the end after a restart", client.end["type"], "RUN_FINISHED")
            expect("the questions that are left", client.questions(), [])


def check_asking_again(service):
    """A client that wants another answer sends its last message again, with the same id."""
    for version in ("1.0", None):
        thread = f"again_{version}"
        messages = [{"id": "m", "role": "user", "content": "ordinary words"}]
        body = asked(thread, "one", None, version, messages=messages)
        follow(service, body)
        for count, run in enumerate(("two", "three"), 2):
            answered = follow(service, {**body, "runId": run})
            expect("the outcome of another answer", answered.end["type"], "RUN_FINISHED")
            expect("the messages in the log", len(logged(service, thread, "user_message")), 1)
            expect("the runs in the log", len(logged(service, thread, "agent_started")), count)
            shown = follow(service, asked(thread, "c", None, version), "/copilotkit/agent/guide/connect")
            expect("the messages of users", [name for name in shown.messages if name not in shown.answers()], ["m"])
            expect("the answers after asking again", shown.answers(), answered.answers())
        # It has lost its stream, and has a part of the answer.
        lost = {**body, "runId": "three", "messages": [*messages, {"id": "x", "role": "assistant", "content": "ordi"}]}
        expect("the same run again", follow(service, lost).answers(), answered.answers())
        expect("the runs in the log", len(logged(service, thread, "agent_started")), 3)
        other = follow(service, asked(thread, "three", "something else", version))
        expect("another message with the runId of another answer", other.end["code"], "key.conflict")
        follow(service, asked(thread, "next", None, version, messages=[*messages, {**messages[0], "id": "m2"}]))
        expect("the messages in the log after the next one", len(logged(service, thread, "user_message")), 2)


def check_trimmed(binary, data, folder, thread, resume):
    """Nothing of a run is kept, and its answers come again."""
    with serve(binary, data, folder, "0", "--retain-events", "4") as service:
        # At its start a service trims.
        until("the log to be trimmed", lambda: json.loads(service.pages(thread)[0][0])["seq"] > 4)
        if logged(service, thread, "approval_resolved"):
            raise Fault("the answer is still in the log")
        client = follow(service, asked(thread, "late", None, None, resume=resume))
        expect("the end of answers in what is not kept", client.end.get("code"), "run.unknown")
        client = follow(service, asked(thread, "ask", "secret words", None))
        expect("the end of a run that is not kept", client.end.get("code"), "run.unknown")


def check_copilot(service):
    info = service.request("GET", "/copilotkit/info").json()
    expect("the agents", list(info["agents"]), ["guide"])
    expect("the mode", info["mode"], "sse")
    frames, _ = read(service, "POST", "/copilotkit/agent/guide/connect", asked("nowhere", "c", None))
    expect("connecting to a thread that is not there", frames, [])
    ran = follow(service, asked("k", "run", "ordinary words", None), "/copilotkit/agent/guide/run")
    shown = follow(service, asked("k", "c", None, None), "/copilotkit/agent/guide/connect")
    expect("the messages after connecting", shown.answers(), ran.answers())
    stopped = service.request("POST", "/copilotkit/agent/guide/stop/k", "{}")
    expect("stopping what has ended", (stopped.status, stopped.json()), (200, {"stopped": False}))


def begun(service, body):
    """A stream of which a part of the text has come."""
    stream, client = Stream(service, "POST", "/agui/guide", body), Client(body.get("protocolVersion"))
    frames = stream.frames()
    for event in frames:
        client.take(event)
        if event["type"] == "TEXT_MESSAGE_CONTENT":
            return stream, client, frames
    raise Fault("the run ended before its text began")


def check_under_way(service):
    """With an agent that speaks slowly: two tabs, a stop, and a text that grows meanwhile."""
    for version, outcome in (("1.0", "cancelled"), (None, None)):
        thread = f"w_{version}"
        stream, first, frames = begun(service, asked(thread, "run", "ordinary words", version))
        # It has lost its stream: what came of the answer is the last of its messages.
        body = asked(thread, "run", "ordinary words", version)
        body["messages"] += [{"id": name, **message} for name, message in first.answers().items() if "content" in message]
        expect("the last message", body["messages"][-1]["role"], "assistant")
        refused = follow(service, {**body, "runId": "new"})
        expect("a new run without a message", refused.end["code"], "request.invalid")
        second_stream, second, second_frames = begun(service, body)
        expect("a tab that comes later begins with", second.names[:2], ["RUN_STARTED", "MESSAGES_SNAPSHOT"])
        answer = service.request("POST", f"/copilotkit/agent/guide/stop/{thread}", "{}")
        expect("the stop", answer.json(), {"stopped": True})
        for client, rest in ((first, frames), (second, second_frames)):
            for event in rest:
                client.take(event)
            expect("the end of what was stopped", (client.end["type"], client.outcome), ("RUN_FINISHED", outcome))
            if "CUSTOM" not in client.names:
                raise Fault("a client before 1.0 is not told that the run was cancelled")
        expect("the messages of two tabs", second.answers(), first.answers())
        stream.close()
        second_stream.close()


def check_deletion(service):
    """A thread that is deleted while a client follows it."""
    stream, client, frames = begun(service, asked("x", "run", "ordinary words"))
    answer = service.request("DELETE", "/v1/threads/x")
    if answer.status not in (200, 202, 204):
        raise Fault(f"the deletion was answered with {answer}")
    for event in frames:
        client.take(event)
    stream.close()
    if client.end is None:
        raise Fault("a client is not told that its thread was deleted")


def check_goodbye(binary, data, folder):
    with serve(binary, data, folder, "4") as service:
        _, client, frames = begun(service, asked("g", "run", "ordinary words"))
        stopping = threading.Thread(target=service.stop)
        stopping.start()
        for event in frames:
            client.take(event)
        stopping.join()
        expect("the end when the service stops", client.end["code"], "server.stopping")


def check_input(service):
    """What is too large, and versions that there are not."""
    large = [{"id": f"m_{number}", "role": "user", "content": "x" * 100_000} for number in range(100)]
    for path in ("/agui/guide", "/copilotkit/agent/guide/run"):
        refused = service.request("POST", path, json.dumps(asked("large", "large", None, messages=large)))
        expect(f"messages of 10 MB at {path}", (refused.status, refused.code), (413, "limits.body_bytes"))
    expect("the thread of what was too large", service.request("GET", "/v1/threads/large/events").status, 404)
    for version, told in (("2.0", "1.0"), ("0.1", None), ("one", None)):
        frames, _ = read(service, "POST", "/agui/guide", asked("versions", version, "ordinary words", version))
        expect(f"the version that is told to {version}", frames[0].get("protocolVersion"), told)


def check_others(binary, folder):
    """The questions of a thread are not for others to answer, or to know of."""
    secret = folder / "key"
    secret.write_text("a secret of at least thirty-two bytes")
    secret.chmod(0o600)
    with serve(binary, None, folder, "0", "--auth", "jwt", "--jwt-secret-file", str(secret)) as service:
        owner, other = (
            {"Authorization": "Bearer " + jwt.encode({"sub": user, "exp": int(time.time()) + 600}, secret.read_text(), "HS256")}
            for user in ("u_1", "u_2")
        )
        frames, _ = read(service, "POST", "/agui/guide", asked("u_1~q", "ask", "secret words"), owner)
        name = frames[-1]["outcome"]["interrupts"][0]["id"]
        part = {"state": "approval-responded", "approval": {"id": name, "approved": True}}
        said = []
        for thread in ("u_1~q", "u_1~n"):
            resume = [{"interruptId": name, "status": "resolved"}]
            for path, body in (
                ("/agui/guide", asked(thread, "answer", None, resume=resume)),
                ("/copilotkit/agent/guide/run", asked(thread, "answer", None, resume=resume)),
                ("/ai-sdk/guide", {"id": thread, "messages": [{"id": "m", "role": "assistant", "parts": [part]}]}),
            ):
                refused = service.request("POST", path, json.dumps(body), other)
                expect(f"the answer of another at {path}", refused.status, 404)
                said.append(refused.body.replace(thread.encode(), b"the thread"))
        expect("what is said of a thread that is there, and of one that is not", said[:3], said[3:])
        events = service.request("GET", "/v1/threads/u_1~q/events", None, owner).json()["events"]
        expect("the answers in the log", [event for event in events if event["type"] == "approval_resolved"], [])


def check_limit(service):
    """Answers count as commands, like those of the service's own protocol: of two in two threads the second is one too many."""
    for thread, wanted in (("l_1", 200), ("l_2", 429)):
        name = follow(service, asked(thread, "ask", "secret words")).end["outcome"]["interrupts"][0]["id"]
        resume = [{"interruptId": name, "status": "resolved"}]
        body = json.dumps(asked(thread, "answer", None, resume=resume))
        expect(f"the answer in {thread}", service.request("POST", "/agui/guide", body).status, wanted)
    expect("the answers beyond the limit", len(logged(service, "l_2", "approval_resolved")), 0)


def serve(binary, data, folder, pace, *more):
    return Service(binary, data, "--demo", "--demo-folder", str(folder), "--demo-pace", pace, *more)


def run(binary):
    with DataFolder() as data, DataFolder() as folder:
        (folder / "ordinary.txt").write_text("ordinary words\n" + "ordinary words, more of them\n" * 10)
        (folder / "secret.txt").write_text("secret words\n")
        with serve(binary, data, folder, "0") as service:
            check_runs(service)
            thread, resume, answered = check_questions(service)
            check_copilot(service)
            check_asking_again(service)
            service.kill()
        with serve(binary, None, folder, "0") as service:
            check_input(service)
        check_others(binary, folder)
        with serve(binary, None, folder, "0", "--rate", "commands=1/1d") as service:
            check_limit(service)
        with serve(binary, data, folder, "4") as service:
            # The same runId means the same run, and the same answers the same part of it, after a restart too.
            again = follow(service, asked(thread, "a", None, None, resume=resume))
            expect("the messages of the same answers again", again.messages, answered.messages)
            check_under_way(service)
            check_deletion(service)
            stream, client, frames = begun(service, asked("d", "run", "ordinary words"))
            service.kill()
            for event in frames:
                client.take(event)
            expect("the body when the service dies", (stream.ending, client.end), (BROKEN, None))
        with serve(binary, data, folder, "0") as service:
            client = follow(service, asked("d", "run", "ordinary words"))
            expect("the end of what was begun before the service died", client.end["type"], "RUN_FINISHED")
            expect("the runs in the log", len(logged(service, "d", "agent_started")), 1)
            for number in range(3):
                follow(service, asked(thread, f"more_{number}", "ordinary words", None))
        check_trimmed(binary, data, folder, thread, resume)
        check_goodbye(binary, data, folder)
    with DataFolder() as data, DataFolder() as folder:
        check_questions_side_by_side(binary, data, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
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
    print("agui_clients: clients of AG-UI 1.0 and 0.x and of CopilotKit's routes see what the log has")
    return 0


# The checks, checked ----------------------------------------------------------------------------------------------------


STARTED = {"type": "RUN_STARTED", "threadId": "t", "runId": "r", "protocolVersion": "1.0"}
TEXT = {"type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant"}
FINISHED = {"type": "RUN_FINISHED", "threadId": "t", "runId": "r"}
SNAPSHOT = {"type": "MESSAGES_SNAPSHOT", "messages": [{"id": "u", "role": "user", "content": "words"}]}
RESULT = {"type": "TOOL_CALL_RESULT", "messageId": "x", "toolCallId": "c", "content": "", "role": "tool"}


def take(*events, version="1.0"):
    client = Client(version)
    for event in events:
        client.take(event)
    return client


def self_test():
    take(STARTED, SNAPSHOT, TEXT, {"type": "TEXT_MESSAGE_END", "messageId": "m"}, FINISHED)
    cancelled = {**FINISHED, "outcome": {"type": "cancelled"}}
    return check_broken(
        "agui_clients",
        [
            ("no start", "first event", lambda: take(TEXT)),
            ("null", "null", lambda: take({**STARTED, "parentRunId": None})),
            ("no event", "not an event", lambda: take({"type": "RUN_STARTED"})),
            ("half a count", "not an event", lambda: take(STARTED, {**FINISHED, "usage": [{"inputTokens": 1.5}]})),
            ("too late", "after the end", lambda: take(STARTED, FINISHED, TEXT)),
            ("opened twice", "opened twice", lambda: take(STARTED, TEXT, TEXT)),
            ("closed twice", "was not open", lambda: take(STARTED, {"type": "TEXT_MESSAGE_END", "messageId": "m"})),
            ("open at the end", "is open", lambda: take(STARTED, TEXT, FINISHED)),
            ("a result twice", "twice", lambda: take(STARTED, RESULT, RESULT)),
            ("an id twice", "in a snapshot twice", lambda: take(STARTED, {**SNAPSHOT, "messages": SNAPSHOT["messages"] * 2})),
            ("before 1.0", "before 1.0", lambda: take(STARTED, cancelled, version=None)),
            ("another value", "not 2", lambda: expect("a number", 1, 2)),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
