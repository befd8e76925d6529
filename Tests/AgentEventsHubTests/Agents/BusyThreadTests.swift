import AgentEvents
import AgentEventsChecks
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsTesting
import Testing

/// Messages that meet a busy thread, with the policies that queue and refuse; section (f) 45 to 57.
struct BusyThreadTests {
    private static func types(_ events: [AgentEvent]) -> [EventType?] { events.map(\.type) }

    @Test func aMessageInABusyThreadIsQueuedAndStartsWhenTheOneBeforeItHasEnded() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log) { (stage: AgentStage) async throws in
            let first = try await stage.send("one")
            let second = try await stage.send("two")
            let third = try await stage.send("three")
            #expect([first.status, second.status, third.status] == [.started, .queued, .queued])
            try await stage.waitForStart(of: first.run)
            #expect(stage.control.bodyCount == 1)
            try await stage.finish(first.run)
            try await stage.waitForStart(of: second.run)
            #expect(stage.control.prompt(of: try #require(second.run))?.text == "two")
            #expect(stage.control.prompt(of: try #require(second.run))?.messageID == second.message)
            try await stage.finish(second.run)
            try await stage.waitForStart(of: third.run)
            try await stage.finish(third.run)
        }
        #expect(AgentStage.faults(try await AgentStage.logged(log)) == [])
    }

    /// 45: two messages in a millisecond are two batches, one after the other; the second meets what the first has made.
    @Test(arguments: [ConcurrencyPolicy.queue, .supersede, .rollback, .reject])
    func manyMessagesAtOnceHaveOneOpenRunAtATime(_ policy: ConcurrencyPolicy) async throws {
        let log = InMemoryEventLog(generations: .counting)
        var settings = AgentConcurrency(policy: policy)
        settings.settleTime = .zero
        try await AgentStage.with(log, concurrency: settings) { stage in
            stage.control.releaseAll()
            let answers = await withTaskGroup(of: MessageIntake.Answer?.self) { group in
                for number in 0..<8 { group.addTask { try? await stage.send("message \(number)") } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            for run in answers.compactMap({ $0?.run }) { try await stage.waitForEnd(of: run) }
            if policy != .reject { #expect(!answers.contains(nil)) }
        }
        let events = try await AgentStage.logged(log)
        #expect(AgentStage.faults(events) == [])
        #expect(events.contains { $0.type == .agentCompleted })
    }

    /// 57.
    @Test func rejectLogsNothingAndNamesWhatItMet() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log) { (stage: AgentStage) async throws in
            let first = try await stage.send("one", .reject)
            try await stage.waitForStart(of: first.run)
            let count = try await AgentStage.logged(log).count
            let error = await #expect(throws: ProtocolError.self) { try await stage.send("two", .reject) }
            #expect(error?.code == .threadBusy)
            #expect(error?.isRetryable == true)
            let run = try #require(first.run)
            #expect(error?.details?["run_id"] == .string(run.rawValue) && error?.details?["status"] == "running")
            #expect(try await AgentStage.logged(log).count == count)
            try await stage.finish(first.run)
        }
    }

    /// 47: an open request for approval changes nothing, and is named.
    @Test func theDetailsNameTheApprovalThatIsWaitedFor() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log) { (stage: AgentStage) async throws in
            let first = try await stage.send("one")
            let run = try #require(first.run)
            try await stage.waitForStart(of: run)
            let context = try await stage.hub.runtime.context(user: "u_1", thread: "t_1")
            try await context.emit(
                EventDraft(runID: run, .approvalRequested(ApprovalRequested(approvalID: "a_1", prompt: "May I?"))))
            let error = await #expect(throws: ProtocolError.self) { try await stage.send("two", .reject) }
            #expect(error?.details?["waiting_for"] == ["a_1"] && error?.details?["status"] == "waiting")
            #expect(try await stage.send("three").status == .queued)
            #expect([.queued, .started].contains(try await stage.send("four", .supersede).status))
            let events = try await AgentStage.logged(log)
            let resolved = events.compactMap { event -> ApprovalResolved? in
                if case .approvalResolved(let resolved) = event.payload { resolved } else { nil }
            }
            #expect(resolved.map(\.decision) == [.cancelled])
        }
    }

    /// 47: nothing special happens to a question, and nothing in silence.
    @Test(arguments: [ConcurrencyPolicy.queue, .supersede, .rollback, .parallel, .steer])
    func aMessageMeetsAnOpenQuestion(_ policy: ConcurrencyPolicy) async throws {
        let log = InMemoryEventLog(generations: .counting)
        var settings = AgentConcurrency(policy: policy)
        settings.takesInput = true
        try await AgentStage.with(log, concurrency: settings) { (stage: AgentStage) async throws in
            let run = try #require(try await stage.send("one").run)
            try await stage.waitForStart(of: run)
            let context = try await stage.hub.runtime.context(user: "u_1", thread: "t_1")
            try await context.emit(
                EventDraft(runID: run, .approvalRequested(ApprovalRequested(approvalID: "a_1", prompt: "May I?"))))
            let second = try await stage.send("two")
            try await stage.hub.runtime.flush()
            var state = ThreadState()
            for event in try await AgentStage.logged(log) { state.apply(event) }
            switch policy {
            case .supersede, .rollback:
                #expect(state.approvals.isEmpty)
                #expect(state.resolvedApprovals.map(\.decision) == [.cancelled])
            default:
                #expect(state.approvals.map(\.approvalID) == ["a_1"])
            }
            let status: MessageIntake.Status? =
                switch policy {
                case .steer: .given
                case .parallel: .started
                default: .queued
                }
            if policy == .supersede || policy == .rollback {
                // At once, or when the body of the other one has returned.
                #expect(second.status == .queued || second.status == .started)
            } else {
                #expect(second.status == status)
            }
        }
    }

    /// For protocols whose clients can answer only in their last message: the request is decided where the question is, not before.
    @Test func aMessageThatWaitsForAnswersIsRefusedWhileAQuestionIsOpenAndRepeatedWhenItWasTakenBefore() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log) { (stage: AgentStage) async throws in
            let user = AgentStage.principal
            var request = MessageRequest(text: "one")
            request.waitsForAnswers = true
            let first = try await stage.hub.intake.submit(request, key: "k_1", in: "t_1", from: user)
            let run = try #require(first.run)
            try await stage.waitForStart(of: run)
            let context = try await stage.hub.runtime.context(user: "u_1", thread: "t_1")
            try await context.emit(
                EventDraft(runID: run, .approvalRequested(ApprovalRequested(approvalID: "a_1", prompt: "May I?"))))
            try await stage.hub.runtime.flush()
            let count = try await AgentStage.logged(log).count
            let again = try await stage.hub.intake.submit(request, key: "k_1", in: "t_1", from: user)
            #expect(again.isRepeated && again.run == run)
            request.text = "two"
            let refused = request
            let error = await #expect(throws: ProtocolError.self) {
                try await stage.hub.intake.submit(refused, key: "k_2", in: "t_1", from: user)
            }
            #expect(error?.code == .threadBusy && error?.isRetryable == true)
            #expect(error?.details?["waiting_for"] == ["a_1"])
            var start = StartRequest(agent: "guide")
            start.waitsForAnswers = true
            let restart = start
            let other = await #expect(throws: ProtocolError.self) {
                try await stage.hub.intake.start(restart, key: "k_3", in: "t_1", from: user)
            }
            #expect(other?.code == .threadBusy)
            #expect(try await AgentStage.logged(log).count == count)
        }
    }

    @Test func asManyRunsAreQueuedAsMayBeAndTheCodesSayWhere() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log) {
            $0.maximumQueuedRunsPerThread = 1
            $0.maximumQueuedRunsPerUser = 2
            $0.maximumQueuedRuns = 3
            $0.maximumConcurrentRuns = 3
        } _: { (stage: AgentStage) async throws in
            for thread in ["t_1", "t_2", "t_3"] as [ThreadID] {
                #expect(try await stage.send("first", to: thread).status == .started)
            }
            #expect(try await stage.send("second").status == .queued)
            var error = await #expect(throws: ProtocolError.self) { try await stage.send("third") }
            #expect(error?.code == .threadQueueFull && error?.isRetryable == true)
            #expect(try await stage.send("second", to: "t_2").status == .queued)
            error = await #expect(throws: ProtocolError.self) { try await stage.send("second", to: "t_3") }
            #expect(error?.code == .userQueueFull)
            let other = Principal(user: "u_2", actsAs: .listed(["u_2"]))
            #expect(try await stage.send("x", to: "t_9", from: other).status == .queued)
            error = await #expect(throws: ProtocolError.self) { try await stage.send("x", to: "t_8", from: other) }
            #expect(error?.code == .agentsBusy && error?.retryAfterMilliseconds != nil)
        }
        // Those that were refused are nowhere.
        #expect(try await AgentStage.logged(log, in: "t_8").isEmpty)
    }

    /// 51 and 52: what was queued first starts first, also when a queued one leaves, and that promotes the next.
    @Test func theEndOfAQueuedRunPromotesTheNextInOrder() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log) { (stage: AgentStage) async throws in
            let answers = [
                try await stage.send("zero"), try await stage.send("A"), try await stage.send("B"),
                try await stage.send("C"),
            ]
            try await stage.waitForStart(of: answers[0].run)
            let context = try await stage.hub.runtime.context(user: "u_1", thread: "t_1")
            let stopped = AgentCancelled(reason: "stopped", durationMilliseconds: 0)
            try await context.emit(EventDraft(runID: answers[1].run, .agentCancelled(stopped)))
            // The end of the open one, by somebody else, lets the next start, although its body has not returned.
            try await context.emit(EventDraft(runID: answers[0].run, .agentCancelled(stopped)))
            try await stage.waitForStart(of: answers[2].run)
            try await stage.finish(answers[2].run)
            try await stage.waitForStart(of: answers[3].run)
            try await stage.finish(answers[3].run)
        }
        #expect(AgentStage.faults(try await AgentStage.logged(log)) == [])
    }

    /// 53.
    @Test func theQueueIsInTheStateWithItsPositions() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log) { (stage: AgentStage) async throws in
            let answers = [try await stage.send("zero"), try await stage.send("A"), try await stage.send("B")]
            let state = try await stage.hub.runtime.state(of: "t_1", user: "u_1")
            #expect(state.queue.map(\.runID) == answers.dropFirst().compactMap(\.run))
            #expect(state.queue.map(\.messageIDs) == answers.dropFirst().map { [$0.message].compactMap(\.self) })
        }
    }

    /// 49: what is queued survives the process, and starts in its order once its agent is served again.
    @Test func queuedRunsStartAfterARestart() async throws {
        let kept = InMemoryEventLog(generations: .counting)
        var runs: [RunID] = []
        try await AgentStage.with(kept) { stage in
            for text in ["zero", "A", "B"] { runs.append(try #require(try await stage.send(text).run)) }
            try await stage.waitForStart(of: runs[0])
        }
        kept.close()
        // Nobody serves the agent: it is not started, and not lost.
        try await AgentStage.with(kept, agents: ["other"]) { stage in try await stage.waitForEnd(of: runs[0]) }
        kept.close()
        try await AgentStage.with(kept) { stage in
            try await stage.waitForStart(of: runs[1])
            #expect(stage.control.prompt(of: runs[1])?.text == "A")
            #expect(stage.control.bodyCount == 1)
            try await stage.finish(runs[1])
            try await stage.waitForStart(of: runs[2])
            #expect(stage.control.prompt(of: runs[2])?.text == "B")
            try await stage.finish(runs[2])
        }
        #expect(AgentStage.faults(try await AgentStage.logged(kept)) == [])
    }

    /// A queued run whose agent is not served any longer keeps its place, and does not hold up those after it.
    @Test(.timeLimit(.minutes(2))) func aRunThatNobodyCanStartIsPassed() async throws {
        let kept = InMemoryEventLog(generations: .counting)
        var runs: [RunID] = []
        try await AgentStage.with(kept, agents: ["guide", "old"]) { stage in
            for (text, agent) in [("zero", "old"), ("A", "old"), ("B", "guide")] as [(String, AgentName)] {
                runs.append(try #require(try await stage.send(text, agent: agent).run))
            }
            try await stage.waitForStart(of: runs[0])
        }
        kept.close()
        try await AgentStage.with(kept) { stage in
            try await stage.expectStart(of: runs[2])
            // Also what comes now.
            let later = try #require(try await stage.send("C").run)
            try await stage.finish(runs[2])
            try await stage.waitForStart(of: later)
            try await stage.finish(later)
            runs.append(later)
            let state = try await stage.hub.runtime.state(of: "t_1", user: "u_1")
            #expect(state.queue.map(\.runID) == [runs[1]])
        }
        kept.close()
        try await AgentStage.with(kept, agents: ["guide", "old"]) { stage in
            try await stage.waitForStart(of: runs[1])
            try await stage.finish(runs[1])
        }
        #expect(
            AgentStage.faults(try await AgentStage.logged(kept)) == [
                .overtaken(runs[1], by: runs[2]), .overtaken(runs[1], by: runs[3]),
            ])
    }

    /// Where the policy of the service is to run beside each other, runs that were queued start together.
    @Test(.timeLimit(.minutes(2))) func queuedRunsStartTogetherUnderAPolicyOfTheService() async throws {
        let kept = InMemoryEventLog(generations: .counting)
        var runs: [RunID] = []
        try await AgentStage.with(kept) { stage in
            for text in ["zero", "A", "B", "C"] { runs.append(try #require(try await stage.send(text).run)) }
            try await stage.waitForStart(of: runs[0])
        }
        kept.close()
        try await AgentStage.with(kept, configure: { $0.concurrencyPolicy = .parallel }) { stage in
            for run in runs.dropFirst() { try await stage.expectStart(of: run) }
            for run in runs.dropFirst() { try await stage.finish(run) }
        }
        #expect(AgentStage.faults(try await AgentStage.logged(kept), isParallel: true) == [])
    }

    /// 46 and 49: a crash at any commit. What is open or queued after it ends, each message has a run, and no two are open
    /// at once.
    @Test(arguments: [ConcurrencyPolicy.queue, .supersede, .rollback], 0..<12)
    func aCrashAtAnyCommitLeavesNothingUnanswered(_ policy: ConcurrencyPolicy, _ commitCount: Int) async throws {
        let kept = InMemoryEventLog(generations: .counting)
        var settings = AgentConcurrency(policy: policy)
        settings.settleTime = .milliseconds(1)
        try await AgentStage.with(CuttingLog(kept, after: commitCount), concurrency: settings) { stage in
            for text in ["one", "two", "three"] { _ = try? await stage.send(text) }
            stage.control.releaseAll()
            for text in ["four", "five"] { _ = try? await stage.send(text) }
        }
        kept.close()
        try await AgentStage.with(kept, concurrency: settings) { stage in
            stage.control.releaseAll()
            // The last one that is queued is the last one that ends.
            let last = try await stage.send("the last one", .queue)
            try await stage.waitForEnd(of: last.run)
        }
        let faults = AgentStage.faults(try await AgentStage.logged(kept))
        #expect(faults == [])
    }

    /// The slots of the service and of a user hold runs back, in threads of their own, and the users take turns.
    @Test func withoutASlotAFreeThreadIsQueuedToo() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log) {
            $0.maximumConcurrentRuns = 1
        } _: { (stage: AgentStage) async throws in
            let first = try await stage.send("one")
            let second = try await stage.send("two", to: "t_2")
            #expect(second.status == .queued)
            let rejected = try await stage.send("three", .reject, to: "t_3")
            #expect(rejected.status == .queued)
            try await stage.waitForStart(of: first.run)
            try await stage.finish(first.run)
            try await stage.waitForStart(of: second.run, in: "t_2")
            try await stage.finish(second.run, in: "t_2")
            try await stage.waitForStart(of: rejected.run, in: "t_3")
            try await stage.finish(rejected.run, in: "t_3")
        }
    }

    @Test func aRunDoesNotStartBeforeItsTimeAndEndsAfterIt() async throws {
        let log = InMemoryEventLog(generations: .counting)
        let clock = ManualClock()
        let now = clock.wallClock.now()
        try await AgentStage.with(log, runtime: RuntimeConfiguration(environment: .manual(clock))) { stage in
            let late = try await stage.send(
                "late", notBefore: Timestamp(milliseconds: now.milliseconds + 60_000))
            #expect(late.status == .queued)
            // It holds up nobody.
            let soon = try await stage.send("soon")
            try await stage.waitForStart(of: soon.run)
            let never = try await stage.send(
                "never", startBy: Timestamp(milliseconds: now.milliseconds + 30_000))
            try await clock.waitForSleep(of: .seconds(30))
            clock.advance(by: .seconds(30))
            let events = try await stage.waitForEnd(of: never.run)
            guard case .agentFailed(let failed)? = events.last?.payload else {
                Issue.record("\(String(describing: events.last))")
                return
            }
            #expect(failed.error.code == "run.not_started_in_time")
            try await stage.finish(soon.run)
            try await clock.waitForSleep(of: .seconds(30))
            clock.advance(by: .seconds(30))
            try await stage.waitForStart(of: late.run)
            try await stage.finish(late.run)
        }
    }

    @Test func whatADifferentCallerStartsMakesTheThreadBusy() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log) { (stage: AgentStage) async throws in
            var queued: MessageIntake.Answer?
            try await stage.hub.runtime.withRun(user: "u_1", thread: "t_1", agent: "other") { run in
                queued = try await stage.send("one")
                #expect(queued?.status == .queued)
            }
            try await stage.waitForStart(of: queued?.run)
            try await stage.finish(queued?.run)
        }
    }
}

/// Slots of runs that wait for people; section (f) 56.
struct RestingRunTests {
    /// 56: an approval that waits holds no slot, and a pause does not either.
    @Test(arguments: [true, false])
    func aRunThatWaitsForAPersonHoldsNoSlot(_ isPaused: Bool) async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log) {
            $0.maximumConcurrentRuns = 1
        } _: { (stage: AgentStage) async throws in
            let first = try await stage.send("one")
            try await stage.waitForStart(of: first.run)
            let second = try await stage.send("two", to: "t_2")
            #expect(second.status == .queued)
            let context = try await stage.hub.runtime.context(user: "u_1", thread: "t_1")
            let asked: EventPayload =
                isPaused
                ? .agentPaused(AgentPaused())
                : .approvalRequested(ApprovalRequested(approvalID: "a_1", prompt: "May I?"))
            try await context.emit(EventDraft(runID: first.run, asked))
            try await stage.waitForStart(of: second.run, in: "t_2")
            let third = try await stage.send("three", to: "t_3")
            // A run that continues comes before a new one.
            let answered: EventPayload =
                isPaused
                ? .agentResumed(AgentResumed())
                : .approvalResolved(ApprovalResolved(approvalID: "a_1", decision: .approved))
            try await context.emit(EventDraft(runID: first.run, answered))
            try await context.flush()
            if isPaused {
                // Its end waits for a slot, which the second one has.
                stage.control.release(try #require(first.run))
            }
            try await stage.finish(second.run, in: "t_2")
            try await stage.finish(first.run)
            try await stage.waitForStart(of: third.run, in: "t_3")
            try await stage.finish(third.run, in: "t_3")
        }
    }
}
