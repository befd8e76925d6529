import AgentEvents
import AgentEventsTesting
import Testing

@Suite(.timeLimit(.minutes(10))) struct EventProbeTests {
    private static func withRuntime(_ body: (AgentRuntime) async throws -> Void) async throws {
        try await withAgentRuntime(
            log: InMemoryEventLog(generations: .counting), configuration: .deterministic(), body)
    }

    private static func run(_ runtime: AgentRuntime, thread: ThreadID = "t_1") async throws {
        try await runtime.withRun(user: "u_1", thread: thread, agent: "guide") { run in
            try await run.think("Hm.")
            try await run.tool("search", arguments: ["q": "x"]) { _ in 2 }
            try await run.say("Two.")
        }
    }

    @Test func eventsAreTakenOneByOneWhileTheAgentRuns() async throws {
        try await Self.withRuntime { runtime in
            let other: ThreadID = "t_2"
            try await withEventProbe(of: runtime, thread: "t_1") { probe in
                async let result: Void = Self.run(runtime)
                try await Self.run(runtime, thread: other)
                #expect(try await probe.next().agent == "guide")
                try await probe.next(.agentThinking)
                let completed = try await probe.skip(until: .toolCompleted)
                #expect(completed.sequence == 4)
                try await probe.next(.messageDelta)
                try await probe.next(.messageCompleted)
                try await result
                try await probe.expectEnd()
                #expect(probe.taken.map(\.sequence) == Array(1...7))
            }
        }
    }

    @Test func aProbeBeginsBehindACursor() async throws {
        try await Self.withRuntime { runtime in
            try await Self.run(runtime)
            try await withEventProbe(of: runtime, thread: "t_1", after: EventID("1-6")) { probe in
                try await probe.expectEnd()
                try await probe.expectNoMore()
            }
        }
    }

    @Test func aProbeThatIsNotExhaustiveLeavesEvents() async throws {
        try await Self.withRuntime { runtime in
            try await Self.run(runtime)
            try await withEventProbe(of: runtime, thread: "t_1", exhaustivity: .off) { probe in
                try await probe.next(.agentStarted)
            }
        }
    }

    @Test func theScopeReturnsWhatItsBodyReturns() async throws {
        try await Self.withRuntime { runtime in
            let result = try await withEventProbe(of: runtime, thread: "t_1") { _ in 7 }
            #expect(result == 7)
        }
    }

    // MARK: Failures

    /// What a scope reports, as the comments of its issues.
    private static func reports(
        clock: ManualClock? = nil,
        _ prepare: (AgentRuntime) async throws -> Void = { try await run($0) },
        _ body: @Sendable (EventProbe) async throws -> Void
    ) async throws -> [String] {
        let reports = Reports()
        try await withRuntime { runtime in
            try await prepare(runtime)
            try await withKnownIssue {
                try await withEventProbe(
                    of: runtime, thread: "t_1", clock: clock ?? ManualClock(), body)
            } matching: { issue in
                reports.add(issue.comments.map(\.rawValue).joined())
                return true
            }
        }
        return reports.texts
    }

    @Test func anotherEventIsReported() async throws {
        let reports = try await Self.reports { try await $0.next(.toolExecuting) }
        #expect(reports == ["tool_executing was expected, and 1-1 agent_started guide came."])
    }

    @Test func whatWasNotTakenIsReported() async throws {
        let reports = try await Self.reports { try await $0.skip(until: .toolCompleted) }
        #expect(
            reports == [
                """
                Events were not taken:
                  1-5 message_delta "Two."
                  1-6 message_completed "Two."
                  1-7 agent_completed
                """
            ])
    }

    @Test func eventsWhereNoneWereExpectedAreReported() async throws {
        let reports = try await Self.reports { probe in
            try await probe.skip(until: .messageCompleted)
            try await probe.expectNoMore()
        }
        #expect(
            reports == [
                """
                No more events were expected, and there are:
                  1-7 agent_completed
                """
            ])
    }

    @Test func anotherEndIsReported() async throws {
        let reports = try await Self.reports { probe in
            try await probe.skip(until: .messageCompleted)
            try await probe.expectEnd(.agentFailed)
        }
        #expect(reports == ["agent_failed was expected, and 1-7 agent_completed came."])
    }

    @Test func aRunWithoutAnEndIsReported() async throws {
        let reports = try await Self.reports { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            try await context.emit(EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted())))
        } _: { probe in
            try await probe.next(.agentStarted)
        }
        #expect(
            reports == [
                """
                The events are not well-formed:
                  1-1: run.unended: the run r_1 starts here and has no end; legal: agent_completed, agent_failed, \
                agent_cancelled
                """
            ])
    }

    @Test func aWaitIsOverWithItsTimeLimit() async throws {
        let clock = ManualClock()
        let reports = try await Self.reports(clock: clock) { probe in
            for _ in 1...7 { _ = try await probe.next() }
            async let advance: Void = {
                try await clock.waitForSleepers()
                clock.advance(by: .seconds(60))
            }()
            try await probe.next(.userMessage)
            try await advance
        }
        #expect(
            reports == [
                "No event came within 60.0 seconds, user_message was waited for; the last one was 1-7 agent_completed."
            ])
    }

    @Test func anErrorOfTheBodyIsThrownAndNothingElseReported() async throws {
        struct Mistake: Error {}
        try await Self.withRuntime { runtime in
            try await Self.run(runtime)
            await #expect(throws: Mistake.self) {
                try await withEventProbe(of: runtime, thread: "t_1") { _ in throw Mistake() }
            }
        }
    }

    @Test func aCancelledWaitThrows() async throws {
        try await Self.withRuntime { runtime in
            let clock = ManualClock()
            await withTaskGroup(of: Bool.self) { group in
                group.addTask {
                    do {
                        try await withEventProbe(of: runtime, thread: "t_1", clock: clock) { _ = try await $0.next() }
                        return false
                    } catch {
                        return error is CancellationError
                    }
                }
                try? await clock.waitForSleepers()
                group.cancelAll()
                for await isCancelled in group { #expect(isCancelled) }
            }
        }
    }
}
