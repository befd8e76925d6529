#!/usr/bin/env python3
"""What a thread refused, in the inspector: beside the event that was its head, with the rule, the state and what was legal.

  inspector_refusals.py               against a service that this script starts
  inspector_refusals.py --self-test   that the checks notice a page that is broken
"""

import json
import sys

from browser import draft, expect, head, main, settle
from inspector_live import begin, completed, ended, executing

HOSTILE = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>\u202e"


def refuse(stage, thread, *events):
    body = "".join(json.dumps(event) + "\n" for event in events)
    answer = stage.service.request("POST", f"/v1/threads/{thread}/events?user_id=local", body, {"Content-Type": "application/x-ndjson"})
    expect(answer.status in (409, 413), f"the check needs a refusal, and it is {answer}")
    return answer.json()["error"]


def wait_for(page, count):
    page.wait_for_function("count => inspector.session.refusals.length === count", arg=count)
    settle(page, 6)


def rows(page):
    """What stands in the list of events, from above: the number of each event, and the type of what was refused."""
    return page.evaluate("""[...document.querySelectorAll('.events .r:not([hidden])')].sort((one, other) => one.index - other.index)
      .map(row => row.classList.contains('refused') ? row.querySelector('.type').textContent : Number(row.querySelector('.seq').textContent))""")


def beside_the_log(stage):
    thread = "t_refused"
    ids = begin(stage, thread, executing())
    first = refuse(stage, thread, completed("c_2"))
    stage.emit(thread, completed())
    batch = refuse(stage, thread, draft("agent_progress", {}, "r_1"), executing("c_3"), ended())
    refuse(stage, thread, draft("agent_progress", {}, "r_1"), executing("c_3"), ended())
    page = stage.thread(thread)
    wait_for(page, 2)
    expect(rows(page) == [1, 2, 3, "tool_completed", 4, "agent_completed"], f"the list is {rows(page)}")
    text = page.locator(".events .r.refused").first.inner_text()
    expect(first["code"] in text and "call c_2 is not open" in text, f"the rule is not told: {text!r}")
    expect("showing 4 of 4, 2 refused" in page.locator(".filter .shown").inner_text(), "what is refused counts as events, or not at all")
    page.locator(".events .r.refused").first.click()
    settle(page)
    side = page.locator(".event-side").inner_text()
    for words in ("Refused", first["code"], "call c_2 is not open", "running, open: call c_1 (search)", "legal here", "#3 tool_executing", "local", "c_2"):
        expect(words in side, f"the detail does not say {words!r}: {side!r}")
    shown = page.locator(".event-side .chip").all_inner_texts()
    expect(sorted(shown) == sorted(first["legal"]), f"legal is {first['legal']}, and it shows {shown}")
    expect(page.locator(".events .r.picked").count() == 1 and page.locator(".events .r.refused.picked").count() == 1, "another row is picked")
    page.locator(".event-side .link.mono").click()
    settle(page)
    side = page.locator(".event-side").inner_text()
    expect("#3" in page.locator(".event-side .head").inner_text() and "Then refused: tool_completed" in side, f"the event does not tell of it: {side!r}")
    # By keyboard: down from the event to what was refused after it, and on.
    page.locator(".events .rows").focus()
    page.keyboard.press("ArrowDown")
    settle(page)
    expect("Refused" in page.locator(".event-side .head").inner_text(), "the keyboard passes over what was refused")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    settle(page)
    side = page.locator(".event-side").inner_text()
    expect("3 of 3 that were sent together, all refused" in side and "2 times" in side, f"a batch, twice, is not told: {side!r}")
    expect(batch["code"] in side and "call c_3" in side, f"the state in the batch is not told: {side!r}")
    page.keyboard.press("Escape")
    settle(page)
    expect(page.locator(".events .r.picked").count() == 0, "Escape does not leave what was refused")
    page.evaluate("inspector.set({ filter: 'is:refused' })")
    settle(page)
    expect(rows(page) == ["tool_completed", "agent_completed"], f"is:refused shows {rows(page)}")
    page.evaluate("inspector.set({ filter: '', lower: 'proof' })")
    settle(page)
    card = page.locator(".proof .card", has_text="beside the log")
    expect("2 refusals" in card.inner_text() and ids[2] in card.inner_text(), f"the proofs do not list it: {card.inner_text()!r}")
    # While it is looked at, more comes.
    page.evaluate("inspector.set({ lower: 'events' })")
    refuse(stage, thread, completed("c_9"))
    stage.emit(thread, ended())
    head(page, 5)
    wait_for(page, 3)
    expect(rows(page) == [1, 2, 3, "tool_completed", 4, "agent_completed", "tool_completed", 5], f"later the list is {rows(page)}")


def fragments(stage):
    """Joined fragments are parted where something was refused between them."""
    thread = "t_parted"
    begin(stage, thread, *[draft("message_delta", {"message_id": "m", "text": f"{number} "}, "r_1") for number in range(3)])
    refuse(stage, thread, ended())
    stage.emit(thread, *[draft("message_delta", {"message_id": "m", "text": f"{number} "}, "r_1") for number in range(3)])
    page = stage.thread(thread)
    wait_for(page, 1)
    expect(rows(page) == [1, 2, 3, "agent_completed", 6], f"the list is {rows(page)}")


def hostile(stage):
    """43: what was refused is shown as it is, and does nothing."""
    thread = "t_hostile"
    begin(stage, thread)
    refuse(stage, thread, draft("tool_completed", {"call_id": "c_1", "tool": HOSTILE[:40], "status": "failed", "error": {"code": HOSTILE, "message": HOSTILE}, "duration_ms": 1}, "r_1"))
    refuse(stage, thread, draft("custom", {"name": HOSTILE, "value": {HOSTILE: HOSTILE}}, "r_2"))
    page = stage.thread(thread)
    wait_for(page, 2)
    for row in range(2):
        page.locator(".events .r.refused").nth(row).click()
        settle(page)
        expect("img" in page.locator(".event-side").inner_text(), "what was sent is not shown")
    expect(page.locator(".event-side img, .event-side script").count() == 0 and not page.evaluate("window.hacked"), "what was refused became markup")
    expect("U+202E" in page.locator(".event-side").inner_text(), "a character that turns text round is hidden")
    expect(not page.evaluate("violations"), f"it broke the policy: {page.evaluate('violations')}")


CHECKS = {"beside the log": beside_the_log, "fragments": fragments, "43 hostile": hostile}


def broken(file, old, new):
    return {f"inspector/{file}": (old, new)}


BROKEN = [
    ("all at the beginning", "the list is", broken("core/refusals.js", "  if (index >= 0) return index;", "  if (index >= 0) return -1;"), beside_the_log),
    ("the rules of another state", "legal is", broken("refusal-view.js", "refusal.legal.map(type =>", "refusal.legal.slice(1).map(type =>"), beside_the_log),
    ("what is refused hides among the fragments", "the list is", broken("events-view.js", "if (ui.fold && last && !last.refusal && last.last", "if (ui.fold && last && last.last"), fragments),
    ("a list that is read once", "Timeout", broken("session.js", "    if (stamp === this.refusalsStamp) return false;", "    if (this.refusalsStamp) return false;"), beside_the_log),
    ("what is sent as markup", "", broken("refusal-view.js", "h('div.json', {}, json(refusal.event))", "Object.assign(h('div.json'), { innerHTML: JSON.stringify(refusal.event) })"), hostile),
]

if __name__ == "__main__":
    sys.exit(main("inspector refusals", __doc__, CHECKS, BROKEN))
