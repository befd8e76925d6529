import AgentEvents
import AgentEventsProtocol

/// Translates a part of a thread into one run of AG-UI: from a user's message, or the answers to all that was asked, to the end of the
/// run or the next question. Our run stays open over a question, one of AG-UI ends with it.
///
///     noting ── begin ──> open ── end of the run, or it waits for people ──> ended
///
/// It tells of one run and its children, and of the messages of users; of other runs of the thread only snapshots do. A question that
/// comes after the one with which the run has ended is told when the client answers the first; whoever joins is told all that are open.
struct AGUIStateMachine: StreamTranslation {
    private var events: AGUIEvents
    /// The run that it tells of; `nil` when no run is open, and the thread is only shown.
    private var root: RunID?
    /// The part of the thread begins after this event.
    private var start: UInt64
    /// True if the client receives the messages of the thread first, because it may not have all of them.
    private var isJoin: Bool
    private var history = AGUIHistory()
    /// The shared state of the thread: of its events only those that change it are applied, with bounds of its own.
    private var shared = ThreadState(limits: Self.sharedLimits)
    private(set) var runs = StreamedRuns()
    private var lastCursor: Cursor?
    private var hasBegun = false
    /// The frames that end the run, once they are known.
    private var final: [StreamFrame]?
    /// The names of the questions with which the run ends.
    private var asked: Set<String> = []

    /// - Parameters:
    ///   - thread: the thread as the client names it.
    ///   - run: the run of AG-UI.
    ///   - root: `nil` to show the thread as it is.
    ///   - start: the number of the last event before the part of the thread that belongs to the run.
    ///   - isJoin: whether events are noted before it begins.
    init(_ dialect: AGUIDialect, thread: String, run: String, root: RunID?, start: UInt64, isJoin: Bool) {
        events = AGUIEvents(dialect: dialect, thread: thread, run: run)
        self.root = root
        self.start = start
        self.isJoin = isJoin
    }

    /// What is noted of a thread without a run to follow, for a client that follows one from here on.
    ///
    /// - Parameter root: a run that has not ended; `nil` to show the thread.
    func following(_ root: RunID?, as run: String, isJoin: Bool) -> AGUIStateMachine {
        precondition(self.root == nil && !hasBegun, "what was told of a run cannot be taken back")
        var machine = self
        machine.events = AGUIEvents(dialect: events.dialect, thread: events.thread, run: run)
        machine.root = root
        machine.start = lastCursor?.sequence ?? 0
        machine.isJoin = isJoin
        return machine
    }

    var hasEnded: Bool { final != nil || root == nil }

    // MARK: Beginning

    mutating func note(_ event: AgentEvent) {
        lastCursor = event.id
        _ = translate(event)
    }

    mutating func begin() -> [StreamFrame] {
        hasBegun = true
        guard isJoin else { return stamped([events.runStarted()], nil) }
        if let root { askAgain(root) }
        var frames = [events.runStarted(), events.messages(history.messages(events.dialect))]
        let state = state
        if !state.isEmpty { frames.append(events.state(state)) }
        if let final {
            frames += final
        } else if let root {
            frames += reopened(runs.tree(of: root))
        } else {
            frames += waiting() ?? [events.finished()]
        }
        return stamped(frames, nil)
    }

    /// Whoever joins a run that waits, or has ended with a question that is open, is told all questions that are.
    private mutating func askAgain(_ root: RunID) {
        let open = runs.questions(of: root)
        guard !open.isEmpty, final == nil ? runs.waits(root) : !asked.isDisjoint(with: open) else { return }
        ask(root)
    }

    /// Opens again everything that is open: its continuations come next.
    private func reopened(_ tree: [RunID]) -> [StreamFrame] {
        var frames: [StreamFrame] = []
        for run in tree {
            guard let open = runs[run] else { continue }
            let subagent = subagent(run)
            if subagent != nil { frames.append(childStarted(run, open)) }
            if let thought = open.thought { frames += events.thoughtStarted(thought, subagent) }
            for text in open.texts { frames.append(events.textStarted(text.name, .assistant, subagent)) }
        }
        return frames
    }

    private func childStarted(_ run: RunID, _ open: StreamedRun) -> StreamFrame {
        let call = open.parent.flatMap { parent in
            runs[parent]?.callName(open.parentCall)
        }
        return events.childStarted(run, open.agent, parent: open.parent.flatMap(subagent), call: call)
    }

    /// The name of a run as a child of the root; `nil` for the root itself.
    private func subagent(_ run: RunID) -> RunID? { runs[run]?.parent == nil ? nil : run }

    /// The frames that tell that a thread without a run to follow waits for people; `nil` when it does not.
    private func waiting() -> [StreamFrame]? {
        let asking = runs.order.filter { runs[$0]?.approvals.isEmpty == false }
        guard !asking.isEmpty else { return nil }
        return [events.interrupted(runs.interrupts(of: asking, namesChildren: false))]
    }

    // MARK: Events

    mutating func receive(_ event: AgentEvent) -> [StreamFrame] {
        guard !hasEnded, event.sequence > (lastCursor?.sequence ?? 0) else { return [] }
        lastCursor = event.id
        let frames = translate(event)
        return stamped(frames, event)
    }

    /// Applies an event, and returns the frames that tell it.
    private mutating func translate(_ event: AgentEvent) -> [StreamFrame] {
        guard let run = event.runID else { return translate(ofThread: event) }
        if case .agentStarted(let started) = event.payload { begin(run, event.agent, started) }
        if case .agentQueued = event.payload { begin(run, event.agent, AgentStarted()) }
        // Its first event is not kept any longer, or is hidden.
        if run == root, final == nil, runs[run] == nil { begin(run, event.agent, AgentStarted()) }
        let isOwn = root.map { runs.tree(of: $0).contains(run) } ?? false
        var frames = closeThought(of: run, unless: event.payload)
        frames += translate(event.payload, of: run, at: event.time)
        guard let root, isOwn else { return [] }
        guard event.sequence > start, runs.waits(root) else { return frames }
        if hasBegun { return frames + interrupt(root) }
        // Nobody was told: what is asked beside a question that is still open comes with it.
        if final == nil || !asked.isDisjoint(with: runs.questions(of: root)) { ask(root) }
        return frames
    }

    private mutating func begin(_ run: RunID, _ agent: AgentName?, _ started: AgentStarted) {
        guard runs[run] == nil || started.parentRunID != nil else { return }
        let parent = started.parentRunID.flatMap { runs[$0] == nil ? nil : $0 }
        runs.insert(run, StreamedRun(agent: agent, parent: parent, parentCall: started.parentCallID))
    }

    private mutating func translate(ofThread event: AgentEvent) -> [StreamFrame] {
        switch event.payload {
        case .userMessage(let message):
            let ownID = message.messageID.rawValue
            let added = history.addUserMessage(AGUIMember.id(in: message.data) ?? ownID, message.text, ownID: ownID)
            guard let id = added else { return [] }
            return [events.textStarted(id, .user, nil)] + events.text(id, message.text, nil)
                + [events.textEnded(id, nil)]
        case .stateUpdated:
            shared.apply(event)
            return hasBegun ? [events.state(state)] : []
        case .custom(let custom):
            return [events.custom(custom.name, custom.value, nil)]
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageDelta, .messageCompleted,
            .toolExecuting, .toolProgress, .toolCompleted, .approvalRequested, .approvalResolved, .usageReported,
            .agentPaused, .agentResumed, .agentCompleted, .agentFailed, .agentCancelled, .unknown:
            return []
        }
    }

    private mutating func translate(_ payload: EventPayload, of run: RunID, at time: Timestamp) -> [StreamFrame] {
        let subagent = subagent(run)
        let events = events
        switch payload {
        case .agentStarted(let started):
            if started.parentRunID == nil, let retryOf = started.retryOf {
                history.redo(retryOf, by: run) { runs[$0] != nil }
            }
            guard subagent != nil, let open = runs[run] else { return [] }
            return [childStarted(run, open)]
        case .agentThinking(let thinking):
            return think(thinking, run, subagent)
        case .messageDelta(let delta):
            return say(delta, run, subagent)
        case .messageCompleted(let message):
            return complete(message, run, subagent)
        case .toolExecuting(let executing):
            return call(executing, run, subagent)
        case .toolCompleted(let completed):
            return end(completed, run, subagent)
        case .approvalRequested(let request):
            _ = runs.change(run) { $0.approvals.append(request) }
            return []
        case .approvalResolved(let resolved):
            _ = runs.change(run) { open in open.approvals.removeAll { $0.approvalID == resolved.approvalID } }
            let value = JSONObject(
                present: [
                    ("interruptId", .string(StreamNames.interrupt(resolved.approvalID, of: run))),
                    ("decision", .string(resolved.decision.rawValue)), ("by", resolved.by?.json),
                ])
            return [events.custom("agent-events.approval_resolved", .object(value), subagent)]
        case .agentPaused: return [events.custom("agent-events.paused", [:], subagent)]
        case .agentResumed: return [events.custom("agent-events.resumed", [:], subagent)]
        case .custom(let custom): return [events.custom(custom.name, custom.value, subagent)]
        case .agentProgress(let progress):
            let value = JSONObject(
                present: [
                    ("message", progress.message.map { .string($0) }),
                    ("fraction", progress.fraction.flatMap { JSONNumber($0) }.map { .number($0) }),
                ])
            return [events.custom("agent-events.progress", .object(value), subagent)]
        case .toolProgress(let progress):
            let call = runs[run]?.callName(progress.callID)
            let value = JSONObject(
                present: [
                    ("toolCallId", call.map { .string($0) }), ("message", progress.message.map { .string($0) }),
                    ("fraction", progress.fraction.flatMap { JSONNumber($0) }.map { .number($0) }),
                ])
            return [events.custom("agent-events.tool_progress", .object(value), subagent)]
        case .agentCompleted(let completed):
            return end(
                run, child: { events.childFinished(run, $0.agent, result: completed.result) },
                root: { events.succeeded(completed) })
        case .agentFailed(let failed):
            let error = failed.error
            return end(
                run, child: { events.childFailed(run, $0.agent, error.message, code: error.code) },
                root: { [events.failed(error.message, code: error.code, usage: failed.usage)] })
        case .agentCancelled(let cancelled):
            if cancelled.isDiscarded { history.discard(run) }
            return end(
                run,
                child: { events.childFailed(run, $0.agent, cancelled.reason ?? "cancelled", code: "run.cancelled") },
                root: { events.cancelled(cancelled) })
        case .agentQueued, .inputTaken, .usageReported, .userMessage, .stateUpdated, .unknown:
            return []
        }
    }

    /// Each change is told with all of the state, so that less of it is kept than in a snapshot of the service.
    private static var sharedLimits: ThreadState.Limits {
        var limits = ThreadState.Limits()
        limits.entryCount = 256
        limits.entryByteCount = 256 * 1024
        return limits
    }

    private var state: JSONObject {
        var state: JSONObject = [:]
        for entry in shared.entries { state[entry.key] = entry.value }
        return state
    }

    // MARK: Parts of a run

    private mutating func think(_ thinking: AgentThinking, _ run: RunID, _ subagent: RunID?) -> [StreamFrame] {
        let id = StreamNames.thought(thinking.thoughtID, of: run)
        let isNew = runs.change(run) { open in
            defer { open.thought = id }
            return open.thought != id
        }
        guard let isNew else { return [] }
        return (isNew ? events.thoughtStarted(id, subagent) : []) + events.thought(id, thinking.text, subagent)
    }

    /// A thought ends with what the run does next.
    private mutating func closeThought(of run: RunID, unless payload: EventPayload) -> [StreamFrame] {
        guard let thought = runs[run]?.thought else { return [] }
        if case .agentThinking(let thinking) = payload, StreamNames.thought(thinking.thoughtID, of: run) == thought {
            return []
        }
        return closeThought(of: run)
    }

    private mutating func closeThought(of run: RunID) -> [StreamFrame] {
        guard let thought = runs[run]?.thought else { return [] }
        _ = runs.change(run) { $0.thought = nil }
        return events.thoughtEnded(thought, subagent(run))
    }

    private mutating func say(_ delta: MessageDelta, _ run: RunID, _ subagent: RunID?) -> [StreamFrame] {
        let id = StreamNames.message(delta.messageID, of: run)
        history.append(delta.text, to: id, of: runs.root(of: run), subagent: subagent)
        let isNew = runs.change(run) { $0.growText(id, by: delta.text) }
        guard let isNew else { return [] }
        return (isNew ? [events.textStarted(id, .assistant, subagent)] : []) + events.text(id, delta.text, subagent)
    }

    private mutating func complete(_ message: MessageCompleted, _ run: RunID, _ subagent: RunID?) -> [StreamFrame] {
        let id = StreamNames.message(message.messageID, of: run)
        history.complete(id, message.role, message.text, of: runs.root(of: run), subagent: subagent)
        if case let rest?? = runs.change(run, { $0.closeText(id, message.text) }) {
            return events.text(id, rest, subagent) + [events.textEnded(id, subagent)]
        }
        return [events.textStarted(id, message.role, subagent)] + events.text(id, message.text, subagent)
            + [events.textEnded(id, subagent)]
    }

    private mutating func call(_ executing: ToolExecuting, _ run: RunID, _ subagent: RunID?) -> [StreamFrame] {
        let name = runs.change(run) { $0.beginCall(executing.callID, of: run) }
        guard let name else { return [] }
        let arguments = String(decoding: executing.arguments.encoded(), as: UTF8.self)
        history.addCall(
            name, executing.tool, arguments: arguments, of: runs.root(of: run), subagent: subagent)
        return events.call(name, executing.tool, arguments: arguments, subagent)
    }

    private mutating func end(_ completed: ToolCompleted, _ run: RunID, _ subagent: RunID?) -> [StreamFrame] {
        let name = runs.change(run) { $0.endCall(completed.callID) }
        guard case let name?? = name else { return [] }
        history.addResult(
            ofCall: name, AGUIToolText.content(of: completed), error: AGUIToolText.error(of: completed),
            of: runs.root(of: run), subagent: subagent)
        return [events.result(ofCall: name, completed, subagent)]
    }

    // MARK: Ends

    /// A run ends: what is open in it is closed before.
    private mutating func end(
        _ run: RunID,
        child: (StreamedRun) -> StreamFrame,
        root makeFinal: () -> [StreamFrame]
    ) -> [StreamFrame] {
        guard let open = runs[run] else { return [] }
        var frames = open.texts.map { events.textEnded($0.name, subagent(run)) }
        let isChild = open.parent != nil
        if isChild { frames.append(child(open)) }
        if run == root, final == nil {
            let last = makeFinal()
            final = last
            frames += last
        }
        runs.remove(run)
        history.end(run)
        return frames
    }

    /// The run waits for people: the one of AG-UI ends, with all that the client needs to go on.
    private mutating func interrupt(_ root: RunID) -> [StreamFrame] {
        let tree = runs.tree(of: root)
        var frames: [StreamFrame] = []
        for run in tree.reversed() {
            frames += closeThought(of: run)
            guard run != root, let open = runs[run] else { continue }
            frames.append(
                events.childSuspended(
                    run, open.agent,
                    interrupts: open.approvals.map { StreamNames.interrupt($0.approvalID, of: run) }))
        }
        frames.append(events.messages(history.messages(events.dialect)))
        frames.append(events.state(state))
        return frames + ask(root)
    }

    /// Ends the run with the questions that are open.
    @discardableResult
    private mutating func ask(_ root: RunID) -> [StreamFrame] {
        asked = runs.questions(of: root)
        let namesChildren = events.dialect == .version1
        let last = [events.interrupted(runs.interrupts(of: runs.tree(of: root), namesChildren: namesChildren))]
        final = last
        return last
    }

    /// Whether something that was noted is of the run that it tells of, or there is none.
    var knowsItsRun: Bool { root.map { final != nil || runs[$0] != nil } ?? true }

    mutating func breakOff(_ cause: StreamBreak) -> StreamEnd {
        let frame: StreamFrame
        switch cause {
        case .restart:
            frame = events.failed(
                "the service is stopping or restarting: send the same runId again to continue from there",
                code: ProtocolError.Code.stopping.rawValue)
        case .refused(let error):
            frame = events.failed(error.message, code: error.code.rawValue)
        }
        final = [frame]
        return .told(stamped([frame], nil))
    }

    /// Gives the frames of an event their time, and the last one the cursor: what came before it is told.
    private func stamped(_ frames: [StreamFrame], _ event: AgentEvent?) -> [StreamFrame] {
        guard var last = frames.last else { return [] }
        var frames = frames
        if let cursor = event?.id ?? lastCursor {
            last.cursor = cursor
            var metadata = last.json["metadata"]?.objectValue ?? [:]
            var own = metadata[AGUIMember.metadata]?.objectValue ?? [:]
            own["cursor"] = .string("\(cursor)")
            metadata[AGUIMember.metadata] = .object(own)
            last.json["metadata"] = .object(metadata)
            frames[frames.count - 1] = last
        }
        guard let event else { return frames }
        return frames.map { frame in
            var frame = frame
            frame.json["timestamp"] = .integer(event.time.milliseconds)
            return frame
        }
    }
}
