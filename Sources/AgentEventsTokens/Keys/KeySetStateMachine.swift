/// Decides when the keys of an issuer are fetched, and what is said about a key meanwhile.
///
///     none ── fetched ──> known ── 24 hours without a fetch that succeeds ──> too old ── fetched ──> known
///
///     idle ── due, a key is missing that may be new, or reload ──> fetching ── fetched, failed ──> idle
///                                                     └── reload meanwhile: fetched, failed ──> fetching
///
/// A fetch is due ten minutes after one that succeeded, and one minute after one that failed. A key that is missing brings it
/// forward, but to no less than a minute after the last one: otherwise tokens with invented keys would make this service
/// hammer its issuer. A reload, which the operator asks for, fetches at once, and once more when a fetch is under way: that one may
/// bring what was there before. Times are those of a monotonic clock.
package struct KeySetStateMachine: Sendable {
    package static let interval: Duration = .seconds(600)
    package static let minimumInterval: Duration = .seconds(60)
    /// The time for which keys count although no fetch succeeds.
    package static let retention: Duration = .seconds(24 * 3600)

    private enum Fetch: Equatable {
        case idle
        case requested
        case fetching
    }

    private var table: KeyTable?
    private var fetchedAt: Duration?
    private var attemptedAt: Duration?
    private var hasFailed = false
    private var fetch = Fetch.idle
    private var isReloadWaiting = false
    /// Whether the fetch that is under way is that of a reload.
    package private(set) var isReloading = false
    /// Rises with the end of each fetch.
    package private(set) var fetchCount: UInt64 = 0

    package init() {}

    package enum Answer: Sendable {
        case key(TokenKey)
        /// There are several keys, and the token names none.
        case nameNeeded
        /// The issuer has no such key.
        case unknown
        /// It cannot be said at the moment.
        case unavailable
        /// It can be said once a fetch has ended: when ``fetchCount`` is another.
        case wait
    }

    /// A token names a key, or none.
    package mutating func find(_ id: String?, at now: Duration) -> Answer {
        guard let table, let fetchedAt, now - fetchedAt <= Self.retention else {
            return request(at: now) ? .wait : .unavailable
        }
        switch table.find(id) {
        case .key(let key): return .key(key)
        case .nameNeeded: return .nameNeeded
        case .unknown:
            if request(at: now) { return .wait }
            return hasFailed ? .unavailable : .unknown
        }
    }

    /// - Returns: whether a fetch is under way, or about to be.
    private mutating func request(at now: Duration) -> Bool {
        switch fetch {
        case .requested, .fetching: return true
        case .idle:
            if let attemptedAt, now - attemptedAt < Self.minimumInterval { return false }
            fetch = .requested
            return true
        }
    }

    /// The operator asks for a fetch, however long ago the last one was.
    package mutating func reload() {
        isReloadWaiting = true
        if fetch == .idle { fetch = .requested }
    }

    package enum NextAction: Equatable, Sendable {
        /// Fetch; ``fetched(_:at:)`` or ``failed()`` follows.
        case fetch
        /// Ask again after this time, or when a key was missing.
        case sleep(Duration)
    }

    /// Asked by the one that fetches.
    package mutating func next(at now: Duration) -> NextAction {
        switch fetch {
        case .fetching:
            preconditionFailure("one fetch is under way at a time")
        case .requested:
            break
        case .idle:
            let due = attemptedAt.map { $0 + (hasFailed ? Self.minimumInterval : Self.interval) } ?? now
            guard due <= now else { return .sleep(due - now) }
        }
        fetch = .fetching
        isReloading = isReloadWaiting
        isReloadWaiting = false
        attemptedAt = now
        return .fetch
    }

    /// The issuer has answered.
    ///
    /// - Returns: the keys that it had and has no longer: their tokens are revoked.
    package mutating func fetched(_ new: KeyTable, at now: Duration) -> Set<TokenKey.Name> {
        defer {
            table = new
            fetchedAt = now
            end(failed: false)
        }
        return table?.names(notIn: new) ?? []
    }

    /// There was no answer, or none of use.
    package mutating func failed() { end(failed: true) }

    private mutating func end(failed: Bool) {
        hasFailed = failed
        fetch = isReloadWaiting ? .requested : .idle
        isReloading = false
        fetchCount += 1
    }

    /// The time since the keys were fetched; `nil` before.
    package func age(at now: Duration) -> Duration? { fetchedAt.map { now - $0 } }
}
