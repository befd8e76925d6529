#!/usr/bin/env python3
"""The inspector on a service: runs that grow, commands, links, following, reload, restarts. Numbers are those of FRONTEND (d).

  inspector_live.py               against services that this script starts
  inspector_live.py --self-test   that the checks notice a page that is broken
"""

import contextlib
import json
import re
import sys

from browser import draft, expect, head, main, settle

FRAGMENTS = 4000


def begin(stage, thread, *more, run="r_1"):
    return stage.emit(thread, draft("user_message", {"message_id": f"m_{run}", "user_id": "local", "text": "Why?"}), draft("agent_started", {"input": "Why?"}, run, "guide"), *more)


def executing(call="c_1", tool="search", run="r_1"):
    return draft("tool_executing", {"call_id": call, "tool": tool, "arguments": {"query": call}}, run)


def completed(call="c_1", tool="search", run="r_1", status="succeeded"):
    return draft("tool_completed", {"call_id": call, "tool": tool, "status": status, "duration_ms": 5}, run)


def ended(run="r_1"):
    return draft("agent_completed", {}, run)


def long_answer(stage):
    """800 words in 4 000 fragments, as they come."""
    begin(stage, "t_answer")
    page = stage.thread("t_answer")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def spent():
        return {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}

    before = spent()
    words = " ".join(f"word{number}" for number in range(800))
    size = -(-len(words) // FRAGMENTS)
    pieces = [words[at:at + size] for at in range(0, len(words), size)]
    pieces += [" "] * (FRAGMENTS - len(pieces))
    halves = []
    for at in range(0, FRAGMENTS, 10):
        stage.emit("t_answer", *[draft("message_delta", {"message_id": "m_a", "text": text}, "r_1") for text in pieces[at:at + 10]])
        page.wait_for_timeout(20)
        if at == FRAGMENTS // 2:
            halves.append(spent())
    head(page, FRAGMENTS + 2)
    halves.append(spent())
    shares = []
    for one, other in ((before, halves[0]), (halves[0], halves[1])):
        shares.append((other["ScriptDuration"] - one["ScriptDuration"]) / (other["Timestamp"] - one["Timestamp"]))
    expect(max(shares) < 0.2, f"scripts take {shares[0]:.0%} of the first half and {shares[1]:.0%} of the second")
    expect(shares[1] < shares[0] * 2 + 0.02, f"the cost grows with the answer: {shares[0]:.1%}, then {shares[1]:.1%}")
    text = page.evaluate("document.querySelector('.talk .item:last-of-type .bubble, .talk [data-kind=message] .bubble').textContent")
    expect(text == "".join(pieces), "the answer is not what was said")
    return f"{shares[0]:.1%} and {shares[1]:.1%} of the time in scripts"


def growing(stage):
    begin(stage, "t_growing", executing())
    page = stage.thread("t_growing")
    width = "document.querySelector('.waterfall .r.waits, .waterfall [data-span=tool]').took.textContent"
    first = page.evaluate(width)
    page.wait_for_function(f"first => {width} !== first", arg=first)
    page.evaluate("window.shift = 3_600_000")
    page.wait_for_function(f"() => {width}.startsWith('1 h 00 m')")
    page.evaluate("window.shift = 0")
    stage.emit("t_growing", completed(), ended())
    head(page, 5)
    page.wait_for_function(f"() => !{width}.startsWith('1 h')")
    after = page.evaluate(width)
    page.evaluate("window.shift = 7_200_000; inspector.timeline.zoom(0.99)")
    settle(page, 20)
    expect(page.evaluate(width) == after and " h " not in after, f"a bar goes on after its end: {after}, then {page.evaluate(width)}")


def clocks(stage):
    """This machine is five minutes behind, or ahead."""
    begin(stage, "t_clocks", executing())
    for shift in (-300_000, 300_000):
        page = stage.thread("t_clocks", shift=shift)
        page.wait_for_function("() => inspector.service.offset !== 0")
        settle(page, 10)
        took = page.evaluate("document.querySelector('.waterfall [data-span=tool]').took.textContent")
        expect(re.fullmatch(r"[\d.]+ m?s|1 m \d\d s", took), f"with a clock {shift / 60000:.0f} min off, a call of some seconds took {took}")
    stage.emit("t_clocks", completed(), ended())


def links(stage):
    ids = begin(stage, "t_links", *[each for number in range(30) for each in (executing(f"c_{number}"), completed(f"c_{number}"))], ended())

    def opened(hash):
        page = stage.page(hash)
        page.wait_for_function("() => inspector.session?.isCaughtUp")
        settle(page, 8)
        picked = page.locator(".event-side .head").inner_text() if page.evaluate("inspector.selected !== undefined") else ""
        banner = page.locator(".banner").inner_text() if page.locator(".banner:visible").count() else ""
        page.context.close()
        stage.contexts.remove(page.context)
        return picked, banner

    for id in (ids[0], ids[17], ids[-1]):
        picked, banner = opened(f"#t_links@{id}")
        expect(f"#{id.split('-')[1]}" in picked.split() and not banner, f"the link to {id} leads to {picked!r}, {banner!r}")
    generation = ids[0].split("-")[0]
    for cursor, words in ((f"{int(generation) - 7}-12", "another history"), (f"{int(generation) + 7}-12", "was lost; the log diverged after"), (f"{generation}-9999", "has not happened yet")):
        picked, banner = opened(f"#t_links@{cursor}")
        expect(words in banner and not picked, f"the link to {cursor} shows {picked!r} and says {banner!r}")
    page = stage.page("#t_links@forty-two")
    settle(page, 8)
    expect("does not name an event" in page.locator(".banner").inner_text(), "a malformed link is not told")
    page.evaluate("location.hash = '#t_links'")
    page.wait_for_function("() => inspector.session?.isCaughtUp")
    page.evaluate("inspector.timeline.zoom(0.5)")
    page.evaluate("document.querySelector('.events .rows').scrollTop = 400")
    settle(page)
    view = page.evaluate("inspector.ui.view")
    begin(stage, "t_other", ended())
    page.evaluate("inspector.open('t_other')")
    page.wait_for_function("() => inspector.session?.id === 't_other' && inspector.session.isCaughtUp")
    page.go_back()
    page.wait_for_function("() => inspector.session?.id === 't_links'")
    settle(page, 12)
    expect(page.evaluate("inspector.ui.view") == view, f"Back does not restore the zoom: {page.evaluate('inspector.ui.view')}, not {view}")
    top = page.evaluate("document.querySelector('.events .rows').scrollTop")
    expect(abs(top - 400) < 2, f"Back does not restore the place: {top}, not 400")


def still(stage):
    """What comes does not move what is under the mouse, nor the selection, nor the focus."""
    begin(stage, "t_still", *[each for number in range(40) for each in (executing(f"c_{number}"), completed(f"c_{number}"))])
    page = stage.thread("t_still")
    page.mouse.move(500, 700)
    page.mouse.wheel(0, -500)
    page.wait_for_timeout(300)
    row = "document.elementFromPoint(500, 700).closest('.r').textContent"
    below = page.evaluate(row)
    page.mouse.click(500, 700)
    page.locator(".filter input").focus()
    picked = page.evaluate("inspector.session.events[inspector.selected].id")
    spans = page.evaluate("document.querySelector('.waterfall .rows').scrollTop")
    page.mouse.move(500, 300)
    page.mouse.wheel(0, -200)
    page.wait_for_timeout(300)
    spans = page.evaluate("document.querySelector('.waterfall .rows').scrollTop")
    for number in range(40, 60):
        stage.emit("t_still", executing(f"c_{number}"), completed(f"c_{number}"))
    head(page, 2 + 120)
    expect(page.evaluate(row) == below, f"the row under the mouse was {below!r} and is {page.evaluate(row)!r}")
    expect(page.evaluate("document.querySelector('.waterfall .rows').scrollTop") == spans, "the waterfall moves under the mouse")
    expect(page.evaluate("inspector.session.events[inspector.selected].id") == picked, "the selection changes")
    expect(page.evaluate("document.activeElement.type") == "search", "the focus was taken")
    expect(page.locator(".events .more:visible").count() == 1, "there is no way back to the newest event")
    page.locator(".events .more").click()
    stage.emit("t_still", ended())
    head(page, 2 + 121)
    settle(page, 8)
    bottom = page.evaluate("(list => list.scrollHeight - list.clientHeight - list.scrollTop)(document.querySelector('.events .rows'))")
    expect(bottom < 30, f"it does not follow again: {bottom} px from the end")


def reload(stage):
    begin(stage, "t_reload", *[each for number in range(20) for each in (executing(f"c_{number}"), completed(f"c_{number}"))], ended())
    page = stage.thread("t_reload")
    page.evaluate("inspector.set({ filter: 'type:tool_completed', zone: 'relative' }); inspector.timeline.zoom(0.5)")
    settle(page)
    view = page.evaluate("inspector.ui.view")
    page.reload()
    page.wait_for_function("() => inspector.session?.isCaughtUp")
    settle(page, 12)
    kept = page.evaluate("({ id: inspector.session.id, filter: inspector.ui.filter, zone: inspector.ui.zone, view: inspector.ui.view })")
    expect(kept == {"id": "t_reload", "filter": "type:tool_completed", "zone": "relative", "view": view}, f"after a reload it is {kept}")
    expect("20 of" in page.locator(".filter .shown").inner_text(), "the filter is kept and not used")


def said(stage):
    begin(stage, "t_said")
    page = stage.thread("t_said")
    page.evaluate("""window.said = []; new MutationObserver(() => said.push(document.querySelector('[aria-live=polite]').textContent))
      .observe(document.querySelector('[aria-live=polite]'), { childList: true, characterData: true, subtree: true })""")
    for number in range(12):
        stage.emit("t_said", *[draft("message_delta", {"message_id": "m", "text": f"word{number} "}, "r_1") for _ in range(5)])
        head(page, 2 + 5 * (number + 1))
    stage.emit("t_said", draft("agent_paused", {}, "r_1"))
    head(page, 63)
    stage.emit("t_said", draft("agent_resumed", {}, "r_1"), draft("message_completed", {"message_id": "m", "role": "assistant", "text": "words"}, "r_1"), ended())
    head(page, 66)
    settle(page, 8)
    words = page.evaluate("said")
    expect(2 <= len(words) <= 4, f"{len(words)} changes are said for one pause and one end: {words}")
    expect(any("paused" in each for each in words) and "completed" in words[-1], f"what changes is not said: {words}")


def commands(stage):
    """A question, an answer to a request with its form, a pause, and a stop, all from the page."""
    page = stage.page()
    page.locator(".welcome input").first.fill("Where are runs ended?")
    page.locator(".welcome .strong").click()
    page.wait_for_function("() => inspector.session?.spans.story.some(item => item.kind === 'end')")
    thread = page.evaluate("inspector.session.id")
    page.locator(".composer textarea").fill("And where do they begin?")
    page.keyboard.press("Enter")
    page.wait_for_function("() => inspector.session.spans.story.filter(item => item.kind === 'end').length === 2")
    expect(page.locator(".talk .user").count() == 2, f"not both questions of {thread} are shown")
    schema = {"type": "object", "properties": {"reason": {"type": "string", "title": "Reason", "maxLength": 40}, "count": {"type": "integer", "minimum": 1, "maximum": 3}, "sure": {"type": "boolean"}}, "required": ["reason"]}
    request = draft("approval_requested", {"approval_id": "a_1", "call_id": "c_1", "prompt": "Delete?", "schema": schema}, "r_1")
    begin(stage, "t_asks", executing(tool="delete"), request)
    page = stage.thread("t_asks")
    expect("waiting for a person" in page.locator(".centre .head").inner_text(), "that it waits is not said")
    page.locator(".ask .strong").click()
    expect("reason" in page.locator(".ask .problem").inner_text(), "a form that is not filled is sent")
    page.locator(".ask [name=reason]").fill("old")
    page.locator(".ask [name=count]").fill("2")
    page.locator(".ask [name=sure]").check()
    page.locator(".ask .strong").click()
    page.wait_for_function("() => inspector.session.events.at(-1).type === 'approval_resolved'")
    data = page.evaluate("inspector.session.events.at(-1).data")
    expect(data["decision"] == "approved" and data["data"] == {"reason": "old", "count": 2, "sure": True}, f"the answer is {data}")
    page.locator(".composer .plain", has_text="Pause").click()
    page.wait_for_function("() => inspector.session.status === 'paused'")
    page.locator(".composer .plain", has_text="Resume").click()
    page.wait_for_function("() => inspector.session.status === 'running'")
    page.locator(".composer .danger").click()
    page.wait_for_function("() => inspector.session.events.at(-1).type === 'agent_cancelled'")
    settle(page)
    expect("cancelled" in page.locator(".talk .end").last.inner_text(), "the stop is not shown")


class Storyteller:
    """A worker in Python whose agent tells until it is stopped, in a thread of its own."""

    def __init__(self, service):
        import asyncio
        import threading

        from worker_example import Worker

        self.was_cancelled = threading.Event()
        self.loop = asyncio.new_event_loop()
        worker = Worker(f"ws://127.0.0.1:{service.port}/v1/stream", {"storyteller": self.tell})
        self.serving = self.loop.create_task(worker.serve())
        self.thread = threading.Thread(target=self.run)

    async def tell(self, run):
        import asyncio

        try:
            await run.emit(("message_delta", {"message_id": "m_1", "text": f"You asked: {run.text} Once upon a time"}))
            # It has no end: what is stopped was stopped by the page.
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_cancelled.set()
            raise

    def run(self):
        import asyncio

        with contextlib.suppress(asyncio.CancelledError):
            self.loop.run_until_complete(self.serving)
        runs = asyncio.all_tasks(self.loop)
        for task in runs:
            task.cancel()
        if runs:
            self.loop.run_until_complete(asyncio.wait(runs))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.serving.cancel)
        self.thread.join()


def worker(stage):
    """An agent of another program is asked from the page and stopped from it; the program is told."""
    from service import Service

    with Service(stage.service.process.args[0], None) as service, Storyteller(service) as storyteller:
        stage.server.service_port = service.port
        page = stage.page("#t_story")
        page.locator(".composer textarea").fill("A story, please.")
        page.keyboard.press("Enter")
        page.wait_for_function("() => inspector.session.events.at(-1)?.type === 'message_delta'")
        page.locator(".composer .danger").click()
        page.wait_for_function("() => inspector.session.events.at(-1).type === 'agent_cancelled'")
        page.locator(".talk .end", has_text="cancelled").wait_for()
        text = page.locator(".talk").inner_text()
        expect("You asked: A story, please." in text, f"the page shows {text!r}")
        expect(storyteller.was_cancelled.wait(60), "the program goes on with a run that was stopped")
        kinds = page.evaluate("inspector.session.events.map(event => event.type)")
        expect(kinds == ["user_message", "agent_queued", "agent_started", "message_delta", "message_completed", "agent_cancelled"], f"the log has {kinds}")
        page.goto("about:blank")


def own_page(stage):
    """The page as the service itself serves it, with its policy: a question, its answer, and nothing that the policy forbids."""
    own = f"http://127.0.0.1:{stage.service.port}"
    answer = stage.service.request("GET", "/")
    expect(answer.status == 200, f"the service has no page: {answer}")
    policy = answer.headers.get("content-security-policy", "")
    for words in ("default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'", "frame-ancestors 'none'", "connect-src 'self'"):
        expect(words in policy and "unsafe" not in policy, f"the policy of the page is {policy!r}, without {words}")
    page = stage.page()
    page.requested.clear()
    page.goto(own)
    page.locator(".welcome input").first.fill("Where are runs ended?")
    page.locator(".welcome .strong").click()
    page.wait_for_function("() => inspector.session?.spans.story.some(item => item.kind === 'end')")
    settle(page)
    expect("completed" in page.locator(".talk .end").inner_text(), "the answer is not shown")
    outside = [url for url in page.requested if not url.startswith((own + "/", own.replace("http", "ws") + "/"))]
    expect(not outside and not page.evaluate("violations"), f"it asked for {outside}, and broke {page.evaluate('violations')}")


def breakpoint_exact(stage):
    begin(stage, "t_break")
    page = stage.thread("t_break")
    page.evaluate("inspector.set({ lower: 'proof' })")
    settle(page)
    card = page.locator(".proof .card", has_text="Stop at")
    card.locator("input.field").fill("type:tool_completed status:failed tool:fetch")
    card.locator("input[type=checkbox]").check()
    card.get_by_text("Stop live").click()
    ids = stage.emit("t_break", executing(), completed(status="failed"), executing("c_2", "fetch"), completed("c_2", "fetch", status="failed"), executing("c_3"), completed("c_3"))
    page.wait_for_function("() => inspector.session.events.at(-1).type === 'agent_paused'")
    settle(page)
    at = page.evaluate("inspector.session.events[inspector.cursor].id")
    expect(at == ids[3], f"it stopped at {at}, not at {ids[3]}")
    expect("as of" in page.locator(".side .head").inner_text(), "what came later is shown")
    stage.emit("t_break", draft("agent_resumed", {}, "r_1"), ended())


def same_as_service(stage):
    begin(stage, "t_same", executing(), completed(), draft("message_completed", {"message_id": "m", "role": "assistant", "text": "Because."}, "r_1"), ended())
    page = stage.thread("t_same")
    page.evaluate("inspector.set({ lower: 'proof' })")
    settle(page)
    page.get_by_text("Compare with the service").click()
    page.wait_for_function("() => document.querySelectorAll('.proof .card')[1].textContent.includes('The service')")
    text = page.locator(".proof .card").nth(1).inner_text()
    expect("folds its log to the same state" in text and "✕" not in text, f"the states differ: {text}")


def restart(stage):
    """kill -9 in the middle of a run, and the service again on its log: exactly the events of the log, each once."""
    from service import DataFolder, Service

    binary = stage.service.process.args[0]
    with DataFolder() as folder:
        first = Service(binary, folder).wait_until_listening()
        stage.service, stage.server.service_port = first, first.port
        begin(stage, "t_restart", executing(), draft("message_delta", {"message_id": "m", "text": "half an ans"}, "r_1"))
        page = stage.thread("t_restart")
        link = page.evaluate("inspector.session.events[2].id")
        first.kill()
        stage.server.cut()
        page.wait_for_function("() => inspector.service.status === 'reconnecting'")
        second = Service(binary, folder).wait_until_listening()
        try:
            stage.service, stage.server.service_port = second, second.port
            stage.server.cut(False)
            stage.emit("t_restart", draft("message_delta", {"message_id": "m", "text": "wer"}, "r_1"), completed(), draft("message_completed", {"message_id": "m", "role": "assistant", "text": "half an answer"}, "r_1"), ended())
            page.wait_for_function("() => inspector.session.events.at(-1)?.type === 'agent_completed'")
            shown = page.evaluate("inspector.session.events.map(event => event.id)")
            logged = [json.loads(raw)["id"] for raw in second.pages("t_restart")[0]]
            expect(shown == logged, f"the page has {shown}, the log {logged}")
            expect(len({id.split("-")[0] for id in shown}) == 2, "the check needs two generations")
            settle(page)
            expect("half an answer" in page.locator(".talk").inner_text(), "the answer is not whole")
            expect("opened again" in page.evaluate("document.querySelector('.waterfall').textContent"), "the restart is not shown")
            page.goto("about:blank")
            page.goto(f"{stage.server.url}/#t_restart@{link}")
            page.wait_for_function("() => inspector.selected !== undefined")
            expect(page.evaluate("inspector.session.events[inspector.selected].id") == link, "after the restart the link leads elsewhere")
        finally:
            second.stop()


def order_as_service(stage):
    """What the page says may come next is what the service says when it refuses an event."""
    thread = "t_order"
    stage.emit(thread, draft("agent_started", {"input": "x"}, "r_0", "guide"), ended("r_0"))
    page = stage.thread(thread)
    request = draft("approval_requested", {"approval_id": "a_1", "call_id": "c_1", "prompt": "?"}, "r_1")
    steps = [
        ("not started", [], executing()),
        ("running", [draft("agent_started", {"input": "x"}, "r_1", "guide")], draft("agent_resumed", {}, "r_1")),
        ("a call", [executing()], ended()),
        ("a request", [request], ended()),
        ("a message and a child", [draft("message_delta", {"message_id": "m", "text": "x"}, "r_1"), draft("agent_started", {"parent_run_id": "r_1"}, "r_2", "child")], ended()),
        ("paused", [draft("agent_paused", {}, "r_2"), draft("agent_paused", {}, "r_1")], draft("custom", {"name": "a.b", "value": 1}, "r_1")),
        ("ended", [draft("agent_cancelled", {}, "r_1")], draft("agent_progress", {}, "r_1")),
    ]
    count = 2
    for name, events, refused in steps:
        if events:
            stage.emit(thread, *events)
        logged = len(stage.service.pages(thread)[0])
        head(page, logged)
        answer = stage.service.request("POST", f"/v1/threads/{thread}/events?user_id=local", json.dumps(refused), {"Content-Type": "application/json"})
        expect(answer.status == 409, f"{name}: the check needs a refusal, and it is {answer}")
        error = answer.json()["error"]
        legal, refusal = page.evaluate("([run, type]) => { const order = inspector.session.orderAt(inspector.cursor); return [order.legal(run), order.refusal(run, type)]; }", ["r_1", refused["type"]])
        expect(sorted(legal) == sorted(error["legal"]), f"{name}: the page allows {sorted(set(legal) ^ set(error['legal']))} otherwise than the service")
        expect(refusal == error["code"], f"{name}: {refused['type']} is refused as {error['code']}, and the page says {refusal}")
        expect(page.evaluate("inspector.session.faults.length") == 0, f"{name}: the page finds faults in what the service logged")
        count = logged
    return f"{len(steps)} states, {count} events"


def diverged(stage):
    """A log that goes on from an older copy: what was seen and is gone is told, and nothing takes its place."""
    import shutil

    from service import DataFolder, Service

    binary = stage.service.process.args[0]

    def on(folder):
        service = Service(binary, folder).wait_until_listening()
        stage.service, stage.server.service_port = service, service.port
        stage.server.cut(False)
        return service

    with DataFolder() as folder, DataFolder() as copy:
        service = on(folder / "log")
        begin(stage, "t_gone", executing())
        service.stop()
        shutil.copytree(folder / "log", copy / "log")
        service = on(folder / "log")
        lost = stage.emit("t_gone", completed(), executing("c_2"), completed("c_2"))
        page = stage.thread("t_gone")
        head(page, 6)
        stage.server.cut()
        service.kill()
        service = on(copy / "log")
        try:
            stage.emit("t_gone", completed(status="failed"))
            page.wait_for_function("() => inspector.session.events.length === 4 && inspector.session.isCaughtUp")
            page.locator(".banner:visible").wait_for()
            banner = page.locator(".banner").inner_text()
            expect("3 events" in banner and "lost" in banner, f"what was lost is not told: {banner!r}")
            shown = page.evaluate("inspector.session.events.map(event => event.id)")
            logged = [json.loads(raw)["id"] for raw in service.pages("t_gone")[0]]
            expect(shown == logged, f"the page has {shown}, the log {logged}")
            for fresh in (page, stage.page()):
                fresh.evaluate("link => { location.hash = link }", f"#t_gone@{lost[0]}")
                fresh.wait_for_function("() => document.querySelector('.banner').textContent.includes('diverged after')")
                settle(fresh, 6)
                expect(fresh.evaluate("inspector.selected === undefined"), "another event is shown in the place of the lost one")
        finally:
            stage.server.cut()
            service.stop()


def offline(stage):
    begin(stage, "t_offline")
    page = stage.thread("t_offline")
    page.context.set_offline(True)
    stage.server.cut()
    page.wait_for_function("() => inspector.service.status !== 'connected'")
    stage.emit("t_offline", executing(), completed())
    stage.server.cut(False)
    page.context.set_offline(False)
    head(page, 4)
    stage.emit("t_offline", ended())
    head(page, 5)
    expect(page.evaluate("inspector.session.history.proof.dense"), "what was missed is not there")


def tabs(stage):
    """Five tabs on one thread have the same events, each once."""
    begin(stage, "t_tabs")
    pages = [stage.thread("t_tabs") for _ in range(5)]
    for number in range(20):
        stage.emit("t_tabs", executing(f"c_{number}"), completed(f"c_{number}"))
    stage.emit("t_tabs", ended())
    for page in pages:
        head(page, 43)
    seen = {json.dumps(page.evaluate("inspector.session.events.map(event => event.id)")) for page in pages}
    expect(len(seen) == 1 and len(json.loads(seen.pop())) == 43, "the tabs do not have the same events")
    page = pages[0]
    page.evaluate("inspector.set({ lower: 'proof' })")
    page.wait_for_function("() => (inspector.subscribers ?? []).length === 5")
    settle(page)
    expect("5 subscriptions" in page.locator(".proof").inner_text(), "the readers of the thread are not shown")
    expect(page.locator(".lines .reader").count() >= 5, "the readers are not on the axis")


def no_growth(stage):
    """Thousands of live events: no element, no listener more."""
    begin(stage, "t_growth")
    page = stage.thread("t_growth")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    counts = []
    for part in range(4):
        for batch in range(5):
            stage.emit("t_growth", *[draft("agent_progress", {"message": f"{part} {batch} {number}"}, "r_1") for number in range(500)])
        head(page, 2 + 2500 * (part + 1))
        session.send("HeapProfiler.collectGarbage")
        found = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
        counts.append((found["Nodes"], found["JSEventListeners"]))
    expect(counts[-1][0] < counts[0][0] * 1.1 + 50 and counts[-1][1] < counts[0][1] * 1.1 + 20, f"elements and listeners grow: {counts}")
    return f"{int(counts[-1][0])} nodes, {int(counts[-1][1])} listeners after 10 000 events"


def sign_in(stage):
    """A service with tokens: the page asks, and goes on with another one when the first one has ended."""
    import tempfile
    import time
    from pathlib import Path

    import jwt
    from service import Service

    secret = "s" * 40
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "secret"
        file.write_text(secret)
        file.chmod(0o600)
        with Service(stage.service.process.args[0], None, "--auth", "jwt", "--jwt-secret-file", str(file)) as service:
            stage.server.service_port = service.port

            def token(seconds, subject="u_1", **more):
                return jwt.encode({"sub": subject, "exp": int(time.time()) + seconds, "scope": "read command", **more}, secret, "HS256")

            backend = token(600, "backend", scope="emit", act_as="*")
            headers = {"Content-Type": "application/x-ndjson", "Authorization": f"Bearer {backend}"}
            body = "".join(json.dumps(each) + "\n" for each in (draft("agent_started", {"input": "x"}, "r_1", "guide"), executing()))
            made = service.request("POST", "/v1/threads/u_1~notes/events?user_id=u_1", body, headers)
            expect(made.status == 201, f"the service refuses: {made}")
            page = stage.page("#u_1~notes")
            page.locator(".banner input").wait_for()
            page.locator(".banner input").fill(token(5))
            page.locator(".banner .plain").click()
            head(page, 2)
            expect(page.locator(".banner:visible").count() == 0, "it asks for a token although it has one")
            page.locator(".banner input").wait_for()
            page.locator(".banner input").fill(token(600))
            page.locator(".banner .plain").click()
            page.wait_for_function("() => inspector.session?.isCaughtUp && inspector.service.status === 'connected'")
            service.request("POST", "/v1/threads/u_1~notes/events?user_id=u_1", json.dumps(completed()), {**headers, "Content-Type": "application/json"})
            head(page, 3)
            stored = page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }])")
            expect("eyJ" not in stored and "eyJ" not in page.url, "the token is kept where it can be read")
            service.request("POST", "/v1/threads/u_1~notes/events?user_id=u_1", json.dumps(ended()), {**headers, "Content-Type": "application/json"})
            page.goto("about:blank")


def threads_list(stage):
    """The list of the service as it changes: without a question of the page, found through, and older pages of it."""
    for number in range(55):
        begin(stage, f"t_many_{number:02}", ended())
    begin(stage, "t_listed", ended())
    page = stage.page()
    page.wait_for_function("() => inspector.listing.isLive && document.querySelectorAll('.thread').length === 50")
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/v1/threads?" in request.url else None)
    first = "document.querySelector('.threads .thread').dataset.id"

    def status(thread, found):
        page.wait_for_function("([thread, found]) => document.querySelector(`.thread[data-id='${thread}'] .dot`)?.dataset.status === found", arg=[thread, found])

    # What happens elsewhere comes by itself, and to the front.
    begin(stage, "t_fresh", draft("approval_requested", {"approval_id": "a_1", "prompt": "May I?"}, "r_1"))
    page.wait_for_function(f"() => {first} === 't_fresh'")
    status("t_fresh", "waiting")
    text = page.locator(".thread[data-id='t_fresh']").inner_text()
    expect("Why?" in text and "waiting" in text and "1 run" in text, f"what the list says is not shown: {text!r}")
    stage.emit("t_fresh", draft("agent_failed", {"error": {"code": "x", "message": "x"}}, "r_1"))
    status("t_fresh", "failed")
    begin(stage, "t_listed", run="r_2")
    page.wait_for_function(f"() => {first} === 't_listed'")
    expect(not asked, f"the page asks for its list again: {asked}")
    expect(page.locator(".thread").count() == 50, "the list has another length than its page")
    page.get_by_text("Older").click()
    page.wait_for_function("() => document.querySelectorAll('.thread').length >= 57")
    # One that is pushed out of the newest page is an older one.
    begin(stage, "t_late", ended())
    page.wait_for_function("() => document.querySelectorAll('.thread').length >= 58 && document.querySelector('.threads .thread').dataset.id === 't_late'")
    ids = page.evaluate("[...document.querySelectorAll('.threads .thread')].map(each => each.dataset.id)")
    missing = {"t_late", "t_listed", "t_fresh", *(f"t_many_{number:02}" for number in range(55))} - set(ids)
    expect(not missing and len(set(ids)) == len(ids), f"the list has lost {missing}, or has one twice")
    page.locator(".threads input[type=search]").fill("status:running LISTED")
    page.wait_for_function("() => document.querySelectorAll('.thread').length === 1 && inspector.listing.isLive")
    stage.emit("t_listed", ended("r_2"))
    page.wait_for_function("() => document.querySelectorAll('.thread').length === 0")
    page.locator(".threads input[type=search]").fill("listed")
    page.wait_for_function("() => document.querySelectorAll('.thread').length === 1")
    page.locator(".thread").click()
    page.wait_for_function("() => inspector.session?.id === 't_listed'")


def refused_stores(stage):
    begin(stage, "t_stores", ended())
    page = stage.page()
    page.context.add_init_script("for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, { get() { throw new Error('SecurityError'); } })")
    page.goto(stage.server.url + "/?stores#t_stores")
    page.wait_for_function("() => inspector.session?.isCaughtUp")
    expect(not page.faults, f"the page fails without a store: {page.faults}")


CHECKS = {
    "32 long answer": long_answer, "36 growing bars": growing, "38 clocks": clocks, "39 links": links, "40 still": still, "42 reload": reload,
    "47 said": said, "commands": commands, "worker": worker, "own page": own_page, "breakpoint": breakpoint_exact, "same as the service": same_as_service, "order as the service": order_as_service, "restart": restart, "39 diverged": diverged,
    "tabs": tabs, "31 no growth": no_growth, "sign in": sign_in, "offline": offline, "threads list": threads_list, "refused stores": refused_stores,
}


def broken(file, old, new):
    return {f"inspector/{file}": (old, new)}


BROKEN = [
    ("an answer that is drawn again for each fragment", "second", broken("conversation-view.js", "if (text) element.text.appendData(text);",
        "if (text) element.bubble.replaceChildren(...span.parts.flatMap(part => [...events[part].data.text].map(unit => h('span', {}, unit))));"), long_answer),
    ("bars that go on", "goes on after its end", broken("timeline-view.js", "const end = span.end ?? app.now;", "const end = span.kind === 'tool' ? app.service.now : span.end ?? app.now;"), growing),
    ("this machine's clock", "min off", broken("app.js", "return moves ? Math.max(this.service.now, last) : last;", "return Date.now();"), clocks),
    ("another event under the same number", "leads to", broken("core/link.js", "  if (exact >= 0) return { kind: 'event', index: exact };", "  return { kind: 'event', index: Math.max(0, history.indexOfSequence(sequenceOf(cursor) - 1)) };"), links),
    ("a diverged link that shows something", "shows", broken("core/link.js", "  if (exact >= 0) return { kind: 'event', index: exact };", "  if (exact >= 0 || history.indexOfSequence(sequenceOf(cursor)) >= 0) return { kind: 'event', index: exact >= 0 ? exact : history.indexOfSequence(sequenceOf(cursor)) };"), links),
    ("a list that always follows", "under the mouse", broken("rows.js", "if (this.isFollowing && this.followsEnd) this.toEnd();\n  }\n\n  get count", "this.toEnd();\n  }\n\n  get count"), still),
    ("a filter that is forgotten", "after a reload", broken("app.js", "['filter', 'sessionStorage'], ", ""), reload),
    ("each fragment is said", "are said", broken("shell.js", "const words = `${session.id}:", "const words = `${session.events.length} ${session.id}:"), said),
    ("a form that is not sent", "the answer is", broken("form.js", "await answer(decision, decision === 'approved' && fields.length ? values : undefined);", "await answer(decision, { reason: 'old' });"), commands),
    ("a stop that is not sent", "Timeout", broken("composer.js", "onClick: () => app.command('stop') }", "onClick: () => {} }"), worker),
    ("a stop that comes too late", "it stopped at", broken("breakpoint.js", "      app.select(index, {});\n      app.moveTo(index);\n      say(status, `Stopped at #${event.seq}", "      app.select(index + 1, {});\n      app.moveTo(index - 1);\n      say(status, `Stopped at #${event.seq}"), breakpoint_exact),
    ("another state than the service's", "the states differ", {"agent-events.js": ("s.messages[before ? index : s.messages.length] = { message_id, role, text: whole,", "s.messages[before ? index : s.messages.length] = { message_id, role, text: `${whole} `,")}, same_as_service),
    ("an order of its own", "otherwise than", broken("core/order.js", "      case 'agent_completed': return !run.isOpen;", "      case 'agent_completed': return true;"), order_as_service),
    ("what was lost is forgotten", "Timeout", broken("session.js", "if (this.history.length) this.previous = { history: this.history, reason };", ""), diverged),
    ("a history that is not read again", "Timeout", broken("session.js", "    this.clear();\n  }\n\n  /** The events that were seen", "  }\n\n  /** The events that were seen"), diverged),
    ("a list that is never asked for", "Timeout", broken("listing.js", "const page = this.#hasNoList ? undefined : await", "const page = true ? undefined : await"), threads_list),
    ("a list that is asked for and not told", "Timeout", broken("listing.js", "list.addEventListener('change', ({ detail }) => this.#changed(detail.gone));", ""), threads_list),
    ("threads that are pushed out and lost", "Timeout", broken("listing.js", "if (this.#hasOlder && gone.length) this.#readPushedOut(next);", ""), threads_list),
    ("events that come twice after a restart", "the page has", broken("session.js", "if (this.history.indexOf(event.id) >= 0 && this.isLive) return;", "if (event.type === 'tool_completed') this.history.append({ ...event });"), restart),
]

if __name__ == "__main__":
    sys.exit(main("inspector live", __doc__, CHECKS, BROKEN))
