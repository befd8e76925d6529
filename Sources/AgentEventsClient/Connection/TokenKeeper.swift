internal import AgentEvents
internal import AgentEventsProtocol
internal import Synchronization

/// Replaces the token of one connection before it ends: ``TokenStateMachine`` under a lock, and the task that carries out what it
/// decides.
final class TokenKeeper: Sendable {
    /// No other request has a mark like it.
    private static let tag = RequestTag(text: "refresh")

    private let provider: TokenProvider?
    private let configuration: ClientConfiguration
    private let machine = Mutex(TokenStateMachine())
    private let changes = WakeSignal()

    /// - Parameter provider: `nil` for a client with a token that stays the same, or none.
    init(_ provider: TokenProvider?, _ configuration: ClientConfiguration) {
        self.provider = provider
        self.configuration = configuration
    }

    private var now: Timestamp { configuration.environment.wallClock.now() }

    /// A message of the service has come.
    func receive(_ message: ServerMessage) {
        guard provider != nil else { return }
        let now = now
        switch message {
        case .welcome(let welcome):
            began(expiresAt: welcome.expiresAt)
        case .refreshed(let tag, let expiresAt) where tag == Self.tag:
            began(expiresAt: expiresAt)
        case .expiring:
            machine.withLock { $0.warned(at: now) }
        case .error(let error) where error.tag == Self.tag:
            machine.withLock { $0.failed(at: now) }
        case .event, .subscribed, .unsubscribed, .live, .reset, .snapshot, .snapshotPart, .emitted, .accepted,
            .refreshed, .ping, .drain, .pong, .error, .membersChanged, .watching, .threads, .unwatched,
            .serving, .run, .renewed, .cancel, .other:
            return
        }
        changes.signal()
    }

    private func began(expiresAt: Timestamp?) {
        let (now, random) = (now, configuration.random)
        machine.withLock { $0.began(expiresAt: expiresAt, at: now, random: random()) }
    }

    /// Replaces the token as often as it takes, until the task is cancelled.
    func run(on connection: StreamConnection) async {
        while !Task.isCancelled {
            let now = now
            switch machine.withLock({ $0.check(at: now) }) {
            case .rest:
                guard await changes.wait() else { return }
            case .wait(let milliseconds):
                do { try await configuration.clock.sleep(for: .milliseconds(milliseconds)) } catch { return }
            case .replace:
                await replace(on: connection)
            }
        }
    }

    private func replace(on connection: StreamConnection) async {
        do {
            guard let token = try await provider?() else { return }
            try await connection.send(ClientMessage(tag: Self.tag, .refresh(token: token)))
        } catch {
            // The service closes the connection at the end of the old token, if nothing helps until then.
            let now = now
            machine.withLock { $0.failed(at: now) }
        }
    }
}
