import AgentEvents
import AgentEventsHub

/// The outcome of a small world: an ``AccessWorld`` or a ``WorkerWorld``.
package struct WorldOutcome: Sendable {
    /// The first rule that was broken, in words; `nil` for none.
    package var violation: String?
    /// The number of times that each thing happened.
    package var counts: [String: Int] = [:]
}

extension AgentEventsHub {
    /// Runs without a port, until the task is cancelled.
    func runUntilCancelled() async {
        // A cancelled hub ends with that error.
        try? await run(
            serving: { await self.closing.wait() },
            until: {
                _ = await WakeSignal().wait()
                throw CancellationError()
            })
    }
}
