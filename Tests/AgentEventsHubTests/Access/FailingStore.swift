import AgentEvents
import Synchronization

/// A store of values that belong to no thread, which cannot be written while a test says so.
final class FailingStore: StateStore {
    private struct State {
        var fails = false
        var values: [String: StoredValue] = [:]
    }

    private let state = Mutex(State())

    var fails: Bool {
        get { state.withLock { $0.fails } }
        set { state.withLock { $0.fails = newValue } }
    }

    func load(_ kind: StoredValue.Kind, thread: ThreadID?, name: String) async throws(EventLogError) -> [UInt8]? {
        state.withLock { $0.values[name]?.bytes }
    }

    func loadAll(_ kind: StoredValue.Kind, thread: ThreadID?) async throws(EventLogError) -> [StoredValue] {
        state.withLock { $0.values.sorted { $0.key < $1.key }.map(\.value) }
    }

    func save(_ values: [StoredValue]) async throws(EventLogError) {
        guard !fails else { throw EventLogError(.full, "failed by the test") }
        state.withLock { state in
            for value in values { state.values[value.name] = value.bytes == nil ? nil : value }
        }
    }
}
