import Synchronization

/// Where the tasks of a thread wait until something is over: those that would do something in a run that is paused, and
/// those that have asked for an approval.
///
/// A task arrives inside the context's synchronous section, and waits outside of it; it is released inside of it, too, by
/// whatever ends what it waits for.
final class ThreadGate<Subject: Hashable & Sendable>: Sendable {
    private let machine = Mutex(GateStateMachine<Subject, CheckedContinuation<Void, Never>>())

    /// The number of tasks that have arrived and are not released.
    var count: Int { machine.withLock { $0.count } }

    func arrive(at subject: Subject) -> UInt64 { machine.withLock { $0.arrive(at: subject) } }

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

    /// Some of it may be over. Called in the section in which tasks arrive, so that none does in between.
    func release(unless isOpen: (Subject) -> Bool) {
        let over = machine.withLock { $0.subjects }.filter { !isOpen($0) }
        guard !over.isEmpty else { return }
        for waiter in machine.withLock({ $0.release(over) }) { waiter.resume() }
    }
}
