import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Testing

/// The queue against a log that is folded: in any course of events, and over any number of crashes, each queued run starts once
/// or leaves, in the order of the log, and slots are what works.
struct RunQueueModelTests {
    private typealias Machine = RunQueueStateMachine

    /// A thread as the log has it, and the bodies of the process that lives.
    private struct Model {
        enum State { case queued, running, ended }

        struct Run {
            var entry: Machine.Entry
            var state = State.queued
        }

        var runs: [[Run]]
        var bodies: Set<Machine.Place> = []
        var resting: Set<Machine.Place> = []

        func queue(of thread: Int) -> [Run] { runs[thread].filter { $0.state == .queued } }
        func user(of place: Machine.Place) -> UserID? {
            runs.lazy.flatMap { $0 }.first { $0.entry.place == place }?.entry.user
        }
        func isBusy(_ thread: Int) -> Bool { runs[thread].contains { $0.state == .running } }

        mutating func set(_ place: Machine.Place, in thread: Int, to state: State) {
            for index in runs[thread].indices where runs[thread][index].entry.place == place {
                runs[thread][index].state = state
            }
        }

        func state(of place: Machine.Place, in thread: Int) -> State? {
            runs[thread].first { $0.entry.place == place }?.state
        }
    }

    private static let threadCount = 4
    private static let limits: Machine.Limits = {
        var limits = Machine.Limits()
        (limits.running, limits.runningPerUser, limits.queued, limits.queuedPerUser) = (3, 2, 12, 8)
        return limits
    }()

    private static func thread(_ place: Machine.Place) -> Int { Int(place.thread.rawValue.dropFirst(2)) ?? 0 }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func theQueueIsTheFoldOfTheLog(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var model = Model(runs: Array(repeating: [], count: Self.threadCount))
        var machine = Machine(limits: Self.limits)
        var attempts: [Machine.Place] = []
        var lastRun = 0
        var now: Int64 = 0

        func note(_ actions: [Machine.Action]) {
            for case .start(let entry) in actions {
                attempts.append(entry.place)
                // Of the runs of a thread that may start, the first one in the log is tried. A delayed one may have become
                // due since it was chosen.
                let known = model.queue(of: Self.thread(entry.place)).first {
                    machine.isQueued($0.entry.place) && ($0.entry.notBefore?.milliseconds ?? 0) <= now
                }
                if known?.entry.notBefore == nil { #expect(known?.entry.place == entry.place) }
            }
        }

        func check() {
            let queued = (0..<Self.threadCount).flatMap { model.queue(of: $0) }
            #expect(machine.queuedCount == queued.count)
            #expect(machine.bodyCount == model.bodies.count)
            #expect(machine.slotCount <= Self.limits.running)
            for run in queued { #expect(machine.isQueued(run.entry.place)) }
            let users = machine.working.compactMap { model.user(of: $0) }
            for user in Set(users) { #expect(users.count { $0 == user } <= Self.limits.runningPerUser) }
        }

        /// Ends an attempt as its thread decides.
        func attempt(_ place: Machine.Place) {
            let thread = Self.thread(place)
            guard model.state(of: place, in: thread) == .queued else { return note(machine.attemptEnded(place, .gone)) }
            let head = model.queue(of: thread).first { ($0.entry.notBefore?.milliseconds ?? 0) <= now }
            guard !model.isBusy(thread), head?.entry.place == place else {
                return note(machine.attemptEnded(place, .held))
            }
            model.set(place, in: thread, to: .running)
            model.bodies.insert(place)
            note(machine.attemptEnded(place, .started))
        }

        /// The end of a run in the log, and the commit of it.
        func end(_ place: Machine.Place) {
            let thread = Self.thread(place)
            let wasQueued = model.state(of: place, in: thread) == .queued
            model.set(place, in: thread, to: .ended)
            if wasQueued { note(machine.left(place)) }
            note(machine.freed(place.thread))
        }

        func request() {
            let user = UserID(stringLiteral: "u_\(random.next() % 3)")
            guard let admission = machine.admit(user) else { return }
            let thread = Int(random.next() % UInt64(Self.threadCount))
            lastRun += 1
            let entry = Machine.Entry(
                place: Machine.Place(
                    thread: ThreadID(stringLiteral: "t_\(thread)"), run: RunID(stringLiteral: "r_\(lastRun)")),
                owner: "u_1", user: user, agent: "guide", sequence: UInt64(lastRun),
                queuedAt: Timestamp(milliseconds: now),
                notBefore: random.next() % 6 == 0 ? Timestamp(milliseconds: now + 5) : nil)
            let isFree = !model.isBusy(thread) && model.queue(of: thread).isEmpty && entry.notBefore == nil
            if isFree, admission.hasSlot {
                model.runs[thread].append(Model.Run(entry: entry, state: .running))
                model.bodies.insert(entry.place)
                note(machine.settle(admission.ticket, as: .started(entry.place)))
            } else if admission.queueRefusal == nil {
                model.runs[thread].append(Model.Run(entry: entry))
                note(machine.settle(admission.ticket, as: .queued(entry, settlesUntil: nil)))
            } else {
                note(machine.settle(admission.ticket, as: .nothing))
            }
        }

        /// The process dies: what worked is lost, what was queued stays so.
        func crash() {
            for place in model.bodies { model.set(place, in: Self.thread(place), to: .ended) }
            model.bodies = []
            model.resting = []
            attempts = []
            machine = Machine(limits: Self.limits)
            note(machine.timePassed(to: Timestamp(milliseconds: now)))
            for run in (0..<Self.threadCount).flatMap({ model.queue(of: $0) }).shuffled(using: &random) {
                note(machine.enqueue(run.entry))
            }
        }

        for _ in 0..<400 {
            switch random.next() % 12 {
            case 0..<4: request()
            case 4..<7: if let place = attempts.popLast() { attempt(place) }
            case 7:
                guard let place = model.bodies.sorted(by: { $0.run.rawValue < $1.run.rawValue }).first else { break }
                if model.state(of: place, in: Self.thread(place)) == .running { end(place) }
                model.bodies.remove(place)
                model.resting.remove(place)
                note(machine.bodyEnded(place))
            case 8:
                let open = model.runs.flatMap { $0 }.filter { $0.state != .ended }
                if let run = open.randomElement(using: &random) { end(run.entry.place) }
            case 9:
                guard let place = model.bodies.randomElement(using: &random) else { break }
                if model.resting.insert(place).inserted {
                    note(machine.waits(place))
                } else {
                    model.resting.remove(place)
                    note(machine.mayContinue(place))
                }
            case 10:
                now += Int64(random.next() % 5)
                note(machine.timePassed(to: Timestamp(milliseconds: now)))
            default: if random.next() % 8 == 0 { crash() }
            }
            check()
        }
        // Everything comes to its end by itself: nothing is forgotten.
        now += 1000
        note(machine.timePassed(to: Timestamp(milliseconds: now)))
        for place in model.resting { note(machine.mayContinue(place)) }
        var rounds = 0
        while rounds < 2000, !attempts.isEmpty || !model.bodies.isEmpty {
            rounds += 1
            while let place = attempts.popLast() { attempt(place) }
            guard let place = model.bodies.first else { continue }
            if model.state(of: place, in: Self.thread(place)) == .running { end(place) }
            model.bodies.remove(place)
            note(machine.bodyEnded(place))
        }
        check()
        for thread in 0..<Self.threadCount {
            // A run that nobody works for holds its thread: one that lost its process was ended by the crash.
            #expect(model.queue(of: thread).isEmpty, "thread \(thread)")
        }
        #expect(machine.slotCount == 0 && machine.isIdle)
    }
}
