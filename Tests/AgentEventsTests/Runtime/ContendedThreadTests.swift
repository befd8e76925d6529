import AgentEvents
import AgentEventsTesting
import Testing

/// Two runtimes over one log, which commits threads by themselves.
@Suite(.timeLimit(.minutes(5))) struct ContendedThreadTests {
    static func custom(_ value: JSONValue) -> EventDraft {
        EventDraft(.custom(CustomEvent(name: "n", value: value)))
    }

    static func start(_ run: RunID) -> EventDraft {
        EventDraft(runID: run, agent: "guide", .agentStarted(AgentStarted()))
    }

    static func think(_ run: RunID, _ text: String) -> EventDraft {
        EventDraft(runID: run, .agentThinking(AgentThinking(thoughtID: "th_1", text: text)))
    }

    static func end(_ run: RunID) -> EventDraft {
        EventDraft(runID: run, .agentCompleted(AgentCompleted(durationMilliseconds: 1)))
    }

    static func events(_ log: any EventLog, _ thread: ThreadID = "t_1") async throws -> [AgentEvent] {
        var events: [AgentEvent] = []
        while true {
            let after = events.last?.id.sequence ?? 0
            let page = try await log.read(LogRead(.thread(thread, after: after)))
            events += try page.events.map { try EventDecoder.decode($0.bytes) }
            if page.reachesEnd { return events }
        }
    }

    static func withTwo(
        _ body: @Sendable (InMemoryContendedLog, AgentRuntime, AgentRuntime) async throws -> Void
    ) async throws {
        let log = InMemoryContendedLog()
        try await withAgentRuntime(log: log) { first in
            try await withAgentRuntime(log: log.anotherWriter()) { second in try await body(log, first, second) }
        }
    }

    /// The ids that are given are those in the log, whoever else has appended.
    @Test func anEmissionContinuesAfterWhatAnotherWriterHasAppended() async throws {
        try await Self.withTwo { log, first, second in
            let ours = try await first.context(user: "u_1", thread: "t_1")
            let theirs = try await second.context(user: "u_1", thread: "t_1")
            let one = try await ours.emit(Self.custom(1))
            let two = try await theirs.emit(Self.custom(2))
            let three = try await ours.emit([Self.custom(3), Self.custom(4)])
            #expect([one, two].map(\.sequence) == [1, 2])
            #expect(three.ids.map(\.sequence) == [3, 4])
            #expect(try await Self.events(log).map(\.id) == [one, two] + three.ids)
        }
    }

    /// What another writer's events make illegal is refused, and what they make legal is taken.
    @Test func anEmissionIsDecidedByTheOrderOfTheWholeThread() async throws {
        try await Self.withTwo { log, first, second in
            let ours = try await first.context(user: "u_1", thread: "t_1")
            let theirs = try await second.context(user: "u_1", thread: "t_1")
            try await ours.emit(Self.start("r_1"))
            // Not known there, but open.
            try await theirs.emit(Self.think("r_1", "Where?"))
            try await theirs.emit(Self.end("r_1"))
            let error = await #expect(throws: AgentEventsError.self) { try await ours.emit(Self.think("r_1", "Here.")) }
            #expect(error?.violation?.rule == .alreadyEnded)
            let again = await #expect(throws: AgentEventsError.self) { try await ours.emit(Self.start("r_1")) }
            #expect(again?.violation != nil)
            #expect(try await Self.events(log).count == 3)
        }
    }

    /// A scope whose run another writer has ended finds it ended.
    @Test func aRunThatAnotherWriterEndsHasEnded() async throws {
        try await Self.withTwo { log, first, second in
            await #expect(throws: AgentEventsError.self) {
                try await first.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                    try await run.say("One moment")
                    let theirs = try await second.context(user: "u_1", thread: "t_1")
                    _ = try await theirs.emit([
                        EventDraft(
                            runID: run.id,
                            .agentCancelled(AgentCancelled(reason: "elsewhere", durationMilliseconds: 1)))
                    ])
                    try await run.say(".")
                }
            }
            let types = try await Self.events(log).compactMap(\.type)
            #expect(types.filter(\.endsRun) == [.agentCancelled])
            #expect(types.last == .agentCancelled)
        }
    }

    /// The runs of another process go on when this one stops.
    @Test func aRuntimeEndsItsOwnRunsOnly() async throws {
        try await Self.withTwo { log, first, second in
            let ours = try await first.context(user: "u_1", thread: "t_1")
            let theirs = try await second.context(user: "u_1", thread: "t_1")
            try await ours.emit(Self.start("r_1"))
            try await theirs.emit(Self.start("r_2"))
            try await ours.emit(Self.custom(1))
            try await first.cancelHostedRuns(reason: "stopping")
            try await theirs.emit(Self.think("r_2", "Still here"))
            #expect(try await log.thread("t_1")?.openRuns.map(\.run) == ["r_2"])
        }
    }

    /// A key is used once, whichever writer was first.
    @Test func aKeyCountsForAllWriters() async throws {
        try await Self.withTwo { log, first, second in
            let ours = try await first.context(user: "u_1", thread: "t_1")
            let theirs = try await second.context(user: "u_1", thread: "t_1")
            async let one = ours.emit([Self.custom(1)], key: "k_1")
            async let other = theirs.emit([Self.custom(1)], key: "k_1")
            let receipts = try await [one, other]
            #expect(Set(receipts.map(\.ids)).count == 1)
            #expect(receipts.filter(\.isRepeated).count == 1)
            let conflict = await #expect(throws: AgentEventsError.self) {
                try await theirs.emit([Self.custom(2)], key: "k_1")
            }
            #expect(conflict?.code == .keyConflict)
            #expect(try await Self.events(log).count == 1)
        }
    }

    /// Two users open a thread that has no event yet; it belongs to the one whose event is first (I5).
    @Test func aThreadBelongsToOneUserWhoeverWritesIt() async throws {
        try await Self.withTwo { log, first, second in
            let ours = try await first.context(user: "u_1", thread: "t_1")
            let theirs = try await second.context(user: "u_2", thread: "t_1")
            try await ours.emit(Self.custom(1))
            let error = await #expect(throws: AgentEventsError.self) { try await theirs.emit(Self.custom(2)) }
            #expect(error?.code == .threadForbidden)
            #expect(try await Self.events(log).count == 1)
        }
    }

    /// A reader in one process gets what another one writes, although its own process writes nothing.
    @Test func readersAreGivenWhatAnotherWriterCommits() async throws {
        try await Self.withTwo { _, first, second in
            let theirs = try await second.context(user: "u_1", thread: "t_1")
            var events = try await first.events(user: "u_1", thread: "t_1").makeAsyncIterator()
            for number in 1...20 as ClosedRange<Int64> {
                let id = try await theirs.emit(Self.custom(.integer(number)))
                #expect(try await events.next()?.id == id)
            }
        }
    }

    /// The same for a sink.
    @Test func sinksAreGivenWhatAnotherWriterCommits() async throws {
        let log = InMemoryContendedLog()
        let sink = InMemorySink()
        try await withAgentRuntime(log: log, sinks: [sink]) { first in
            try await withAgentRuntime(log: log.anotherWriter()) { second in
                // Both have started.
                _ = try await first.context(user: "u_1", thread: "t_1")
                let theirs = try await second.context(user: "u_1", thread: "t_1")
                let id = try await theirs.emit(Self.custom(1))
                while sink.events(in: "t_1").map(\.id) != [id] {
                    try await Environment.system.sleep(.milliseconds(5))
                }
            }
        }
    }

    /// A context that was opened for somebody else than the thread turns out to belong to does not keep its owner out.
    @Test func theOwnerOfAThreadThatAnotherWriterOpenedIsNotRefused() async throws {
        try await Self.withTwo { log, first, second in
            let stale = try await first.context(user: "u_1", thread: "t_1")
            let theirs = try await second.context(user: "u_2", thread: "t_1")
            try await theirs.emit(Self.custom(1))
            await #expect(throws: AgentEventsError.self) { try await stale.emit(Self.custom(2)) }
            let rightful = try await first.context(user: "u_2", thread: "t_1")
            try await rightful.emit(Self.custom(3))
            let error = await #expect(throws: AgentEventsError.self) { try await stale.emit(Self.custom(4)) }
            #expect(error?.code == .threadForbidden)
            #expect(try await Self.events(log).count == 2)
            #expect(try await first.owner(of: "t_1") == "u_2")
        }
    }

    // MARK: Seeded

    private enum Answer: Sendable {
        case accepted([EventID])
        case refused(AgentEventsError)
    }

    /// Both runtimes emit into the same threads and the same runs, from several tasks each. Then each thread is dense
    /// and in order, what was accepted is in it once under the ids that were given, and what was refused is not.
    @Test(arguments: [(1, 1), (2, 1), (3, 4), (4, 4), (5, 16)] as [(UInt64, Int)])
    func manyEmissionsOfTwoRuntimesAreEachInTheLogOnceOrRefused(_ seed: UInt64, _ threadCount: Int) async throws {
        let taskCount = 4
        let emissionCount = 60
        try await Self.withTwo { log, first, second in
            let answers = try await withThrowingTaskGroup(of: [(String, ThreadID, Answer)].self) { group in
                for task in 0..<taskCount {
                    let runtime = task % 2 == 0 ? first : second
                    group.addTask {
                        var generator = SeededGenerator(seed: seed, number: task)
                        var answers: [(String, ThreadID, Answer)] = []
                        for number in 0..<emissionCount {
                            let thread = ThreadID(
                                stringLiteral: "t_\(Int.random(in: 1...threadCount, using: &generator))")
                            let run = RunID(stringLiteral: "r_\(Int.random(in: 1...3, using: &generator))")
                            let mark = "\(task)-\(number)"
                            let drafts: [EventDraft] =
                                switch Int.random(in: 0..<8, using: &generator) {
                                case 0: [Self.start(run), Self.think(run, mark)]
                                case 1: [Self.think(run, mark), Self.end(run)]
                                case 2: [Self.start(run), Self.think(run, mark), Self.end(run)]
                                case 3...5: [Self.think(run, mark)]
                                default: [Self.custom(.string(mark)), Self.custom("more")]
                                }
                            let context = try await runtime.context(user: "u_1", thread: thread)
                            do throws(AgentEventsError) {
                                let receipt = try await context.emit(drafts)
                                answers.append((mark, thread, .accepted(receipt.ids)))
                            } catch {
                                answers.append((mark, thread, .refused(error)))
                            }
                        }
                        return answers
                    }
                }
                var answers: [(String, ThreadID, Answer)] = []
                for try await some in group { answers += some }
                return answers
            }
            #expect(answers.count == taskCount * emissionCount)
            for number in 1...threadCount {
                let thread = ThreadID(stringLiteral: "t_\(number)")
                let events = try await Self.events(log, thread)
                #expect(
                    events.map(\.id.sequence) == Array(1...UInt64(max(1, events.count))).prefix(events.count).map { $0 }
                )
                Self.expectOrder(of: events)
                var places: [String: [Int]] = [:]
                for (place, event) in events.enumerated() {
                    switch event.payload {
                    case .agentThinking(let thinking): places[thinking.text, default: []].append(place)
                    case .custom(let custom):
                        if let mark = custom.value.stringValue { places[mark, default: []].append(place) }
                    default: break
                    }
                }
                for (mark, itsThread, answer) in answers where itsThread == thread {
                    switch answer {
                    case .accepted(let ids):
                        #expect(places[mark]?.count == 1, "\(mark) is in \(thread) once")
                        if let place = places[mark]?.first {
                            #expect(ids.contains(events[place].id), "\(mark) has an id that was given for it")
                        }
                    case .refused(let error):
                        #expect(places[mark] == nil, "\(mark) was refused and is not in \(thread)")
                        #expect(error.violation != nil, "\(mark) is refused by order: \(error)")
                    }
                }
            }
        }
    }

    private static func expectOrder(of events: [AgentEvent]) {
        var machine = ThreadStateMachine(policy: .standard)
        var started: Set<RunID> = []
        for event in events {
            let draft = EventDraft(runID: event.runID, agent: event.agent, event.payload)
            let lookedUp = event.runID.map { [$0: started.contains($0)] } ?? [:]
            guard case .accept(let acceptance) = machine.check(draft, at: event.time, lookedUp: lookedUp) else {
                Issue.record("\(event.id) is not in order")
                return
            }
            var journal = machine.journal
            machine.apply(acceptance, of: draft, &journal)
            if let run = event.runID { started.insert(run) }
        }
    }
}
