import AgentEvents
import AgentEventsTesting
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What was applied is taken back: the thread is as it was, whatever came first and whatever was in between.
@Suite struct RollBackTests {
    private static let maximumLength = 12

    /// Seeded random emissions of several events, half of which are given up at some point; a failure names the seed.
    @Test(arguments: 0..<8)
    func anEmissionThatIsGivenUpLeavesTheThreadAsItWas(part: Int) {
        var rolledBack = 0
        var mostUndone = 0
        var endsUndone = 0
        var forgotten = 0
        for number in 0..<1_000 {
            let seed = UInt64(2_000_000 + part * 1_000 + number)
            var randomness = SeededGenerator(seed: seed)
            let policy = OrderPolicy.allCases[randomness.below(OrderPolicy.allCases.count)]
            var model = OrderModel(policy: policy, maximumLength: Self.maximumLength)
            var machine = ThreadStateMachine(
                policy: policy, maximumMessageByteCount: Self.maximumLength, idleMilliseconds: 10)
            // The runs that a log has.
            var committed: Set<RunID> = []
            var time: Int64 = 0
            for _ in 0..<12 {
                let (before, modelBefore, endedBefore) = (machine, model, machine.endedRuns)
                var journal = machine.journal
                let isGivenUp = randomness.percent(50)
                var applied: [EventDraft] = []
                for _ in 0..<1 + randomness.below(10) {
                    let event = ModelEvent.random(at: time, using: &randomness)
                    let now = Timestamp(milliseconds: time)
                    time += 1
                    let host: RunHost = randomness.percent(50) ? .outside : .process
                    let draft = EventDraft(runID: event.input.run, agent: event.input.agent, event.payload)
                    let checked = machine
                    var action = machine.check(draft, host: host, at: now)
                    if case .lookUp(let run) = action {
                        action = machine.check(draft, host: host, at: now, lookedUp: [run: committed.contains(run)])
                    }
                    let rule = model.receive(event)
                    guard action.rule == rule, machine == checked, machine.deadline == checked.deadline else {
                        Issue.record("seed \(seed), \(event): the model says \(rule?.rawValue ?? "accept"), \(action)")
                        return
                    }
                    guard case .accept(let acceptance) = action else { continue }
                    machine.apply(acceptance, of: draft, &journal)
                    applied.append(draft)
                }
                if isGivenUp {
                    machine.rollBack(journal)
                    model = modelBefore
                    guard machine == before, machine.endedRuns == endedBefore, machine.deadline == before.deadline
                    else {
                        Issue.record("seed \(seed), rolled back at \(time) after \(applied.count) events: not the same")
                        return
                    }
                    rolledBack += 1
                    mostUndone = max(mostUndone, applied.count)
                    endsUndone += applied.filter { $0.payload.type?.endsRun == true }.count
                } else {
                    for draft in applied {
                        if draft.payload.type?.beginsRun == true, let run = draft.runID { committed.insert(run) }
                    }
                    machine.didOffer(at: UInt64(time))
                    if randomness.percent(50) {
                        let count = machine.endedRuns.count
                        machine.forgetEndedRuns(committedThrough: UInt64(time))
                        forgotten += count - machine.endedRuns.count
                    }
                }
            }
        }
        let counts = [rolledBack, mostUndone, endsUndone, forgotten]
        #expect(zip(counts, [5_000, 5, 200, 150]).allSatisfy { $0 > $1 }, "the sequences are too tame: \(counts)")
    }

    /// A machine with one run, which has what there is.
    private static func machine(maximumMessageByteCount: Int = 1000) -> ThreadStateMachine {
        var machine = ThreadStateMachine(policy: .standard, maximumMessageByteCount: maximumMessageByteCount)
        _ = machine.start("r_1")
        _ = machine.receive("r_1", .delta("m_1", "Grüße, "))
        return machine
    }

    private static func fragment(_ text: String, end: UInt16? = nil, start: UInt16? = nil) -> EventDraft {
        var draft = EventDraft(runID: "r_1", .delta("m_1", text))
        if end != nil || start != nil { draft.halves = SplitCharacter(end: end, start: start) }
        return draft
    }

    /// Texts that are cut back at their ends, also where the next character would join the last one.
    @Test(arguments: [["World"], ["\u{301}"], ["😀", "\u{200D}", "🔥"], ["", "a", ""], ["é", "e\u{301}\u{301}", "\n"]])
    func aTextIsCutBack(fragments: [String]) throws {
        var machine = Self.machine()
        let before = machine
        var journal = machine.journal
        for fragment in fragments {
            let draft = Self.fragment(fragment)
            let action = machine.check(draft, at: Timestamp(milliseconds: 1))
            machine.apply(try #require(action.acceptance), of: draft, &journal)
        }
        #expect(machine.openMessageText("m_1", in: "r_1") == "Grüße, " + fragments.joined())
        machine.rollBack(journal)
        #expect(machine == before)
        let text = machine.openMessageText("m_1", in: "r_1")
        #expect(text.map { Array($0.utf8) } == Array("Grüße, ".utf8))
    }

    /// Half of a character that waited waits again, and one that came is gone.
    @Test func halvesOfCharactersComeBack() throws {
        var machine = Self.machine()
        _ = machine.receive(Self.fragment("", start: 0xD83D), at: Timestamp(milliseconds: 1))
        let before = machine
        for drafts in [
            [Self.fragment("!", end: 0xDE00)], [Self.fragment("b")], [Self.fragment("", end: 0xDE00, start: 0xD83E)],
            [Self.fragment("", end: 0xDE00), Self.fragment("", start: 0xD83E), Self.fragment("c")],
        ] {
            var journal = machine.journal
            for draft in drafts {
                let action = machine.check(draft, at: Timestamp(milliseconds: 2))
                machine.apply(
                    try #require(action.acceptance), of: draft, &journal)
            }
            #expect(machine != before)
            machine.rollBack(journal)
            #expect(machine == before)
        }
        _ = machine.receive(Self.fragment("!", end: 0xDE00), at: Timestamp(milliseconds: 3))
        #expect(machine.openMessageText("m_1", in: "r_1") == "Grüße, 😀!")
    }

    /// A run remembers the ids of its latest messages, so many that nobody meets one of an older one by mistake.
    @Test func theOldestClosedMessagesAreForgotten() throws {
        let limit = 16_384
        var machine = Self.machine()
        func rule(_ number: Int) throws -> OrderRule? {
            machine.check(
                EventDraft(runID: "r_1", .delta(try MessageID("n_\(number)"))), at: Timestamp(milliseconds: 0)
            ).rule
        }
        for number in 1...limit { #expect(machine.receive("r_1", .message(try MessageID("n_\(number)"))).rule == nil) }
        #expect(try rule(1) == .messageClosed && rule(limit) == .messageClosed)
        let before = machine
        var journal = machine.journal
        for number in limit + 1...limit + 3 {
            let draft = EventDraft(runID: "r_1", .message(try MessageID("n_\(number)")))
            let action = machine.check(draft, at: Timestamp(milliseconds: 0))
            machine.apply(try #require(action.acceptance), of: draft, &journal)
        }
        for number in 1...3 { #expect(try rule(number) == nil) }
        for number in [4, limit, limit + 3] { #expect(try rule(number) == .messageClosed) }
        machine.rollBack(journal)
        #expect(machine == before)
        #expect(try rule(1) == .messageClosed && rule(limit + 1) == nil)
    }

    /// Processor time of this thread, in seconds.
    private static func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// An emission costs what it has, and not what its message or its thread has: a copy of this text would take a hundred
    /// times as long as the rest.
    @Test func anEmissionCostsTheSameHoweverLongTheMessageIs() throws {
        var machine = Self.machine(maximumMessageByteCount: .max)
        func cost(isKept: Bool) throws -> Double {
            let start = Self.processorTime()
            for number in 0..<200 {
                var journal = machine.journal
                for text in ["abcd", "efgh"] {
                    let draft = Self.fragment(text)
                    let action = machine.check(draft, at: Timestamp(milliseconds: Int64(number)))
                    machine.apply(try #require(action.acceptance), of: draft, &journal)
                }
                if !isKept { machine.rollBack(journal) }
            }
            return Self.processorTime() - start
        }
        let (kept, undone) = (try cost(isKept: true), try cost(isKept: false))
        let piece = String(repeating: "0123456789abcdef", count: 1 << 16)
        for _ in 0..<32 { _ = machine.receive("r_1", .delta("m_1", piece)) }
        #expect(try cost(isKept: true) < 20 * kept)
        #expect(try cost(isKept: false) < 20 * undone)
    }
}
