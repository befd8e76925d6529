import AgentEvents
import AgentEventsHub
import AgentEventsServer
import NIOCore
import Synchronization

/// The sessions of Engine.IO of a service, by their ids. Those whose client has not said who it is count like connections without
/// credentials: the oldest has to make room.
final class EngineSessions: Sendable {
    struct Entry: Sendable {
        let session: NIOLoopBound<EngineSession>
        let eventLoop: any EventLoop
        let unauthenticated: UnauthenticatedStateMachine.ID
        let authentication: Authentication
    }

    /// Whether the client of a session has shown credentials that count.
    final class Authentication: Sendable {
        private let isDone = Atomic<Bool>(false)
        var isAuthenticated: Bool { isDone.load(ordering: .relaxed) }
        func authenticated() { isDone.store(true, ordering: .relaxed) }
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var machine: UnauthenticatedStateMachine
        var sids: [UnauthenticatedStateMachine.ID: String] = [:]
    }

    private let state: Mutex<State>
    private let usage: ServiceLimits

    init(_ usage: ServiceLimits) {
        self.usage = usage
        let limits = usage.configuration
        state = Mutex(
            State(
                machine: UnauthenticatedStateMachine(
                    maximumCount: limits.unauthenticatedConnections,
                    maximumCountPerAddress: limits.unauthenticatedConnectionsPerAddress)))
    }

    var count: Int { state.withLock { $0.entries.count } }

    func find(_ sid: String) -> Entry? { state.withLock { $0.entries[sid] } }

    /// Called on the loop of the session.
    func add(_ session: EngineSession, from address: AddressKey?) -> Entry {
        let limits = usage.configuration
        let (entry, displaced) = state.withLock { state in
            // They may have changed.
            state.machine.replace(
                maximumCount: limits.unauthenticatedConnections,
                maximumCountPerAddress: limits.unauthenticatedConnectionsPerAddress)
            let begun = state.machine.begin(address)
            let entry = Entry(
                session: NIOLoopBound(session, eventLoop: session.eventLoop), eventLoop: session.eventLoop,
                unauthenticated: begun.id, authentication: Authentication())
            state.entries[session.sid] = entry
            state.sids[begun.id] = session.sid
            let displaced = begun.displaced.flatMap { state.sids.removeValue(forKey: $0) }
            return (entry, displaced.flatMap { state.entries[$0] })
        }
        if let displaced, usage.hits.applies(.unauthenticated, .closed) {
            displaced.eventLoop.execute { displaced.session.value.end("too many without credentials") }
        }
        return entry
    }

    func authenticated(_ sid: String) {
        state.withLock { state in
            guard let entry = state.entries[sid] else { return }
            entry.authentication.authenticated()
            state.machine.end(entry.unauthenticated)
            state.sids[entry.unauthenticated] = nil
        }
    }

    func remove(_ sid: String) {
        state.withLock { state in
            guard let entry = state.entries.removeValue(forKey: sid) else { return }
            state.machine.end(entry.unauthenticated)
            state.sids[entry.unauthenticated] = nil
        }
    }
}
