import Synchronization

/// Whether a time limit ended what it was for.
final class Expiry: Sendable {
    private let state = Mutex(false)

    var hasHappened: Bool { state.withLock { $0 } }

    func happen() { state.withLock { $0 = true } }
}
