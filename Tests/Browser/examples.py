#!/usr/bin/env python3
"""The two examples that the service has, in a real browser (Chromium, headless): a chat in ten lines, and one with React in thirty.

A question is typed and sent, its answer appears, a second one is stopped, and an approval is given by a click, in the page with React.
Two pages of one thread show the same. A service that is killed in the middle of an answer and started again continues on the page
that stayed open. Nothing that the page's policy forbids was tried, nothing was loaded from elsewhere, and no text becomes an
element.

React is no part of the service: its builds come from Debian's packages, which `.ci/setup browser` unpacks.

  examples.py               against the built service
  examples.py --self-test   that the checks notice pages that do not do it
"""

import argparse
import re
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from browser import CHROMIUM

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "ThirdParty"))
from self_test import check_broken  # noqa: E402
from service import ROOT, Service, add_binary_option  # noqa: E402
from thread_reader import Fault  # noqa: E402

# For what hangs, and not for what is slow.
SECONDS = 60
# Words a second of an answer that is to be stopped: it lasts longer than any machine takes for a click.
SLOW_PACE = 1
QUESTION = "Which files mention the parser?"
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script> parser"
REACT_FILES = {"react.production.min.js": "react", "react-dom.production.min.js": "react-dom"}
EXAMPLES = ["plain", "react"]


def react_folder():
    for folder in (ROOT / ".build/tools/usr/share/nodejs", Path("/usr/share/nodejs")):
        if all((folder / package / "umd" / name).exists() for name, package in REACT_FILES.items()):
            return folder
    raise SystemExit("React is missing: run .ci/setup browser")


@contextmanager
def guide(binary, pace):
    """The service with the guide, on a folder of texts; the block gets it with what starts it again."""
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder) / "texts"
        texts.mkdir()
        for name, count in (("notes", 40), ("parser", 25), ("secret", 5)):
            (texts / f"{name}.txt").write_text(f"The {name} is beside the parser, and the lexer is before it.\n" * count)
        arguments = ["--demo", "--demo-folder", str(texts), "--demo-pace", str(pace)]
        services = []

        def start(port=0):
            services.append(Service(binary, Path(folder) / "data", *arguments, port=port).wait_until_listening())
            return services[-1]

        try:
            yield start(), start
        finally:
            services[-1].stop()


class Page:
    """An example in a tab of its own, and what went wrong in it."""

    def __init__(self, context, service, example, thread, change=None):
        self.origin = f"http://127.0.0.1:{service.port}"
        self.faults = []
        page = self.page = context.new_page()
        page.set_default_timeout(SECONDS * 1000)
        page.on("pageerror", lambda error: self.faults.append(f"an error: {error}"))
        page.on("console", self._hear)
        page.on("dialog", lambda dialog: (self.faults.append("a script of a text ran"), dialog.dismiss()))
        page.on("request", self._check_request)
        folder = react_folder()
        for name, package in REACT_FILES.items():
            self._serve(name, folder / package / "umd" / name)
        if change:
            page.route(f"**/examples/{example}.js", lambda route: self._serve_changed(route, change))
        answer = page.goto(f"{self.origin}/examples/{example}.html#{thread}")
        policy = answer.headers.get("content-security-policy", "")
        if "require-trusted-types-for 'script'" not in policy or "unsafe" in policy:
            raise Fault(f"the policy of the page is {policy!r}")

    def _serve(self, name, file):
        self.page.route(f"**/examples/vendor/{name}", lambda route: route.fulfill(
            path=str(file), content_type="text/javascript; charset=utf-8"))

    @staticmethod
    def _serve_changed(route, change):
        answer = route.fetch()
        before, after = change
        text = answer.text()
        assert before in text, before
        route.fulfill(response=answer, body=text.replace(before, after))

    def _hear(self, message):
        # A browser tells of connections that fail, which they do while the service is away.
        if message.type == "error" and "WebSocket connection" not in message.text and "favicon" not in message.location["url"]:
            self.faults.append(f"the console says: {message.text}")

    def _check_request(self, request):
        if not request.url.startswith((self.origin, self.origin.replace("http", "ws"))):
            self.faults.append(f"a request left for {request.url}")

    @property
    def items(self):
        return self.page.locator("li")

    def send(self, text):
        self.page.get_by_label("Message").fill(text)
        self.page.get_by_role("button", name="Send").click()

    def click(self, name):
        self.page.get_by_role("button", name=name).click()

    def wait_for(self, index, pattern, what):
        try:
            expect(self.items.nth(index)).to_have_text(re.compile(pattern, re.S), timeout=SECONDS * 1000)
        except AssertionError as error:
            raise Fault(f"{what}: {self.items.all_inner_texts()} {self.faults}") from error

    def wait_for_ends(self, thread):
        """Waits until all runs of a thread have ended."""
        # `wait_for_function` takes a promise for an answer.
        ended = self.page.evaluate(
            """async ([thread, seconds]) => {
                for (const end = Date.now() + 1000 * seconds; Date.now() < end; await new Promise(requestAnimationFrame)) {
                    const answer = await fetch(`/v1/threads/${thread}/state`);
                    if ((await answer.json()).state.runs.every(run => run.ended_at)) return true;
                }
                return false;
            }""", [thread, SECONDS])
        if not ended:
            raise Fault(f"a run of {thread} has not ended")

    def check(self):
        # Whatever was to happen has happened: a text that became an element would be there.
        if self.page.locator("img").count():
            self.faults.append("a text became an element")
        if self.faults:
            raise Fault("; ".join(self.faults))


def state(service, thread):
    return service.request("GET", f"/v1/threads/{thread}/state").json()["state"]


def check_equal(found, expected, what):
    if found != expected:
        raise Fault(f"{what}: {found!r}, expected {expected!r}")


def check_shown(page, service, thread):
    """What the page shows is what the service has."""
    messages = [f"{message['role']}: {message['text']}" for message in state(service, thread)["messages"]]
    check_equal([item.text_content() for item in page.items.all()], messages, "the messages on the page")


def check_chat(context, service, example, thread, change=None):
    """A question and its answer, in two pages of one thread."""
    page = Page(context, service, example, thread, change)
    other = Page(context, service, example, thread)
    page.send(QUESTION)
    for one in (page, other):
        one.wait_for(0, rf"^user: {re.escape(QUESTION)}$", "the question")
        one.wait_for(1, r"^assistant: .+", "the answer")
    page.wait_for_ends(thread)
    for one in (page, other):
        last = state(service, thread)["messages"][-1]["text"]
        one.wait_for(1, rf"^assistant: {re.escape(last)}$", "the whole answer")
        check_shown(one, service, thread)
        one.check()
        one.page.close()


def check_stop(context, service, example, thread, change=None):
    """A hostile text, and a stop of its answer, which would go on for much longer; in two pages."""
    page = Page(context, service, example, thread, change)
    other = Page(context, service, example, thread)
    page.send(HOSTILE)
    page.wait_for(0, re.escape(HOSTILE), "the text of an element")
    page.wait_for(1, r"^assistant: .+", "the answer")
    page.click("Stop")
    page.wait_for_ends(thread)
    runs = state(service, thread)["runs"]
    check_equal([run["status"] for run in runs], ["cancelled"], "the runs after a stop")
    for one in (page, other):
        last = state(service, thread)["messages"][-1]["text"]
        one.wait_for(1, rf"^assistant: {re.escape(last)}$", "the text that was said before the stop")
        check_shown(one, service, thread)
        one.check()
        one.page.close()


def check_kill(context, service, start, example):
    """A kill -9 in the middle of an answer: the page that stayed open has all of it in the end."""
    thread = f"t_{example}_kill"
    page = Page(context, service, example, thread)
    page.send(QUESTION)
    page.wait_for(1, r"^assistant: \S+ \S+", "the beginning of the answer")
    service.kill()
    service = start(service.port)
    page.wait_for_ends(thread)
    # What was said before the kill stays, and the run answers again after it.
    messages = state(service, thread)["messages"]
    page.wait_for(
        len(messages) - 1, rf"^assistant: {re.escape(messages[-1]['text'])}$", "the whole answer after the restart")
    check_shown(page, service, thread)
    page.page.close()
    return service


def check_approval(context, service):
    """The guide asks before it reads a file named secret; the answer is a click."""
    thread = "t_react_ask"
    page = Page(context, service, "react", thread)
    page.send("What is in secret.txt?")
    page.click("Approve")
    page.wait_for(1, r"^assistant: .+", "the answer after the approval")
    approvals = state(service, thread)["resolved_approvals"]
    check_equal([approval["decision"] for approval in approvals], ["approved"], "the decisions")
    expect(page.page.get_by_role("button", name="Approve")).to_have_count(0)
    page.check()
    page.page.close()


@contextmanager
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser.new_context()
        finally:
            browser.close()


def check(binary):
    with chromium() as context, guide(binary, 40) as (service, start), guide(binary, SLOW_PACE) as (slow, _):
        for example in EXAMPLES:
            check_chat(context, service, example, f"t_{example}_chat")
            check_stop(context, slow, example, f"t_{example}_stop")
        check_approval(context, service)
        for example in EXAMPLES:
            service = check_kill(context, service, start, example)
    print("examples: 2 pages, each with a question, a stop, a hostile text and a kill -9")


def self_test(binary):
    global SECONDS
    SECONDS = 5
    changes = [
        ("a page where texts become elements", "TrustedHTML", ("item.textContent =", "item.innerHTML =")),
        ("a page that does not stop", "has not ended", ("thread.stop()", "0")),
        ("a page without the speakers", "the question", ("`${role}: ${text}`", "text")),
        ("a page that loads from elsewhere", "Content Security Policy",
         ("const [list", "fetch('http://127.0.0.2:9/x').catch(() => {}); const [list")),
        ("a page that does not send", "the question", ("thread.send(form.text.value)", "0")),
        ("a page that shows the first message only", "the answer", ("state.messages.map", "state.messages.slice(0, 1).map")),
    ]
    with chromium() as context, guide(binary, 400) as (service, _), guide(binary, SLOW_PACE) as (slow, _):
        def run(index, change):
            if "stop" in change[0]:
                return check_stop(context, slow, "plain", f"t_{index}", change)
            return check_chat(context, service, "plain", f"t_{index}", change)

        return check_broken("examples", [
            (name, word, lambda index=index, change=change: run(index, change))
            for index, (name, word, change) in enumerate(changes)
        ])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--self-test", action="store_true", help="check the checks")
    add_binary_option(parser)
    options = parser.parse_args()
    sys.exit((self_test if options.self_test else check)(options.binary))


if __name__ == "__main__":
    main()
