import AgentEvents
import AgentEventsTesting
import Testing

@testable import AgentEventsHub

/// Agents that work although nobody follows their threads.
@Suite(.timeLimit(.minutes(10))) struct OrphansTests {
    private typealias Place = RunQueueStateMachine.Place

    @Test func whoIsAloneForSoLongIsToldOnce() {
        var machine = OrphansStateMachine(limit: .seconds(60))
        let one = Place(thread: "t_1", run: "r_1")
        let other = Place(thread: "t_2", run: "r_2")
        #expect(machine.look(at: [one], .seconds(0)) == [])
        #expect(machine.look(at: [one, other], .seconds(59)) == [])
        #expect(machine.look(at: [one, other], .seconds(60)) == [one])
        // It has been told; if it works on it is alone from now on.
        #expect(machine.look(at: [one, other], .seconds(61)) == [])
        #expect(machine.look(at: [one, other], .seconds(119)) == [other])
    }

    @Test func whoIsFollowedOrRestsIsNotAlone() {
        var machine = OrphansStateMachine(limit: .seconds(60))
        let one = Place(thread: "t_1", run: "r_1")
        let other = Place(thread: "t_2", run: "r_2")
        #expect(machine.look(at: [one, other], .seconds(0)) == [])
        // Somebody came and has left again between two looks.
        machine.followed("t_1")
        #expect(machine.look(at: [one], .seconds(60)) == [])
        // The other one rested at the last look.
        #expect(machine.look(at: [one, other], .seconds(100)) == [])
        #expect(machine.look(at: [one, other], .seconds(120)) == [one])
        #expect(machine.look(at: [other], .seconds(160)) == [other])
    }

    @Test func aRunThatNobodyFollowsIsStopped() async throws {
        let clock = ManualClock()
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log, runtime: RuntimeConfiguration(environment: .manual(clock))) {
            $0.orphanedAfter = .seconds(60)
        } _: { (stage: AgentStage) async throws in
            let run = try #require(try await stage.send("one").run)
            try await stage.waitForStart(of: run)
            // At the first look or the second it is alone.
            for _ in 0..<14 {
                try await clock.waitForSleep(of: .seconds(5))
                clock.advance(by: .seconds(5))
            }
            let events = try await stage.waitForEnd(of: run)
            guard case .agentCancelled(let cancelled)? = events.last?.payload else {
                Issue.record("the run ends as cancelled")
                return
            }
            #expect(cancelled.reason == "orphaned" && cancelled.by == nil)
        }
    }

    /// 8, and as it is by default: that nobody looks stops nothing.
    @Test func withoutTheSettingNobodyHasToLook() async throws {
        let clock = ManualClock()
        let log = InMemoryEventLog(generations: .counting)
        let runtime = RuntimeConfiguration(environment: .manual(clock))
        try await AgentStage.with(log, runtime: runtime) { (stage: AgentStage) async throws in
            #expect(stage.hub.orphans == nil)
            let run = try #require(try await stage.send("one").run)
            try await stage.waitForStart(of: run)
            clock.advance(by: .seconds(86_400))
            try await stage.finish(run)
            #expect(try await AgentStage.logged(log).last?.type == .agentCompleted)
        }
    }
}
