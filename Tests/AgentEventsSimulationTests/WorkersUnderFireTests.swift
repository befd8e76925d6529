import Testing

@testable import AgentEventsSimulation

/// Workers whose connections break and whose programs are killed at any moment: a run has one end, and an attempt that is over says
/// nothing any longer.
@Suite(.serialized, .ownThread) struct WorkersUnderFireTests {
    /// A world in which nothing breaks would prove nothing.
    @Test func everyRunOfAWorkerEndsOnceAndSaysNothingAfterItsAttempt() {
        var counts: [String: Int] = [:]
        for seed in 1...9 as ClosedRange<UInt64> {
            let outcome = WorkerWorld.run(seed: seed, stepCount: 20_000)
            #expect(outcome.violation == nil, "seed \(seed)")
            counts.merge(outcome.counts) { $0 + $1 }
        }
        for occurrence in [
            "killed", "cut", "died in silence", "begun", "resumed", "agent_completed", "agent_failed",
            "agent_cancelled",
            "stop done", "message queued",
        ] {
            #expect(counts[occurrence, default: 0] > 0, "\(occurrence): \(counts)")
        }
    }

    @Test func theSameSeedIsTheSameWorld() {
        let counts = (0..<2).map { _ in WorkerWorld.run(seed: 5, stepCount: 6000).counts }
        #expect(counts[0] == counts[1])
    }
}
