import AgentEvents
import Testing

@testable import AgentEventsHub

/// The changes that a session has yet to take account of.
struct AccessHistoryTests {
    private static let first = RightsChange(user: "u_1", thread: "t_1")
    private static let second = RightsChange(user: nil, thread: "t_2")

    @Test func theChangesSinceAnEpochAreThoseAfterIt() {
        var history = AccessHistory()
        #expect(history.epoch == 0 && history.changes(since: 0).isEmpty)
        history.append(Self.first)
        // Of credentials, and so of no thread.
        history.append(nil)
        history.append(Self.second)
        #expect(history.epoch == 3)
        #expect(history.changes(since: 0) == [Self.first, Self.second])
        #expect(history.changes(since: 1) == [Self.second])
        #expect(history.changes(since: 2) == [Self.second])
        #expect(history.changes(since: 3).isEmpty)
    }

    /// It is bounded: nothing is forgotten, everything counts as changed.
    @Test func whoIsFarBehindTakesAllRightsForChanged() {
        var history = AccessHistory()
        for _ in 0...AccessHistory.maximumCount { history.append(Self.first) }
        #expect(history.changes(since: 0) == [RightsChange(user: nil, thread: nil)])
        #expect(history.changes(since: 1).count == AccessHistory.maximumCount)
        #expect(history.changes(since: 1).allSatisfy { $0 == Self.first })
    }

    @Test(
        arguments: [
            (RightsChange(user: nil, thread: nil), true, true), (RightsChange(user: "u_1", thread: nil), true, true),
            (RightsChange(user: "u_2", thread: "t_1"), false, true),
            (RightsChange(user: "u_1", thread: "t_2"), true, false),
        ])
    func aChangeConcernsThoseThatItNames(_ change: RightsChange, user: Bool, thread: Bool) {
        #expect(change.concerns("u_1" as UserID) == user)
        #expect(change.concerns("t_1" as ThreadID) == thread)
    }
}
