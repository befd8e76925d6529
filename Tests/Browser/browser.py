"""A headless Chromium on the page, and what checks need to know about it."""

import contextlib
import json
import os
import shutil
import sys
from pathlib import Path

from page_server import PAGE, PageServer
from playwright.sync_api import Error as DriverError

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests" / "ThirdParty"))

# The Chromium that the variable CHROMIUM names, or the one that is installed.
CHROMIUM = shutil.which(os.environ.get("CHROMIUM") or "chromium") or "/usr/bin/chromium"
WAIT = 60_000
# Runs before the page: costs of frames, a clock that can be set, tasks that hold the page up.
INSTRUMENTS = """
window.costs = [];
const frame = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = work => frame(time => {
  const before = performance.now();
  work(time);
  window.costs.push(performance.now() - before);
});
window.shift = 0;
const now = Date.now;
Date.now = () => now() + window.shift;
window.violations = [];
document.addEventListener('securitypolicyviolation', event => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


class Fault(Exception):
    """What a check found."""


def expect(condition, words):
    if not condition:
        raise Fault(words)


class Stage:
    """The page of a service in a browser. `replaced` breaks files of the page: `{name: (old, new)}`."""

    def __init__(self, browser, service, replaced=None):
        self.browser, self.service = browser, service
        self.server = PageServer(service.port, replaced)
        self.files = PAGE
        self.contexts, self.wait = [], WAIT

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for context in self.contexts:
            context.close()
        self.server.stop()

    def page(self, path="", width=1280, height=800, shift=0, **options):
        context = self.browser.new_context(viewport={"width": width, "height": height}, **options)
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(self.wait)
        page.add_init_script(INSTRUMENTS + f"window.shift = {shift};")
        page.faults, page.requested = [], []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("request", lambda request: page.requested.append(request.url))
        page.on("dialog", lambda dialog: (page.faults.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.goto(self.server.url + "/" + path)
        page.wait_for_selector(".app")
        return page

    def recording(self, text, name="recording.ndjson", **options):
        """The page with a recording that was dropped on it."""
        page = self.page(**options)
        show(page, text, name)
        return page

    def thread(self, thread, **options):
        """The page on a thread, once it has caught up."""
        page = self.page(f"#{thread}", **options)
        page.wait_for_function("() => inspector.session?.isCaughtUp")
        settle(page)
        return page

    def emit(self, thread, *events):
        body = "".join(json.dumps(event) + "\n" for event in events)
        headers = {"Content-Type": "application/x-ndjson"}
        answer = self.service.request("POST", f"/v1/threads/{thread}/events?user_id=local", body, headers)
        expect(answer.status == 201, f"the service refuses the events of the check: {answer}")
        return answer.json()["ids"]


def show(page, text, name="recording.ndjson"):
    page.set_input_files("input[type=file]", {"name": name, "mimeType": "application/x-ndjson", "buffer": text.encode("utf-8", "surrogatepass")})
    page.wait_for_function("name => inspector.session?.file === name", arg=name)
    settle(page)


def settle(page, frames=4):
    """Some frames later: what was changed is drawn."""
    page.evaluate("async n => { for (let i = 0; i < n; i++) await new Promise(requestAnimationFrame); }", frames)


def head(page, count):
    page.wait_for_function("count => inspector.session.events.length >= count", arg=count)
    settle(page)


class Recorder:
    """Events as a log has them."""

    def __init__(self, thread="t_made", generation="3", start="2026-11-28T09:14:02.310Z"):
        from datetime import datetime

        self.thread, self.generation, self.events = thread, generation, []
        self.time = datetime.fromisoformat(start.replace("Z", "+00:00"))

    def wait(self, milliseconds):
        from datetime import timedelta

        self.time += timedelta(milliseconds=milliseconds)
        return self

    def put(self, kind, data, run=None, agent="guide"):
        seq = len(self.events) + 1
        members = {} if run is None else {"run_id": run, "agent": agent}
        time = self.time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.time.microsecond // 1000:03}Z"
        self.events.append({"type": kind, "id": f"{self.generation}-{seq}", "seq": seq, "thread_id": self.thread, **members, "time": time, "data": data})
        return self

    @property
    def text(self):
        return "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in self.events)


def run_of_calls(recorder, number, calls=4):
    """A question, a run with some calls, and an answer in fragments."""
    run = f"r_{number}"
    recorder.put("user_message", {"message_id": f"m_{number}", "user_id": "u_1", "text": f"Question {number}?"}).wait(20)
    recorder.put("agent_started", {"input": f"Question {number}?"}, run).wait(300)
    for call in range(calls):
        recorder.put("tool_executing", {"call_id": f"c_{call}", "tool": f"tool_{call}", "arguments": {"number": number}}, run).wait(120)
        recorder.put("tool_completed", {"call_id": f"c_{call}", "tool": f"tool_{call}", "status": "succeeded", "result": call, "duration_ms": 120}, run).wait(20)
    words = [f"word{each} " for each in range(12)]
    for word in words:
        recorder.put("message_delta", {"message_id": "m", "text": word}, run).wait(25)
    recorder.put("message_completed", {"message_id": "m", "role": "assistant", "text": "".join(words)}, run)
    recorder.put("agent_completed", {"duration_ms": 1200}, run).wait(900)


def draft(kind, data, run=None, agent=None):
    return {"type": kind, **({"run_id": run} if run else {}), **({"agent": agent} if agent else {}), "data": data}


@contextlib.contextmanager
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--enable-precise-memory-info"])
        try:
            yield browser
        finally:
            browser.close()


def run_checks(title, checks, browser, service, replaced=None, only=None):
    """Runs checks `{name: function of a stage}`, each with a stage of its own. Returns the number of faults."""
    faults = 0
    for name, check in checks.items():
        if only and only not in name:
            continue
        with Stage(browser, service, replaced) as stage:
            try:
                note = check(stage)
                for context in stage.contexts:
                    for page in context.pages:
                        expect(not page.faults, f"errors in the page: {page.faults[:3]}")
            except (Fault, DriverError) as fault:
                print(f"FAILED {name}: {fault}", flush=True)
                faults += 1
            else:
                print(f"ok {name}{f' ({note})' if note else ''}", flush=True)
    print(f"{title}: {faults} faults", flush=True)
    return faults


def self_test(title, broken, browser, start):
    """Each entry: a name, a word of the fault, the file that is broken with what is put in the place of what, the check that must notice."""
    missed = 0
    for name, word, replaced, check in broken:
        with start() as service, Stage(browser, service, replaced) as stage:
            # What must be missed is not waited for as long as what is slow.
            stage.wait = 15_000 if word == "Timeout" else WAIT
            try:
                check(stage)
            except Fault as fault:
                if word in str(fault):
                    continue
                print(f"self-test: {name} was refused for another reason: {fault}", flush=True)
            except Exception as error:  # The page itself refuses.
                if word in str(error):
                    continue
                print(f"self-test: {name} was not judged: {str(error)[:300]}", flush=True)
            else:
                print(f"self-test: {name} was not noticed", flush=True)
            missed += 1
    print(f"{title}, self-test: {len(broken) - missed} of {len(broken)} faults noticed", flush=True)
    return missed


def main(title, description, checks, broken, service_arguments=("--demo", "--demo-pace", "0"), long=None):
    import argparse

    from service import Service, add_binary_option

    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binary_option(parser)
    parser.add_argument("--self-test", action="store_true", help="prove that the checks can fail")
    parser.add_argument("--only", help="a part of a check's name")
    if long:
        parser.add_argument("--long", action="store_true", help="the long form")
    options = parser.parse_args()

    def start():
        return Service(options.binary, None, *service_arguments)

    if options.self_test:
        chosen = [each for each in broken if not options.only or options.only in each[0]]
        with chromium() as browser:
            return 1 if self_test(title, chosen, browser, start) else 0
    if long and options.long:
        checks = long
    with start() as service, chromium() as browser:
        return 1 if run_checks(title, checks, browser, service, only=options.only) else 0
