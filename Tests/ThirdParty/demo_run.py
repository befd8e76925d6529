#!/usr/bin/env python3
"""The demo agent, end to end: questions over HTTP, the run's events over WebSocket, and after kill -9 the same bytes again.

Then the same agent with a model of another server, which decides what to call; and with a budget of tokens, which that run has used,
also after kill -9. Everything that the service sends is checked against the schemas.

  demo_run.py               against a service that this script starts
  demo_run.py --self-test   that the checks notice a run that is not whole
"""

import argparse
import asyncio
import datetime
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading

from model_stub import ModelStub, Turn
from self_test import check_broken
from service import ROOT, SUBPROTOCOL, DataFolder, Service, add_binary_option
from thread_reader import Fault, ThreadReader

QUESTIONS = [
    "Where does the hub tell observers of each commit?",
    "Which file says how a run's order is checked?",
    "xyzzyplugh quuxfrobnicate",
    # In a file that the guide asks for.
    "When is the picnic?",
]
SECRET = "The picnic is on Tuesday."
ENDS = ("agent_completed", "agent_failed", "agent_cancelled")
TIME_LIMIT = 600
KEY = "key-of-the-provider-0123456789"
BUDGET = 100


async def ask_and_watch(service, thread, question):
    """Subscribes, asks, and returns what the service sent until the run has ended."""
    import websockets

    sent, reader = [], ThreadReader(thread, 0)
    async with websockets.connect(service.url, subprotocols=[SUBPROTOCOL]) as socket:
        await socket.send(json.dumps({"op": "subscribe", "thread_id": thread, "after": "start", "merge": False}))
        live = False
        while True:
            raw = await socket.recv()
            sent.append(raw)
            message = json.loads(raw)
            if message.get("op") == "error":
                raise Fault(f"{question}: {raw}")
            if message.get("op") == "live" and not live:
                live = True
                post(service, thread, question)
            if "type" not in message:
                continue
            event = reader.accept(raw)
            if event["type"] == "approval_requested":
                answer = {"approval_id": event["data"]["approval_id"], "decision": "approved", "data": {"lines": 1}}
                command = {"op": "command", "req": 2, "thread_id": thread, "key": "k_yes", "name": "answer", "data": answer}
                await socket.send(json.dumps(command))
            if event["type"] in ENDS:
                return sent, reader.raw


def post(service, thread, question):
    headers = {"Content-Type": "application/json"}
    answer = service.request("POST", f"/v1/threads/{thread}/messages", json.dumps({"text": question}), headers)
    if answer.status != 202 or not answer.json().get("run_id"):
        raise Fault(f"{question}: answered with {answer}")


def check_run(question, raws):
    """A whole run that really searched."""
    events = [json.loads(raw) for raw in raws]
    types = [event["type"] for event in events]
    if types[:2] != ["user_message", "agent_started"] or events[0]["data"]["text"] != question:
        raise Fault(f"{question}: the run begins with {types[:2]}")
    if types[-1] != "agent_completed" or sum(kind in ENDS for kind in types) != 1:
        raise Fault(f"{question}: the run ends with {types[-1]}")
    for kind in ("agent_thinking", "tool_executing", "message_completed"):
        if kind not in types:
            raise Fault(f"{question}: there is no {kind}")
    opened = [event["data"]["call_id"] for event in events if event["type"] == "tool_executing"]
    closed = [event["data"]["call_id"] for event in events if event["type"] == "tool_completed"]
    if sorted(opened) != sorted(closed):
        raise Fault(f"{question}: calls {opened} were opened, and {closed} closed")
    said = "".join(event["data"]["text"] for event in events if event["type"] == "message_delta")
    whole = "".join(event["data"]["text"] for event in events if event["type"] == "message_completed")
    if not said or said != whole:
        raise Fault(f"{question}: the fragments are not the message: {said!r} and {whole!r}")
    return events


def check_secret(question, events):
    """A secret is told once somebody has allowed it, and not before."""
    asked = [event["seq"] for event in events if event["type"] == "approval_resolved"]
    told = [event["seq"] for event in events if SECRET in json.dumps(event)]
    if "picnic" in question and (not asked or not told or told[0] < asked[0]):
        raise Fault(f"{question}: allowed at {asked}, and told at {told}")
    if "picnic" not in question and (asked or told):
        raise Fault(f"{question}: asked for a secret at {asked}, and told it at {told}")


def check_schemas(messages):
    with tempfile.NamedTemporaryFile("w", suffix=".ndjson", encoding="utf-8") as file:
        file.write("".join(message + "\n" for message in messages))
        file.flush()
        script = ROOT / "Tests" / "Schemas" / "check_schemas.py"
        done = subprocess.run(
            [sys.executable, str(script), "--messages", file.name], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise Fault(f"what the service sent does not fit the schemas: {(done.stdout + done.stderr)[-2000:]}")


def check_different(runs):
    """Different questions, different tool calls and different answers: nothing is canned."""
    shown = set()
    for raws in runs:
        events = [json.loads(raw) for raw in raws]
        kinds = ("tool_executing", "message_completed")
        parts = [event["data"].get("arguments") or event["data"].get("text") for event in events if event["type"] in kinds]
        shown.add(json.dumps(parts))
    if len(shown) != len(runs):
        raise Fault("different questions gave the same events")


def read_until(stream, kind):
    """The lines up to the first event of a type, or to the end."""
    for line in stream:
        yield line
        if f" {kind} " in line:
            return


def merged(types):
    """A reader that is behind may get adjacent fragments as one event."""
    return [kind for kind, before in zip(types, [None, *types]) if kind != "message_delta" or before != kind]


def check_example(service, thread, types):
    """The WebSocket example of the README prints the events of a thread."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    example = re.search(r"<!-- websocket example -->\n```python\n(.*?)```\n<!-- /websocket example -->", readme, re.DOTALL)
    if example is None:
        raise Fault("README.md has no WebSocket example")
    program = example.group(1).replace("127.0.0.1:8080", f"127.0.0.1:{service.port}").replace('"t_1"', f'"{thread}"')
    if str(service.port) not in program or thread not in program:
        raise Fault("the WebSocket example of README.md names another address, or another thread")
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    # The example never ends by itself; when it prints too little, the reading ends with it.
    watchdog = threading.Timer(20, process.kill)
    watchdog.start()
    try:
        lines = list(read_until(process.stdout, types[-1]))
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        process.stdout.close()
    printed = [(line.split(" ") + [""])[1].strip() for line in lines]
    if merged(printed) != merged(types):
        raise Fault(f"the WebSocket example of README.md printed {lines}")


def demo(binary):
    runs = []
    with DataFolder() as data, DataFolder() as folder:
        shutil.copytree(ROOT / "Sources", folder / "docs")
        (folder / "docs" / "secret-picnic.txt").write_text(SECRET + "\n", encoding="utf-8")
        arguments = ["--demo", "--demo-folder", folder / "docs", "--demo-pace", "0"]
        with Service(binary, data, *map(str, arguments)) as service:
            for number, question in enumerate(QUESTIONS):
                watching = ask_and_watch(service, f"t_demo_{number}", question)
                sent, raws = asyncio.run(asyncio.wait_for(watching, TIME_LIMIT))
                check_secret(question, check_run(question, raws))
                check_schemas(sent)
                runs.append(raws)
            check_example(service, "t_demo_0", [json.loads(raw)["type"] for raw in runs[0]])
            service.kill()
            check_different(runs)
            with Service(binary, data) as again:
                for number, raws in enumerate(runs):
                    events, _ = again.pages(f"t_demo_{number}")
                    if [event.decode("utf-8") for event in events] != raws:
                        raise Fault(f"after kill -9 the events of t_demo_{number} are not the same bytes")
            return runs


# A model of another server ----------------------------------------------------------------------------------------------


def with_model(binary):
    """Returns the number of requests that the model got."""
    turns = [
        Turn("I look.", [("search_files", {"terms": ["picnic"]})], thought="Hm."),
        Turn("", [("read_file", {"file": "secret-picnic.txt"}), ("read_file", {"file": "gone.txt"})]),
        Turn("It is said to be on Tuesday."),
    ]
    question, today = QUESTIONS[-1], utc_day()
    with DataFolder() as data, DataFolder() as folder, ModelStub(turns, failures=[503]) as stub:
        (folder / "docs").mkdir()
        (folder / "docs" / "secret-picnic.txt").write_text(SECRET + "\n", encoding="utf-8")
        key = folder / "key"
        key.touch(mode=0o600)
        key.write_text(KEY + "\n", encoding="utf-8")
        arguments = ["--demo", "--demo-folder", folder / "docs", "--model-url", stub.url, "--model", "m-1", "--model-key-file", key]
        with Service(binary, data, *map(str, arguments)) as service:
            sent, raws = asyncio.run(asyncio.wait_for(ask_and_watch(service, "t_model", question), TIME_LIMIT))
            check_secret(question, check_run(question, raws))
            check_schemas(sent)
            check_told(stub.requests, raws[-1])
            if set(stub.authorizations) != {f"Bearer {KEY}"} or KEY in "".join(sent):
                raise Fault(f"the key went to {set(stub.authorizations)}, and to clients: {KEY in ''.join(sent)}")
            service.kill()
        count = len(stub.requests)
        with Service(binary, data, *map(str, arguments), "--max-tokens-per-user-and-day", str(BUDGET)) as service:
            sent, raws = asyncio.run(asyncio.wait_for(ask_and_watch(service, "t_over", question), TIME_LIMIT))
            check_schemas(sent)
            # At midnight the budget begins again.
            if utc_day() == today:
                check_over(raws[-1], len(stub.requests) - count)
        return count


def utc_day():
    return datetime.datetime.now(datetime.timezone.utc).date()


def check_told(requests, end):
    """The model has the tools and what they said: the secret once somebody has allowed it. Its tokens are in the run's end."""
    names = {tuple(tool["function"]["name"] for tool in request["tools"]) for request in requests}
    if names != {("search_files", "read_file")} or {request["model"] for request in requests} != {"m-1"}:
        raise Fault(f"the model is offered {names}")
    results = [message["content"] for message in requests[-1]["messages"] if message["role"] == "tool"]
    if len(results) != 3 or "secret-picnic.txt" not in results[0] or SECRET not in results[1] or "file.missing" not in results[2]:
        raise Fault(f"the model is told {results}")
    if SECRET in json.dumps(requests[:-1]):
        raise Fault("the model is told the secret too early")
    usage = json.loads(end)["data"].get("usage")
    if usage != {"input_tokens": 120, "output_tokens": 24}:
        raise Fault(f"the run has used {usage}")


def check_over(end, requests):
    """A run whose user has no tokens left fails, and asks nobody."""
    event = json.loads(end)
    error = event["data"].get("error", {})
    details = error.get("details", {})
    midnight = details.get("next_day", "")
    if event["type"] != "agent_failed" or error.get("code") != "run.budget_exceeded" or not error.get("retryable"):
        raise Fault(f"over the budget the run ends as {end}")
    if (details.get("limit"), details.get("used")) != (BUDGET, 144) or not midnight.endswith("T00:00:00.000Z") or requests:
        raise Fault(f"over the budget the details are {details}, after {requests} requests")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    try:
        runs = demo(options.binary)
        asked = with_model(options.binary)
    except (Fault, asyncio.TimeoutError) as fault:
        print(f"FAILED: {fault if isinstance(fault, Fault) else f'no end within {TIME_LIMIT} s'}")
        return 1
    print(f"{len(runs)} questions, {sum(map(len, runs))} events, the same bytes after kill -9, all fit the schemas; a model was asked {asked} times")
    return 0


# The checks, checked ----------------------------------------------------------------------------------------------------


def recorded():
    """A whole run, as a service sends it."""
    data = [
        ("user_message", {"message_id": "m_1", "user_id": "u_1", "text": "Why?"}),
        ("agent_started", {"input": "Why?"}),
        ("agent_thinking", {"thought_id": "th_1", "text": "Hm."}),
        ("tool_executing", {"call_id": "c_1", "tool": "search_files", "arguments": {"query": "why"}}),
        ("tool_completed", {"call_id": "c_1", "tool": "search_files", "status": "succeeded", "duration_ms": 1}),
        ("message_delta", {"message_id": "m_2", "text": "Because."}),
        ("message_completed", {"message_id": "m_2", "role": "assistant", "text": "Because."}),
        ("agent_completed", {"duration_ms": 2}),
    ]
    events = []
    for number, (kind, members) in enumerate(data, 1):
        run = {} if kind == "user_message" else {"run_id": "r_1", "agent": "guide"}
        event = {"type": kind, "id": f"1-{number}", "seq": number, "thread_id": "t_1", **run}
        events.append(json.dumps({**event, "time": "2026-11-21T02:10:00.123Z", "data": members}))
    return events


def told():
    """The requests that a model gets, and the end of the run."""
    tools = [{"function": {"name": name}} for name in ("search_files", "read_file")]
    contents = ['["secret-picnic.txt"]', json.dumps([SECRET]), "The call failed (file.missing)."]
    messages = [{"role": "tool", "content": content} for content in contents]
    requests = [{"model": "m-1", "tools": tools, "messages": messages[:count]} for count in (0, 1, 3)]
    return requests, json.dumps({"data": {"usage": {"input_tokens": 120, "output_tokens": 24}}})


def over(**changes):
    details = {"limit": BUDGET, "used": 144, "next_day": "2026-11-30T00:00:00.000Z"}
    error = {"code": "run.budget_exceeded", "retryable": True, "details": details, **changes}
    return json.dumps({"type": "agent_failed", "data": {"error": error}})


def self_test():
    requests, end = told()
    check_told(requests, end)
    check_over(over(), 0)
    good = recorded()
    check_run("Why?", good)
    check_schemas(good + ['{"op":"live","thread_id":"t_1","cursor":"1-8"}'])
    allowed = {"seq": 4, "type": "approval_resolved"}
    check_secret("picnic?", [allowed, {"seq": 5, "type": "message_completed", "text": SECRET}])
    broken = [
        ("another question", "begins", lambda: check_run("How?", good)),
        ("no start", "begins", lambda: check_run("Why?", good[:1] + good[2:])),
        ("no end", "ends", lambda: check_run("Why?", good[:-1])),
        ("two ends", "ends", lambda: check_run("Why?", good + good[-1:])),
        ("no thought", "agent_thinking", lambda: check_run("Why?", good[:2] + good[3:])),
        ("an open call", "closed", lambda: check_run("Why?", good[:4] + good[5:])),
        ("a lost fragment", "fragments", lambda: check_run("Why?", good[:5] + good[6:])),
        ("a canned answer", "the same", lambda: check_different([good, good])),
        ("an event off the schema", "schemas", lambda: check_schemas([good[2].replace("thought_id", "thought")])),
        ("a secret that is told at once", "told at", lambda: check_secret("picnic?", [{"seq": 3, "type": "x", "text": SECRET}, allowed])),
        ("a secret that is not asked for", "told at", lambda: check_secret("picnic?", [{"seq": 3, "type": "x", "text": SECRET}])),
        ("a question that was not needed", "asked", lambda: check_secret("Why?", [allowed])),
        ("a model without its tools", "offered", lambda: check_told([{**requests[0], "tools": []}, *requests[1:]], end)),
        ("a result that is not told", "is told", lambda: check_told(requests[:2], end)),
        ("a secret that is told too early", "too early", lambda: check_told(requests + requests[-1:], end)),
        ("tokens that are lost", "used", lambda: check_told(requests, '{"data":{}}')),
        ("a budget that is not kept", "ends as", lambda: check_over('{"type":"agent_completed","data":{}}', 0)),
        ("a budget for ever", "details", lambda: check_over(over(details={"limit": BUDGET, "used": 144}), 0)),
        ("a model that is asked all the same", "requests", lambda: check_over(over(), 1)),
        ("an unknown op", "schemas", lambda: check_schemas(['{"op":"shrug"}'])),
    ]
    return check_broken("demo run", broken)


if __name__ == "__main__":
    sys.exit(main())
