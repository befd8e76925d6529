import AgentEvents
import AgentEventsTestSupport
import Logging
import Testing

@testable import AgentEventsHub

struct ThreadSnapshotsTests {
    private static let logger = Logger(label: "test")

    private static func withThread(_ body: (CountingLog, ExecutionContext, AgentRuntime) async throws -> Void)
        async throws
    {
        let log = CountingLog()
        try await withAgentRuntime(log: log) { runtime in
            try await body(log, try await runtime.context(user: "u_1", thread: "t_7"), runtime)
        }
    }

    private static func emit(_ count: Int, from first: Int = 0, in context: ExecutionContext) async throws {
        let drafts = (first..<first + count).map { index in
            EventDraft(.userMessage(UserMessage(messageID: "m", userID: "u_1", text: "\(index)")))
        }
        _ = try await context.emit(drafts)
        try await context.flush()
    }

    private static func fold(_ log: CountingLog) async throws -> ThreadState {
        var fold = ThreadFold()
        #expect(try await fold.advance("t_7", in: log) == .reachedEnd)
        return fold.state
    }

    @Test func aStateIsThatOfAllEventsAndGoesOnWhereItStood() async throws {
        try await Self.withThread { log, context, _ in
            let snapshots = ThreadSnapshots(log: log, store: nil, logger: Self.logger)
            #expect(try await snapshots.state(of: "t_7") == ThreadState())
            try await Self.emit(300, in: context)
            let expected = try await Self.fold(log)
            #expect(try await snapshots.state(of: "t_7") == expected)
            _ = log.takeReadCount()
            try await Self.emit(3, in: context)
            let state = try await snapshots.state(of: "t_7")
            #expect(state.cursor?.sequence == 303)
            #expect(log.takeReadCount() == 3)
            #expect(try await Self.fold(log) == state)
        }
    }

    @Test func aLongThreadIsReadOnceAndThenFromItsStoredState() async throws {
        try await Self.withThread { log, context, _ in
            try await Self.emit(5000, in: context)
            let first = ThreadSnapshots(log: log, store: log, logger: Self.logger)
            let state = try await first.state(of: "t_7")
            try await Self.emit(7, in: context)
            _ = log.takeReadCount()
            // As after a restart.
            let second = ThreadSnapshots(log: log, store: log, logger: Self.logger)
            let later = try await second.state(of: "t_7")
            // The seven, and the one that proves that the stored state is of this history.
            #expect(log.takeReadCount() == 8)
            #expect(state.cursor?.sequence == 5000)
            #expect(try await Self.fold(log) == later)
        }
    }

    @Test(arguments: [
        "", "nonsense", #"{"format":99}"#, "diverged",
    ])
    func aStoredStateThatIsNoGoodIsWorkedOutAnew(_ stored: String) async throws {
        try await Self.withThread { log, context, _ in
            try await Self.emit(20, in: context)
            let expected = try await Self.fold(log)
            var bytes = Array(stored.utf8)
            if stored == "diverged" {
                // Of a history whose end was lost: the number is there, the id is another.
                var text = String(decoding: expected.json.encoded(), as: UTF8.self)
                text.replace(#""cursor":"1-20""#, with: #""cursor":"2-10""#)
                bytes = Array(text.utf8)
            }
            try await log.save([StoredValue(.snapshot, thread: "t_7", name: "", bytes: bytes)])
            let snapshots = ThreadSnapshots(log: log, store: log, logger: Self.logger)
            #expect(try await snapshots.state(of: "t_7") == expected)
        }
    }

    /// The state as it would be if nothing had ever been trimmed.
    private static func untrimmed(_ count: Int) -> [String] { (0..<count).map { "\($0)" } }

    private static func texts(_ state: ThreadState) -> [String] { state.messages.map { $0.text } }

    /// What is kept in memory is behind by more than the log still has.
    @Test(arguments: [101, 151])
    func aStateThatTheRetentionOvertakesIsReadFromTheStoreAgain(firstKept: UInt64) async throws {
        try await Self.withThread { log, context, _ in
            let snapshots = ThreadSnapshots(log: log, store: log, eventsPerStoredState: 20, logger: Self.logger)
            try await Self.emit(50, in: context)
            #expect(Self.texts(try await snapshots.state(of: "t_7")) == Self.untrimmed(50))
            try await Self.emit(100, from: 50, in: context)
            try await log.trim(ThreadTrim(thread: "t_7", firstKept: firstKept))
            let state = try await snapshots.state(of: "t_7")
            #expect(state.cursor?.sequence == 150)
            #expect(Self.texts(state) == Self.untrimmed(150))
            // Nothing that is stored is any less.
            let later = ThreadSnapshots(log: log, store: log, logger: Self.logger)
            #expect(try await later.state(of: "t_7") == state)
        }
    }

    @Test func aTrimBetweenTheLookUpAndTheFirstPageLosesNothing() async throws {
        try await Self.withThread { log, context, _ in
            try await Self.emit(150, in: context)
            log.trim(ThreadTrim(thread: "t_7", firstKept: 101), beforeRead: 1)
            let snapshots = ThreadSnapshots(log: log, store: log, logger: Self.logger)
            #expect(Self.texts(try await snapshots.state(of: "t_7")) == Self.untrimmed(150))
        }
    }

    /// Nobody knows what was trimmed: the state is that of what is kept.
    @Test(arguments: [101, 151])
    func withoutAStoreAStateBeginsWithTheOldestEvent(firstKept: UInt64) async throws {
        try await Self.withThread { log, context, _ in
            let snapshots = ThreadSnapshots(log: log, store: nil, logger: Self.logger)
            try await Self.emit(50, in: context)
            _ = try await snapshots.state(of: "t_7")
            try await Self.emit(100, from: 50, in: context)
            try await log.trim(ThreadTrim(thread: "t_7", firstKept: firstKept))
            let texts = Self.texts(try await snapshots.state(of: "t_7"))
            #expect(texts == Array(Self.untrimmed(150).dropFirst(Int(firstKept) - 1)))
        }
    }

    /// Many ask at once: each gets everything that was committed before, and the thread is read about twice.
    @Test func aHerdSharesTheReading() async throws {
        try await Self.withThread { log, context, _ in
            try await Self.emit(2000, in: context)
            _ = log.takeReadCount()
            let snapshots = ThreadSnapshots(log: log, store: log, logger: Self.logger)
            let cursors = try await withThrowingTaskGroup(of: UInt64?.self) { group in
                for _ in 0..<1000 {
                    group.addTask { try await snapshots.state(of: "t_7").cursor?.sequence }
                }
                return try await group.reduce(into: Set<UInt64?>()) { $0.insert($1) }
            }
            #expect(cursors == [2000])
            #expect(log.takeReadCount() == 2000)
        }
    }
}
