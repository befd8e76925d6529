import AgentEvents
import AgentEventsTesting
import Testing

/// What becomes of a cursor, of this history and of others.
@Suite struct ResolvedStartTests {
    /// A log whose thread `t_1` has 3-1 to 3-5 and 8-6 to 8-9, and which was opened a third time, as 11.
    private static func log(firstKept: UInt64 = 1) async throws -> InMemoryEventLog {
        let log = InMemoryEventLog()
        _ = try await log.open()
        let owner = ThreadOwner(thread: "t_1", user: "u_1")
        let entries = (1...9).map { (number: UInt64) in
            LogEntry(
                owner: owner, id: EventID(generation: number < 6 ? 3 : 8, sequence: number), type: .custom, run: nil,
                bytes: [1])
        }
        try await log.append(LogCommit(entries: entries, time: Timestamp(milliseconds: 0)))
        try await log.trim([ThreadTrim(thread: "t_1", firstKept: firstKept)])
        return log
    }

    private static func resolve(
        _ cursor: String, firstKept: UInt64 = 1, thread: ThreadID = "t_1"
    ) async throws -> ResolvedStart {
        let log = try await log(firstKept: firstKept)
        return try await log.resolve(
            .after(try #require(Cursor(cursor))), in: thread, record: try await log.thread(thread), generation: 11)
    }

    @Test(
        arguments: [
            ("3-1", .position(after: 1)), ("3-5", .position(after: 5)), ("8-6", .position(after: 6)),
            ("8-9", .position(after: 9)),
            // Other events have these numbers.
            ("3-6", .diverged), ("8-5", .diverged), ("1-5", .diverged), ("5-5", .diverged), ("11-5", .diverged),
            ("99-1", .diverged), ("3-9", .diverged), ("11-9", .diverged), ("99-9", .diverged),
            // Beyond the end: lost by a crash or with a backup, or of another log; of this opening nobody has seen one.
            ("8-10", .diverged), ("3-10", .diverged), ("1-10", .diverged), ("99-10", .diverged), ("11-10", .unknown),
            ("18446744073709551615-18446744073709551615", .diverged),
        ] as [(String, ResolvedStart)])
    func aCursorOfAnotherHistoryIsNeverAPosition(_ cursor: String, _ expected: ResolvedStart) async throws {
        #expect(try await Self.resolve(cursor) == expected)
    }

    @Test(
        arguments: [
            ("3-4", .trimmed), ("1-4", .trimmed), ("3-6", .trimmed), ("8-7", .position(after: 7)), ("8-6", .trimmed),
            ("9-6", .diverged), ("11-2", .diverged), ("3-7", .diverged), ("8-10", .diverged), ("11-10", .unknown),
        ] as [(String, ResolvedStart)])
    func aCursorBeforeWhatIsKeptIsTrimmed(_ cursor: String, _ expected: ResolvedStart) async throws {
        #expect(try await Self.resolve(cursor, firstKept: 7) == expected)
    }

    @Test(
        arguments: [
            ("8-9", .position(after: 9)), ("3-9", .trimmed), ("8-8", .trimmed), ("9-8", .diverged), ("8-10", .diverged),
        ] as [(String, ResolvedStart)])
    func aThreadWithNothingLeftHasItsHeadStill(_ cursor: String, _ expected: ResolvedStart) async throws {
        #expect(try await Self.resolve(cursor, firstKept: 10) == expected)
    }

    /// A client that has events of a thread without any has another history, unless nobody can have been given them.
    @Test(arguments: [("3-1", .diverged), ("12-1", .diverged), ("11-1", .unknown)] as [(String, ResolvedStart)])
    func aThreadWithoutEventsContinuesNothing(_ cursor: String, _ expected: ResolvedStart) async throws {
        #expect(try await Self.resolve(cursor, thread: "t_2") == expected)
    }
}
