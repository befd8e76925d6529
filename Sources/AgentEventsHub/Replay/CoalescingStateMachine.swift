import AgentEvents

/// Decides who computes a value of a thread, and who waits for it: one at a time for each thread. Those who ask while a
/// value is computed share the next computation, so everyone gets a value that has everything committed before they asked.
///
///     nothing --join: compute--> computing --complete: no `next`--> nothing
///                                computing --join: wait, into `next`--> computing
///                                computing --complete: the first of `next` computes, the others become `waiters`--> computing
struct CoalescingStateMachine<Waiter> {
    private struct Computation {
        /// Get the value that is being computed.
        var waiters: [Waiter] = []
        /// Asked too late for it.
        var next: [Waiter] = []
    }

    private var computations: [ThreadID: Computation] = [:]

    enum JoinAction: Equatable {
        /// The caller computes the value, and then calls ``complete(_:)``.
        case compute
        /// The caller waits to be resumed.
        case wait
    }

    /// - Parameter waiter: kept when the answer is `wait`; without one nothing changes then.
    mutating func join(_ thread: ThreadID, waiter: Waiter?) -> JoinAction {
        guard computations[thread] != nil else {
            computations[thread] = Computation()
            return .compute
        }
        if let waiter { computations[thread]?.next.append(waiter) }
        return .wait
    }

    struct Completion {
        /// Get the value.
        var waiters: [Waiter]
        /// Computes the next one; `nil` when nobody asked for it.
        var next: Waiter?
    }

    /// A computation has ended, in a value or an error.
    mutating func complete(_ thread: ThreadID) -> Completion {
        guard var computation = computations[thread] else { preconditionFailure("only what was begun is completed") }
        let waiters = computation.waiters
        guard !computation.next.isEmpty else {
            computations[thread] = nil
            return Completion(waiters: waiters, next: nil)
        }
        let next = computation.next.removeFirst()
        computation.waiters = computation.next
        computation.next = []
        computations[thread] = computation
        return Completion(waiters: waiters, next: next)
    }

    var isEmpty: Bool { computations.isEmpty }
}
