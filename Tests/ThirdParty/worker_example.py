#!/usr/bin/env python3
"""A worker in Python: a program outside that works for agents of the service. To copy; it needs the package `websockets`.

  worker_example.py ws://127.0.0.1:8080/v1/stream parrot [--token TOKEN]

The service offers it runs, each for a lease; whatever it sends renews what it holds. When the connection breaks it comes back with
its leases, and sends again, under the same keys, what was not answered.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import time
import uuid

import websockets


class Run:
    """One run of an agent; its task is cancelled when it is over elsewhere."""

    def __init__(self, worker, offer):
        self.worker, self.offer, self.lease, self.text = worker, offer, offer["lease"], offer["prompt"]["text"]
        self.events, self.changed = [], asyncio.Event()

    async def emit(self, *events):
        """Logs events of the run, all or none: `("agent_thinking", {…})`."""
        drafts = [{"type": kind, "run_id": self.offer["run_id"], "data": data} for kind, data in events]
        thread, key = self.offer["thread_id"], uuid.uuid4().hex
        return await self.worker.ask(op="emit", thread_id=thread, lease=self.lease, key=key, events=drafts)

    async def say(self, text):
        await self.emit(("message_completed", {"message_id": f"m_{uuid.uuid4()}", "role": "assistant", "text": text}))

    async def wait_for(self, kind, **data):
        """The first event of the thread of a kind since the run began, such as the answer to a request for approval."""
        while not (found := [e for e in self.events if e["type"] == kind and data.items() <= e["data"].items()]):
            self.changed.clear()
            await self.changed.wait()
        return found[0]


class Refused(Exception):
    """The service refused a request: `lease.lost`."""


class Worker:
    def __init__(self, url, agents, token=None, capacity=4, restart="never", worker_id=None):
        """`agents`: by their names, functions that take a Run and return the result."""
        self.url, self.agents, self.token, self.capacity, self.restart = url, agents, token, capacity, restart
        self.worker_id = worker_id or f"w_{uuid.uuid4().hex}"
        self.runs, self.tasks, self.asked, self.numbers = {}, {}, {}, itertools.count(1)
        self.socket, self.lease_seconds = None, 30

    async def serve(self):
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else None
        while True:
            try:
                async with websockets.connect(self.url, additional_headers=headers, max_size=None) as socket:
                    await self.converse(socket)
            except (OSError, websockets.ConnectionClosed):
                await asyncio.sleep(0.2)
            self.socket = None

    async def converse(self, socket):
        offer = {"worker_id": self.worker_id, "agents": list(self.agents), "capacity": self.capacity}
        leases = {"leases": list(self.runs)} if self.runs else {}
        await socket.send(json.dumps({"op": "serve", "req": "serve", "restart": self.restart, **offer, **leases}))
        renewal = time.monotonic()
        while True:
            if time.monotonic() >= renewal:
                await socket.send(json.dumps({"op": "renew", "leases": list(self.runs)}))
                renewal = time.monotonic() + self.lease_seconds / 3
            with contextlib.suppress(TimeoutError):
                await self.receive(socket, json.loads(await asyncio.wait_for(socket.recv(), self.lease_seconds / 6)))

    async def receive(self, socket, message):
        match message.get("op"):
            case "serving":
                self.socket, self.lease_seconds = socket, message["lease_ms"] / 1000
                for lease in message.get("lost", []):
                    self.end(lease)
                for run in list(self.runs.values()):
                    after = run.events[-1]["id"] if run.events else run.offer["after"] or "start"
                    await socket.send(json.dumps({"op": "subscribe", "thread_id": run.offer["thread_id"], "after": after}))
                for request, _ in list(self.asked.values()):
                    await socket.send(json.dumps(request))
            case "run":
                run = self.runs[message["lease"]] = Run(self, message)
                await socket.send(json.dumps({"op": "take", "lease": run.lease}))
                self.tasks[run.lease] = asyncio.create_task(self.work(run))
            case "cancel":
                self.end(message["lease"])
            case "emitted" | "error" if message.get("req") in self.asked:
                if not (answer := self.asked[message["req"]][1]).done():
                    answer.set_result(message)
            case "error" if message.get("req") == "serve":
                raise Refused(f"{message['code']}: {message['message']}")
            case "ping":
                await socket.send('{"op":"pong"}')
            case None:
                for run in self.runs.values():
                    if run.offer["thread_id"] == message["thread_id"]:
                        run.events.append(message)
                        run.changed.set()

    async def ask(self, **request):
        request["req"] = number = next(self.numbers)
        self.asked[number] = request, asyncio.get_running_loop().create_future()
        try:
            with contextlib.suppress(websockets.ConnectionClosed):  # It is sent again over the next connection.
                if self.socket is not None:
                    await self.socket.send(json.dumps(request))
            message = await self.asked[number][1]
        finally:
            del self.asked[number]
        if message["op"] == "error":
            raise Refused(message["code"])
        return message["cursors"]

    async def work(self, run):
        try:
            result = await self.agents[run.offer["agent"]](run)
            await run.emit(("agent_completed", {"result": result}))
        except Refused as refused:  # Nothing to do when the lease is over; and else the run is given back.
            await self.socket.send(json.dumps({"op": "decline", "lease": run.lease, "reason": str(refused)}))
        except Exception as error:  # Whatever an agent throws is how its run ends.
            await run.emit(("agent_failed", {"error": {"code": "error", "message": str(error), "retryable": False}}))
        finally:
            self.runs.pop(run.lease, None)
            self.tasks.pop(run.lease, None)

    def end(self, lease):
        if self.runs.pop(lease, None):
            self.tasks[lease].cancel()


async def parrot(run):
    await run.say(f"You said: {run.text}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("url", "agent", "--token"):
        parser.add_argument(name)
    options = parser.parse_args()
    asyncio.run(Worker(options.url, {options.agent: parrot}, options.token).serve())
