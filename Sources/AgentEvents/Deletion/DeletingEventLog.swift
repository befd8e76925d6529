/// A log that can delete threads for good.
///
/// A deletion has two steps. ``delete(_:at:)`` is quick: from then on nobody reads the thread, whatever happens to the
/// process. ``erase(clock:)`` takes as long as it needs: it removes the bytes from the files. A log that was opened after a crash
/// names what is still to be erased (``unfinishedDeletions()``).
///
/// Effects of a deletion on the rest of a log:
/// - The thread has no record, no event, no run and no key, and the values that a ``StateStore`` has of it are gone. Values of
///   it that are saved afterwards are dropped in silence: those who save them do not know yet.
/// - The id of the thread is never used again: a commit with events of it is refused with `log.conflict`.
/// - All threads are read in the order of commits as before, and no position moves. The page that passes over events of
///   a deleted thread says that it skips something (``LogPage/skipsTrimmed``).
/// - The events, keys, numbers and positions of other threads stay as they were, byte for byte.
///
/// Of a deleted thread the log keeps a tombstone: hashes of its id and its user, and the times. The id itself is kept until the
/// bytes are erased.
///
/// Every such log passes `DeletingLogConformance` in `AgentEventsTesting`.
public protocol DeletingEventLog: EventLog {
    /// Deletes threads, and returns when that is durable, whatever the durability of commits. One that has no event, or
    /// was deleted before, is ignored.
    ///
    /// Called while the log appends and is read; but no event of these threads is offered to it any longer.
    ///
    /// - Parameter time: when it is deleted.
    /// All of the threads are deleted, or none. Called again after an error, it deletes those that are there.
    ///
    /// - Throws: ``EventLogError``; then none of the threads is deleted, unless ``deletion(of:)`` says that they are: a log whose
    ///   last step failed may have come to its end all the same. As long as that cannot be told, ``deletion(of:)`` throws, too.
    ///   An ``AgentRuntime`` asks, and then tells its sinks and its caller what the log says.
    func delete(_ threads: [ThreadID], at time: Timestamp) async throws(EventLogError)

    /// Removes the bytes of all threads that were deleted before, and returns when that is durable. Writers and readers
    /// of other threads continue. One call at a time; it may be repeated after it failed, or a crash.
    ///
    /// - Parameter clock: tells the time of the erasure, which is noted; read once the bytes are gone, and not before.
    /// - Returns: the deletions that are complete now; each is returned once.
    func erase(clock: WallClock) async throws(EventLogError) -> [ThreadDeletion]

    /// The deletion of a thread; `nil` when it was not deleted.
    func deletion(of thread: ThreadID) async throws(EventLogError) -> ThreadDeletion?

    /// The threads whose bytes are not erased yet, in the order in which they were deleted.
    func unfinishedDeletions() async throws(EventLogError) -> [ThreadID]

    /// The threads of a user, in the order of their first events.
    func threads(of user: UserID) async throws(EventLogError) -> [ThreadID]
}

/// The note that a log keeps of a deleted thread.
public struct ThreadDeletion: Hashable, Sendable {
    /// Stands for the id of the thread.
    public var thread: ThreadDigest
    /// Stands for the user whose thread it was.
    public var owner: ThreadDigest
    /// The time of the deletion.
    public var deletedAt: Timestamp
    /// The time at which the last byte was removed from the log; `nil` before.
    public var erasedAt: Timestamp?

    public init(thread: ThreadDigest, owner: ThreadDigest, deletedAt: Timestamp, erasedAt: Timestamp? = nil) {
        self.thread = thread
        self.owner = owner
        self.deletedAt = deletedAt
        self.erasedAt = erasedAt
    }

    public init(of owner: ThreadOwner, tenant: TenantID = .default, at time: Timestamp) {
        self.init(
            thread: ThreadDigest(of: owner.thread, tenant: tenant),
            owner: ThreadDigest(of: owner.user, in: owner.thread, tenant: tenant), deletedAt: time)
    }

    /// Whether the thread belonged to a user.
    public func belonged(to user: UserID, thread: ThreadID, tenant: TenantID = .default) -> Bool {
        owner == ThreadDigest(of: user, in: thread, tenant: tenant)
    }
}

/// Stands for an id that is not kept: the SHA-256 hash of it.
public struct ThreadDigest: Hashable, Sendable {
    public static let byteCount = 32
    /// ``byteCount`` bytes.
    public let bytes: [UInt8]

    /// - Parameter bytes: those of a digest that was stored; `nil` is returned for another number of bytes.
    public init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// Threads of two tenants that have one id have two digests.
    public init(of thread: ThreadID, tenant: TenantID = .default) {
        bytes = Self.hash("thread\n\(thread.rawValue)", of: tenant)
    }

    /// Stands for a user and a thread together, so that two threads do not tell that they were of one user.
    public init(of user: UserID, in thread: ThreadID, tenant: TenantID = .default) {
        bytes = Self.hash("owner\n\(thread.rawValue)\n\(user.rawValue)", of: tenant)
    }

    /// The default tenant is not in it, so that digests are those that they were before there were tenants. No id has a line end.
    private static func hash(_ text: String, of tenant: TenantID) -> [UInt8] {
        SHA256Hash.hash(Array((tenant == .default ? text : "\(text)\n\(tenant.rawValue)").utf8))
    }
}
