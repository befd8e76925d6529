import AgentEvents
import AgentEventsTesting
import Testing

@testable import AgentEventsHub

struct PageSharingStateMachineTests {
    private typealias Machine = PageSharingStateMachine<ThreadID, String, String>

    /// What a reader is told, in words.
    private static func join(
        _ machine: inout Machine,
        after cursor: UInt64,
        isExact: Bool = false,
        waiter: String? = nil,
        now: Int64 = 0
    ) -> String {
        switch machine.join("t", after: cursor, isExact: isExact, waiter: waiter, now: now) {
        case .use(let page): page
        case .read(let start): "read \(start)"
        case .wait: "wait"
        }
    }

    /// A machine that keeps the events 65 to 100, and reads nothing.
    private static func machine(_ limits: Machine.Limits = Machine.Limits()) -> Machine {
        var machine = Machine(limits: limits)
        _ = machine.join("t", after: 64, isExact: true, waiter: nil, now: 0)
        _ = machine.didRead("t", after: 64, page: ("65-100", 65...100, 1000), now: 0)
        return machine
    }

    @Test(arguments: [
        // The event behind the cursor is kept.
        (UInt64(64), false, "65-100"), (80, false, "65-100"), (99, false, "65-100"), (99, true, "65-100"),
        // It is not: from a boundary on, or where a page ended, or where it is asked for.
        (100, false, "read 100"), (100, true, "read 100"), (101, false, "read 96"), (101, true, "read 101"),
        (63, false, "read 32"), (63, true, "read 63"), (5, false, "read 0"), (0, false, "read 0"),
        (127, false, "read 96"), (128, false, "read 128"),
    ])
    func aReaderTakesWhatIsKeptOrReadsFromABoundary(cursor: UInt64, isExact: Bool, expected: String) {
        var machine = Self.machine()
        #expect(Self.join(&machine, after: cursor, isExact: isExact) == expected)
    }

    /// While a page from 96 on is read.
    @Test(arguments: [
        (UInt64(101), false, "wait"), (127, false, "wait"), (96, false, "65-100"), (128, false, "read 128"),
        (101, true, "read 101"), (40, false, "read 32"), (96, true, "65-100"),
    ])
    func aReaderWaitsForAPageThatHasItsPlace(cursor: UInt64, isExact: Bool, expected: String) {
        var machine = Self.machine()
        #expect(Self.join(&machine, after: 101) == "read 96")
        #expect(Self.join(&machine, after: cursor, isExact: isExact, waiter: "w") == expected)
        let waiters = machine.didRead("t", after: 96, page: ("97-120", 97...120, 1000), now: 0)
        #expect(waiters == (expected == "wait" ? ["w"] : []))
        #expect(Self.join(&machine, after: 101) == "97-120")
    }

    @Test func whoAsksWithoutAWaiterIsNotKept() {
        var machine = Self.machine()
        #expect(Self.join(&machine, after: 101) == "read 96")
        #expect(Self.join(&machine, after: 101) == "wait")
        let waiters = machine.didRead("t", after: 96, page: nil, now: 0)
        #expect(waiters == [])
        #expect(Self.join(&machine, after: 101) == "read 96")
    }

    @Test func threadsShareNothing() {
        var machine = Self.machine()
        guard case .read(after: 64) = machine.join("other", after: 64, isExact: false, waiter: nil, now: 0) else {
            Issue.record("a page of another thread")
            return
        }
    }

    @Test func pagesAreKeptForAMoment() {
        var machine = Self.machine()
        #expect(Self.join(&machine, after: 70, now: 1999) == "65-100")
        #expect(Self.join(&machine, after: 70, now: 2000) == "read 64")
        #expect(machine.byteCount == 0)
    }

    @Test func aPageThatHasMoreTakesThePlaceOfAnother() {
        var machine = Self.machine()
        let cost = machine.byteCount
        _ = Self.join(&machine, after: 101)
        _ = Self.join(&machine, after: 63, isExact: true)
        _ = machine.didRead("t", after: 63, page: ("64-130", 64...130, 2000), now: 10)
        #expect(machine.byteCount == cost + 1000)
        #expect(Self.join(&machine, after: 70, now: 10) == "64-130")
        _ = machine.didRead("t", after: 96, page: nil, now: 10)
        // The first one is gone, and what it cost; the second one goes in its turn.
        #expect(Self.join(&machine, after: 70, now: 2005) == "64-130")
        #expect(Self.join(&machine, after: 70, now: 2010) == "read 64")
        #expect(machine.byteCount == 0)
    }

    @Test func onlySoManyBytesAreKept() {
        var limits = Machine.Limits()
        limits.pageByteCount = 10
        limits.maximumByteCount = 100
        var machine = Machine(limits: limits)
        for number in 0..<1000 as Range<UInt64> {
            let start = number * 32
            #expect(Self.join(&machine, after: start) == "read \(start)")
            _ = machine.didRead("t", after: start, page: ("page \(start)", (start + 1)...(start + 32), 20), now: 0)
            #expect(machine.byteCount <= 100)
        }
        #expect(machine.byteCount == 90)
        #expect(Self.join(&machine, after: 997 * 32 + 7) == "page \(997 * 32)")
        #expect(Self.join(&machine, after: 996 * 32 + 7) == "read \(996 * 32)")
        // One that is larger than all of it is not kept, and drives nothing out.
        _ = machine.didRead("t", after: 996 * 32, page: ("large", 31_873...31_880, 91), now: 0)
        #expect(Self.join(&machine, after: 999 * 32) == "page \(999 * 32)")
        machine.removeAll()
        #expect(machine.byteCount == 0)
        #expect(Self.join(&machine, after: 999 * 32) == "read \(999 * 32)")
    }

    /// Whatever comes in which order: who takes a page gets one with the event behind the cursor, who waits is told, and
    /// the bytes kept are those that were counted.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func nobodyIsForgottenInAnyOrder(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var limits = PageSharingStateMachine<ThreadID, ClosedRange<UInt64>, Int>.Limits()
        limits.maximumByteCount = 60_000
        var machine = PageSharingStateMachine<ThreadID, ClosedRange<UInt64>, Int>(limits: limits)
        var readings: [(thread: ThreadID, start: UInt64)] = []
        var waiting: Set<Int> = []
        var now: Int64 = 0
        let threads: [ThreadID] = ["t_1", "t_2", "t_3"]
        for number in 0..<2000 {
            now += .random(in: 0...20, using: &generator)
            if readings.isEmpty || .random(using: &generator) {
                let thread = threads[Int.random(in: 0..<3, using: &generator)]
                let cursor = UInt64.random(in: 0...300, using: &generator)
                let isExact = Int.random(in: 0..<4, using: &generator) == 0
                switch machine.join(thread, after: cursor, isExact: isExact, waiter: number, now: now) {
                case .use(let sequences): #expect(sequences.contains(cursor + 1), "seed \(seed)")
                case .read(let start):
                    #expect(start == cursor || !isExact && start < cursor && cursor - start < 32, "seed \(seed)")
                    #expect(!readings.contains { $0.thread == thread && $0.start == start }, "seed \(seed)")
                    readings.append((thread, start))
                case .wait: waiting.insert(number)
                }
            } else {
                let reading = readings.remove(at: .random(in: 0..<readings.count, using: &generator))
                let end = reading.start + .random(in: 1...100, using: &generator)
                let sequences = (reading.start + 1)...end
                let isEmpty = Int.random(in: 0..<8, using: &generator) == 0
                let told = machine.didRead(
                    reading.thread, after: reading.start,
                    page: isEmpty ? nil : (sequences, sequences, sequences.count * 100), now: now)
                for waiter in told { #expect(waiting.remove(waiter) != nil, "seed \(seed)") }
            }
            #expect(machine.byteCount <= limits.maximumByteCount, "seed \(seed)")
        }
        for reading in readings {
            for waiter in machine.didRead(reading.thread, after: reading.start, page: nil, now: now) {
                #expect(waiting.remove(waiter) != nil, "seed \(seed)")
            }
        }
        #expect(waiting.isEmpty, "seed \(seed)")
        machine.expire(now: now + limits.maximumAge)
        #expect(machine.byteCount == 0, "seed \(seed)")
    }
}
