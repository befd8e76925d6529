/// Counts the bytes of the events that the log has of users.
///
/// A user is measured once, from the log, thread by thread; then each commit is added. Commits that come while the log is read
/// are neither lost nor counted twice: of each thread it is known up to which event it was measured.
///
///     unknown ── begin ──> listing ── didList ──> measuring ── didMeasure, of each thread; finish ──> known
///                             ^                                                                         │
///                             └── begin ── stale <── invalidate: events were trimmed, a thread deleted ─┘
///
/// While it is measured again the last number counts, with what is added.
struct StorageUseStateMachine: Sendable {
    private enum Phase {
        /// The threads of the user are asked for. Those that begin meanwhile may be among them, or not.
        case listing(begun: [ThreadID: Int])
        case measuring
    }

    private struct Measure {
        var phase: Phase
        var byteCount = 0
        /// The last event of each thread that is in the number, where there may be commits that are not told of yet.
        var upTo: [ThreadID: UInt64] = [:]
        /// The threads that are read, and are not measured yet, with the last event that was told of: it will be found.
        var unread: [ThreadID: UInt64] = [:]
        var isStale = false
    }

    private struct Use {
        var byteCount: Int?
        var upTo: [ThreadID: UInt64] = [:]
        var isStale = false
        var measure: Measure?
    }

    /// The largest number of users; beyond it one is forgotten, and measured again when something comes of it.
    private let maximumCount: Int
    private var uses: [UserID: Use] = [:]

    init(maximumCount: Int) {
        precondition(maximumCount > 0, "at least one user is counted")
        self.maximumCount = maximumCount
    }

    /// The number of users that are counted.
    var count: Int { uses.count }

    /// The bytes that the log has of a user, as far as they are known.
    func byteCount(of user: UserID) -> Int? { uses[user]?.byteCount }

    /// Those whose events were trimmed or deleted, and that are to be measured again.
    var staleUsers: [UserID] { uses.filter { $0.value.isStale && $0.value.measure == nil }.map(\.key) }

    /// - Returns: whether the caller is to measure the user: it is not known, and nobody else does.
    mutating func begin(_ user: UserID) -> Bool {
        if let use = uses[user], use.measure != nil || (use.byteCount != nil && !use.isStale) { return false }
        if uses[user] == nil, uses.count >= maximumCount, let other = uses.first(where: { $0.value.measure == nil }) {
            uses[other.key] = nil
        }
        uses[user, default: Use()].isStale = false
        uses[user]?.measure = Measure(phase: .listing(begun: [:]))
        return true
    }

    /// The log was asked for the threads of the user.
    mutating func didList(_ threads: [ThreadID], of user: UserID) {
        guard var measure = uses[user]?.measure, case .listing(let begun) = measure.phase else {
            preconditionFailure("threads are listed once, at the beginning")
        }
        measure.phase = .measuring
        for thread in threads { measure.unread[thread] = 0 }
        for (thread, byteCount) in begun where measure.unread[thread] == nil { measure.byteCount += byteCount }
        uses[user]?.measure = measure
    }

    /// Events of a thread up to one were read: after those that were read before.
    ///
    /// - Parameter isGone: whether the later ones were deleted or trimmed meanwhile.
    /// - Returns: whether that is all. Not when later ones were told of meanwhile, which are read next.
    mutating func didMeasure(
        _ thread: ThreadID,
        of user: UserID,
        upTo sequence: UInt64,
        byteCount: Int,
        isGone: Bool = false
    ) -> Bool {
        guard let told = uses[user]?.measure?.unread[thread] else {
            preconditionFailure("a thread that was listed is measured once")
        }
        uses[user]?.measure?.byteCount += byteCount
        guard told <= sequence || isGone else { return false }
        uses[user]?.measure?.unread[thread] = nil
        uses[user]?.measure?.upTo[thread] = sequence
        return true
    }

    /// All threads of the user were measured.
    ///
    /// - Returns: whether it is to be measured again: something was removed meanwhile.
    @discardableResult
    mutating func finish(_ user: UserID) -> Bool {
        guard var use = uses[user], let measure = use.measure, measure.unread.isEmpty else {
            preconditionFailure("all threads that were listed are measured")
        }
        use.byteCount = measure.byteCount
        use.upTo = measure.upTo
        use.isStale = measure.isStale
        use.measure = nil
        uses[user] = use
        return use.isStale
    }

    /// The log could not be read.
    mutating func fail(_ user: UserID) {
        guard uses[user]?.byteCount != nil else {
            uses[user] = nil
            return
        }
        uses[user]?.measure = nil
        uses[user]?.isStale = true
    }

    /// Events of a user were trimmed, or a thread deleted.
    mutating func invalidate(_ user: UserID) {
        if uses[user]?.measure != nil {
            uses[user]?.measure?.isStale = true
        } else if uses[user] != nil {
            uses[user]?.isStale = true
        }
    }

    /// An event was committed. Those of one thread come in order, each once.
    mutating func didCommit(_ sequence: UInt64, of thread: ThreadID, _ user: UserID, byteCount: Int) {
        guard var use = uses[user] else { return }
        // A copy would be one of all threads of the user.
        uses[user] = nil
        defer { uses[user] = use }
        if let known = use.byteCount, !Self.isIn(&use.upTo, thread, sequence) { use.byteCount = known + byteCount }
        guard use.measure != nil else { return }
        switch use.measure?.phase {
        case .listing(var begun):
            if sequence == 1 || begun[thread] != nil {
                begun[thread, default: 0] += byteCount
                use.measure?.phase = .listing(begun: begun)
            }
        case .measuring:
            if let told = use.measure?.unread[thread] {
                use.measure?.unread[thread] = max(told, sequence)
                return
            }
            guard var upTo = use.measure?.upTo else { return }
            use.measure?.upTo = [:]
            if !Self.isIn(&upTo, thread, sequence) { use.measure?.byteCount += byteCount }
            use.measure?.upTo = upTo
        case nil:
            break
        }
    }

    /// Whether an event is among those that were measured. The first one that is not ends the question for its thread.
    private static func isIn(_ upTo: inout [ThreadID: UInt64], _ thread: ThreadID, _ sequence: UInt64) -> Bool {
        guard let last = upTo[thread] else { return false }
        if sequence <= last { return true }
        upTo[thread] = nil
        return false
    }
}
