import AgentEvents
import AgentEventsTestSupport
import Synchronization

/// A log whose values stay as they were at a moment, as after a crash: what is saved later is not there afterwards.
/// Tells of what is saved.
final class CrashingLog: ForwardingLog, StateStore {
    let log: InMemoryEventLog
    private let isCrashed = Mutex(false)

    private let didSave: @Sendable ([StoredValue]) -> Void

    init(_ log: InMemoryEventLog, didSave: @escaping @Sendable ([StoredValue]) -> Void = { _ in }) {
        self.log = log
        self.didSave = didSave
    }

    func crash() { isCrashed.withLock { $0 = true } }

    func save(_ values: [StoredValue]) async throws(EventLogError) {
        if isCrashed.withLock({ $0 }) { return }
        try await log.save(values)
        didSave(values)
    }
}
