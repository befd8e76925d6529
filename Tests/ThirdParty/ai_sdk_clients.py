"""Clients of the Vercel AI SDK against the real service: what its chat transport posts, and its reducer's rules for each chunk.

What clients do is: ask, post again after a lost answer, resume (twice at once, in the middle, and with nothing to resume), answer
questions, send forged answers, ask for another answer, stop, load the page again, and see a dying service as a lost connection.
"""

import argparse
import copy
import json
import sys

from agui_clients import at_once, expect, logged, serve
from self_test import check_broken
from service import DataFolder, add_binary_option
from thread_reader import Fault
from translated_stream import BROKEN, WHOLE, Stream, read

# The members of each chunk that all versions take; the first versions throw at others.
MEMBERS = {
    "start": {"messageId", "messageMetadata"},
    "start-step": set(),
    "finish-step": set(),
    "finish": {"messageMetadata"},
    "error": {"errorText"},
    "text-start": {"id"},
    "text-delta": {"id", "delta"},
    "text-end": {"id"},
    "reasoning-start": {"id"},
    "reasoning-delta": {"id", "delta"},
    "reasoning-end": {"id"},
    "tool-input-start": {"toolCallId", "toolName", "providerExecuted", "dynamic"},
    "tool-input-available": {"toolCallId", "toolName", "input", "providerExecuted", "dynamic"},
    "tool-output-available": {"toolCallId", "output", "providerExecuted", "dynamic"},
    "tool-output-error": {"toolCallId", "errorText", "providerExecuted", "dynamic"},
}
MEMBERS_OF_6 = {"tool-approval-request": {"approvalId", "toolCallId"}, "tool-output-denied": {"toolCallId"}}


class Message:
    """The message that a client has, after the chunks of one or more streams."""

    def __init__(self, version=6):
        self.version = version
        self.id = None
        self.parts = []
        self.growing = {}
        self.end = None
        self.has_begun = False

    def begin(self):
        """Another stream continues the message."""
        self.growing, self.end, self.has_begun = {}, None, False
        return self

    def take(self, chunk):
        kind = chunk["type"]
        known = MEMBERS.get(kind) if self.version == 5 else {**MEMBERS, **MEMBERS_OF_6}.get(kind)
        if kind.startswith("data-"):
            known = {"id", "data"}
        if known is None:
            raise Fault(f"unknown type {kind}")
        if set(chunk) - {"type"} - known:
            raise Fault(f"unknown members of {kind}: {sorted(set(chunk) - {'type'} - known)}")
        if self.end is not None:
            raise Fault(f"{kind} comes after the end")
        if not self.has_begun and kind != "start":
            raise Fault(f"the first chunk is {kind}")
        self.has_begun = True
        self.follow(kind, chunk)

    def follow(self, kind, chunk):
        name, _, step = kind.rpartition("-")
        if kind == "start":
            if self.id not in (None, chunk["messageId"]):
                raise Fault("a continuation has another id: a second message appears")
            self.id = chunk["messageId"]
        elif kind == "start-step":
            self.parts.append({"type": "step-start"})
        elif kind == "finish-step":
            if self.growing:
                raise Fault(f"a step ends while {sorted(self.growing)} is open")
        elif kind in ("finish", "error"):
            self.end = chunk
        elif name in ("text", "reasoning"):
            self.grow(name, step, chunk)
        elif kind == "tool-input-available":
            call = {key: chunk[key] for key in ("toolCallId", "toolName", "input")}
            self.parts.append({"type": "dynamic-tool", "state": "input-available", **call})
        elif kind == "tool-approval-request":
            self.call(chunk).update(state="approval-requested", approval={"id": chunk["approvalId"]})
        elif kind == "tool-output-available":
            self.call(chunk).update(state="output-available", output=chunk["output"])
        elif kind == "tool-output-error":
            self.call(chunk).update(state="output-error", errorText=chunk["errorText"])
        elif kind == "tool-output-denied":
            self.call(chunk).update(state="output-denied")

    def grow(self, name, step, chunk):
        if step == "start":
            self.growing[chunk["id"]] = {"type": name, "text": ""}
            self.parts.append(self.growing[chunk["id"]])
        elif chunk["id"] not in self.growing:
            raise Fault(f"missing {name} part {chunk['id']}")
        elif step == "delta":
            self.growing[chunk["id"]]["text"] += chunk["delta"]
        else:
            del self.growing[chunk["id"]]

    def call(self, chunk):
        for part in reversed(self.parts):
            if part.get("toolCallId") == chunk["toolCallId"]:
                return part
        raise Fault(f"no tool invocation {chunk['toolCallId']}")

    @property
    def status(self):
        return self.end["messageMetadata"]["agentEvents"]["status"]

    def content(self):
        """The parts as they are compared: steps are not, since a replay of a continued message has one."""
        return [{**part, "approval": None} for part in self.parts if part["type"] != "step-start"]

    def answered(self, approved, forged=None):
        """What the client posts when a person has answered all that was asked."""
        parts = []
        for part in self.parts:
            if part.get("state") == "approval-requested":
                approval = {"id": forged or part["approval"]["id"], "approved": approved}
                part = {**part, "state": "approval-responded", "approval": approval}
            parts.append(part)
        return {"id": self.id, "role": "assistant", "parts": parts, "metadata": self.end.get("messageMetadata")}


def user(name, text):
    return {"id": name, "role": "user", "parts": [{"type": "text", "text": text}]}


def body(chat, *messages, trigger="submit-message", **more):
    return {"id": chat, "messages": list(messages), "trigger": trigger, **more}


def check_answer(stream):
    expect("the header of the protocol", stream.headers["x-vercel-ai-ui-message-stream"], "v1")
    expect("the type", stream.headers["content-type"], "text/event-stream")
    if not stream.has_done:
        raise Fault("the stream does not end with [DONE]")


def post(service, posted, message=None, query=""):
    message = (message or Message(5 if query else 6)).begin()
    frames, stream = read(service, "POST", f"/ai-sdk/guide{query}", posted)
    for chunk in frames:
        message.take(chunk)
    check_answer(stream)
    return message


def resume(service, chat, version=6):
    """The message of a stream that is resumed, and None when there is nothing to resume."""
    stream = Stream(service, "GET", f"/ai-sdk/guide/{chat}/stream" + ("?version=5" if version == 5 else ""))
    try:
        if stream.status == 204:
            return None
        expect("the status of what is resumed", stream.status, 200)
        message = Message(version)
        for chunk in stream.frames():
            message.take(chunk)
        expect("the body of what is resumed", stream.ending, WHOLE)
        return message
    finally:
        stream.close()


def loaded(service, chat):
    return service.request("GET", f"/ai-sdk/guide/{chat}/messages").json()


def check_goes_on(later, earlier):
    """A message that is read again has what it had, and what the agent did since beside its question."""
    for part, before in zip(later.content(), earlier.content()):
        changes = {key for key in part if part[key] != before.get(key)}
        if changes and (before.get("state") != "input-available" or not changes <= {"state", "output", "errorText"}):
            raise Fault(f"a part has changed: {before}, then {part}")
    if len(later.content()) < len(earlier.content()):
        raise Fault(f"parts are missing: {later.content()}, not {earlier.content()}")


def check_loaded(service, chat, wanted):
    """What a page that is loaded again has is what the client had."""
    compare(loaded(service, chat)[-1]["parts"], wanted)


def compare(parts, wanted):
    """A page has more members in a part than a client that followed the stream, and not fewer parts."""
    got, wanted = Message(), wanted.content()
    parts = [part for part in parts if part["type"] != "step-start"]
    expect("the number of parts of a page that is loaded again", len(parts), len(wanted))
    got.parts = [{key: part.get(key) for key in wanted_part} for part, wanted_part in zip(parts, wanted)]
    expect("what a page that is loaded again has", got.content(), wanted)


def check_chats(service):
    asked = body("c", user("u_1", "ordinary words"))
    first = post(service, asked)
    expect("the status", first.status, "completed")
    expect("the answer to the same message again", post(service, asked).content(), first.content())
    lost = Stream(service, "POST", "/ai-sdk/guide", body("c", user("u_2", "ordinary words")))
    next(lost.frames())
    lost.close()
    second = post(service, body("c", user("u_2", "ordinary words")))
    expect("the messages in the log", len(logged(service, "c", "user_message")), 2)
    expect("the runs in the log", len(logged(service, "c", "agent_started")), 2)
    check_loaded(service, "c", second)
    again = post(service, body("c", user("u_2", "ordinary words"), trigger="regenerate-message", messageId=second.id))
    if again.id == second.id:
        raise Fault("another answer has the id of the one before")
    expect("the messages of the page", [message["id"] for message in loaded(service, "c")], ["u_1", first.id, "u_2", again.id])
    old = post(service, body("five", user("u", "secret words")), query="?version=5")
    expect("the status in version 5", old.status, "waiting")
    check_goes_on(resume(service, "five", 5), old)
    for chat in ("c", "nowhere"):
        expect(f"resuming {chat}", resume(service, chat), None)
    named = body("c", user("u_2", "ordinary words"), trigger="regenerate-message", messageId="not there")
    for path, posted, status in (("guide", {}, 400), ("nobody", named, 404), ("guide", named, 404)):
        refused = service.request("POST", f"/ai-sdk/{path}", json.dumps(posted))
        expect(f"the status of {posted} for {path}", refused.status, status)
        if refused.body.startswith(b"{"):
            raise Fault(f"a page would show a refusal as JSON: {refused.body!r}")
    check_second_thoughts(service)
    large = [user(f"m_{number}", "x" * 100_000) for number in range(100)]
    refused = service.request("POST", "/ai-sdk/guide", json.dumps(body("large", *large)))
    expect("messages of 10 MB", refused.status, 413)
    if not refused.body.startswith(b"the body of this request has at most"):
        raise Fault(f"a page would say {refused.body[:200]!r}")
    # A client posts all that it has.
    long = [user(f"old_{number}", "words " * 40000) for number in range(20)]
    expect("the status with a long chat", post(service, body("c", *long, user("u_3", "ordinary words"))).status, "completed")


def check_second_thoughts(service):
    """What a page does with a message that did not arrive, or is edited, or is to be answered again."""

    def names(chat):
        return [message["id"] for message in loaded(service, chat)]

    def wish(chat, *messages, **more):
        return post(service, body(chat, *messages, trigger="regenerate-message", **more))

    # The first message did not arrive, and the page tries again; and so did the second one.
    first, second = user("e_1", "ordinary words"), user("e_2", "more of them")
    answer = wish("e", first)
    expect("the page", names("e"), ["e_1", answer.id])
    other = wish("e", first, {"id": answer.id, "role": "assistant", "parts": []}, second)
    expect("the page with a message that was sent at the second attempt", names("e"), ["e_1", answer.id, "e_2", other.id])
    # By the id of the user's message: it has arrived this time.
    again = wish("e", first, second, messageId="e_2")
    expect("the page with another answer", names("e"), ["e_1", answer.id, "e_2", again.id])
    edited = user("e_2", "ordinary")
    newest = post(service, body("e", first, edited, messageId="e_2"))
    expect("the page with an edited message", names("e"), ["e_1", answer.id, "e_2", newest.id])
    expect("its text", loaded(service, "e")[2]["parts"][0]["text"], "ordinary")
    expect("the answer to the edited message again", post(service, body("e", first, edited)).id, newest.id)
    edited = post(service, body("e", user("e_1", "words")))
    expect("the page with an edited beginning", names("e"), ["e_1", edited.id])


def check_questions(service):
    for approved, state in ((True, "output-available"), (False, "output-denied")):
        chat = f"q_{approved}"
        message = post(service, body(chat, user("u", "secret words")))
        expect("the status", message.status, "waiting")
        reloaded = resume(service, chat)
        expect("resuming what waits", (reloaded.id, reloaded.status), (message.id, "waiting"))
        check_goes_on(reloaded, message)
        # A client can answer only in its last message: another one is not taken meanwhile.
        early = service.request("POST", "/ai-sdk/guide", json.dumps(body(chat, user("early", "ordinary words"))))
        expect("a message while a question is open", early.status, 409)
        if b"waits for an answer" not in early.body:
            raise Fault(f"a page would say {early.body!r}")
        # Others write meanwhile; the request that asked is sent again, since its answer was lost.
        between = service.request("POST", f"/v1/threads/{chat}/messages", json.dumps({"text": "ordinary words"}))
        expect("a message by the service's own protocol", between.status, 202)
        reloaded = resume(service, chat)
        expect("resuming what waits, with another run behind it", (reloaded.id, reloaded.status), (message.id, "waiting"))
        expect("the status of the same message again", post(service, body(chat, user("u", "secret words"))).status, "waiting")
        forged = service.request(
            "POST", "/ai-sdk/guide", json.dumps(body(chat, message.answered(True, forged="forged")))
        )
        expect("a forged answer", forged.status, 404)
        answer = body(chat, message.answered(approved))
        call = next(part for part in message.parts if part.get("state") == "approval-requested")
        other_tab = copy.deepcopy(message)
        post(service, answer, message)
        post(service, answer, other_tab)
        expect("what another tab gets that answers the same", other_tab.content(), message.content())
        later = resume(service, chat)
        if later and later.id == message.id:
            raise Fault("what was answered is resumed")
        whole = post(service, body(chat, user("u", "secret words")))
        expect("the whole message again", (whole.status, whole.content()), ("completed", message.content()))
        expect("the call that asked", call["state"], state)
        expect("the status after the answer", message.status, "completed")
        expect("the answers in the log", len(logged(service, chat, "approval_resolved")), 1)
        compare(next(entry["parts"] for entry in loaded(service, chat) if entry["id"] == message.id), message)


def check_beside(service):
    """What an agent does between its question and the answer is told after the answer, once."""

    def emit(*events):
        lines = [json.dumps({"type": kind, "run_id": "r", "agent": "a", "data": data}) for kind, data in events]
        headers = {"Content-Type": "application/x-ndjson"}
        answer = service.request("POST", "/v1/threads/beside/events", "\n".join(lines), headers)
        expect(f"the status of {lines}", answer.status, 201)

    def call(name):
        return "tool_executing", {"call_id": name, "tool": "t", "arguments": {}}

    def called(name):
        return "tool_completed", {"call_id": name, "tool": "t", "status": "succeeded", "result": 1, "duration_ms": 1}

    emit(("agent_started", {}), call("c_1"), ("approval_requested", {"approval_id": "a", "call_id": "c_1", "prompt": "May I?"}))
    message = resume(service, "beside")
    expect("the status", message.status, "waiting")
    emit(call("c_2"), called("c_2"), ("message_completed", {"message_id": "m", "role": "assistant", "text": "Meanwhile."}))
    stream = Stream(service, "POST", "/ai-sdk/guide", body("beside", message.answered(True)))
    expect("the status of the answer", stream.status, 200)
    emit(called("c_1"), ("agent_completed", {"duration_ms": 1}))
    message.begin()
    for chunk in stream.frames():
        message.take(chunk)
    states = [(part["type"], part.get("state"), part.get("text")) for part in message.content()]
    tool = ("dynamic-tool", "output-available", None)
    expect("what the client has", states, [tool, tool, ("text", None, "Meanwhile.")])
    check_loaded(service, "beside", message)


def check_limit(service):
    """Answers count as commands, like those of the service's own protocol: of two in two chats the second is one too many."""
    first, second = (post(service, body(chat, user("u", "secret words"))) for chat in ("l_1", "l_2"))
    expect("the answer within the limit", post(service, body("l_1", first.answered(True)), first).status, "completed")
    refused = service.request("POST", "/ai-sdk/guide", json.dumps(body("l_2", second.answered(True))))
    expect("the answer beyond the limit", refused.status, 429)
    expect("the answers in the log", len(logged(service, "l_2", "approval_resolved")), 0)


def begun(service, posted, until="text-delta"):
    stream, message = Stream(service, "POST", "/ai-sdk/guide", posted), Message()
    frames = stream.frames()
    for chunk in frames:
        message.take(chunk)
        if chunk["type"] == until:
            return stream, message, frames
    raise Fault(f"there was no {until}")


def check_under_way(service):
    stream, message, frames = begun(service, body("w", user("u", "ordinary words")))
    expect("the messages while the run is open", [entry["id"] for entry in loaded(service, "w")], ["u"])
    stop = lambda: service.request("POST", "/ai-sdk/guide/w/stop", "{}").json()  # noqa: E731
    other_stream, other, other_frames = Stream(service, "GET", "/ai-sdk/guide/w/stream"), Message(), None
    other_frames = other_stream.frames()
    other.take(next(other_frames))
    # Its answer was lost, and the client asks once more for another answer: it is the one under way.
    wish = body("w", user("u", "ordinary words"), trigger="regenerate-message")
    wish_stream, wished = Stream(service, "POST", "/ai-sdk/guide", wish), Message()
    wish_frames = wish_stream.frames()
    wished.take(next(wish_frames))
    expect("the run of a wish while one is under way", wished.id, message.id)
    expect("the runs in the log", len(logged(service, "w", "agent_started")), 1)
    expect("the stop", stop(), {"success": True})
    for one, rest in ((message, frames), (other, other_frames), (wished, wish_frames)):
        for chunk in rest:
            one.take(chunk)
        expect("the status of what was stopped", one.status, "cancelled")
    expect("what a resumed stream has", other.content(), message.content())
    stream.close()
    other_stream.close()
    wish_stream.close()


def run(binary):
    with DataFolder() as data, DataFolder() as folder:
        (folder / "ordinary.txt").write_text("ordinary words\n" + "ordinary words, more of them\n" * 10)
        (folder / "secret.txt").write_text("secret words\n")
        with serve(binary, data, folder, "0") as service:
            check_chats(service)
            check_questions(service)
            check_beside(service)
        with serve(binary, None, folder, "0", "--rate", "commands=1/1d") as service:
            check_limit(service)
        with serve(binary, data, folder, "4") as service:
            check_under_way(service)
            stream, message, frames = begun(service, body("d", user("u", "ordinary words")))
            service.kill()
            for chunk in frames:
                message.take(chunk)
            expect("the body when the service dies", (stream.ending, message.end, stream.has_done), (BROKEN, None, False))
        with serve(binary, data, folder, "4") as service:
            tabs = at_once(*[lambda: resume(service, "d")] * 2)
            for tab in tabs:
                if tab is None:
                    raise Fault("there is nothing to resume, though the run goes on")
                expect("the status of what was resumed", tab.status, "completed")
            expect("the messages of two tabs", tabs[0].content(), tabs[1].content())
            check_loaded(service, "d", tabs[0])
            # A service that stops breaks off too: the client comes back, and does not take it for an end.
            stream, message, frames = begun(service, body("g", user("u", "ordinary words")))
            service.process.terminate()
            for chunk in frames:
                message.take(chunk)
            expect("the body when the service stops", (stream.ending, stream.has_done), (BROKEN, False))


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
    print("ai_sdk_clients: clients of the AI SDK see what the log has")
    return 0


# The checks, checked ----------------------------------------------------------------------------------------------------


def take(*chunks, version=6):
    message = Message(version)
    message.take({"type": "start", "messageId": "m"})
    for chunk in chunks:
        message.take(chunk)
    return message


def self_test():
    text, end = {"type": "text-start", "id": "t"}, {"type": "finish"}
    delta = {"type": "text-delta", "id": "t", "delta": "a"}
    take(text, delta, {"type": "text-end", "id": "t"}, {"type": "finish-step"}, end)
    request = {"type": "tool-approval-request", "approvalId": "a", "toolCallId": "c"}
    return check_broken(
        "ai_sdk_clients",
        [
            ("no start", "first chunk", lambda: Message().take(end)),
            ("another id", "second message", lambda: take().begin().take({"type": "start", "messageId": "n"})),
            ("no part", "missing text part", lambda: take({"type": "text-delta", "id": "t", "delta": "a"})),
            ("no thought", "missing reasoning part", lambda: take({"type": "reasoning-end", "id": "t"})),
            ("no call", "no tool invocation", lambda: take(request)),
            ("too new", "unknown type", lambda: take(request, version=5)),
            ("a member", "unknown members", lambda: take({"type": "finish", "finishReason": "stop"})),
            ("open at the end of a step", "is open", lambda: take(text, {"type": "finish-step"})),
            ("too late", "after the end", lambda: take(end, text)),
            ("a part too few", "number of parts", lambda: compare([], take(text))),
            ("a part too few later", "parts are missing", lambda: check_goes_on(Message(), take(text))),
            ("another text later", "has changed", lambda: check_goes_on(take(text), take(text, delta))),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
