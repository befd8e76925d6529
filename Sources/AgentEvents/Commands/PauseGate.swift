import Synchronization

/// Where the tasks of a thread wait that would say, think or do something in a run that is paused.
///
/// A task arrives inside the context's synchronous section, and waits outside of it; it is released inside of it, too, by
/// whatever resumes its run or ends it.
final class PauseGate: Sendable {
    private let machine = Mutex(PauseGateStateMachine<CheckedContinuation<Void, Never>>())

    /// The number of tasks that have arrived and are not released.
    var count: Int { machine.withLock { $0.count } }

    func arrive(at run: RunID) -> UInt64 { machine.withLock { $0.arrive(at: run) } }

    /// Returns when the one that arrived is released, or its task is cancelled.
    func wait(_ place: UInt64) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if !machine.withLock({ $0.wait(place, continuation) }) { continuation.resume() }
            }
        } onCancel: {
            machine.withLock { $0.cancel(place) }?.resume()
        }
    }

    /// Runs may not be paused any longer. Called in the section in which tasks arrive, so that none does in between.
    func release(unless isPaused: (RunID) -> Bool) {
        let resumed = machine.withLock { $0.runs }.filter { !isPaused($0) }
        guard !resumed.isEmpty else { return }
        for waiter in machine.withLock({ $0.release(resumed) }) { waiter.resume() }
    }
}
