package import AgentEvents
package import AgentEventsHub
import Synchronization

/// An authorizer that a test answers for: at once with what is set, or, for threads that are held, when it is told to.
package final class ScriptedAuthorizer: Authorizer {
    package struct Broken: Error {
        package init() {}
    }

    private struct State {
        var answer: @Sendable (RightsRequest) throws -> Rights
        var held: Set<ThreadID> = []
        var waiting: [(request: RightsRequest, continuation: CheckedContinuation<Void, Never>)] = []
        var requests: [RightsRequest] = []
    }

    private let state: Mutex<State>

    package init(_ answer: @escaping @Sendable (RightsRequest) throws -> Rights) {
        state = Mutex(State(answer: answer))
    }

    /// Everything that was asked.
    package var requests: [RightsRequest] { state.withLock { $0.requests } }
    /// The number of questions that wait.
    package var waitingCount: Int { state.withLock { $0.waiting.count } }

    package func set(_ answer: @escaping @Sendable (RightsRequest) throws -> Rights) {
        state.withLock { $0.answer = answer }
    }

    /// Questions about a thread wait from now on. A cancellation does not end the wait.
    package func hold(_ thread: ThreadID) { _ = state.withLock { $0.held.insert(thread) } }

    /// All questions are answered.
    package func release() {
        let waiting = state.withLock { state in
            state.held = []
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.continuation.resume() }
    }

    package func rights(_ request: RightsRequest) async throws -> Rights {
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
