#!/usr/bin/env python3
"""Hostile strings in every field: no script, no element, no request leaves the page (43), and what hides is visible (44).

  hostile_page.py               against a service that this script starts
  hostile_page.py --self-test   that the checks notice a page that reads markup
"""

import copy
import json
import sys

from browser import Recorder, expect, main, settle, show

EVIL = [
    "<img src=x onerror=alert(1)>", "<script>alert(1)</script>", '"><svg onload=alert(1)>', "javascript:alert(1)",
    "![x](http://evil.example/x.png) [y](http://evil.example/)", "</textarea><iframe src=//evil.example>", "{{constructor.constructor('alert(1)')()}}",
    "__proto__", "constructor",
]
PANES = [("lower", each) for each in ("events", "order", "proof", "compare")]


def every_kind():
    """One event of each type, all members filled."""
    r = Recorder(thread="t_evil")
    run = "r_1"
    r.put("user_message", {"message_id": "m_0", "user_id": "u_1", "text": "text", "data": {"key": "value"}, "replaces": "m_9"})
    r.put("state_updated", {"version": 1, "key": "key", "value": {"key": "value"}, "by": "u_1"})
    r.put("agent_queued", {"input": {"key": "value"}, "message_ids": ["m_0"], "by": "u_1"}, run)
    r.put("agent_started", {"input": "input"}, run).wait(5)
    r.put("agent_thinking", {"thought_id": "th_1", "text": "text"}, run)
    r.put("agent_progress", {"message": "message", "fraction": 0.5}, run)
    r.put("tool_executing", {"call_id": "c_1", "tool": "tool", "arguments": {"key": ["value"]}, "purpose": "purpose"}, run).wait(5)
    r.put("tool_progress", {"call_id": "c_1", "message": "message"}, run)
    r.put("agent_started", {"parent_run_id": run, "parent_call_id": "c_1", "input": "x"}, "r_2", agent="child").wait(5)
    r.put("agent_cancelled", {"reason": "reason", "by": "u_1", "duration_ms": 5}, "r_2", agent="child")
    schema = {"type": "object", "properties": {"name": {"type": "string", "title": "title", "description": "description"}, "choice": {"enum": ["one", "two"]}}}
    r.put("approval_requested", {"approval_id": "a_1", "call_id": "c_1", "prompt": "prompt", "schema": schema, "approvers": ["u_2"]}, run).wait(5)
    r.put("approval_resolved", {"approval_id": "a_1", "decision": "approved", "by": "u_2", "data": {"name": "value"}}, run)
    r.put("tool_completed", {"call_id": "c_1", "tool": "tool", "status": "failed", "error": {"code": "code", "message": "message"}, "duration_ms": 15}, run)
    r.put("agent_paused", {"by": "u_1", "reason": "reason"}, run).wait(5)
    r.put("agent_resumed", {"by": "u_1"}, run)
    r.put("usage_reported", {"model": "model", "input_tokens": 1, "output_tokens": 2}, run)
    r.put("custom", {"name": "name", "value": {"key": "value"}, "by": "u_1"}, run)
    r.put("message_delta", {"message_id": "m_1", "text": "text"}, run).wait(5)
    r.put("message_completed", {"message_id": "m_1", "role": "assistant", "text": "text"}, run)
    r.put("agent_failed", {"error": {"code": "code", "message": "message", "retryable": False}, "duration_ms": 50}, run)
    r.put("approval_requested", {"approval_id": "a_2", "prompt": "open", "schema": schema}, "r_3", agent="late")
    return r.events


def poisoned(events, evil):
    """Every text of the events, and every key of JSON, is an attack; what names the same thing still does."""
    kept = {"type", "id", "time", "status", "decision", "role", "kind"}

    def poison(value, key=None):
        if isinstance(value, str):
            return value if key in kept else evil + value
        if isinstance(value, list):
            return [poison(each) for each in value]
        if isinstance(value, dict):
            return {name if name in KNOWN else evil + name: poison(each, name) for name, each in value.items()}
        return value

    return "".join(json.dumps(poison(copy.deepcopy(event))) + "\n" for event in events)


KNOWN = {
    name for event in every_kind() for name in [*event, *event["data"], "code", "message", "retryable", "properties", "title", "description", "enum", "type"]
}


def markup_of(page):
    return page.evaluate("""() => ({
      elements: [...document.querySelectorAll('script:not([src^="/inspector/"]), iframe, object, embed, base, form, link[rel=preload], img:not([src="/inspector/icon.svg"]), [onerror], [onload], [onclick], a[href]')].map(each => each.outerHTML.slice(0, 120)),
      violations: window.violations, wasRun: window.wasRun })""")


def walk(page):
    """Through all views, and each event."""
    count = page.evaluate("inspector.session.events.length")
    for name, view in PANES:
        page.evaluate("([name, view]) => inspector.set({ [name]: view })", [name, view])
        settle(page)
    page.evaluate("inspector.set({ lower: 'events', fold: false })")
    for index in range(count):
        page.evaluate("index => inspector.select(index, {})", index)
        settle(page, 2)
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        settle(page, 1)


def judge(page, stage):
    found = markup_of(page)
    expect(not found["elements"], f"elements were made: {found['elements'][:3]}")
    expect(not found["violations"], f"the policy was needed: {found['violations'][:3]}")
    expect(not page.faults, f"the page fails: {page.faults[:3]}")
    outside = [url for url in page.requested if not url.startswith((stage.server.url, "blob:" + stage.server.url, f"ws://127.0.0.1:{stage.server.port}"))]
    expect(not outside, f"requests left the page: {outside[:3]}")


def every_field(stage):
    for evil in EVIL:
        page = stage.page()
        show(page, poisoned(every_kind(), evil), f"{evil.replace('/', '_')[:40]}.ndjson")
        expect(page.evaluate("inspector.session.events.length") == len(every_kind()), "not all events are shown")
        walk(page)
        judge(page, stage)
        shown = page.evaluate("document.querySelector('.app').textContent")
        expect(evil.split("(")[0][:12] in shown, f"{evil} is not shown as it is")
        page.context.close()
        stage.contexts.remove(page.context)
    return f"{len(EVIL)} strings, {len(every_kind())} events each"


def links(stage):
    for evil in EVIL:
        page = stage.page("#" + evil.replace(" ", "%20"))
        page.evaluate("text => { location.hash = text }", f"{evil}@3-1")
        settle(page)
        judge(page, stage)
        page.context.close()
        stage.contexts.remove(page.context)


def live(stage):
    """Through the service, as far as it takes them."""
    for number, evil in enumerate(EVIL):
        thread = f"t_evil_{number}"
        stage.emit(thread, *[
            {"type": "agent_started", "run_id": "r", "agent": evil[:200], "data": {"input": {evil: evil}}},
            {"type": "tool_executing", "run_id": "r", "data": {"call_id": "c", "tool": evil[:200], "arguments": {evil: [evil]}}},
            {"type": "approval_requested", "run_id": "r", "data": {"approval_id": "a", "call_id": "c", "prompt": evil, "schema": {"type": "object", "properties": {"x": {"type": "string", "title": evil}}}}},
        ])
        page = stage.thread(thread)
        walk(page)
        judge(page, stage)
        expect(page.locator(".ask").count() == 1, "the request is not shown")
        page.context.close()
        stage.contexts.remove(page.context)


HIDING = "safe\u202egnp.exe\u200b\u2066x\u2069\u00ad"


def hiding_characters(stage):
    r = Recorder()
    r.put("agent_started", {"input": HIDING}, "r_1", agent=HIDING)
    r.put("tool_executing", {"call_id": "c_1", "tool": HIDING, "arguments": {HIDING: HIDING}}, "r_1", agent=HIDING)
    page = stage.recording(r.text)
    page.evaluate("inspector.select(1, {})")
    settle(page)
    for place in (".events .rows", ".waterfall .rows", ".event-side", ".spent"):
        text = page.evaluate("place => document.querySelector(place).textContent", place)
        expect("⟨U+202E⟩" in text, f"a character that turns text round hides in {place}")
        expect(not any(each in text for each in "\u202e\u200b\u2066\u00ad"), f"characters hide in {place}")


CHECKS = {"43 every field": every_field, "43 links": links, "43 live": live, "44 hiding characters": hiding_characters}


def markup(file, old, new):
    return {f"inspector/{file}": (old, new)}


BROKEN = [
    ("data that is read as markup", "policy", markup("json-view.js", "if (value.length <= TEXT) return h('span.text', {}, `\"${reveal(value)}\"`);",
        "if (value.length <= TEXT) { const made = h('span.text'); made.innerHTML = value; return made; }"), every_field),
    ("a summary that is parsed", "TrustedHTML", markup("events-view.js", "say(row.what, reveal(", "row.what.innerHTML = (x => x)(("), every_field),
    ("an image of an answer that is loaded", "elements", markup("conversation-view.js", "if (text) element.text.appendData(text);", "if (text) { element.text.appendData(text); element.append(h('img', { src: 'http://evil.example/x.png' })); }"), every_field),
    ("a link of an agent's", "elements", markup("detail-view.js", "h('dd', {}, reveal(value))", "h('dd', {}, h('a', { href: value }, value))"), every_field),
    ("a name that hides", "hide in .events", markup("events-view.js", "say(row.what, reveal(", "say(row.what, String("), hiding_characters),
    ("a tool that hides", "hide in .waterfall", markup("timeline-view.js", "say(row.name, reveal(name));", "say(row.name, name);"), hiding_characters),
]

if __name__ == "__main__":
    sys.exit(main("hostile page", __doc__, CHECKS, BROKEN))
