/// Small values that survive a restart beside the events: how far consumers have acknowledged, how far sinks are, snapshots
/// of threads, who may use them, and revocations.
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
