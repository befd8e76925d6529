import AgentEvents

/// The events of one thread of a recording, as parts: what belongs together is one, and lies where it belongs.
struct RecordedThread {
    private enum Owner: Hashable {
        case thread
        case run(RunID)
        case call(CallKey)
    }

    /// A call, by the place of its start: an id may be used again after the call's end.
    private struct CallKey: Hashable {
        let start: Int
    }

    private struct Key<Identifier: Hashable>: Hashable {
        let run: RunID?
        let identifier: Identifier
    }

    private struct Call {
        let start: ToolExecuting
        let end: ToolCompleted
        let span: ClosedRange<Int>
    }

    private let events: [AgentEvent]
    private var runs: [RunID: ClosedRange<Int>] = [:]
    private var starts: [RunID: AgentStarted] = [:]
    private var calls: [CallKey: Call] = [:]
    private var openCalls: [Key<CallID>: (key: CallKey, start: ToolExecuting)] = [:]
    /// The call that an event is of, or stands in, by the event's place.
    private var callsOfEvents: [Int: CallKey] = [:]
    private var thoughts: [Key<ThoughtID>: (span: ClosedRange<Int>, text: String)] = [:]
    private var messages: [Key<MessageID>: (span: ClosedRange<Int>, completed: MessageCompleted?)] = [:]
    private var approvals: [Key<ApprovalID>: CallKey] = [:]
    private var parts: [Owner: [RecordedPart]] = [:]

    /// - Parameter events: well-formed; they may begin in the middle of runs.
    init(_ events: [AgentEvent]) {
        self.events = events
        for index in events.indices { note(index) }
        for index in events.indices { add(index) }
    }

    /// The parts of the thread, with all others inside of them.
    var topParts: [RecordedPart] { parts(of: .thread) }

    // MARK: Events that belong together

    private mutating func note(_ index: Int) {
        let event = events[index]
        if let run = event.runID { runs[run] = (runs[run]?.lowerBound ?? index)...index }
        switch event.payload {
        case .agentStarted(let started):
            guard let run = event.runID else { return }
            starts[run] = started
            if let parent = started.parentRunID, let call = started.parentCallID { noteCall(call, of: parent, index) }
        case .agentThinking(let thinking):
            let key = Key(run: event.runID, identifier: thinking.thoughtID)
            let known = thoughts[key]
            thoughts[key] = ((known?.span.lowerBound ?? index)...index, (known?.text ?? "") + thinking.text)
        case .messageDelta(let delta):
            noteMessage(Key(run: event.runID, identifier: delta.messageID), index, nil)
        case .messageCompleted(let completed):
            noteMessage(Key(run: event.runID, identifier: completed.messageID), index, completed)
        case .toolExecuting(let executing):
            openCalls[Key(run: event.runID, identifier: executing.callID)] = (CallKey(start: index), executing)
            noteCall(executing.callID, of: event.runID, index)
        case .toolProgress(let progress):
            noteCall(progress.callID, of: event.runID, index)
        case .toolCompleted(let completed):
            noteEnd(event, index, completed)
        case .approvalRequested(let requested):
            guard let call = requested.callID else { return }
            noteCall(call, of: event.runID, index)
            approvals[Key(run: event.runID, identifier: requested.approvalID)] = callsOfEvents[index]
        case .approvalResolved(let resolved):
            callsOfEvents[index] = approvals[Key(run: event.runID, identifier: resolved.approvalID)]
        case .agentQueued, .inputTaken, .agentProgress, .usageReported, .agentPaused, .agentResumed, .agentCompleted,
            .agentFailed, .agentCancelled, .userMessage, .stateUpdated, .custom, .unknown:
            break
        }
    }

    private mutating func noteMessage(_ key: Key<MessageID>, _ index: Int, _ completed: MessageCompleted?) {
        messages[key] = ((messages[key]?.span.lowerBound ?? index)...index, completed)
    }

    private mutating func noteCall(_ call: CallID, of run: RunID?, _ index: Int) {
        callsOfEvents[index] = openCalls[Key(run: run, identifier: call)]?.key
    }

    private mutating func noteEnd(_ event: AgentEvent, _ index: Int, _ end: ToolCompleted) {
        noteCall(end.callID, of: event.runID, index)
        guard let open = openCalls.removeValue(forKey: Key(run: event.runID, identifier: end.callID)) else { return }
        calls[open.key] = Call(start: open.start, end: end, span: open.key.start...index)
    }

    // MARK: Where it lies

    private mutating func add(_ index: Int) {
        let event = events[index]
        let owner = owner(of: event, at: index)
        if let run = event.runID, let span = runs[run], span.lowerBound == index {
            addRun(run, event, span)
            if case .agentStarted = event.payload { return }
        }
        guard let (kind, span) = kind(of: event, at: index) else { return }
        parts[owner, default: []].append(RecordedPart(kind: kind, span: span, isOfThread: event.runID == nil))
    }

    private mutating func addRun(_ run: RunID, _ event: AgentEvent, _ span: ClosedRange<Int>) {
        var owner = Owner.thread
        if let start = starts[run], let parent = start.parentRunID, let outer = runs[parent],
            outer.lowerBound < span.lowerBound, span.upperBound < outer.upperBound
        {
            // Its first event names the call, if it has the start.
            let call = callsOfEvents[span.lowerBound]
            owner = call.flatMap { isInside(span, $0) ? .call($0) : nil } ?? .run(parent)
        }
        // One that was queued begins with that, and no pattern of a run does.
        let isWhole = if case .agentStarted = event.payload { true } else { false }
        let kind: RecordedPart.Kind = isWhole ? .run(event) : .restOfRun
        parts[owner, default: []].append(RecordedPart(kind: kind, span: span))
    }

    private func isInside(_ span: ClosedRange<Int>, _ call: CallKey) -> Bool {
        guard let outer = calls[call]?.span else { return false }
        return outer.lowerBound < span.lowerBound && span.upperBound < outer.upperBound
    }

    private func owner(of event: AgentEvent, at index: Int) -> Owner {
        guard let run = event.runID else { return .thread }
        switch event.payload {
        case .toolProgress, .approvalRequested, .approvalResolved:
            guard let call = callsOfEvents[index], isInside(index...index, call) else { return .run(run) }
            return .call(call)
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageDelta,
            .messageCompleted, .toolExecuting, .toolCompleted, .usageReported, .agentPaused, .agentResumed,
            .agentCompleted, .agentFailed, .agentCancelled, .userMessage, .stateUpdated, .custom, .unknown:
            return .run(run)
        }
    }

    /// - Returns: `nil` for an event of a part that has begun before.
    private func kind(of event: AgentEvent, at index: Int) -> (RecordedPart.Kind, ClosedRange<Int>)? {
        switch event.payload {
        case .agentThinking(let thinking):
            guard let thought = thoughts[Key(run: event.runID, identifier: thinking.thoughtID)] else { return nil }
            return thought.span.lowerBound == index ? (.thought(thought.text), thought.span) : nil
        case .messageDelta(let delta):
            guard let message = messages[Key(run: event.runID, identifier: delta.messageID)] else { return nil }
            guard let completed = message.completed else { return (.event(event), index...index) }
            return message.span.lowerBound == index ? (.message(completed), message.span) : nil
        case .messageCompleted(let completed):
            guard let message = messages[Key(run: event.runID, identifier: completed.messageID)] else { return nil }
            return message.span.lowerBound == index ? (.message(completed), message.span) : nil
        case .toolExecuting:
            guard let call = call(at: index) else { return (.event(event), index...index) }
            return (.call(call.start, call.end), call.span)
        case .toolCompleted:
            return call(at: index) == nil ? (.event(event), index...index) : nil
        case .agentQueued, .agentStarted, .inputTaken, .agentProgress, .toolProgress, .approvalRequested,
            .approvalResolved, .usageReported, .agentPaused, .agentResumed, .agentCompleted, .agentFailed,
            .agentCancelled, .userMessage, .stateUpdated, .custom, .unknown:
            return (.event(event), index...index)
        }
    }

    private func call(at index: Int) -> Call? { callsOfEvents[index].flatMap { calls[$0] } }

    private func parts(of owner: Owner) -> [RecordedPart] {
        let own = parts[owner, default: []].sorted { $0.span.lowerBound < $1.span.lowerBound }
        return own.map { part in
            var part = part
            if let inner = self.owner(in: part) { part.parts = parts(of: inner) }
            return part
        }
    }

    /// The owner of the parts that lie in a part.
    private func owner(in part: RecordedPart) -> Owner? {
        switch part.kind {
        case .run, .restOfRun: events[part.span.lowerBound].runID.map { .run($0) }
        case .call: .call(CallKey(start: part.span.lowerBound))
        case .event, .thought, .message: nil
        }
    }
}

/// The events of a recorded thread that one pattern stands for, and those that lie inside.
struct RecordedPart {
    enum Kind {
        case event(AgentEvent)
        /// The fragments of one thought, by their whole text.
        case thought(String)
        case message(MessageCompleted)
        case call(ToolExecuting, ToolCompleted)
        /// A run from its start.
        case run(AgentEvent)
        /// A run that does not begin with its start: it was queued before, or the recording does not have the start.
        case restOfRun
    }

    let kind: Kind
    /// The places of its first and its last event in the thread.
    let span: ClosedRange<Int>
    /// Of the thread, not of a run.
    var isOfThread = false
    /// The parts that lie inside, in the order of their first events.
    var parts: [RecordedPart] = []

    /// Whether a part that lies inside of this one may be one of its own.
    func mayTake(_ other: RecordedPart, isTop: Bool) -> Bool {
        guard span.lowerBound < other.span.lowerBound, other.span.upperBound <= span.upperBound else { return false }
        switch (kind, other.kind) {
        // Runs at the same time; and calls at the same time, which are parallel.
        case (.run, .run), (.run, .restOfRun), (.restOfRun, .run), (.restOfRun, .restOfRun), (.call, .call):
            return false
        // In the braces of `.run` and `.tool` there are events of one run only.
        case (.run, _), (.restOfRun, _): return isTop
        // … and of no other call.
        case (.call(let start, _), _):
            return !other.isOfThread && other.span.upperBound < span.upperBound
                && (other.call == nil || other.call == start.callID)
        case (.event, _), (.thought, _), (.message, _): return false
        }
    }

    /// The call that its event is of, when it is a single event or a run.
    private var call: CallID? {
        let event: AgentEvent
        switch kind {
        case .event(let only), .run(let only): event = only
        case .thought, .message, .call, .restOfRun: return nil
        }
        return switch event.payload {
        case .agentStarted(let started): started.parentCallID
        case .toolExecuting(let executing): executing.callID
        case .toolProgress(let progress): progress.callID
        case .toolCompleted(let completed): completed.callID
        case .approvalRequested(let requested): requested.callID
        case .agentQueued, .inputTaken, .agentThinking, .agentProgress, .messageDelta, .messageCompleted,
            .approvalResolved, .usageReported, .agentPaused, .agentResumed, .agentCompleted, .agentFailed,
            .agentCancelled, .userMessage, .stateUpdated, .custom, .unknown:
            nil
        }
    }

    mutating func take(_ others: [RecordedPart]) {
        parts = (parts + others).sorted { $0.span.lowerBound < $1.span.lowerBound }
    }
}
