import AgentEvents
import AgentEventsTesting
import Testing

/// The log in memory lists threads.
struct ListingLogTests {
    private static let reopen: ListingLogConformance.Reopen = { log in
        (log as? InMemoryEventLog)?.close()
        return log
    }

    @Test func theLogInMemoryConforms() async throws {
        try await ListingLogConformance(make: { InMemoryEventLog() }, reopen: Self.reopen).run()
    }

    @Test func cardsHaveNoMoreRoomThanTheLog() async throws {
        let log = InMemoryEventLog(maximumByteCount: 100)
        _ = try await log.open()
        func card(_ count: Int) -> ThreadCard {
            ThreadCard(
                thread: "t_1", user: "u_1", activity: Timestamp(milliseconds: 1),
                bytes: Array(repeating: 0, count: count))
        }
        try await log.saveCards([card(90)], through: 1)
        try await log.saveCards([card(100)], through: 2)
        let error = await #expect(throws: EventLogError.self) { try await log.saveCards([card(101)], through: 3) }
        #expect(error?.code == .full)
        #expect(try await log.listing().savedThrough == 2)
    }
}
