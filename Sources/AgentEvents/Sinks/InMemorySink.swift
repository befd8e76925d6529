import Synchronization

/// Keeps events in memory, for tests and for looking at.
///
/// Events reach a sink after their commit, at the sink's pace; ``AgentRuntime/flushSinks()`` and the end of
/// ``withAgentRuntime(log:sinks:configuration:_:)`` wait for it.
public final class InMemorySink: EventSink {
    public let name: String
    private let capacity: Int
    private let stored = Mutex<[AgentEvent]>([])

    /// - Parameter capacity: how many events the sink takes; a batch that would exceed it is refused with
    ///   ``SinkFullError``. Default: 1 000 000.
    public init(name: String = "in-memory", capacity: Int = 1_000_000) {
        self.name = name
        self.capacity = capacity
    }

    public func receive(_ batch: SinkBatch) async throws {
        let decoded = try batch.decoded()
        try stored.withLock { stored in
            guard stored.count + decoded.count <= capacity else { throw SinkFullError(capacity: capacity) }
            stored += decoded
        }
    }

    /// Everything received, in the order of the commits.
    public var events: [AgentEvent] { stored.withLock { $0 } }

    /// The events of one thread that were received, in order.
    public func events(in thread: ThreadID) -> [AgentEvent] {
        stored.withLock { $0.filter { $0.threadID == thread } }
    }
}

/// Forgets the events of deleted threads.
extension InMemorySink: DeletionSink {
    public var erasure: SinkErasure { .complete }

    public func receive(_ deletion: ThreadDeletedRecord) async throws {
        stored.withLock { $0.removeAll { $0.threadID == deletion.thread } }
    }
}

/// An ``InMemorySink`` has no room for a batch.
public struct SinkFullError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The number of events that the sink takes.
    public var capacity: Int

    public var description: String { "the in-memory sink is full: its capacity is \(capacity)" }
}
