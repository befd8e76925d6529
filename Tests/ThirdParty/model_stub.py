#!/usr/bin/env python3
"""A provider of a language model that is not ours: OpenAI's chat completions and responses, on a free port.

Its model calls each tool that it is offered once, one after the other, with arguments made from the schema, and then answers with what
the tools have said. A script may give its turns instead, and have the first requests fail.

  with ModelStub() as stub:                     stub.url is the address for a client; stub.requests has the bodies that came
  ModelStub(turns=[Turn("Let me see.", [("search_builds", {"name": "a"})]), Turn("Done.")])
  ModelStub(failures=[429, 500, "close", "cut"])

  model_stub.py [--port N]                      prints the address, and serves until it is interrupted
  model_stub.py --self-test                     that another client reads what it says, and sees where it breaks off
"""

import argparse
import http.server
import json
import sys
import threading

import httpx
from httpx_sse import connect_sse

from self_test import check_broken
from thread_reader import Fault

USAGE = {"prompt_tokens": 40, "completion_tokens": 8, "total_tokens": 48}


class Turn:
    """One answer of the model: a text, and calls as pairs of a name and arguments."""

    def __init__(self, text="", calls=(), thought=""):
        self.text = text
        self.calls = list(calls)
        self.thought = thought


def example(schema):
    """A value that a JSON Schema takes, as far as its types say."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "string")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object":
        properties = schema.get("properties", {})
        required = schema.get("required", list(properties))
        return {name: example(properties.get(name, {})) for name in required}
    if kind == "array":
        return [example(schema.get("items", {}))]
    return {"integer": 1, "number": 1.5, "boolean": True, "null": None}.get(kind, "example")


class Asked:
    """What a request says, in either dialect."""

    def __init__(self, path, body):
        self.is_chat = path.endswith("/chat/completions")
        if self.is_chat:
            self.tools = [tool["function"] for tool in body.get("tools", [])]
            items = body["messages"]
            is_user = lambda item: item["role"] == "user"
            is_result = lambda item: item["role"] == "tool"
            text = "content"
        else:
            self.tools = body.get("tools", [])
            items = body["input"]
            is_user = lambda item: item.get("role") == "user"
            is_result = lambda item: item.get("type") == "function_call_output"
            text = "output"
        last = max((place for place, item in enumerate(items) if is_user(item)), default=-1)
        self.results = [item[text] for item in items[last + 1 :] if is_result(item)]

    def turn(self):
        """The turn of a model that calls each tool once."""
        place = len(self.results)
        if place < len(self.tools):
            tool = self.tools[place]
            return Turn(f"I use {tool['name']}.", [(tool["name"], example(tool.get("parameters", {})))])
        said = ", ".join(self.results)
        return Turn(f"The tools said: {said}" if said else "Hello. I have no tools.")


def pieces(text, size=7):
    return [text[start : start + size] for start in range(0, len(text), size)]


def chat_events(turn, model):
    def chunk(delta, finish=None, usage=None):
        choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
        return None, {
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": choices,
            "usage": usage,
        }

    yield chunk({"role": "assistant", "content": ""})
    for piece in pieces(turn.thought):
        yield chunk({"reasoning_content": piece})
    for piece in pieces(turn.text):
        yield chunk({"content": piece})
    for index, (name, arguments) in enumerate(turn.calls):
        function = {"name": name, "arguments": ""}
        yield chunk({"tool_calls": [{"index": index, "id": f"call_{index}", "type": "function", "function": function}]})
        for piece in pieces(json.dumps(arguments)):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, "tool_calls" if turn.calls else "stop")
    yield chunk(None, usage=USAGE)


def response_events(turn, model):
    def event(kind, **members):
        return kind, {"type": kind, **members}

    output = []
    yield event("response.created", response={"id": "resp_1", "status": "in_progress", "model": model, "output": []})
    if turn.text:
        item = {"id": "msg_1", "type": "message", "role": "assistant"}
        yield event("response.output_item.added", output_index=0, item={**item, "content": []})
        for piece in pieces(turn.text):
            yield event("response.output_text.delta", output_index=0, content_index=0, item_id="msg_1", delta=piece)
        output.append({**item, "content": [{"type": "output_text", "text": turn.text}]})
        yield event("response.output_item.done", output_index=0, item=output[-1])
    for name, arguments in turn.calls:
        index = len(output)
        written = json.dumps(arguments)
        item = {"id": f"fc_{index}", "type": "function_call", "call_id": f"call_{index}", "name": name}
        yield event("response.output_item.added", output_index=index, item={**item, "arguments": ""})
        for piece in pieces(written):
            yield event(
                "response.function_call_arguments.delta", output_index=index, item_id=item["id"], delta=piece)
        output.append({**item, "arguments": written, "status": "completed"})
        yield event("response.output_item.done", output_index=index, item=output[-1])
    usage = {"input_tokens": USAGE["prompt_tokens"], "output_tokens": USAGE["completion_tokens"]}
    response = {"id": "resp_1", "status": "completed", "model": model, "output": output, "usage": usage}
    yield event("response.completed", response=response)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that gave up, or was killed, is no fault of this end."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_POST(self):
        stub = self.server.stub
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        turn, failure = stub.receive(self.path, self.headers, body)
        if failure == "close":
            self.close_connection = True
            return
        if isinstance(failure, int):
            self.answer(failure, {"error": {"message": f"a failure with {failure}", "type": "stub", "code": None}})
            return
        asked = Asked(self.path, body)
        turn = turn or asked.turn()
        events = (chat_events if asked.is_chat else response_events)(turn, body["model"])
        self.stream(list(events), asked.is_chat, is_cut=failure == "cut")

    def answer(self, status, document):
        written = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)

    def stream(self, events, is_chat, is_cut):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if is_cut:
            events = events[: len(events) // 2]
        for kind, document in events:
            self.chunk((f"event: {kind}\n" if kind else "") + f"data: {json.dumps(document)}\n\n")
        if is_cut:
            self.close_connection = True
            return
        if is_chat:
            self.chunk("data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def chunk(self, text):
        written = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(written), written))


class ModelStub:
    """A server in threads of this process, for the length of a scope."""

    def __init__(self, turns=None, failures=(), port=0):
        self.lock = threading.Lock()
        self.turns = list(turns) if turns is not None else None
        self.failures = list(failures)
        self.requests = []
        self.authorizations = []
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.stub = self
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def receive(self, path, headers, body):
        """The turn that was scripted for a request, and the failure in its place."""
        with self.lock:
            self.requests.append(body)
            self.authorizations.append(headers.get("Authorization"))
            if self.failures:
                failure = self.failures.pop(0)
                if failure != "cut":
                    return None, failure
            else:
                failure = None
            if self.turns is None:
                return None, failure
            # After the last turn a model has nothing to add.
            return (self.turns.pop(0) if self.turns else Turn("That is all.")), failure

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


# The self-test: another client asks.


def chat(stub, messages, tools=()):
    """The text, the calls and the reason of an answer, read by httpx-sse."""
    body = {"model": "m", "messages": messages, "tools": list(tools), "stream": True}
    text, calls, reason, is_done = "", {}, None, False
    with httpx.Client() as client, connect_sse(client, "POST", stub.url + "/chat/completions", json=body) as source:
        if source.response.status_code != 200:
            raise Fault(f"status {source.response.status_code}")
        try:
            for event in source.iter_sse():
                if event.data == "[DONE]":
                    is_done = True
                    continue
                for choice in json.loads(event.data)["choices"]:
                    text += choice["delta"].get("content") or ""
                    for piece in choice["delta"].get("tool_calls", []):
                        call = calls.setdefault(piece["index"], ["", ""])
                        call[0] += piece["function"].get("name", "")
                        call[1] += piece["function"]["arguments"]
                    reason = choice["finish_reason"] or reason
        except httpx.TransportError as error:
            raise Fault(f"the answer breaks off: {error}") from error
    if not is_done:
        raise Fault("the answer breaks off: no [DONE]")
    return text, [(name, json.loads(arguments)) for name, arguments in calls.values()], reason


TOOL = {
    "type": "function",
    "function": {
        "name": "count",
        "parameters": {"type": "object", "properties": {"n": {"type": "integer"}, "mode": {"enum": ["a", "b"]}}},
    },
}
USER = {"role": "user", "content": "Hello"}


def expect(actual, expected):
    if actual != expected:
        raise Fault(f"{actual} in the place of {expected}")


def converse():
    with ModelStub() as stub:
        expect(chat(stub, [USER]), ("Hello. I have no tools.", [], "stop"))
        expect(chat(stub, [USER], [TOOL]), ("I use count.", [("count", {"n": 1, "mode": "a"})], "tool_calls"))
        result = {"role": "tool", "tool_call_id": "call_0", "content": "7"}
        expect(chat(stub, [USER, result], [TOOL]), ("The tools said: 7", [], "stop"))
        expect(len(stub.requests), 3)
        body = {"model": "m", "input": [USER], "tools": [{"type": "function", **TOOL["function"]}], "stream": True}
        with httpx.Client() as client, connect_sse(client, "POST", stub.url + "/responses", json=body) as source:
            events = [json.loads(event.data) for event in source.iter_sse()]
        expect(events[-1]["type"], "response.completed")
        expect(events[-1]["response"]["output"][1]["arguments"], '{"n": 1, "mode": "a"}')
        deltas = [event["delta"] for event in events if event["type"].endswith("arguments.delta")]
        expect("".join(deltas), '{"n": 1, "mode": "a"}')


def failing(failure):
    def attempt():
        with ModelStub(failures=[failure]) as stub:
            try:
                chat(stub, [USER])
            except httpx.TransportError as error:
                raise Fault(f"the answer breaks off: {error}") from error

    return attempt


def scripted_otherwise():
    with ModelStub(turns=[Turn("One."), Turn("Two.")]) as stub:
        expect(chat(stub, [USER])[0], "One.")
        expect(chat(stub, [USER])[0], "One.")


def check_self():
    converse()
    return check_broken(
        "model stub",
        [
            ("a refused request", "status 429", failing(429)),
            ("a failed request", "status 500", failing(500)),
            ("a connection that is closed", "breaks off", failing("close")),
            ("an answer that is cut", "breaks off", failing("cut")),
            ("another turn", "Two.", scripted_otherwise),
        ],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        return check_self()
    with ModelStub(port=arguments.port) as stub:
        print(stub.url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    sys.exit(main())
