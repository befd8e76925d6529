import AgentEvents
import Synchronization

/// Computes values of threads, one at a time for each thread: callers that ask in the meantime share the next computation.
/// Any number of callers at once cost two computations, and each gets a value that has everything committed before its
/// call. Carries out what ``CoalescingStateMachine`` decides.
final class SharedComputations<Value: Sendable>: Sendable {
    private enum Turn: Sendable {
        case compute
        case use(Result<Value, EventLogError>)
    }

    private let machine = Mutex(CoalescingStateMachine<CheckedContinuation<Turn, Never>>())

    /// - Parameter work: called by one of the callers that ask at the same time, for all of them.
    func value(
        of thread: ThreadID,
        _ work: () async throws(EventLogError) -> Value
    ) async throws(EventLogError) -> Value {
        var turn = Turn.compute
        if case .wait = machine.withLock({ $0.join(thread, waiter: nil) }) {
            turn = await withCheckedContinuation { continuation in
                let action = machine.withLock { $0.join(thread, waiter: continuation) }
                if case .compute = action { continuation.resume(returning: .compute) }
            }
        }
        switch turn {
        case .use(let result): return try result.get()
        case .compute: return try await compute(thread, work)
        }
    }

    private func compute(
        _ thread: ThreadID,
        _ work: () async throws(EventLogError) -> Value
    ) async throws(EventLogError) -> Value {
        let result: Result<Value, EventLogError>
        do throws(EventLogError) {
            result = .success(try await work())
        } catch {
            result = .failure(error)
        }
        let completion = machine.withLock { $0.complete(thread) }
        for waiter in completion.waiters { waiter.resume(returning: .use(result)) }
        completion.next?.resume(returning: .compute)
        return try result.get()
    }
}
