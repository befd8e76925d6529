import AgentEvents

/// Idempotency keys that are in no file of the index yet.
struct PendingKeys: Sendable {
    private struct Name: Hashable {
        let thread: UInt64
        let key: IdempotencyKey
    }

    private var byName: [Name: PlannedKey] = [:]
    private var order = Deque<PlannedKey>()
    private var takenCount = 0

    /// The number of keys that are pending and not about to be written.
    var count: Int { order.count - takenCount }

    subscript(thread: UInt64, key: IdempotencyKey) -> PlannedKey? { byName[Name(thread: thread, key: key)] }

    mutating func append(_ key: PlannedKey) {
        byName[Name(thread: key.thread, key: key.key)] = key
        order.append(key)
    }

    /// Forgets the keys of a thread. None is about to be written.
    mutating func forget(thread: UInt64) {
        precondition(takenCount == 0, "keys are forgotten between two updates")
        byName = byName.filter { $0.key.thread != thread }
        var kept = Deque<PlannedKey>()
        while let key = order.popFirst() {
            if key.thread != thread { kept.append(key) }
        }
        order = kept
    }

    /// All of them, to be written.
    mutating func take() -> [PlannedKey] {
        takenCount = order.count
        return Array(order)
    }

    /// The keys that were taken are in the file.
    mutating func removeTaken() {
        for _ in 0..<takenCount {
            guard let key = order.popFirst() else { preconditionFailure("what was taken is still here") }
            let name = Name(thread: key.thread, key: key.key)
            if byName[name] == key { byName[name] = nil }
        }
        takenCount = 0
    }
}
