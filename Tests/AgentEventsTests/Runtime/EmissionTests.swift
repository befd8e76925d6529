import AgentEvents
import AgentEventsTesting
import Testing

/// The one way into the log, where it meets others: keys, look-ups, and events that are refused on the way.
@Suite(.timeLimit(.minutes(5))) struct EmissionTests {
    private static func custom(_ value: JSONValue) -> EventDraft {
        EventDraft(.custom(CustomEvent(name: "n", value: value)))
    }

    private static func start(_ run: RunID) -> EventDraft {
        EventDraft(runID: run, agent: "guide", .agentStarted(AgentStarted()))
    }

    private static func end(_ run: RunID) -> EventDraft {
        EventDraft(runID: run, .agentCompleted(AgentCompleted(durationMilliseconds: 1)))
    }

    private static func rule(_ emission: () async throws -> Void) async -> OrderRule? {
        do {
            try await emission()
            return nil
        } catch {
            return (error as? AgentEventsError)?.violation?.rule
        }
    }

    private static func events(_ log: any EventLog, _ thread: ThreadID = "t_1") async throws -> [AgentEvent] {
        try await log.read(LogRead(.thread(thread, after: 0))).events.map { try EventDecoder.decode($0.bytes) }
    }

    // MARK: Keys

    /// The second one comes while the first one asks the log.
    @Test func twoEmissionsWithOneKeyAtOnceAreHeldApart() async throws {
        let log = HeldLookUpLog()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            log.holdKeys(2)
            async let first = context.emit([Self.custom(1)], key: "k_1")
            while log.keyLookUpCount < 1 { await Task.yield() }
            async let second = context.emit([Self.custom(1)], key: "k_1")
            // It waits for the first one; or, if it does not, it has asked the log by itself.
            while await context.waitingEmissionCount == 0, log.keyLookUpCount < 2 { await Task.yield() }
            #expect(log.keyLookUpCount == 1)
            log.release()
            let receipts = try await [first, second]
            #expect(receipts.filter(\.isRepeated).count == 1)
            #expect(Set(receipts.map(\.ids)).count == 1)
            try await runtime.flush()
            #expect(try await Self.events(log).count == 1)
        }
    }

    /// The first one is refused; the one that waited takes its place.
    @Test func theKeyOfARefusedEmissionGoesToTheOneThatWaits() async throws {
        let log = HeldLookUpLog()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            log.holdKeys(1)
            async let first = Self.rule { _ = try await context.emit([Self.end("r_1")], key: "k_1") }
            while log.keyLookUpCount < 1 { await Task.yield() }
            async let second = context.emit([Self.custom(1)], key: "k_1")
            while await context.waitingEmissionCount == 0, log.keyLookUpCount < 2 { await Task.yield() }
            log.release()
            #expect(await first == .notStarted)
            #expect(try await !second.isRepeated)
        }
    }

    // MARK: Runs that are not open

    @Test(arguments: [true, false])
    func aRunThatHasEndedIsKnownForGood(isRebuilt: Bool) async throws {
        let log = InMemoryEventLog()
        func check(_ context: ExecutionContext) async {
            for run: RunID in ["r_1", "r_2"] {
                #expect(await Self.rule { try await context.emit(Self.start(run)) } == .alreadyStarted)
                #expect(await Self.rule { try await context.emit(Self.end(run)) } == .alreadyEnded)
                #expect(
                    await Self.rule { _ = try await context.emit([Self.custom(1), Self.start(run)]) } == .alreadyStarted
                )
            }
            #expect(await Self.rule { try await context.emit(Self.end("r_9")) } == .notStarted)
            // Within one emission.
            let drafts = [Self.start("r_3"), Self.end("r_3"), Self.start("r_3")]
            #expect(await Self.rule { _ = try await context.emit(drafts) } == .alreadyStarted)
            #expect(await Self.rule { _ = try await context.emit(Array(drafts[...1]) + [drafts[1]]) } == .alreadyEnded)
        }
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            _ = try await context.emit([Self.start("r_1"), Self.end("r_1")])
            try await context.emit(Self.start("r_2"))
            try await context.emit(Self.end("r_2"))
            if !isRebuilt { await check(context) }
            try await runtime.flush()
            await check(context)
        }
        log.close()
        guard isRebuilt else { return }
        try await withAgentRuntime(log: log) { runtime in
            await check(try await runtime.context(user: "u_1", thread: "t_1"))
        }
    }

    @Test func theLogIsAskedOnlyAboutRunsThatAreNotOpen() async throws {
        let log = HeldLookUpLog()
        try await withAgentRuntime(log: log) { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                try await run.say("Hello")
                try await run.withChild(agent: "finder") { child in try await child.think("Hm.") }
            }
            #expect(log.runLookUpCount == 0)
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            _ = try await context.emit([Self.start("r_1"), Self.start("r_2"), Self.start("r_3"), Self.end("r_3")])
            #expect(log.runLookUpCount == 1)
            _ = try await context.emit([Self.end("r_1"), Self.custom(1), Self.end("r_2")])
            #expect(log.runLookUpCount == 1)
        }
    }

    /// Ids that count may have been there before.
    @Test func idsThatCanBeGuessedAreLookedUp() async throws {
        let log = InMemoryEventLog()
        for opening in 1...2 {
            var configuration = RuntimeConfiguration()
            configuration.identifiers = .counting()
            try await withAgentRuntime(log: log, configuration: configuration) { runtime in
                let rule = await Self.rule {
                    try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { _ in }
                }
                #expect(rule == (opening == 1 ? nil : .alreadyStarted))
            }
            log.close()
        }
    }

    @Test func ofTwoStartsAtOnceOneIsRefused() async throws {
        let log = HeldLookUpLog()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            log.holdRuns(2)
            async let first = Self.rule { try await context.emit(Self.start("r_1")) }
            async let second = Self.rule { try await context.emit(Self.start("r_1")) }
            while log.waitingCount < 2 { await Task.yield() }
            log.release()
            let rules = await [first, second]
            #expect(rules.compactMap(\.self) == [.alreadyStarted])
        }
    }

    /// The log answers that there was no such run; until the answer is there, there is one, it has ended and is committed,
    /// and others have come and gone.
    @Test func anAnswerThatIsOutOfDateIsNotBelieved() async throws {
        let log = HeldLookUpLog()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            log.holdRuns(1)
            async let late = Self.rule { try await context.emit(Self.start("r_1")) }
            while log.waitingCount < 1 { await Task.yield() }
            for number in 1...40 {
                let run = RunID(stringLiteral: "r_\(number)")
                _ = try await context.emit([Self.start(run), Self.end(run)])
                try await runtime.flush()
            }
            log.release()
            #expect(await late == .alreadyStarted)
            try await runtime.flush()
            #expect(try await Self.events(log).count == 80)
        }
    }

    /// With many runs that have ended, a context remembers few.
    @Test func endedRunsAreNotCarried() async throws {
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            for number in 1...500 {
                let run = RunID(stringLiteral: "r_\(number)")
                _ = try await context.emit([Self.start(run), Self.end(run)])
                if number % 5 == 0 { try await runtime.flush() }
                #expect(await context.rememberedRunCount <= 16)
            }
            #expect(await Self.rule { try await context.emit(Self.start("r_1")) } == .alreadyStarted)
        }
    }

    // MARK: Emissions that are refused half-way

    /// The fragments, calls and runs of an emission whose last event is refused have never been there.
    @Test(arguments: [true, false])
    func whatCameBeforeTheRefusedEventIsTakenBack(isTooLarge: Bool) async throws {
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            func delta(_ text: String) -> EventDraft {
                EventDraft(runID: "r_1", .messageDelta(MessageDelta(messageID: "m_1", text: text)))
            }
            let call = EventDraft(
                runID: "r_1", .toolExecuting(ToolExecuting(callID: "c_1", tool: "search", arguments: [:])))
            let returned = EventDraft(
                runID: "r_1",
                .toolCompleted(
                    ToolCompleted(callID: "c_1", tool: "search", status: .succeeded, durationMilliseconds: 1)))
            let failed = EventDraft(
                runID: "r_2",
                .agentFailed(
                    AgentFailed(
                        error: RunFailure(code: "a", message: "b", retryable: false), durationMilliseconds: 1)))
            _ = try await context.emit([Self.start("r_1"), Self.start("r_2"), delta("one "), call])
            let wrong =
                isTooLarge
                ? Self.custom(.string(String(repeating: "x", count: 1 << 20)))
                : EventDraft(runID: "r_1", .agentResumed(AgentResumed()))
            for _ in 0..<3 {
                let drafts = [delta("two "), returned, Self.start("r_3"), failed, delta("three"), wrong]
                let error = await #expect(throws: AgentEventsError.self) { _ = try await context.emit(drafts) }
                #expect(error?.code == (isTooLarge ? .tooLarge : .order(.notPaused)))
                #expect(error?.index == 5)
            }
            // Everything is as it was: the message, the call, both runs, the numbers.
            _ = try await context.emit([delta("four"), returned, Self.start("r_3"), Self.end("r_3"), failed])
            let end = EventDraft(
                runID: "r_1", .agentCancelled(AgentCancelled(durationMilliseconds: 1)))
            try await context.emit(end)
            try await runtime.flush()
            let events = try await Self.events(log)
            #expect(events.map(\.sequence) == Array(1...UInt64(events.count)))
            let texts = events.compactMap { event in
                if case .messageCompleted(let completed) = event.payload { completed.text } else { nil }
            }
            #expect(texts == ["one four"])
            #expect(events.count == 4 + 5 + 2)
        }
    }
}
