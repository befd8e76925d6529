import AgentEvents
import AgentEventsTesting

/// The events of a random thread: legal, with fragments in a row, and with texts and values of every kind.
struct RandomThread {
    private(set) var events: [AgentEvent] = []
    private var machine = ThreadStateMachine(policy: .standard)
    private var randomness: SeededGenerator
    private var generator: SeededGenerator
    private let generationLength: UInt64

    init(seed: UInt64, partCount: Int = 3) throws {
        randomness = SeededGenerator(seed: seed)
        generator = SeededGenerator(seed: seed)
        generationLength = UInt64(20 + generator.below(200))
        // Each part of a thread has runs of its own, most of which end with it.
        for part in 0..<partCount {
            for time in 0..<Int64(4 + randomness.below(40)) {
                let event = ModelEvent.random(at: time, using: &randomness)
                let repetitions = event.kind == .delta || event.kind == .think ? 1 + randomness.below(8) : 1
                for _ in 0..<repetitions { try receive(event, part: part) }
                guard randomness.percent(25) else { continue }
                try receive(ModelEvent(kind: randomness.percent(50) ? .userMessage : .stateUpdate), part: part)
            }
            for run in machine.openRootRuns where randomness.percent(70) {
                receive(run, nil, randomness.percent(50) ? .cancel : .fail)
            }
        }
    }

    private mutating func receive(_ event: ModelEvent, part: Int) throws {
        let run = try event.input.run.map { try RunID("\($0)_\(part)") }
        var payload = try enriched(event.payload)
        if case .agentStarted(var started) = payload {
            started.parentRunID = try started.parentRunID.map { try RunID("\($0)_\(part)") }
            payload = .agentStarted(started)
        }
        receive(run, event.input.agent, payload)
    }

    private mutating func receive(_ run: RunID?, _ agent: AgentName?, _ payload: EventPayload) {
        let time = Timestamp(milliseconds: Int64(events.count / 3))
        let action = machine.receive(run: run, agent: agent, payload: payload, at: time)
        guard let acceptance = action.acceptance else { return }
        for closing in acceptance.closing { append(closing.run, closing.agent, time, closing.payload) }
        append(run, acceptance.agent, time, payload)
    }

    private mutating func append(_ run: RunID?, _ agent: AgentName?, _ time: Timestamp, _ payload: EventPayload) {
        let sequence = UInt64(events.count + 1)
        events.append(
            AgentEvent(
                id: EventID(generation: 1 + sequence / generationLength, sequence: sequence), threadID: "t_7",
                runID: run,
                agent: agent, time: time, payload: payload))
    }

    /// The same event with more in it.
    private mutating func enriched(_ payload: EventPayload) throws -> EventPayload {
        switch payload {
        case .agentThinking:
            let thought: ThoughtID = generator.below(4) == 0 ? "th_2" : "th_1"
            return .agentThinking(AgentThinking(thoughtID: thought, text: RandomJSON.text(&generator)))
        case .messageDelta(var delta):
            delta.text = RandomJSON.text(&generator)
            return .messageDelta(delta)
        case .messageCompleted(var completed):
            completed.text = RandomJSON.text(&generator)
            completed.role = MessageRole.allCases[generator.below(MessageRole.allCases.count)]
            return .messageCompleted(completed)
        case .toolExecuting(var executing):
            executing.arguments = try RandomJSON.value(&generator)
            executing.purpose = optional { RandomJSON.text(&$0) }
            return .toolExecuting(executing)
        case .agentProgress:
            return .agentProgress(
                AgentProgress(
                    message: optional { RandomJSON.text(&$0) }, fraction: Double(generator.below(1001)) / 1000,
                    step: optional { $0.below(9) }, total: optional { $0.below(9) }))
        case .toolProgress(var progress):
            progress.fraction = Double(generator.below(1001)) / 1000
            return .toolProgress(progress)
        case .approvalRequested(var requested):
            requested.schema = try optional { try RandomJSON.value(&$0) }
            requested.expiresAt = optional { Timestamp(milliseconds: Int64($0.below(1 << 30))) }
            return .approvalRequested(requested)
        case .agentCompleted(var completed):
            completed.result = try optional { try RandomJSON.value(&$0) }
            return .agentCompleted(completed)
        case .agentCancelled(var cancelled):
            cancelled.reason = optional { RandomJSON.text(&$0) }
            cancelled.by = optional { _ in "u_1" }
            return .agentCancelled(cancelled)
        case .userMessage(var message):
            message.text = RandomJSON.text(&generator)
            message.data = try optional { try RandomJSON.value(&$0) }
            return .userMessage(message)
        case .stateUpdated(var update):
            update.version = Int64(1 + generator.below(40))
            update.key = ["plan", "é", "e\u{301}", ""][generator.below(4)]
            if generator.below(3) > 0 { update.change = .value(try RandomJSON.value(&generator)) }
            return .stateUpdated(update)
        case .agentQueued(var queued):
            queued.input = try optional { try RandomJSON.value(&$0) }
            if generator.below(2) == 0 { queued.messageIDs = ["m_u", "m_v"] }
            queued.notBefore = optional { Timestamp(milliseconds: Int64($0.below(1 << 30))) }
            queued.startBy = optional { Timestamp(milliseconds: Int64($0.below(1 << 30))) }
            return .agentQueued(queued)
        case .usageReported(var report):
            report.inputTokens = Int64(generator.below(1000))
            report.cachedInputTokens = optional { Int64($0.below(100)) }
            report.isEstimated = generator.below(4) == 0
            if generator.below(2) == 0 { report.other = ["cost": try RandomJSON.value(&generator), "images": 2] }
            return .usageReported(report)
        case .agentStarted, .inputTaken, .toolCompleted, .approvalResolved, .agentPaused, .agentResumed, .agentFailed,
            .custom, .unknown:
            return payload
        }
    }

    private mutating func optional<Value>(_ value: (inout SeededGenerator) throws -> Value) rethrows -> Value? {
        generator.below(2) == 0 ? nil : try value(&generator)
    }

    /// The events as a log has them.
    func stored() throws -> [StoredEvent] {
        try events.map { StoredEvent(thread: $0.threadID, id: $0.id, bytes: try EventEncoder.encode($0)) }
    }
}
