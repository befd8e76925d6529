import AgentEvents
import AgentEventsTesting

/// An event of the reference model: small numbers in the place of ids.
struct ModelEvent: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case queue, start, takeInput, usage, think, progress, delta, message, call, callProgress, callEnd, ask, answer,
            pause, resume, complete
        case fail, cancel, custom, userMessage, stateUpdate
    }

    static let runCount = 4
    static let itemCount = 2

    var kind: Kind
    var run: Int?
    var agent: Int?
    /// The number of the call, message or approval.
    var item = 0
    var tool = 0
    var parent: Int?
    /// With a start: the parent's call. With a request for approval: the call that waits for it.
    var call: Int?
    /// How long the fragment is.
    var length = 0
    var time: Int64 = 0

    /// The fragment, which no other event of a sequence has.
    var fragment: String { String(repeating: Character(UnicodeScalar(UInt8(97 + time % 26))), count: length) }

    var payload: EventPayload {
        switch kind {
        case .start: .start(parent: parent.map { Self.runs[$0] }, call: call.map { Self.calls[$0] })
        case .queue: .queue
        case .takeInput: .takeInput
        case .usage: .usage
        case .think: .think
        case .progress: .progress
        case .delta: .delta(Self.messages[item], fragment)
        case .message: .message(Self.messages[item])
        case .call: .call(Self.calls[item], Self.tools[tool])
        case .callProgress: .callProgress(Self.calls[item])
        case .callEnd: .callEnd(Self.calls[item], Self.tools[tool])
        case .ask: .ask(Self.approvals[item], call: call.map { Self.calls[$0] })
        case .answer: .answer(Self.approvals[item])
        case .pause: .pause
        case .resume: .resume
        case .complete: .complete
        case .fail: .fail
        case .cancel: .cancel
        case .custom: .custom
        case .userMessage: .userMessage
        case .stateUpdate: .stateUpdate
        }
    }

    var input: OrderInput { OrderInput(run.map { Self.runs[$0] }, agent: agent.map { Self.agents[$0] }, payload) }

    static let runs: [RunID] = ["r_0", "r_1", "r_2", "r_3"]
    static let agents: [AgentName] = ["guide", "finder"]
    static let calls: [CallID] = ["c_0", "c_1"]
    static let messages: [MessageID] = ["m_0", "m_1"]
    static let approvals: [ApprovalID] = ["a_0", "a_1"]
    static let tools: [ToolName] = ["search", "read"]

    /// An event that may be anything, and is more often one that makes sense.
    static func random(at time: Int64, using randomness: inout SeededGenerator) -> ModelEvent {
        let run = randomness.below(runCount)
        let first = randomness.percent(12) ? Kind.queue : .start
        let kind = time < 4 && randomness.percent(60) ? first : weighted[randomness.below(weighted.count)]
        var event = ModelEvent(kind: kind, run: run, time: time)
        event.item = randomness.below(itemCount)
        event.tool = randomness.percent(90) ? event.item : randomness.below(tools.count)
        event.length = randomness.below(6)
        if kind == .start || kind == .queue || randomness.percent(30) { event.agent = run % agents.count }
        switch kind {
        case .start:
            if randomness.percent(60) { event.parent = randomness.below(runCount) }
            if randomness.percent(20) { event.call = randomness.below(itemCount) }
        case .ask:
            if randomness.percent(40) { event.call = randomness.below(itemCount) }
        case .userMessage, .stateUpdate:
            if randomness.percent(70) { (event.run, event.agent) = (nil, nil) }
        case .queue, .takeInput, .usage, .think, .progress, .delta, .message, .call, .callProgress, .callEnd, .answer,
            .pause, .resume, .complete,
            .fail, .cancel, .custom:
            break
        }
        if randomness.percent(3) { event.run = nil }
        if randomness.percent(4) { event.agent = randomness.percent(50) ? nil : randomness.below(agents.count) }
        return event
    }

    private static let weighted: [Kind] = [
        .queue, .start, .start, .start, .start, .start, .start, .takeInput, .usage, .think, .think, .think, .progress,
        .delta, .delta, .delta, .delta, .delta,
        .delta, .delta, .message, .message, .call, .call, .call, .call, .callProgress, .callProgress, .callEnd,
        .callEnd,
        .callEnd, .callEnd, .ask, .ask, .ask, .answer, .answer, .pause, .resume, .resume, .resume, .complete, .complete,
        .fail, .cancel, .custom, .userMessage, .stateUpdate,
    ]
}
