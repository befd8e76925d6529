#!/usr/bin/env python3
"""Workers, programs outside that work for agents, against the real service: each is killed, stopped and cut off in the middle.

The numbers are those of the cases in the design:
67 SIGSTOP beyond the lease, then an event: `lease.lost`, nothing is logged   68 a worker that comes back within its lease keeps it
69 a lease near its end is renewed before it is used                           70 a stop reaches a worker that says nothing
and: kill -9 at every message, under each restart mode; two workers of one name; kill -9 of the service; many leases; a worker in
Python (worker_example.py) and one in Swift (example-worker) as processes.

  workers.py               against services that this script starts
  workers.py --self-test   that the checks notice each of these faults
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from people import ENDS, Person, check_runs, guide, log_of, write_garden
from plain_stream import Ended
from self_test import check_broken
from service import BUILT, DataFolder, Service, add_binary_option
from thread_reader import Fault

LEASE = 1.5
SECONDS = 120


class Sequence:
    """Whatever a worker is given of a thread has to be whole."""

    def __init__(self):
        self.last = None

    def accept(self, raw):
        number = json.loads(raw)["seq"]
        if self.last is not None and number != self.last + 1:
            raise Fault(f"a worker was given {number} after {self.last}")
        self.last = number


class Readers(dict):
    def __missing__(self, thread):
        self[thread] = Sequence()
        return self[thread]


class Lists(dict):
    def __missing__(self, thread):
        self[thread] = []
        return self[thread]


class RawWorker(Person):
    """A worker that does what the test says, and nothing by itself."""

    def __init__(self, service, name, agents, capacity=4, restart="never", leases=None, dies_at=None):
        self.offers = []
        super().__init__(service)
        self.readers, self.events = Readers(), Lists()
        self.name, self.sent, self.dies_at = name, 0, dies_at
        more = {} if leases is None else {"leases": leases}
        self.dies("before")
        self.serving = self.answer(
            self.send(op="serve", worker_id=name, agents=agents, capacity=capacity, restart=restart, **more)
        )
        if self.serving["op"] not in ("serving", "error"):
            raise Fault(f"serve was answered with {self.serving}")
        self.dies("after")

    def dies(self, moment):
        """The process is gone at the message that it is to die at."""
        if moment == "before":
            self.sent += 1
        if self.dies_at == (self.sent, moment):
            os.kill(os.getpid(), signal.SIGKILL)

    def receive(self, wanted):
        """The next message that is wanted; offers that come before it are kept."""

        def is_wanted(message):
            if wanted(message):
                return True
            if message.get("op") == "run":
                self.offers.append(message)
            return False

        return super().receive(is_wanted)

    def offer(self):
        return self.offers.pop(0) if self.offers else self.receive(lambda message: message.get("op") == "run")

    def take(self, offer):
        self.dies("before")
        self.send(op="take", lease=offer["lease"])
        self.dies("after")

    def log(self, offer, kind, key=None, **data):
        """The answer to one event of the run."""
        self.dies("before")
        more = {} if key is None else {"key": key}
        number = self.send(
            op="emit", thread_id=offer["thread_id"], lease=offer["lease"],
            events=[{"type": kind, "run_id": offer["run_id"], "data": data}], **more,
        )
        self.dies("after")
        return self.answer(number)

    def complete(self, offer):
        expect(self.log(offer, "agent_completed"), "emitted", "the end of a run")

    def close_code(self):
        """The code with which the service closes the connection; None for none."""
        try:
            while True:
                # The frame may have come with messages before it.
                self.parser.feed(b"")
                data = self.connection.recv(1 << 16)
                if not data:
                    return None
                self.parser.feed(data)
        except Ended as ended:
            return ended.code
        except ConnectionResetError:
            return None

    def until_quiet(self):
        """What comes of a ping: everything before it has come."""
        self.answer(self.send(op="ping"))


def expect(answer, op, title, code=None):
    if answer["op"] != op or answer.get("code") != code:
        raise Fault(f"{title}: {op} {code or ''} was due, and came {answer}")
    return answer


def ask(person, thread, agent, text="Hello"):
    person.follow(thread)
    return person.do("message", thread, data={"text": text, "agent": agent})["run_id"]


def kinds(events, run=None):
    return [event["type"] for event in events if run in (None, event.get("run_id"))]


def ended(service, thread, run, seconds=SECONDS):
    """The events of a thread once a run has ended."""
    with Person(service) as person:
        person.follow(thread)
        person.wait(thread, ENDS, run)
    return log_of(service, thread)


def check_lost(events, run):
    end = [event for event in events if event.get("run_id") == run][-1]
    if end["type"] != "agent_failed" or end["data"]["error"]["code"] != "run.lost":
        raise Fault(f"a run whose worker was lost ended as {end}")


# kill -9 at every message -----------------------------------------------------------------------------------------------


def dying(url_port, agent, restart, at, moment):
    """In a process of its own: serves, takes a run, and emits three events; it dies at one of these messages."""

    class There:
        port = int(url_port)

    worker = RawWorker(There, f"w_{agent}", [agent], restart=restart, dies_at=(int(at), moment))
    offer = worker.offer()
    worker.take(offer)
    worker.log(offer, "agent_thinking", thought_id="th_1", text="Hm.")
    worker.log(offer, "message_completed", message_id=f"m_{agent}", role="assistant", text="So it is.")
    worker.log(offer, "agent_completed")


def start_process(*arguments):
    return subprocess.Popen(
        [sys.executable, __file__, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def kills(binary):
    """Whatever a worker was doing when it died: the run ends once, and as its restart mode says."""
    cases = [(mode, at, moment) for mode in ("never", "again", "resume") for at in range(1, 6) for moment in ("before", "after")]
    with Service(binary, None, "--worker-lease", str(LEASE)) as service, Person(service) as person:
        processes, asked = {}, {}
        for mode, at, moment in cases:
            agent = f"{mode}_{at}_{moment}"
            processes[agent] = start_process("--dying", service.port, agent, mode, at, moment)
        deadline = time.monotonic() + SECONDS
        while left := [agent for agent in processes if agent not in asked]:
            for agent in left:
                is_over = processes[agent].poll() is not None
                answer = person.command("message", f"t_{agent}", data={"text": "Hello", "agent": agent})
                if "run_id" in answer:
                    asked[agent] = answer["run_id"]
                elif answer["code"] == "limits.commands":
                    time.sleep(answer["retry_after_ms"] / 1000)
                elif answer["code"] != "agent.unknown":
                    raise Fault(f"a message for {agent} was answered with {answer}")
                elif is_over:
                    asked[agent] = None
            if time.monotonic() > deadline:
                raise Fault(f"no worker came for {left}")
            # A connection gives at most 50 commands a second.
            time.sleep(0.8)
        for agent, process in processes.items():
            if process.wait(SECONDS) != -signal.SIGKILL:
                raise Fault(f"the worker of {agent} was to be killed, and ended with {process.returncode}")
        healthy = [
            start_process("--healthy", service.url, mode, *[agent for agent in processes if agent.startswith(mode)])
            for mode in ("never", "again", "resume")
        ]
        try:
            for agent in [agent for agent in asked if asked[agent] is None]:
                while "run_id" not in (answer := person.command("message", f"t_{agent}", data={"text": "x", "agent": agent})):
                    time.sleep(0.02)
                asked[agent] = answer["run_id"]
            for agent, run in asked.items():
                check_death(agent, run, settled(service, f"t_{agent}", agent.split("_")[0]))
        finally:
            for process in healthy:
                process.kill()
                process.wait()
    return len(cases)


def settled(service, thread, mode):
    """The events of a thread in which nothing is open any longer."""
    with Person(service) as person:
        person.follow(thread)
        while True:
            events = person.events[thread]
            begun = {event["run_id"] for event in events if event["type"] in ("agent_queued", "agent_started")}
            over = {event["run_id"] for event in events if event["type"] in ENDS}
            # Of a run that is done again the next one is queued with the same commit.
            is_repeated = mode == "again" and events and events[-1]["type"] == "agent_failed"
            if begun and begun == over and not is_repeated:
                return log_of(service, thread)
            person.receive(lambda message: message.get("thread_id") == thread and "type" in message)


def check_death(agent, run, events):
    mode, at, _ = agent.split("_")
    check_runs(events)
    starts = [event for event in events if event["type"] == "agent_started"]
    ends = [event for event in events if event["type"] in ENDS]
    was_lost = any(event["type"] == "agent_failed" and event["data"]["error"]["code"] == "run.lost" for event in events)
    was_paused = any(event["type"] == "agent_paused" and event["data"].get("reason") == "process_lost" for event in events)
    completed = [event for event in ends if event["type"] == "agent_completed"]
    if at == "1" and (was_lost or was_paused or len(starts) != 1):
        raise Fault(f"{agent}: what nobody had taken was lost: {kinds(events)}")
    if mode == "never" and (was_paused or len(ends) != 1 or len(starts) != 1 or bool(completed) == was_lost):
        raise Fault(f"{agent}: a run that is not done again came to {kinds(events)}")
    if mode == "again" and (was_paused or len(completed) != 1 or len(ends) != (2 if was_lost else 1)):
        raise Fault(f"{agent}: a run that is done again came to {kinds(events)}")
    if mode == "resume" and (was_lost or len(ends) != 1 or len(completed) != 1 or len(starts) != 1):
        raise Fault(f"{agent}: a run that is continued came to {kinds(events)}")
    if mode == "again" and was_lost and starts[-1]["data"].get("attempt") != 2:
        raise Fault(f"{agent}: the second attempt is not numbered: {starts[-1]}")


def healthy(url, mode, *agents):
    """In a process of its own: the worker of the example, for many agents."""
    import worker_example

    worker = worker_example.Worker(url, {agent: worker_example.parrot for agent in agents}, capacity=8, restart=mode)
    asyncio.run(worker.serve())


# 67 ---------------------------------------------------------------------------------------------------------------------


def sleeping(port, agent):
    """In a process of its own: emits one event, and another one when it is told."""

    class There:
        pass

    There.port = int(port)
    worker = RawWorker(There, "w_sleeper", [agent])
    offer = worker.offer()
    worker.take(offer)
    worker.log(offer, "agent_thinking", thought_id="th_1", text="Before.")
    print("ready", flush=True)
    sys.stdin.readline()
    answers = [worker.log(offer, "agent_thinking", thought_id="th_1", text="After.")]
    # Without the lease the order of runs is the fence.
    events = [{"type": "agent_thinking", "run_id": offer["run_id"], "data": {"thought_id": "th_1", "text": "Again."}}]
    answers.append(worker.answer(worker.send(op="emit", thread_id=offer["thread_id"], events=events)))
    print(json.dumps([answer.get("code", answer["op"]) for answer in answers]), flush=True)


def zombie(binary):
    with Service(binary, None, "--worker-lease", str(LEASE)) as service, Person(service) as person:
        process = start_process("--sleeping", service.port, "sleeper")
        while "run_id" not in (asked := person.command("message", "t_67", data={"text": "x", "agent": "sleeper"})):
            time.sleep(0.02)
        if process.stdout.readline() != "ready\n":
            raise Fault("the worker did not begin")
        os.kill(process.pid, signal.SIGSTOP)
        events = ended(service, "t_67", asked["run_id"])
        check_lost(events, asked["run_id"])
        os.kill(process.pid, signal.SIGCONT)
        process.stdin.write("\n")
        process.stdin.flush()
        answers = json.loads(process.stdout.readline())
        process.wait(SECONDS)
        check_fence(answers, events, log_of(service, "t_67"))


def check_fence(answers, before, after):
    if answers != ["lease.lost", "order.already_ended"]:
        raise Fault(f"what a worker emits after its lease was answered with {answers}")
    if before != after:
        raise Fault(f"a worker without a lease has logged {kinds(after[len(before):])}")


# 68 and cuts ------------------------------------------------------------------------------------------------------------


def cuts(binary):
    """The connection breaks for less than the lease, and for more."""
    with Service(binary, None, "--worker-lease", "3") as service, Person(service) as person:
        for thread, pause in (("t_68", 0.0), ("t_less", 2.0), ("t_more", 4.0)):
            worker = RawWorker(service, f"w_{thread}", [f"a_{thread}"])
            run = ask(person, thread, f"a_{thread}")
            offer = worker.offer()
            worker.take(offer)
            first = expect(worker.log(offer, "agent_thinking", "k_1", thought_id="th", text="a"), "emitted", "before the cut")
            worker.close()
            time.sleep(pause)
            with RawWorker(service, f"w_{thread}", [f"a_{thread}"], leases=[offer["lease"], "l_other"]) as again:
                check_return(again.serving, offer["lease"], is_kept=pause < 3)
                # What was logged while the lease counted is answered as it was, also after it.
                answer = again.log(offer, "agent_thinking", "k_1", thought_id="th", text="a")
                if expect(answer, "emitted", "the same once more")["cursors"] != first["cursors"]:
                    raise Fault(f"what was sent twice was logged twice: {first} {answer}")
                if pause < 3:
                    again.complete(offer)
                    end = ended(service, thread, run)
                    if kinds(end).count("agent_thinking") != 1 or end[-1]["type"] != "agent_completed":
                        raise Fault(f"after a cut the run came to {kinds(end)}")
                else:
                    for key in (None, "k_2"):
                        answer = again.log(offer, "agent_thinking", key, thought_id="th", text="b")
                        expect(answer, "error", "after the lease", "lease.lost")
                    check_lost(ended(service, thread, run), run)


def check_return(serving, lease, is_kept):
    kept, lost = ([lease], ["l_other"]) if is_kept else ([], [lease, "l_other"])
    if serving.get("kept") != kept or serving.get("lost") != lost:
        raise Fault(f"a worker that came back {'in time' if is_kept else 'too late'} was told {serving}")


# 69 and 70 --------------------------------------------------------------------------------------------------------------


def renewals(binary):
    """Each event comes shortly before the end of the lease, and nothing else does."""
    with Service(binary, None, "--worker-lease", "1") as service, Person(service) as person:
        with RawWorker(service, "w_69", ["late"]) as worker:
            run = ask(person, "t_69", "late")
            offer = worker.offer()
            worker.take(offer)
            for number in range(4):
                time.sleep(0.7)
                answer = worker.log(offer, "agent_thinking", thought_id="th", text=str(number))
                expect(answer, "emitted", "an event near the end of the lease")
            for _ in range(4):
                # Whatever comes renews, also what names no lease.
                time.sleep(0.5)
                expect(worker.answer(worker.send(op="renew", leases=[])), "renewed", "renew of nothing")
            expect(worker.answer(worker.send(op="renew", leases=[offer["lease"]])), "renewed", "renew")
            expect(worker.answer(worker.send(op="renew", leases=["l_none"])), "error", "renew of none", "lease.unknown")
            worker.complete(offer)
            if kinds(ended(service, "t_69", run))[-1] != "agent_completed":
                raise Fault("a lease that was used in time was lost")
            expect(worker.answer(worker.send(op="take", lease=offer["lease"])), "error", "take twice", "lease.lost")


def stops(binary):
    """A stop, and a message in its place, reach a worker that says nothing; its lease is over with that."""
    with Service(binary, None, "--worker-lease", "60") as service, Person(service) as person:
        with RawWorker(service, "w_70", ["quiet"], capacity=1) as worker:
            for thread, reason in (("t_70", "stopped"), ("t_71", "superseded")):
                run = ask(person, thread, "quiet")
                offer = worker.offer()
                worker.take(offer)
                person.wait(thread, "agent_started", run)
                if reason == "stopped":
                    person.do("stop", thread)
                else:
                    person.do("message", thread, data={"text": "No", "agent": "quiet", "policy": "supersede"})
                cancel = worker.receive(lambda message: message.get("op") == "cancel")
                if cancel != {"op": "cancel", "lease": offer["lease"], "reason": reason}:
                    raise Fault(f"{reason}: the worker was told {cancel}")
                # The run had ended in the log before.
                if "agent_cancelled" not in kinds(log_of(service, thread), run):
                    raise Fault(f"{reason}: the worker was told of an end that is not in the log")
                answer = worker.log(offer, "agent_thinking", thought_id="th", text="late")
                expect(answer, "error", "after the end", "lease.lost")
            worker.take(worker.offer())
        # One that is asked for elsewhere.
        with RawWorker(service, "w_72", ["other"]) as worker, RawWorker(service, "w_73", ["other"]) as second:
            ask(person, "t_72", "other")
            offer = worker.offer()
            expect(second.answer(second.send(op="take", lease=offer["lease"])), "error", "another's offer", "lease.unknown")
            worker.send(op="decline", lease=offer["lease"], reason="no room")
            again = second.offer()
            if again["run_id"] != offer["run_id"] or again["lease"] == offer["lease"]:
                raise Fault(f"what was declined was offered as {again}")
            if "agent_started" in kinds(log_of(service, "t_72")):
                raise Fault("what nobody has taken has started")
            second.take(again)
            # Whoever may emit, but has not the lease.
            draft = {"type": "agent_thinking", "run_id": again["run_id"], "data": {"thought_id": "th", "text": "mine"}}
            person.wait("t_72", "agent_started")
            answer = person.answer(person.send(op="emit", thread_id="t_72", events=[draft]))
            expect(answer, "error", "an event of somebody else", "lease.lost")
            second.complete(again)


# Two of one name, and the service dies ----------------------------------------------------------------------------------


def twins(binary):
    with Service(binary, None, "--worker-lease", "30") as service, Person(service) as person:
        first = RawWorker(service, "w_twin", ["twin"])
        run = ask(person, "t_twin", "twin")
        offer = first.offer()
        first.take(offer)
        person.wait("t_twin", "agent_started", run)
        with RawWorker(service, "w_twin", ["twin"]) as second:
            # What the newer one does not know of is lost at once, and the older one is sent away.
            check_lost(ended(service, "t_twin", run), run)
            if first.close_code() != 4409:
                raise Fault("the older one of two workers with one name was not sent away")
            ask_again = person.do("message", "t_twin", data={"text": "x", "agent": "twin"})["run_id"]
            other = second.offer()
            if other["run_id"] != ask_again:
                raise Fault(f"{other} was offered in the place of {ask_again}")
            second.take(other)
            second.complete(other)


def service_dies(binary):
    """Leases die with the service; what worked by one is lost, what was queued is offered after the start."""
    with DataFolder() as data:
        with Service(binary, data, "--worker-lease", "30") as service, Person(service) as person:
            worker = RawWorker(service, "w_1", ["old"], capacity=1)
            run = ask(person, "t_1", "old")
            offer = worker.offer()
            worker.take(offer)
            expect(worker.log(offer, "agent_thinking", "k_1", thought_id="th", text="a"), "emitted", "before the end")
            queued = person.do("message", "t_1", data={"text": "Next", "agent": "old"})["run_id"]
            service.kill()
        with Service(binary, data, "--worker-lease", "30") as service, Person(service) as person:
            with RawWorker(service, "w_1", ["old"], leases=[offer["lease"]]) as worker:
                check_return_after_death(worker.serving, offer["lease"])
                answer = worker.log(offer, "agent_thinking", thought_id="th", text="b")
                expect(answer, "error", "a lease of an earlier process", "lease.lost")
                again = expect(worker.log(offer, "agent_thinking", "k_1", thought_id="th", text="a"), "emitted", "known")
                if len(again["cursors"]) != 1:
                    raise Fault(f"what was logged before is not known: {again}")
                check_lost(log_of(service, "t_1"), run)
                next_offer = worker.offer()
                if next_offer["run_id"] != queued:
                    raise Fault(f"after the start {next_offer} was offered, and not {queued}")
                worker.take(next_offer)
                worker.complete(next_offer)
                check_runs(ended(service, "t_1", queued))


def service_dies_and_worker_resumes(binary):
    """What a worker said with `restart` counts for the next process, too."""
    with DataFolder() as data:
        with Service(binary, data, "--worker-lease", "30") as service, Person(service) as person:
            worker = RawWorker(service, "w_1", ["firm"], restart="resume")
            run = ask(person, "t_1", "firm")
            offer = worker.offer()
            worker.take(offer)
            expect(worker.log(offer, "agent_thinking", thought_id="th", text="a"), "emitted", "before the end")
            service.kill()
        with Service(binary, data, "--worker-lease", "30") as service, Person(service) as person:
            events = log_of(service, "t_1")
            if events[-1]["type"] != "agent_paused" or events[-1]["data"].get("reason") != "process_lost":
                raise Fault(f"after the end of the service a run that can be continued is {kinds(events)}")
            with RawWorker(service, "w_1", ["firm"], restart="resume", leases=[offer["lease"]]) as worker:
                check_return_after_death(worker.serving, offer["lease"])
                # At least 10 s after the first attempt began.
                again = worker.offer()
                if (again["run_id"], again["attempt"], again["resume"]) != (run, 2, True):
                    raise Fault(f"the run was offered again as {again}")
                worker.take(again)
                worker.complete(again)
                if kinds(ended(service, "t_1", run), run)[-3:] != ["agent_paused", "agent_resumed", "agent_completed"]:
                    raise Fault(f"the run was continued as {kinds(log_of(service, 't_1'))}")


def check_return_after_death(serving, lease):
    if serving.get("kept") != [] or serving.get("lost") != [lease]:
        raise Fault(f"after a restart a worker was told {serving}")


# Refusals ---------------------------------------------------------------------------------------------------------------


def refusals(binary):
    with DataFolder() as folder:
        write_garden(folder / "garden")
        with Service(binary, None, *guide(folder / "garden", 0), "--worker-lease", "30") as service:
            with RawWorker(service, "w_1", ["guide"]) as worker:
                expect(worker.serving, "error", "an agent of the service", "worker.agent_taken")
                expect(worker.answer(worker.send(op="take", lease="l_1")), "error", "no worker", "lease.unknown")
                for members in ({"agents": []}, {"agents": ["x"], "capacity": -1}, {"agents": ["x"], "restart": "soon"}):
                    answer = worker.answer(worker.send(op="serve", worker_id="w_1", **members))
                    expect(answer, "error", str(members), "message.invalid")


# Many, and the examples -------------------------------------------------------------------------------------------------


def many(binary, count):
    """One lease after the other, several at a time: none is left, none is offered twice."""
    with Service(binary, None, "--worker-lease", "30") as service, Person(service) as person:
        with RawWorker(service, "w_many", ["many"], capacity=8) as worker:
            asked, done = {}, {}
            while len(done) < count:
                while len(asked) < count and len(asked) - len(done) < 24:
                    thread = f"t_{len(asked)}"
                    answer = person.command("message", thread, data={"text": "x", "agent": "many"})
                    if answer.get("code") == "limits.commands":
                        time.sleep(answer["retry_after_ms"] / 1000)
                        continue
                    asked[thread] = answer["run_id"]
                offer = worker.offer()
                if offer["thread_id"] in done or asked[offer["thread_id"]] != offer["run_id"]:
                    raise Fault(f"{offer} was not due")
                worker.take(offer)
                worker.complete(offer)
                done[offer["thread_id"]] = offer["lease"]
            worker.until_quiet()
            for thread in list(asked)[:: max(1, count // 20)]:
                check_runs(log_of(service, thread))
            if len(set(done.values())) != count:
                raise Fault("a lease was given twice")
    return count


def examples(binary):
    """The workers to copy, as processes."""
    commands = {
        "parrot_py": [sys.executable, str(Path(__file__).with_name("worker_example.py"))],
        "parrot_swift": [str(BUILT / "example-worker")],
    }
    with Service(binary, None, "--worker-lease", "2") as service, Person(service) as person:
        for agent, command in commands.items():
            process = subprocess.Popen([*command, service.url, agent])
            try:
                while "run_id" not in (asked := person.command("message", f"t_{agent}", data={"text": "Hi", "agent": agent})):
                    if process.poll() is not None:
                        raise Fault(f"{command} ended with {process.returncode}")
                    time.sleep(0.05)
                events = ended(service, f"t_{agent}", asked["run_id"])
                said = [event["data"]["text"] for event in events if event["type"] == "message_completed"]
                if said != ["You said: Hi"] or events[-1]["type"] != "agent_completed":
                    raise Fault(f"{agent} answered {said}: {kinds(events)}")
            finally:
                process.kill()
                process.wait()


# The faults that the checks have to notice ------------------------------------------------------------------------------


def broken():
    def event(kind, run="r_1", **data):
        return {"type": kind, "run_id": run, "id": "1-1", "seq": 1, "data": data}

    lost = event("agent_failed", error={"code": "run.lost"})
    start, completed = event("agent_started", message_ids=["m"]), event("agent_completed")
    asked = event("user_message", None, message_id="m")
    paused = event("agent_paused", reason="process_lost")
    return [
        ("a zombie's event that is taken", "was answered with", lambda: check_fence(["emitted", "order.already_ended"], [], [])),
        ("a zombie's event that is logged", "has logged", lambda: check_fence(["lease.lost", "order.already_ended"], [], [start])),
        ("a lost run that is completed", "ended as", lambda: check_lost([start, completed], "r_1")),
        ("a lease that is lost in time", "in time", lambda: check_return({"kept": [], "lost": ["l", "l_other"]}, "l", True)),
        ("a lease that is kept too long", "too late", lambda: check_return({"kept": ["l"], "lost": ["l_other"]}, "l", False)),
        ("a lease that outlives the service", "was told", lambda: check_return_after_death({"kept": ["l"], "lost": []}, "l")),
        ("a run that never ends", "have no end", lambda: check_death("never_3_after", "r_1", [asked, start])),
        ("what nobody took is lost", "nobody had taken", lambda: check_death("never_1_after", "r_1", [asked, start, lost])),
        ("a run is done again", "not done again", lambda: check_death(
            "never_3_after", "r_1", [asked, start, lost, event("agent_started", "r_2"), event("agent_completed", "r_2")])),
        ("a run is not done again", "done again came", lambda: check_death("again_3_after", "r_1", [asked, start, lost])),
        ("a run is not continued", "continued came", lambda: check_death("resume_3_after", "r_1", [asked, start, lost])),
        ("an attempt without a number", "not numbered", lambda: check_death(
            "again_3_after", "r_1", [asked, start, lost, event("agent_started", "r_2"), event("agent_completed", "r_2")])),
        ("a paused run of a mode that ends", "not done again", lambda: check_death(
            "never_3_after", "r_1", [asked, start, paused, completed])),
        ("a gap in what a worker is given", "after 1", lambda: [
            sequence.accept(raw) for sequence in [Sequence()] for raw in ('{"seq":1}', '{"seq":3}')]),
        ("another answer", "was due", lambda: expect({"op": "emitted"}, "error", "x", "lease.lost")),
    ]


PARTS = (
    kills, zombie, cuts, renewals, stops, twins, service_dies, service_dies_and_worker_resumes, refusals, examples,
)
PROCESSES = {"--dying": dying, "--healthy": healthy, "--sleeping": sleeping}


def main():
    if len(sys.argv) > 1 and sys.argv[1] in PROCESSES:
        return PROCESSES[sys.argv[1]](*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--leases", type=int, default=1000, help="how many leases one after the other (default: %(default)s)")
    parser.add_argument("--only", help="one part: " + ", ".join(part.__name__ for part in PARTS))
    options = parser.parse_args()
    if options.self_test:
        return check_broken("workers", broken())
    try:
        for part in PARTS:
            if options.only in (None, part.__name__):
                part(options.binary)
                print(f"workers: {part.__name__}: ok", flush=True)
        if options.only in (None, "many"):
            many(options.binary, options.leases)
    except (Fault, Ended, RuntimeError) as fault:
        print(f"workers: {fault}")
        return 1
    print("workers: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
