import AgentEvents
import AgentEventsTesting
import Testing

struct InMemoryEventLogTests {
    @Test func theLogInMemoryConforms() async throws {
        try await EventLogConformance(
            make: { InMemoryEventLog() },
            reopen: { log in
                (log as? InMemoryEventLog)?.close()
                return log
            }
        ).run()
    }

    private static let day: Int64 = 24 * 60 * 60 * 1000

    private static func commit(_ sequence: UInt64, key: IdempotencyKey? = nil, at time: Int64 = 0) -> LogCommit {
        let entry = LogEntry(
            owner: ThreadOwner(thread: "t_1", user: "u_1"), id: EventID(generation: 1, sequence: sequence),
            type: .custom, run: nil, bytes: [1])
        let keys = key.map { [KeyedEvents(key: $0, thread: "t_1", ids: [entry.id])] } ?? []
        return LogCommit(entries: [entry], keys: keys, time: Timestamp(milliseconds: time))
    }

    /// Keys take room, and give it back a day later.
    @Test func keysCountUntilTheyAreForgotten() async throws {
        let log = InMemoryEventLog(
            maximumByteCount: 2000, clock: WallClock { Timestamp(milliseconds: Self.day) })
        _ = try await log.open()
        var sequence: UInt64 = 0
        let error = await #expect(throws: EventLogError.self) {
            for number in 1...100 {
                let key = IdempotencyKey(stringLiteral: "k_\(number)")
                try await log.append(Self.commit(sequence + 1, key: key, at: 1))
                sequence += 1
            }
        }
        #expect(error?.code == .full)
        #expect(sequence > 5)
        #expect(try await log.recall("k_1", in: "t_1")?.ids == [EventID(generation: 1, sequence: 1)])
        for number in 1...5 {
            let key = IdempotencyKey(stringLiteral: "l_\(number)")
            try await log.append(Self.commit(sequence + 1, key: key, at: Self.day + 1))
            sequence += 1
        }
        #expect(try await log.recall("k_1", in: "t_1") == nil)
        #expect(try await log.recall("l_1", in: "t_1")?.ids.count == 1)
    }

    /// A key that is used again after a day is not forgotten with its first use.
    @Test func aKeyThatIsUsedAgainCountsFromThen() async throws {
        let log = InMemoryEventLog(clock: WallClock { Timestamp(milliseconds: 2 * Self.day) })
        _ = try await log.open()
        try await log.append(Self.commit(1, key: "k_1", at: 0))
        try await log.append(Self.commit(2, key: "k_1", at: Self.day + 10))
        try await log.append(Self.commit(3, at: Self.day + 20))
        #expect(try await log.recall("k_1", in: "t_1")?.ids == [EventID(generation: 1, sequence: 2)])
    }

    /// The last of several values of one name counts, also for the room they take.
    @Test func valuesThatDoNotFitChangeNothing() async throws {
        let log = InMemoryEventLog(maximumByteCount: 100)
        _ = try await log.open()
        let value = { (name: String, count: Int) in
            StoredValue(.sink, name: name, bytes: [UInt8](repeating: 7, count: count))
        }
        try await log.save([value("a", 90), value("a", 40), value("b", 60)])
        let error = await #expect(throws: EventLogError.self) { try await log.save([value("a", 10), value("b", 91)]) }
        #expect(error?.code == .full)
        #expect(try await log.load(.sink, thread: nil, name: "a")?.count == 40)
        try await log.save([value("b", 91), StoredValue(.sink, name: "a", bytes: nil), value("a", 9)])
        #expect(try await log.load(.sink, thread: nil, name: "b")?.count == 91)
    }

    /// One step after the other goes on where the last one ended, and none names more threads than it may.
    @Test func aSweepGoesOnWhereItWas() async throws {
        let log = InMemoryEventLog()
        _ = try await log.open()
        for number in 1...100 {
            let owner = ThreadOwner(thread: ThreadID(stringLiteral: "t_\(number)"), user: "u_1")
            let entries = (1...3).map { sequence in
                LogEntry(
                    owner: owner, id: EventID(generation: 1, sequence: sequence),
                    type: sequence == 1 ? .agentStarted : .custom, run: number <= 10 && sequence == 1 ? "r_1" : nil,
                    bytes: [1])
            }
            try await log.append(LogCommit(entries: entries, time: Timestamp(milliseconds: 0)))
        }
        for policy in [RetentionPolicy(maximumByteCount: 100), RetentionPolicy(maximumEventsPerThread: 1)] {
            var named: [ThreadID] = []
            var steps = 0
            while true {
                let query = RetentionQuery(policy: policy, now: Timestamp(milliseconds: 0), maximumThreadCount: 7)
                let step = try await log.expired(query)
                #expect(step.trims.count <= 7)
                named += step.trims.map(\.thread)
                steps += 1
                if step.isLast { break }
                try #require(steps < 100)
            }
            #expect(Set(named).count == named.count || policy.maximumByteCount != nil, "none is looked at twice")
            let last = policy.maximumByteCount == nil ? 100 : 67
            #expect(Set(named) == Set((11...last).map { ThreadID(stringLiteral: "t_\($0)") }), "\(policy)")
        }
    }
}
