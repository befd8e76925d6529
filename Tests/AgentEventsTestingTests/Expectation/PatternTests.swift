import AgentEvents
import AgentEventsTesting
import Testing

@Suite struct PatternTests {
    @Test(arguments: PatternTable.cases)
    func matchesWhatItShouldAndNothingElse(pattern: PatternCase) {
        let expectation = EventExpectation(exhaustivity: pattern.exhaustivity, pattern.pattern)
        for (index, steps) in pattern.good.enumerated() {
            #expect(expectation.failures(of: steps.events()) == [], "good \(index)")
        }
        for (index, steps) in pattern.bad.enumerated() {
            #expect(validate(events: steps.events()) == [], "bad \(index) is well-formed")
            #expect(expectation.failures(of: steps.events()).count == 1, "bad \(index)")
        }
    }

    @Test(
        arguments: [
            (["a": 1, "b": ["c": [1, 2], "d": nil]], ["b": ["c": [1, 2]]], true),
            (["a": 1], [:], true), ([:], ["a": 1], false), (["a": 1], ["a": 2], false), (["a": nil], ["a": nil], true),
            (["a": [1, 2]], ["a": [1]], false), (["a": [["b": 1, "c": 2]]], ["a": [["b": 1]]], true),
            ([1], ["a": 1], false),
            (1, 1, true), (1.5, 1, false), ("x", "x", true), ("xy", "x", false),
        ] as [(JSONValue, JSONValue, Bool)])
    func aPartOfJSONIsFoundInTheWhole(whole: JSONValue, part: JSONValue, isPart: Bool) {
        let events = [Step(.custom(CustomEvent(name: "x", value: whole)), run: nil, agent: nil)].events()
        let one = EventExpectation { .custom(value: part) }
        let other = EventExpectation { .custom("x", .includes(\.value, part)) }
        #expect(one.failures(of: events).isEmpty == isPart)
        #expect(other.failures(of: events).isEmpty == isPart)
    }

    @Test func aBlockMayHaveConditionsAndLoops() {
        for hasThought in [true, false] {
            let expectation = EventExpectation {
                EventPattern.agentStarted()
                if hasThought { EventPattern.agentThinking() }
                for name in ["a", "b"] { EventPattern.custom(name) }
                if hasThought { EventPattern.agentCompleted() } else { EventPattern.agentFailed() }
            }
            let events: [Step] =
                hasThought
                ? [.start, .think(), .custom("a"), .custom("b"), .complete]
                : [.start, .custom("a"), .custom("b"), .fail]
            #expect(expectation.failures(of: events.events()) == [])
            #expect(expectation.failures(of: Array(events.dropLast()).events()).count == 2)
        }
    }

    @Test func whatAPatternDoesNotSayIsCheckedAllTheSame() {
        let anything = EventExpectation { .anything() }
        for sequence in SequenceTable.illegal where sequence.policy == .standard {
            let failures = anything.failures(of: sequence.steps.events())
            #expect(failures.count == 1, "\(sequence.name)")
            #expect(failures.first?.hasPrefix("The events are not well-formed:\n") == true, "\(sequence.name)")
        }
    }

    @Test func aLongSequenceIsMatchedInOneGo() {
        var steps: [Step] = [.start]
        for number in 0..<2000 { steps.append(number.isMultiple(of: 2) ? .progress : .custom("x")) }
        steps.append(.complete)
        let events = steps.events()
        let expectation = EventExpectation {
            .agentStarted()
                .zeroOrMore {
                    .optional { .agentProgress() }
                        .optional { .custom() }
                }
                .agentCompleted()
        }
        #expect(expectation.failures(of: events) == [])
        let loose = EventExpectation(exhaustivity: .off) {
            .agentProgress()
                .zeroOrMore { .custom("x") }
                .agentCompleted()
        }
        #expect(loose.failures(of: events) == [])
    }

    @Test func manyCallsOfOneToolAreReadInOneWay() {
        let calls = (1...40).map { CallID(stringLiteral: "c_\($0)") }
        let steps: [Step] = [.start] + calls.map { .call($0) } + calls.reversed().map { .callEnd($0) } + [.complete]
        let expectation = EventExpectation {
            EventPattern.agentStarted()
            EventPattern.anyOrder { for _ in calls { EventPattern.tool("search") } }
            EventPattern.agentCompleted()
        }
        #expect(expectation.failures(of: steps.events()) == [])
    }

    @Test func aPatternWithTooManyReadingsIsAFailure() {
        let calls = (1...14).map { CallID(stringLiteral: "c_\($0)") }
        let steps: [Step] = [.start] + calls.map { .call($0) } + calls.map { .callEnd($0) } + [.complete]
        let expectation = EventExpectation {
            EventPattern.agentStarted()
            EventPattern.anyOrder {
                for _ in calls {
                    EventPattern.sequence {
                        .toolExecuting("search", .where { _ in true })
                            .toolCompleted("search")
                    }
                }
            }
            EventPattern.agentCompleted()
        }
        let failures = expectation.failures(of: steps.events())
        #expect(failures.map { $0.prefix(39) } == ["The pattern can be read in too many way"])
    }

    @Test func theSinkOfARealRunIsLookedAt() async throws {
        let sink = InMemorySink()
        try await withAgentRuntime(log: InMemoryEventLog(), sinks: [sink]) { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide", input: "Where?") { run in
                try await run.think("Which files?")
                let hits = try await run.tool("search_files", arguments: ["query": "parser"]) { call in
                    try await call.progress("half", fraction: 0.5)
                    return 3
                }
                try await run.say("Found ")
                try await run.say("\(hits) files.")
            }
        }
        expectEvents(in: sink, thread: "t_7") {
            .agentStarted(agent: "guide", input: "Where?")
                .agentThinking(containing: "Which files")
                .tool("search_files", arguments: ["query": "parser"], result: 3) {
                    .toolProgress(.equals(\.message, "half"))
                }
                .message(containing: "Found 3 files.")
                .agentCompleted()
        }
        expectEvents(in: sink, thread: "t_8") {}
    }
}
