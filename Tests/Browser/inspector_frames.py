#!/usr/bin/env python3
"""The inspector, frame by frame: what each frame costs in all, what is seen while a list is flung, and what ten minutes of live
events leave behind. Numbers are those of FRONTEND (d).

  inspector_frames.py               against a service that this script starts
  inspector_frames.py --long        ten minutes of live events
  inspector_frames.py --self-test   that the checks notice a page that is broken

Chromium has no screen here, and ticks 60 times in a second all the same: the times that it gives to frames are whole ticks of
16.7 ms. A frame that costs more, script, style, layout and paint together, leaves ticks out, and the interval to the next one is
33.3 ms or more. So the share of ticks that were left out is what can be measured. Without the limit (--disable-frame-rate-limit)
intervals follow other timers: 17 ms where nothing moves at all, and less where something does. They say nothing, and are not used.
"""

import base64
import sys
import time
import zlib

from browser import draft, expect, head, main, settle
from inspector_page import many, rows_of

FRAMES = 150
SECOND = 60
WARM = 80
# A tick, and what is lost in its rounding.
TICK = 16.7 + 0.3
# A list is moved, or the time line zoomed, in each frame; the intervals between the frames.
INTERVALS = """async ([what, count]) => {
  const list = document.querySelector(what === 'events' ? '.events .rows' : '.waterfall .rows');
  const times = [];
  for (let i = 0; i <= count; i++) {
    if (what === 'zoom') inspector.timeline.zoom(i % 40 < 20 ? 0.85 : 1 / 0.85, 0.3);
    else if (what !== 'nothing') list.scrollTop += 137 * (1 + i % 7);
    times.push(await new Promise(requestAnimationFrame));
  }
  list.scrollTop = 0;
  return times.slice(1).map((time, at) => time - times[at]);
}"""


def part(values, share):
    return sorted(values)[int(len(values) * share)]


def intervals(stage):
    """31: 10 000 events, scrolled and zoomed in each frame."""
    page = stage.recording(many(10_000).text, height=1400)
    expect(max(rows_of(page)) < 60, f"{rows_of(page)} rows are mounted")
    figures = {}
    for what in ("nothing", "events", "waterfall", "zoom"):
        # Other work of the machine only adds to an interval, so that the best second is the page's.
        taken, best = [], None
        while len(taken) < 12 and (best is None or part(best, 0.95) > TICK):
            taken.append(page.evaluate(INTERVALS, [what, FRAMES]))
            best = min((each[at:at + SECOND] for each in taken for at in range(FRAMES - SECOND)), key=lambda each: (part(each, 0.95), sum(each)))
        every = [each for frames in taken for each in frames]
        figures[what] = (part(best, 0.95), sum(round(each / 16.667) - 1 for each in every), len(every))
    for what, (high, left_out, count) in figures.items():
        expect(high < TICK, f"95 % of the frames of {what} follow the last one within {high:.1f} ms only, {left_out} ticks were left out in {count} frames")
    return ", ".join(f"{what} p95 {high:.1f} ms, {left_out} ticks left out in {count}" for what, (high, left_out, count) in figures.items())


def rows_of_picture(png):
    """The lines of pixels of a PNG of 8 bits, each as bytes without the alpha."""
    at, header, data = 8, None, b""
    while at < len(png):
        size, kind = int.from_bytes(png[at:at + 4], "big"), png[at + 4:at + 8]
        body = png[at + 8:at + 8 + size]
        if kind == b"IHDR":
            header = body
        elif kind == b"IDAT":
            data += body
        at += 12 + size
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    pixel = {2: 3, 6: 4}[header[9]]
    raw, stride = zlib.decompress(data), width * pixel
    above = bytearray(stride)
    for y in range(height):
        filtered, line = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride if filtered else 0):
            left = line[x - pixel] if x >= pixel else 0
            up = above[x]
            if filtered == 1:
                guess = left
            elif filtered == 2:
                guess = up
            elif filtered == 3:
                guess = (left + up) >> 1
            else:
                corner = above[x - pixel] if x >= pixel else 0
                guess = min((left, up, corner), key=lambda each: abs(left + up - corner - each))
            line[x] = (line[x] + guess) & 255
        above = line
        yield bytes(line)


def blank_stretch(png):
    """The longest stretch of lines without writing, in pixels."""
    longest = stretch = 0
    for line in rows_of_picture(png):
        stretch = stretch + 1 if max(line) - min(line) < 96 else 0
        longest = max(longest, stretch)
    return longest


def fling(stage):
    """33: thirty pictures of what is on the screen while a finger flings the list."""
    page = stage.recording(many(20_000).text)
    page.evaluate("document.querySelector('.events .rows').scrollTop = 0")
    settle(page)
    box = page.evaluate("(({ x, y, width, height }) => ({ x, y, width, height }))(document.querySelector('.events .rows').getBoundingClientRect())")
    session = page.context.new_cdp_session(page)
    pictures, tops = [], []
    session.on("Page.screencastFrame", lambda frame: (
        pictures.append(frame["data"]), session.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})))
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] - 20
    session.send("Page.startScreencast", {"format": "png", "everyNthFrame": 1})
    for _ in range(40):
        session.send("Input.synthesizeScrollGesture", {
            "x": x, "y": y, "yDistance": -4000, "speed": 12_000, "gestureSourceType": "mouse"})
        tops.append(page.evaluate("document.querySelector('.events .rows').scrollTop"))
        if len(pictures) >= 60:
            break
    session.send("Page.stopScreencast")
    expect(len(pictures) >= 30 and tops[-1] > 5000, f"{len(pictures)} pictures, scrolled to {tops[-1]}")
    worst = 0
    for data in pictures[:: max(1, len(pictures) // 30)][:30]:
        worst = max(worst, blank_stretch(crop(base64.b64decode(data), box)))
    # A row has 26 pixels, and writing in the middle of each.
    expect(worst < 52, f"{worst} lines of pixels without writing in a picture of the list, while it is flung")
    return f"30 of {len(pictures)} pictures over {tops[-1]:.0f} px, at most {worst} px without writing"


def crop(png, box):
    """The picture without what is not the list, as a PNG without filters."""
    lines = list(rows_of_picture(png))
    pixel = len(lines[0]) // 1280 if len(lines[0]) % 1280 == 0 else 3
    left, right = int(box["x"] + 60) * pixel, int(box["x"] + box["width"] - 60) * pixel
    kept = lines[int(box["y"]) + 2:int(box["y"] + box["height"]) - 2]
    width = (right - left) // pixel
    header = width.to_bytes(4, "big") + len(kept).to_bytes(4, "big") + bytes([8, 2 if pixel == 3 else 6, 0, 0, 0])
    body = zlib.compress(b"".join(b"\0" + line[left:right] for line in kept))

    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + b"\0\0\0\0"

    return png[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def growth(seconds):
    """31: live events for some time, at 50 in a second; after each part what is left when the garbage is collected."""
    def check(stage):
        parts, rate = 6, 50
        per_part = max(200, int(seconds * rate / parts))
        # So much that every list of the page is as long as it gets.
        for number in range(WARM):
            stage.emit("t_grows", *live_run(number))
        page = stage.thread("t_grows", width=1280, height=800)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        count, number, found = WARM * len(live_run(0)), WARM, []
        for _ in range(parts):
            until = time.monotonic() + seconds / parts
            target = count + per_part
            while count < target:
                events = live_run(number)
                number += 1
                stage.emit("t_grows", *events)
                count += len(events)
                left = until - time.monotonic()
                if left > 0:
                    page.wait_for_timeout(min(1000 * left, 1000 * len(events) / rate))
            head(page, count)
            session.send("HeapProfiler.collectGarbage")
            metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
            found.append((count, metrics["Nodes"], metrics["JSEventListeners"], metrics["JSHeapUsedSize"]))
        (early, nodes, listeners, heap), (late, last_nodes, last_listeners, last_heap) = found[1], found[-1]
        expect(last_nodes < nodes * 1.1 + 100 and last_listeners < listeners * 1.1 + 40, f"elements and listeners grow: {found}")
        # The events themselves are kept, and what is read off them: so many bytes for each, and no more.
        each = (last_heap - heap) / (late - early)
        expect(each < 4000, f"{each:.0f} bytes for each event: {found}")
        return f"{late:,} events in {seconds} s: {int(last_nodes)} nodes, {int(last_listeners)} listeners, {each:.0f} bytes for each event, {last_heap / 1e6:.0f} MB"

    return check


def live_run(number):
    run = f"r_{number}"
    call = {"call_id": "c", "tool": "search"}
    words = [draft("message_delta", {"message_id": "m", "text": f"word{each} "}, run) for each in range(20)]
    text = "".join(each["data"]["text"] for each in words)
    return [
        draft("user_message", {"message_id": f"m_{number}", "user_id": "local", "text": f"Question {number}?"}), draft("agent_started", {"input": "x"}, run, "guide"),
        draft("tool_executing", {**call, "arguments": {"number": number}}, run), draft("tool_completed", {**call, "status": "succeeded", "duration_ms": 5}, run),
        *words, draft("message_completed", {"message_id": "m", "role": "assistant", "text": text}, run), draft("agent_completed", {}, run),
    ]


CHECKS = {"31 intervals of frames": intervals, "33 pictures of a fling": fling, "31 growth": growth(20)}
LONG = {**CHECKS, "31 growth": growth(600)}


def broken(file, old, new):
    return {f"inspector/{file}": (old, new)}


BROKEN = [
    ("a layout for each row", "only", broken("events-view.js", "    row.title = `${event.id}", "    for (let i = 0; i < 30; i++) { row.style.setProperty('padding-left', `${i}px`); void row.offsetWidth; }\n    row.title = `${event.id}"), intervals),
    ("rows that come late", "without writing", broken("rows.js", "    this.#show(false);\n    if (this.#isSampling) return;", "    setTimeout(() => this.#show(false), 400);\n    return;"), fling),
    ("rows of the past that are kept", "grow", broken("conversation-view.js", "export class ConversationView {", "export class ConversationView {\n  #kept = setInterval(() => { for (let i = 0; i < 60; i++) (globalThis.kept ??= []).push(document.createElement('b')); }, 100);"), growth(20)),
]

if __name__ == "__main__":
    sys.exit(main("inspector frames", __doc__, CHECKS, BROKEN, long=LONG))
