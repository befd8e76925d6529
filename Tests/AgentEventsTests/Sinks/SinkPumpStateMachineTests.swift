import Testing

@testable import AgentEvents

/// What a pump does next, as tables of what happens and what it then does.
struct SinkPumpStateMachineTests {
    typealias Action = SinkPumpStateMachine.Action

    enum Input: Sendable {
        case start
        case read(Int, next: UInt64, end: Bool, after: Duration = .zero)
        case take(after: Duration = .zero)
        case refuse(SinkRetryAdvice = .asUsual, since: Duration = .zero, stopping: Bool = false)
        case pause
        case pauseAsItStops
        case probe(SinkPumpStateMachine.Probe, stopping: Bool = false)
        case stalePause
        case find
        case erase(movesPlace: Bool = false)
        case refuseErasure(SinkRetryAdvice = .asUsual, stopping: Bool = false)
        case setAside
        case save
        case postpone
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

    private static func settings(
        durable: Bool,
        setsAside: Bool = false,
        minimumRefusalTime: Duration = .zero
    ) -> SinkPumpStateMachine.Settings {
        var retry = SinkRetryPolicy()
        retry.maximumAttempts = 3
        retry.minimumRefusalTime = minimumRefusalTime
        retry.firstPause = .seconds(1)
        retry.longestPause = .seconds(3)
        return .init(
            retry: retry, isDurable: durable, setsAside: setsAside, savedEventCount: 10, savedInterval: .seconds(5))
    }

    private static let plain = settings(durable: false)
    private static let durable = settings(durable: true)
    private static let careful = settings(durable: true, setsAside: true)
    private static let patient = settings(durable: true, setsAside: true, minimumRefusalTime: .seconds(100))
    private static let patientPlain = settings(durable: false, minimumRefusalTime: .seconds(100))

    private static func read(_ offset: UInt64, _ count: Int = 1000) -> Action {
        .read(afterOffset: offset, atMost: count)
    }

    static let cases = deliveries + refusals + badEvents + deletions

    private static let deletions = [
        Case(
            name: "a deletion comes before the next page, as often as it takes", settings: durable,
            steps: [
                (.start, read(0)),
                (.find, .erase),
                (.refuseErasure(), .pause(upTo: .seconds(1))),
                (.pause, .erase),
                (.refuseErasure(.after(.seconds(9))), .pauseFor(.seconds(9))),
                (.pause, .erase),
                (.refuseErasure(.never), .pause(upTo: .seconds(2))),
                (.pause, .erase),
                (.refuseErasure(.outage), .pause(upTo: .seconds(3))),
                (.pause, .erase),
                (.refuseErasure(), .pause(upTo: .seconds(3))),
                (.pause, .erase),
                (.erase(), read(0)),
                (.read(1, next: 1, end: true), .give),
                (.take(), .wait(atMost: .seconds(5))),
            ]),
        Case(
            name: "a place in the thread is saved without it", settings: durable,
            steps: [
                (.start, read(0)),
                (.read(1, next: 1, end: true), .give),
                (.take(), .wait(atMost: .seconds(5))),
                (.wake(), read(1)),
                (.find, .erase),
                (.erase(movesPlace: true), .save(1)),
                (.save, read(1)),
                (.read(0, next: 1, end: true), .wait(atMost: nil)),
            ]),
        Case(
            name: "a sink that is not durable fails over a deletion in the end", settings: plain,
            steps: [
                (.start, read(0)),
                (.find, .erase),
                (.refuseErasure(), .pause(upTo: .seconds(1))),
                (.pauseAsItStops, .erase),
                (.refuseErasure(), .pause(upTo: .seconds(2))),
                (.pause, .erase),
                (.refuseErasure(), .end(.failed)),
            ]),
        Case(
            name: "a durable sink that refuses a deletion is told at the next start", settings: durable,
            steps: [
                (.start, read(0)),
                (.find, .erase),
                (.refuseErasure(stopping: true), .end(.interrupted)),
            ]),
        Case(
            name: "a batch with deleted events is read again, and its attempts do not count", settings: careful,
            steps: [
                (.start, read(0)),
                (.read(1, next: 1, end: true), .give),
                (.refuse(), .pause(upTo: .seconds(1))),
                (.pause, .give),
                (.refuse(), .pause(upTo: .seconds(2))),
                (.stalePause, read(0)),
                (.find, .erase),
                (.erase(), read(0)),
                (.read(1, next: 2, end: true), .give),
                (.refuse(), .pause(upTo: .seconds(1))),
            ]),
    ]

    private static let deliveries = [
        Case(
            name: "page after page, and then it waits", settings: plain, offset: 7, isSaved: false,
            steps: [
                (.start, read(7)),
                (.read(2, next: 9, end: false), .give),
                (.take(), read(9)),
                (.read(1, next: 10, end: true), .give),
                (.take(after: .seconds(100)), .wait(atMost: nil)),
                (.wake(), read(10)),
                (.read(0, next: 10, end: true), .wait(atMost: nil)),
                (.wake(last: true), read(10)),
                (.read(1, next: 11, end: false), .give),
                (.take(), read(11)),
                (.read(1, next: 12, end: true), .give),
                (.take(), .end(.finished)),
            ]),
        Case(
            name: "a new durable sink saves its beginning first", settings: durable, offset: 5, isSaved: false,
            steps: [
                (.start, .save(5)),
                (.save, read(5)),
                (.read(0, next: 5, end: true), .wait(atMost: nil)),
            ]),
        Case(
            name: "the offset is saved after a number of events", settings: durable, offset: 5,
            steps: [
                (.start, read(5)),
                (.read(9, next: 14, end: false), .give),
                (.take(), read(14)),
                (.read(1, next: 15, end: true), .give),
                (.take(), .save(15)),
                (.save, read(15)),
                (.read(0, next: 15, end: true), .wait(atMost: nil)),
            ]),
        Case(
            name: "the offset is saved after a time, also when nothing more comes", settings: durable,
            steps: [
                (.start, read(0)),
                (.read(1, next: 1, end: true), .give),
                (.take(after: .seconds(5)), .save(1)),
                (.save, read(1)),
                (.read(1, next: 2, end: true), .give),
                (.take(after: .seconds(2)), .wait(atMost: .seconds(3))),
                (.wake(), read(2)),
                (.read(0, next: 2, end: true, after: .seconds(4)), .wait(atMost: .seconds(1))),
                (.wake(), read(2)),
                (.read(0, next: 2, end: true, after: .seconds(5)), .save(2)),
                (.save, read(2)),
                (.read(0, next: 2, end: true), .wait(atMost: nil)),
            ]),
        Case(
            name: "a sink that has something in hand is asked again after the interval", settings: durable,
            steps: [
                (.start, read(0)),
                (.read(10, next: 10, end: true), .give),
                (.take(after: .seconds(1)), .save(10)),
                (.postpone, read(10)),
                (.read(0, next: 10, end: true, after: .seconds(1)), .wait(atMost: .seconds(4))),
                (.wake(), read(10)),
                (.read(0, next: 10, end: true, after: .seconds(5)), .save(10)),
                (.postpone, read(10)),
                (.read(9, next: 19, end: true), .give),
                (.take(after: .seconds(2)), .wait(atMost: .seconds(3))),
                (.wake(), read(19)),
                (.read(1, next: 20, end: true), .give),
                (.take(after: .seconds(3)), .save(20)),
                (.save, read(20)),
                (.read(0, next: 20, end: true), .wait(atMost: nil)),
            ]),
        Case(
            name: "a sink that has something in hand at the end is not waited for", settings: durable,
            steps: [
                (.start, read(0)),
                (.read(1, next: 1, end: true), .give),
                (.take(), .wait(atMost: .seconds(5))),
                (.wake(last: true), read(1)),
                (.read(0, next: 1, end: true), .save(1)),
                (.postpone, .end(.finished)),
            ]),
        Case(
            name: "what is set aside while a sink has something in hand does not ask without end", settings: careful,
            steps: [
                (.start, read(0)),
                (.read(1, next: 1, end: true), .give),
                (.refuse(.never), .setAside(attempts: 1)),
                (.setAside, .save(1)),
                (.postpone, read(1)),
                (.read(0, next: 1, end: true), .wait(atMost: .seconds(5))),
            ]),
        Case(
            name: "the offset is saved at the end", settings: durable,
            steps: [
                (.start, read(0)),
                (.read(1, next: 1, end: true), .give),
                (.take(), .wait(atMost: .seconds(5))),
                (.wake(last: true), read(1)),
                (.read(0, next: 1, end: true), .save(1)),
                (.save, .end(.finished)),
            ]),
    ]

    private static let refusals = [
        Case(
            name: "a plain sink fails at its last attempt, with pauses that double up to the longest", settings: plain,
            steps: [
                (.start, read(0)),
                (.read(2, next: 2, end: true), .give),
                (.refuse(), .pause(upTo: .seconds(1))),
                (.pause, .give),
                (.refuse(), .pause(upTo: .seconds(2))),
                (.pause, .give),
                (.take(), .wait(atMost: nil)),
                (.wake(), read(2)),
                (.read(1, next: 3, end: true), .give),
                (.refuse(), .pause(upTo: .seconds(1))),
                (.pause, .give),
                (.refuse(.outage), .pause(upTo: .seconds(2))),
                (.pause, .give),
                (.refuse(), .end(.failed)),
            ]),
        Case(
            name: "a plain sink fails at its last attempt, but not before its time", settings: patientPlain,
            steps: [
                (.start, read(0)),
                (.read(1, next: 1, end: true), .give),
                (.refuse(), .pause(upTo: .seconds(1))),
                (.pause, .give),
                (.refuse(since: .seconds(200)), .pause(upTo: .seconds(2))),
                (.pause, .give),
                (.refuse(since: .seconds(99)), .pause(upTo: .seconds(3))),
                (.pause, .give),
                (.refuse(.outage, since: .seconds(100)), .end(.failed)),
            ]),
        Case(
            name: "while it stops, only the attempts of a plain sink count", settings: patientPlain,
            steps: [
                (.start, read(0)),
                (.read(1, next: 1, end: true), .give),
                (.refuse(stopping: true), .pause(upTo: .seconds(1))),
                (.pauseAsItStops, .give),
                (.refuse(stopping: true), .pause(upTo: .seconds(2))),
                (.pauseAsItStops, .give),
                (.refuse(stopping: true), .end(.failed)),
            ]),
        Case(
            name: "a refusal for good is not repeated", settings: plain,
            steps: [
                (.start, read(0)),
                (.read(2, next: 2, end: true), .give),
                (.refuse(.never), .end(.failed)),
            ]),
        Case(
            name: "a pause that the sink asks for counts as no attempt, but while it stops", settings: plain,
            steps: [
                (.start, read(0)),
                (.read(1, next: 1, end: true), .give),
                (.refuse(.after(.seconds(9))), .pauseFor(.seconds(9))),
                (.pause, .give),
                (.refuse(.after(.seconds(9))), .pauseFor(.seconds(9))),
                (.pause, .give),
                (.refuse(.after(.seconds(9))), .pauseFor(.seconds(9))),
                (.pause, .give),
                (.refuse(.after(.seconds(9)), stopping: true), .pause(upTo: .seconds(1))),
                (.pause, .give),
                (.refuse(.after(.seconds(9)), stopping: true), .pause(upTo: .seconds(2))),
                (.pause, .give),
                (.refuse(.after(.seconds(9)), stopping: true), .end(.failed)),
            ]),
        Case(
            name: "a sink that asks for no pause, or for one in the past, gets the usual ones", settings: plain,
            steps: [
                (.start, read(0)),
                (.read(1, next: 1, end: true), .give),
                (.refuse(.after(.zero)), .pause(upTo: .seconds(1))),
                (.pause, .give),
                (.refuse(.after(.seconds(-9))), .pause(upTo: .seconds(2))),
                (.pause, .give),
                (.refuse(.after(.zero)), .end(.failed)),
            ]),
        Case(
            name: "a durable sink that refuses while it stops continues after the next start", settings: careful,
            steps: [
                (.start, read(0)),
                (.read(2, next: 2, end: false), .give),
                (.take(), read(2)),
                (.read(2, next: 4, end: true), .give),
                // What was taken is saved before a pause, which may be long.
                (.refuse(), .save(2)),
                (.save, .pause(upTo: .seconds(1))),
                (.pause, .give),
                (.refuse(stopping: true), .end(.interrupted)),
            ]),
        Case(
            name: "a durable sink that is stopped in a pause tries no more", settings: careful,
            steps: [
                (.start, read(0)),
                (.read(2, next: 2, end: true), .give),
                (.refuse(.after(.seconds(3600))), .pauseFor(.seconds(3600))),
                (.pauseAsItStops, .end(.interrupted)),
            ]),
        Case(
            name: "a durable sink that fails keeps what it has", settings: durable,
            steps: [
                (.start, read(0)),
                (.read(2, next: 2, end: false), .give),
                (.take(), read(2)),
                (.read(2, next: 4, end: true), .give),
                (.refuse(.never), .save(2)),
                (.save, .end(.failed)),
            ]),
        Case(
            name: "a sink that asks for nothing more is stopped, and its offset stays", settings: careful,
            steps: [
                (.start, read(0)),
                (.read(2, next: 2, end: false), .give),
                (.take(), read(2)),
                (.read(2, next: 4, end: true), .give),
                (.refuse(.stop), .save(2)),
                (.save, .end(.stopped)),
            ]),
        Case(
            name: "a plain sink can be stopped as well", settings: plain,
            steps: [
                (.start, read(0)),
                (.read(2, next: 2, end: false), .give),
                (.refuse(.stop), .end(.stopped)),
            ]),
        Case(
            name: "nothing is set aside for a sink that is out of order", settings: careful,
            steps: [(.start, read(0)), (.read(1, next: 1, end: true), .give)]
                + (1...50).flatMap { attempt in
                    [
                        (.refuse(.outage, since: .seconds(1_000_000)), .pause(upTo: .seconds(min(attempt, 3)))),
                        (.pause, .give),
                    ] as [(Input, Action)]
                } + [(.take(), .wait(atMost: .seconds(5)))]),
    ]

    private static let badEvents = [
        Case(
            name: "a batch is halved until its first event stands alone, and grows again when it is taken",
            settings: patient,
            steps: [
                (.start, read(0)),
                (.read(5, next: 5, end: true), .give),
                (.refuse(), .pause(upTo: .seconds(1))),
                (.pause, .give),
                (.refuse(), .pause(upTo: .seconds(2))),
                (.pause, .give),
                (.refuse(), .pause(upTo: .seconds(3))),
                (.pause, read(0, 3)),
                (.read(3, next: 3, end: false), .give),
                (.refuse(), .pause(upTo: .seconds(3))),
                (.pause, read(0, 2)),
                (.read(2, next: 2, end: false), .give),
                (.take(), read(2, 1)),
                // The last of the three.
                (.read(1, next: 3, end: false), .give),
                (.refuse(), .save(2)),
                (.save, .pause(upTo: .seconds(1))),
                (.pause, .give),
                (.take(), read(3, 4)),
                (.read(2, next: 5, end: false), .give),
                (.take(), read(5, 8)),
            ]),
        Case(
            name: "an event that alone is refused, often and long enough, is set aside", settings: patient,
            steps: [
                (.start, read(0)),
                (.read(1, next: 1, end: true), .give),
                (.refuse(), .pause(upTo: .seconds(1))),
                (.pause, .give),
                // Long enough, and not often enough.
                (.refuse(since: .seconds(200)), .pause(upTo: .seconds(2))),
                (.pause, .give),
                // Often enough, and not long enough.
                (.refuse(since: .seconds(99)), .pause(upTo: .seconds(3))),
                (.pause, .give),
                (.refuse(since: .seconds(100)), .probe),
                // It refuses everything: nothing is set aside.
                (.probe(.refused(.asUsual)), .pause(upTo: .seconds(3))),
                (.pause, .give),
                (.refuse(since: .seconds(110)), .probe),
                (.probe(.refused(.after(.seconds(60)))), .pauseFor(.seconds(60))),
                (.pause, .give),
                (.refuse(since: .seconds(120)), .probe),
                // It takes something again; the event may have been refused before that.
                (.probe(.taken), .give),
                (.refuse(since: .seconds(120)), .setAside(attempts: 7)),
                // Saved at once: what was set aside is not set aside again.
                (.setAside, .save(1)),
                (.save, read(1)),
            ]),
        Case(
            name: "an event that is taken after a probe is not a bad one", settings: careful,
            steps: [
                (.start, read(0)),
                (.read(1, next: 1, end: true), .give),
                (.refuse(), .pause(upTo: .seconds(1))),
                (.pause, .give),
                (.refuse(), .pause(upTo: .seconds(2))),
                (.pause, .give),
                (.refuse(), .probe),
                (.probe(.taken), .give),
                (.take(), .wait(atMost: .seconds(5))),
            ]),
        Case(
            name: "after a probe, a refusal that asks for time is no verdict", settings: careful,
            steps: [
                (.start, read(0)),
                (.read(1, next: 1, end: true), .give),
                (.refuse(), .pause(upTo: .seconds(1))),
                (.pause, .give),
                (.refuse(), .pause(upTo: .seconds(2))),
                (.pause, .give),
                (.refuse(), .probe),
                (.probe(.taken), .give),
                (.refuse(.after(.seconds(9))), .pauseFor(.seconds(9))),
                (.pause, .give),
                (.refuse(), .probe),
                (.probe(.taken), .give),
                (.refuse(.stop), .end(.stopped)),
            ]),
        Case(
            name: "a sink that has never taken anything has nothing set aside", settings: careful,
            steps: [
                (.start, read(0)),
                (.read(1, next: 1, end: true), .give),
                (.refuse(), .pause(upTo: .seconds(1))),
                (.pause, .give),
                (.refuse(), .pause(upTo: .seconds(2))),
                (.pause, .give),
                (.refuse(), .probe),
                (.probe(.impossible), .pause(upTo: .seconds(3))),
                (.pause, .give),
                (.refuse(), .probe),
                (.probe(.impossible), .pause(upTo: .seconds(3))),
            ]),
        Case(
            name: "a probe can stop the sink", settings: careful,
            steps: [
                (.start, read(0)),
                (.read(1, next: 1, end: true), .give),
                (.refuse(), .pause(upTo: .seconds(1))),
                (.pause, .give),
                (.refuse(), .pause(upTo: .seconds(2))),
                (.pause, .give),
                (.refuse(), .probe),
                (.probe(.refused(.stop)), .end(.stopped)),
            ]),
        Case(
            name: "a stop after a probe", settings: careful,
            steps: [
                (.start, read(0)),
                (.read(1, next: 1, end: true), .give),
                (.refuse(), .pause(upTo: .seconds(1))),
                (.pause, .give),
                (.refuse(), .pause(upTo: .seconds(2))),
                (.pause, .give),
                (.refuse(), .probe),
                (.probe(.refused(.asUsual), stopping: true), .end(.interrupted)),
            ]),
        Case(
            name: "without dead letters a bad event makes the sink fail", settings: durable,
            steps: [
                (.start, read(0)),
                (.read(1, next: 1, end: true), .give),
                (.refuse(), .pause(upTo: .seconds(1))),
                (.pause, .give),
                (.refuse(), .pause(upTo: .seconds(2))),
                (.pause, .give),
                (.refuse(), .probe),
                (.probe(.refused(.asUsual)), .pause(upTo: .seconds(3))),
                (.pause, .give),
                (.refuse(), .probe),
                (.probe(.taken), .give),
                (.refuse(), .end(.failed)),
            ]),
        Case(
            name: "what is refused for good at once is taken apart at once", settings: patient,
            steps: [
                (.start, read(0)),
                (.read(2, next: 2, end: true), .give),
                (.refuse(.never), read(0, 1)),
                (.read(1, next: 1, end: false), .give),
                (.refuse(.never), .setAside(attempts: 2)),
                (.setAside, .save(1)),
                (.save, read(1, 1)),
                (.read(1, next: 2, end: true), .give),
                (.refuse(.after(.seconds(1))), .pauseFor(.seconds(1))),
                (.pause, .give),
                (.refuse(.never), .setAside(attempts: 1)),
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
        case .refuse(let advice, let since, let isStopping):
            machine.didRefuse(advice, refusedFor: since, isStopping: isStopping)
        case .pause: machine.didPause(isStopping: false)
        case .pauseAsItStops: machine.didPause(isStopping: true)
        case .probe(let probe, let isStopping): machine.didProbe(probe, isStopping: isStopping)
        case .stalePause: machine.didPause(isStopping: false, isStale: true)
        case .find: machine.didFindDeletion()
        case .erase(let moves): machine.didErase(movesPlace: moves)
        case .refuseErasure(let advice, let isStopping):
            machine.didRefuseErasure(advice, refusedFor: .zero, isStopping: isStopping)
        case .setAside: machine.didSetAside(sinceSave: .zero)
        case .save: machine.didSave()
        case .postpone: machine.didPostpone()
        case .wake(let isLast): machine.didWake(isLast: isLast)
        }
    }

    /// Plays the log and the sink: a log of this many events, and a sink that refuses a batch with the bad one.
    private static func play(
        _ count: Int,
        bad: Int,
        advice: SinkRetryAdvice,
        _ settings: SinkPumpStateMachine.Settings
    ) -> (given: [Int], setAside: [Int], calls: Int) {
        var machine = SinkPumpStateMachine(settings, offset: 0, isSaved: true)
        var action = machine.start()
        var page: Range<Int> = 0..<0
        var (given, setAside, calls): ([Int], [Int], Int) = ([], [], 0)
        while true {
            switch action {
            case .read(let offset, let limit):
                page = Int(offset)..<min(count, Int(offset) + limit)
                let isEnd = page.upperBound == count
                action = machine.didRead(
                    count: page.count, nextOffset: UInt64(page.upperBound), reachesEnd: isEnd, sinceSave: .zero)
            case .give:
                calls += 1
                if page.contains(bad) {
                    action = machine.didRefuse(advice, refusedFor: .seconds(1000), isStopping: false)
                } else {
                    given += page
                    action = machine.didTake(sinceSave: .zero)
                }
            case .pause, .pauseFor: action = machine.didPause(isStopping: false)
            case .probe: action = machine.didProbe(given.isEmpty ? .impossible : .taken, isStopping: false)
            case .setAside:
                setAside.append(page.lowerBound)
                action = machine.didSetAside(sinceSave: .zero)
            case .save: action = machine.didSave()
            case .erase: preconditionFailure("no thread is deleted")
            case .wait, .end: return (given, setAside, calls)
            }
        }
    }

    @Test(arguments: [0, 1, 499, 500, 998, 999])
    func oneBadEventAmongAThousandCostsTwentyCalls(bad: Int) {
        let played = Self.play(1000, bad: bad, advice: .never, Self.careful)
        #expect(played.given == (0..<1000).filter { $0 != bad })
        #expect(played.setAside == [bad])
        // And a few in which the batches grow again.
        #expect(played.calls <= 32, "\(played.calls)")
    }

    @Test(arguments: [1, 499, 500, 998, 999])
    func oneBadEventIsFoundByAttemptsToo(bad: Int) {
        let played = Self.play(1000, bad: bad, advice: .asUsual, Self.careful)
        #expect(played.given == (0..<1000).filter { $0 != bad })
        #expect(played.setAside == [bad])
    }
}
