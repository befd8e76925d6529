import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsInProcess
import AgentEventsProtocol
import AgentEventsTesting
import Testing

/// Workers at a hub: what they are offered, and what becomes of their runs.
@Suite(.timeLimit(.minutes(10)))
struct WorkerTests {
    private static func withHub(
        agents: [AgentName] = [],
        lease: Duration = .seconds(600),
        configure: (inout HubConfiguration) -> Void = { _ in },
        _ body: (AgentStage) async throws -> Void
    ) async throws {
        let settings = { (configuration: inout HubConfiguration) in
            configuration.workerLease = lease
            configure(&configuration)
        }
        try await AgentStage.with(InMemoryEventLog(), agents: agents, configure: settings) { try await body($0) }
    }

    private static func types(_ stage: AgentStage, in thread: ThreadID = "t_1") async throws -> [String] {
        try await stage.hub.runtime.flush()
        return try await AgentStage.logged(stage.hub.runtime.log, in: thread).map(\.typeName)
    }

    @Test func aMessageIsOfferedAndItsRunStartsWhenItIsTaken() async throws {
        try await Self.withHub { stage in
            let worker = try await StagedWorker.serving(stage.hub)
            let answer = try await stage.send("Hello", agent: "guide")
            #expect(answer.status == .queued)
            let offer = try await worker.offer()
            #expect(offer.run == answer.run && offer.prompt.text == "Hello" && offer.attempt == 1 && !offer.isResumed)
            #expect(offer.user == "u_1" && offer.prompt.message == answer.message && offer.after?.sequence == 2)
            #expect(try await Self.types(stage) == ["user_message", "agent_queued"])
            // Before the start is in the log: it waits for it.
            try await worker.send(.take(offer.lease))
            #expect(try await worker.think(of: offer) == nil)
            try await worker.complete(offer)
            try await stage.waitForEnd(of: answer.run)
            #expect(
                try await Self.types(stage) == [
                    "user_message", "agent_queued", "agent_started", "agent_thinking", "agent_completed",
                ])
            #expect(try await worker.think(of: offer) == .leaseLost)
        }
    }

    /// From the place of the offer on, each event once, and nothing any longer when the run is over.
    @Test func aWorkerFollowsTheThreadOfItsRun() async throws {
        try await Self.withHub { stage in
            let worker = try await StagedWorker.serving(stage.hub)
            try await stage.send("Hello", agent: "guide")
            let run = try await worker.take()
            var sequences: [UInt64] = []
            let complete = EmitRequest(
                thread: run.thread, lease: run.lease,
                drafts: [.measured(run.run, .agentCompleted(AgentCompleted(durationMilliseconds: 0)))])
            try await worker.next { message in
                if case .event(let event) = message { sequences.append(event.cursor.sequence) }
                return sequences.last == 3 ? () : nil
            }
            try await worker.send(.emit(complete))
            try await worker.next { message in
                if case .event(let event) = message { sequences.append(event.cursor.sequence) }
                if case .unsubscribed(nil, "t_1", code: nil) = message { return () }
                return nil
            }
            #expect(sequences.first == 3 && sequences == Array(3...(sequences.last ?? 0)))
        }
    }

    /// Nobody's messages wait for a worker that may not work for them, and nobody chooses the agent of others.
    @Test func aWorkerServesThoseForWhomItMayWork() async throws {
        try await Self.withHub { stage in
            let stranger = Principal(user: "u_s", scopes: [.serve, .read, .emit])
            _ = try await StagedWorker.serving(stage.hub, ["theirs"], as: stranger)
            let unnamed = try await stage.send("Hello")
            #expect(unnamed.run == nil)
            let error = await #expect(throws: ProtocolError.self) { try await stage.send("Hello", agent: "theirs") }
            #expect(error?.code == .agentUnknown)
            let worker = try await StagedWorker.serving(stage.hub, worker: "w_2")
            let answer = try await stage.send("Hello")
            #expect(answer.status == .queued)
            #expect(try await worker.offer().agent == "guide")
        }
    }

    /// A worker that takes an offer too late has been told that it has it no longer.
    @Test func anOfferThatIsOverIsCancelled() async throws {
        try await Self.withHub { stage in
            let worker = try await StagedWorker.serving(stage.hub)
            try await stage.send("Hello", agent: "guide")
            let offer = try await worker.offer()
            let (lease, reason) = try await worker.cancel()
            #expect(lease == offer.lease && reason == .lost)
        }
    }

    /// Runs that were stopped while they waited for a worker with room keep nobody waiting behind them.
    @Test(.timeLimit(.minutes(1))) func thoseThatWaitBehindStoppedRunsAreOfferedAtOnce() async throws {
        try await Self.withHub {
            $0.maximumConcurrentRuns = 200
            $0.maximumConcurrentRunsPerUser = 200
            $0.maximumQueuedRunsPerUser = 200
        } _: { stage in
            let worker = try await StagedWorker.serving(stage.hub, capacity: 1)
            try await stage.send("first", agent: "guide", to: "t_first")
            let first = try await worker.take()
            let threads = (0..<80).map { ThreadID(stringLiteral: "t_\($0)") }
            for thread in threads { try await stage.send("stopped", agent: "guide", to: thread) }
            try await stage.send("last", agent: "guide", to: "t_last")
            for thread in threads {
                let context = try await stage.hub.runtime.context(user: "u_1", thread: thread)
                _ = try await context.command(RunCommand(.stop, by: "u_1"))
            }
            try await worker.complete(first)
            #expect(try await worker.offer().prompt.text == "last")
        }
    }

    @Test func whatIsDeclinedIsOfferedToAnotherWorkerAndNotLogged() async throws {
        try await Self.withHub { stage in
            let first = try await StagedWorker.serving(stage.hub)
            try await stage.send("Hello", agent: "guide")
            let offer = try await first.offer()
            let second = try await StagedWorker.serving(stage.hub, worker: "w_2")
            try await first.send(.decline(offer.lease, reason: "no room"))
            let again = try await second.offer()
            #expect(again.run == offer.run && again.lease != offer.lease)
            #expect(try await Self.types(stage) == ["user_message", "agent_queued"])
            try await second.send(.take(again.lease))
            try await second.complete(again)
            guard case .error(let error) = try await first.ask(.take(offer.lease)) else {
                Issue.record("that is another one")
                return
            }
            #expect(error.code == .leaseLost)
            guard case .error(let unknown) = try await first.ask(.take("l_none")) else {
                Issue.record("that is another one")
                return
            }
            #expect(unknown.code == .leaseUnknown)
        }
    }

    /// 70: the run has ended in the log before, and the worker need not say anything.
    @Test func aStopReachesTheWorker() async throws {
        try await Self.withHub { stage in
            let worker = try await StagedWorker.serving(stage.hub)
            let answer = try await stage.send("Hello", agent: "guide")
            let run = try await worker.take()
            try await stage.events { $0.runID == answer.run && $0.type == .agentStarted }
            let context = try await stage.hub.runtime.context(user: "u_1", thread: "t_1")
            _ = try await context.command(RunCommand(.stop, by: "u_1"))
            let (lease, reason) = try await worker.cancel()
            #expect(lease == run.lease && reason == .stopped)
            #expect(try await Self.types(stage).last == "agent_cancelled")
            #expect(try await worker.think(of: run) == .leaseLost)
        }
    }

    @Test func aMessageInItsPlaceTellsSo() async throws {
        try await Self.withHub { stage in
            let worker = try await StagedWorker.serving(stage.hub)
            try await stage.send("Hello", agent: "guide")
            _ = try await worker.take()
            try await stage.events { $0.type == .agentStarted }
            try await stage.send("No, that", .supersede, agent: "guide")
            #expect(try await worker.cancel().1 == .superseded)
            let next = try await worker.take()
            #expect(next.prompt.text == "No, that")
            try await worker.complete(next)
        }
    }

    /// Real time, a second of it: the lease is the server's.
    @Test func aWorkerThatFallsSilentIsLost() async throws {
        try await Self.withHub(lease: .seconds(1)) { stage in
            let worker = try await StagedWorker.serving(stage.hub)
            let answer = try await stage.send("Hello", agent: "guide")
            let run = try await worker.take()
            let events = try await stage.waitForEnd(of: answer.run)
            guard case .agentFailed(let failed)? = events.last?.payload else {
                Issue.record("that is another one")
                return
            }
            #expect(failed.error.code == "run.lost")
            #expect(try await worker.cancel() == (run.lease, .lost))
            #expect(try await worker.think(of: run) == .leaseLost)
            #expect(try await Self.types(stage).last == "agent_failed")
        }
    }

    @Test func aWorkerThatComesBackKeepsItsRun() async throws {
        try await Self.withHub { stage in
            let worker = try await StagedWorker.serving(stage.hub)
            try await stage.send("Hello", agent: "guide")
            let run = try await worker.take()
            #expect(try await worker.think(of: run, key: "k_1") == nil)
            worker.connection.close()
            let again = try await StagedWorker.open(stage.hub)
            let request = ServeRequest(worker: "w_1", agents: ["guide"], leases: [run.lease, "l_other"])
            guard case .serving(_, _, let kept, let lost) = try await again.ask(.serve(request)) else {
                Issue.record("that is another one")
                return
            }
            #expect(kept == [run.lease] && lost == ["l_other"])
            #expect(try await again.think(of: run, key: "k_1") == nil)
            try await again.complete(run)
            #expect(try await Self.types(stage).filter { $0 == "agent_thinking" }.count == 1)
        }
    }

    @Test func ofTwoWithOneNameTheOlderOneIsSentAway() async throws {
        try await Self.withHub { stage in
            let first = try await StagedWorker.serving(stage.hub)
            let answer = try await stage.send("Hello", agent: "guide")
            _ = try await first.take()
            try await stage.events { $0.type == .agentStarted }
            _ = try await StagedWorker.serving(stage.hub)
            try await stage.waitForEnd(of: answer.run)
            let closure = await #expect(throws: InProcessClosure.self) {
                try await first.next { _ -> Bool? in nil }
            }
            #expect(closure?.code == .replaced)
        }
    }

    @Test(arguments: [Scope.serve, .read, .emit])
    func aWorkerTakesItsScopes(_ scope: Scope) async throws {
        try await Self.withHub { stage in
            var principal = StagedWorker.principal
            principal.scopes.remove(scope)
            let worker = try await StagedWorker.open(stage.hub, as: principal)
            let answer = try await worker.ask(.serve(ServeRequest(worker: "w_1", agents: ["guide"])))
            guard case .error(let error) = answer else {
                Issue.record("that is another one")
                return
            }
            #expect(error.code == .scopeMissing && error.message.contains(scope.rawValue))
        }
    }

    @Test func anAgentOfTheServiceIsNotServedByOthers() async throws {
        try await Self.withHub(agents: ["guide"]) { stage in
            let worker = try await StagedWorker.open(stage.hub)
            let answer = try await worker.ask(.serve(ServeRequest(worker: "w_1", agents: ["scout", "guide"])))
            guard case .error(let error) = answer else {
                Issue.record("that is another one")
                return
            }
            #expect(error.code == .workerAgentTaken && error.message.contains("guide"))
            await #expect(throws: ProtocolError.self) { try await stage.send("Hello", agent: "scout") }
        }
    }

    /// Nobody is given what they may not use.
    @Test func aRunIsOfferedToThoseOnlyWhoMayWorkInItsThread() async throws {
        try await Self.withHub { stage in
            var narrow = StagedWorker.principal
            narrow.threads = .own
            let first = try await StagedWorker.serving(stage.hub, as: narrow, worker: "w_1")
            try await stage.send("Hello", agent: "guide")
            let second = try await StagedWorker.serving(stage.hub, worker: "w_2")
            let run = try await second.take()
            try await second.complete(run)
            try await first.send(.ping, tag: RequestTag(text: "end"))
            var wasOffered = false
            try await first.next { message in
                if case .run = message { wasOffered = true }
                if case .pong = message { return () }
                return nil
            }
            #expect(!wasOffered)
        }
    }

    @Test func whatIsQueuedWithoutAWorkerIsOfferedWhenOneComes() async throws {
        try await Self.withHub { stage in
            let first = try await StagedWorker.serving(stage.hub, capacity: 1)
            try await stage.send("One", agent: "guide", to: "t_1")
            let one = try await first.take()
            // No room for this one, and then nobody at all.
            try await stage.send("Two", agent: "guide", to: "t_2")
            try await first.complete(one)
            let two = try await first.offer()
            #expect(two.prompt.text == "Two")
            first.connection.close()
            let second = try await StagedWorker.serving(stage.hub, worker: "w_2", capacity: 1)
            let again = try await second.take()
            #expect(again.run == two.run && again.lease != two.lease)
            try await second.complete(again)
        }
    }

    @Test func aThousandLeasesAtOnce() async throws {
        let count = 1000
        try await Self.withHub(configure: { configuration in
            (configuration.maximumConcurrentRuns, configuration.maximumConcurrentRunsPerUser) = (2 * count, 2 * count)
            (configuration.maximumQueuedRuns, configuration.maximumQueuedRunsPerUser) = (2 * count, 2 * count)
        }) { stage in
            let worker = try await StagedWorker.serving(stage.hub, capacity: count)
            var runs: [WorkerRun] = []
            for number in 1...count {
                try await stage.send("Hello", agent: "guide", to: ThreadID(stringLiteral: "t_\(number)"))
                // At once: what is not taken for 5 seconds is offered again.
                runs.append(try await worker.take())
            }
            #expect(Set(runs.map(\.lease)).count == count && Set(runs.map(\.run)).count == count)
            for run in runs { try await worker.complete(run) }
            for run in [runs[0], runs[count / 2], runs[count - 1]] {
                try await stage.waitForEnd(of: run.run, in: run.thread)
            }
        }
    }

    // MARK: The Swift client

    private static func client(_ hub: AgentEventsHub) -> StreamClient {
        StreamClient(connector: InProcessConnector(hub, as: StagedWorker.principal))
    }

    /// Waits until an agent is served.
    private static func send(_ text: String, _ stage: AgentStage) async throws -> MessageIntake.Answer {
        while true {
            do throws(ProtocolError) {
                return try await stage.send(text, agent: "guide")
            } catch {
                guard error.code == .agentUnknown else { throw error }
                await Task.yield()
            }
        }
    }

    private struct Failed: Error {}

    @Test func theWorkerOfTheClientAnswersAndFails() async throws {
        try await Self.withHub { stage in
            let worker = AgentWorker(Self.client(stage.hub), capacity: 2)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await worker.run(agents: ["guide"]) { task in
                        if task.text == "fail" { throw Failed() }
                        try await task.say("You said: \(task.text)")
                        return ["attempt": .integer(Int64(task.attempt))]
                    }
                }
                let answer = try await Self.send("Hello", stage)
                let events = try await stage.waitForEnd(of: answer.run)
                let said = events.compactMap { event -> String? in
                    if case .messageCompleted(let message) = event.payload { message.text } else { nil }
                }
                #expect(said == ["You said: Hello"])
                guard case .agentCompleted(let completed)? = events.last?.payload else {
                    Issue.record("that is another one")
                    return
                }
                #expect(completed.result == ["attempt": 1])
                let failing = try await Self.send("fail", stage)
                let failure = try await stage.waitForEnd(of: failing.run).last?.payload
                guard case .agentFailed(let failed)? = failure else {
                    Issue.record("that is another one")
                    return
                }
                #expect(failed.error.code == "error")
                group.cancelAll()
            }
        }
    }

    @Test func aStopCancelsTheTaskOfTheWorker() async throws {
        try await Self.withHub { stage in
            let (began, ended) = (WakeSignal(), WakeSignal())
            let worker = AgentWorker(Self.client(stage.hub))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await worker.run(agents: ["guide"]) { _ in
                        began.signal()
                        defer { ended.signal() }
                        return try await waitForCancellation()
                    }
                }
                _ = try await Self.send("Hello", stage)
                _ = await began.wait()
                try await stage.events { $0.type == .agentStarted }
                let context = try await stage.hub.runtime.context(user: "u_1", thread: "t_1")
                _ = try await context.command(RunCommand(.stop, by: "u_1"))
                _ = await ended.wait()
                group.cancelAll()
            }
            #expect(try await Self.types(stage).last == "agent_cancelled")
        }
    }
}
