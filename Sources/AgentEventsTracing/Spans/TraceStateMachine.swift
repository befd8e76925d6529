package import AgentEvents

/// Makes spans of committed events, when they end.
///
/// ```
///            agent_queued, agent_started          its end
/// unknown ────────────────────────────────> open ─────────> a span, and unknown again
///    ^                                       │ │ tool_executing -> open call -> tool_completed -> a span
///    └──── too many are open: forgotten ─────┘ └─┘
/// ```
///
/// What ends and is not known is asked for (``Reception/needs(_:)``): it began before the process did, or was forgotten. The
/// events of the thread from its beginning on, received by another machine, make it known (``adopt(from:)``). So each span
/// comes out whole, and the number of open ones that are kept is bounded. Of what cannot be read any longer, a span is made
/// of what its end says (`agent_events.incomplete`).
///
/// An event of an open run that comes again changes nothing. One of a run that has ended makes the same span again.
package struct TraceStateMachine: Sendable {
    package struct Settings: Sendable {
        /// The most runs and calls that are kept open.
        package var maximumOpenCount = 16_384
        /// The most messages that are kept, with their places in traces, for the runs that answer them.
        package var maximumMessageCount = 4096
        /// The most links of a span.
        package var maximumLinkCount = 32

        package init() {}
    }

    package enum Reception: Hashable, Sendable {
        case spans([TraceSpan])
        /// The run is to be made known first; then the same event is received as a recalled one.
        case needs(RunID)
    }

    fileprivate struct RunKey: Hashable {
        let thread: ThreadID
        let run: RunID
    }

    private struct MessageKey: Hashable {
        let thread: ThreadID
        let message: MessageID
    }

    private struct OpenCall {
        let start: Timestamp
        let sequence: UInt64
    }

    private struct OpenRun {
        /// Tells it from another one in the same place.
        var serial: UInt64
        var agent: AgentName?
        var queued: Timestamp?
        var started: Timestamp?
        var root: RunID
        var parent: RunID?
        /// Whether nothing is known of the parent, and so of the run at the top.
        var isParentUnknown = false
        var parentSpanID: String?
        var links: [TraceContext] = []
        var calls: [CallID: OpenCall] = [:]
        var attempt: Int?
        var retryOf: RunID?
        var model: String?
        /// The number of the last event that was received of it.
        var sequence: UInt64
    }

    private let settings: Settings
    private var runs: [RunKey: OpenRun] = [:]
    private var callCount = 0
    private var serial: UInt64 = 0
    /// The runs in the order in which they were opened, with some that are open no longer.
    private var order = Deque<(key: RunKey, serial: UInt64)>()
    /// Messages with their places in traces, also those without one: a message that is not here came earlier.
    private var messages: [MessageKey: TraceContext?] = [:]
    private var messageOrder = Deque<MessageKey>()

    package init(_ settings: Settings = Settings()) { self.settings = settings }

    /// The number of runs and calls that are open.
    package var openCount: Int { runs.count + callCount }
    /// The number of places in the order of opening, for tests.
    var keptOrderCount: Int { order.count }

    /// Whether an event may say something here; others need not be decoded.
    ///
    /// - Parameter bytes: as they stand in the log.
    package static func isOfInterest(_ bytes: [UInt8]) -> Bool {
        let head = #"{"type":""#.utf8
        guard bytes.starts(with: head) else { return true }
        let name = bytes.dropFirst(head.count).prefix(32).prefix { $0 != UInt8(ascii: "\"") }
        switch EventType(rawValue: String(decoding: name, as: UTF8.self)) {
        case .agentQueued, .agentStarted, .inputTaken, .toolExecuting, .toolCompleted, .usageReported,
            .agentCompleted, .agentFailed, .agentCancelled, .userMessage:
            return true
        case .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .toolProgress, .approvalRequested,
            .approvalResolved, .agentPaused, .agentResumed, .stateUpdated, .custom, nil:
            return false
        }
    }

    // MARK: Receiving

    /// - Parameter isRecalled: whether there was an attempt to make known what is needed: nothing is asked for again.
    package mutating func receive(_ event: AgentEvent, isRecalled: Bool = false) -> Reception {
        if case .userMessage(let message) = event.payload {
            remember(message.trace, MessageKey(thread: event.threadID, message: message.messageID))
            return .spans([])
        }
        guard let run = event.runID else { return .spans([]) }
        let key = RunKey(thread: event.threadID, run: run)
        if let open = runs[key], event.sequence <= open.sequence { return .spans([]) }
        if let needed = need(of: event, key), !isRecalled { return .needs(needed) }
        defer { runs[key]?.sequence = event.sequence }
        switch event.payload {
        case .agentQueued:
            open(key, event)
            runs[key]?.queued = event.time
        case .agentStarted(let started):
            // Before room is made for this one.
            let above = started.parentRunID.flatMap { runs[RunKey(thread: key.thread, run: $0)] }
            if runs[key] == nil { open(key, event) }
            begin(key, started, below: above, at: event.time)
        case .inputTaken(let taken):
            add(places(of: taken.messageIDs, in: key.thread), to: key)
        case .toolExecuting(let call):
            add(call.callID, OpenCall(start: event.time, sequence: event.sequence), to: key)
        case .toolCompleted(let call):
            return .spans([finish(call, key, event)])
        case .usageReported(let usage):
            if let model = usage.model, Self.isPlain(model) { runs[key]?.model = model }
        case .agentCompleted(let end):
            return .spans([finish(key, event, .completed, end.usage, end.durationMilliseconds)])
        case .agentFailed(let end):
            return .spans([finish(key, event, .failed(code: end.error.code), end.usage, end.durationMilliseconds)])
        case .agentCancelled(let end):
            return .spans([finish(key, event, .cancelled, end.usage, end.durationMilliseconds)])
        case .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .toolProgress, .approvalRequested,
            .approvalResolved, .agentPaused, .agentResumed, .userMessage, .stateUpdated, .custom, .unknown:
            break
        }
        return .spans([])
    }

    /// The run without which nothing whole comes of an event; `nil` when all is known.
    private func need(of event: AgentEvent, _ key: RunKey) -> RunID? {
        switch event.payload {
        case .agentStarted(let started):
            if let parent = started.parentRunID, runs[RunKey(thread: key.thread, run: parent)] == nil { return parent }
            // A run that answers messages may have been queued before the process began, and they came before it.
            let isWhole = runs[key] != nil || started.messageIDs.allSatisfy { isRemembered($0, in: key.thread) }
            return isWhole ? nil : key.run
        case .toolCompleted(let call):
            return runs[key]?.calls[call.callID] == nil ? key.run : nil
        case .agentCompleted, .agentFailed, .agentCancelled:
            return runs[key] == nil ? key.run : nil
        case .agentQueued, .inputTaken, .agentThinking, .agentProgress, .messageDelta, .messageCompleted,
            .toolExecuting, .toolProgress, .approvalRequested, .approvalResolved, .usageReported, .agentPaused,
            .agentResumed, .userMessage, .stateUpdated, .custom, .unknown:
            return nil
        }
    }

    // MARK: What is open

    private mutating func open(_ key: RunKey, _ event: AgentEvent) {
        serial += 1
        if let known = runs[key] { callCount -= known.calls.count }
        runs[key] = OpenRun(serial: serial, agent: event.agent, root: key.run, sequence: event.sequence)
        order.append((key, serial))
        forget(keeping: key)
    }

    private mutating func begin(_ key: RunKey, _ started: AgentStarted, below above: OpenRun?, at time: Timestamp) {
        let links = [started.trace].compactMap(\.self)
        if let parent = started.parentRunID {
            runs[key]?.parent = parent
            runs[key]?.isParentUnknown = above == nil
            runs[key]?.root = above?.root ?? parent
            let call = started.parentCallID.flatMap { id in above?.calls[id].map { (id, $0.sequence) } }
            runs[key]?.parentSpanID =
                call.map { SpanIdentity.span(of: $0.0, at: $0.1, run: parent, in: key.thread) }
                ?? SpanIdentity.span(of: parent, in: key.thread)
        }
        runs[key]?.started = time
        runs[key]?.attempt = started.attempt
        runs[key]?.retryOf = started.retryOf
        add(links + places(of: started.messageIDs, in: key.thread), to: key)
    }

    private func places(of messageIDs: [MessageID], in thread: ThreadID) -> [TraceContext] {
        messageIDs.compactMap { messages[MessageKey(thread: thread, message: $0)] ?? nil }
    }

    private func isRemembered(_ id: MessageID, in thread: ThreadID) -> Bool {
        messages.keys.contains(MessageKey(thread: thread, message: id))
    }

    private mutating func add(_ links: [TraceContext], to key: RunKey) {
        for link in links {
            guard let known = runs[key]?.links, !known.contains(link), known.count < settings.maximumLinkCount else {
                continue
            }
            runs[key]?.links.append(link)
        }
    }

    private mutating func add(_ id: CallID, _ call: OpenCall, to key: RunKey) {
        guard runs[key] != nil else { return }
        if runs[key]?.calls.updateValue(call, forKey: id) == nil { callCount += 1 }
        forget(keeping: key)
    }

    /// Forgets the runs that were opened first, with their calls, while too much is open. One run alone is kept, however many
    /// calls it has: its thread keeps them in memory, too.
    private mutating func forget(keeping key: RunKey) {
        while openCount > settings.maximumOpenCount, let first = order.popFirst() {
            guard let open = runs[first.key], open.serial == first.serial else { continue }
            if first.key == key {
                order.prepend(first)
                break
            }
            callCount -= open.calls.count
            runs[first.key] = nil
        }
        guard order.count > 2 * runs.count + 1024 else { return }
        var kept = Deque<(key: RunKey, serial: UInt64)>()
        kept.append(contentsOf: order.filter { runs[$0.key]?.serial == $0.serial })
        order = kept
    }

    /// Forgets all of a thread: what is open in it, and its messages.
    package mutating func forget(_ thread: ThreadID) {
        for (key, open) in runs where key.thread == thread { callCount -= open.calls.count }
        runs = runs.filter { $0.key.thread != thread }
        messages = messages.filter { $0.key.thread != thread }
        var keptOrder = Deque<(key: RunKey, serial: UInt64)>()
        keptOrder.append(contentsOf: order.filter { $0.key.thread != thread })
        order = keptOrder
        var keptMessages = Deque<MessageKey>()
        keptMessages.append(contentsOf: messageOrder.filter { $0.thread != thread })
        messageOrder = keptMessages
    }

    private mutating func remember(_ trace: TraceContext?, _ key: MessageKey) {
        if messages.updateValue(trace, forKey: key) == nil { messageOrder.append(key) }
        if messages.count > settings.maximumMessageCount, let first = messageOrder.popFirst() { messages[first] = nil }
    }

    // MARK: What was read again

    /// The run whose beginning has to be read too, before anything whole comes of a run; `nil` when all above it is known.
    package func unknownAncestor(of run: RunID, in thread: ThreadID) -> RunID? {
        var run = run
        while let open = runs[RunKey(thread: thread, run: run)], let parent = open.parent {
            if open.isParentUnknown { return parent }
            run = parent
        }
        return nil
    }

    /// Takes over what is open in a machine that has received earlier events of a thread, and is not known here.
    package mutating func adopt(from past: TraceStateMachine) {
        for (key, _) in past.order {
            guard let open = past.runs[key], runs[key] == nil, past.unknownAncestor(of: key.run, in: key.thread) == nil
            else { continue }
            serial += 1
            runs[key] = open
            runs[key]?.serial = serial
            callCount += open.calls.count
            order.append((key, serial))
        }
        for key in past.messageOrder {
            if let trace = past.messages[key] { remember(trace, key) }
        }
    }

    /// Forgets what is over the bound, after the event was received for which something was taken over.
    package mutating func trim() {
        if let last = order.last { forget(keeping: last.key) }
    }
}

// MARK: - Spans

extension TraceStateMachine {
    private enum Outcome {
        case completed
        case failed(code: String)
        case cancelled

        var name: String {
            switch self {
            case .completed: "completed"
            case .failed: "failed"
            case .cancelled: "cancelled"
            }
        }
    }

    private mutating func finish(
        _ key: RunKey,
        _ event: AgentEvent,
        _ outcome: Outcome,
        _ usage: TokenUsage?,
        _ milliseconds: Int64
    ) -> TraceSpan {
        let open = runs.removeValue(forKey: key)
        callCount -= open?.calls.count ?? 0
        let agent = open?.agent ?? event.agent
        let start = open?.started ?? open?.queued ?? event.time.earlier(by: milliseconds)
        var span = TraceSpan(
            traceID: SpanIdentity.trace(of: open?.root ?? key.run, in: key.thread),
            spanID: SpanIdentity.span(of: key.run, in: key.thread), parentSpanID: open?.parentSpanID,
            name: "invoke_agent \(agent?.rawValue ?? "")", start: min(start, event.time), end: event.time)
        span.add("gen_ai.operation.name", .text("invoke_agent"))
        span.add("gen_ai.agent.name", (agent?.rawValue).map { .text($0) })
        span.add("gen_ai.conversation.id", .text(key.thread.rawValue))
        span.add("gen_ai.response.model", (open?.model).map { .text($0) })
        span.add("gen_ai.usage.input_tokens", (usage?.inputTokens).map { .integer($0) })
        span.add("gen_ai.usage.output_tokens", (usage?.outputTokens).map { .integer($0) })
        span.add("agent_events.run.id", .text(key.run.rawValue))
        span.add("agent_events.run.outcome", .text(outcome.name))
        span.add("agent_events.run.attempt", (open?.attempt).map { .integer(Int64($0)) })
        span.add("agent_events.run.retry_of", (open?.retryOf).map { .text($0.rawValue) })
        if let queued = open?.queued, let started = open?.started {
            span.add("agent_events.run.queued_ms", .integer(started.milliseconds(since: queued)))
        }
        if case .failed(let code) = outcome {
            span.isError = true
            span.add("error.type", .text(Self.errorType(code)))
        }
        if open == nil || open?.isParentUnknown == true { span.add("agent_events.incomplete", .flag(true)) }
        span.links = open?.links ?? []
        return span
    }

    private mutating func finish(_ completed: ToolCompleted, _ key: RunKey, _ event: AgentEvent) -> TraceSpan {
        let call = runs[key]?.calls.removeValue(forKey: completed.callID)
        if call != nil { callCount -= 1 }
        let start = call?.start ?? event.time.earlier(by: completed.durationMilliseconds)
        var span = TraceSpan(
            traceID: SpanIdentity.trace(of: runs[key]?.root ?? key.run, in: key.thread),
            spanID: SpanIdentity.span(
                of: completed.callID, at: call?.sequence ?? event.sequence, run: key.run, in: key.thread),
            parentSpanID: SpanIdentity.span(of: key.run, in: key.thread),
            name: "execute_tool \(completed.tool.rawValue)", start: min(start, event.time), end: event.time)
        span.add("gen_ai.operation.name", .text("execute_tool"))
        span.add("gen_ai.tool.name", .text(completed.tool.rawValue))
        span.add("gen_ai.tool.call.id", .text(completed.callID.rawValue))
        span.add("gen_ai.agent.name", (event.agent?.rawValue).map { .text($0) })
        span.add("gen_ai.conversation.id", .text(key.thread.rawValue))
        span.add("agent_events.run.id", .text(key.run.rawValue))
        span.add("agent_events.tool.status", .text(completed.status.rawValue))
        switch completed.status {
        case .failed, .timedOut:
            span.isError = true
            span.add("error.type", .text(completed.error.map { Self.errorType($0.code) } ?? completed.status.rawValue))
        case .succeeded, .cancelled, .denied:
            break
        }
        if call == nil { span.add("agent_events.incomplete", .flag(true)) }
        return span
    }

    /// A code, where it is one: some programs put a sentence there.
    private static func errorType(_ code: String) -> String { isPlain(code) ? code : "_OTHER" }

    /// Whether a text is a name: of letters, digits and a few signs, and not long.
    private static func isPlain(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 128
            && text.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || "._-:/@+".utf8.contains(byte)
            }
    }
}

extension TraceSpan {
    fileprivate mutating func add(_ name: String, _ value: Attribute.Value?) {
        if let value { attributes.append(Attribute(name, value)) }
    }
}

extension Timestamp {
    fileprivate func earlier(by milliseconds: Int64) -> Timestamp {
        let (difference, isOver) = self.milliseconds.subtractingReportingOverflow(max(0, milliseconds))
        return Timestamp(milliseconds: isOver ? self.milliseconds : difference)
    }
}
