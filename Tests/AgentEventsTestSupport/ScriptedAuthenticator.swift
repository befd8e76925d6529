package import AgentEventsHub
import Synchronization

/// An authenticator whose tokens are names: each stands for the principal that a test has given it.
package final class ScriptedAuthenticator: Authenticator {
    private struct State {
        var principals: [String: Principal]
        var isHeld = false
        var waiting: [CheckedContinuation<Void, Never>] = []
        var tokens: [String?] = []
    }

    private let state: Mutex<State>

    package init(_ principals: [String: Principal] = [:]) { state = Mutex(State(principals: principals)) }

    package var needsCredentials: Bool { true }

    /// All tokens that were shown.
    package var tokens: [String?] { state.withLock { $0.tokens } }
    /// The number of those that wait.
    package var waitingCount: Int { state.withLock { $0.waiting.count } }

    package subscript(token: String) -> Principal? {
        get { state.withLock { $0.principals[token] } }
        set { state.withLock { $0.principals[token] = newValue } }
    }

    /// Whoever comes waits from now on.
    package func hold() { state.withLock { $0.isHeld = true } }

    package func release() {
        let waiting = state.withLock { state in
            state.isHeld = false
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.resume() }
    }

    package func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
        await withCheckedContinuation { continuation in
            let waits = state.withLock { state in
                state.tokens.append(credentials.token)
                if state.isHeld { state.waiting.append(continuation) }
                return state.isHeld
            }
            if !waits { continuation.resume() }
        }
        guard let token = credentials.token else { throw AuthenticationError(.missing, "there is no token") }
        guard let principal = self[token] else { throw AuthenticationError(.invalid, "there is no such token") }
        return principal
    }
}
