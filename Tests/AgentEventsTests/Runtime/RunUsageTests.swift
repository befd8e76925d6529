import AgentEvents
import AgentEventsTestSupport
import AgentEventsTesting
import Synchronization
import Testing

/// What a run has used stands in its end, whichever way it ends.
struct RunUsageTests {
    private struct Broken: Error {}

    /// The events of a run whose body is given.
    private func events(_ body: @Sendable (AgentRun) async throws -> Void) async throws -> [AgentEvent] {
        let sink = InMemorySink()
        try await withAgentRuntime(log: InMemoryEventLog(), sinks: [sink]) { runtime in
            do {
                try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide", body)
            } catch is Broken {
            } catch is CancellationError {
            } catch is AgentEventsError {
            }
        }
        return sink.events
    }

    private static func usage(of event: AgentEvent?) -> TokenUsage? {
        switch event?.payload {
        case .agentCompleted(let completed): completed.usage
        case .agentFailed(let failed): failed.usage
        case .agentCancelled(let cancelled): cancelled.usage
        default: nil
        }
    }

    @Test(arguments: [EventType.agentCompleted, .agentFailed, .agentCancelled])
    func everyEndSaysIt(end: EventType) async throws {
        let events = try await events { run in
            run.usage += TokenUsage(inputTokens: 10, other: ["cached_tokens": 4])
            run.usage += TokenUsage(inputTokens: 5, outputTokens: 2, other: ["cached_tokens": 3, "cost": 0.1])
            #expect(run.usage.tokens.inputTokens == 15)
            if end == .agentFailed { throw Broken() }
            if end == .agentCancelled { throw CancellationError() }
        }
        #expect(events.last?.type == end)
        #expect(
            Self.usage(of: events.last)
                == TokenUsage(inputTokens: 15, outputTokens: 2, other: ["cached_tokens": 7, "cost": 0.1]))
    }

    /// A report counts in every end, beside what the handle says, and in that of the parent.
    @Test(arguments: [EventType.agentCompleted, .agentFailed, .agentCancelled])
    func everyEndSaysWhatWasReported(end: EventType) async throws {
        let events = try await events { run in
            let report = UsageReported(
                model: "small", inputTokens: 10, outputTokens: 2, reasoningTokens: 1, isEstimated: true,
                other: ["cost": 0.5, "images": 2])
            try await run.reportUsage(report)
            run.usage += TokenUsage(inputTokens: 100)
            try await run.withChild(agent: "reader") { try await $0.reportUsage(report) }
            if end == .agentFailed { throw Broken() }
            if end == .agentCancelled { throw CancellationError() }
        }
        #expect(events.last?.type == end)
        let usage = Self.usage(of: events.last)
        #expect(usage?.inputTokens == 120)
        #expect(usage?.outputTokens == 4)
        #expect(usage?.other["reasoning_tokens"] == 2)
        #expect(usage?.other["images"] == 4)
        #expect(usage?.other["estimated"] == true)
        // What a price adds up to is not known.
        #expect(usage?.other["cost"] == nil)
        #expect(usage?.other["model"] == nil)
    }

    /// The tokens of an answer that is under way are in the end of the run once, before its report and after it: also while the log is
    /// behind, so that the one who reports waits.
    @Test(arguments: [false, true]) func anAnswerCountsOnce(reports: Bool) async throws {
        let log = SlowLog()
        var configuration = RuntimeConfiguration()
        configuration.highWaterByteCount = 1
        let report = UsageReported(inputTokens: 10, outputTokens: 2)
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            async let run: Void = runtime.withRun(
                user: "u_1", thread: "t_7", agent: "guide", id: "r_1", deadline: nil
            ) { run in
                try await run.flush()
                run.usage.count(report, of: "m_1")
                log.hold()
                if reports {
                    try await run.reportUsage(report, of: "m_1")
                } else {
                    try await run.progress("still")
                }
                try await run.progress("too late")
            }
            await log.waitForAppend()
            let context = try await runtime.context(user: "u_1", thread: "t_7")
            let before = runtime.offeredPosition
            async let stopped = context.command(RunCommand(.stop, by: "u_1"))
            // Its end is decided while the report waits for the log.
            while runtime.offeredPosition == before { await Task.yield() }
            log.letGo()
            #expect(try await stopped.outcome == .done)
            _ = try? await run
        }
        let events = try await log.read(LogRead(.thread("t_7", after: 0))).events
        let end = try events.last.map { try EventDecoder.decode($0.bytes) }
        #expect(end?.type == .agentCancelled)
        #expect(Self.usage(of: end) == TokenUsage(inputTokens: 10, outputTokens: 2))
    }

    /// Two answers at once count both, and each until it is reported.
    @Test func answersAtOnceDoNotReplaceEachOther() async throws {
        let report = UsageReported(inputTokens: 10, outputTokens: 2)
        let events = try await events { run in
            run.usage.count(report, of: "m_1")
            run.usage.count(report, of: "m_2")
            run.usage.count(UsageReported(inputTokens: 11, outputTokens: 3), of: "m_2")
            #expect(run.usage.total == TokenUsage(inputTokens: 21, outputTokens: 5))
            #expect(run.usage.tokens == TokenUsage())
            try await run.reportUsage(report, of: "m_1")
            run.usage.settle("m_2")
        }
        #expect(Self.usage(of: events.last) == TokenUsage(inputTokens: 10, outputTokens: 2))
    }

    /// However many members reports have, the sum stays small.
    @Test func aSumOfReportsIsBounded() {
        var usage = TokenUsage()
        for number in 0..<1000 {
            usage.add(UsageReported(inputTokens: .max, outputTokens: 1, other: ["n_\(number)": 1, "all": 1]))
            usage.add(
                UsageReported(
                    inputTokens: 0, outputTokens: 0,
                    other: [String(repeating: "x", count: 65): 1, "text": "a", "half": 0.5]))
        }
        #expect(usage.inputTokens == .max)
        #expect(usage.outputTokens == 1000)
        #expect(usage.other["all"] == 1000)
        #expect(usage.other.count == 16)
    }

    @Test func withoutAnyTheEndHasNoUsage() async throws {
        let events = try await events { _ in }
        #expect(events.map(\.typeName) == ["agent_started", "agent_completed"])
        #expect(Self.usage(of: events.last) == nil)
    }

    @Test func settingReplacesAndTheEndsOwnUsageCounts() async throws {
        let events = try await events { run in
            run.usage += TokenUsage(inputTokens: 10)
            run.usage.tokens = TokenUsage(outputTokens: 1)
            try await run.withChild(agent: "reader") { child in child.usage = run.usage }
            try await run.emit(
                .agentCancelled(AgentCancelled(usage: TokenUsage(inputTokens: 99), durationMilliseconds: 1)))
        }
        #expect(events.map(\.typeName).suffix(2) == ["agent_completed", "agent_cancelled"])
        #expect(Self.usage(of: events.dropLast().last) == TokenUsage(outputTokens: 1))
        #expect(Self.usage(of: events.last) == TokenUsage(inputTokens: 99))
    }

    @Test func aChildThatEndsWithItsParentSaysItsOwnAndTheParentTheSum() async throws {
        let events = try await events { run in
            run.usage += TokenUsage(inputTokens: 1)
            try await run.withChild(agent: "reader") { child in
                child.usage += TokenUsage(inputTokens: 2)
                try await run.emit(
                    .agentFailed(
                        AgentFailed(
                            error: RunFailure(code: "x", message: "y", retryable: false), durationMilliseconds: 1)))
            }
        }
        #expect(events.map(\.typeName).suffix(2) == ["agent_cancelled", "agent_failed"])
        #expect(Self.usage(of: events.dropLast().last) == TokenUsage(inputTokens: 2))
        #expect(Self.usage(of: events.last) == TokenUsage(inputTokens: 3))
    }

    /// A tree of three levels, of which one child has failed and one has a usage of its own.
    @Test(arguments: [EventType.agentCompleted, .agentFailed, .agentCancelled])
    func everyEndSaysTheSumOverItsTree(end: EventType) async throws {
        let events = try await events { run in
            run.usage += TokenUsage(inputTokens: 1)
            try await run.withChild(agent: "reader") { child in
                child.usage += TokenUsage(inputTokens: 10, other: ["cached_tokens": 1])
                try await child.withChild(agent: "reader") { inner in
                    inner.usage += TokenUsage(inputTokens: 100, outputTokens: 7, other: ["cached_tokens": 2])
                }
                #expect(child.usage.tokens.inputTokens == 10)
                #expect(child.usage.total.inputTokens == 110)
            }
            try? await run.withChild(agent: "reader") { child in
                child.usage += TokenUsage(inputTokens: 1000)
                throw Broken()
            }
            try? await run.withChild(agent: "reader") { child in
                child.usage += TokenUsage(inputTokens: 5)
                try await child.emit(
                    .agentCancelled(AgentCancelled(usage: TokenUsage(inputTokens: 10_000), durationMilliseconds: 1)))
            }
            #expect(run.usage.tokens == TokenUsage(inputTokens: 1))
            if end == .agentFailed { throw Broken() }
            if end == .agentCancelled { throw CancellationError() }
        }
        let ends = events.filter { $0.payload.type?.rawValue.hasPrefix("agent_") == true }
            .compactMap { Self.usage(of: $0) }
        #expect(ends.map(\.inputTokens) == [100, 110, 1000, 10_000, 11_111])
        #expect(events.last?.type == end)
        #expect(
            Self.usage(of: events.last)
                == TokenUsage(inputTokens: 11_111, outputTokens: 7, other: ["cached_tokens": 3]))
    }

    /// The end of the parent closes the whole tree in one step, innermost first.
    @Test func aTreeThatEndsAtOnceIsSummedUp() async throws {
        let events = try await events { run in
            try await run.withChild(agent: "reader") { child in
                child.usage += TokenUsage(inputTokens: 10)
                try await child.withChild(agent: "reader") { inner in
                    inner.usage += TokenUsage(inputTokens: 100)
                    try await run.emit(.agentCancelled(AgentCancelled(durationMilliseconds: 1)))
                }
            }
        }
        #expect(events.compactMap { Self.usage(of: $0)?.inputTokens } == [100, 110, 110])
    }

    /// An emission that is refused has changed nothing, also of what is summed up (I4).
    @Test func whatIsRefusedIsNotSummedUp() async throws {
        let events = try await events { run in
            try await run.withChild(agent: "reader", id: "r_child") { child in
                child.usage += TokenUsage(inputTokens: 2)
                let end = EventDraft(runID: "r_child", .agentCancelled(AgentCancelled(durationMilliseconds: 1)))
                let late = EventDraft(runID: "r_child", .agentThinking(AgentThinking(thoughtID: "th_1", text: "late")))
                let error = await #expect(throws: AgentEventsError.self) { try await run.context.emit([end, late]) }
                #expect(error?.code == .order(.alreadyEnded))
                #expect(run.usage.total == TokenUsage())
            }
        }
        #expect(events.compactMap { Self.usage(of: $0)?.inputTokens } == [2, 2])
    }

    @Test func nothingIsLostWhenTasksAddAtOnce() async throws {
        let events = try await events { run in
            await withDiscardingTaskGroup { group in
                for _ in 0..<100 { group.addTask { run.usage += TokenUsage(inputTokens: 1, outputTokens: 2) } }
            }
        }
        #expect(Self.usage(of: events.last) == TokenUsage(inputTokens: 100, outputTokens: 200))
    }

    /// An event cannot hold it: the run cannot end well, but it ends (I7).
    @Test func tokensThatNoEventHoldsEndTheRunAsFailed() async throws {
        let events = try await events { run in run.usage += TokenUsage(inputTokens: -1) }
        guard case .agentFailed(let failed) = events.last?.payload else {
            Issue.record("the run has failed")
            return
        }
        #expect(failed.usage == nil)
        #expect(failed.error.message.contains("input_tokens"))
    }

    @Test func countsAreAddedUpToTheLargest() {
        var usage = TokenUsage(
            inputTokens: .max, other: ["details": ["cached": 1, "tier": "a"], "model": "x", "calls": 1.5])
        usage += TokenUsage(
            inputTokens: 1, outputTokens: 3, other: ["details": ["cached": 2, "tier": "b"], "model": "y", "calls": 2])
        #expect(
            usage
                == TokenUsage(
                    inputTokens: .max, outputTokens: 3,
                    other: ["details": ["cached": 3, "tier": "b"], "model": "y", "calls": 2]))
    }
}

/// A log whose appends wait while the test says so.
private final class SlowLog: ForwardingLog {
    private struct State {
        var holds = false
        var held: CheckedContinuation<Void, Never>?
        var watcher: CheckedContinuation<Void, Never>?
    }

    let log = InMemoryEventLog()
    private let state = Mutex(State())

    func hold() { state.withLock { $0.holds = true } }

    func letGo() {
        let held = state.withLock { state in
            state.holds = false
            return state.held.take()
        }
        held?.resume()
    }

    /// Returns when an append waits.
    func waitForAppend() async {
        await withCheckedContinuation { watcher in
            let isHeld = state.withLock { state in
                if state.held == nil { state.watcher = watcher }
                return state.held != nil
            }
            if isHeld { watcher.resume() }
        }
    }

    func append(_ commit: LogCommit) async throws(EventLogError) {
        await withCheckedContinuation { append in
            let (holds, watcher) = state.withLock { state in
                guard state.holds else { return (false, nil as CheckedContinuation<Void, Never>?) }
                state.held = append
                return (true, state.watcher.take())
            }
            if holds { watcher?.resume() } else { append.resume() }
        }
        try await log.append(commit)
    }
}
