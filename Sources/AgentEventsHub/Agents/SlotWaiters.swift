import AgentEvents
import Synchronization

/// The tasks that wait until their run has a slot; several of one run may.
final class SlotWaiters: Sendable {
    private let waiters = Mutex<[RunQueueStateMachine.Place: [WakeSignal]]>([:])

    /// A task begins to wait. It is followed by ``remove(_:of:)``.
    func add(of place: RunQueueStateMachine.Place) -> WakeSignal {
        let signal = WakeSignal()
        waiters.withLock { $0[place, default: []].append(signal) }
        return signal
    }

    func remove(_ signal: WakeSignal, of place: RunQueueStateMachine.Place) {
        waiters.withLock { waiters in
            waiters[place]?.removeAll { $0 === signal }
            if waiters[place]?.isEmpty == true { waiters[place] = nil }
        }
    }

    func has(_ place: RunQueueStateMachine.Place) -> Bool { waiters.withLock { $0[place] != nil } }

    func wake(_ place: RunQueueStateMachine.Place) {
        for waiter in waiters.withLock({ $0[place] ?? [] }) { waiter.signal() }
    }
}
