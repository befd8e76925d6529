/// The idempotency keys of an in-memory log. Each counts for 24 hours, and is forgotten by a later commit.
struct InMemoryKeys: Sendable {
    private struct Name: Hashable, Sendable {
        let thread: ThreadID
        let key: IdempotencyKey
    }

    private struct Known: Sendable {
        let ids: RisingIDs
        let digest: RequestDigest?
        let time: Timestamp
    }

    static let lifetimeMilliseconds: Int64 = 24 * 60 * 60 * 1000
    /// The approximate cost of a key in addition to its text, and of a gap in its ids.
    private static let overhead = 128
    private static let gapByteCount = 16

    private var known: [Name: Known] = [:]
    /// In the order in which they came.
    private var order = Deque<(name: Name, time: Timestamp, byteCount: Int)>()

    /// The number of bytes of keys, approximately.
    private(set) var byteCount = 0

    /// - Returns: how many bytes keys take, about.
    /// - Throws: `log.conflict` when ids are none that a request can have.
    static func byteCount(of keys: [KeyedEvents]) throws(EventLogError) -> Int {
        var byteCount = 0
        for keyed in keys {
            guard let ids = RisingIDs(keyed.ids) else {
                throw EventLogError(.conflict, "the key \(keyed.key) has no events, or their ids do not rise")
            }
            byteCount += self.byteCount(of: keyed.key, ids)
        }
        return byteCount
    }

    private static func byteCount(of key: IdempotencyKey, _ ids: RisingIDs) -> Int {
        key.rawValue.utf8.count + overhead + ids.gaps.count * gapByteCount
    }

    /// Takes over a key whose bytes were counted.
    mutating func append(_ keyed: KeyedEvents, time: Timestamp) {
        guard let ids = RisingIDs(keyed.ids) else { preconditionFailure("its bytes were counted, so its ids rise") }
        let name = Name(thread: keyed.thread, key: keyed.key)
        let byteCount = Self.byteCount(of: keyed.key, ids)
        known[name] = Known(ids: ids, digest: keyed.digest, time: time)
        order.append((name, time, byteCount))
        self.byteCount += byteCount
    }

    /// Forgets keys that no longer count.
    mutating func forget(at now: Timestamp) {
        while let (name, time, byteCount) = order.first, !Self.isUnexpired(time, at: now) {
            _ = order.popFirst()
            // It may have been used again since.
            if known[name]?.time == time { known[name] = nil }
            self.byteCount -= byteCount
        }
    }

    /// Forgets the keys of a thread.
    mutating func forget(_ thread: ThreadID) {
        known = known.filter { $0.key.thread != thread }
        var kept = Deque<(name: Name, time: Timestamp, byteCount: Int)>()
        while let next = order.popFirst() {
            if next.name.thread == thread {
                byteCount -= next.byteCount
            } else {
                kept.append(next)
            }
        }
        order = kept
    }

    func request(with key: IdempotencyKey, in thread: ThreadID, at now: Timestamp) -> RecalledRequest? {
        guard let known = known[Name(thread: thread, key: key)], Self.isUnexpired(known.time, at: now) else {
            return nil
        }
        return RecalledRequest(ids: known.ids.ids, digest: known.digest)
    }

    private static func isUnexpired(_ time: Timestamp, at now: Timestamp) -> Bool {
        time.milliseconds > now.milliseconds - lifetimeMilliseconds
    }
}
