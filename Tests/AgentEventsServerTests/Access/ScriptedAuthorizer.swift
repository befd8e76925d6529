import AgentEvents
import AgentEventsHub
import Synchronization
import Testing

/// An authorizer that a test answers for: at once with what is set, or, for threads that are held, when it is told to.
final class ScriptedAuthorizer: Authorizer {
    struct Broken: Error {}

    private struct State {
        var answer: @Sendable (RightsRequest) throws -> Rights
        var held: Set<ThreadID> = []
        var waiting: [(request: RightsRequest, continuation: CheckedContinuation<Void, Never>)] = []
        var requests: [RightsRequest] = []
    }

    private let state: Mutex<State>

    init(_ answer: @escaping @Sendable (RightsRequest) throws -> Rights) { state = Mutex(State(answer: answer)) }

    /// Everything that was asked.
    var requests: [RightsRequest] { state.withLock { $0.requests } }
    /// How many questions wait.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    func set(_ answer: @escaping @Sendable (RightsRequest) throws -> Rights) { state.withLock { $0.answer = answer } }

    /// Questions about a thread wait from now on. A cancellation does not end the wait.
    func hold(_ thread: ThreadID) { _ = state.withLock { $0.held.insert(thread) } }

    /// All questions are answered.
    func release() {
        let waiting = state.withLock { state in
            state.held = []
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.continuation.resume() }
    }

    func rights(_ request: RightsRequest) async throws -> Rights {
        await withCheckedContinuation { continuation in
            let waits = state.withLock { state in
                state.requests.append(request)
                guard state.held.contains(request.thread) else { return false }
                state.waiting.append((request, continuation))
                return true
            }
            if !waits { continuation.resume() }
        }
        return try state.withLock { $0.answer }(request)
    }
}

/// Gives other tasks their turn until a condition holds, for ten minutes at most.
func wait(
    for what: String,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + .seconds(600)
    while try await !condition() {
        try #require(ContinuousClock.now < deadline, "waited for \(what)", sourceLocation: sourceLocation)
        await Task.yield()
    }
}
