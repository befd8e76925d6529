import Synchronization

/// Holds the continuation of one task that waits, for those who wake it.
final class WakeUp: Sendable {
    private let continuation = Mutex<CheckedContinuation<Void, any Error>?>(nil)

    func set(_ continuation: CheckedContinuation<Void, any Error>) {
        self.continuation.withLock { $0 = continuation }
    }

    func resume(returning value: Void) { continuation.withLock { $0.take() }?.resume() }

    func resume(throwing error: any Error) { continuation.withLock { $0.take() }?.resume(throwing: error) }
}
