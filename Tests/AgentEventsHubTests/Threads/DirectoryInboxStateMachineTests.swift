import AgentEvents
import Testing

@testable import AgentEventsHub

struct DirectoryInboxStateMachineTests {
    private static func entry(_ sequence: UInt64, _ type: EventType = .custom, byteCount: Int = 10) -> LogEntry {
        LogEntry(
            owner: ThreadOwner(thread: "t_1", user: "u_1"), id: EventID(generation: 1, sequence: sequence), type: type,
            run: nil, bytes: Array(repeating: 0, count: byteCount))
    }

    @Test func whatCountsWaitsInOrder() {
        var machine = DirectoryInboxStateMachine()
        #expect(machine.committed([Self.entry(1), Self.entry(2, .messageDelta)]) == false)
        #expect(machine.committed([Self.entry(3, .agentThinking), Self.entry(4)]) == false)
        let batch = machine.take()
        #expect(batch.entries.map(\.id.sequence) == [1, 4])
        #expect(batch.passedCount == 4 && batch.commitCount == 2 && !batch.isLost)
        #expect(machine.take().entries.isEmpty)
    }

    @Test func itIsTakenWhenItIsWorthwhile() {
        for (count, size, type, wakes) in [
            (511, 10, EventType.custom, false), (512, 10, .custom, true), (2, 128 * 1024, .custom, true),
            (2, 128 * 1024 - 1, .custom, false), (4095, 10, .messageDelta, false), (4096, 10, .messageDelta, true),
        ] {
            var machine = DirectoryInboxStateMachine()
            let entries = (1...count).map { Self.entry(UInt64($0), type, byteCount: size) }
            #expect(machine.committed(entries) == wakes, "\(count) of \(size)")
        }
    }

    @Test(arguments: [(DirectoryInboxStateMachine.maximumEntryCount + 1, 1), (5, 1024 * 1024)])
    func whatIsTooMuchIsReadFromTheLog(_ count: Int, _ byteCount: Int) {
        var machine = DirectoryInboxStateMachine()
        #expect(machine.committed((1...count).map { Self.entry(UInt64($0), byteCount: byteCount) }) == true)
        // Nothing is kept for one that reads the log all the same.
        #expect(machine.committed([Self.entry(1)]) == false)
        let lost = machine.take()
        #expect(lost.isLost && lost.entries.isEmpty && lost.commitCount == 2)
        machine.beginReading()
        _ = machine.committed([Self.entry(9)])
        let batch = machine.take()
        #expect(!batch.isLost && batch.entries.count == 1 && batch.commitCount == 3)
    }

    @Test func otherWritersAreReadFromTheLog() {
        var machine = DirectoryInboxStateMachine()
        _ = machine.committed([Self.entry(1)])
        machine.advanced()
        #expect(machine.take().isLost)
    }

    /// A commit may be in the log, and not told of yet, when the end is looked at.
    @Test func aPlaceCountsOnceACommitWasToldOfAfterIt() {
        var machine = DirectoryInboxStateMachine()
        #expect(machine.wantsEnd)
        _ = machine.committed([Self.entry(1)])
        machine.found(end: 50)
        #expect(!machine.wantsEnd)
        #expect(machine.take().place == nil)
        #expect(machine.take().place == nil)
        _ = machine.committed([Self.entry(2, .messageDelta)])
        #expect(machine.take().place == 50)
        #expect(machine.wantsEnd)
        _ = machine.committed([Self.entry(3)])
        #expect(machine.take().place == nil)
    }

    /// Where nobody asks, nothing is kept, and the log is read when somebody does.
    @Test func nothingIsCollectedForNobody() {
        var machine = DirectoryInboxStateMachine(isDormant: true)
        for _ in 0..<3 {
            #expect(machine.committed((1...1000).map { Self.entry($0) }) == false)
            machine.advanced()
            #expect(machine.isDormant && !machine.hasEntries)
            machine.asked()
            #expect(!machine.isDormant && machine.hasEntries)
            #expect(machine.take().isLost)
            machine.beginReading()
            _ = machine.committed([Self.entry(1)])
            machine.asked()
            #expect(machine.take().entries.count == 1, "who asks again loses nothing")
            machine.found(end: 50)
            let count = machine.commitCount
            machine.rest()
            #expect(machine.commitCount == count)
        }
        machine.asked()
        machine.beginReading()
        _ = machine.committed([Self.entry(1)])
        #expect(machine.take().place == nil, "an end of before the rest is none")
    }

    @Test func aPlaceIsForgottenWithWhatIsLost() {
        var machine = DirectoryInboxStateMachine()
        machine.found(end: 50)
        machine.advanced()
        #expect(machine.take().place == nil)
        machine.beginReading()
        _ = machine.committed([Self.entry(1)])
        #expect(machine.take().place == nil)
    }
}
