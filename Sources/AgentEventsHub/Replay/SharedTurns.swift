import AgentEvents
import Synchronization

/// Has something worked out about threads, one at a time for each: whoever asks in the meantime shares the next turn, so
/// that any number of those who ask at once cost two turns, and each gets what has everything committed before.
final class SharedTurns<Value: Sendable>: Sendable {
    private enum Turn: Sendable {
        case lead
        case take(Result<Value, EventLogError>)
    }

    private let flights = Mutex(ThreadFlights<CheckedContinuation<Turn, Never>>())

    /// - Parameter work: called by one of those who ask at the same time, for all of them.
    func value(
        of thread: ThreadID,
        _ work: () async throws(EventLogError) -> Value
    ) async throws(EventLogError) -> Value {
        var turn = Turn.lead
        if case .wait = flights.withLock({ $0.join(thread, waiter: nil) }) {
            turn = await withCheckedContinuation { continuation in
                let action = flights.withLock { $0.join(thread, waiter: continuation) }
                if case .lead = action { continuation.resume(returning: .lead) }
            }
        }
        switch turn {
        case .take(let result): return try result.get()
        case .lead: return try await lead(thread, work)
        }
    }

    private func lead(
        _ thread: ThreadID,
        _ work: () async throws(EventLogError) -> Value
    ) async throws(EventLogError) -> Value {
        let result: Result<Value, EventLogError>
        do throws(EventLogError) {
            result = .success(try await work())
        } catch {
            result = .failure(error)
        }
        let landing = flights.withLock { $0.land(thread) }
        for member in landing.members { member.resume(returning: .take(result)) }
        landing.leader?.resume(returning: .lead)
        return try result.get()
    }
}
