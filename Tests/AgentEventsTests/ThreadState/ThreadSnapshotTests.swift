import AgentEvents
import Testing

/// What is stored of a thread's state, and when it counts.
struct ThreadSnapshotTests {
    private static func state(upTo sequence: UInt64, generation: UInt64 = 1) -> ThreadState {
        ThreadState(
            folding: (1...sequence).map { number in
                AgentEvent(
                    id: EventID(generation: generation, sequence: number), threadID: "t_1",
                    time: Timestamp(milliseconds: Int64(number)),
                    payload: .userMessage(UserMessage(messageID: "m_1", userID: "u_1", text: "Hello \(number)")))
            })
    }

    private static func snapshot(upTo sequence: UInt64, generation: UInt64 = 1) throws -> ThreadSnapshot {
        try #require(ThreadSnapshot(state(upTo: sequence, generation: generation)))
    }

    @Test func itComesBackFromItsBytes() throws {
        let snapshot = try Self.snapshot(upTo: 3)
        #expect(String(decoding: snapshot.bytes, as: UTF8.self).hasPrefix(#"{"cursor":"1-3","state":{"#))
        #expect(try ThreadSnapshot(bytes: snapshot.bytes) == snapshot)
        #expect(ThreadSnapshot(ThreadState()) == nil)
    }

    @Test(arguments: ["", "{}", "[]", #"{"cursor":"1-3"}"#, #"{"cursor":"1-3","state":{}}"#])
    func whatIsNoneIsRefused(_ text: String) throws {
        #expect(throws: WireError.self) { try ThreadSnapshot(bytes: Array(text.utf8)) }
        let snapshot = try Self.snapshot(upTo: 3)
        let other = #"{"cursor":"1-4""# + String(decoding: snapshot.bytes.dropFirst(15), as: UTF8.self)
        #expect(throws: WireError.self) { try ThreadSnapshot(bytes: Array(other.utf8)) }
    }

    /// A log of ten events of which those before the seventh were trimmed; which of the stored snapshots counts?
    @Test(
        arguments: [
            (nil, nil, .max, nil), (6, nil, .max, 6), (5, nil, .max, nil), (8, nil, .max, 8), (11, nil, .max, nil),
            (nil, 6, .max, nil), (nil, 7, .max, 7), (nil, 10, .max, 10), (6, 9, .max, 9), (6, 9, 8, 6), (6, 9, 5, nil),
        ] as [(UInt64?, UInt64?, UInt64, UInt64?)])
    func theNewestThatLeadsOnCounts(
        _ trimmed: UInt64?,
        _ latest: UInt64?,
        _ limit: UInt64,
        _ expected: UInt64?
    ) async throws {
        let (log, record) = try await Self.trimmedLog()
        if let trimmed { try await log.save(try Self.snapshot(upTo: trimmed).stored(for: "t_1", in: .trimmed)) }
        if let latest { try await log.save(try Self.snapshot(upTo: latest).stored(for: "t_1", in: .latest)) }
        let newest = try await ThreadSnapshot.newest(of: "t_1", record: record, upTo: limit, in: log, log)
        #expect(newest?.cursor.sequence == expected)
    }

    @Test func oneOfATailThatWasLostDoesNotCount() async throws {
        let (log, record) = try await Self.trimmedLog()
        for place in ThreadSnapshot.Place.allCases {
            try await log.save(try Self.snapshot(upTo: 8, generation: 9).stored(for: "t_1", in: place))
            #expect(try await ThreadSnapshot.newest(of: "t_1", record: record, in: log, log) == nil)
        }
        // Nor does one of another history that ends where the thread begins.
        try await log.save(try Self.snapshot(upTo: 6, generation: 9).stored(for: "t_1", in: .trimmed))
        #expect(try await ThreadSnapshot.newest(of: "t_1", record: record, in: log, log) == nil)
        try await log.save([StoredValue(.snapshot, thread: "t_1", name: "", bytes: [1, 2, 3])])
        #expect(try await ThreadSnapshot.newest(of: "t_1", record: record, in: log, log) == nil)
    }

    /// One that is larger than a value is stored in parts, of which none is left when a smaller one takes its place.
    @Test(arguments: ThreadSnapshot.Place.allCases)
    func aLargeStateIsStoredInParts(_ place: ThreadSnapshot.Place) async throws {
        let log = InMemoryEventLog()
        _ = try await log.open()
        var state = ThreadState()
        for number in 1...3 as ClosedRange<UInt64> {
            // JSON writes each character six times as long.
            let text = String(repeating: "\u{1}", count: 150_000)
            state.apply(
                AgentEvent(
                    id: EventID(generation: 1, sequence: number), threadID: "t_1", time: Timestamp(milliseconds: 0),
                    payload: .userMessage(UserMessage(messageID: "m", userID: "u_1", text: text))))
        }
        let large = try #require(ThreadSnapshot(state))
        #expect(large.bytes.count > 2 * StoredValue.maximumByteCount)
        let values = try large.stored(for: "t_1", in: place)
        for value in values { try value.checkLimits() }
        try await log.save(values)
        #expect(try await ThreadSnapshot.load(place, of: "t_1", from: log) == large)
        #expect(try await log.loadAll(.snapshot, thread: "t_1").count == 3)
        let small = try Self.snapshot(upTo: 3)
        try await log.save(try small.stored(for: "t_1", in: place))
        #expect(try await ThreadSnapshot.load(place, of: "t_1", from: log) == small)
        #expect(try await log.loadAll(.snapshot, thread: "t_1").count == 1)
        try await log.save(ThreadSnapshot.removal(of: place, for: "t_1"))
        #expect(try await ThreadSnapshot.load(place, of: "t_1", from: log) == nil)
    }

    private static func trimmedLog() async throws -> (InMemoryEventLog, ThreadRecord) {
        let log = InMemoryEventLog()
        _ = try await log.open()
        let owner = ThreadOwner(thread: "t_1", user: "u_1")
        let entries = (1...10).map { (number: UInt64) in
            LogEntry(
                owner: owner, id: EventID(generation: 1, sequence: number), type: .userMessage, run: nil, bytes: [1])
        }
        try await log.append(LogCommit(entries: entries, time: Timestamp(milliseconds: 0)))
        try await log.trim([ThreadTrim(thread: "t_1", firstKept: 7)])
        return (log, try #require(try await log.thread("t_1")))
    }
}
