import AgentEvents
import AgentEventsTesting
import Testing

/// Seeded random sequences; a failure names the seed of its sequence.
@Suite struct RandomOrderTests {
    private static let maximumLength = 8

    @Test(arguments: 0..<10)
    func machineAgreesWithTheModel(part: Int) {
        let sequencesPerPart = 10_000
        var rules: Set<OrderRule> = []
        var mostClosed = 0
        for number in 0..<sequencesPerPart {
            let seed = UInt64(part * sequencesPerPart + number)
            var randomness = SeededGenerator(seed: seed)
            let policy = OrderPolicy.allCases[randomness.below(OrderPolicy.allCases.count)]
            var model = OrderModel(policy: policy, maximumLength: Self.maximumLength)
            var machine = ThreadStateMachine(policy: policy, maximumMessageByteCount: Self.maximumLength)
            let count = number.isMultiple(of: 100) ? 100 : 4 + randomness.below(36)
            for time in 0..<Int64(count) {
                let event = ModelEvent.random(at: time, using: &randomness)
                let before = machine
                let logged = model.log.count
                let rule = model.receive(event)
                let expected = model.log[logged...].dropLast()
                let action = machine.receive(event.input, at: time)
                guard agrees(action, rule: rule, closing: expected, agent: model.agent(of: event)) else {
                    Issue.record(
                        "seed \(seed), \(event): the model says \(rule?.rawValue ?? "accept"), the machine \(action)"
                    )
                    return
                }
                if rule != nil, before != machine {
                    Issue.record("seed \(seed), \(event) was rejected and changed the state")
                    return
                }
                if let rule { rules.insert(rule) }
                mostClosed = max(mostClosed, expected.count)
            }
        }
        #expect(rules == Set(OrderRule.allCases), "the sequences are too tame")
        #expect(mostClosed >= 6, "the sequences are too tame")
    }

    @Test(arguments: 0..<10)
    func machineRebuiltFromItsLogIsTheSame(part: Int) throws {
        let sequencesPerPart = 500
        var mostOpen = 0
        var leftOut = 0
        for number in 0..<sequencesPerPart {
            let seed = UInt64(1_000_000 + part * sequencesPerPart + number)
            var randomness = SeededGenerator(seed: seed)
            let policy = OrderPolicy.allCases[randomness.below(OrderPolicy.allCases.count)]
            var machine = ThreadStateMachine(policy: policy, maximumMessageByteCount: Self.maximumLength)
            var log: [AgentEvent] = []
            for time in 0..<Int64(4 + randomness.below(60)) {
                let event = ModelEvent.random(at: time, using: &randomness)
                append(event, machine.receive(event.input, at: time), to: &log)
                guard time.isMultiple(of: 4) else { continue }

                // A log gives the events from the start of the oldest open run on.
                let firstOpen = log.firstIndex { $0.type?.beginsRun == true && $0.runID.map(machine.isOpen) == true }
                var fromTheTail = ThreadStateMachine(
                    policy: policy,
                    maximumMessageByteCount: Self.maximumLength
                )
                for event in log[(firstOpen ?? log.endIndex)...] { fromTheTail.restore(event) }
                var fromTheStart = ThreadStateMachine(policy: policy, maximumMessageByteCount: Self.maximumLength)
                for event in log { fromTheStart.restore(event) }
                guard fromTheTail == machine, fromTheStart == machine else {
                    Issue.record("seed \(seed), rebuilt after \(event): not the same")
                    return
                }
                mostOpen = max(mostOpen, machine.openRuns.count)
                if firstOpen ?? 0 > 0 { leftOut += 1 }
            }
        }
        #expect(mostOpen >= 3 && leftOut > 100, "the sequences are too tame")
    }

    /// Logs what a machine accepted, as an execution context does.
    private func append(
        _ event: ModelEvent,
        _ action: ThreadStateMachine.CheckAction,
        to log: inout [AgentEvent]
    ) {
        guard let acceptance = action.acceptance else { return }
        let last = (run: event.input.run, agent: acceptance.agent, payload: event.payload)
        for (run, agent, payload) in acceptance.closing.map({ ($0.run, $0.agent, $0.payload) }) + [last] {
            log.append(
                AgentEvent(
                    id: EventID(generation: 1, sequence: UInt64(log.count + 1)),
                    threadID: "t_1",
                    runID: run,
                    agent: agent,
                    time: Timestamp(milliseconds: event.time),
                    payload: payload
                )
            )
        }
    }

    private func agrees(
        _ action: ThreadStateMachine.CheckAction,
        rule: OrderRule?,
        closing: ArraySlice<OrderModel.Logged>,
        agent: Int?
    ) -> Bool {
        switch action {
        case .lookUp:
            return false
        case .reject(let violation):
            return violation.rule == rule
        case .accept(let acceptance):
            guard rule == nil, acceptance.closing.count == closing.count,
                acceptance.agent == agent.map({ ModelEvent.agents[$0] })
            else { return false }
            return zip(acceptance.closing, closing).allSatisfy { given, expected in
                given.run == expected.event.run.map { ModelEvent.runs[$0] }
                    && given.agent == expected.event.agent.map { ModelEvent.agents[$0] }
                    && given.payload == expected.closing
            }
        }
    }
}
