import Testing

@testable import AgentEventsTokens

/// When keys are fetched, and what is said of one meanwhile.
struct KeySetStateMachineTests {
    private struct Stage {
        var machine = KeySetStateMachine()
        let first: TokenKey
        let second: TokenKey

        init() async throws {
            first = try await TestKey.make(.es256).key()
            second = try await TestKey.make(.edDSA, id: "k2").key()
        }

        /// What is said of a key, in a word.
        mutating func word(_ id: String?, at seconds: Double) -> String {
            switch machine.find(id, at: .seconds(seconds)) {
            case .key(let key): key.name.id ?? "-"
            case .nameNeeded: "name"
            case .unknown: "unknown"
            case .unavailable: "unavailable"
            case .wait: "wait"
            }
        }

        mutating func next(at seconds: Double) -> KeySetStateMachine.NextAction { machine.next(at: .seconds(seconds)) }

        mutating func fetched(_ keys: [TokenKey], at seconds: Double) -> Set<String?> {
            Set(machine.fetched(KeyTable(keys), at: .seconds(seconds)).map(\.id))
        }
    }

    @Test func keysAreFetchedAtOnceAndEveryTenMinutes() async throws {
        var stage = try await Stage()
        #expect(stage.next(at: 5) == .fetch)
        #expect(stage.fetched([stage.first], at: 6) == [])
        #expect(stage.next(at: 6) == .sleep(.seconds(599)))
        #expect(stage.next(at: 604.5) == .sleep(.seconds(0.5)))
        #expect(stage.next(at: 605) == .fetch)
        stage.machine.failed()
        #expect(stage.next(at: 606) == .sleep(.seconds(59)))
        #expect(stage.next(at: 665) == .fetch)
        #expect(stage.machine.fetchCount == 2)
        #expect(stage.machine.age(at: .seconds(666)) == .seconds(660))
    }

    @Test func aMissingKeyBringsAFetchForwardOnceAMinute() async throws {
        var stage = try await Stage()
        #expect(stage.word("k1", at: 0) == "wait")
        #expect(stage.next(at: 0) == .fetch)
        #expect(stage.word("k1", at: 0.5) == "wait")
        #expect(stage.fetched([stage.first], at: 1) == [])
        #expect(stage.word("k1", at: 1) == "k1")
        #expect(stage.word(nil, at: 1) == "k1")
        #expect(stage.word("k2", at: 1) == "unknown")
        #expect(stage.word("k2", at: 59) == "unknown")
        #expect(stage.next(at: 59) == .sleep(.seconds(541)))
        #expect(stage.word("k2", at: 60) == "wait")
        // The others are found meanwhile.
        #expect(stage.word("k1", at: 60) == "k1")
        #expect(stage.next(at: 60) == .fetch)
        #expect(stage.word("k1", at: 60) == "k1")
        #expect(stage.fetched([stage.first, stage.second], at: 61) == [])
        #expect(stage.word("k2", at: 61) == "k2")
        #expect(stage.word(nil, at: 61) == "name")
    }

    /// The operator does not wait for a minute, and never gets what was fetched before the wish.
    @Test func aReloadFetchesAtOnceAndOnceMoreWhenAFetchIsUnderWay() async throws {
        var stage = try await Stage()
        #expect(stage.next(at: 0) == .fetch)
        #expect(stage.fetched([stage.first], at: 0) == [])
        stage.machine.reload()
        // The old keys count meanwhile; one that is missing waits for it.
        #expect(stage.word("k1", at: 1) == "k1")
        #expect(stage.word("k2", at: 1) == "wait")
        #expect(!stage.machine.isReloading)
        #expect(stage.next(at: 1) == .fetch)
        #expect(stage.machine.isReloading)
        stage.machine.reload()
        stage.machine.reload()
        #expect(stage.fetched([stage.first], at: 2) == [])
        #expect(stage.next(at: 2) == .fetch)
        #expect(stage.machine.isReloading)
        stage.machine.failed()
        #expect(!stage.machine.isReloading)
        #expect(stage.word("k1", at: 3) == "k1")
        #expect(stage.next(at: 3) == .sleep(.seconds(59)))
        #expect(stage.next(at: 62) == .fetch)
        #expect(!stage.machine.isReloading)
        #expect(stage.fetched([stage.second], at: 62) == ["k1"])
    }

    @Test func aKeyThatIsGoneOrAnotherIsTold() async throws {
        var stage = try await Stage()
        #expect(stage.next(at: 0) == .fetch)
        #expect(stage.fetched([stage.first, stage.second], at: 0) == [])
        #expect(stage.next(at: 600) == .fetch)
        #expect(stage.fetched([stage.second], at: 600) == ["k1"])
        #expect(stage.word("k1", at: 601) == "unknown")
        #expect(stage.next(at: 1200) == .fetch)
        let replaced = try await TestKey.make(.edDSA, id: "k2").key()
        #expect(stage.fetched([replaced, stage.first], at: 1200) == ["k2"])
    }

    @Test func oldKeysCountForADay() async throws {
        var stage = try await Stage()
        #expect(stage.next(at: 0) == .fetch)
        #expect(stage.fetched([stage.first], at: 0) == [])
        let day = 86_400.0
        for minute in 10...1440 where minute % 10 == 0 {
            #expect(stage.next(at: Double(minute * 60)) == .fetch)
            stage.machine.failed()
        }
        #expect(stage.word("k1", at: day) == "k1")
        // Whether it is new cannot be said.
        #expect(stage.word("k2", at: day) == "unavailable")
        #expect(stage.word("k1", at: day + 0.001) == "unavailable")
        #expect(stage.word("k1", at: day + 60) == "wait")
        #expect(stage.next(at: day + 60) == .fetch)
        #expect(stage.fetched([stage.first], at: day + 60) == [])
        #expect(stage.word("k1", at: day + 60) == "k1")
    }

    @Test func withoutAnyAnswerNothingCanBeSaid() async throws {
        var stage = try await Stage()
        #expect(stage.next(at: 0) == .fetch)
        stage.machine.failed()
        #expect(stage.word("k1", at: 1) == "unavailable")
        #expect(stage.word("k1", at: 60) == "wait")
    }
}
