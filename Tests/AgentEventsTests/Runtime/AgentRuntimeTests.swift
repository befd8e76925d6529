import AgentEventsTesting
import Synchronization
import Testing

@testable import AgentEvents

/// Contexts, isolation, idempotency, reading and recovery.
struct AgentRuntimeTests {
    private func thinking(_ text: String, run: RunID = "r_1") -> EventDraft {
        EventDraft(runID: run, .agentThinking(AgentThinking(thoughtID: "th_1", text: text)))
    }

    private func started(_ run: RunID = "r_1") -> EventDraft {
        EventDraft(runID: run, agent: "guide", .agentStarted(AgentStarted()))
    }

    private func stored(_ log: some EventLog, _ thread: ThreadID = "t_1") async throws -> [AgentEvent] {
        try await log.read(LogRead(.thread(thread, after: 0))).events.map { try EventDecoder.decode($0.bytes) }
    }

    @Test func aThreadBelongsToTheUserThatOpenedIt() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            try await context.emit(started())
            for _ in 0..<2 {
                let error = await #expect(throws: AgentEventsError.self) {
                    try await runtime.context(user: "u_2", thread: "t_1")
                }
                #expect(error?.code == .threadForbidden)
                try await runtime.flush()
            }
            let error = await #expect(throws: AgentEventsError.self) {
                try await runtime.events(user: "u_2", thread: "t_1")
            }
            #expect(error?.code == .threadForbidden)
        }
    }

    @Test func manyTasksOpenTheSameContextOnce() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            try await withThrowingTaskGroup(of: ObjectIdentifier.self) { group in
                let first = try await runtime.context(user: "u_1", thread: "t_1")
                for _ in 0..<50 {
                    group.addTask { ObjectIdentifier(try await runtime.context(user: "u_1", thread: "t_1")) }
                }
                for try await identity in group { #expect(identity == ObjectIdentifier(first)) }
            }
        }
    }

    @Test func aContextThatWasGivenBackIsRebuiltWithItsOpenRuns() async throws {
        var configuration = RuntimeConfiguration()
        configuration.maximumIdleContexts = 2
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            let drafts = [
                started(),
                EventDraft(runID: "r_1", .toolExecuting(ToolExecuting(callID: "c_1", tool: "t", arguments: [:]))),
            ]
            var identities: Set<ObjectIdentifier> = []
            for round in 0..<3 {
                let context = try await runtime.context(user: "u_1", thread: "t_1")
                identities.insert(ObjectIdentifier(context))
                if round == 0 {
                    _ = try await context.emit(drafts)
                } else {
                    try await context.emit(thinking("\(round)"))
                }
                for other in 0..<4 {
                    _ = try await runtime.context(user: "u_1", thread: ThreadID("t_other_\(round)_\(other)"))
                }
            }
            // The rebuilt context knows the open call, so the run cannot complete.
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            let completed = EventDraft(runID: "r_1", .agentCompleted(AgentCompleted(durationMilliseconds: 1)))
            let error = await #expect(throws: AgentEventsError.self) { try await context.emit(completed) }
            #expect(error?.code == .order(.workOpen))
            #expect(error?.violation?.state.contains("c_1") == true)
            let again = await #expect(throws: AgentEventsError.self) { try await context.emit(started()) }
            #expect(again?.code == .order(.alreadyStarted))
        }
        #expect(try await stored(log).map(\.sequence) == [1, 2, 3, 4])
    }

    @Test func aBatchWithOneBadEventLogsNothing() async throws {
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            let bad = EventDraft(
                runID: "r_1", .toolProgress(ToolProgress(callID: "c_none")))
            let error = await #expect(throws: AgentEventsError.self) {
                _ = try await context.emit([started(), thinking("a"), bad])
            }
            #expect(error?.code == .order(.callNotOpen))
            #expect(error?.index == 2)
            // Nothing changed: the same run can start.
            let receipt = try await context.emit([started(), thinking("a")])
            #expect(receipt.ids.map(\.sequence) == [1, 2])
            let empty = await #expect(throws: AgentEventsError.self) { _ = try await context.emit([]) }
            #expect(empty?.code == .emptyBatch)
        }
        #expect(try await stored(log).count == 2)
    }

    @Test func theSameKeyAgainAnswersTheSameAndLogsNothing() async throws {
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            try await context.emit(started())
            let receipts = try await withThrowingTaskGroup(of: EmitReceipt.self) { group in
                for _ in 0..<20 { group.addTask { try await context.emit([thinking("once")], key: "k_1") } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(receipts.map(\.ids)).count == 1)
            #expect(receipts.count { !$0.isRepeated } == 1)
            try await runtime.flush()
            #expect(try await context.emit([thinking("once")], key: "k_1").isRepeated)
        }
        log.close()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            #expect(try await context.emit([thinking("once")], key: "k_1").isRepeated)
        }
        #expect(try await stored(log).count { $0.type == .agentThinking } == 1)
    }

    @Test func lostRunsAreClosedWhenTheLogIsOpenedAgain() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            _ = try await context.emit([
                started("r_1"),
                EventDraft(runID: "r_1", .messageDelta(MessageDelta(messageID: "m_1", text: "Half"))),
                EventDraft(runID: "r_2", agent: "child", .agentStarted(AgentStarted(parentRunID: "r_1"))),
            ])
        }
        log.close()
        let sink = InMemorySink()
        try await withAgentRuntime(log: log, sinks: [sink]) { runtime in
            // Waits for the start, and so for the repair.
            _ = try await runtime.context(user: "u_1", thread: "t_1")
        }
        let events = try await stored(log)
        #expect(
            events.suffix(3).map(\.typeName) == ["agent_cancelled", "message_completed", "agent_failed"])
        #expect(sink.events.map(\.id) == events.suffix(3).map(\.id))
        guard case .agentFailed(let failed) = events.last?.payload else {
            Issue.record("the root run failed")
            return
        }
        #expect(failed.error.code == "run.lost")
        #expect(failed.error.retryable)
        #expect(events.map(\.id.generation) == [1, 1, 1, 2, 2, 2])
    }

    @Test func timeNeverGoesBackwardsInAThread() async throws {
        let milliseconds = Mutex<Int64>(1_700_000_000_000)
        var configuration = RuntimeConfiguration()
        configuration.clock = WallClock { Timestamp(milliseconds: milliseconds.withLock { $0 }) }
        let log = InMemoryEventLog()
        for offset in [0, -5000] as [Int64] {
            milliseconds.withLock { $0 += offset }
            try await withAgentRuntime(log: log, configuration: configuration) { runtime in
                let context = try await runtime.context(user: "u_1", thread: "t_1")
                try await context.emit(started(RunID("r\(offset)")))
                milliseconds.withLock { $0 -= 1000 }
                try await context.emit(thinking("later", run: RunID("r\(offset)")))
            }
            log.close()
        }
        let times = try await stored(log).map(\.time.milliseconds)
        #expect(times.count >= 4)
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 <= $1 })
    }

    @Test func aSequenceOfEventsFollowsAThreadFromAnyCursor() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            try await context.emit(started())
            for number in 0..<20 { try await context.emit(thinking("\(number)")) }
            try await runtime.flush()
            for after in 0...21 as ClosedRange<UInt64> {
                let start: StartPosition = after == 0 ? .start : .after(EventID(generation: 1, sequence: after))
                var iterator = try await runtime.events(user: "u_1", thread: "t_1", from: start).makeAsyncIterator()
                var seen: [UInt64] = []
                while seen.count < Int(21 - after), let event = try await iterator.next() {
                    seen.append(event.sequence)
                }
                #expect(seen == Array(after..<21).map { $0 + 1 })
            }
            let now = try await runtime.events(user: "u_1", thread: "t_1", from: .now)
            async let next = now.first { _ in true }
            try await context.emit(thinking("live"))
            #expect(try await next?.sequence == 22)
        }
    }

    @Test(
        arguments: [
            (EventID(generation: 1, sequence: 99), .cursorUnknown),
            (EventID(generation: 9, sequence: 1), .cursorDiverged),
            (EventID(generation: 9, sequence: 99), .cursorDiverged),
        ] as [(Cursor, AgentEventsError.Code)])
    func aCursorThatTheThreadDoesNotHaveIsAnError(cursor: Cursor, code: AgentEventsError.Code) async throws {
        try await withAgentRuntime(log: InMemoryEventLog(generations: .counting)) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            _ = try await context.emit([started(), thinking("a")])
            try await runtime.flush()
            let error = await #expect(throws: AgentEventsError.self) {
                _ = try await runtime.events(user: "u_1", thread: "t_1", from: .after(cursor))
            }
            #expect(error?.code == code)
        }
    }

    @Test func aSequenceEndsWithTheRuntimeAndGivesEverythingBefore() async throws {
        let log = InMemoryEventLog()
        let sequence = try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            _ = try await context.emit([started(), thinking("a")])
            return try await runtime.events(user: "u_1", thread: "t_1")
        }
        var seen: [UInt64] = []
        for try await event in sequence { seen.append(event.sequence) }
        #expect(seen == [1, 2])
    }

    @Test func withoutRunTheCallsFailInsteadOfHanging() async throws {
        var configuration = RuntimeConfiguration()
        configuration.startTimeout = .milliseconds(10)
        let runtime = AgentRuntime(log: InMemoryEventLog(), configuration: configuration)
        let error = await #expect(throws: AgentEventsError.self) {
            try await runtime.context(user: "u_1", thread: "t_1")
        }
        #expect(error?.code == .notRunning)
        #expect(error?.message.contains("did not start within 0.01 seconds: call run()") == true)
    }

    @Test func aFailingLogFailsRunsAndShowsNothingUncommitted() async throws {
        let log = InMemoryEventLog(maximumByteCount: 600)
        let sink = InMemorySink()
        let error = await #expect(throws: AgentEventsError.self) {
            try await withAgentRuntime(log: log, sinks: [sink]) { runtime in
                try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                    while true {
                        try await run.think("again and again")
                        try await run.flush()
                    }
                }
            }
        }
        #expect(error?.code == .log(.full))
        let kept = try await stored(log)
        #expect(sink.events.map(\.id) == kept.map(\.id))
        #expect(!kept.isEmpty)
    }

    @Test func generatedIdentifiersAreValidAndSortByTime() throws {
        let time = ManualClock()
        let source = IdentifierSource.timeSorted(clock: time.wallClock)
        var last = ""
        for _ in 0..<100 {
            let text = source.runID().rawValue
            #expect(try IdentifierText(text).string == text)
            #expect(text.count == 28)
            #expect(text > last)
            last = text
            time.advance(by: .milliseconds(1))
        }
    }
}
