import AgentEvents
import AgentEventsTesting
import Testing

@testable import AgentEventsHub

@Suite(.timeLimit(.minutes(2))) struct ScheduleStateMachineTests {
    private typealias Machine = ScheduleStateMachine
    private static let key = Machine.Key(user: "u_1", id: "s")
    private static let start = Timestamp(rfc3339: "2026-11-21T00:00:30Z") ?? Timestamp(milliseconds: 0)

    private static func rule(_ text: String = "0 * * * *", _ catchUp: Schedule.CatchUp = .latest) throws -> Machine.Rule
    {
        Machine.Rule(try CronExpression(text), in: UTCOnly(), catchUp: catchUp)
    }

    private static func time(_ hour: Int, _ minute: Int = 0, _ second: Int = 0) -> Timestamp {
        Timestamp(milliseconds: start.milliseconds - 30_000 + Int64(hour * 3600 + minute * 60 + second) * 1000)
    }

    /// What happens after an outage of five hours and a bit.
    private func afterAnOutage(_ catchUp: Schedule.CatchUp, at now: Timestamp) throws -> [String] {
        var machine = Machine()
        var actions = machine.put(Self.key, try Self.rule("0 * * * *", catchUp), done: Self.start, at: now)
        var seen: [String] = []
        while let action = actions.first {
            actions.removeFirst()
            switch action {
            case .start(let ticket, let occurrence):
                seen.append("start \(hour(occurrence))")
                actions += machine.ended(ticket, .done, at: now)
            case .tell(let ticket, let skip):
                seen.append("skip \(hour(skip.first))-\(hour(skip.last)) \(skip.count) \(skip.reason)")
                actions += machine.ended(ticket, .done, at: now)
            case .save(let ticket):
                seen.append("save \(hour(machine.done(Self.key) ?? now))")
                actions += machine.ended(ticket, .done, at: now)
            case .forget: seen.append("forget")
            }
        }
        return seen
    }

    private func hour(_ time: Timestamp) -> Int64 { (time.milliseconds - Self.start.milliseconds + 30_000) / 3_600_000 }

    @Test func onlyTheLastIsMadeUpFor() throws {
        #expect(
            try afterAnOutage(.latest, at: Self.time(5, 30))
                == ["skip 1-4 4 missed", "save 4", "start 5", "save 5"])
    }

    @Test func noneIsMadeUpForUnlessItIsPunctual() throws {
        #expect(try afterAnOutage(.none, at: Self.time(5, 30)) == ["skip 1-5 5 missed", "save 5"])
        #expect(try afterAnOutage(.none, at: Self.time(5, 1)) == ["skip 1-5 5 missed", "save 5"])
        #expect(
            try afterAnOutage(.none, at: Self.time(5, 0, 59)) == ["skip 1-4 4 missed", "save 4", "start 5", "save 5"])
    }

    @Test func theLastOnesAreMadeUpForInTheirOrder() throws {
        #expect(
            try afterAnOutage(.all(atMost: 3), at: Self.time(5, 30))
                == ["skip 1-2 2 missed", "save 2", "start 3", "save 3", "start 4", "save 4", "start 5", "save 5"])
        #expect(
            try afterAnOutage(.all(atMost: 24), at: Self.time(2, 30)) == ["start 1", "save 1", "start 2", "save 2"])
    }

    @Test func aLongOutageIsCountedForItsLastMonth() throws {
        var machine = Machine()
        let now = Timestamp(milliseconds: Self.start.milliseconds + 400 * 86_400_000)
        let actions = machine.put(Self.key, try Self.rule("* * * * *"), done: Self.start, at: now)
        guard case .tell(_, let skip)? = actions.first else { throw Unexpected() }
        #expect(skip.count == 32 * 1440 - 1 && skip.last.milliseconds == now.milliseconds - 90_000)
        // Once in a year: none of the last month, and all are found.
        var rare = Machine()
        let found = rare.put(Self.key, try Self.rule("0 0 1 1 *"), done: Self.start, at: now)
        guard case .start(_, let occurrence)? = found.first else { throw Unexpected() }
        #expect(occurrence.rfc3339 == "2027-01-01T00:00:00.000Z")
    }

    private struct Unexpected: Error {}

    @Test func oneThatIsRefusedIsToldAndOneThatIsPostponedIsLate() throws {
        var machine = Machine()
        #expect(machine.put(Self.key, try Self.rule(), done: Self.start, at: Self.start) == [])
        #expect(machine.nextTime == Self.time(1))
        guard case .start(let ticket, Self.time(1))? = machine.timePassed(to: Self.time(1)).first else {
            throw Unexpected()
        }
        #expect(machine.ended(ticket, .postponed(by: nil), at: Self.time(1)) == [])
        #expect(machine.nextTime == Self.time(1, 0, 1))
        #expect(machine.next(Self.key) == Self.time(1))
        guard case .start(let again, Self.time(1))? = machine.timePassed(to: Self.time(1, 0, 1)).first else {
            throw Unexpected()
        }
        #expect(machine.ended(again, .postponed(by: .seconds(90)), at: Self.time(1, 0, 1)) == [])
        #expect(machine.nextTime == Self.time(1, 1, 31))
        guard case .start(let last, Self.time(1))? = machine.timePassed(to: Self.time(1, 2)).first else {
            throw Unexpected()
        }
        let told = machine.ended(last, .refused(reason: "thread.busy"), at: Self.time(1, 2))
        guard case .tell(let telling, let skip)? = told.first else { throw Unexpected() }
        #expect(skip == Machine.Skip(reason: "thread.busy", first: Self.time(1), last: Self.time(1), count: 1))
        #expect(machine.done(Self.key) == Self.start)
        guard case .save(let saving)? = machine.ended(telling, .done, at: Self.time(1, 2)).first else {
            throw Unexpected()
        }
        #expect(machine.done(Self.key) == Self.time(1))
        #expect(machine.ended(saving, .done, at: Self.time(1, 2)) == [])
        #expect(machine.nextTime == Self.time(2))
    }

    @Test func oneThatIsLateGivesWayToTheNext() throws {
        var machine = Machine()
        _ = machine.put(Self.key, try Self.rule(), done: Self.start, at: Self.start)
        guard case .start(let ticket, _)? = machine.timePassed(to: Self.time(1)).first else { throw Unexpected() }
        _ = machine.ended(ticket, .postponed(by: .seconds(7200)), at: Self.time(1))
        #expect(machine.timePassed(to: Self.time(2)) == [])
        guard case .tell(let telling, let skip)? = machine.timePassed(to: Self.time(3)).first else {
            throw Unexpected()
        }
        #expect(skip == Machine.Skip(reason: "missed", first: Self.time(1), last: Self.time(2), count: 2))
        // Not before it is stored.
        guard case .save(let saving)? = machine.ended(telling, .done, at: Self.time(3)).last else { throw Unexpected() }
        guard case .start(_, Self.time(3))? = machine.ended(saving, .done, at: Self.time(3)).last else {
            throw Unexpected()
        }
    }

    @Test func oneThatIsPostponedUntilItIsAMinuteLateIsSkippedWhenNoneIsMadeUpFor() throws {
        var machine = Machine()
        _ = machine.put(Self.key, try Self.rule("0 * * * *", .none), done: Self.start, at: Self.start)
        guard case .start(let ticket, _)? = machine.timePassed(to: Self.time(1)).first else { throw Unexpected() }
        #expect(machine.ended(ticket, .postponed(by: .seconds(30)), at: Self.time(1)) == [])
        guard case .start(let again, Self.time(1))? = machine.timePassed(to: Self.time(1, 0, 30)).first else {
            throw Unexpected()
        }
        #expect(machine.ended(again, .postponed(by: .seconds(30)), at: Self.time(1, 0, 30)) == [])
        guard case .tell(_, let skip)? = machine.timePassed(to: Self.time(1, 1)).first else { throw Unexpected() }
        #expect(skip == Machine.Skip(reason: "missed", first: Self.time(1), last: Self.time(1), count: 1))
    }

    /// What comes after it is skipped only once it is known what becomes of the first.
    @Test func oneThatWasUnderWayWhenOthersBecameDueComesBeforeThem() throws {
        var machine = Machine()
        _ = machine.put(Self.key, try Self.rule(), done: Self.start, at: Self.start)
        guard case .start(let ticket, Self.time(1))? = machine.timePassed(to: Self.time(1)).first else {
            throw Unexpected()
        }
        #expect(machine.timePassed(to: Self.time(3)) == [])
        guard case .tell(_, let skip)? = machine.ended(ticket, .postponed(by: nil), at: Self.time(3)).first else {
            throw Unexpected()
        }
        #expect(skip == Machine.Skip(reason: "missed", first: Self.time(1), last: Self.time(2), count: 2))
    }

    @Test func whatWasReplacedOrRemovedEndsNothing() throws {
        var machine = Machine()
        _ = machine.put(Self.key, try Self.rule(), done: Self.start, at: Self.start)
        guard case .start(let ticket, _)? = machine.timePassed(to: Self.time(1)).first else { throw Unexpected() }
        #expect(machine.put(Self.key, try Self.rule("30 * * * *"), done: Self.time(1), at: Self.time(1)) == [])
        #expect(machine.ended(ticket, .done, at: Self.time(1)) == [])
        #expect(machine.done(Self.key) == Self.time(1) && machine.nextTime == Self.time(1, 30))
        guard case .start(let other, _)? = machine.timePassed(to: Self.time(1, 30)).first else { throw Unexpected() }
        machine.remove(Self.key)
        #expect(machine.ended(other, .done, at: Self.time(2)) == [] && machine.nextTime == nil)
    }

    @Test func atMostAsManyAsAllowedAreUnderWay() throws {
        var machine = Machine(maximumWorkCount: 2)
        let keys = (1...5).map { Machine.Key(user: "u_1", id: ScheduleID(stringLiteral: "s_\($0)")) }
        for key in keys { _ = machine.put(key, try Self.rule(), done: Self.start, at: Self.start) }
        var open = machine.timePassed(to: Self.time(1))
        var started: [String] = []
        while let action = open.first {
            #expect(open.count <= 2)
            open.removeFirst()
            switch action {
            case .start(let ticket, _):
                started.append(ticket.key.id.rawValue)
                open += machine.ended(ticket, .done, at: Self.time(1))
            case .save(let ticket): open += machine.ended(ticket, .done, at: Self.time(1))
            case .tell, .forget: throw Unexpected()
            }
        }
        #expect(started == keys.map(\.id.rawValue))
    }

    /// Whatever ends how, and however often the process crashes: each occurrence starts at most once, none is lost in silence, and
    /// they come in their order.
    @Test(arguments: 1...40)
    func eachOccurrenceIsStartedOnceOrSkipped(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let catchUps: [Schedule.CatchUp] = [.latest, .none, .all(atMost: 1), .all(atMost: 4), .all(atMost: 24)]
        let rule = try Self.rule(
            ["* * * * *", "*/5 * * * *", "7,8 */2 * * *"][Int(seed % 3)], catchUps[Int(seed / 3) % 5])
        var world = World(rule: rule, now: Self.start)
        for _ in 0..<400 { try world.step(&generator) }
        try world.finish(&generator)
        var expected: [Timestamp] = []
        while let next = rule.next(after: expected.last ?? Self.start), next <= world.now { expected.append(next) }
        let found = world.accepted.union(world.skipped)
        #expect(found.isSubset(of: Set(expected)))
        #expect(expected.first { !found.contains($0) } == nil)
        #expect(world.accepted.first(where: world.skipped.contains) == nil)
    }

    /// A process after the other. What is accepted and told stays, and what is stored.
    private struct World {
        let rule: Machine.Rule
        var now: Timestamp
        var machine = Machine()
        var stored: Timestamp
        var open: [Machine.Action] = []
        /// In the log, by their keys.
        var accepted: Set<Timestamp> = []
        var skipped: Set<Timestamp> = []
        /// Those that were told of alone.
        var told: Set<Timestamp> = []

        func isKnown(_ occurrence: Timestamp) -> Bool { accepted.contains(occurrence) || told.contains(occurrence) }

        init(rule: Machine.Rule, now: Timestamp) {
            (self.rule, self.now, stored) = (rule, now, now)
            open = machine.put(key, rule, done: now, at: now)
        }

        mutating func step(_ generator: inout SeededGenerator) throws {
            switch Int.random(in: 0..<10, using: &generator) {
            case 0...2:
                now.milliseconds += .random(in: 0...400_000, using: &generator)
                open += machine.timePassed(to: now)
            case 3 where Int.random(in: 0..<4, using: &generator) == 0:
                // It is down for a while.
                now.milliseconds += .random(in: 0...4_000_000, using: &generator)
                var done = stored
                while let next = rule.next(after: done), next <= now, isKnown(next) { done = next }
                machine = Machine()
                open = machine.put(key, rule, done: done, at: now)
            default:
                try act(&generator)
            }
        }

        mutating func act(_ generator: inout SeededGenerator) throws {
            guard !open.isEmpty else { return }
            let action = open.remove(at: .random(in: 0..<open.count, using: &generator))
            switch action {
            case .save(let ticket):
                stored = try #require(machine.done(key))
                open += machine.ended(ticket, .done, at: now)
            case .forget: break
            case .start(let ticket, let occurrence):
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: open += machine.ended(ticket, .postponed(by: nil), at: now)
                case 1 where !accepted.contains(occurrence):
                    open += machine.ended(ticket, .refused(reason: "thread.busy"), at: now)
                case 2:
                    // It crashes before it is known.
                    accepted.insert(occurrence)
                default:
                    accepted.insert(occurrence)
                    open += machine.ended(ticket, .done, at: now)
                }
            case .tell(let ticket, let skip):
                if Int.random(in: 0..<4, using: &generator) == 0 {
                    open += machine.ended(ticket, .postponed(by: nil), at: now)
                    return
                }
                var count = 0
                var occurrence: Timestamp? = skip.first
                while let next = occurrence, next <= skip.last {
                    skipped.insert(next)
                    count += 1
                    occurrence = rule.next(after: next)
                }
                #expect(count == skip.count)
                if count == 1 { told.insert(skip.first) }
                open += machine.ended(ticket, .done, at: now)
            }
        }

        /// Lets everything end.
        mutating func finish(_ generator: inout SeededGenerator) throws {
            machine = Machine()
            var done = stored
            while let next = rule.next(after: done), next <= now, isKnown(next) { done = next }
            open = machine.put(key, rule, done: done, at: now)
            while !open.isEmpty {
                let action = open.removeFirst()
                switch action {
                case .forget: break
                case .save(let ticket):
                    stored = try #require(machine.done(key))
                    open += machine.ended(ticket, .done, at: now)
                case .start(let ticket, let occurrence):
                    accepted.insert(occurrence)
                    open += machine.ended(ticket, .done, at: now)
                case .tell:
                    open.insert(action, at: 0)
                    try act(&generator)
                    if open.isEmpty, let next = machine.nextTime, next.milliseconds < now.milliseconds + 120_000 {
                        open += machine.timePassed(to: next)
                    }
                }
            }
        }
    }
}

private let key = ScheduleStateMachine.Key(user: "u_1", id: "s")
