import Testing

@testable import AgentEventsSimulation

/// Agents around models that fail, in processes that are killed at any moment: each call has one result, no body runs twice that may
/// not, and every run ends.
@Suite(.serialized, .ownThread) struct ModelsUnderFireTests {
    /// A world in which nothing breaks would prove nothing.
    @Test func everyRunOfAModelEndsWithOneResultOfEachCall() {
        var counts: [String: Int] = [:]
        for seed in 1...3 as ClosedRange<UInt64> {
            let outcome = ModelWorld.run(seed: seed, stepCount: 10_000)
            #expect(outcome.violation == nil, "seed \(seed)")
            counts.merge(outcome.counts) { $0 + $1 }
        }
        for occurrence in [
            "killed", "broken answer", "body again", "agent_completed", "agent_failed", "agent_cancelled",
            "agent_resumed",
            "approval_resolved", "answer done", "stop done", "pause done", "message queued", "input_taken",
        ] {
            #expect(counts[occurrence, default: 0] > 0, "\(occurrence): \(counts)")
        }
    }

    @Test func theSameSeedIsTheSameWorld() {
        let counts = (0..<2).map { _ in ModelWorld.run(seed: 5, stepCount: 4000).counts }
        #expect(counts[0] == counts[1])
    }
}
