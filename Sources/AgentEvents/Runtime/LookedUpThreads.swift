/// What the log has of threads that are looked up together, before their contexts are opened one by one.
///
/// A finding counts as long as no context of its thread was opened since its look-up began: until then nothing can have been added to the
/// thread.
///
/// ```
/// nothing ── begin ──> asked ── found ──> hasNoEvent, belongs
///    ^                   │                     │
///    │                didOpen               didOpen
///    │                   v                     │
///    └───── end ───── outdated <───────────────┘
/// ```
struct LookedUpThreads {
    enum Finding: Hashable {
        /// The log has not answered.
        case asked
        case hasNoEvent
        case belongs(to: UserID)
        /// A context was opened meanwhile.
        case outdated
    }

    private var findings: [ThreadID: Finding] = [:]

    subscript(thread: ThreadID) -> Finding? { findings[thread] }

    /// - Returns: `false` when somebody else looks the thread up, whose finding counts for everybody.
    mutating func begin(_ thread: ThreadID) -> Bool {
        guard findings[thread] == nil else { return false }
        findings[thread] = .asked
        return true
    }

    /// - Parameter owner: `nil` for a thread without events.
    mutating func found(_ thread: ThreadID, owner: UserID?) {
        guard findings[thread] == .asked else { return }
        findings[thread] = owner.map { .belongs(to: $0) } ?? .hasNoEvent
    }

    mutating func didOpen(_ thread: ThreadID) {
        // Nearly always nothing is looked up.
        guard !findings.isEmpty, findings[thread] != nil else { return }
        findings[thread] = .outdated
    }

    /// Called by the one who began.
    mutating func end(_ thread: ThreadID) { findings[thread] = nil }
}
