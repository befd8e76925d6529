#!/usr/bin/env python3
"""The same range in every protocol, in the inspector: the frames that clients are sent, and the verdict about them (FRONTEND b.4, 9).

  inspector_protocols.py               against services that this script starts
  inspector_protocols.py --self-test   that the checks notice a page that is broken
"""

import json
import sys

from browser import Stage, draft, expect, main, settle
from inspector_live import begin, completed, ended, executing

PROTOCOLS = ["events", "sse", "ag-ui-1.0", "ag-ui-0.x", "ai-sdk", "socket.io"]
HOSTILE = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>\u202e"


def said(text="So it is."):
    return [draft("message_delta", {"message_id": "m", "text": text[:4]}, "r_1"), draft("message_completed", {"message_id": "m", "role": "assistant", "text": text}, "r_1")]


def thread_of(stage, thread, *more):
    return begin(stage, thread, executing(), completed(), *more, *said(), ended())


def shown(page, protocol):
    """Waits for the frames of a protocol, and gives what stands in the page: of each frame the number of its event, and its text."""
    page.wait_for_function("name => inspector.events.frames.answer?.protocol === name && !document.querySelector('.in-frames[aria-busy]')", arg=protocol)
    settle(page)
    return page.evaluate("""[...document.querySelectorAll('.frame')].map(row => [Number(row.querySelector('.seq').firstChild?.textContent || 0),
      row.querySelector('.text').textContent.replace(/⏎\\n/g, '\\n').replace(/⏎+$/, ends => '\\n'.repeat(ends.length))])""")


def asked(stage, thread, query):
    answer = stage.service.request("GET", f"/v1/threads/{thread}/frames?{query}")
    expect(answer.status == 200, f"the service tells no frames: {answer}")
    return answer.json()


def switch(page, title):
    page.get_by_role("group", name="Protocol").get_by_role("button", name=title, exact=True).click()


def every_protocol(stage):
    """The frames are those of the service, beside the numbers of their events, each with a verdict."""
    thread = "t_frames"
    ids = thread_of(stage, thread)
    page = stage.thread(thread)
    page.get_by_role("button", name="frames", exact=True).click()
    for protocol, title in zip(PROTOCOLS, ["Ours", "SSE", "AG-UI 1.0", "AG-UI 0.x", "AI SDK", "Socket.IO"]):
        switch(page, title)
        rows = shown(page, protocol)
        answer = asked(stage, thread, f"protocol={protocol}&upto={ids[-1]}")
        frames = [frame for stream in answer["streams"] for frame in stream["frames"]]
        expect([number for number, _ in rows] == [int(frame["event"].split("-")[1]) if frame["event"] else 0 for frame in frames], f"{protocol}: the numbers are {rows}")
        expect([text for _, text in rows] == [frame["text"].replace("\r", "") for frame in frames], f"{protocol}: the texts are {rows}")
        verdict = page.locator(".verdict summary").inner_text()
        expect("✓" in verdict and f"{len(answer['verdict']['rules'])} rules" in verdict and "hold" in verdict, f"{protocol}: the verdict is {verdict!r}")
        expect(page.locator(".verdict li").count() == len(answer["verdict"]["rules"]), f"{protocol}: the rules are not listed")
        expect(f"?frames={protocol}" in page.url, f"the address is {page.url}")
        pressed = page.locator(".protocols [aria-pressed=true]").all_inner_texts()
        expect(pressed == [title], f"pressed is {pressed}")
    expect(not page.evaluate("violations"), f"it broke the policy: {page.evaluate('violations')}")


def ranges(stage):
    """A range, in the address, by the keyboard, and back."""
    thread = "t_range"
    ids = thread_of(stage, thread)
    page = stage.page(f"#{thread}?frames=ag-ui-1.0&range={ids[2]}..{ids[4]}")
    rows = shown(page, "ag-ui-1.0")
    numbers = [number for number, _ in rows]
    expect(set(numbers) == {0, 3, 4, 5} and numbers == sorted(numbers), f"the range is {numbers}")
    expect("MESSAGES_SNAPSHOT" in rows[1][1] and page.locator(".frame .joins").count() == 2, f"a client that joins is told {rows[:3]}")
    # By the keyboard: down to a frame of an event, which is shown, and is in the address with the range.
    page.locator(".frames").focus()
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    settle(page)
    expect(f"@{ids[2]}?frames=ag-ui-1.0&range={ids[2]}..{ids[4]}" in page.url, f"the address is {page.url}")
    expect(page.locator(".frame.picked").count() >= 1 and "tool_executing" in page.locator(".event-side").inner_text(), "the event of the frame is not shown")
    active = page.evaluate("document.querySelector('.frames').getAttribute('aria-activedescendant')")
    expect(active == "frame-2" and page.locator(f"#{active}").get_attribute("aria-selected") == "true", f"a screen reader is told {active}")
    expect([number for number, _ in shown(page, "ag-ui-1.0")] == numbers, "the range moves with the selection")
    page.get_by_role("button", name="Drop the range").click()
    page.wait_for_function("() => inspector.events.frames.answer.after === null")
    expect("range=" not in page.url, f"the address keeps the range: {page.url}")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    settle(page)
    expect("frames" not in page.url and page.locator(".in-frames").is_hidden() and page.locator(".events .rows").is_visible(), f"Escape leaves the frames: {page.url}")
    page.keyboard.press("v")
    settle(page)
    expect(page.locator(".in-frames").is_visible(), "V does not show the frames")


def growing(stage):
    """What comes while the frames are looked at."""
    thread = "t_growing"
    begin(stage, thread)
    page = stage.thread(thread)
    page.evaluate("inspector.toggleFrames()")
    expect(len(shown(page, "events")) == 3, "the frames are not those of two events, and of the answer to the subscription")
    stage.emit(thread, executing(), completed())
    page.wait_for_function("() => document.querySelectorAll('.frame').length === 5")
    stage.emit(thread, *said(), ended())
    page.wait_for_function("() => document.querySelectorAll('.frame').length === 8")


def pages(stage):
    """A range that is longer than a page says where it continues."""
    thread = "t_long"
    begin(stage, thread)
    for batch in range(3):
        ids = stage.emit(thread, *[draft("message_delta", {"message_id": "m", "text": f"{batch}-{number} "}, "r_1") for number in range(60)])
    page = stage.thread(thread)
    page.evaluate("inspector.set({ frames: 'sse', range: [0, inspector.session.events.length - 1] })")
    rows = shown(page, "sse")
    expect(rows[-1][0] == 100, f"the page ends with {rows[-1]}")
    page.get_by_role("button", name="Continue after #100").click()
    page.wait_for_function("() => inspector.events.frames.answer.after?.endsWith('-100')")
    rows = shown(page, "sse")
    expect(rows[1][0] == 101 and rows[-1][0] == 182 and ids[-1].endswith("-182"), f"the next page is {rows[1][0]} to {rows[-1][0]}")
    expect(page.locator(".in-frames .on").is_hidden(), "there is more after the end")


def broken_rule(stage):
    """A verdict that is not good: the rule, and the frame that breaks it."""
    thread = "t_broken"
    thread_of(stage, thread)
    page = stage.page(f"#{thread}")
    page.wait_for_function("() => inspector.session?.isCaughtUp")
    answer = asked(stage, thread, "protocol=ag-ui-1.0")
    answer["streams"][0]["frames"][3]["text"] += HOSTILE
    answer["verdict"] = {"holds": False, "rules": answer["verdict"]["rules"], "broken": {"rule": answer["verdict"]["rules"][5], "problem": HOSTILE, "stream": 0, "frame": 3}}
    page.route("**/frames?*", lambda route: route.fulfill(status=200, content_type="application/json", body=json.dumps(answer)))
    page.evaluate("inspector.set({ frames: 'ag-ui-1.0' })")
    shown(page, "ag-ui-1.0")
    summary = page.locator(".verdict summary").inner_text()
    expect("✕" in summary and answer["verdict"]["rules"][5] in summary and "U+202E" in summary, f"the verdict is {summary!r}")
    rows = page.locator(".frame").all()
    expect([index for index, row in enumerate(rows) if "broken" in row.get_attribute("class")] == [3], "another frame is marked")
    expect("✕" in rows[3].inner_text() and "img" in rows[3].inner_text(), "the frame does not say what is wrong")
    expect(page.locator(".in-frames [role=status]").text_content().startswith("broken: "), "a screen reader is not told")
    expect(page.locator(".in-frames img, .in-frames script").count() == 0 and not page.evaluate("window.hacked"), "what is wrong became markup")
    expect(not page.evaluate("violations"), f"it broke the policy: {page.evaluate('violations')}")


def no_route(stage):
    """A service without other protocols, and a recording: a sentence."""
    from service import Service

    binary = stage.service.process.args[0]
    with Service(binary, None, "--interop", "none") as service, Stage(stage.browser, service, stage.server.replaced) as other:
        thread_of(other, "t_none")
        page = other.page("#t_none?frames=ai-sdk")
        page.wait_for_function("() => !document.querySelector('.in-frames .nothing').hidden")
        text = page.locator(".in-frames .nothing").inner_text()
        expect("--interop none" in text and page.locator(".frame").count() == 0, f"it says {text!r}")
    page = stage.recording("".join(json.dumps(each) + "\n" for each in recorded(stage)))
    page.evaluate("inspector.set({ frames: 'sse', lower: 'events', pane: 'lower' })")
    settle(page)
    text = page.locator(".in-frames .nothing").inner_text()
    expect("A recording has no service" in text, f"of a recording it says {text!r}")
    expect(not [url for url in page.requested if "/frames?" in url], "a recording is asked for at the service")


def recorded(stage):
    thread_of(stage, "t_recorded")
    return stage.service.request("GET", "/v1/threads/t_recorded/events").json()["events"]


def narrow(stage):
    """From 320 pixels to 4K nothing is wider than the page, and the switch can be reached."""
    thread = "t_narrow"
    thread_of(stage, thread, draft("custom", {"name": "n", "value": "x" * 6000}, "r_1"))
    for width, height in ((320, 640), (390, 844), (1280, 800), (3840, 2160)):
        page = stage.page(f"#{thread}?frames=socket.io", width=width, height=height)
        shown(page, "socket.io")
        wide = page.evaluate("document.documentElement.scrollWidth > innerWidth || [document.querySelector('.frames'), ...document.querySelectorAll('.frame')].some(each => each.scrollWidth > each.clientWidth + 1)")
        expect(not wide, f"at {width} it is wider than the page")
        switch(page, "AI SDK")
        shown(page, "ai-sdk")
        height = page.evaluate("document.querySelector('.frames').clientHeight")
        expect(height >= 120, f"at {width} the frames have {height} pixels")
        switch(page, "AG-UI 1.0")
        shown(page, "ag-ui-1.0")
        page.locator(".verdict summary").click()
        settle(page)
        fits = "(() => { const [frames, all] = ['.frames', '.in-frames'].map(name => document.querySelector(name).getBoundingClientRect()); return frames.height >= 60 && frames.bottom <= all.bottom + 1 && all.bottom <= innerHeight; })()"
        expect(page.evaluate(fits), f"at {width} the rules push the frames out of the page")
    # A long one is cut until it is asked for.
    button = page.get_by_role("button", name="characters")
    before = page.evaluate("Math.max(...[...document.querySelectorAll('.frame .text')].map(text => text.textContent.length))")
    button.first.click()
    after = page.evaluate("Math.max(...[...document.querySelectorAll('.frame .text')].map(text => text.textContent.length))")
    expect(before <= 4100 and after > 6000, f"a long frame has {before} characters, and then {after}")


CHECKS = {
    "every protocol": every_protocol, "ranges": ranges, "growing": growing, "pages": pages, "a broken rule": broken_rule,
    "no route": no_route, "narrow": narrow,
}


def broken(file, old, new):
    return {f"inspector/{file}": (old, new)}


BROKEN = [
    ("frames beside other numbers", "the numbers are", broken("frames-view.js", "h('span.seq', {}, frame.event ? String(sequenceOf(frame.event))", "h('span.seq', {}, frame.event ? String(sequenceOf(frame.event) + 1)"), every_protocol),
    ("texts that are changed", "the texts are", broken("frames-view.js", "lineEnds(isLong ? frame.text.slice(0, LONGEST) : frame.text)", "lineEnds(frame.text.trim())"), every_protocol),
    ("one protocol for another", "Timeout", broken("core/frames.js", "return { protocol, ...(more", "return { protocol: protocol === 'ag-ui-0.x' ? 'ag-ui-1.0' : protocol, ...(more"), every_protocol),
    ("a range that is too long", "the range is", broken("core/frames.js", "upto: events[last].id }", "upto: events.at(-1).id }"), ranges),
    ("an address without the range", "the address is", broken("moves.js", "const range = ui.frames && ui.range", "const range = ui.frames && undefined"), ranges),
    ("frames that are asked for once", "Timeout", broken("frames-view.js", "if (this.#wanted.key !== this.#key ||", "if (this.#key === '' ||"), growing),
    ("no more pages", "Timeout", broken("frames-view.js", "this.#more = answer.next;", "this.#more = undefined;"), pages),
    ("a verdict that is always good", "the verdict is", broken("core/frames.js", "if (holds) return", "if (rules) return"), broken_rule),
    ("what is wrong as markup", "", broken("frames-view.js", "broken ? h('span.fault', {}, `✕ ${reveal(broken.problem)}`) : undefined);", "broken ? Object.assign(h('span.fault'), { innerHTML: broken.problem }) : undefined);"), broken_rule),
    ("no sentence without the route", "it says", broken("core/frames.js", "  if (status === 404 && code !== 'thread.unknown') {", "  if (status === 405) {"), no_route),
    ("rules that take all the room", "out of the page", broken("views.css", ".verdict { flex: 0 1 auto; min-height: 33px; max-height: 45%; overflow: auto;", ".verdict { flex: none;"), narrow),
    ("long words that are not broken", "wider than the page", broken("views.css", ".frame .text { white-space: pre-wrap; overflow-wrap: anywhere;", ".frame .text { white-space: pre;"), narrow),
]

if __name__ == "__main__":
    sys.exit(main("inspector protocols", __doc__, CHECKS, BROKEN))
