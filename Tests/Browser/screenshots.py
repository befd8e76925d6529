#!/usr/bin/env python3
"""Writes a picture of each view of the inspector, in three widths and two themes.

  screenshots.py FOLDER               all of them
  screenshots.py FOLDER --only part   those whose name has that part
"""

import argparse
import itertools
import json
import shutil
import sys
from pathlib import Path

from browser import Stage, chromium, draft, expect, settle, show

WIDTHS = {390: 844, 1280: 800, 2560: 1440}
THEMES = ("light", "dark")
# Those of the README, and their names there.
README = {("timeline", "light"), ("waiting", "dark"), ("order", "dark"), ("event", "light")}
README_SIZE = (1440, 900)
numbers = itertools.count(1)


def others(service):
    """Threads that are in the list beside the one that is shown."""
    end = draft("agent_completed", {}, "r_1")
    failed = draft("agent_failed", {"error": {"code": "supplier.unreachable", "message": "the supplier does not answer", "retryable": True}}, "r_1")
    question = draft("approval_requested", {"approval_id": "a_1", "prompt": "Book both nights?"}, "r_1")
    for thread, text, agent, *then in (
        ("t_notes", "Write the notes for release 4.2", "writer", end),
        ("t_catalogue", "Import the catalogue of the new supplier", "importer", failed),
        ("t_invoices", "Which invoices of October are unpaid?", "accountant", end),
        ("t_lisbon", "Plan two days in Lisbon", "travel", question),
        ("t_tickets", "Sort the tickets of this week by product", "support"),
    ):
        said = draft("user_message", {"message_id": "m_1", "user_id": "local", "text": text})
        started = draft("agent_started", {"input": text}, "r_1", agent)
        body = "".join(json.dumps(event) + "\n" for event in (said, started, *then))
        answer = service.request("POST", f"/v1/threads/{thread}/events?user_id=local", body, {"Content-Type": "application/x-ndjson"})
        expect(answer.status == 201, f"the list is refused: {answer}")


def welcome(stage, page):
    page.evaluate("inspector.close()")


def recording(stage, page, **ui):
    show(page, (stage.files / "inspector" / "example.ndjson").read_text(encoding="utf-8"), "example.ndjson")
    page.evaluate("ui => inspector.set(ui)", ui)


def event(stage, page):
    recording(stage, page)
    page.evaluate("inspector.select(inspector.session.events.findIndex(event => event.type === 'tool_completed' && event.data.tool === 'search_policy'), { from: 'x' })")


def as_of(stage, page):
    recording(stage, page, lower="order", pane="lower")
    page.evaluate("inspector.moveTo(inspector.session.events.findIndex(event => event.type === 'approval_requested'))")


def zoomed(stage, page):
    recording(stage, page)
    page.evaluate("inspector.timeline.zoomTo(inspector.session.spans.runs.get('r_refunds'))")


def filtered(stage, page):
    recording(stage, page, lower="events", pane="lower", filter="is:failed")


def live(stage, page):
    """The guide answers."""
    page.locator(".welcome input").first.fill("Which file says how the order of a run is checked?")
    page.locator(".welcome .strong").click()
    page.wait_for_function("() => inspector.session?.events.filter(event => event.type === 'message_delta').length > 24")


def waiting(stage, page):
    thread = f"t_backups_{next(numbers)}"
    schema = {"type": "object", "properties": {"reason": {"type": "string", "title": "Reason", "maxLength": 80}, "keep": {"type": "integer", "title": "Keep the newest", "minimum": 0, "maximum": 3}}, "required": ["reason"]}
    stage.emit(thread, draft("user_message", {"message_id": "m_1", "user_id": "local", "text": "Please delete the old backups."}), draft("agent_started", {"input": "delete old backups"}, "r_1", "janitor"))
    page.wait_for_timeout(300)
    stage.emit(thread, draft("agent_thinking", {"thought_id": "th_1", "text": "Which backups are older than 30 days?"}, "r_1"),
               draft("tool_executing", {"call_id": "c_1", "tool": "list_backups", "arguments": {"older_than": "30d"}}, "r_1"))
    page.wait_for_timeout(700)
    stage.emit(thread, draft("tool_completed", {"call_id": "c_1", "tool": "list_backups", "status": "succeeded", "result": {"count": 3}, "duration_ms": 700}, "r_1"),
               draft("tool_executing", {"call_id": "c_2", "tool": "delete_backups", "arguments": {"ids": ["b_1", "b_2", "b_3"]}}, "r_1"),
               draft("approval_requested", {"approval_id": "a_1", "call_id": "c_2", "prompt": "Delete 3 backups? This cannot be undone.", "schema": schema}, "r_1"))
    page.evaluate("id => { inspector.open(id); inspector.set({ pane: 'conversation' }) }", thread)
    page.wait_for_function("() => inspector.session?.isCaughtUp")
    page.wait_for_timeout(1200)


def refused(stage, page):
    """A call that is completed under another id, and the refusal beside it."""
    waiting(stage, page)
    thread = page.evaluate("inspector.session.id")
    event = draft("tool_completed", {"call_id": "c_3", "tool": "delete_backups", "status": "succeeded", "result": {"deleted": 3}, "duration_ms": 40}, "r_1")
    answer = stage.service.request("POST", f"/v1/threads/{thread}/events?user_id=local", json.dumps(event), {"Content-Type": "application/json"})
    expect(answer.status == 409, f"the picture needs a refusal: {answer}")
    page.wait_for_function("() => inspector.session.refusals.length > 0")
    page.evaluate("inspector.selectRefusal(inspector.session.refusals[0])")


def frames(stage, page, protocol="ag-ui-1.0"):
    """The frames of a run that asks, for a client that joins in the middle of it."""
    waiting(stage, page)
    page.evaluate("name => inspector.set({ frames: name, range: [3, 5], lower: 'events', pane: 'lower' })", protocol)
    page.wait_for_function("name => inspector.events.frames.answer?.protocol === name && document.querySelector('.frame')", arg=protocol)


VIEWS = {
    "welcome": welcome, "timeline": recording, "zoomed": zoomed, "event": event, "order": as_of, "failed": filtered,
    "events": lambda stage, page: recording(stage, page, lower="events", pane="lower", fold=False),
    "proof": lambda stage, page: recording(stage, page, lower="proof", pane="lower"),
    "compare": lambda stage, page: recording(stage, page, lower="compare", pane="lower"),
    "conversation": lambda stage, page: recording(stage, page, pane="conversation"),
    "threads": lambda stage, page: recording(stage, page, pane="threads"),
    "live": live, "waiting": waiting, "refused": refused, "frames": frames,
    "keys": lambda stage, page: (recording(stage, page), page.evaluate("inspector.help()")),
}


def main():
    from service import Service, add_binary_option

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--readme", type=Path, help="the folder for copies of those in the README")
    parser.add_argument("--width", type=int, help="one of the widths alone")
    add_binary_option(parser)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    count = 0
    with Service(options.binary, None, "--demo", "--demo-pace", "30") as service, chromium() as browser:
        others(service)
        for name, draw in VIEWS.items():
            if options.only not in name:
                continue
            sizes = [*WIDTHS.items(), README_SIZE]
            for width, height in sizes:
                if (options.width and width != options.width) or (width == README_SIZE[0] and not options.readme):
                    continue
                for theme in THEMES:
                    is_readme = width == README_SIZE[0]
                    if is_readme and (name, theme) not in README:
                        continue
                    with Stage(browser, service) as stage:
                        is_small = width < 1000
                        page = stage.page(width=width, height=height, color_scheme=theme, is_mobile=is_small, has_touch=is_small)
                        draw(stage, page)
                        settle(page, 10)
                        page.screenshot(path=options.folder / f"{name}-{width}-{theme}.png")
                        expect(not page.faults, f"{name}: {page.faults}")
                        count += 1
                        shown = page.evaluate("inspector.session?.isLive && inspector.session.id")
                        if shown:  # The list of the next picture has one of its kind.
                            answer = service.request("DELETE", f"/v1/threads/{shown}")
                            expect(answer.status in (200, 202), f"{shown} is not deleted: {answer}")
                        if is_readme:
                            shutil.copy(options.folder / f"{name}-{width}-{theme}.png", options.readme / f"inspector-{name}.png")
    print(f"{count} pictures in {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
