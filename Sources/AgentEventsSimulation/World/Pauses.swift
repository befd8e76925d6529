import Synchronization

/// Tasks that wait until the schedule lets one of them go on.
final class Pauses: Sendable {
    private struct State {
        var waiting: [CheckedContinuation<Bool, Never>] = []
        var isStopped = false
    }

    private let state = Mutex(State())

    // MARK: The schedule's side

    var waitingCount: Int { state.withLock { $0.waiting.count } }
    var isStopped: Bool { state.withLock { $0.isStopped } }

    func resume(_ choice: UInt64) {
        let waiting: CheckedContinuation<Bool, Never>? = state.withLock { state in
            guard !state.waiting.isEmpty else { return nil }
            return state.waiting.remove(at: Int(choice % UInt64(state.waiting.count)))
        }
        waiting?.resume(returning: true)
    }

    /// Nobody goes on any longer.
    func stop() {
        let waiting = state.withLock { state in
            state.isStopped = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for item in waiting { item.resume(returning: false) }
    }

    // MARK: The tasks' side

    /// - Returns: whether to go on.
    func pause() async -> Bool {
        await withCheckedContinuation { continuation in
            let isStopped = state.withLock { state in
                if !state.isStopped { state.waiting.append(continuation) }
                return state.isStopped
            }
            if isStopped { continuation.resume(returning: false) }
        }
    }
}
