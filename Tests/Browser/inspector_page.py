#!/usr/bin/env python3
"""The inspector in a browser, with recordings: many events, times, links, layout, keys, contrast. Numbers are those of FRONTEND (d).

  inspector_page.py               against a service that this script starts
  inspector_page.py --self-test   that the checks notice a page that is broken
"""

import json
import sys
from datetime import datetime, timedelta, timezone

from browser import Fault, Recorder, expect, main, run_of_calls, settle, show


def many(count):
    r = Recorder("t_many")
    number = 0
    while len(r.events) < count:
        number += 1
        run_of_calls(r, number)
    r.events = r.events[:count]
    return r


COSTS = """async what => {
  const list = document.querySelector(what === 'events' ? '.events .rows' : '.waterfall .rows');
  costs.length = 0;
  for (let i = 0; i < 150; i++) {
    if (what === 'zoom') inspector.timeline.zoom(i % 40 < 20 ? 0.85 : 1 / 0.85, 0.3);
    else list.scrollTop += 137 * (1 + i % 7);
    await new Promise(requestAnimationFrame);
  }
  const sorted = costs.filter(cost => cost > 0.02).sort((one, other) => one - other);
  // Frames that cost too little to be measured.
  return sorted[Math.floor(sorted.length * 0.95)] ?? 0;
}"""


def rows_of(page):
    return page.evaluate("['.events', '.waterfall'].map(place => document.querySelectorAll(`${place} .r:not([hidden])`).length)")


def many_events(stage):
    page = stage.recording(many(10_000).text, height=1400)
    events, spans = rows_of(page)
    expect(events < 60 and spans < 60, f"{events} and {spans} rows are mounted")
    # Other work of the machine only adds to a figure, so that the lowest of three is the page's.
    figures = {what: min(page.evaluate(COSTS, what) for _ in range(3)) for what in ("events", "waterfall", "zoom")}
    for what, cost in figures.items():
        expect(cost < 16.7, f"95 % of the frames of {what} cost up to {cost:.1f} ms")
    megabytes = page.evaluate("performance.memory.usedJSHeapSize / 1e6")
    expect(megabytes < 150, f"{megabytes:.0f} MB are used")
    return ", ".join(f"{what} p95 {cost:.1f} ms" for what, cost in figures.items()) + f", {megabytes:.0f} MB, {events} and {spans} rows"


def very_many_events(stage):
    page = stage.recording(many(100_000).text)
    expect(page.evaluate("inspector.session.events.length") == 100_000, "not all events are read")
    expect("100,000" in page.locator(".filter .shown").inner_text(), "the number of events is not said")
    page.evaluate("inspector.select(99_998, {})")
    settle(page)
    expect(max(rows_of(page)) < 60, f"{rows_of(page)} rows are mounted")
    expect("#99999" in page.locator(".event-side .head").inner_text(), "the last but one event is not shown")
    megabytes = page.evaluate("performance.memory.usedJSHeapSize / 1e6")
    expect(megabytes < 400, f"{megabytes:.0f} MB are used")
    return f"{megabytes:.0f} MB"


def fling(stage):
    page = stage.recording(many(20_000).text)
    blank = page.evaluate("""async () => {
      const list = document.querySelector('.events .rows');
      const height = 26;
      let blank = 0;
      for (let i = 0; i < 60; i++) {
        list.scrollTop += 2900 + (i % 9) * 811;
        await new Promise(requestAnimationFrame);
        await new Promise(requestAnimationFrame);
        const there = new Set([...document.querySelectorAll('.events .r:not([hidden])')].filter(row => row.textContent.length > 20).map(row => row.index));
        for (let row = Math.ceil(list.scrollTop / height); row < (list.scrollTop + list.clientHeight) / height - 1; row++) if (!there.has(row)) blank++;
      }
      return blank;
    }""")
    expect(blank == 0, f"{blank} rows were blank while the list was flung")


def large_values(stage):
    r = Recorder()
    r.put("agent_started", {"input": "x"}, "r_1")
    r.put("tool_executing", {"call_id": "c", "tool": "upload", "arguments": {"image": "data:image/png;base64," + "A" * 1_000_000}}, "r_1")
    page = stage.recording(r.text)
    page.evaluate("costs.length = 0; inspector.select(1, {})")
    settle(page)
    text = page.locator(".event-side .json").inner_text()
    expect(len(text) < 6000, f"{len(text)} characters of a large value are shown at once")
    expect("1.00 MB, showing the first 2.0 kB" in text, "its size is not said")
    longest = page.evaluate("Math.max(...costs)")
    expect(longest < 50, f"a frame costs {longest:.0f} ms")
    page.locator(".event-side .json .link").click()
    page.wait_for_function("() => document.querySelector('.event-side .json').textContent.length > 1_000_000")
    longest = page.evaluate("Math.max(...costs)")
    expect(longest < 50, f"a frame costs {longest:.0f} ms when all of it is shown")
    return f"at most {longest:.0f} ms in a frame"


def nothing_capped(stage):
    page = stage.recording(many(3000).text)
    page.evaluate("inspector.set({ filter: 'type:tool_completed' })")
    settle(page)
    shown = page.locator(".filter .shown").inner_text()
    count = page.evaluate("inspector.session.events.filter(event => event.type === 'tool_completed').length")
    expect(f"showing {count} of 3,000" in shown, f"{count} events fit, and it says: {shown}")
    page.evaluate("inspector.timeline.foldTo(0)")
    settle(page)
    expect("folded" in page.locator(".waterfall .tools").inner_text(), "folded rows are not counted")
    expect("earlier" in page.locator(".talk .earlier").inner_text(), "the conversation is cut in silence")


def zones(stage):
    r = Recorder(start="2026-10-25T00:59:58.500Z")
    r.put("agent_started", {"input": "night"}, "r_1").wait(2000)
    r.put("tool_executing", {"call_id": "c", "tool": "look", "arguments": {}}, "r_1").wait(2000)
    r.put("tool_completed", {"call_id": "c", "tool": "look", "status": "succeeded", "duration_ms": 2000}, "r_1")
    page = stage.recording(r.text, timezone_id="Europe/Berlin")
    page.evaluate("inspector.select(1, {})")
    for zone, time, name in (("local", "02:00:00.500", "UTC+1"), ("utc", "01:00:00.500", "UTC"), ("relative", "+2.000", "since start")):
        page.locator(f'.segments [data-zone="{zone}"]').click()
        settle(page)
        places = {
            "detail": page.locator(".event-side .facts").first.inner_text(), "list": page.locator(".events .r.picked .when").inner_text(),
            "tooltip": page.locator(".events .r.picked").get_attribute("title"), "bar": page.locator(".waterfall .r.picked .bar").get_attribute("title"),
        }
        for place, text in places.items():
            expect(time in text, f"with {zone} the {place} says {text!r}, not {time}")
        axis = page.locator(".axis").inner_text()
        expect((name if zone != "local" else "UTC+2") in axis, f"the axis does not print its zone {name}: {axis!r}")
        expect(name in places["tooltip"], f"the tooltip has no zone: {places['tooltip']}")
    page.locator('.segments [data-zone="local"]').click()
    page.evaluate("inspector.select(0, {})")
    settle(page)
    expect("02:59:58.500 UTC+2" in page.locator(".event-side").inner_text().replace("\n", " "), "the hour before the clock goes back is not UTC+2")


def order_of_steps(stage):
    r = Recorder()
    r.put("agent_started", {"input": "x"}, "r_1")
    for number, kind in enumerate(["text", "call", "text", "call", "text"]):
        if kind == "text":
            r.put("message_completed", {"message_id": f"m_{number}", "role": "assistant", "text": f"part {number}"}, "r_1").wait(100)
        else:
            r.put("tool_executing", {"call_id": f"c_{number}", "tool": f"tool_{number}", "arguments": {}}, "r_1").wait(100)
            r.put("tool_completed", {"call_id": f"c_{number}", "tool": f"tool_{number}", "status": "succeeded", "duration_ms": 100}, "r_1")
    page = stage.recording(r.text)
    text = page.locator(".talk").inner_text()
    places = [text.index(each) for each in ("part 0", "tool_1", "part 2", "tool_3", "part 4")]
    expect(places == sorted(places), f"what was done is not where it happened: {text!r}")


def as_of(stage):
    """All views at one moment."""
    r = Recorder()
    run_of_calls(r, 1)
    run_of_calls(r, 2, calls=1)
    page = stage.recording(r.text)
    index = next(number for number, event in enumerate(r.events) if event["type"] == "message_delta") + 4
    page.evaluate("index => { inspector.set({ lower: 'order' }); inspector.moveTo(index) }", index)
    settle(page)
    bubble = page.locator(".talk .bubble").last.inner_text()
    expect(bubble.split() == [f"word{each}" for each in range(5)], f"the conversation is not as of the cursor: {bubble!r}")
    expect("is running" in page.locator(".order").inner_text(), "the diagram is not as of the cursor")
    for at in range(0, len(r.events), 5):
        page.evaluate("at => inspector.moveTo(at)", at)
        settle(page, 3)
        shown, folded = page.evaluate("[[...document.querySelectorAll('.talk .bubble')].map(each => each.textContent), inspector.session.asOf.at(inspector.cursor).messages.map(message => message.text)]")
        expect(shown == folded, f"at event {at + 1} users see {folded}, and the page shows {shown}")
    page.evaluate("index => inspector.moveTo(index)", index)
    page.evaluate("inspector.set({ lower: 'proof' })")
    settle(page)
    expect("=" in page.locator(".proof .card").nth(1).inner_text() and page.locator(".proof .card").nth(1).locator(".yes-mark").count() == 1, "the state is not proved")
    page.keyboard.press("l")
    settle(page)
    expect("word11" in page.locator(".talk .bubble").last.inner_text(), "L does not lead back to the head")


def faults_at_lines(stage):
    r = Recorder()
    run_of_calls(r, 1)
    lines = r.text.splitlines()
    lines[3] = '{"type":'
    page = stage.recording("\n".join(lines))
    expect("line 4" in page.locator(".banner").inner_text(), "the line at fault is not said")
    page.locator(".banner .plain").click()
    settle(page)
    text = page.locator(".proof").inner_text()
    expect("json.malformed" in text and "not dense" in text and "missing: 4" in text, f"the proof does not say what is wrong: {text[:300]!r}")
    lines = r.text.splitlines()
    del lines[3]
    show(page, "\n".join(lines), "gap.ndjson")
    expect("not dense" in page.locator(".proof .card").first.inner_text(), "a missing event is not noticed")
    swapped = json.loads(r.text.splitlines()[2])
    swapped["data"]["call_id"] = "c_other"
    show(page, "\n".join([*r.text.splitlines()[:2], json.dumps(swapped), *r.text.splitlines()[3:]]), "order.ndjson")
    expect("order.call_not_open" in page.locator(".proof").inner_text(), "a broken rule of order is not named")
    expect("line 4" in page.locator(".proof").inner_text(), "a broken rule of order has no line")


PRESS = "([code, key]) => document.body.dispatchEvent(new KeyboardEvent('keydown', { code, key, bubbles: true, cancelable: true }))"


def keyboard(stage):
    r = Recorder()
    for number in range(3):
        run_of_calls(r, number)
    page = stage.recording(r.text)
    page.keyboard.press("?")
    expect(page.locator("dialog[open]").count() == 1, "there is no sheet of keys")
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]").count() == 0, "Escape does not close the sheet")
    page.keyboard.press("j")
    page.keyboard.press("j")
    settle(page)
    expect(page.evaluate("inspector.selected") is not None, "J picks no event")
    page.keyboard.press("Escape")
    expect(page.evaluate("inspector.selected") is None, "Escape does not leave the event")
    before = page.evaluate("inspector.ui.view.to - inspector.ui.view.from")
    page.evaluate(PRESS, ["KeyW", "z"])  # W of a French keyboard.
    expect(page.evaluate("inspector.ui.view.to - inspector.ui.view.from") < before, "keys count by their letter, so that AZERTY cannot zoom")
    page.evaluate(PRESS, ["KeyS", "o"])  # S of Dvorak.
    page.keyboard.press("/")
    settle(page)
    expect(page.evaluate("document.activeElement.type") == "search", "/ does not lead to the filter")
    page.keyboard.type("type:tool_completed")
    settle(page)
    expect("12 of" in page.locator(".filter .shown").inner_text(), "typing does not filter")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    settle(page)
    focus = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    expect(focus != "none", "the focus cannot be seen")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.slice(0, 40)"))
        if page.evaluate("document.activeElement !== document.body && getComputedStyle(document.activeElement).outlineStyle") == "none":
            raise Fault(f"the focus cannot be seen on {page.evaluate('document.activeElement.outerHTML.slice(0, 120)')}")
    for name in ("Waterfall", "Events", "Filter events", "Conversation", "Find or open a thread", "Cursor in the thread"):
        expect(name in reached, f"Tab does not lead to {name}: {sorted(reached)}")


CONTRAST = """() => {
  const parse = text => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return text.startsWith('color(') ? { r: r * 255, g: g * 255, b: b * 255, a } : { r, g, b, a }; };
  const over = (one, other) => ({ r: one.r * one.a + other.r * (1 - one.a), g: one.g * one.a + other.g * (1 - one.a), b: one.b * one.a + other.b * (1 - one.a), a: 1 });
  const light = ({ r, g, b }) => [r, g, b].map(v => v / 255).map(v => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => { let layers = []; for (let each = element; each; each = each.parentElement) { const colour = parse(getComputedStyle(each).backgroundColor); if (colour.a) layers.push(colour); if (colour.a === 1) break; } return layers.reverse().reduce((below, above) => over(above, below), { r: 255, g: 255, b: 255, a: 1 }); };
  const bad = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!own || !element.getClientRects().length || element.closest('[disabled], .unseen, svg, noscript') || getComputedStyle(element).visibility === 'hidden') continue;
    if (element.closest('.bar')) continue;
    const colour = parse(getComputedStyle(element).color);
    const back = ground(element);
    const [one, other] = [light(over(colour, back)), light(back)];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) bad.push(`${element.className || element.tagName} ${element.textContent.trim().slice(0, 24)} ${ratio.toFixed(2)}`);
  }
  return bad;
}"""


def contrast(stage):
    example = (stage.files / "inspector" / "example.ndjson").read_text(encoding="utf-8")
    for theme in ("light", "dark"):
        page = stage.page(color_scheme=theme, reduced_motion="reduce")
        bad = page.evaluate(CONTRAST)
        show(page, example)
        for view in ("events", "order", "proof", "compare"):
            page.evaluate("view => inspector.set({ lower: view })", view)
            settle(page)
            bad += page.evaluate(CONTRAST)
        page.evaluate("inspector.select(20, {})")
        settle(page)
        bad += page.evaluate(CONTRAST)
        page.evaluate("inspector.help()")
        bad += page.evaluate(CONTRAST)
        expect(not bad, f"too little contrast in the {theme} theme: {sorted(set(bad))[:6]}")
        moving = page.evaluate("document.getAnimations().filter(each => each.playState === 'running').length")
        expect(moving == 0, f"{moving} things move although less motion was asked for")


def forced_colours(stage):
    page = stage.recording((stage.files / "inspector" / "example.ndjson").read_text(encoding="utf-8"), forced_colors="active")
    page.evaluate("inspector.select(6, {})")
    settle(page)
    expect(page.evaluate("getComputedStyle(document.querySelector('.events .picked')).outlineStyle") == "solid", "what is picked cannot be told with forced colours")
    seen = page.evaluate("getComputedStyle(document.querySelector('.waterfall .r:not([hidden]) .bar.tool')).backgroundColor")
    expect(seen not in ("rgba(0, 0, 0, 0)", "rgb(255, 255, 255)"), "bars cannot be seen with forced colours")


def shapes():
    start = datetime(2026, 11, 28, 10, tzinfo=timezone.utc)

    def made(*spans):
        r = Recorder()
        r.time = start
        marks = sorted([(at, 0, number) for number, (at, _) in enumerate(spans)] + [(to, 1, number) for number, (_, to) in enumerate(spans) if to is not None])
        r.put("agent_started", {"input": "x"}, "r_1")
        for at, is_end, number in marks:
            r.time = start + timedelta(milliseconds=at)
            data = {"call_id": f"c_{number}", "tool": f"tool_{number}"}
            r.put(*(("tool_completed", {**data, "status": "succeeded", "duration_ms": 1}) if is_end else ("tool_executing", {**data, "arguments": {}})), "r_1")
        return r.text

    return {
        "one of 40 ms": made((0, 40)), "instants": made((0, 0), (0, 0)), "nothing ended": made((0, None), (5000, None)),
        "three in a day": made((0, 300), (43_200_000, 43_200_400), (86_399_000, 86_400_000)),
    }


def readable(stage):
    for width in (320, 1280):
        for name, text in shapes().items():
            page = stage.recording(text, width=width, height=640)
            if width < 1000:
                page.evaluate("inspector.set({ pane: 'timeline' })")
                settle(page)
            boxes = page.evaluate("""() => [...document.querySelectorAll('.waterfall .r:not([hidden])')].map(row => {
              const [bar, track] = [row.bar.getBoundingClientRect(), row.track.getBoundingClientRect()];
              return { name: row.name.textContent, hidden: row.bar.hidden, width: bar.width, height: bar.height, isInside: bar.left >= track.left - 9 && bar.right <= track.right + 9, label: row.name.getBoundingClientRect().width };
            })""")
            expect(len(boxes) >= 2, f"{name} at {width} px: {len(boxes)} rows")
            for box in boxes:
                expect(not box["hidden"] and box["width"] >= 3 and box["height"] >= 3 and box["isInside"], f"{name} at {width} px: a bar cannot be seen: {box}")
                expect(box["label"] > 20, f"{name} at {width} px: a label cannot be read: {box}")
            wide = page.evaluate("document.documentElement.scrollWidth")
            expect(wide <= width, f"{name}: the page is {wide} px wide in {width} px")
            page.context.close()
            stage.contexts.remove(page.context)


def replays(stage):
    r = Recorder()
    for number in range(6):
        run_of_calls(r, number)
    page = stage.recording(r.text)
    page.evaluate("inspector.set({ lower: 'proof' })")
    settle(page)
    for kind in ("", "cut", "drop", "duplicate", "swap", "merge", "reset"):
        index = next(number for number, event in enumerate(r.events) if number > 40 and event["type"] == "message_delta") + 2
        holds = page.evaluate("""async ([kind, index]) => {
          inspector.moveTo(index);
          const { replay } = inspector.shell.proof;
          replay.kind.value = kind;
          return replay.run();
        }""", [kind, index])
        text = page.locator(".proof .card").last.inner_text()
        expect(holds, f"after {kind or 'no fault'} the client is in another state: {text[-200:]}")
        words = {"cut": "resumed", "drop": "gap", "duplicate": "duplicate", "reset": "diverged"}.get(kind)
        expect(words is None or words in text, f"{kind}: it is not told how the client recovered: {text[-200:]}")
    short = Recorder()
    run_of_calls(short, 1)
    show(page, short.text, "short.ndjson")
    holds = page.evaluate("async () => { const { replay } = inspector.shell.proof; replay.kind.value = 'cut'; replay.speed.value = '20'; inspector.moveTo(8); return replay.run(); }")
    expect(holds, "at 20 times the speed it ends in another state")


CHECKS = {
    "31 many events": many_events, "31 very many events": very_many_events, "33 fling": fling, "34 large values": large_values,
    "35 nothing capped in silence": nothing_capped, "37 zones": zones, "41 order of steps": order_of_steps, "as of": as_of,
    "faults at their lines": faults_at_lines, "46 keyboard": keyboard, "48 contrast": contrast, "48 forced colours": forced_colours,
    "49 readable": readable, "50 replays": replays,
}


def broken(file, old, new):
    return {f"inspector/{file}": (old, new)}


BROKEN = [
    ("all rows are mounted", "mounted", broken("core/scale.js", "const last = Math.min(count, Math.ceil((scrollTop + height) / rowHeight) + over);", "const last = Math.min(count, 400);"), many_events),
    ("rows that come late", "blank", broken("rows.js", "    this.#show(false);\n    if (this.#isSampling) return;", "    setTimeout(() => this.#show(false), 400);\n    return;"), fling),
    ("a large text at once", "at once", broken("json-view.js", "const TEXT = 2048;", "const TEXT = 1e9;"), large_values),
    ("a silent cap", "it says", broken("events-view.js", "state.matching++;", "if (this.#rows.length > 200) continue; state.matching++;"), nothing_capped),
    ("a list in UTC", "the list says", broken("events-view.js", "say(row.when, clock.time(time));", "say(row.when, event.time.slice(11, 23));"), zones),
    ("calls after the texts", "where it happened", broken("conversation-view.js", "const item = story[at];", "const item = [...story].sort((one, other) => (one.kind === 'tool') - (other.kind === 'tool'))[at];"), order_of_steps),
    ("a conversation that is always the last one", "as of the cursor", broken("conversation-view.js", "this.#sync(story, start, end, cursor);", "this.#sync(story, start, end, session.events.length - 1);"), as_of),
    ("a gap that is not noticed", "proof does not say", broken("core/history.js", "if (from > due) this.gaps.push", "if (false) this.gaps.push"), faults_at_lines),
    ("keys by their letters", "AZERTY", broken("keys.js", "const work = byCode.get(event.code);", "const work = byCode.get(`Key${event.key.toUpperCase()}`) ?? (event.code.startsWith('Key') ? undefined : byCode.get(event.code));"), keyboard),
    ("a focus that cannot be seen", "seen", broken("theme.css", ":focus-visible { outline: 2px solid var(--focus); outline-offset: 1px; }", ":focus-visible { outline: none; }"), keyboard),
    ("faint text", "contrast", broken("theme.css", "--dim: #625e57;", "--dim: #a09c95;"), contrast),
    ("bars too thin to see", "cannot be seen", broken("timeline-view.js", "const box = scale.box(span.start, isInstant ? span.start : Math.max(end, span.start));", "const box = scale.box(span.start, end, 0.5);"), readable),
    ("a client that does not look for gaps", "it is not told", {"agent-events.js": ("if (this.#expected === undefined ? !isKnown : from !== this.#expected) {", "if (false) {")}, replays),
]

if __name__ == "__main__":
    sys.exit(main("inspector page", __doc__, CHECKS, BROKEN))
