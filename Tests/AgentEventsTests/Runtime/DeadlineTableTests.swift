import AgentEvents
import Testing

@Suite struct DeadlineTableTests {
    private var table = DeadlineTable()
    private let owners: [ThreadOwner] = ["t_1", "t_2", "t_3"].map { ThreadOwner(thread: $0, user: "u_1") }

    private mutating func set(_ index: Int, _ milliseconds: Int64) -> Bool {
        table.set(owners[index], at: Timestamp(milliseconds: milliseconds))
    }

    private mutating func due(_ milliseconds: Int64) -> [ThreadID] {
        table.takeDue(at: Timestamp(milliseconds: milliseconds)).map(\.thread)
    }

    @Test mutating func theEarliestComesFirst() {
        #expect(set(0, 30))
        #expect(!set(1, 40))
        #expect(set(2, 20))
        #expect(table.next == Timestamp(milliseconds: 20))
        #expect(due(19) == [])
        #expect(due(35) == ["t_3", "t_1"])
        #expect(table.next == Timestamp(milliseconds: 40))
        #expect(due(35) == [])
        #expect(due(40) == ["t_2"])
        #expect(table.next == nil)
    }

    @Test mutating func theLastTimeOfAThreadCounts() {
        #expect(set(0, 30))
        #expect(!set(0, 50))
        #expect(due(49) == [])
        #expect(due(50) == ["t_1"])
    }

    @Test mutating func whatIsRemovedIsNotDue() {
        #expect(set(0, 30))
        table.remove("t_1")
        // No look earlier than the one that was to come.
        #expect(!set(1, 60))
        table.remove("t_2")
        #expect(due(100) == [])
        #expect(table.next == nil)
        #expect(table.owners.isEmpty)
    }
}
