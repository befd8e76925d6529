import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsTesting
import Synchronization
import Testing

/// Messages that take the place of others, run beside them, or are given to a run under way; section (f) 46 to 50.
struct PolicyTests {
    private static func cancelled(_ event: AgentEvent) -> AgentCancelled? {
        if case .agentCancelled(let cancelled) = event.payload { cancelled } else { nil }
    }

    private static func message(_ event: AgentEvent) -> UserMessage? {
        if case .userMessage(let message) = event.payload { message } else { nil }
    }

    /// 46: the changeover is one commit.
    @Test func whatSupersedesEndsTheOthersInTheCommitInWhichItIsQueued() async throws {
        let log = CuttingLog(InMemoryEventLog(generations: .counting))
        try await AgentStage.with(log) { (stage: AgentStage) async throws in
            let first = try await stage.send("one")
            try await stage.waitForStart(of: first.run)
            let second = try await stage.send("two")
            let third = try await stage.send("three", .supersede)
            let commit = try #require(log.commits.first { $0.contains { $0.type == .agentCancelled } })
            #expect(
                commit.map(\.type)
                    == [.messageCompleted, .agentCancelled, .agentCancelled, .userMessage, .agentQueued])
            let ends = try commit.map { try EventDecoder.decode($0.bytes) }.filter { $0.type == .agentCancelled }
            #expect(ends.map(\.runID) == [first.run, second.run])
            #expect(third.cursors == commit.suffix(2).map(\.id), "the message and its run, not the ends of others")
            #expect(ends.allSatisfy { Self.cancelled($0)?.supersededBy == third.run })
            #expect(ends.allSatisfy { Self.cancelled($0)?.reason == "superseded" && Self.cancelled($0)?.by == "u_1" })
            #expect(ends.allSatisfy { Self.cancelled($0)?.isDiscarded == false })
            // The body of the first one was cancelled, so that the third need not wait for long.
            try await stage.waitForStart(of: third.run)
            try await stage.finish(third.run)
        }
        #expect(AgentStage.faults(try await AgentStage.logged(log)) == [])
    }

    /// A request that is refused names its thread: over a stream, answers are in the order of their threads.
    @Test func aRefusalNamesItsThread() async throws {
        try await AgentStage.with(InMemoryEventLog()) { stage in
            let error = await #expect(throws: ProtocolError.self) { try await stage.send("one", agent: "nobody") }
            #expect(error?.code == .agentUnknown && error?.threadID == "t_1")
        }
    }

    /// A run that starts later costs nothing until then.
    @Test func nobodyIsKeptBusyByARunThatWaitsForItsTime() async throws {
        let clock = ManualClock()
        let reads = Atomic(0)
        var configuration = RuntimeConfiguration(environment: .manual(clock))
        configuration.clock = WallClock {
            reads.add(1, ordering: .relaxed)
            return clock.wallClock.now()
        }
        try await AgentStage.with(InMemoryEventLog(), runtime: configuration) { stage in
            let now = clock.wallClock.now()
            try await stage.send("one", notBefore: Timestamp(milliseconds: now.milliseconds + 3_600_000))
            try await clock.waitForSleep(of: .seconds(60))
            // It looks, finds that it has to wait on, and does so.
            clock.advance(by: .seconds(60))
            try await clock.waitForSleep(of: .seconds(60))
            let before = reads.load(ordering: .relaxed)
            // What is kept busy reads the clock again and again, whenever it has its turn.
            for _ in 0..<200_000 where reads.load(ordering: .relaxed) - before < 100 { await Task.yield() }
            #expect(reads.load(ordering: .relaxed) - before < 100)
        }
    }

    /// A body that does not return holds the next one up for the settle time, and not longer.
    @Test func whatSupersedesWaitsForABodyThatDoesNotReturnAsLongAsItMay() async throws {
        let clock = ManualClock()
        var settings = AgentConcurrency()
        settings.settleTime = .seconds(5)
        let log = InMemoryEventLog(generations: .counting)
        let control = StubbornAgent.Control()
        let hub = AgentEventsHub(
            runtime: AgentRuntime(log: log, configuration: RuntimeConfiguration(environment: .manual(clock))),
            agents: [StubbornAgent(concurrency: settings, control: control)], authorizer: OwnershipAuthorizer(),
            logger: AgentStage.silentLogger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try? await hub.run() }
            defer {
                control.letGo()
                tasks.cancelAll()
            }
            try await hub.runtime.waitForStart()
            let stage = AgentStage(hub: hub, control: AgentControl())
            let first = try await stage.send("one")
            try await stage.events { $0.runID == first.run && $0.type == .messageDelta }
            let second = try await stage.send("two", .supersede)
            #expect(second.status == .queued)
            try await clock.waitForSleep(of: .seconds(5))
            #expect(try await AgentStage.logged(log).last?.type == .agentQueued)
            clock.advance(by: .seconds(5))
            try await stage.events { $0.runID == second.run && $0.type == .agentStarted }
        }
    }

    /// 48: of three quick messages with rollback one is answered, and each says which one it replaces.
    @Test func ofThreeQuickMessagesWithRollbackOneIsAnswered() async throws {
        let log = InMemoryEventLog(generations: .counting)
        var answers: [MessageIntake.Answer] = []
        try await AgentStage.with(log) { (stage: AgentStage) async throws in
            for text in ["one", "two", "three"] { answers.append(try await stage.send(text, .rollback)) }
            try await stage.waitForStart(of: answers[2].run)
            try await stage.finish(answers[2].run)
        }
        let events = try await AgentStage.logged(log)
        #expect(AgentStage.faults(events) == [])
        #expect(events.filter { $0.type == .agentCompleted }.map(\.runID) == [answers[2].run])
        #expect(events.compactMap(Self.message).map(\.replaces) == [nil, answers[0].message, answers[1].message])
        #expect(events.compactMap(Self.cancelled).map(\.isDiscarded) == [true, true])
    }

    /// An edit in a thread that is free: the message is replaced, and nothing ends.
    @Test func aMessageSaysWhichOneItReplaces() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log) { (stage: AgentStage) async throws in
            stage.control.releaseAll()
            let first = try await stage.send("one")
            try await stage.waitForEnd(of: first.run)
            let request = MessageRequest(text: "won", policy: .rollback, replaces: first.message)
            let second = try await stage.hub.intake.submit(request, in: "t_1", from: AgentStage.principal)
            try await stage.waitForEnd(of: second.run)
            let messages = try await AgentStage.logged(log).compactMap(Self.message)
            #expect(messages.map(\.replaces) == [nil, first.message])
        }
    }

    @Test func runsStandBesideEachOtherUpToTheLimit() async throws {
        let log = InMemoryEventLog(generations: .counting)
        var settings = AgentConcurrency(policy: .parallel)
        settings.parallelLimit = 2
        try await AgentStage.with(log, concurrency: settings) { (stage: AgentStage) async throws in
            var answers: [MessageIntake.Answer] = []
            for text in ["one", "two", "three"] { answers.append(try await stage.send(text)) }
            #expect(answers.map(\.status) == [.started, .started, .queued])
            for answer in answers.prefix(2) { try await stage.waitForStart(of: answer.run) }
            // When one of the two ends, the third starts beside the other.
            try await stage.finish(answers[0].run)
            try await stage.waitForStart(of: answers[2].run)
            #expect(stage.control.bodyCount == 3)
            for answer in answers.suffix(2) { try await stage.finish(answer.run) }
        }
        #expect(AgentStage.faults(try await AgentStage.logged(log), isParallel: true) == [])
    }

    @Test func aPolicyThatTheAgentDoesNotTakeIsRefused() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log) { (stage: AgentStage) async throws in
            let error = await #expect(throws: ProtocolError.self) { try await stage.send("one", .parallel) }
            #expect(error?.code == .policyNotAllowed)
            #expect(error?.message.contains("supersede") == true && error?.message.contains("parallel,") == false)
        }
        #expect(try await AgentStage.logged(log).isEmpty)
    }

    @Test func aRunThatStartsTakesAllThatIsQueuedForItsAgent() async throws {
        let log = InMemoryEventLog(generations: .counting)
        var settings = AgentConcurrency()
        settings.mergesQueued = true
        try await AgentStage.with(log, concurrency: settings, agents: ["guide", "other"]) {
            (stage: AgentStage) async throws in
            var answers: [MessageIntake.Answer] = []
            for text in ["zero", "A", "B"] { answers.append(try await stage.send(text)) }
            let other = try await stage.send("x", agent: "other")
            answers.append(try await stage.send("C"))
            try await stage.waitForStart(of: answers[0].run)
            try await stage.finish(answers[0].run)
            let run = try #require(answers[1].run)
            try await stage.waitForStart(of: run)
            #expect(stage.control.prompt(of: run)?.text == "A\n\nB\n\nC")
            #expect(stage.control.prompt(of: run)?.messageID == answers[3].message)
            let ends = try await AgentStage.logged(log).compactMap { event in
                Self.cancelled(event).map { (event.runID, $0.reason, $0.supersededBy) }
            }
            #expect(ends.map(\.0) == [answers[2].run, answers[3].run])
            #expect(ends.allSatisfy { $0.1 == "merged" && $0.2 == run })
            try await stage.finish(run)
            try await stage.waitForStart(of: other.run)
            try await stage.finish(other.run)
        }
        #expect(AgentStage.faults(try await AgentStage.logged(log)) == [])
    }

    // MARK: Steering

    private static let steered: AgentConcurrency = {
        var settings = AgentConcurrency(policy: .steer)
        settings.takesInput = true
        return settings
    }()

    @Test func aMessageIsGivenToTheRunThatTakesIt() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log, concurrency: Self.steered) { (stage: AgentStage) async throws in
            let first = try await stage.send("one")
            try await stage.waitForStart(of: first.run)
            let second = try await stage.send("two")
            #expect(second.status == .given && second.run == first.run)
            try await stage.finish(first.run)
        }
        let events = try await AgentStage.logged(log)
        let texts = events.compactMap { event -> String? in
            if case .messageCompleted(let completed) = event.payload { completed.text } else { nil }
        }
        #expect(texts == ["onetwo"])
        #expect(events.contains { $0.type == .inputTaken })
        #expect(AgentStage.faults(events) == [])
    }

    /// 47: a message that answers the question of the run it is given to is a no to it.
    @Test(arguments: [true, false]) func aMessageIsANoToWhatTheRunAsks(_ mayAnswer: Bool) async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log, concurrency: Self.steered) { (stage: AgentStage) async throws in
            let run = try #require(try await stage.send("one").run)
            try await stage.waitForStart(of: run)
            let context = try await stage.hub.runtime.context(user: "u_1", thread: "t_1")
            var asked = ApprovalRequested(approvalID: "a_1", prompt: "May I?")
            if !mayAnswer { asked.approvers = ["u_2"] }
            try await context.emit(EventDraft(runID: run, .approvalRequested(asked)))
            let before = try await AgentStage.logged(log).count
            let request = MessageRequest(text: "Rather the tests", answersApproval: true)
            guard mayAnswer else {
                let error = await #expect(throws: ProtocolError.self) {
                    try await stage.hub.intake.submit(request, key: "k_1", in: "t_1", from: AgentStage.principal)
                }
                #expect(error?.code == .approvalForbidden && error?.details?["waiting_for"] == ["a_1"])
                #expect(try await AgentStage.logged(log).count == before)
                return
            }
            let answer = try await stage.hub.intake.submit(request, key: "k_1", in: "t_1", from: AgentStage.principal)
            #expect(answer.status == .given && answer.run == run)
            let message = try #require(answer.message)
            let events = try await AgentStage.logged(log).suffix(2)
            guard case .approvalResolved(let resolved)? = events.first?.payload else {
                Issue.record("the question has its answer")
                return
            }
            #expect(resolved.decision == .denied && resolved.by == "u_1")
            #expect(resolved.data == ["message_id": .string(message.rawValue)])
            #expect(answer.cursors == [try #require(events.last).id])
            var again = try await stage.hub.intake.submit(request, key: "k_1", in: "t_1", from: AgentStage.principal)
            #expect(again.isRepeated)
            again.isRepeated = false
            #expect(again == answer)
        }
    }

    /// A message of a member is an answer of everybody who may approve, where nobody is named.
    @Test func aMessageOfOneWhoMayApproveIsANo() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log, concurrency: Self.steered) { (stage: AgentStage) async throws in
            let run = try #require(try await stage.send("one").run)
            try await stage.waitForStart(of: run)
            let context = try await stage.hub.runtime.context(user: "u_1", thread: "t_1")
            let asked = ApprovalRequested(approvalID: "a_1", prompt: "May I?")
            try await context.emit(EventDraft(runID: run, .approvalRequested(asked)))
            var member = Principal(user: "u_2")
            member.threads = .listed([ThreadAllowance(ThreadPattern("t_1"))])
            let request = MessageRequest(text: "No", answersApproval: true)
            let answer = try await stage.hub.intake.submit(request, key: "k_1", in: "t_1", from: member)
            #expect(answer.status == .given)
            let resolved = try await AgentStage.logged(log).compactMap { event -> ApprovalResolved? in
                if case .approvalResolved(let resolved) = event.payload { resolved } else { nil }
            }
            #expect(resolved.map(\.decision) == [.denied] && resolved.map(\.by) == ["u_2"])
        }
    }

    /// 50: what comes after the last look is answered by a run of its own, queued in the commit of the end.
    @Test(arguments: [true, false])
    func whatIsNotTakenIsQueuedInTheCommitOfTheEnd(_ isStopped: Bool) async throws {
        let log = CuttingLog(InMemoryEventLog(generations: .counting))
        var settings = Self.steered
        settings.mergesQueued = isStopped
        try await AgentStage.with(log, concurrency: settings) { (stage: AgentStage) async throws in
            stage.control.takesNoInput()
            let first = try await stage.send("one")
            try await stage.waitForStart(of: first.run)
            let given = [try await stage.send("two"), try await stage.send("three")]
            #expect(given.allSatisfy { $0.status == .given })
            if isStopped {
                let context = try await stage.hub.runtime.context(user: "u_1", thread: "t_1")
                try await context.emit(
                    EventDraft(
                        runID: first.run, .agentCancelled(AgentCancelled(reason: "stopped", durationMilliseconds: 0))))
            } else {
                try await stage.finish(first.run)
            }
            let queued = try await stage.events { $0.type == .agentQueued }
            let commit = try #require(log.commits.first { $0.contains { $0.type == .agentQueued } })
            #expect(commit.map(\.type).suffix(2) == [isStopped ? .agentCancelled : .agentCompleted, .agentQueued])
            let run = queued.last?.runID
            try await stage.waitForStart(of: run)
            #expect(stage.control.prompt(of: try #require(run))?.text == "two\n\nthree")
            try await stage.finish(run)
        }
        #expect(AgentStage.faults(try await AgentStage.logged(log)) == [])
    }

    /// 50, when the process dies: the run is lost, and in the same commit what it was given is queued.
    @Test func whatARunWasGivenThatIsLostIsAnsweredAfterTheRestart() async throws {
        let kept = InMemoryEventLog(generations: .counting)
        var first: RunID?
        try await AgentStage.with(kept, concurrency: Self.steered) { (stage: AgentStage) async throws in
            stage.control.takesNoInput()
            first = try await stage.send("one").run
            try await stage.waitForStart(of: first)
            #expect(try await stage.send("two").status == .given)
        }
        kept.close()
        try await AgentStage.with(kept, concurrency: Self.steered) { (stage: AgentStage) async throws in
            stage.control.releaseAll()
            let queued = try await stage.events { $0.type == .agentQueued }
            #expect(queued.dropLast().last?.runID == first && queued.dropLast().last?.type?.endsRun == true)
            try await stage.waitForEnd(of: queued.last?.runID)
            #expect(stage.control.prompt(of: try #require(queued.last?.runID))?.text == "two")
        }
        #expect(AgentStage.faults(try await AgentStage.logged(kept)) == [])
    }

    @Test func whatTakesThePlaceOfARunTakesThatOfWhatItWasGiven() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log, concurrency: Self.steered) { (stage: AgentStage) async throws in
            stage.control.takesNoInput()
            let first = try await stage.send("one")
            try await stage.waitForStart(of: first.run)
            try await stage.send("two")
            let third = try await stage.send("three", .supersede)
            try await stage.waitForStart(of: third.run)
            try await stage.finish(third.run)
        }
        let events = try await AgentStage.logged(log)
        #expect(events.filter { $0.type == .agentQueued }.count == 1)
        #expect(AgentStage.faults(events) == [])
    }

    // MARK: Without a message

    @Test(arguments: [true, false])
    func aRunIsDoneAgainForTheSameMessage(_ isBusy: Bool) async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log) { (stage: AgentStage) async throws in
            let first = try await stage.send("one")
            try await stage.waitForStart(of: first.run)
            try await stage.finish(first.run)
            let busy = isBusy ? try await stage.send("busy").run : nil
            let again = try await stage.hub.intake.start(
                StartRequest(retryOf: first.run), key: "k_1", in: "t_1", from: AgentStage.principal)
            #expect(again.status == (isBusy ? .queued : .started) && again.message == nil)
            let repeated = try await stage.hub.intake.start(
                StartRequest(retryOf: first.run), key: "k_1", in: "t_1", from: AgentStage.principal)
            #expect(repeated.run == again.run && repeated.isRepeated)
            if isBusy { try await stage.finish(busy) }
            try await stage.waitForStart(of: again.run)
            #expect(stage.control.prompt(of: try #require(again.run))?.text == "one")
            try await stage.finish(again.run)
            let starts = try await AgentStage.logged(log).compactMap { event -> AgentStarted? in
                if case .agentStarted(let started) = event.payload { started } else { nil }
            }
            #expect(starts.last?.retryOf == first.run && starts.last?.messageIDs == [first.message].compactMap(\.self))
            let error = await #expect(throws: ProtocolError.self) {
                try await stage.hub.intake.start(
                    StartRequest(retryOf: "r_none"), key: "k_2", in: "t_1", from: AgentStage.principal)
            }
            #expect(error?.code == .runUnknown)
        }
    }
}

/// An agent whose bodies do not return when they are cancelled.
struct StubbornAgent: ConcurrentAgent {
    final class Control: Sendable {
        private let stream: AsyncStream<Void>
        private let end: AsyncStream<Void>.Continuation

        init() { (stream, end) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1)) }

        func letGo() { end.finish() }

        /// Waits whether the task is cancelled or not.
        func wait() async { await Task { for await _ in stream {} }.value }
    }

    let name: AgentName = "guide"
    let concurrency: AgentConcurrency
    let control: Control

    func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? {
        try await run.say(prompt.text)
        await control.wait()
        return nil
    }
}
