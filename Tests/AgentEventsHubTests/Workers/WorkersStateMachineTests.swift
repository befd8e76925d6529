import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import Testing

struct WorkersStateMachineTests {
    typealias Machine = WorkersStateMachine

    private static let key = Machine.Key(user: "u_w", worker: "w_1")
    private static let other = Machine.Key(user: "u_w", worker: "w_2")
    private static let thread = Machine.WaitingThread(thread: "t_1", user: "u_1")

    private static func request(
        _ key: Machine.Key = key,
        agents: [AgentName] = ["guide"],
        capacity: Int = 2,
        restart: RestartMode = .never,
        leases: [LeaseID]? = nil
    ) -> ServeRequest {
        ServeRequest(worker: key.worker, agents: agents, capacity: capacity, restart: restart, leases: leases)
    }

    /// A worker with a lease `l_1` that began at 0, over the connection `c_1`.
    private static func working() -> Machine {
        var machine = Machine()
        _ = machine.serve(request(), as: key, on: "c_1", at: 0)
        _ = machine.offer("l_1", to: key, at: 0)
        _ = machine.take("l_1", on: "c_1")
        return machine
    }

    // MARK: Offers

    @Test func anOfferThatNobodyTakesIsWithdrawnAfterFiveSecondsAndNotBefore() {
        var machine = Machine()
        _ = machine.serve(Self.request(), as: Self.key, on: "c_1", at: 0)
        #expect(machine.offer("l_1", to: Self.key, at: 0) == "c_1")
        #expect(machine.nextTime == 5000)
        #expect(machine.timePassed(to: 4999) == [])
        #expect(machine.timePassed(to: 5000) == [.withdraw("l_1")])
        let late = machine.take("l_1", on: "c_1")
        #expect(late == .lost)
        #expect(machine.leaseCount == 0)
    }

    /// What each answer to an offer is, by what has become of it.
    @Test(arguments: [
        ("l_1", "c_1", Machine.TakeAction.repeated), ("l_2", "c_1", .taken), ("l_2", "c_2", .unknown),
        ("l_9", "c_1", .unknown), ("l_1", "c_2", .unknown),
    ])
    func onlyItsOwnWorkerTakesAnOffer(_ lease: String, _ connection: String, _ expected: Machine.TakeAction) throws {
        var machine = Self.working()
        _ = machine.serve(Self.request(Self.other), as: Self.other, on: "c_2", at: 0)
        _ = machine.offer("l_2", to: Self.key, at: 0)
        let action = machine.take(try LeaseID(lease), on: try ConnectionID(connection))
        #expect(action == expected)
    }

    // MARK: Who waits

    /// A user with many runs delays others by one of them for each turn.
    @Test func usersTakeTurns() {
        var line = WaitingLine()
        let waiting: [(String, String)] = [
            ("t_1", "u_1"), ("t_2", "u_1"), ("t_3", "u_1"), ("t_4", "u_2"), ("t_5", "u_3"), ("t_6", "u_2"),
            ("t_2", "u_1"),
        ]
        for (thread, user) in waiting {
            line.append(.init(thread: ThreadID(stringLiteral: thread), user: UserID(stringLiteral: user)))
        }
        var order: [ThreadID] = []
        while let next = line.popFirst() { order.append(next.thread) }
        #expect(order == ["t_1", "t_4", "t_5", "t_2", "t_6", "t_3"])
        #expect(line.isEmpty)
        line.append(.init(thread: "t_1", user: "u_1"))
        #expect(line.popFirst()?.thread == "t_1")
    }

    /// What becomes of a lost run is one thing for all that work for its agent.
    @Test func anotherRestartThanThatOfOthersIsRefused() {
        var machine = Self.working()
        let refused = machine.serve(Self.request(Self.other, restart: .resume), as: Self.other, on: "c_2", at: 1)
        #expect(refused.conflict?.agent == "guide" && refused.conflict?.restart == .never)
        #expect(!machine.knows(Self.other))
        #expect(machine.restart(of: "guide") == .never)
        // The same worker may change it, and so may others once it is gone.
        #expect(machine.serve(Self.request(restart: .resume), as: Self.key, on: "c_1", at: 2).conflict == nil)
        let same = machine.serve(Self.request(Self.other, restart: .resume), as: Self.other, on: "c_2", at: 3)
        #expect(same.conflict == nil)
    }

    /// Another worker over the same connection takes the place of the first one.
    @Test func aWorkerThatGivesWayIsNoOther() {
        var machine = Machine()
        _ = machine.serve(Self.request(), as: Self.key, on: "c_1", at: 0)
        let taken = machine.serve(Self.request(Self.other, restart: .resume), as: Self.other, on: "c_1", at: 1)
        #expect(taken.conflict == nil)
        // What it holds it holds still.
        var working = Self.working()
        let refused = working.serve(Self.request(Self.other, restart: .resume), as: Self.other, on: "c_1", at: 1)
        #expect(refused.conflict != nil)
    }

    @Test func theLeastLoadedIsAskedAndOneThatDidNotTakeComesLast() {
        var machine = Machine()
        _ = machine.serve(Self.request(capacity: 4), as: Self.key, on: "c_1", at: 0)
        _ = machine.serve(Self.request(Self.other, capacity: 2), as: Self.other, on: "c_2", at: 0)
        var chosen: [String] = []
        for number in 1...6 {
            guard let choice = machine.choice(for: "guide") else { break }
            chosen.append(choice.connection.rawValue)
            _ = machine.offer(LeaseID(stringLiteral: "l_\(number)"), to: choice.key, at: 0)
        }
        // Filled in proportion: 1/4 before 1/2.
        #expect(chosen == ["c_1", "c_2", "c_1", "c_1", "c_2", "c_1"])
        #expect(machine.choice(for: "guide") == nil)
        #expect(!machine.hasRoom(for: "guide"))
        _ = machine.decline("l_1", on: "c_1")
        _ = machine.end("l_2")
        #expect(machine.choice(for: "guide")?.connection == "c_2")
        _ = machine.heard("c_1", at: 1)
        #expect(machine.choice(for: "guide", without: [Self.other])?.connection == "c_1")
        #expect(machine.choice(for: "other") == nil)
    }

    @Test func runsThatWaitAreTriedInTheirOrderAsFarAsThereIsRoom() {
        var machine = Machine()
        for number in 1...3 {
            machine.wait(
                for: "guide", in: Machine.WaitingThread(thread: ThreadID(stringLiteral: "t_\(number)"), user: "u_1"))
        }
        machine.wait(for: "guide", in: Self.thread)
        let serving = machine.serve(Self.request(capacity: 2), as: Self.key, on: "c_1", at: 0)
        #expect(
            serving.actions == [
                .retry(Machine.WaitingThread(thread: "t_1", user: "u_1")),
                .retry(Machine.WaitingThread(thread: "t_2", user: "u_1")),
            ])
        _ = machine.offer("l_1", to: Self.key, at: 0)
        _ = machine.offer("l_2", to: Self.key, at: 0)
        #expect(machine.retryWaiting() == [])
        #expect(machine.end("l_1") == [.retry(Machine.WaitingThread(thread: "t_3", user: "u_1"))])
        #expect(!machine.hasWaiting)
    }

    // MARK: Leases

    @Test func whateverComesRenewsAndSilenceLoses() {
        var machine = Self.working()
        #expect(machine.nextTime == 30_000)
        #expect(machine.heard("c_1", at: 29_999) == [])
        #expect(machine.timePassed(to: 30_000) == [])
        #expect(machine.nextTime == 59_999)
        #expect(machine.timePassed(to: 59_999) == [.lose("l_1")])
        let (use, _) = machine.use("l_1", by: "u_w", at: 59_999)
        #expect(use == .lost)
        #expect(machine.nextTime == nil)
    }

    /// 69, and the clock that counts: a use before the end renews, one at the end finds the lease over although no timer came.
    @Test(arguments: [(29_999, Machine.Use.held), (30_000, .lost), (31_000, .lost)] as [(Int64, Machine.Use)])
    func aLeaseIsRenewedBeforeItIsUsed(_ time: Int64, _ expected: Machine.Use) {
        var machine = Self.working()
        let (use, actions) = machine.use("l_1", by: "u_w", at: time)
        #expect(use == expected)
        #expect(actions == (expected == .held ? [] : [.lose("l_1")]))
        if expected == .held { #expect(machine.nextTime == time + 30_000) }
    }

    @Test func aLeaseIsNotForOthersAndAnUnknownOneIsForTheThreadToJudge() {
        var machine = Self.working()
        #expect(machine.use("l_1", by: "u_other", at: 0).0 == .lost)
        #expect(machine.use("l_7", by: "u_w", at: 0).0 == .unknown)
        _ = machine.offer("l_2", to: Self.key, at: 0)
        #expect(machine.use("l_2", by: "u_w", at: 0).0 == .lost)
        let missing = machine.missing(["l_1", "l_7"], on: "c_1")
        #expect(missing.lost == [] && missing.unknown == ["l_7"])
        _ = machine.end("l_1")
        #expect(machine.missing(["l_1"], on: "c_1").lost == ["l_1"])
    }

    /// A worker that is silent although something of it is on its way is not given a second life by it.
    @Test func whatComesAfterTheEndDoesNotRenew() {
        var machine = Self.working()
        #expect(machine.heard("c_1", at: 30_000) == [.lose("l_1")])
    }

    // MARK: Coming back

    @Test func withinItsLeaseAWorkerKeepsWhatItNames() {
        var machine = Self.working()
        _ = machine.offer("l_2", to: Self.key, at: 0)
        #expect(machine.gone("c_1", at: 0) == [.withdraw("l_2")])
        #expect(!machine.hasRoom(for: "guide"))
        let serving = machine.serve(Self.request(leases: ["l_1", "l_2", "l_3"]), as: Self.key, on: "c_2", at: 29_000)
        #expect(serving.kept == ["l_1"] && serving.lost == ["l_2", "l_3"] && serving.actions == [])
        #expect(machine.use("l_1", by: "u_w", at: 58_000).0 == .held)
        #expect(machine.nextTime == 88_000)
    }

    @Test func afterItsLeaseItHasLostIt() {
        var machine = Self.working()
        _ = machine.gone("c_1", at: 0)
        let serving = machine.serve(Self.request(leases: ["l_1"]), as: Self.key, on: "c_2", at: 30_000)
        #expect(serving.kept == [] && serving.lost == ["l_1"] && serving.actions == [.lose("l_1")])
    }

    /// A process that was killed and started again knows nothing of what it had.
    @Test(arguments: [nil, []] as [[LeaseID]?])
    func whatAWorkerDoesNotNameOverANewConnectionIsLost(_ leases: [LeaseID]?) {
        var machine = Self.working()
        _ = machine.gone("c_1", at: 0)
        let serving = machine.serve(Self.request(leases: leases), as: Self.key, on: "c_2", at: 1000)
        #expect(serving.kept == [] && serving.actions == [.lose("l_1")])
        #expect(machine.hasRoom(for: "guide"))
    }

    @Test func overTheSameConnectionItChangesItsOfferAndKeepsItsLeases() {
        var machine = Self.working()
        let serving = machine.serve(Self.request(agents: ["scout"], capacity: 1), as: Self.key, on: "c_1", at: 10)
        #expect(serving.actions == [])
        #expect(!machine.hasRoom(for: "scout") && !machine.hasRoom(for: "guide"))
        #expect(machine.use("l_1", by: "u_w", at: 20).0 == .held)
        _ = machine.end("l_1")
        #expect(machine.hasRoom(for: "scout"))
        _ = machine.serve(Self.request(agents: ["scout"], capacity: 0), as: Self.key, on: "c_1", at: 30)
        #expect(!machine.hasRoom(for: "scout") && machine.isServed("scout", at: 100_000))
    }

    @Test func ofTwoConnectionsWithOneNameTheOlderOneIsReplaced() {
        var machine = Self.working()
        let serving = machine.serve(Self.request(), as: Self.key, on: "c_2", at: 1000)
        #expect(serving.actions == [.replaced("c_1"), .lose("l_1")])
        // What is left of the older one changes nothing any longer.
        #expect(machine.gone("c_1", at: 0) == [])
        #expect(machine.hasRoom(for: "guide"))
        // Somebody else's worker of the same name is another one.
        let stranger = Machine.Key(user: "u_x", worker: "w_1")
        #expect(machine.serve(Self.request(stranger), as: stranger, on: "c_3", at: 1000).actions == [])
    }

    @Test func aWorkerThatIsGoneForGoodIsForgotten() {
        var machine = Self.working()
        _ = machine.gone("c_1", at: 0)
        #expect(machine.workerCount == 1 && machine.isServed("guide", at: 29_999))
        #expect(machine.timePassed(to: 30_000) == [.lose("l_1")])
        #expect(machine.workerCount == 0 && !machine.isServed("guide", at: 30_000))
        #expect(machine.restart(of: "guide") == .never)
    }

    @Test func anAgentIsKnownForAWhileAfterItsWorkerHasLeft() {
        var machine = Machine()
        _ = machine.serve(Self.request(restart: .resume), as: Self.key, on: "c_1", at: 0)
        _ = machine.gone("c_1", at: 50_000)
        #expect(machine.workerCount == 0)
        #expect(machine.isServed("guide", at: 79_999) && !machine.isServed("guide", at: 80_000))
        #expect(machine.restart(of: "guide") == .resume && machine.restart(of: "other") == nil)
    }

    // MARK: Bounds and the end

    @Test func nothingIsOfferedOnceItIsClosedAndWhatIsHeldStays() {
        var machine = Self.working()
        _ = machine.offer("l_2", to: Self.key, at: 0)
        machine.wait(for: "guide", in: Self.thread)
        #expect(machine.close() == [.withdraw("l_2")])
        #expect(machine.choice(for: "guide") == nil && machine.offer("l_3", to: Self.key, at: 0) == nil)
        #expect(machine.use("l_1", by: "u_w", at: 1).0 == .held)
        #expect(machine.end("l_1") == [])
    }

    @Test func onlySoManyAreRemembered() {
        var limits = Machine.Limits()
        (limits.rememberedLeases, limits.rememberedAgents) = (2, 2)
        var machine = Machine(limits: limits)
        _ = machine.serve(Self.request(capacity: 9), as: Self.key, on: "c_1", at: 0)
        for number in 1...3 {
            let lease = LeaseID(stringLiteral: "l_\(number)")
            _ = machine.offer(lease, to: Self.key, at: 0)
            _ = machine.end(lease)
        }
        #expect(machine.missing(["l_1", "l_2", "l_3"], on: "c_1").unknown == ["l_1"])
        for (time, agent) in ["a", "b", "c"].enumerated() {
            let request = Self.request(agents: [AgentName(stringLiteral: agent)])
            _ = machine.serve(request, as: Self.key, on: "c_1", at: Int64(time + 1))
        }
        #expect(machine.restart(of: "guide") == nil && machine.restart(of: "c") == .never)
    }

    @Test func aThousandLeasesEndOneByOneAndTogether() {
        var machine = Machine()
        _ = machine.serve(Self.request(capacity: 1000), as: Self.key, on: "c_1", at: 0)
        let leases = (1...1000).map { LeaseID(stringLiteral: "l_\($0)") }
        for lease in leases {
            _ = machine.offer(lease, to: Self.key, at: 0)
            _ = machine.take(lease, on: "c_1")
        }
        #expect(machine.choice(for: "guide") == nil && machine.leaseCount == 1000)
        for lease in leases.prefix(500) { _ = machine.end(lease) }
        #expect(machine.leaseCount == 500)
        let lost = Set(machine.timePassed(to: 30_000))
        #expect(lost == Set(leases.suffix(500).map { .lose($0) }))
        #expect(machine.leaseCount == 0 && machine.hasRoom(for: "guide"))
    }
}
