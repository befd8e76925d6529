/// The values of a context space: the shared state of a thread, as far as it decides on the next change.
///
/// ```
///            set, in time to be the version asked for ──────────────> state_updated value ────┐
/// absent ──> there ── removed ──────────────────────────────────────> state_updated removed ──┼──> apply
///   ^          │  └── expires_at has come, by the time of an event ──> … removed, expired ─────┘
///   └──────────┴── read after expires_at: absent, whether its removal is logged or not
/// ```
///
/// A version is that of the space after a change; of a value it is that of the change which touched it last. What somebody
/// else has logged with a version of their own counts as it does in ``ThreadState``: not when a newer one is there, or was until
/// it was removed.
///
/// Grants (``ApprovalGrant``) are entries of the same state. They lapse by the time that they carry, and no removal of
/// them is logged.
package struct ContextSpaceStateMachine: Hashable, Sendable {
    /// A value as it is in the space.
    package typealias Entry = ThreadState.Entry

    /// The state before a change, to take it back.
    package struct Undo: Hashable, Sendable {
        fileprivate var state: ThreadState
        fileprivate var version: Int64
        fileprivate var count: Int
        fileprivate var byteCount: Int
        fileprivate var deadline: Timestamp
    }

    /// Nothing but the entries: what is kept of them, and what counts, is decided where every reader decides it.
    private var state = ThreadState()
    /// The version after the last change; 0 before the first one.
    package private(set) var version: Int64 = 0
    /// The number of values, also of those that have expired and whose removal is not logged yet.
    package private(set) var count = 0
    /// The size of their keys and values, in bytes.
    package private(set) var byteCount = 0
    /// No value expires before.
    package private(set) var deadline = ThreadStateMachine.never

    package init() {}

    /// The values in the state of a thread.
    package init(_ entries: [ThreadState.Entry]) {
        state.setEntries(entries)
        version = entries.map(\.version).max() ?? 0
        countValues()
    }

    private mutating func countValues() {
        count = state.entries.count { !$0.isRemoved }
        byteCount = state.entries.reduce(0) { $0 + ($1.isRemoved ? 0 : $1.byteCount) }
        findDeadline()
    }

    private mutating func findDeadline() {
        deadline = state.entries.compactMap(Self.lapse).min() ?? ThreadStateMachine.never
    }

    // MARK: Reading

    /// A value; `nil` for one that is not there at a time.
    package func entry(_ key: String, at time: Timestamp) -> Entry? { state.entry(key, at: time) }

    /// The values that are there at a time, in the order of the bytes of their keys.
    package func all(at time: Timestamp) -> [Entry] {
        state.entries.filter { $0.isThere(at: time) }
            .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }

    /// The value of a key, whether its time is over or not.
    private func known(_ key: String) -> Entry? {
        state.entries.last { ExactString.areEqual($0.key, key) && !$0.isRemoved }
    }

    // MARK: Deciding

    package enum Decision: Hashable, Sendable {
        /// The event to log; it is applied once it is accepted.
        case log(StateUpdated)
        /// There is no such value to remove.
        case unchanged
        case refuse(ContextRefusal)
    }

    /// Decides on a change, and changes nothing.
    ///
    /// - Parameter time: that of the event, by which a value is there or has expired.
    package func decide(_ change: ContextChange, at time: Timestamp) -> Decision {
        let known = entry(change.key, at: time)
        if let refusal = change.refusal { return .refuse(refusal) }
        if let wanted = change.ifVersion, wanted != known?.version ?? 0 { return .refuse(.conflict(known)) }
        // What somebody else has put at the end of all versions stays there.
        guard version < .max else { return .refuse(.versionsUsedUp) }
        switch change.kind {
        case .remove:
            guard known != nil else { return .unchanged }
            return .log(
                StateUpdated(version: version + 1, key: change.key, change: .removed, by: change.by))
        case .set(let value, let timeToLive):
            if let refusal = refusal(of: change.key, byteCount: ContextChange.byteCount(change.key, value)) {
                return .refuse(refusal)
            }
            return .log(
                StateUpdated(
                    version: version + 1, key: change.key, change: .value(value),
                    expiresAt: timeToLive.map {
                        time.advanced(byMilliseconds: Int64(clamping: $0.wholeMilliseconds))
                    }, by: change.by))
        }
    }

    /// Why a value that somebody logs as an event does not fit into the space; `nil` for one that does.
    package func refusal(of update: StateUpdated) -> ContextRefusal? {
        // Earlier versions have taken an empty one.
        guard update.key.utf8.count <= ContextLimits.keyByteCount else { return .keyTooLong(update.key.utf8.count) }
        guard case .value(let value) = update.change else { return nil }
        let byteCount = value.encoded().count
        guard byteCount <= ContextLimits.valueByteCount else { return .valueTooLarge(byteCount) }
        return refusal(of: update.key, byteCount: update.key.utf8.count + byteCount)
    }

    private func refusal(of key: String, byteCount added: Int) -> ContextRefusal? {
        let known = known(key)
        if known == nil, count >= ContextLimits.keyCount { return .tooManyKeys }
        guard byteCount - (known?.byteCount ?? 0) + added <= ContextLimits.spaceByteCount else { return .spaceFull }
        return nil
    }

    /// The removals of the values that have expired at a time: those that expired first come first.
    package func expired(at time: Timestamp) -> [StateUpdated] {
        guard deadline <= time else { return [] }
        var lapsed: [(key: String, time: Timestamp)] = []
        for entry in state.entries {
            if let lapse = Self.lapse(of: entry), lapse <= time { lapsed.append((entry.key, lapse)) }
        }
        lapsed.sort { one, other in
            one.time == other.time ? one.key.utf8.lexicographicallyPrecedes(other.key.utf8) : one.time < other.time
        }
        var last = version
        return lapsed.map { value in
            // None is lapsing at the end of all versions; others may have used it up.
            last = last == .max ? last : last + 1
            return StateUpdated(version: last, key: value.key, change: .removed, reason: Self.expiryReason)
        }
    }

    /// The reason in the event that removes a value which has expired.
    package static var expiryReason: String { "expired" }

    /// The time at which a value is to be removed; `nil` for one that stays, for grants, and for one that no removal can follow.
    private static func lapse(of entry: Entry) -> Timestamp? {
        entry.isRemoved || entry.version == .max || entry.key.hasPrefix(ThreadGrants.keyPrefix) ? nil : entry.expiresAt
    }

    // MARK: Changing

    /// Makes the change of an event that was accepted.
    ///
    /// - Parameter time: that of the event.
    package mutating func apply(_ update: StateUpdated, at time: Timestamp) -> Undo {
        let undo = Undo(state: state, version: version, count: count, byteCount: byteCount, deadline: deadline)
        let before = known(update.key)
        let dropped = state.dropped
        state.set(Entry(update, at: time))
        version = max(version, update.version)
        guard state.dropped == dropped else {
            // Only what others have logged beyond the limits.
            countValues()
            return undo
        }
        let after = known(update.key)
        count += (after == nil ? 0 : 1) - (before == nil ? 0 : 1)
        byteCount += (after?.byteCount ?? 0) - (before?.byteCount ?? 0)
        if let before, Self.lapse(of: before) == deadline {
            findDeadline()
        } else if let after, let lapse = Self.lapse(of: after) {
            deadline = min(deadline, lapse)
        }
        return undo
    }

    /// Takes back the change that was made last.
    package mutating func undo(_ undo: Undo) {
        state = undo.state
        version = undo.version
        count = undo.count
        byteCount = undo.byteCount
        deadline = undo.deadline
    }
}
