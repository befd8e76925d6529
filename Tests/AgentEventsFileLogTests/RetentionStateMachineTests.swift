import AgentEvents
import Testing

@testable import AgentEventsFileLog

/// What a sweep asks for, step by step.
@Suite struct RetentionStateMachineTests {
    private let segments = [0, 100, 200].map { Segment(start: $0, end: $0 + 100, path: "\($0)") }
    private let now = Timestamp(milliseconds: 100_000)

    private func query(
        age: Duration? = nil, events: Int? = nil, bytes: Int64? = nil, limit: Int = 10
    ) -> RetentionQuery {
        RetentionQuery(
            policy: RetentionPolicy(maximumAge: age, maximumEventsPerThread: events, maximumByteCount: bytes), now: now,
            maximumThreadCount: limit)
    }

    private func files(_ times: [Int64] = []) -> RetentionStateMachine.Files {
        .init(segments: segments, lastWrites: times.map { Timestamp(milliseconds: $0) }, end: 300)
    }

    private func text(_ action: RetentionStateMachine.Action) -> String {
        switch action {
        case .look: "look"
        case .findBounds(let blocker): "find \(blocker.thread)"
        case .read(let pass): "read \(pass.segment.start) to \(pass.end), round \(pass.round)"
        case .remove(let pass): "remove \(pass.segment.start)"
        case .readThreads(let number): "threads after \(number)"
        case .findBoundsOfThreads(let numbers): "find \(numbers)"
        case .answer(let trims, let isLast):
            trims.map { "\($0.number) from \($0.firstKept), " }.joined() + (isLast ? "last" : "more")
        }
    }

    /// The pass that is asked for, read to its end.
    private func whole(_ action: RetentionStateMachine.Action) -> SegmentPass {
        guard case .read(var pass) = action else { return SegmentPass(segments[0], through: 0) }
        pass.position = pass.end
        return pass
    }

    private func found(_ number: UInt64, _ sequence: UInt64, oldest: UInt64, firstOpen: UInt64? = nil)
        -> RetentionStateMachine.Found
    {
        .init(
            number: number, sequence: sequence, bounds: ThreadBounds(oldest: oldest, head: 20, firstOpen: firstOpen))
    }

    @Test(arguments: [[95_000, 96_000, 97_000], [1000, 96_000, 97_000], [1000, 2000, 3000]] as [[Int64]])
    func theFilesThatAreTooOldAreDue(times: [Int64]) {
        var machine = RetentionStateMachine()
        let query = query(age: .seconds(50))
        #expect(text(machine.ask(segments, query)) == "look")
        let look = machine.didLook(files(times), query)
        #expect(text(look.action) == "more")
        #expect(look.completesLast == (times == [1000, 2000, 3000]))
        let read = machine.ask(segments, query)
        #expect(text(read) == "read 0 to 100, round 1")
        // Of a file that is not due, nothing is trimmed.
        let isDue = times[0] == 1000
        #expect(
            text(machine.didRead(whole(read), [found(1, 5, oldest: 1)], query)) == (isDue ? "1 from 6, more" : "last"))
    }

    @Test func filesAreDueUntilTheRestIsSmallEnough() {
        var machine = RetentionStateMachine()
        let query = query(bytes: 150)
        _ = machine.ask(segments, query)
        let look = machine.didLook(files(), query)
        #expect(look.completesLast, "the last file has more than an eighth")
        for start in [0, 100] {
            let read = machine.ask(segments, query)
            #expect(text(read) == "read \(start) to \(start + 100), round 1")
            #expect(text(machine.didRead(whole(read), [], query)) == "remove \(start)")
            #expect(text(machine.didRemove(segments, isGone: false, query)) == "more")
        }
        #expect(text(machine.ask(segments, query)).hasPrefix("read 0"), "one that may have become free")
    }

    @Test func aFileIsReadAgainOnceItsThreadsWereTrimmed() {
        var machine = RetentionStateMachine()
        let query = query(bytes: 250)
        _ = machine.ask(segments, query)
        _ = machine.didLook(files(), query)
        for round in 1...3 {
            let read = machine.ask(segments, query)
            #expect(text(read) == "read 0 to 100, round \(round)")
            #expect(text(machine.didRead(whole(read), [found(1, 5, oldest: 1)], query)) == "1 from 6, more")
        }
        #expect(text(machine.ask(segments, query)).hasPrefix("read 0 to 100, round 1"), "the free file")
    }

    @Test func anOpenRunKeepsItsFileAndIsAskedForInTheNextSweep() {
        var machine = RetentionStateMachine()
        let query = query(bytes: 250)
        for sweep in 1...2 {
            #expect(text(machine.ask(segments, query)) == "look")
            var action = machine.didLook(files(), query).action
            if sweep == 2 {
                #expect(text(action) == "find 1")
                let bounds = ThreadBounds(oldest: 3, head: 20, firstOpen: nil)
                action = machine.didFindBlocker(bounds, query)
            }
            #expect(text(action) == "more")
            let read = machine.ask(segments, query)
            #expect(text(read) == "read 0 to 100, round 1")
            _ = machine.didRead(whole(read), [found(1, 5, oldest: 3, firstOpen: 3)], query)
            let free = machine.ask(segments, query)
            #expect(text(machine.didRead(whole(free), [found(1, 5, oldest: 3)], query)) == "last")
        }
        _ = machine.ask(segments, query)
        _ = machine.didLook(files(), query)
        let bounds = ThreadBounds(oldest: 3, head: 20, firstOpen: 3)
        #expect(text(machine.didFindBlocker(bounds, query)) == "more", "it is still open, and the file passed over")
        #expect(text(machine.ask(segments, query)).hasPrefix("read 0"), "one that may be free")
    }

    @Test func threadsThatAreTooLongAreTrimmedAFewAtATime() {
        var machine = RetentionStateMachine()
        let query = query(events: 5, limit: 2)
        _ = machine.ask([], query)
        _ = machine.didLook(.init(segments: [], lastWrites: [], end: 0), query)
        var after: UInt64 = 0
        let all = (1...5).map { RetentionStateMachine.Length(number: $0, oldest: 1, head: $0 == 2 ? 5 : 20) }
        for expected in ["1 from 16, 3 from 16, more", "4 from 16, 5 from 2, last"] {
            #expect(text(machine.ask([], query)) == "threads after \(after)")
            let rest = all.filter { $0.number > after }
            let find = machine.didReadThreads(rest, areLast: true, query)
            guard case .findBoundsOfThreads(let numbers) = find else { return }
            var bounds: [UInt64: ThreadBounds] = [:]
            for number in numbers {
                bounds[number] = ThreadBounds(oldest: 1, head: 20, firstOpen: number == 5 ? 2 : nil)
            }
            #expect(text(machine.didFind(bounds, query)) == expected)
            after = numbers.last ?? 0
        }
    }

    @Test func whatHasNoRoomInAnAnswerComesFirstInTheNext() {
        var machine = RetentionStateMachine()
        let query = query(bytes: 250, limit: 2)
        _ = machine.ask(segments, query)
        _ = machine.didLook(files(), query)
        let read = machine.ask(segments, query)
        let found = (1...3).map { self.found($0, 5, oldest: 1) }
        #expect(text(machine.didRead(whole(read), found, query)) == "1 from 6, 2 from 6, more")
        #expect(text(machine.ask(segments, query)) == "3 from 6, more")
        #expect(text(machine.ask(segments, query)) == "read 0 to 100, round 2")
    }

    @Test func aSweepThatFailedHalfWayBeginsAgain() {
        var machine = RetentionStateMachine()
        let query = query(bytes: 250)
        _ = machine.ask(segments, query)
        _ = machine.didLook(files(), query)
        let read = machine.ask(segments, query)
        #expect(text(machine.ask(segments, query)) == text(read), "a part that could not be read")
        #expect(text(machine.didRead(whole(read), [], query)) == "remove 0")
        #expect(text(machine.ask(segments, query)) == "look", "a file that could not be removed")
    }
}
