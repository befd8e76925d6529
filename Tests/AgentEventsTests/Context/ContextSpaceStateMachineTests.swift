import AgentEvents
import AgentEventsTesting
import Testing

/// The values of a context: when a change is taken, what it is refused for, and when a value is gone.
@Suite struct ContextSpaceStateMachineTests {
    private static func time(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: milliseconds) }

    /// What is decided, in a word.
    private static func word(_ decision: ContextSpaceStateMachine.Decision) -> String {
        switch decision {
        case .log(let update): "\(update.change == .removed ? "removed" : "set") \(update.version)"
        case .unchanged: "unchanged"
        case .refuse(let refusal):
            switch refusal {
            case .conflict(let entry): "conflict \(entry?.version ?? 0)"
            case .tooManyKeys: "too many"
            case .valueTooLarge: "too large"
            case .valueTooDeep: "too deep"
            case .spaceFull: "full"
            case .keyInvalid, .keyTooLong: "key"
            case .timeInvalid: "time"
            case .versionsUsedUp: "versions"
            case .reserved: "reserved"
            case .notLetIn, .mayOnlyRead: "agent"
            }
        }
    }

    /// One value with the version 1 that is there from 0 to 99 ms, at two times.
    @Test(
        arguments: [
            (nil, "set 2", "set 2"), (0, "conflict 1", "set 2"), (1, "set 2", "conflict 0"),
            (2, "conflict 1", "conflict 0"),
        ] as [(Int64?, String, String)])
    func aChangeIsTakenForTheVersionThatItIsFor(_ version: Int64?, _ before: String, _ after: String) throws {
        var space = ContextSpaceStateMachine()
        _ = space.apply(
            StateUpdated(version: 1, key: "k", change: .value(1), expiresAt: Self.time(100)), at: Self.time(0))
        let change = ContextChange(.set(2, timeToLive: nil), of: "k", ifVersion: version)
        #expect(Self.word(space.decide(change, at: Self.time(99))) == before)
        #expect(Self.word(space.decide(change, at: Self.time(100))) == after)
        let removal = ContextChange(.remove, of: "k", ifVersion: version)
        let removed = version == nil || version == 1 ? "removed 2" : "conflict 1"
        #expect(Self.word(space.decide(removal, at: Self.time(99))) == removed)
        let absent = version == nil || version == 0 ? "unchanged" : "conflict 0"
        #expect(Self.word(space.decide(removal, at: Self.time(100))) == absent)
    }

    @Test func aConflictTellsWhatIsThere() throws {
        var space = ContextSpaceStateMachine()
        _ = space.apply(StateUpdated(version: 3, key: "k", change: .value("a"), by: "u_1"), at: Self.time(7))
        guard
            case .refuse(.conflict(let met?)) = space.decide(
                ContextChange(.set("b", timeToLive: nil), of: "k", ifVersion: 2), at: Self.time(9))
        else { return #expect(Bool(false), "it is no conflict") }
        #expect(met.version == 3 && met.value == "a" && met.by == "u_1" && met.time == Self.time(7))
    }

    @Test func limitsAreKept() {
        var space = ContextSpaceStateMachine()
        func set(_ key: String, _ value: JSONValue, ttl: Duration? = nil) -> String {
            Self.word(space.decide(ContextChange(.set(value, timeToLive: ttl), of: key), at: Self.time(0)))
        }
        // In JSON it has two quotation marks more.
        let largest = String(repeating: "x", count: 64 * 1024 - 2)
        #expect(set("k", .string(largest)) == "set 1" && set("k", .string(largest + "x")) == "too large")
        #expect(set("", 1) == "key" && set(String(repeating: "k", count: 257), 1) == "key")
        #expect(set(String(repeating: "k", count: 256), 1) == "set 1")
        #expect(set("k", 1, ttl: .zero) == "time" && set("k", 1, ttl: .milliseconds(1)) == "set 1")
        #expect(set("k", 1, ttl: .seconds(366 * 86_400)) == "set 1")
        #expect(set("k", 1, ttl: .seconds(366 * 86_400) + .milliseconds(1)) == "time")
        var deep: JSONValue = 1
        for _ in 0..<56 { deep = [deep] }
        #expect(set("k", deep) == "set 1" && set("k", [deep]) == "too deep")
        for number in 1...1000 {
            _ = space.apply(
                StateUpdated(version: Int64(number), key: "k_\(number)", change: .value(1)), at: Self.time(0))
        }
        #expect(set("k", 1) == "too many" && set("k_7", 2) == "set 1001")
        // All together: 16 of the largest have no room for their keys.
        space = ContextSpaceStateMachine()
        for number in 1...15 {
            _ = space.apply(
                StateUpdated(version: Int64(number), key: "k_\(number)", change: .value(.string(largest))),
                at: Self.time(0))
        }
        #expect(set("k_16", .string(largest)) == "full" && set("k_15", .string(largest)) == "set 16")
        #expect(set("k_16", .string(String(largest.dropLast(1000)))) == "set 16")
    }

    /// Those of somebody else with versions of their own: what is newer stays.
    @Test func anOlderVersionChangesNothing() {
        var space = ContextSpaceStateMachine()
        _ = space.apply(StateUpdated(version: 9, key: "k", change: .value(1)), at: Self.time(0))
        let before = space
        let undo = space.apply(StateUpdated(version: 9, key: "k", change: .removed), at: Self.time(1))
        #expect(space == before)
        space.undo(undo)
        #expect(space == before)
        _ = space.apply(StateUpdated(version: .max, key: "k", change: .value(2)), at: Self.time(2))
        #expect(
            Self.word(space.decide(ContextChange(.set(3, timeToLive: nil), of: "k"), at: Self.time(3))) == "versions")
    }

    /// With versions of their own, also after removals, the space has what every reader has.
    @Test(arguments: 0..<4) func foreignVersionsCountAsTheyDoForReaders(part: Int) {
        var ignored = 0
        for number in 0..<300 {
            let seed = UInt64(74_000 + part * 300 + number)
            var randomness = SeededGenerator(seed: seed)
            var space = ContextSpaceStateMachine()
            var events: [AgentEvent] = []
            func log(_ update: StateUpdated, at time: Timestamp) {
                let before = space
                let undo = space.apply(update, at: time)
                if space.all(at: Self.time(.min)) == before.all(at: Self.time(.min)) { ignored += 1 }
                if randomness.percent(20) {
                    space.undo(undo)
                    #expect(space == before, "seed \(seed)")
                    _ = space.apply(update, at: time)
                }
                events.append(
                    AgentEvent(
                        id: EventID(generation: 1, sequence: UInt64(events.count + 1)), threadID: "t_1", runID: nil,
                        agent: nil, time: time, payload: .stateUpdated(update)))
            }
            for step in 0..<30 {
                let time = Self.time(Int64(step))
                for removal in space.expired(at: time) { log(removal, at: time) }
                let key = "k_\(randomness.below(3))"
                let version = randomness.percent(40) ? space.version + 1 : Int64(1 + randomness.below(12))
                var update = StateUpdated(version: version, key: key, change: .value(.integer(step)))
                if randomness.percent(30) { update.change = .removed }
                if randomness.percent(30) { update.expiresAt = Self.time(Int64(step + 1 + randomness.below(5))) }
                log(update, at: time)
                let state = ThreadState(folding: events)
                let readers = state.entries.filter { !$0.isRemoved }.map { "\($0.key) \($0.version)" }
                let own = space.all(at: Self.time(.min)).map { "\($0.key) \($0.version)" }
                guard Set(readers) == Set(own), ContextSpaceStateMachine(state.entries) == space else {
                    return #expect(Bool(false), "seed \(seed), step \(step): \(own), readers have \(readers)")
                }
            }
        }
        #expect(ignored > 500, "the sequences are too tame: \(ignored)")
    }

    /// No removal could follow, and it would be tried for ever.
    @Test func whatHasTheLastVersionIsNotRemoved() {
        var space = ContextSpaceStateMachine()
        _ = space.apply(
            StateUpdated(version: .max, key: "k", change: .value(1), expiresAt: Self.time(5)), at: Self.time(0))
        #expect(space.deadline == ThreadStateMachine.never && space.expired(at: Self.time(9)).isEmpty)
        #expect(space.entry("k", at: Self.time(5)) == nil)
    }

    /// Grants lapse by the time that they carry.
    @Test func aGrantIsNotRemoved() {
        var space = ContextSpaceStateMachine()
        _ = space.apply(
            StateUpdated(version: 1, key: "grant/deploy", change: .value(1), expiresAt: Self.time(5)), at: Self.time(0))
        #expect(space.deadline == ThreadStateMachine.never && space.expired(at: Self.time(9)).isEmpty)
    }

    // MARK: Against a model

    /// What is there, written a second time: a list of what was set, looked through from its end.
    private struct Model {
        struct Put {
            var key: String
            var value: JSONValue?
            var version: Int64
            var expiresAt: Timestamp?
        }

        var puts: [Put] = []

        func current(_ key: String, at time: Timestamp) -> Put? {
            guard let put = puts.last(where: { $0.key == key }), put.value != nil else { return nil }
            if let end = put.expiresAt, end <= time { return nil }
            return put
        }

        /// The keys that have lapsed and were not removed, in the order in which they have.
        func lapsed(at time: Timestamp) -> [String] {
            Set(puts.map(\.key)).compactMap { key -> (Timestamp, String)? in
                guard let put = puts.last(where: { $0.key == key }), put.value != nil, let end = put.expiresAt,
                    end <= time
                else { return nil }
                return (end, key)
            }.sorted { $0.0 == $1.0 ? $0.1 < $1.1 : $0.0 < $1.0 }.map(\.1)
        }
    }

    /// Seeded random changes; a failure names the seed. Before each decision what has expired is removed, as the thread does
    /// it, and some changes are taken back.
    @Test(arguments: 0..<4) func itIsWhatTheModelSays(part: Int) {
        var conflicts = 0
        var expiries = 0
        for number in 0..<500 {
            let seed = UInt64(71_000 + part * 500 + number)
            var randomness = SeededGenerator(seed: seed)
            var space = ContextSpaceStateMachine()
            var model = Model()
            var now: Int64 = 0
            for step in 0..<40 {
                now += Int64(randomness.below(4))
                let time = Self.time(now)
                let removals = space.expired(at: time)
                guard removals.map(\.key) == model.lapsed(at: time), space.deadline > time || !removals.isEmpty,
                    removals.allSatisfy({ $0.change == .removed && $0.reason == "expired" })
                else { return #expect(Bool(false), "seed \(seed), step \(step): \(removals)") }
                for removal in removals {
                    _ = space.apply(removal, at: time)
                    model.puts.append(.init(key: removal.key, value: nil, version: removal.version))
                    expiries += 1
                }
                guard space.deadline > time else { return #expect(Bool(false), "seed \(seed), step \(step): due") }
                let key = "k_\(randomness.below(4))"
                let known = model.current(key, at: time)
                var change = ContextChange(.remove, of: key)
                if randomness.percent(70) {
                    let ttl: Duration? = randomness.percent(60) ? .milliseconds(1 + randomness.below(6)) : nil
                    change.kind = .set(.integer(step), timeToLive: ttl)
                }
                if randomness.percent(40) {
                    change.ifVersion = randomness.percent(60) ? known?.version ?? 0 : Int64(randomness.below(9))
                }
                let before = space
                let decision = space.decide(change, at: time)
                let isWanted = change.ifVersion == nil || change.ifVersion == known?.version ?? 0
                var expected = "conflict \(known?.version ?? 0)"
                let next = (model.puts.map(\.version).max() ?? 0) + 1
                if isWanted {
                    if case .set = change.kind {
                        expected = "set \(next)"
                    } else {
                        expected = known == nil ? "unchanged" : "removed \(next)"
                    }
                }
                guard Self.word(decision) == expected, space == before else {
                    return #expect(Bool(false), "seed \(seed), step \(step): \(decision), and not \(expected)")
                }
                if !isWanted { conflicts += 1 }
                guard case .log(let update) = decision else { continue }
                let undo = space.apply(update, at: time)
                if randomness.percent(20) {
                    space.undo(undo)
                    guard space == before else { return #expect(Bool(false), "seed \(seed), step \(step): undone") }
                    continue
                }
                var put = Model.Put(key: key, version: update.version, expiresAt: update.expiresAt)
                if case .value(let value) = update.change { put.value = value }
                model.puts.append(put)
                guard space.entry(key, at: time)?.value == model.current(key, at: time)?.value else {
                    return #expect(Bool(false), "seed \(seed), step \(step): \(key)")
                }
            }
        }
        #expect(conflicts > 500 && expiries > 500, "the sequences are too tame: \(conflicts), \(expiries)")
    }
}
