import AgentEvents
import AgentEventsProtocol

/// Translates a run into one assistant message of the AI SDK, or into a part of it: a question ends the answer, and what comes after
/// the answer to it is a continuation of the same message.
///
///     noting ── begin ──> open ── end of the run, or it waits for people ──> ended
///
/// Calls and questions of children are told as the run's own; of the rest of a child, that it works.
///
/// A client sends answers by itself once all calls of the message's last step have ended or are answered. A call that has started a
/// child has not, while the child asks: so the calls of children begin a step of their own.
struct AISDKStateMachine: StreamTranslation {
    private let chunks: AISDKChunks
    private let root: RunID
    private let message: String
    /// The first event from which on the answer ends when the run waits for people.
    private var waitsFrom: UInt64
    private var runs = StreamedRuns()
    private var lastCursor: Cursor?
    /// The calls that stand in the message's last step.
    private var stepCalls: Set<String> = []
    private(set) var hasEnded = false

    /// - Parameters:
    ///   - message: the id of the message. That of a run is always the same.
    ///   - waitsFrom: the number of that event; earlier ones tell of questions that were answered meanwhile.
    init(_ dialect: AISDKDialect, root: RunID, message: String, waitsFrom: UInt64) {
        chunks = AISDKChunks(dialect: dialect)
        self.root = root
        self.message = message
        self.waitsFrom = waitsFrom
    }

    /// The same message for a client that asks for what comes after everything that was noted: the answer ends when the run waits
    /// after that.
    func continued() -> AISDKStateMachine {
        var machine = self
        machine.waitsFrom = (lastCursor?.sequence ?? 0) + 1
        return machine
    }

    /// The calls of the message that are open, as the stream names them.
    var openCalls: Set<String> { Set(runs.order.flatMap { runs[$0]?.calls.map(\.name) ?? [] }) }

    mutating func note(_ event: AgentEvent) {
        lastCursor = event.id
        _ = translate(event)
        hasEnded = false
    }

    /// What grows is opened again: a continuation has texts of its own in a message.
    mutating func begin() -> [StreamFrame] {
        stepCalls = []
        var frames = chunks.start(message)
        guard let open = runs[root] else { return frames }
        if let thought = open.thought { frames.append(chunks.thoughtStart(thought)) }
        frames += open.texts.map { chunks.textStart($0.name) }
        guard let lastCursor else { return frames }
        return frames + wait(at: lastCursor)
    }

    mutating func receive(_ event: AgentEvent) -> [StreamFrame] {
        guard !hasEnded, event.sequence > (lastCursor?.sequence ?? 0) else { return [] }
        lastCursor = event.id
        var frames = translate(event)
        if !frames.isEmpty { frames[frames.count - 1].cursor = event.id }
        return frames
    }

    private mutating func translate(_ event: AgentEvent) -> [StreamFrame] {
        let frames = event.runID.map { tell(event, of: $0) } ?? []
        // The event may be of another run: what this one waits for came before the number from which waiting counts.
        return frames + wait(at: event.id)
    }

    private mutating func tell(_ event: AgentEvent, of run: RunID) -> [StreamFrame] {
        begin(event, run)
        guard runs[run] != nil else { return [] }
        let closed = closeThought(of: run, unless: event.payload)
        return closed + translate(event.payload, of: run)
    }

    /// Ends the answer if the run waits for people.
    private mutating func wait(at cursor: Cursor) -> [StreamFrame] {
        guard !hasEnded, cursor.sequence >= waitsFrom, runs.waits(root) else { return [] }
        let closed = closeThought(of: root)
        hasEnded = true
        return closed + chunks.finish("waiting", cursor: cursor)
    }

    /// Only the run and what is below it is told. The beginning of the run may not be kept any longer.
    private mutating func begin(_ event: AgentEvent, _ run: RunID) {
        if run == root, runs[run] == nil {
            runs.insert(run, StreamedRun(agent: event.agent, parent: nil, parentCall: nil))
        }
        guard case .agentStarted(let started) = event.payload, run != root, let parent = started.parentRunID,
            runs[parent] != nil
        else { return }
        runs.insert(run, StreamedRun(agent: event.agent, parent: parent, parentCall: started.parentCallID))
    }

    private mutating func translate(_ payload: EventPayload, of run: RunID) -> [StreamFrame] {
        switch payload {
        case .agentStarted:
            return run == root ? [] : [child(run, "running")]
        case .agentThinking(let thinking):
            return think(thinking, run)
        case .messageDelta(let delta):
            return say(delta, run)
        case .messageCompleted(let message):
            return complete(message, run)
        case .toolExecuting(let executing):
            let step = stepBeforeCall()
            guard let name = runs.change(run, { $0.beginCall(executing.callID, of: run) }) else { return step }
            stepCalls.insert(name)
            return step + chunks.call(name, executing.tool, executing.arguments)
        case .toolCompleted(let completed):
            guard case let name?? = runs.change(run, { $0.endCall(completed.callID) }) else { return [] }
            return [chunks.result(ofCall: name, completed)]
        case .approvalRequested(let request):
            let call = runs[run]?.callName(request.callID)
            _ = runs.change(run) { $0.approvals.append(request) }
            return [chunks.approval(StreamNames.interrupt(request.approvalID, of: run), call: call, request)]
        case .approvalResolved(let resolved):
            return resolve(resolved, run)
        case .custom(let custom):
            guard run == root else { return [] }
            return [
                chunks.data(
                    "custom", id: "\(run)/\(custom.name)", ["name": .string(custom.name), "value": custom.value])
            ]
        case .agentCompleted:
            return end(run, "completed")
        case .agentFailed(let failed):
            return end(run, "failed", failed.error.message)
        case .agentCancelled:
            return end(run, "cancelled")
        case .agentQueued, .inputTaken, .agentProgress, .toolProgress, .usageReported, .agentPaused, .agentResumed,
            .userMessage, .stateUpdated, .unknown:
            return []
        }
    }

    private func child(_ run: RunID, _ status: String) -> StreamFrame {
        chunks.data(
            "subagent", id: run.rawValue,
            ["agent": .string(runs[run]?.agent?.rawValue ?? "agent"), "status": .string(status)])
    }

    /// Begins a step when a call in this one has started a child that is open. Not while a text grows, since a step ends all texts; and not
    /// with a question in the step, which would not be in the last one.
    private mutating func stepBeforeCall() -> [StreamFrame] {
        let hasStarted = runs.order.contains { run in
            guard let open = runs[run], let parent = open.parent.flatMap({ runs[$0] }) else { return false }
            return parent.callName(open.parentCall).map(stepCalls.contains) ?? false
        }
        let hasAsked = runs.order.contains { run in
            runs[run]?.approvals.contains { runs[run]?.callName($0.callID).map(stepCalls.contains) ?? false } ?? false
        }
        guard hasStarted, !hasAsked, runs[root]?.texts.isEmpty == true else { return [] }
        stepCalls = []
        return closeThought(of: root) + chunks.nextStep()
    }

    // MARK: Parts

    private mutating func think(_ thinking: AgentThinking, _ run: RunID) -> [StreamFrame] {
        guard run == root else { return [] }
        let id = StreamNames.thought(thinking.thoughtID, of: run)
        let isNew = runs.change(run) { open in
            defer { open.thought = id }
            return open.thought != id
        }
        return (isNew == true ? [chunks.thoughtStart(id)] : []) + chunks.thought(id, thinking.text)
    }

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
        return [chunks.thoughtEnd(thought)]
    }

    private mutating func say(_ delta: MessageDelta, _ run: RunID) -> [StreamFrame] {
        guard run == root else { return [] }
        let id = StreamNames.message(delta.messageID, of: run)
        let isNew = runs.change(run) { $0.growText(id, by: delta.text) }
        return (isNew == true ? [chunks.textStart(id)] : []) + chunks.text(id, delta.text)
    }

    private mutating func complete(_ message: MessageCompleted, _ run: RunID) -> [StreamFrame] {
        guard run == root else { return [] }
        let id = StreamNames.message(message.messageID, of: run)
        if case let rest?? = runs.change(run, { $0.closeText(id, message.text) }) {
            return chunks.text(id, rest) + [chunks.textEnd(id)]
        }
        return [chunks.textStart(id)] + chunks.text(id, message.text) + [chunks.textEnd(id)]
    }

    private mutating func resolve(_ resolved: ApprovalResolved, _ run: RunID) -> [StreamFrame] {
        guard let open = runs[run], let request = open.approvals.first(where: { $0.approvalID == resolved.approvalID })
        else { return [] }
        _ = runs.change(run) { open in open.approvals.removeAll { $0.approvalID == resolved.approvalID } }
        return chunks.resolved(
            StreamNames.interrupt(resolved.approvalID, of: run), call: open.callName(request.callID), request,
            resolved.decision)
    }

    // MARK: Ends

    private mutating func end(_ run: RunID, _ status: String, _ error: String? = nil) -> [StreamFrame] {
        let open = runs[run]
        guard run == root else {
            let told = child(run, status)
            runs.remove(run)
            return [told]
        }
        runs.remove(run)
        hasEnded = true
        let closed = (open?.texts ?? []).map { chunks.textEnd($0.name) }
        if let error { return closed + [chunks.error(error)] }
        return closed + chunks.finish(status, cursor: lastCursor)
    }

    /// A body that breaks off is the one end that a client takes for a lost connection.
    mutating func breakOff(_ cause: StreamBreak) -> StreamEnd {
        hasEnded = true
        switch cause {
        case .restart: return .brokenOff
        case .refused(let error): return .told([chunks.error(error.message)])
        }
    }
}
