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
/// else has logged with a version of their own counts as it does in ``ThreadState``: not when a newer one is there.
///
/// Grants (``ApprovalGrant``) are entries of the same state. They lapse by the time that they carry, and no removal of
/// them is logged.
package struct ContextSpaceStateMachine: Hashable, Sendable {
    /// A value as it is in the space.
    package struct Entry: Hashable, Sendable {
        package var version: Int64
        /// `nil` for one that is nested too deep for a state.
        package var value: JSONValue?
        package var expiresAt: Timestamp?
        package var by: UserID?
        package var time: Timestamp?
        fileprivate var byteCount: Int

        func isThere(at time: Timestamp) -> Bool { expiresAt.map { time < $0 } ?? true }
    }

    /// What takes a change back.
    package struct Undo: Hashable, Sendable {
        fileprivate var key: ExactString
        fileprivate var entry: Entry?
        fileprivate var version: Int64
        fileprivate var byteCount: Int
        fileprivate var deadline: Timestamp
    }

    private var entries: [ExactString: Entry] = [:]
    /// The version after the last change; 0 before the first one.
    package private(set) var version: Int64 = 0
    /// The size of keys and values, in bytes.
    package private(set) var byteCount = 0
    /// No value expires before.
    package private(set) var deadline = ThreadStateMachine.never

    package init() {}

    /// The values in the state of a thread.
    package init(_ state: [ThreadState.Entry]) {
        for entry in state {
            version = max(version, entry.version)
            guard !entry.isRemoved else { continue }
            put(
                Entry(
                    version: entry.version, value: entry.value, expiresAt: entry.expiresAt, by: entry.by,
                    time: entry.time, byteCount: entry.byteCount), at: ExactString(entry.key))
        }
    }

    // MARK: Reading

    /// The number of values, also of those that have expired and whose removal is not logged yet.
    package var count: Int { entries.count }

    /// A value; `nil` for one that is not there at a time.
    package func entry(_ key: String, at time: Timestamp) -> Entry? {
        entries[ExactString(key)].flatMap { $0.isThere(at: time) ? $0 : nil }
    }

    /// The values that are there at a time, by their keys, in the order of the bytes of these.
    package func all(at time: Timestamp) -> [(key: String, entry: Entry)] {
        entries.filter { $0.value.isThere(at: time) }.map { (key: $0.key.string, entry: $0.value) }
            .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
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
        guard update.version <= ContextLimits.maximumGivenVersion else { return .versionsUsedUp }
        guard case .value(let value) = update.change else { return nil }
        let byteCount = value.encoded().count
        guard byteCount <= ContextLimits.valueByteCount else { return .valueTooLarge(byteCount) }
        return refusal(of: update.key, byteCount: update.key.utf8.count + byteCount)
    }

    private func refusal(of key: String, byteCount added: Int) -> ContextRefusal? {
        let known = entries[ExactString(key)]
        if known == nil, entries.count >= ContextLimits.keyCount { return .tooManyKeys }
        guard byteCount - (known?.byteCount ?? 0) + added <= ContextLimits.spaceByteCount else { return .spaceFull }
        return nil
    }

    /// The removals of the values that have expired at a time: those that expired first come first.
    package func expired(at time: Timestamp) -> [StateUpdated] {
        guard deadline <= time else { return [] }
        var lapsed: [(key: String, time: Timestamp)] = []
        for (key, entry) in entries {
            if let lapse = Self.lapse(of: entry, key), lapse <= time { lapsed.append((key.string, lapse)) }
        }
        lapsed.sort { one, other in
            one.time == other.time ? one.key.utf8.lexicographicallyPrecedes(other.key.utf8) : one.time < other.time
        }
        var last = version
        return lapsed.map { value in
            last = last == .max ? last : last + 1
            return StateUpdated(version: last, key: value.key, change: .removed, reason: Self.expiryReason)
        }
    }

    /// The reason in the event that removes a value which has expired.
    package static var expiryReason: String { "expired" }

    /// When a value is to be removed; `nil` for one that stays.
    private static func lapse(of entry: Entry, _ key: ExactString) -> Timestamp? {
        key.string.hasPrefix(ThreadGrants.keyPrefix) ? nil : entry.expiresAt
    }

    // MARK: Changing

    /// Makes the change of an event that was accepted.
    ///
    /// - Parameter time: that of the event.
    package mutating func apply(_ update: StateUpdated, at time: Timestamp) -> Undo {
        let key = ExactString(update.key)
        let known = entries[key]
        let undo = Undo(key: key, entry: known, version: version, byteCount: byteCount, deadline: deadline)
        version = max(version, update.version)
        if let known, update.version <= known.version { return undo }
        switch update.change {
        case .value(let value):
            put(
                Entry(
                    version: update.version, value: ThreadState.kept(value), expiresAt: update.expiresAt, by: update.by,
                    time: time, byteCount: ContextChange.byteCount(update.key, value)), at: key)
        case .removed:
            put(nil, at: key)
        }
        return undo
    }

    /// Takes back the change that was made last.
    package mutating func undo(_ undo: Undo) {
        entries[undo.key] = undo.entry
        version = undo.version
        byteCount = undo.byteCount
        deadline = undo.deadline
    }

    private mutating func put(_ entry: Entry?, at key: ExactString) {
        let before = entries[key]
        byteCount += (entry?.byteCount ?? 0) - (before?.byteCount ?? 0)
        entries[key] = entry
        if let before, Self.lapse(of: before, key) == deadline {
            deadline = entries.compactMap { Self.lapse(of: $0.value, $0.key) }.min() ?? ThreadStateMachine.never
        } else if let entry, let lapse = Self.lapse(of: entry, key) {
            deadline = min(deadline, lapse)
        }
    }
}
