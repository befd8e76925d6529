import AgentEvents
import Logging
import Synchronization

/// Stops runs that nobody follows, if it is asked to (``HubConfiguration/orphanedAfter``): a guard of costs. A run that waits for
/// a person, or is paused or queued, costs nothing and is left alone.
final class OrphanedRuns: Sendable {
    private let machine: Mutex<OrphansStateMachine>
    private let runtime: AgentRuntime
    private let logger: Logger
    private let pause: Duration

    init(after limit: Duration, runtime: AgentRuntime, logger: Logger) {
        machine = Mutex(OrphansStateMachine(limit: limit))
        self.runtime = runtime
        self.logger = logger
        pause = max(.milliseconds(10), min(.seconds(5), limit / 4))
    }

    /// Somebody follows a thread.
    func followed(_ thread: ThreadID) { machine.withLock { $0.followed(thread) } }

    /// Looks at the runs that work, again and again, until the task is cancelled.
    ///
    /// - Parameters:
    ///   - working: gives the runs that work.
    ///   - isFollowed: says if somebody follows a thread.
    func watch(
        _ working: @Sendable () -> [RunQueueStateMachine.Place],
        isFollowed: @Sendable (ThreadID) -> Bool
    ) async {
        while !Task.isCancelled {
            // The look and the news of followers are in one order: one who comes in between is seen by the next look.
            let orphaned = machine.withLock { machine in
                machine.look(
                    at: working().filter { !isFollowed($0.thread) }, runtime.environment.monotonicNow())
            }
            for place in orphaned { await stop(place) }
            // A cancelled sleep is the end of the pause as well.
            try? await runtime.environment.sleep(pause)
        }
    }

    private func stop(_ place: RunQueueStateMachine.Place) async {
        do throws(AgentEventsError) {
            try await runtime.cancelRun(place.run, in: place.thread, reason: "orphaned")
            logger.info(
                "run stopped: nobody follows it",
                metadata: ["thread.id": "\(place.thread)", "run.id": "\(place.run)"])
        } catch {
            // The log has ended, and the run with it.
            logger.info(
                "run that nobody follows not stopped",
                metadata: [
                    "thread.id": "\(place.thread)", "run.id": "\(place.run)", "error.code": "\(error.code)",
                ])
        }
    }
}
