/// Decides which readers are told of a value that changes: each gets the latest one it has not seen. Values in between
/// are left out, so nothing piles up.
///
///     the value:   first ── set ──> newer ── set ──> newer … ── finish ──> finished (the latest value stays)
///
///     a reader:    next ── a newer version ──> gets it
///                   ├── none ──> waits ── set, finish or cancel ──> asks again
///                   └── none, and finished ──> ends
package struct LatestValueStateMachine<Value, Waiter>: ~Copyable {
    private var value: Value
    private var version = 0
    private var waiters: [Int: Waiter] = [:]
    private var lastWaiter = 0
    private var isFinished = false

    package init(_ value: Value) { self.value = value }

    package var latest: Value { value }

    /// - Parameter newVersion: rises with each value; an older one than the latest is late, and of no interest.
    /// - Returns: the readers that wait for the value.
    package mutating func set(_ newValue: Value, version newVersion: Int) -> [Waiter] {
        guard !isFinished, newVersion > version else { return [] }
        value = newValue
        version = newVersion
        return takeWaiters()
    }

    /// No further value will come.
    ///
    /// - Returns: the readers that wait for one.
    package mutating func finish() -> [Waiter] {
        isFinished = true
        return takeWaiters()
    }

    private mutating func takeWaiters() -> [Waiter] {
        defer { waiters = [:] }
        return waiters.sorted { $0.key < $1.key }.map(\.value)
    }

    package enum NextAction {
        case give(Value, version: Int)
        case wait
        case end
    }

    /// - Parameter version: of the value that the reader has seen; `nil` when it has seen none.
    package func next(after version: Int?) -> NextAction {
        if let version, version >= self.version { return isFinished ? .end : .wait }
        return .give(value, version: self.version)
    }

    /// Names a reader that is about to wait.
    package mutating func nextWaiter() -> Int {
        lastWaiter += 1
        return lastWaiter
    }

    /// A reader waits; to be called directly after ``next(after:)`` said so.
    package mutating func wait(_ waiter: Waiter, name: Int) { waiters[name] = waiter }

    /// A reader has stopped waiting.
    package mutating func cancel(_ name: Int) -> Waiter? { waiters.removeValue(forKey: name) }
}
