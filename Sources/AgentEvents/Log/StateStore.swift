/// Small values that survive a restart beside the events: how far consumers have acknowledged, how far sinks are, snapshots
/// of threads, who may use them, schedules, and revocations.
///
/// A log that can keep them conforms; a place of their own may too. The methods are called from any task, at any time
/// after the log was opened, several at once and also while the log appends; they do not wait for an append longer than
/// the writing itself takes. Every store passes `StateStoreConformance` in `AgentEventsTesting`.
///
/// Threads and names are told apart by their bytes. A value belongs to a thread, or, with `nil`, to none.
public protocol StateStore: Sendable {
    /// The value last saved, byte for byte.
    ///
    /// - Returns: `nil` when there is none, or it was removed. A value without bytes is not `nil`.
    func load(_ kind: StoredValue.Kind, thread: ThreadID?, name: String) async throws(EventLogError) -> [UInt8]?

    /// All values of a kind that belong to a thread, or, with `nil`, to none; ordered by the UTF-8 bytes of their names.
    func loadAll(_ kind: StoredValue.Kind, thread: ThreadID?) async throws(EventLogError) -> [StoredValue]

    /// Saves values, all or none, and returns when they are as durable as a commit of the same log. Nobody sees a part.
    ///
    /// A value replaces what was saved under its kind, thread and name; one whose bytes are `nil` removes it. When one is
    /// named twice, the later counts.
    ///
    /// - Throws: ``EventLogError``: `log.too_large` when a value or a name exceeds its limit, `log.closed` before the log
    ///   is opened, or why it could not be written. Then nothing changed.
    func save(_ values: [StoredValue]) async throws(EventLogError)
}

/// A store that says where it has values of a kind, so that those of a user can be found in all threads, and removed.
public protocol SearchableStateStore: StateStore {
    /// The places of all values of a kind that belong to a thread, and whose names begin with a text; in no order.
    func places(of kind: StoredValue.Kind, namePrefix: String) async throws(EventLogError) -> [StoredPlace]
}

/// The place of a value of a thread in a store.
public struct StoredPlace: Hashable, Sendable {
    public var thread: ThreadID
    public var name: String

    public init(thread: ThreadID, name: String) {
        self.thread = thread
        self.name = name
    }
}

extension SearchableStateStore {
    /// The number of values that are removed at a time.
    private static var removedCount: Int { 500 }

    /// Removes values of a kind, and returns when that is durable.
    ///
    /// - Returns: the threads that they belonged to.
    package func removeAll(
        _ kind: StoredValue.Kind,
        namePrefix: String,
        where isRemoved: (_ name: String) -> Bool
    ) async throws(EventLogError) -> [ThreadID] {
        let found = try await places(of: kind, namePrefix: namePrefix).filter { isRemoved($0.name) }
        for start in stride(from: 0, to: found.count, by: Self.removedCount) {
            let part = found[start..<min(start + Self.removedCount, found.count)]
            try await save(part.map { StoredValue(kind, thread: $0.thread, name: $0.name, bytes: nil) })
        }
        return found.map(\.thread)
    }
}
