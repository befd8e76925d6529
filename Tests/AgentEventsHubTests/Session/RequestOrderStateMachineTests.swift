import AgentEvents
import AgentEventsHub
import Testing

/// When what a client sends is carried out: the full table, and random sequences against a serial model.
struct RequestOrderStateMachineTests {
    private typealias Order = RequestOrderStateMachine<Int>
    private typealias Kind = Order.Kind

    /// Requests about one thread: the first one has begun; may the second one? Later on `command` is a kind of `emit`.
    private static let table: [(first: Kind, second: Kind, begins: Bool)] = [
        (.subscribe, .subscribe, false),
        (.subscribe, .subscribeWithSnapshot, false),
        (.subscribe, .unsubscribe, false),
        (.subscribe, .acknowledge, false),
        (.subscribe, .emit, false),
        (.subscribeWithSnapshot, .subscribe, false),
        (.subscribeWithSnapshot, .subscribeWithSnapshot, false),
        (.subscribeWithSnapshot, .unsubscribe, false),
        (.subscribeWithSnapshot, .acknowledge, false),
        (.subscribeWithSnapshot, .emit, false),
        (.emit, .subscribe, false),
        (.emit, .subscribeWithSnapshot, false),
        (.emit, .unsubscribe, false),
        (.emit, .acknowledge, true),
        (.emit, .emit, true),
        // Done when they have begun.
        (.unsubscribe, .subscribe, true),
        (.unsubscribe, .subscribeWithSnapshot, true),
        (.unsubscribe, .unsubscribe, true),
        (.unsubscribe, .acknowledge, true),
        (.unsubscribe, .emit, true),
        (.acknowledge, .subscribe, true),
        (.acknowledge, .subscribeWithSnapshot, true),
        (.acknowledge, .unsubscribe, true),
        (.acknowledge, .acknowledge, true),
        (.acknowledge, .emit, true),
    ]

    /// - Returns: which requests begin, in order.
    private static func drain(_ order: inout Order, startsSnapshots: Bool = true) -> [Int] {
        var begun: [Int] = []
        while let start = order.next(startsSnapshots: startsSnapshots) { begun.append(start.request) }
        return begun
    }

    private static func receive(_ kind: Kind, of thread: ThreadID, _ request: Int, _ order: inout Order) -> [Int] {
        var begun: [Int] = []
        if case .start(let start) = order.receive(kind, of: thread, byteCount: 10, request) {
            #expect(start.request == request && start.kind == kind && start.thread == thread)
            begun.append(start.request)
        }
        return begun + drain(&order)
    }

    private static func finish(_ kind: Kind, of thread: ThreadID, _ order: inout Order) -> [Int] {
        switch kind {
        case .subscribe, .subscribeWithSnapshot:
            if kind == .subscribeWithSnapshot { order.snapshotEnded() }
            order.lookedUp(thread, isFollowed: true)
        case .emit: order.answered(thread)
        case .unsubscribe, .acknowledge: break
        }
        return drain(&order)
    }

    @Test func theTableIsFull() {
        #expect(Self.table.count == Kind.allCases.count * Kind.allCases.count)
        for first in Kind.allCases {
            for second in Kind.allCases {
                #expect(Self.table.count { $0.first == first && $0.second == second } == 1)
            }
        }
    }

    @Test(arguments: Kind.allCases, Kind.allCases)
    func eachPairAboutOneThreadIsAsTheTableSays(
        _ first: RequestOrderStateMachine<Int>.Kind, _ second: RequestOrderStateMachine<Int>.Kind
    ) throws {
        let row = try #require(Self.table.first { $0.first == first && $0.second == second })
        var order = Order(maximumFollowedCount: 10)
        #expect(Self.receive(first, of: "t", 1, &order) == [1])
        #expect(Self.receive(second, of: "t", 2, &order) == (row.begins ? [2] : []))
        #expect(order.waitingCount == (row.begins ? 0 : 1))
        #expect(order.waitingByteCount == (row.begins ? 0 : 10))
        #expect(Self.finish(first, of: "t", &order) == (row.begins ? [] : [2]))
        #expect(Self.finish(second, of: "t", &order) == [])
        #expect(order.isIdle && order.waitingCount == 0 && order.waitingByteCount == 0)
    }

    /// Of all pairs about different threads, only snapshots wait: one at a time is made.
    @Test(arguments: Kind.allCases, Kind.allCases)
    func requestsAboutDifferentThreadsDoNotWait(
        _ first: RequestOrderStateMachine<Int>.Kind, _ second: RequestOrderStateMachine<Int>.Kind
    ) {
        let waits = first == .subscribeWithSnapshot && second == .subscribeWithSnapshot
        var order = Order(maximumFollowedCount: 10)
        #expect(Self.receive(first, of: "t", 1, &order) == [1])
        #expect(Self.receive(second, of: "u", 2, &order) == (waits ? [] : [2]))
        // Answered, and its parts are still to be written.
        order.lookedUp("t", isFollowed: true)
        #expect(Self.drain(&order) == [])
        order.snapshotEnded()
        #expect(Self.drain(&order) == (waits ? [2] : []))
    }

    @Test func aSnapshotIsMadeOnlyForAClientThatTakesWhatItIsSentAndNobodyElseWaitsForIt() {
        var order = Order(maximumFollowedCount: 10)
        guard case .wait = order.receive(.subscribeWithSnapshot, of: "t", byteCount: 1, 1) else {
            Issue.record("a snapshot waits for its turn")
            return
        }
        #expect(Self.drain(&order, startsSnapshots: false) == [])
        for (request, kind) in [(2, Kind.emit), (3, .subscribe), (4, .acknowledge)] {
            #expect(Self.receiveUnwritable(kind, of: "u", request, &order) == (kind == .emit ? [2] : []))
        }
        order.answered("u")
        #expect(Self.drain(&order, startsSnapshots: false) == [3])
        order.lookedUp("u", isFollowed: true)
        #expect(Self.drain(&order, startsSnapshots: false) == [4])
        #expect(Self.drain(&order) == [1])
    }

    private static func receiveUnwritable(
        _ kind: Kind,
        of thread: ThreadID,
        _ request: Int,
        _ order: inout Order
    ) -> [Int] {
        if case .start(let start) = order.receive(kind, of: thread, byteCount: 1, request) { return [start.request] }
        return drain(&order, startsSnapshots: false)
    }

    /// What a failed look-up, or a refused request, kept waiting goes on.
    @Test func whatWaitsGoesOnAfterAFailure() {
        var order = Order(maximumFollowedCount: 1)
        #expect(Self.receive(.subscribe, of: "t", 1, &order) == [1])
        #expect(Self.receive(.subscribe, of: "t", 2, &order) == [])
        order.lookedUp("t", isFollowed: false)
        #expect(Self.drain(&order) == [2])
        order.lookedUp("t", isFollowed: false)
        // Its place is free again.
        #expect(Self.receive(.subscribe, of: "u", 3, &order) == [3])
        #expect(Self.receive(.unsubscribe, of: "u", 4, &order) == [])
        order.end()
        #expect(order.isIdle && order.waitingCount == 0 && order.waitingByteCount == 0)
        order.lookedUp("u", isFollowed: true)
        order.answered("u")
        #expect(Self.drain(&order) == [])
    }

    /// While the rights that a request takes are asked for, nothing else of its thread begins, and everything else goes on.
    @Test(arguments: [Kind.subscribe, .subscribeWithSnapshot, .acknowledge, .emit])
    func whatIsAskedForWaitsAloneWithItsThread(_ kind: RequestOrderStateMachine<Int>.Kind) throws {
        var order = Order(maximumFollowedCount: 10)
        let start: Order.Start
        switch order.receive(kind, of: "t", byteCount: 10, 1) {
        case .start(let begun): start = begun
        case .wait:
            let next = order.next(startsSnapshots: true)
            start = try #require(next)
        }
        order.ask(start, byteCount: 10)
        #expect(order.waitingCount == 1 && order.waitingByteCount == 10 && !order.isIdle)
        for (request, other) in Kind.allCases.enumerated() {
            #expect(Self.receive(other, of: "t", 10 + request, &order) == [])
        }
        // Another snapshot too: this one has not begun.
        #expect(Self.receive(.subscribeWithSnapshot, of: "u", 2, &order) == [2])
        order.lookedUp("u", isFollowed: true)
        #expect(Self.receive(.emit, of: "u", 3, &order) == [3])
        order.answered(rightsIn: "u") { _ in Issue.record("nothing was asked") }
        #expect(Self.drain(&order) == [])
        order.snapshotEnded()
        order.answered(rightsIn: "t") { $0 = 100 }
        let begun = Self.drain(&order)
        #expect(begun.first == 100)
        order.answered(rightsIn: "t") { _ in Issue.record("it was answered before") }
        order.end()
        order.answered(rightsIn: "t") { _ in Issue.record("nobody asks any longer") }
        #expect(order.isIdle && order.waitingCount == 0)
    }

    /// The limit counts what is followed when everything that came before is done.
    @Test func theLimitOfThreadsIsDecidedInTheOrderOfArrival() {
        var order = Order(maximumFollowedCount: 1)
        #expect(Self.receive(.subscribe, of: "t", 1, &order) == [1])
        guard case .start(let refused) = order.receive(.subscribe, of: "u", byteCount: 1, 2) else {
            Issue.record("refused at once")
            return
        }
        #expect(refused.exceedsLimit)
        order.refused(refused, isFollowed: false)
        #expect(Self.receive(.unsubscribe, of: "t", 3, &order) == [])
        // The end of the first waits for its look-up, and counts all the same.
        guard case .start(let taken) = order.receive(.subscribe, of: "u", byteCount: 1, 4) else {
            Issue.record("taken at once")
            return
        }
        #expect(!taken.exceedsLimit)
        // A refused one waits for its turn, so that its answer does not overtake the others of its thread.
        #expect(Self.receive(.subscribe, of: "t", 5, &order) == [])
        order.lookedUp("t", isFollowed: true)
        #expect(order.next(startsSnapshots: true)?.request == 3)
        let last = order.next(startsSnapshots: true)
        #expect(last?.request == 5 && last?.exceedsLimit == true)
        if let last { order.refused(last, isFollowed: false) }
        order.lookedUp("u", isFollowed: true)
        #expect(order.isIdle)
    }

    /// Whatever ends when: of each thread the requests begin in their order, none beside what it has to wait for, and all
    /// of them in the end; as many threads are followed as when each request had been waited for.
    /// Some requests take rights that are asked for first.
    @Test(arguments: 1...300 as ClosedRange<UInt64>, [false, true])
    func randomSequencesAreAsIfOneByOne(seed: UInt64, asks: Bool) {
        var random = SeededRandom(seed: seed)
        let maximum = 1 + Int(random.next() % 3)
        let threads: [ThreadID] = ["a", "b", "c", "d"]
        var order = Order(maximumFollowedCount: maximum)
        var model = SerialModel(maximum: maximum)
        var pending: [ThreadID: [Int]] = [:]
        var kinds: [Int: (kind: Kind, thread: ThreadID, exceeds: Bool)] = [:]
        var underWay: [Int] = []
        var snapshots: [Int] = []
        var asking: [Int] = []
        var asked: Set<Int> = []

        func begun(_ start: Order.Start) {
            let thread = start.thread
            if asks, start.kind != .unsubscribe, !start.exceedsLimit, random.next() % 2 == 0,
                asked.insert(start.request).inserted
            {
                asking.append(start.request)
                return order.ask(start, byteCount: 1)
            }
            #expect(pending[thread]?.first == start.request, "seed \(seed): out of order")
            pending[thread]?.removeFirst()
            #expect(start.exceedsLimit == kinds[start.request]?.exceeds, "seed \(seed)")
            let beside = underWay.compactMap { kinds[$0] }.filter { $0.thread == thread }.map(\.kind)
            switch start.kind {
            case .subscribe, .subscribeWithSnapshot, .unsubscribe:
                #expect(beside.isEmpty, "seed \(seed): \(start.kind) beside \(beside)")
            case .acknowledge, .emit:
                #expect(beside.allSatisfy { $0 == .emit }, "seed \(seed): \(start.kind) beside \(beside)")
            }
            guard !start.exceedsLimit else { return order.refused(start, isFollowed: false) }
            switch start.kind {
            case .subscribe, .emit: underWay.append(start.request)
            case .subscribeWithSnapshot:
                #expect(snapshots.isEmpty, "seed \(seed): two snapshots at a time")
                snapshots.append(start.request)
                underWay.append(start.request)
            case .unsubscribe, .acknowledge: break
            }
        }

        func goOn() {
            let isWritable = random.next() % 4 > 0
            while let start = order.next(startsSnapshots: isWritable) { begun(start) }
        }

        func finishOne() {
            if !asking.isEmpty, random.next() % 2 == 0 || underWay.isEmpty {
                let request = asking.remove(at: Int(random.next() % UInt64(asking.count)))
                guard let thread = kinds[request]?.thread else { return }
                return order.answered(rightsIn: thread) { #expect($0 == request, "seed \(seed)") }
            }
            if !snapshots.isEmpty, random.next() % 2 == 0 || underWay.isEmpty {
                // Looked up before it is written.
                guard !underWay.contains(snapshots[0]) else { return finish(snapshots[0]) }
                snapshots = []
                return order.snapshotEnded()
            }
            guard !underWay.isEmpty else { return }
            finish(underWay[Int(random.next() % UInt64(underWay.count))])
        }

        func finish(_ request: Int) {
            underWay.removeAll { $0 == request }
            guard let (kind, thread, _) = kinds[request] else { return }
            if kind == .emit { order.answered(thread) } else { order.lookedUp(thread, isFollowed: true) }
        }

        for request in 1...60 {
            let thread = threads[Int(random.next() % 4)]
            let kind = Kind.allCases[Int(random.next() % UInt64(Kind.allCases.count))]
            kinds[request] = (kind, thread, model.exceeds(kind, thread))
            pending[thread, default: []].append(request)
            if case .start(let start) = order.receive(kind, of: thread, byteCount: 1, request) { begun(start) }
            goOn()
            if random.next() % 3 > 0 {
                finishOne()
                goOn()
            }
            #expect(order.waitingCount == pending.values.reduce(0) { $0 + $1.count }, "seed \(seed)")
        }
        for _ in 0..<1000 where !order.isIdle || !snapshots.isEmpty || !asking.isEmpty {
            finishOne()
            while let start = order.next(startsSnapshots: true) { begun(start) }
        }
        #expect(order.isIdle && pending.values.allSatisfy(\.isEmpty), "seed \(seed): something waits for ever")
    }

    /// Which threads are followed when each request is waited for.
    private struct SerialModel {
        let maximum: Int
        var followed: Set<ThreadID> = []

        mutating func exceeds(_ kind: Kind, _ thread: ThreadID) -> Bool {
            switch kind {
            case .subscribe, .subscribeWithSnapshot:
                if followed.contains(thread) { return false }
                guard followed.count < maximum else { return true }
                followed.insert(thread)
            case .unsubscribe: followed.remove(thread)
            case .acknowledge, .emit: break
            }
            return false
        }
    }

    private struct SeededRandom {
        private var state: UInt64

        init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state >> 8
        }
    }
}
