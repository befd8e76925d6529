/// A sink that is told of deleted threads.
///
/// A sink that was given events of a thread has copies of them, which no deletion in the log reaches. When a thread is deleted
/// (``AgentRuntime/deleteThread(_:user:)``), each sink of this kind gets a record of it, in its turn:
/// - after all events of the thread that it was ever given, and none comes after it;
/// - by the same task as its batches, one call at a time;
/// - again, with pauses as after a batch that it refused (``SinkRetryPolicy``), until it has taken the record. Events wait for
///   that as they wait for each other. After a restart a sink gets a record that it had not taken; a ``DurableSink`` also when
///   a runtime ran without it in between;
/// - once, unless the process ended just after it took the record; then perhaps twice.
///
/// A sink that does not conform is told nothing, and the report of the deletion names it.
public protocol DeletionSink: EventSink {
    /// The fate of the events that the sink was given, once it has taken the record of their thread's deletion.
    var erasure: SinkErasure { get }

    /// Takes the record of a deletion; returns when the sink has done what ``erasure`` says.
    ///
    /// - Throws: when it has not; it is given the record again.
    func receive(_ deletion: ThreadDeletedRecord) async throws
}

/// The fate of the events of a deleted thread in a sink that was told of the deletion.
@nonexhaustive
public enum SinkErasure: String, Hashable, Sendable, CaseIterable {
    /// The sink has nothing of the thread any longer.
    case complete
    /// The sink has told those to whom it gave the events. What they keep is their matter.
    case passedOn = "passed_on"
    /// The sink cannot take back what it wrote, to a terminal for example.
    case impossible
}

/// The record of a deleted thread, as sinks get it.
public struct ThreadDeletedRecord: Hashable, Sendable {
    /// The type of the record, where it stands beside events.
    public static let typeName = "thread_deleted"

    /// The thread, whose id is never used again.
    public var thread: ThreadID
    /// The tenant that it belonged to.
    public var tenant: TenantID
    /// The time of the deletion.
    public var deletedAt: Timestamp

    public init(thread: ThreadID, tenant: TenantID = .default, deletedAt: Timestamp) {
        self.thread = thread
        self.tenant = tenant
        self.deletedAt = deletedAt
    }

    /// One JSON object: `{"type":"thread_deleted","thread_id":…,"time":…}`; with `tenant` where it is another than the default.
    public func encoded() -> [UInt8] {
        var members: JSONObject = [
            "type": .string(Self.typeName), "thread_id": .string(thread.rawValue), "time": .string(deletedAt.rfc3339),
        ]
        if tenant != .default { members["tenant"] = .string(tenant.rawValue) }
        return JSONValue.object(members).encoded()
    }
}

/// A place for dead letters that can take those of a thread back. When a thread is deleted, a ``DurableSink`` has its dead letters
/// erased as well, whether the sink itself is a ``DeletionSink`` or not.
public protocol ErasingDeadLetterStore: DeadLetterStore {
    /// Removes all letters with events of a thread, of whatever sink, and returns when they are gone for good. Called by the
    /// task that appends letters; again after it threw, or a crash.
    func erase(_ thread: ThreadID) async throws
}
