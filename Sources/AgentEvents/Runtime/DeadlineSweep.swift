import Synchronization

/// Looks at threads when something in them may be overdue: one task for all of them.
///
/// What is decided does not depend on it: a context looks itself before it takes an event. The sweep is for threads in
/// which nothing else happens.
final class DeadlineSweep: Sendable {
    /// Between two looks at least: threads whose times lie close together are looked at together.
    private static let shortestPause = Duration.milliseconds(10)
    /// Between two looks at most, because the wall clock may be moved.
    private static let longestPause = Duration.seconds(60)

    private let table = Mutex(DeadlineTable())
    private let signal = WakeSignal()

    /// Has a thread looked at, at a time and at no other.
    func set(_ owner: ThreadOwner, at time: Timestamp) {
        if table.withLock({ $0.set(owner, at: time) }) { signal.signal() }
    }

    /// Has a thread not looked at.
    func remove(_ thread: ThreadID) { table.withLock { $0.remove(thread) } }

    /// The threads to check.
    var owners: [ThreadOwner] { table.withLock { $0.owners } }

    /// Works until the task is cancelled.
    ///
    /// - Parameter look: ends what is overdue in a thread, and sets the thread's next time. Called for one thread at a
    ///   time. When it throws, the thread is looked at again later.
    func run(
        _ configuration: RuntimeConfiguration,
        look: (ThreadOwner) async throws(AgentEventsError) -> Void
    ) async {
        while !Task.isCancelled {
            for owner in table.withLock({ $0.takeDue(at: configuration.clock.now()) }) where !Task.isCancelled {
                do throws(AgentEventsError) {
                    try await look(owner)
                } catch {
                    // An emission into the thread meets the same error, and reports it.
                    let now = configuration.clock.now().milliseconds
                    set(owner, at: Timestamp(milliseconds: now + Int64(Self.longestPause.wholeMilliseconds)))
                }
            }
            await pause(configuration)
        }
    }

    /// Returns when the next time has come, or there is an earlier one.
    private func pause(_ configuration: RuntimeConfiguration) async {
        guard let next = table.withLock({ $0.next }) else {
            _ = await signal.wait()
            return
        }
        let now = configuration.clock.now()
        let pause = max(Self.shortestPause, min(Self.longestPause, .milliseconds(next.milliseconds(since: now))))
        await withTaskGroup { group in
            group.addTask { _ = await self.signal.wait() }
            // A cancelled sleep is the end of the pause as well.
            group.addTask { try? await configuration.durationClock.sleep(for: pause) }
            await group.next()
            group.cancelAll()
        }
    }
}
