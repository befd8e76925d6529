import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Testing

/// Requests in a thread with a long history: they cost what they are about, and not what the thread has.
@Suite(.timeLimit(.minutes(10))) struct LongThreadTests {
    /// Events of others, in one commit each.
    private static let length = 6000

    private static func lengthen(_ stage: AgentStage) async throws {
        let context = try await stage.hub.runtime.context(user: "u_1", thread: "t_1")
        let note = EventDraft(.custom(CustomEvent(name: "note", value: 1)))
        for _ in 0..<(length / 1000) { _ = try await context.emit(Array(repeating: note, count: 1000)) }
        try await stage.hub.runtime.flush()
    }

    /// A run is asked something, answered and ended, long ago.
    private static func ask(_ stage: AgentStage) async throws -> RunID {
        let answer = try await stage.send("one")
        let run = try #require(answer.run)
        try await stage.waitForStart(of: run)
        let context = try await stage.hub.runtime.context(user: "u_1", thread: "t_1")
        let question = ApprovalRequested(approvalID: "a_1", prompt: "May I?")
        try await context.emit(EventDraft(runID: run, .approvalRequested(question)))
        _ = try await context.answer(ApprovalAnswer("a_1", isApproved: true, by: "u_1"))
        try await stage.finish(run)
        return run
    }

    @Test func aStopOfARunThatHasEndedReadsABoundedTail() async throws {
        let log = ReadCountingLog(InMemoryEventLog(generations: .counting))
        try await AgentStage.with(log) { stage in
            let run = try await Self.ask(stage)
            try await Self.lengthen(stage)
            let context = try await stage.hub.runtime.context(user: "u_1", thread: "t_1")
            // The first one finds no stored state.
            for bound in [Self.length + 1000, ThreadFold.eventsPerStoredState, ThreadFold.eventsPerStoredState] {
                let count = try await log.reads {
                    let receipt = try await context.command(RunCommand(.stop, run: run, by: "u_1"))
                    #expect(receipt.outcome == .unchanged && receipt.details?.runs.map(\.status) == [.completed])
                }
                #expect(count <= bound)
            }
        }
    }

    @Test func anAnswerToWhatWasAnsweredReadsABoundedTail() async throws {
        let log = ReadCountingLog(InMemoryEventLog(generations: .counting))
        try await AgentStage.with(log) { stage in
            _ = try await Self.ask(stage)
            try await Self.lengthen(stage)
            let context = try await stage.hub.runtime.context(user: "u_1", thread: "t_1")
            for bound in [Self.length + 1000, ThreadFold.eventsPerStoredState, ThreadFold.eventsPerStoredState] {
                let count = try await log.reads {
                    let receipt = try await context.answer(ApprovalAnswer("a_1", isApproved: true, by: "u_1"))
                    #expect(receipt.outcome == .unchanged)
                }
                #expect(count <= bound)
                let unknown = await log.reads {
                    let error = await #expect(throws: AgentEventsError.self) {
                        try await context.answer(ApprovalAnswer("a_9", isApproved: true, by: "u_1"))
                    }
                    #expect(error?.code == .approvalUnknown)
                }
                #expect(unknown <= ThreadFold.eventsPerStoredState)
            }
        }
    }

    /// A run that is done again is found by the index of the log, and its message just before it.
    @Test func aRunThatIsDoneAgainIsFoundByTheIndex() async throws {
        let log = ReadCountingLog(InMemoryEventLog(generations: .counting))
        try await AgentStage.with(log) { stage in
            try await Self.lengthen(stage)
            let run = try await Self.ask(stage)
            try await Self.lengthen(stage)
            stage.control.releaseAll()
            var again: RunID?
            let count = try await log.reads {
                let request = StartRequest(retryOf: run)
                again = try await stage.hub.intake.start(request, key: "k", in: "t_1", from: AgentStage.principal).run
                if let again { await stage.control.waitForBody(of: again) }
            }
            #expect(count < 200)
            #expect(stage.control.prompt(of: try #require(again))?.text == "one")
            try await stage.waitForEnd(of: again)
        }
    }

    /// The messages that a run leaves are looked for before the run that answers them, and not in the whole thread.
    @Test func whatARunHasLeftIsFoundNearIt() async throws {
        let log = ReadCountingLog(InMemoryEventLog(generations: .counting))
        var settings = AgentConcurrency(policy: .steer)
        settings.takesInput = true
        try await AgentStage.with(log, concurrency: settings) { stage in
            stage.control.takesNoInput()
            try await Self.lengthen(stage)
            let first = try await stage.send("one")
            try await stage.waitForStart(of: first.run)
            let given = try await stage.send("two")
            #expect(given.status == .given)
            let context = try await stage.hub.runtime.context(user: "u_1", thread: "t_1")
            for _ in 0..<100 { try await context.emit(EventDraft(.custom(CustomEvent(name: "note", value: 1)))) }
            var left: RunID?
            let count = try await log.reads {
                stage.control.releaseAll()
                for try await event in try await stage.hub.runtime.events(
                    user: "u_1", thread: "t_1", from: .after(try #require(given.cursors.last)))
                where event.type == .agentQueued {
                    left = event.runID
                    break
                }
                if let left { await stage.control.waitForBody(of: left) }
            }
            // The reader of this test reads what comes, too.
            #expect(count < 1000)
            #expect(stage.control.prompt(of: try #require(left))?.text == "two")
            try await stage.waitForEnd(of: left)
        }
    }
}
