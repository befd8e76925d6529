import AgentEventsClient
import AgentEventsHub
import Synchronization

/// The way of one application to the service: connections that the schedule opens, serves in any order, and breaks.
final class SimulatedNetwork: StreamConnector {
    private struct Attempt {
        var number: UInt64
        var continuation: CheckedContinuation<SimulatedLink, any Error>
    }

    private struct State {
        var attempts: [Attempt] = []
        var lastNumber: UInt64 = 0
        var links: [SimulatedLink] = []
    }

    private let state = Mutex(State())

    // MARK: The schedule's side

    var isConnecting: Bool { state.withLock { !$0.attempts.isEmpty } }

    /// The connections that one side or both still have to do with.
    var links: [SimulatedLink] {
        state.withLock { state in
            state.links.removeAll { !$0.isOfInterest }
            return state.links
        }
    }

    /// One of the attempts ends.
    func connect(_ choice: UInt64, _ result: Result<SimulatedLink, AgentEventsClientError>) {
        let attempt: Attempt? = state.withLock { state in
            guard !state.attempts.isEmpty else { return nil }
            if case .success(let link) = result { state.links.append(link) }
            return state.attempts.remove(at: Int(choice % UInt64(state.attempts.count)))
        }
        attempt?.continuation.resume(with: result.mapError { $0 })
    }

    /// Every connection breaks, and every attempt fails.
    func cut(keeping count: Int) {
        let attempts = state.withLock { state in
            defer { state.attempts = [] }
            return state.attempts
        }
        for link in links where link.isOpen { link.cut(tellsService: true, keeping: count) }
        for attempt in attempts {
            attempt.continuation.resume(throwing: AgentEventsClientError(.unreachable, "nobody answers"))
        }
    }

    // MARK: StreamConnector

    func withConnection<Result: Sendable>(
        _ body: (StreamConnection) async throws -> Result
    ) async throws -> Result {
        let link = try await open()
        defer { link.leave() }
        return try await body(StreamConnection(link))
    }

    private func open() async throws -> SimulatedLink {
        let number = state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isCancelled = state.withLock { state in
                    if Task.isCancelled { return true }
                    state.attempts.append(Attempt(number: number, continuation: continuation))
                    return false
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            let attempt: Attempt? = state.withLock { state in
                state.attempts.firstIndex { $0.number == number }.map { state.attempts.remove(at: $0) }
            }
            attempt?.continuation.resume(throwing: CancellationError())
        }
    }
}
