import Testing

@testable import AgentEvents

/// What a pump does next, as tables of what happens and what it then does.
struct SinkPumpStateMachineTests {
    typealias Action = SinkPumpStateMachine.Action

    enum Input: Sendable {
        case start
        case read(Int, next: UInt64, end: Bool, after: Duration = .zero)
        case take(after: Duration = .zero)
        case refuse(SinkRetryAdvice = .asUsual, stopping: Bool = false)
        case pause
        case setAside
        case save
        case wake(last: Bool = false)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var settings: SinkPumpStateMachine.Settings
        var offset: UInt64 = 0
        var isSaved = true
        var steps: [(Input, Action)]

        var testDescription: String { name }
    }

    private static func settings(durable: Bool, setsAside: Bool = false) -> SinkPumpStateMachine.Settings {
        var retry = SinkRetryPolicy()
        retry.maximumAttempts = 3
        retry.firstPauseSeconds = 1
        retry.longestPauseSeconds = 3
        return .init(
            retry: retry, isDurable: durable, setsAside: setsAside, savedEventCount: 10, savedInterval: .seconds(5))
    }

    private static let plain = settings(durable: false)
    private static let durable = settings(durable: true)
    private static let careful = settings(durable: true, setsAside: true)

    static let cases = [
        Case(
            name: "page after page, and then it waits", settings: plain, offset: 7, isSaved: false,
            steps: [
                (.start, .read(afterOffset: 7)),
                (.read(2, next: 9, end: false), .give(0..<2)),
                (.take(), .read(afterOffset: 9)),
                (.read(1, next: 10, end: true), .give(0..<1)),
                (.take(after: .seconds(100)), .wait(atMost: nil)),
                (.wake(), .read(afterOffset: 10)),
                (.read(0, next: 10, end: true), .wait(atMost: nil)),
                (.wake(last: true), .read(afterOffset: 10)),
                (.read(1, next: 11, end: false), .give(0..<1)),
                (.take(), .read(afterOffset: 11)),
                (.read(1, next: 12, end: true), .give(0..<1)),
                (.take(), .end(.finished)),
            ]),
        Case(
            name: "a batch is given so often, with pauses that double up to the longest", settings: plain,
            steps: [
                (.start, .read(afterOffset: 0)),
                (.read(2, next: 2, end: true), .give(0..<2)),
                (.refuse(), .pause(upTo: .seconds(1))),
                (.pause, .give(0..<2)),
                (.refuse(), .pause(upTo: .seconds(2))),
                (.pause, .give(0..<2)),
                (.take(), .wait(atMost: nil)),
                (.wake(), .read(afterOffset: 2)),
                (.read(1, next: 3, end: true), .give(0..<1)),
                (.refuse(), .pause(upTo: .seconds(1))),
                (.pause, .give(0..<1)),
                (.refuse(), .pause(upTo: .seconds(2))),
                (.pause, .give(0..<1)),
                (.refuse(), .end(.failed)),
            ]),
        Case(
            name: "a refusal for good is not repeated", settings: plain,
            steps: [
                (.start, .read(afterOffset: 0)),
                (.read(2, next: 2, end: true), .give(0..<2)),
                (.refuse(.never), .end(.failed)),
            ]),
        Case(
            name: "a pause that the sink asks for counts as no attempt, but while it stops", settings: plain,
            steps: [
                (.start, .read(afterOffset: 0)),
                (.read(1, next: 1, end: true), .give(0..<1)),
                (.refuse(.after(.seconds(9))), .pauseFor(.seconds(9))),
                (.pause, .give(0..<1)),
                (.refuse(.after(.seconds(9))), .pauseFor(.seconds(9))),
                (.pause, .give(0..<1)),
                (.refuse(.after(.seconds(9))), .pauseFor(.seconds(9))),
                (.pause, .give(0..<1)),
                (.refuse(.after(.seconds(9)), stopping: true), .pause(upTo: .seconds(1))),
                (.pause, .give(0..<1)),
                (.refuse(.after(.seconds(9)), stopping: true), .pause(upTo: .seconds(2))),
                (.pause, .give(0..<1)),
                (.refuse(.after(.seconds(9)), stopping: true), .end(.failed)),
            ]),
        Case(
            name: "a sink that asks for no pause, or for one in the past, gets the usual ones", settings: plain,
            steps: [
                (.start, .read(afterOffset: 0)),
                (.read(1, next: 1, end: true), .give(0..<1)),
                (.refuse(.after(.zero)), .pause(upTo: .seconds(1))),
                (.pause, .give(0..<1)),
                (.refuse(.after(.seconds(-9))), .pause(upTo: .seconds(2))),
                (.pause, .give(0..<1)),
                (.refuse(.after(.zero)), .end(.failed)),
            ]),
        Case(
            name: "a new durable sink saves its beginning first", settings: durable, offset: 5, isSaved: false,
            steps: [
                (.start, .save(5)),
                (.save, .read(afterOffset: 5)),
                (.read(0, next: 5, end: true), .wait(atMost: nil)),
            ]),
        Case(
            name: "the offset is saved after so many events", settings: durable, offset: 5,
            steps: [
                (.start, .read(afterOffset: 5)),
                (.read(9, next: 14, end: false), .give(0..<9)),
                (.take(), .read(afterOffset: 14)),
                (.read(1, next: 15, end: true), .give(0..<1)),
                (.take(), .save(15)),
                (.save, .read(afterOffset: 15)),
                (.read(0, next: 15, end: true), .wait(atMost: nil)),
            ]),
        Case(
            name: "the offset is saved after so long, also when nothing more comes", settings: durable,
            steps: [
                (.start, .read(afterOffset: 0)),
                (.read(1, next: 1, end: true), .give(0..<1)),
                (.take(after: .seconds(5)), .save(1)),
                (.save, .read(afterOffset: 1)),
                (.read(1, next: 2, end: true), .give(0..<1)),
                (.take(after: .seconds(2)), .wait(atMost: .seconds(3))),
                (.wake(), .read(afterOffset: 2)),
                (.read(0, next: 2, end: true, after: .seconds(4)), .wait(atMost: .seconds(1))),
                (.wake(), .read(afterOffset: 2)),
                (.read(0, next: 2, end: true, after: .seconds(5)), .save(2)),
                (.save, .read(afterOffset: 2)),
                (.read(0, next: 2, end: true), .wait(atMost: nil)),
            ]),
        Case(
            name: "the offset is saved at the end", settings: durable,
            steps: [
                (.start, .read(afterOffset: 0)),
                (.read(1, next: 1, end: true), .give(0..<1)),
                (.take(), .wait(atMost: .seconds(5))),
                (.wake(last: true), .read(afterOffset: 1)),
                (.read(0, next: 1, end: true), .save(1)),
                (.save, .end(.finished)),
            ]),
        Case(
            name: "a durable sink that refuses while it stops goes on after the next start", settings: careful,
            steps: [
                (.start, .read(afterOffset: 0)),
                (.read(2, next: 2, end: false), .give(0..<2)),
                (.take(), .read(afterOffset: 2)),
                (.read(2, next: 4, end: true), .give(0..<2)),
                (.refuse(), .pause(upTo: .seconds(1))),
                (.pause, .give(0..<2)),
                (.refuse(stopping: true), .save(2)),
                (.save, .end(.interrupted)),
            ]),
        Case(
            name: "a durable sink that fails keeps what it has", settings: durable,
            steps: [
                (.start, .read(afterOffset: 0)),
                (.read(2, next: 2, end: false), .give(0..<2)),
                (.take(), .read(afterOffset: 2)),
                (.read(2, next: 4, end: true), .give(0..<2)),
                (.refuse(.never), .save(2)),
                (.save, .end(.failed)),
            ]),
        Case(
            name: "a batch refused for good is taken apart, and only the bad event is set aside", settings: careful,
            steps: [
                (.start, .read(afterOffset: 0)),
                (.read(5, next: 5, end: true), .give(0..<5)),
                (.refuse(), .pause(upTo: .seconds(1))),
                (.pause, .give(0..<5)),
                (.refuse(), .pause(upTo: .seconds(2))),
                (.pause, .give(0..<5)),
                (.refuse(), .give(0..<2)),
                (.take(), .give(2..<5)),
                (.refuse(), .give(2..<3)),
                (.take(), .give(3..<5)),
                (.refuse(), .give(3..<4)),
                (.refuse(), .pause(upTo: .seconds(1))),
                (.pause, .give(3..<4)),
                (.refuse(), .pause(upTo: .seconds(2))),
                (.pause, .give(3..<4)),
                (.refuse(), .setAside(3, attempts: 3)),
                (.setAside, .give(4..<5)),
                // Saved at once: what was set aside is not to be set aside again.
                (.take(), .save(5)),
                (.save, .read(afterOffset: 5)),
                (.read(5, next: 10, end: true), .give(0..<5)),
                (.refuse(), .pause(upTo: .seconds(1))),
            ]),
        Case(
            name: "what is refused for good at once is taken apart at once", settings: careful,
            steps: [
                (.start, .read(afterOffset: 0)),
                (.read(2, next: 2, end: true), .give(0..<2)),
                (.refuse(.never), .give(0..<1)),
                (.refuse(.never), .setAside(0, attempts: 1)),
                (.setAside, .give(1..<2)),
                (.refuse(.after(.seconds(1))), .pauseFor(.seconds(1))),
                (.pause, .give(1..<2)),
                (.refuse(.never), .setAside(1, attempts: 1)),
                (.setAside, .save(2)),
            ]),
    ]

    @Test(arguments: cases)
    func doesWhatTheTableSays(_ example: Case) {
        var machine = SinkPumpStateMachine(example.settings, offset: example.offset, isSaved: example.isSaved)
        for (number, (input, expected)) in example.steps.enumerated() {
            let action = Self.feed(input, to: &machine)
            #expect(action == expected, "step \(number), \(input)")
        }
    }

    private static func feed(_ input: Input, to machine: inout SinkPumpStateMachine) -> Action {
        switch input {
        case .start: machine.start()
        case .read(let count, let next, let end, let elapsed):
            machine.didRead(count: count, nextOffset: next, reachesEnd: end, sinceSave: elapsed)
        case .take(let elapsed): machine.didTake(sinceSave: elapsed)
        case .refuse(let advice, let isStopping): machine.didRefuse(advice, isStopping: isStopping)
        case .pause: machine.didPause()
        case .setAside: machine.didSetAside(sinceSave: .zero)
        case .save: machine.didSave()
        case .wake(let isLast): machine.didWake(isLast: isLast)
        }
    }

    @Test func oneBadEventAmongAThousandCostsTwentyCalls() {
        for bad in [0, 1, 499, 500, 998, 999] {
            var machine = SinkPumpStateMachine(Self.careful, offset: 0, isSaved: true)
            _ = machine.start()
            var action = machine.didRead(count: 1000, nextOffset: 1000, reachesEnd: true, sinceSave: .zero)
            var given: [Int] = []
            var calls = 0
            var setAside: [Int] = []
            loop: while true {
                switch action {
                case .give(let piece):
                    calls += 1
                    if piece.contains(bad) {
                        action = machine.didRefuse(.never, isStopping: false)
                    } else {
                        given += piece
                        action = machine.didTake(sinceSave: .zero)
                    }
                case .setAside(let index, _):
                    setAside.append(index)
                    given.append(index)
                    action = machine.didSetAside(sinceSave: .zero)
                default: break loop
                }
            }
            #expect(given == Array(0..<1000))
            #expect(setAside == [bad])
            #expect(calls <= 21)
            #expect(action == .save(1000))
        }
    }
}
