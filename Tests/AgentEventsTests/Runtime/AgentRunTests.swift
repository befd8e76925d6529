import AgentEvents
import AgentEventsTesting
import Testing

/// The scopes of a run: which events they emit, whichever way they end.
struct AgentRunTests {
    private struct Broken: Error {}

    private struct Coded: CodedError {
        var eventCode: String { "file.unreadable" }
        var eventMessage: String { "notes.txt cannot be read" }
        var isRetryable: Bool { true }
    }

    /// Runs a body and gives back what a sink saw.
    private func events(
        configuration: RuntimeConfiguration = RuntimeConfiguration(),
        _ body: (AgentRuntime) async throws -> Void
    ) async throws -> [AgentEvent] {
        let sink = InMemorySink()
        try await withAgentRuntime(log: InMemoryEventLog(), sinks: [sink], configuration: configuration, body)
        return sink.events
    }

    @Test func aRunEmitsTheFiveStepsInOrder() async throws {
        let time = ManualClock()
        let events = try await events(configuration: .deterministic(clock: time)) { runtime in
            let answer = try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide", input: "why?") { run in
                try await run.think("Which files mention it?")
                time.advance(by: .milliseconds(5))
                let hits = try await run.tool("search_files", arguments: ["query": "why"]) { _ in
                    time.advance(by: .milliseconds(20))
                    return 3
                }
                return "\(hits) files"
            }
            #expect(answer == "3 files")
        }
        #expect(
            events.map(\.typeName) == [
                "agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed",
            ])
        #expect(events.map(\.sequence) == [1, 2, 3, 4, 5])
        #expect(Set(events.map(\.id.generation)).count == 1)
        #expect(events[0].payload == .agentStarted(AgentStarted(input: "why?")))
        #expect(
            events[3].payload
                == .toolCompleted(
                    ToolCompleted(
                        callID: "c_1", tool: "search_files", status: .succeeded, result: 3, durationMilliseconds: 20)))
        #expect(
            events[4].payload == .agentCompleted(AgentCompleted(result: "3 files", durationMilliseconds: 25)))
    }

    /// One generic scope has bodies that return nothing, and those that return a result.
    @Test func aBodyReturnsNothingOrAResult() async throws {
        let events = try await events { runtime in
            let nothing: Void = try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { run in
                try await run.tool("nothing", arguments: [1]) { _ in }
                let found = try await run.tool("search", arguments: [1]) { call in
                    try await call.progress("half")
                    return ["README.md"]
                }
                #expect(found.count == 1)
                let none: String? = try await run.tool("find", arguments: [1]) { _ in found.count > 1 ? "x" : nil }
                #expect(none == nil)
                try await run.tool("nothing", arguments: [1], timeout: .seconds(600)) { _ in }
                let late = try await run.tool("late", arguments: [1], timeout: nil) { _ in JSONValue.string("late") }
                #expect(late == "late")
                let child = try await run.withChild(agent: "reader") { child in
                    try await child.think("so")
                    return 3
                }
                try await run.withChild(agent: "reader") { _ in #expect(child == 3) }
            }
            #expect(nothing == ())
        }
        let tools = events.compactMap { event -> JSONValue?? in
            guard case .toolCompleted(let completed) = event.payload else { return nil }
            return .some(completed.result)
        }
        #expect(tools == [nil, ["README.md"], .null, nil, "late"])
        let runs = events.compactMap { event -> JSONValue?? in
            guard case .agentCompleted(let completed) = event.payload else { return nil }
            return .some(completed.result)
        }
        #expect(runs == [3, nil, nil])
    }

    @Test func aResultThatIsNotEncodableIsReturnedAndNotLogged() async throws {
        struct Plain: Sendable, Equatable { var number: Int }
        let events = try await events { runtime in
            let one = try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { run in
                let pair = try await run.tool("a", arguments: 1) { _ in (1, 2) }
                let child = try await run.withChild(agent: "b") { _ in Plain(number: pair.1) }
                return try await run.tool("a", arguments: 1, timeout: .seconds(600)) { _ in child }
            }
            #expect(one == Plain(number: 2))
            try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide", deadline: .seconds(600)) { run in
                try await run.emit(.agentProgress(AgentProgress(message: "half")))
            }
        }
        #expect(events.last?.type == .agentCompleted)
        for event in events {
            if case .toolCompleted(let completed) = event.payload { #expect(completed.result == nil) }
            if case .agentCompleted(let completed) = event.payload { #expect(completed.result == nil) }
        }
    }

    @Test func whatIsSaidIsOneMessageCompletedBeforeTheRun() async throws {
        let events = try await events { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { run in
                try await run.say("Found ")
                try await run.say("two files.")
            }
        }
        #expect(
            events.map(\.typeName) == [
                "agent_started", "message_delta", "message_delta", "message_completed", "agent_completed",
            ])
        guard case .messageDelta(let delta) = events[1].payload,
            case .messageCompleted(let completed) = events[3].payload
        else {
            Issue.record("a message")
            return
        }
        #expect(completed == MessageCompleted(messageID: delta.messageID, text: "Found two files."))
    }

    @Test func aThrowClosesWhatIsOpenAndFailsTheRun() async throws {
        let events = try await events { runtime in
            await #expect(throws: Broken.self) {
                try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { run in
                    try await run.say("Wait")
                    try await run.emit(
                        .toolExecuting(ToolExecuting(callID: "c_x", tool: "slow", arguments: [:])))
                    throw Broken()
                }
            }
        }
        #expect(
            events.map(\.typeName) == [
                "agent_started", "message_delta", "tool_executing", "tool_completed", "message_completed",
                "agent_failed",
            ])
        guard case .toolCompleted(let call) = events[3].payload,
            case .messageCompleted(let message) = events[4].payload,
            case .agentFailed(let failed) = events[5].payload
        else {
            Issue.record("closed innermost first")
            return
        }
        #expect(call.status == .cancelled)
        #expect(message.text == "Wait")
        #expect(failed.error.code == "error")
    }

    @Test func aToolThatThrowsCompletesAsFailedWithItsCode() async throws {
        let events = try await events { runtime in
            _ = try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { run in
                await #expect(throws: Coded.self) {
                    try await run.tool("read_file", arguments: ["path": "notes.txt"]) { _ in throw Coded() }
                }
            }
        }
        guard case .toolCompleted(let completed) = events[2].payload else {
            Issue.record("the tool completed")
            return
        }
        #expect(completed.status == .failed)
        #expect(completed.error == ToolFailure(code: "file.unreadable", message: "notes.txt cannot be read"))
        #expect(events.last?.typeName == "agent_completed")
    }

    @Test func cancellationEndsTheToolAndTheRunAsCancelled() async throws {
        let events = try await events { runtime in
            let (started, startedContinuation) = AsyncStream.makeStream(
                of: Void.self, bufferingPolicy: .bufferingOldest(1))
            await withTaskGroup { group in
                group.addTask {
                    await #expect(throws: CancellationError.self) {
                        try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { run in
                            try await run.tool("wait", arguments: [:] as JSONValue) { _ in
                                startedContinuation.finish()
                                try await waitForCancellation()
                            }
                        }
                    }
                }
                for await _ in started {}
                group.cancelAll()
            }
        }
        #expect(
            events.map(\.typeName) == ["agent_started", "tool_executing", "tool_completed", "agent_cancelled"])
        guard case .toolCompleted(let completed) = events[2].payload else {
            Issue.record("the tool completed")
            return
        }
        #expect(completed.status == .cancelled)
    }

    @Test func toolsInParallelCompleteInAnyOrder() async throws {
        let events = try await events { runtime in
            let read = try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { run in
                async let one = run.tool("read_file", arguments: ["path": "a"]) { _ in "a" }
                async let two = run.tool("read_file", arguments: ["path": "b"]) { _ in "b" }
                return try await [one, two]
            }
            #expect(read == ["a", "b"])
        }
        #expect(events.count == 6)
        #expect(events.map(\.sequence) == Array(1...6))
        #expect(events.last?.typeName == "agent_completed")
    }

    @Test func aChildRunEndsBeforeItsParent() async throws {
        let events = try await events { runtime in
            _ = try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { run in
                try await run.withChild(agent: "reader") { child in
                    try await child.think("reading")
                }
            }
        }
        #expect(
            events.map(\.typeName) == [
                "agent_started", "agent_started", "agent_thinking", "agent_completed", "agent_completed",
            ])
        #expect(events.map(\.agent) == ["guide", "reader", "reader", "reader", "guide"])
    }

    @Test func aRunWithOpenWorkFailsInsteadOfCompleting() async throws {
        let events = try await events { runtime in
            await #expect(throws: AgentEventsError.self) {
                try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { run in
                    try await run.emit(.toolExecuting(ToolExecuting(callID: "c_x", tool: "slow", arguments: [:])))
                }
            }
        }
        #expect(
            events.map(\.typeName) == ["agent_started", "tool_executing", "tool_completed", "agent_failed"])
        guard case .agentFailed(let failed) = events.last?.payload else {
            Issue.record("failed")
            return
        }
        #expect(failed.error.code == "order.work_open")
    }

    @Test func aResultThatIsTooLargeFailsTheRunAndIsToldToTheCaller() async throws {
        var configuration = RuntimeConfiguration()
        configuration.maximumEventByteCount = 4096
        let events = try await events(configuration: configuration) { runtime in
            let error = await #expect(throws: AgentEventsError.self) {
                _ = try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { _ in
                    String(repeating: "x", count: 5000)
                }
            }
            #expect(error?.code == .tooLarge)
        }
        #expect(events.map(\.typeName) == ["agent_started", "agent_failed"])
    }

    @Test(arguments: ["x", "\u{1}", "\"", "é"])
    func anOpenMessageNeverGrowsBeyondWhatCanBeClosed(character: String) async throws {
        var configuration = RuntimeConfiguration()
        configuration.maximumEventByteCount = 4096
        let events = try await events(configuration: configuration) { runtime in
            let error = await #expect(throws: AgentEventsError.self) {
                try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { run in
                    while true { try await run.say(String(repeating: character, count: 100)) }
                }
            }
            #expect(error?.code == .order(.messageTooLong))
        }
        #expect(events.suffix(2).map(\.typeName) == ["message_completed", "agent_failed"])
    }

    @Test func aHugeErrorDescriptionStillEndsTheRun() async throws {
        struct Wordy: Error, CustomStringConvertible {
            var description: String { String(repeating: "long ", count: 1_000_000) }
        }
        let events = try await events { runtime in
            await #expect(throws: Wordy.self) {
                try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { _ in throw Wordy() }
            }
        }
        #expect(events.map(\.typeName) == ["agent_started", "agent_failed"])
    }
}
