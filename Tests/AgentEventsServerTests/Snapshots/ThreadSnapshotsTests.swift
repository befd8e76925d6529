import AgentEvents
import Logging
import Testing

@testable import AgentEventsServer

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

    private static func emit(_ count: Int, in context: ExecutionContext) async throws {
        let drafts = (0..<count).map { index in
            EventDraft(.userMessage(UserMessage(message: "m", user: "u_1", text: "\(index)")))
        }
        _ = try await context.emit(drafts)
        try await context.flush()
    }

    private static func fold(_ log: CountingLog) async throws -> ThreadState {
        var fold = ThreadFold()
        try await fold.advance("t_7", in: log)
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
