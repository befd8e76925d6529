/// Holds emissions with the same idempotency key apart, and answers those that come again before the log can.
///
/// ```
///          begin: lookUp                 finish: accepted
///   free ───────────────> looking up ───────────────────> accepted ── committed ──> free (the log knows the key)
///    ^                      │  begin: wait                  begin: repeated, conflict
///    └──────────────────────┘
///        finish: not accepted
/// ```
///
/// While a key is looked up and its emission is decided, others with the key wait, and then begin again. An accepted
/// emission is kept until it is committed; how many there are is bounded by what may wait for the log.
///
/// It is generic over what a waiting task is, so that it can be tested without tasks.
package struct KeyedEmissionsStateMachine<Waiter>: ~Copyable {
    private struct Accepted {
        var receipt: EmitReceipt
        var digest: RequestDigest
    }

    private var lookingUp: [IdempotencyKey: [Waiter]] = [:]
    private var accepted: [IdempotencyKey: Accepted] = [:]
    /// The keys of ``accepted`` in the order of their positions.
    private var order = Deque<(key: IdempotencyKey, position: UInt64)>()

    package init() {}

    /// The number of accepted emissions that are kept.
    package var acceptedCount: Int { accepted.count }
    /// The number of emissions that wait for another one with their key.
    package var waiterCount: Int { lookingUp.values.reduce(0) { $0 + $1.count } }

    package enum BeginAction: Equatable {
        /// Look the key up in the log, emit if it does not know it, and say how that ended:
        /// ``finish(_:accepted:_:committedThrough:)``.
        case lookUp
        /// Another emission with the key is under way: wait, then begin again.
        case wait
        /// The emission was accepted before.
        case repeated(EmitReceipt)
        /// The key stands for another emission, with these events.
        case conflict(ids: [EventID])
    }

    /// An emission with a key begins.
    package mutating func begin(_ key: IdempotencyKey, _ digest: RequestDigest) -> BeginAction {
        if let known = accepted[key] {
            return known.digest == digest ? .repeated(known.receipt.repeated) : .conflict(ids: known.receipt.ids)
        }
        guard lookingUp[key] == nil else { return .wait }
        lookingUp[key] = []
        return .lookUp
    }

    /// An emission was told to wait.
    ///
    /// - Returns: whether it does; `false` when there is nothing to wait for any longer.
    package mutating func wait(for key: IdempotencyKey, _ waiter: Waiter) -> Bool {
        guard let index = lookingUp.index(forKey: key) else { return false }
        lookingUp.values[index].append(waiter)
        return true
    }

    /// The look-up of a key has ended without an acceptance: the log knows the key, or the emission was refused.
    ///
    /// - Returns: the emissions that waited.
    package mutating func finish(_ key: IdempotencyKey) -> [Waiter] { lookingUp.removeValue(forKey: key) ?? [] }

    /// The emission with a key was accepted.
    ///
    /// - Parameter position: up to where everything is committed; what was accepted before is forgotten, because the
    ///   log knows it.
    /// - Returns: the emissions that waited.
    package mutating func finish(
        _ key: IdempotencyKey,
        accepted receipt: EmitReceipt,
        _ digest: RequestDigest,
        committedThrough position: UInt64
    ) -> [Waiter] {
        forget(committedThrough: position)
        accepted[key] = Accepted(receipt: receipt, digest: digest)
        order.append((key, receipt.position))
        return finish(key)
    }

    private mutating func forget(committedThrough position: UInt64) {
        while let first = order.first, first.position <= position {
            _ = order.popFirst()
            accepted[first.key] = nil
        }
    }
}
