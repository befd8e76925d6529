import Testing

@testable import AgentEventsSimulation

/// SEC-32: rights and credentials that change at every step, and nothing is written that is no business of its reader in the moment in
/// which it is written.
@Suite(.serialized, .ownThread) struct IsolationUnderFireTests {
    /// A world in which nothing changes would prove nothing.
    @Test func sec32NoClientGetsAnEventWithoutTheRightToIt() {
        var counts: [String: Int] = [:]
        for seed in 1...16 as ClosedRange<UInt64> {
            let outcome = AccessWorld.run(seed: seed, stepCount: 8000)
            #expect(outcome.violation == nil, "seed \(seed)")
            counts.merge(outcome.counts) { $0 + $1 }
        }
        for occurrence in [
            "event", "snapshot", "subscribed", "live", "emitted", "share changed", "refreshed", "expiring",
            "unsubscribed by the service", "closed 4401 auth.expired", "closed 4401 auth.revoked",
            "closed 4401 auth.subject_changed", "refused auth.expired", "refused auth.revoked",
            "member put", "member removed", "link made", "members told", "members not told", "thread deleted",
        ] {
            #expect(counts[occurrence, default: 0] > 0, "\(occurrence): \(counts)")
        }
    }

    @Test func theSameSeedIsTheSameWorld() {
        let counts = (0..<2).map { _ in AccessWorld.run(seed: 7, stepCount: 3000).counts }
        #expect(counts[0] == counts[1])
    }
}
