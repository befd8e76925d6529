import AgentEvents
import AgentEventsHub
import AgentEventsServer
import Synchronization

/// Says back what it was asked.
struct EchoAgent: ServedAgent {
    var name: AgentName = "echo"

    func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? {
        try await run.think("what was that?")
        try await run.say(prompt.text)
        return ["length": .integer(prompt.text.count)]
    }
}

/// Returns what came with the question.
struct DataAgent: ServedAgent {
    var name: AgentName = "data"

    func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? { prompt.data }
}

/// Returns nothing.
struct SilentAgent: ServedAgent {
    var name: AgentName = "silent"

    func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? { nil }
}

/// Waits until its task is cancelled.
struct WaitingAgent: ServedAgent {
    var name: AgentName = "waiting"

    func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? {
        let (stream, _) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        try await run.flush()
        for await _ in stream {}
        try Task.checkCancellation()
        return nil
    }
}

/// Asks for a token that names the user: `u_1`, or `u_1/emit` with another scope. The users are backends, so that tests
/// choose the ids of threads: each for itself, the one named `backend` for everybody.
struct NamingAuthenticator: Authenticator {
    var needsCredentials: Bool { true }

    func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
        guard let token = credentials.token else { throw AuthenticationError(.missing, "send a token") }
        let parts = token.split(separator: "/")
        guard let name = parts.first, let user = try? UserID(name) else {
            throw AuthenticationError(.invalid, "that token is none")
        }
        let scopes = parts.dropFirst().compactMap { Scope(rawValue: String($0)) }
        return Principal(
            user: user, scopes: scopes.isEmpty ? [.read, .command, .open] : Set(scopes),
            actsAs: user == "backend" ? .everybody : .listed([user]))
    }
}
