import Synchronization

/// The connections whose first request has not come yet, and those on their way to a task. The stream of the latter ends when the
/// listener is closed and no first request is waited for: one that comes while the service stops is answered.
///
/// The stream holds open connections only, each of them once.
final class Arrivals<Connection: Sendable>: Sendable {
    private struct State {
        var undecidedCount = 0
        var isStopped = false

        var isOver: Bool { isStopped && undecidedCount == 0 }
    }

    private let state = Mutex(State())
    private let arrived: AsyncStream<Connection>.Continuation

    init(_ arrived: AsyncStream<Connection>.Continuation) { self.arrived = arrived }

    /// A connection is there, and its first request is waited for. ``end()`` follows.
    func begin() { state.withLock { $0.undecidedCount += 1 } }

    /// The first request of a connection has come, or none will.
    func end() {
        let isOver = state.withLock { state in
            state.undecidedCount -= 1
            return state.isOver
        }
        if isOver { arrived.finish() }
    }

    /// Gives a connection to a task. Called before its ``end()``.
    ///
    /// - Returns: `false` when nobody takes it, because the task that would is cancelled.
    func serve(_ connection: Connection) -> Bool {
        if case .terminated = arrived.yield(connection) { return false }
        return true
    }

    /// No further connection comes.
    func stopped() {
        let isOver = state.withLock { state in
            state.isStopped = true
            return state.isOver
        }
        if isOver { arrived.finish() }
    }
}
