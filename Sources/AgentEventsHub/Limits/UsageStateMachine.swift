/// Keeps in mind what each of many keys (addresses, users) uses, and decides whether it may use more.
///
///     unknown ── first use ──> known ── no connection, and all tokens are back ──> forgotten, when there is no room
///
/// Bounded: when there is no room for a further key it is not tracked, and everything passes.
package struct UsageStateMachine<Key: Hashable & Sendable>: Sendable {
    private struct Entry {
        var connectionCount = 0
        /// One for each rate, once it was used.
        var uses: [Use?]
    }

    private struct Use {
        var bucket: TokenBucket
        /// The number by which the rate is multiplied.
        var factor: Int
    }

    package enum Verdict: Hashable, Sendable {
        case allowed
        /// - Parameters:
        ///   - rate: which of the rates is exceeded; `nil` for the number of connections.
        ///   - retryAfterMilliseconds: the time after which it would be allowed, as far as it is known.
        case refused(rate: Int?, retryAfterMilliseconds: Int64?)
        /// There is no room to count for this key: it may, and is not counted.
        case untracked
    }

    private var rates: [RateLimit?]
    private var maximumConnectionCount: Int?
    private var capacity: Int
    private var entries: [Key: Entry] = [:]
    private var lastSweep: Int64?
    private static var sweepInterval: Int64 { 1000 }

    /// - Parameters:
    ///   - rates: by the numbers with which they are used; `nil` for one that does not count.
    ///   - maximumConnectionCount: of one key; `nil` for any number.
    ///   - capacity: the largest number of keys; at least 1.
    package init(rates: [RateLimit?], maximumConnectionCount: Int?, capacity: Int) {
        self.rates = rates
        self.maximumConnectionCount = maximumConnectionCount
        self.capacity = max(1, capacity)
    }

    /// Other limits count from now on. Connections are counted as before, and what was used of a rate is used of the one that has its
    /// number now.
    package mutating func replace(rates new: [RateLimit?], maximumConnectionCount: Int?, capacity: Int, at now: Int64) {
        let rates = rates
        for key in entries.keys {
            guard let uses = entries[key]?.uses else { continue }
            entries[key]?.uses = new.indices.map { number in
                guard let rate = new[number], number < rates.count, let old = rates[number], var use = uses[number]
                else { return nil }
                use.bucket.change(from: old.times(use.factor), to: rate.times(use.factor), at: now)
                return use
            }
        }
        self.rates = new
        self.maximumConnectionCount = maximumConnectionCount
        self.capacity = max(1, capacity)
    }

    /// The number of keys that are kept in mind.
    package var count: Int { entries.count }

    /// A use of several rates at once: of all or of none.
    ///
    /// - Parameters:
    ///   - used: the numbers of the rates.
    ///   - factor: how much more often the key may.
    package mutating func take(_ used: [Int], by key: Key, factor: Int = 1, at now: Int64) -> Verdict {
        guard used.contains(where: { rate($0) != nil }) else { return .allowed }
        guard makeRoom(for: key, at: now) else { return .untracked }
        if let refusal = refusal(of: used, key, factor, now) { return refusal }
        for number in used {
            guard let rate = rate(number)?.times(factor) else { continue }
            _ = entries[key]?.uses[number]?.bucket.take(at: now, rate)
        }
        return .allowed
    }

    /// Whether a use of several rates would be allowed now. Nothing is taken.
    package mutating func check(_ used: [Int], by key: Key, at now: Int64) -> Verdict {
        guard entries[key] != nil else { return .allowed }
        return refusal(of: used, key, 1, now) ?? .allowed
    }

    /// - Returns: `nil` for one that does not count, or that was there before ``replace(rates:maximumConnectionCount:capacity:at:)``
    ///   and is not any longer: the caller has yet to see that.
    private func rate(_ number: Int) -> RateLimit? { number < rates.count ? rates[number] : nil }

    private mutating func refusal(of used: [Int], _ key: Key, _ factor: Int, _ now: Int64) -> Verdict? {
        for number in used {
            guard let rate = rate(number)?.times(factor) else { continue }
            if entries[key]?.uses[number] == nil {
                entries[key]?.uses[number] = Use(bucket: TokenBucket(rate, at: now), factor: factor)
            }
            entries[key]?.uses[number]?.factor = factor
            if let wait = entries[key]?.uses[number]?.bucket.wait(at: now, rate) {
                return .refused(rate: number, retryAfterMilliseconds: wait)
            }
        }
        return nil
    }

    /// A connection of the key begins. One that is allowed ends with ``disconnect(_:)``.
    ///
    /// - Parameter used: the rates that it counts for.
    package mutating func connect(_ key: Key, _ used: [Int], at now: Int64) -> Verdict {
        guard makeRoom(for: key, at: now) else { return .untracked }
        if let maximumConnectionCount, entries[key]?.connectionCount ?? 0 >= maximumConnectionCount {
            return .refused(rate: nil, retryAfterMilliseconds: nil)
        }
        let verdict = take(used, by: key, at: now)
        if verdict == .allowed { entries[key]?.connectionCount += 1 }
        return verdict
    }

    /// A connection is counted although it is one too many: limits are only tried out.
    package mutating func connectAnyway(_ key: Key) { entries[key]?.connectionCount += 1 }

    package mutating func disconnect(_ key: Key) {
        guard let count = entries[key]?.connectionCount, count > 0 else { return }
        entries[key]?.connectionCount = count - 1
    }

    /// - Returns: whether the key has an entry.
    private mutating func makeRoom(for key: Key, at now: Int64) -> Bool {
        if entries[key] != nil { return true }
        if entries.count >= capacity { sweep(at: now) }
        guard entries.count < capacity else { return false }
        entries[key] = Entry(uses: Array(repeating: nil, count: rates.count))
        return true
    }

    /// Forgets keys of which nothing is known but that they may do everything. Not at each call, since it looks at all.
    private mutating func sweep(at now: Int64) {
        if let lastSweep, now - lastSweep < Self.sweepInterval { return }
        lastSweep = now
        entries = entries.filter { _, entry in
            guard entry.connectionCount == 0 else { return true }
            return !zip(entry.uses, rates).allSatisfy { use, rate in
                guard var use, let rate else { return true }
                return use.bucket.isFull(at: now, rate.times(use.factor))
            }
        }
    }
}
