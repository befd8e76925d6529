import AgentEvents
import Testing

/// What ends because its time is over, as the order machine decides it.
@Suite struct OverdueTests {
    private static let idle: Int64 = 100

    /// A thread in which nothing may come for 100 ms for a run that is hosted outside.
    private var machine = ThreadStateMachine(policy: .standard, idleMilliseconds: OverdueTests.idle)

    @discardableResult
    private mutating func receive(
        _ run: RunID,
        _ payload: EventPayload,
        _ host: RunHost = .process,
        at milliseconds: Int64
    ) -> OrderRule? {
        let agent: AgentName? = payload.type?.beginsRun == true ? "guide" : nil
        return machine.receive(
            run: run, agent: agent, payload: payload, host: host, at: Timestamp(milliseconds: milliseconds)
        ).rule
    }

    private mutating func overdue(at milliseconds: Int64) -> [ThreadStateMachine.Overdue] {
        machine.takeOverdue(at: Timestamp(milliseconds: milliseconds))
    }

    private func asking(expiresAt milliseconds: Int64?) -> EventPayload {
        .approvalRequested(
            ApprovalRequested(
                approvalID: "a_1", prompt: "May I?", expiresAt: milliseconds.map { Timestamp(milliseconds: $0) }))
    }

    private static func isIdle(_ run: RunID, _ milliseconds: Int64 = idle) -> [ThreadStateMachine.Overdue] {
        [.idle(root: run, milliseconds: milliseconds)]
    }

    @Test mutating func aRunHostedOutsideIsOverdueWhenNothingCame() {
        receive("r_1", .start(), .outside, at: 0)
        receive("r_1", .think, at: 50)
        #expect(overdue(at: 149) == [])
        #expect(overdue(at: 150) == Self.isIdle("r_1"))
    }

    @Test(arguments: RunHost.allCases)
    mutating func aQueuedRunIsOverdueWhenItHasNotStartedInTime(host: RunHost) {
        let queued = EventPayload.agentQueued(
            AgentQueued(notBefore: Timestamp(milliseconds: 1000), startBy: Timestamp(milliseconds: 2000)))
        receive("r_1", queued, host, at: 0)
        #expect(overdue(at: 1099) == [])
        if host == .outside {
            // It is not asked to start earlier; from there on its program may be idle for so long.
            #expect(overdue(at: 1100) == [.idleInQueue(run: "r_1", milliseconds: Self.idle)])
        }
        machine.lookAgain(at: Timestamp(milliseconds: 2000))
        #expect(overdue(at: 2000) == [.notStarted(run: "r_1")])
    }

    @Test mutating func aRunThatHasStartedInTimeIsNotOverdue() {
        receive("r_1", .agentQueued(AgentQueued(startBy: Timestamp(milliseconds: 50))), at: 0)
        #expect(machine.deadline == Timestamp(milliseconds: 50))
        receive("r_1", .start(), at: 49)
        #expect(overdue(at: 50) == [])
        #expect(machine.deadline == ThreadStateMachine.never)
    }

    @Test mutating func aQueuedRunThatStartsIsAsPatientAsItsStartSays() {
        receive("r_1", .queue, .outside, at: 0)
        receive("r_1", .agentStarted(AgentStarted(idleTimeoutMilliseconds: 1000)), .outside, at: 60)
        #expect(overdue(at: 1059) == [])
        #expect(overdue(at: 1060) == Self.isIdle("r_1", 1000))
    }

    @Test mutating func aQueuedRunOutsideIsNotWaitedFor() {
        receive("r_1", .queue, .outside, at: 0)
        #expect(!machine.isEmittedTo(since: Timestamp(milliseconds: 0)))
        receive("r_1", .start(), .outside, at: 10)
        #expect(machine.isEmittedTo(since: Timestamp(milliseconds: 10)))
    }

    @Test mutating func aQueuedRunOfThisProcessWaitsForAsLongAsItTakes() {
        receive("r_1", .queue, at: 0)
        #expect(machine.deadline == ThreadStateMachine.never)
        #expect(overdue(at: 1_000_000) == [])
    }

    @Test mutating func aRunOfThisProcessIsNeverIdle() {
        receive("r_1", .start(), at: 0)
        #expect(machine.deadline == ThreadStateMachine.never)
        #expect(overdue(at: 1_000_000) == [])
    }

    @Test mutating func aRunAsksForItsOwnTime() {
        receive("r_1", .agentStarted(AgentStarted(idleTimeoutMilliseconds: 1000)), .outside, at: 0)
        #expect(overdue(at: 999) == [])
        #expect(overdue(at: 1000) == Self.isIdle("r_1", 1000))
    }

    @Test mutating func anyEventOfTheTreeCounts() {
        receive("r_1", .start(), .outside, at: 0)
        receive("r_2", .start(parent: "r_1"), .outside, at: 10)
        receive("r_3", .agentStarted(AgentStarted(parentRunID: "r_2", idleTimeoutMilliseconds: 1000)), .outside, at: 20)
        receive("r_3", .think, at: 90)
        #expect(overdue(at: 189) == [])
        receive("r_3", .complete, at: 189)
        #expect(overdue(at: 288) == [])
        // The tree is as patient as its root.
        #expect(overdue(at: 289) == Self.isIdle("r_1"))
    }

    @Test mutating func aRunBelowAHostedOneIsItsBusiness() {
        receive("r_1", .start(), at: 0)
        receive("r_2", .start(parent: "r_1"), .outside, at: 0)
        #expect(overdue(at: 1_000_000) == [])
    }

    @Test(arguments: [0, 1])
    mutating func whileAnApprovalIsOpenTheTimeDoesNotPass(depth: Int) {
        receive("r_1", .start(), .outside, at: 0)
        receive("r_2", .start(parent: "r_1"), .outside, at: 0)
        let run: RunID = depth == 0 ? "r_1" : "r_2"
        receive(run, asking(expiresAt: nil), at: 10)
        #expect(overdue(at: 1_000_000) == [])
        receive(run, .answer("a_1"), at: 1_000_000)
        #expect(overdue(at: 1_000_099) == [])
        #expect(overdue(at: 1_000_100) == Self.isIdle("r_1"))
    }

    @Test(arguments: [0, 1])
    mutating func whileARunIsPausedTheTimeDoesNotPass(depth: Int) {
        receive("r_1", .start(), .outside, at: 0)
        receive("r_2", .start(parent: "r_1"), .outside, at: 0)
        let run: RunID = depth == 0 ? "r_1" : "r_2"
        receive(run, .pause, at: 10)
        #expect(overdue(at: 1_000_000) == [])
        receive(run, .resume, at: 1_000_000)
        #expect(overdue(at: 1_000_099) == [])
        #expect(overdue(at: 1_000_100) == Self.isIdle("r_1"))
    }

    @Test mutating func theEndOfAChildThatWaitedLetsTheTimePass() {
        receive("r_1", .start(), .outside, at: 0)
        receive("r_2", .start(parent: "r_1"), .outside, at: 0)
        receive("r_2", .pause, at: 10)
        #expect(overdue(at: 1000) == [])
        receive("r_2", .fail, at: 1000)
        #expect(overdue(at: 1099) == [])
        #expect(overdue(at: 1100) == Self.isIdle("r_1"))
    }

    @Test mutating func whatIsRefusedIsNoSignOfLife() {
        receive("r_1", .start(), .outside, at: 0)
        #expect(receive("r_1", .callEnd("c_1"), at: 90) == .callNotOpen)
        #expect(overdue(at: 100) == Self.isIdle("r_1"))
    }

    @Test mutating func anApprovalExpires() {
        receive("r_1", .start(), at: 0)
        receive("r_1", asking(expiresAt: 50), at: 10)
        #expect(overdue(at: 49) == [])
        #expect(overdue(at: 50) == [.approval("a_1", run: "r_1")])
    }

    @Test mutating func anApprovalThatExpiredBeforeItsRequestExpiresAtOnce() {
        receive("r_1", .start(), at: 100)
        receive("r_1", asking(expiresAt: 50), at: 100)
        #expect(overdue(at: 100) == [.approval("a_1", run: "r_1")])
    }

    @Test(arguments: [ApprovalDecision.approved, .denied])
    mutating func anAnswerComesBeforeTheExpiry(decision: ApprovalDecision) {
        let answer = EventPayload.approvalResolved(ApprovalResolved(approvalID: "a_1", decision: decision))
        receive("r_1", .start(), at: 0)
        receive("r_1", asking(expiresAt: 50), at: 10)
        let before = machine
        #expect(receive("r_1", answer, at: 50) == .approvalNotOpen)
        #expect(machine == before)
        #expect(receive("r_1", answer, at: 49) == nil)
    }

    /// Whether the sweep came before the answer or not, the client is told the same.
    @Test mutating func aLateAnswerIsToldWhen() {
        receive("r_1", .start(), at: 0)
        receive("r_1", asking(expiresAt: 50), at: 10)
        let late = Timestamp(milliseconds: 60)
        let first = machine.receive(run: "r_1", agent: nil, payload: .answer("a_1"), at: late).violation
        receive("r_1", .approvalResolved(ApprovalResolved(approvalID: "a_1", decision: .expired)), at: 60)
        let second = machine.receive(run: "r_1", agent: nil, payload: .answer("a_1"), at: late).violation
        #expect(first?.problem == second?.problem)
        #expect(first?.problem.contains("expired at 1970-01-01T00:00:00.050Z") == true)
    }

    @Test mutating func anApprovalExpiresWhileItsRunIsPaused() {
        receive("r_1", .start(), .outside, at: 0)
        receive("r_1", asking(expiresAt: 50), at: 10)
        receive("r_1", .pause, at: 20)
        #expect(overdue(at: 50) == [.approval("a_1", run: "r_1")])
        #expect(
            receive("r_1", .approvalResolved(ApprovalResolved(approvalID: "a_1", decision: .expired)), at: 50) == nil)
        #expect(overdue(at: 1_000_000) == [])
    }

    @Test mutating func whenNothingIsOpenNothingIsDue() {
        receive("r_1", .start(), .outside, at: 0)
        receive("r_1", asking(expiresAt: 50), at: 0)
        receive("r_1", .fail, at: 10)
        #expect(machine.deadline == ThreadStateMachine.never)
    }

    @Test mutating func aRebuiltMachineDecidesAlike() {
        let events: [(RunID, EventPayload, RunHost)] = [
            ("r_1", .start(), .outside), ("r_2", .start(parent: "r_1"), .outside), ("r_3", .start(), .process),
            ("r_3", asking(expiresAt: 500), .process), ("r_2", .think, .process), ("r_2", .complete, .process),
        ]
        var rebuilt = ThreadStateMachine(policy: .standard, idleMilliseconds: Self.idle)
        for (index, (run, payload, host)) in events.enumerated() {
            let time = Int64(index) * 10
            #expect(receive(run, payload, host, at: time) == nil)
            rebuilt.restore(
                AgentEvent(
                    id: EventID(generation: 1, sequence: UInt64(index + 1)), threadID: "t_1", runID: run,
                    agent: "guide",
                    time: Timestamp(milliseconds: time), payload: payload), host: host)
        }
        #expect(rebuilt == machine)
        #expect(machine.openHostedRuns == ["r_3"])
        for time: Int64 in [149, 150, 500] {
            #expect(rebuilt.takeOverdue(at: Timestamp(milliseconds: time)) == overdue(at: time))
        }
    }

    @Test mutating func somethingComesForARun() {
        receive("r_1", .start(), .outside, at: 50)
        #expect(machine.isEmittedTo(since: Timestamp(milliseconds: 50)))
        #expect(!machine.isEmittedTo(since: Timestamp(milliseconds: 51)))
        receive("r_1", .pause, at: 60)
        #expect(!machine.isEmittedTo(since: Timestamp(milliseconds: 0)))
        receive("r_1", .resume, at: 60)
        receive("r_1", .complete, at: 70)
        #expect(!machine.isEmittedTo(since: Timestamp(milliseconds: 0)))
    }
}
