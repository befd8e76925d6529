import AgentEventsTesting
import Testing

@testable import AgentEventsHub

/// Where a subscription stands, over its full table, and against a small world in which everything that can overtake
/// does.
struct SubscriptionStateMachineTests {
    enum Start: CaseIterable { case opening, replaying, reading, live, ended }

    /// A machine in each of its states, with the cursor 5 where it has one.
    private static func machine(_ start: Start) -> SubscriptionStateMachine {
        var machine = SubscriptionStateMachine()
        switch start {
        case .opening: break
        case .replaying: _ = machine.opened(after: 5, end: 9, head: 0)
        case .reading:
            _ = machine.opened(after: 5, end: 9, head: 0)
            _ = machine.startReading()
        case .live: _ = machine.opened(after: 5, end: 5, head: 0)
        case .ended: machine.end()
        }
        return machine
    }

    typealias NextAction = SubscriptionStateMachine.NextAction
    typealias CommitAction = SubscriptionStateMachine.CommitAction

    @Test(arguments: [
        (Start.opening, NextAction.goLive(isFirst: true)), (.replaying, .none), (.reading, .none), (.live, .none),
        (.ended, .none),
    ])
    func openedAtTheEndGoesLiveOnce(start: Start, expected: NextAction) {
        var machine = Self.machine(start)
        let action = machine.opened(after: 7, end: 7, head: 7)
        #expect(action == expected)
    }

    @Test(arguments: [
        (Start.opening, NextAction.read(after: 3)), (.replaying, .none), (.reading, .none), (.live, .none),
        (.ended, .none),
    ])
    func openedBehindTheEndReads(start: Start, expected: NextAction) {
        var machine = Self.machine(start)
        let action = machine.opened(after: 3, end: 7, head: 0)
        #expect(action == expected)
    }

    @Test func openedBehindWhatTheLoopHasSeenReads() {
        var machine = SubscriptionStateMachine()
        let action = machine.opened(after: 7, end: 7, head: 8)
        #expect(action == .read(after: 7))
    }

    @Test(arguments: [
        (Start.opening, UInt64?.none), (.replaying, 5), (.reading, nil), (.live, nil), (.ended, nil),
    ])
    func onlyAReplayWithoutAPageUnderWayStartsToRead(start: Start, expected: UInt64?) {
        var machine = Self.machine(start)
        let after = machine.startReading()
        #expect(after == expected)
    }

    @Test(arguments: [
        (Start.opening, false), (.replaying, false), (.reading, true), (.live, false), (.ended, false),
    ])
    func onlyWhoReadsAPageIsToldOfATrim(start: Start, isTold: Bool) {
        var machine = Self.machine(start)
        let before = machine
        let answer = machine.trimmed(upTo: 7)
        #expect(answer == isTold)
        guard isTold else {
            #expect(machine == before)
            return
        }
        // Behind what is gone, and before what is known to follow.
        let last = machine.wrotePage(upTo: 8, reachesEnd: false, head: 9)
        #expect(last == .read(after: 8))
    }

    /// What may not be given for now is read again from the cursor, once.
    @Test(arguments: [
        (Start.opening, false, Start.opening), (.replaying, true, .replaying), (.reading, false, .reading),
        (.live, true, .replaying), (.ended, false, .ended),
    ])
    func whatMayBeGivenAgainIsReadFromTheCursor(start: Start, isToRead: Bool, then: Start) {
        var machine = Self.machine(start)
        let cursor = machine.cursor
        let answer = machine.resume()
        #expect(answer == isToRead)
        #expect(machine.cursor == cursor && machine.isLive == false)
        let after = machine.startReading()
        #expect((after != nil) == (then == .replaying))
    }

    @Test(arguments: Start.allCases)
    func onlyAPageThatIsUnderWayIsDropped(start: Start) {
        var machine = Self.machine(start)
        machine.dropPage()
        let wrote = machine.wrotePage(upTo: 9, reachesEnd: true, head: 9)
        #expect(wrote == .none)
        let other = Self.machine(start)
        if start == .reading {
            #expect(machine.cursor == 5)
            let resumes = machine.resume()
            #expect(resumes)
        } else {
            #expect(machine == other)
        }
    }

    @Test func aTrimMovesTheCursorForwardOnly() {
        var machine = Self.machine(.reading)
        let isTold = machine.trimmed(upTo: 7)
        #expect(isTold && machine.cursor == 7)
        let isToldAgain = machine.trimmed(upTo: 6)
        #expect(!isToldAgain && machine.cursor == 7)
    }

    @Test(arguments: [
        (Start.opening, NextAction.none), (.replaying, .none), (.reading, .goLive(isFirst: true)), (.live, .none),
        (.ended, .none),
    ])
    func aLastPageGoesLive(start: Start, expected: NextAction) {
        var machine = Self.machine(start)
        let action = machine.wrotePage(upTo: 9, reachesEnd: true, head: 9)
        #expect(action == expected)
    }

    @Test func aPageThatIsNotTheLastOrIsOvertakenReadsOn() {
        var machine = Self.machine(.reading)
        let more = machine.wrotePage(upTo: 8, reachesEnd: false, head: 0)
        #expect(more == .read(after: 8))
        machine = Self.machine(.reading)
        let overtaken = machine.wrotePage(upTo: 9, reachesEnd: true, head: 10)
        #expect(overtaken == .read(after: 9))
    }

    @Test(arguments: [
        (Start.opening, CommitAction.none), (.replaying, .none), (.reading, .none), (.live, .write(after: 5)),
        (.ended, .none),
    ])
    func aCommitIsWrittenToTheLive(start: Start, expected: CommitAction) {
        var machine = Self.machine(start)
        let before = machine
        let action = machine.committed(upTo: 8, canWrite: true)
        #expect(action == expected)
        if expected == .none { #expect(machine == before) } else { #expect(machine.cursor == 8) }
    }

    @Test func aCommitOfWhatAPageHadIsNotWrittenAgain() {
        var machine = Self.machine(.live)
        let action = machine.committed(upTo: 5, canWrite: false)
        #expect(action == .none)
        #expect(machine.isLive)
    }

    @Test func aFullConnectionFallsBehindKeepsItsCursorAndIsToldLiveOnce() {
        var machine = Self.machine(.live)
        let action = machine.committed(upTo: 8, canWrite: false)
        #expect(action == .fallBehind)
        #expect(machine.cursor == 5)
        let after = machine.startReading()
        #expect(after == 5)
        let again = machine.wrotePage(upTo: 8, reachesEnd: true, head: 8)
        #expect(again == .goLive(isFirst: false))
    }

    /// A page that others read too may have been read before the loop listened: what was looked up since then decides.
    @Test func anEarlierPageThatReachesWhatWasLookedUpIsTheLast() {
        var machine = Self.machine(.reading)
        let early = machine.wrotePage(upTo: 8, reachesEnd: false, head: 0)
        #expect(early == .read(after: 8))
        _ = machine.startReading()
        let last = machine.wrotePage(upTo: 9, reachesEnd: false, head: 0)
        #expect(last == .goLive(isFirst: true))
    }

    /// A log, the way of its commits to the loop, pages that are read at one moment and arrive at another, some of them
    /// before anybody asked for them and without a word on what follows, a connection that fills up: whatever the order of these, the subscriber gets each event once, in order.
    @Test(arguments: 0..<2000 as Range<UInt64>)
    func everyEventIsWrittenOnceInAnyInterleaving(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var machine = SubscriptionStateMachine()
        var log: UInt64 = .random(in: 0...5, using: &generator)
        let goal = log + .random(in: 0...30, using: &generator)
        var commits: [ClosedRange<UInt64>] = []
        var head: UInt64 = 0
        var page: (upTo: UInt64, reachesEnd: Bool)?
        var lookUp: (after: UInt64, end: UInt64)?
        var isOpened = false
        var wantsToRead = false
        var written: [UInt64] = []
        var first: UInt64 = 0
        var isWritable = true
        var idle = 0
        func act(_ action: NextAction) {
            if case .read = action { wantsToRead = true }
        }
        while idle < 200 {
            idle += 1
            switch Int.random(in: 0..<7, using: &generator) {
            case 0 where log < goal:
                let last = min(goal, log + .random(in: 1...3, using: &generator))
                commits.append(log + 1...last)
                log = last
                idle = 0
            case 1 where !commits.isEmpty:
                let commit = commits.removeFirst()
                head = commit.upperBound
                switch machine.committed(upTo: commit.upperBound, canWrite: isWritable) {
                case .none: break
                case .write(let after): written += (after + 1)...commit.upperBound
                case .fallBehind: wantsToRead = true
                }
                idle = 0
            case 2 where !isOpened && lookUp == nil:
                first = .random(in: 0...log, using: &generator)
                lookUp = (first, log)
                idle = 0
            case 3:
                guard let found = lookUp, !isOpened else { continue }
                isOpened = true
                act(machine.opened(after: found.after, end: found.end, head: head))
                idle = 0
            case 4 where wantsToRead && isWritable && page == nil:
                wantsToRead = false
                guard let after = machine.startReading() else { continue }
                let last = min(log, after + .random(in: 1...4, using: &generator))
                if .random(using: &generator) {
                    // Read earlier, by somebody else.
                    page = (.random(in: min(after + 1, last)...last, using: &generator), false)
                } else {
                    page = (last, last == log)
                }
                idle = 0
            case 5:
                guard let read = page, let cursor = machine.cursor else { continue }
                page = nil
                if read.upTo > cursor { written += (cursor + 1)...read.upTo }
                act(machine.wrotePage(upTo: read.upTo, reachesEnd: read.reachesEnd, head: head))
                idle = 0
            case 6:
                isWritable.toggle()
            default:
                break
            }
            if idle > 100 { isWritable = true }
        }
        #expect(isOpened && machine.isLive, "seed \(seed)")
        #expect(written == Array((first + 1)..<(goal + 1)), "seed \(seed)")
    }
}
