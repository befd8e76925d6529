import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Testing

struct RunQueueStateMachineTests {
    typealias Machine = RunQueueStateMachine

    private static func limits(
        running: Int = 256,
        perUser: Int = 8,
        queued: Int = 10_000,
        queuedPerUser: Int = 64
    ) -> Machine.Limits {
        var limits = Machine.Limits()
        (limits.running, limits.runningPerUser) = (running, perUser)
        (limits.queued, limits.queuedPerUser) = (queued, queuedPerUser)
        return limits
    }

    private static func place(_ thread: Int, _ run: Int) -> Machine.Place {
        Machine.Place(thread: ThreadID(stringLiteral: "t_\(thread)"), run: RunID(stringLiteral: "r_\(run)"))
    }

    /// A run whose number is also its place in the order of its thread, and when it was queued.
    private static func entry(
        _ thread: Int,
        _ run: Int,
        user: UserID = "u_1",
        notBefore: Int64? = nil,
        isScheduled: Bool = false
    ) -> Machine.Entry {
        Machine.Entry(
            place: place(thread, run), owner: "u_1", user: user, agent: "guide", sequence: UInt64(run),
            queuedAt: Timestamp(milliseconds: Int64(run)), notBefore: notBefore.map { Timestamp(milliseconds: $0) },
            isScheduled: isScheduled)
    }

    private static func admit(_ machine: inout Machine, _ user: UserID) throws -> Machine.Admission {
        let admission = machine.admit(user)
        return try #require(admission)
    }

    private static func started(_ actions: [Machine.Action]) -> [Machine.Place] {
        actions.compactMap { if case .start(let entry) = $0 { entry.place } else { nil } }
    }

    /// A machine that has a body running in a slot.
    private static func machine(_ limits: Machine.Limits, working place: Machine.Place, user: UserID = "u_1") -> Machine
    {
        var machine = Machine(limits: limits)
        if let admission = machine.admit(user) { _ = machine.settle(admission.ticket, as: .started(place)) }
        return machine
    }

    // MARK: Runs that stayed open

    /// It comes before what is new, and a machine that is closed meanwhile has not ended before it is known.
    @Test func aRunThatStayedOpenContinuesInTheNextFreeSlot() throws {
        let (first, open) = (Self.place(1, 1), Self.place(2, 2))
        var machine = Self.machine(Self.limits(running: 1), working: first)
        let began = machine.beginTakingUp(open)
        let beganTwice = machine.beginTakingUp(open)
        #expect(began && !beganTwice)
        #expect(machine.enqueue(Self.entry(3, 3)) == [])
        #expect(machine.endTakingUp(open, for: "u_1") == [])
        #expect(machine.isContinuing(open) && machine.hasBodies(in: "t_2"))
        #expect(machine.bodyEnded(first) == [.proceed(open)])
        #expect(Self.started(machine.bodyEnded(open)) == [Self.place(3, 3)])
    }

    @Test func nothingIsTakenUpWhenTheMachineIsClosed() {
        var machine = Machine()
        let began = machine.beginTakingUp(Self.place(1, 1))
        #expect(began)
        #expect(machine.close() == [])
        let late = machine.beginTakingUp(Self.place(2, 2))
        #expect(!late)
        // It has a slot, and works; nothing further comes.
        #expect(machine.endTakingUp(Self.place(1, 1), for: "u_1") == [.proceed(Self.place(1, 1)), .finish])
        #expect(machine.bodyEnded(Self.place(1, 1)) == [.finish])
    }

    @Test func aRunThatIsNotTakenUpLeavesNothing() {
        var machine = Machine()
        let began = machine.beginTakingUp(Self.place(1, 1))
        #expect(began)
        #expect(machine.close() == [])
        #expect(machine.endTakingUp(Self.place(1, 1), for: nil) == [.finish])
        #expect(machine.isIdle && machine.slotCount == 0)
    }

    // MARK: Limits

    @Test func theLimitsOfAUserAndOfTheServiceLetNoFurtherRunStart() throws {
        var machine = Machine(limits: Self.limits(running: 3, perUser: 2))
        for run in 0..<2 {
            let admission = try Self.admit(&machine, "u_1")
            #expect(admission.hasSlot)
            #expect(machine.settle(admission.ticket, as: .started(Self.place(run, run))) == [])
        }
        let third = try Self.admit(&machine, "u_1")
        #expect(!third.hasSlot && third.queueRefusal == nil)
        #expect(machine.settle(third.ticket, as: .queued(Self.entry(2, 2), settlesUntil: nil)) == [])
        let other = try Self.admit(&machine, "u_2")
        #expect(other.hasSlot)
        #expect(machine.settle(other.ticket, as: .started(Self.place(3, 3))) == [])
        let full = try Self.admit(&machine, "u_3")
        #expect(!full.hasSlot)
        // The service is full until one of its runs ends, the user until one of theirs does.
        #expect(machine.bodyEnded(Self.place(3, 3)) == [])
        #expect(Self.started(machine.bodyEnded(Self.place(0, 0))) == [Self.place(2, 2)])
    }

    @Test func asManyRunsAreQueuedAsMayBe() throws {
        var machine = Machine(limits: Self.limits(running: 0, queued: 3, queuedPerUser: 2))
        for run in 0..<2 {
            let admission = try Self.admit(&machine, "u_1")
            #expect(admission.queueRefusal == nil)
            _ = machine.settle(admission.ticket, as: .queued(Self.entry(run, run), settlesUntil: nil))
        }
        var refusal = try Self.admit(&machine, "u_1").queueRefusal
        #expect(refusal == .userFull)
        // One on its way counts.
        let underWay = try Self.admit(&machine, "u_2")
        #expect(underWay.queueRefusal == nil)
        refusal = try Self.admit(&machine, "u_3").queueRefusal
        #expect(refusal == .serviceFull)
        _ = machine.settle(underWay.ticket, as: .nothing)
        refusal = try Self.admit(&machine, "u_3").queueRefusal
        #expect(refusal == nil)
    }

    // MARK: Order

    @Test func aThreadIsTriedInTheOrderOfTheLogOneAtATime() {
        var machine = Machine()
        #expect(Self.started(machine.enqueue(Self.entry(1, 5))) == [Self.place(1, 5)])
        #expect(machine.enqueue(Self.entry(1, 7)) == [])
        #expect(machine.enqueue(Self.entry(1, 6)) == [])
        #expect(machine.attemptEnded(Self.place(1, 5), .started) == [])
        #expect(Self.started(machine.freed("t_1")) == [Self.place(1, 6)])
        #expect(machine.attemptEnded(Self.place(1, 6), .held) == [])
        #expect(Self.started(machine.freed("t_1")) == [Self.place(1, 6)])
        #expect(Self.started(machine.attemptEnded(Self.place(1, 6), .gone)) == [Self.place(1, 7)])
    }

    /// An end in a thread that is being tried is not missed.
    @Test func whatEndsDuringAnAttemptIsTriedAgain() {
        var machine = Machine()
        #expect(Self.started(machine.enqueue(Self.entry(1, 1))) == [Self.place(1, 1)])
        #expect(machine.freed("t_1") == [])
        #expect(Self.started(machine.attemptEnded(Self.place(1, 1), .held)) == [Self.place(1, 1)])
        #expect(machine.attemptEnded(Self.place(1, 1), .held) == [])
    }

    /// An attempt that came to nothing, because the log could not be read or another run comes first that is not known yet,
    /// is made again in a moment, or sooner after news of its thread.
    @Test func anAttemptThatCameToNothingIsMadeAgain() {
        var machine = Machine()
        _ = machine.timePassed(to: Timestamp(milliseconds: 5000))
        #expect(Self.started(machine.enqueue(Self.entry(1, 2))) == [Self.place(1, 2)])
        #expect(machine.attemptEnded(Self.place(1, 2), .later) == [])
        #expect(machine.nextTime == Timestamp(milliseconds: 6000))
        #expect(machine.timePassed(to: Timestamp(milliseconds: 5999)) == [])
        #expect(Self.started(machine.timePassed(to: Timestamp(milliseconds: 6000))) == [Self.place(1, 2)])
        #expect(machine.attemptEnded(Self.place(1, 2), .later) == [])
        #expect(Self.started(machine.freed("t_1")) == [Self.place(1, 2)])
        #expect(machine.attemptEnded(Self.place(1, 2), .later) == [])
        // The one that comes first is known now.
        #expect(machine.enqueue(Self.entry(1, 1)) == [])
        #expect(Self.started(machine.timePassed(to: Timestamp(milliseconds: 7000))) == [Self.place(1, 1)])
    }

    /// It need not wait when something has come to be known while it was made.
    @Test func whatBecomesKnownDuringAnAttemptIsTriedAtOnce() {
        var machine = Machine()
        #expect(Self.started(machine.enqueue(Self.entry(1, 2))) == [Self.place(1, 2)])
        #expect(machine.enqueue(Self.entry(1, 1)) == [])
        #expect(Self.started(machine.attemptEnded(Self.place(1, 2), .later)) == [Self.place(1, 1)])
        #expect(machine.freed("t_1") == [])
        #expect(Self.started(machine.attemptEnded(Self.place(1, 1), .later)) == [Self.place(1, 1)])
    }

    @Test func aDelayedRunDoesNotHoldUpThoseAfterIt() {
        var machine = Machine()
        #expect(machine.enqueue(Self.entry(1, 1, notBefore: 100)) == [])
        #expect(machine.nextTime == Timestamp(milliseconds: 100))
        #expect(Self.started(machine.enqueue(Self.entry(1, 2))) == [Self.place(1, 2)])
        #expect(machine.attemptEnded(Self.place(1, 2), .started) == [])
        #expect(machine.bodyEnded(Self.place(1, 2)) == [])
        #expect(machine.freed("t_1") == [])
        #expect(machine.timePassed(to: Timestamp(milliseconds: 99)) == [])
        #expect(Self.started(machine.timePassed(to: Timestamp(milliseconds: 100))) == [Self.place(1, 1)])
    }

    @Test func usersTakeTurns() {
        var machine = Self.machine(Self.limits(running: 1), working: Self.place(0, 0), user: "u_0")
        for run in 1...3 { _ = machine.enqueue(Self.entry(run, run, user: "u_1")) }
        _ = machine.enqueue(Self.entry(4, 4, user: "u_2"))
        _ = machine.enqueue(Self.entry(5, 5, user: "u_3"))
        var order: [Machine.Place] = []
        var last = Self.place(0, 0)
        for _ in 1...5 {
            let next = Self.started(machine.bodyEnded(last))
            order += next
            guard let place = next.first else { break }
            _ = machine.attemptEnded(place, .started)
            last = place
        }
        #expect(order == [(1, 1), (4, 4), (5, 5), (2, 2), (3, 3)].map { Self.place($0, $1) })
    }

    @Test func peopleComeFourTimesAsOftenAsSchedules() {
        var machine = Self.machine(Self.limits(running: 1), working: Self.place(0, 0))
        for run in 1...10 { _ = machine.enqueue(Self.entry(run, run)) }
        for run in 11...12 { _ = machine.enqueue(Self.entry(run, run, isScheduled: true)) }
        var order: [String] = []
        var last = Self.place(0, 0)
        while let next = Self.started(machine.bodyEnded(last)).first {
            order.append(next.run.rawValue)
            _ = machine.attemptEnded(next, .started)
            last = next
        }
        let scheduled = order.enumerated().filter { ["r_11", "r_12"].contains($0.element) }.map(\.offset)
        #expect(order.count == 12)
        #expect(scheduled == [4, 9])
    }

    /// Section (f) 55: somebody with a thousand runs in the queue keeps nobody waiting.
    @Test func oneUserWithAThousandQueuedDoesNotDelayFiftyOthers() {
        func waits(crowd: Int) -> [Int] {
            var machine = Self.machine(Self.limits(running: 1), working: Self.place(9999, 9999), user: "u_x")
            for run in 0..<crowd { _ = machine.enqueue(Self.entry(run, run, user: "u_crowd")) }
            for run in 2000..<2050 {
                _ = machine.enqueue(Self.entry(run, run, user: UserID(stringLiteral: "u_\(run)")))
            }
            // Each body takes one turn.
            var waits: [Int] = []
            var last = Self.place(9999, 9999)
            for turn in 0..<2000 where waits.count < 50 {
                guard let place = Self.started(machine.bodyEnded(last)).first else { break }
                _ = machine.attemptEnded(place, .started)
                last = place
                if place.thread.rawValue.count == 6 { waits.append(turn) }
            }
            return waits
        }
        let alone = waits(crowd: 0)
        let beside = waits(crowd: 1000)
        #expect(alone.count == 50 && beside.count == 50)
        // Of fifty, the last one is the 99th percentile.
        guard let last = beside.last, let lastAlone = alone.last else { return }
        #expect(last < 2 * lastAlone)
    }

    // MARK: Slots

    @Test func aRunThatWaitsHasNoSlotAndGetsOneAheadOfNewStarts() {
        var machine = Self.machine(Self.limits(running: 1), working: Self.place(1, 1))
        #expect(machine.enqueue(Self.entry(2, 2)) == [])
        #expect(machine.enqueue(Self.entry(3, 3)) == [])
        #expect(Self.started(machine.waits(Self.place(1, 1))) == [Self.place(2, 2)])
        #expect(machine.attemptEnded(Self.place(2, 2), .started) == [])
        #expect(machine.slotCount == 1 && machine.bodyCount == 2)
        #expect(machine.mayContinue(Self.place(1, 1)) == [])
        // Twice is once.
        #expect(machine.mayContinue(Self.place(1, 1)) == [])
        #expect(machine.bodyEnded(Self.place(2, 2)) == [.proceed(Self.place(1, 1))])
        #expect(Self.started(machine.bodyEnded(Self.place(1, 1))) == [Self.place(3, 3)])
    }

    @Test func aSlotIsNotGivenBackTwice() {
        var machine = Self.machine(Self.limits(running: 2), working: Self.place(1, 1))
        #expect(machine.waits(Self.place(1, 1)) == [])
        #expect(machine.waits(Self.place(1, 1)) == [])
        #expect(machine.slotCount == 0)
        #expect(machine.mayContinue(Self.place(1, 1)) == [.proceed(Self.place(1, 1))])
        #expect(machine.slotCount == 1)
        #expect(machine.bodyEnded(Self.place(1, 1)) == [])
        #expect(machine.mayContinue(Self.place(1, 1)) == [])
        #expect(machine.slotCount == 0 && machine.isIdle)
    }

    /// A run that supersedes others waits for their bodies, and not longer than it may.
    @Test(arguments: [false, true])
    func whatSupersedesWaitsForTheBodiesOfTheOthers(_ bodyReturns: Bool) throws {
        var machine = Self.machine(Self.limits(), working: Self.place(1, 1))
        let admission = try Self.admit(&machine, "u_1")
        let queued = Machine.Outcome.queued(Self.entry(1, 2), settlesUntil: Timestamp(milliseconds: 50))
        #expect(machine.settle(admission.ticket, as: queued) == [])
        #expect(machine.freed("t_1") == [])
        #expect(machine.nextTime == Timestamp(milliseconds: 50))
        let actions =
            bodyReturns ? machine.bodyEnded(Self.place(1, 1)) : machine.timePassed(to: Timestamp(milliseconds: 50))
        #expect(Self.started(actions) == [Self.place(1, 2)])
    }

    /// A time that nobody waits for any longer would be looked at again and again.
    @Test func theTimeOfARunThatHasLeftGoesWithIt() throws {
        var machine = Self.machine(Self.limits(), working: Self.place(1, 1))
        let admission = try Self.admit(&machine, "u_1")
        let queued = Machine.Outcome.queued(Self.entry(1, 2), settlesUntil: Timestamp(milliseconds: 50))
        #expect(machine.settle(admission.ticket, as: queued) == [])
        #expect(machine.left(Self.place(1, 2)) == [])
        #expect(machine.nextTime == nil)
        #expect(machine.enqueue(Self.entry(2, 3, notBefore: 70)) == [])
        #expect(machine.nextTime == Timestamp(milliseconds: 70))
        #expect(machine.left(Self.place(2, 3)) == [])
        #expect(machine.nextTime == nil)
    }

    // MARK: The end

    @Test func afterTheEndNothingStartsAndWhatIsUnderWayIsFinished() throws {
        var machine = Self.machine(Self.limits(running: 3), working: Self.place(1, 1))
        let admission = try Self.admit(&machine, "u_1")
        #expect(Self.started(machine.enqueue(Self.entry(2, 2))) == [Self.place(2, 2)])
        #expect(machine.close() == [])
        #expect(machine.close() == [])
        let refused = machine.admit("u_1")
        #expect(refused == nil)
        #expect(machine.settle(admission.ticket, as: .started(Self.place(3, 3))) == [])
        #expect(machine.enqueue(Self.entry(4, 4)) == [])
        #expect(machine.attemptEnded(Self.place(2, 2), .started) == [.finish])
        #expect(Self.started(machine.bodyEnded(Self.place(1, 1))) == [])
        #expect(machine.queuedCount == 1)
    }

    @Test func withoutRunsItEndsAtOnce() {
        var machine = Machine()
        #expect(machine.close() == [.finish])
    }
}
