/// The idempotency keys of an in-memory log. Each counts for 24 hours, and is forgotten by a later commit.
struct InMemoryKeys: Sendable {
    private struct Name: Hashable, Sendable {
        let thread: ThreadID
        let key: IdempotencyKey
    }

    private struct Known: Sendable {
        /// Rising by one from there.
        let first: EventID
        let count: Int
        let time: Timestamp
    }

    static let lifetimeMilliseconds: Int64 = 24 * 60 * 60 * 1000
    /// What a key costs beside its text, about.
    private static let overhead = 128

    private var known: [Name: Known] = [:]
    /// In the order in which they came; those before ``start`` are forgotten.
    private var order: [(name: Name, time: Timestamp)] = []
    private var start = 0

    /// How many bytes are taken for keys, about.
    private(set) var byteCount = 0

    static func byteCount(of keys: [KeyedEvents]) -> Int { keys.reduce(0) { $0 + byteCount(of: $1.key) } }

    private static func byteCount(of key: IdempotencyKey) -> Int { key.rawValue.utf8.count + overhead }

    mutating func append(_ keyed: KeyedEvents, time: Timestamp) {
        guard let first = keyed.ids.first else { return }
        let name = Name(thread: keyed.thread, key: keyed.key)
        known[name] = Known(first: first, count: keyed.ids.count, time: time)
        order.append((name, time))
        byteCount += Self.byteCount(of: keyed.key)
    }

    /// Forgets keys that do not count any more.
    mutating func forget(at now: Timestamp) {
        while start < order.count, !Self.counts(order[start].time, at: now) {
            let (name, time) = order[start]
            // It may have been used again since.
            if known[name]?.time == time { known[name] = nil }
            byteCount -= Self.byteCount(of: name.key)
            start += 1
        }
        guard start * 2 > order.count else { return }
        order.removeFirst(start)
        start = 0
    }

    func ids(of key: IdempotencyKey, in thread: ThreadID, at now: Timestamp) -> [EventID]? {
        guard let known = known[Name(thread: thread, key: key)], Self.counts(known.time, at: now) else { return nil }
        return (0..<UInt64(known.count)).map {
            EventID(generation: known.first.generation, sequence: known.first.sequence + $0)
        }
    }

    private static func counts(_ time: Timestamp, at now: Timestamp) -> Bool {
        time.milliseconds > now.milliseconds - lifetimeMilliseconds
    }
}
