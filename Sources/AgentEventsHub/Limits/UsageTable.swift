import Synchronization

/// What each of many keys uses, for all threads of the process. It is in parts, so that few wait for each other.
package final class UsageTable<Key: Hashable & Sendable>: Sendable {
    private final class Part: Sendable {
        let machine: Mutex<UsageStateMachine<Key>>

        init(_ machine: UsageStateMachine<Key>) { self.machine = Mutex(machine) }
    }

    private let parts: [Part]
    private static var partCount: Int { 64 }

    /// - Parameter capacity: the largest number of keys, approximately.
    package init(rates: [RateLimit?], maximumConnectionCount: Int?, capacity: Int) {
        parts = (0..<Self.partCount).map { _ in
            Part(
                UsageStateMachine(
                    rates: rates, maximumConnectionCount: maximumConnectionCount,
                    capacity: Self.part(of: capacity)))
        }
    }

    /// The number of keys that are kept in mind.
    package var count: Int { parts.reduce(0) { $0 + $1.machine.withLock { $0.count } } }

    /// Other limits count from now on.
    package func replace(rates: [RateLimit?], maximumConnectionCount: Int?, capacity: Int, at now: Int64) {
        for part in parts {
            part.machine.withLock {
                $0.replace(
                    rates: rates, maximumConnectionCount: maximumConnectionCount, capacity: Self.part(of: capacity),
                    at: now)
            }
        }
    }

    private static func part(of capacity: Int) -> Int { (capacity + partCount - 1) / partCount }

    package func with<Result: Sendable>(
        _ key: Key,
        _ body: (inout UsageStateMachine<Key>) -> Result
    ) -> Result {
        parts[Int(UInt(bitPattern: key.hashValue) % UInt(Self.partCount))].machine.withLock { body(&$0) }
    }
}
