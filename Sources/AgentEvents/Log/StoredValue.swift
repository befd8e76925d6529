/// A small value in a ``StateStore``: where it belongs, and its bytes.
public struct StoredValue: Hashable, Sendable {
    /// The purpose of a value. Each kind has names of its own.
    @nonexhaustive
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The cursor that a consumer of a thread has acknowledged; the name is the consumer's.
        case consumer
        /// The place of a sink in the log; the name is the sink's, and there is no thread.
        case sink
        /// The state of a thread as of an event.
        case snapshot
        /// Credentials that count no longer; there is no thread.
        case revocation
        /// A member of a thread, and what they may do; the name is the member's.
        case member
        /// Random bytes that the service made for itself; there is no thread.
        case secret
        /// The deletion of a thread that a sink is still to be told of; the thread's id is in the value, so that it outlives what
        /// belongs to the thread.
        case deletion
        /// Says that somebody may have given a grant in a thread, ever ("always allow"): without it nothing is looked for.
        case grant
        /// The time at which a value of a thread's context may expire; it is in the name.
        case expiry
        /// The end of the runs of an agent of workers when these are lost; the name is the agent's, and there is no thread.
        case worker
        /// A schedule of a thread, and how far it has been carried out; the name is that of its user, a space, and its id.
        case schedule
    }

    /// The longest value, in bytes: 1 MiB.
    public static let maximumByteCount = 1024 * 1024
    /// The longest name, in bytes of UTF-8. Two identifiers fit.
    public static let maximumNameByteCount = 1024

    public var kind: Kind
    /// The thread it belongs to; `nil` for none.
    public var thread: ThreadID?
    /// Tells it apart from the other values of its kind and thread; may be empty.
    public var name: String
    /// At most ``maximumByteCount``; `nil` removes the value.
    public var bytes: [UInt8]?

    public init(_ kind: Kind, thread: ThreadID? = nil, name: String, bytes: [UInt8]?) {
        self.kind = kind
        self.thread = thread
        self.name = name
        self.bytes = bytes
    }

    /// For stores: whether the value may be saved.
    ///
    /// - Throws: ``EventLogError`` `log.too_large` when the bytes or the name exceed their limit.
    public func checkLimits() throws(EventLogError) {
        if name.utf8.count > Self.maximumNameByteCount {
            throw EventLogError(
                .tooLarge,
                "the name of a stored value has at most \(Self.maximumNameByteCount) bytes, this one has "
                    + "\(name.utf8.count)"
            )
        }
        if let count = bytes?.count, count > Self.maximumByteCount {
            throw EventLogError(
                .tooLarge, "a stored value has at most \(Self.maximumByteCount) bytes, \(kind) \(name) has \(count)")
        }
    }
}
