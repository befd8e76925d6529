import AgentEvents
package import AgentEventsProtocol
package import NIOCore

/// A connection that has yet to show its token. There is no session: whatever its client sends, but for the token, ends it.
/// Confined to its event loop.
///
/// ``AuthenticationStateMachine`` decides. It keeps no message: the one that it takes is at most
/// ``AuthenticationRequest/maximumByteCount``, and the transport takes no more bytes than that before.
package final class UnauthenticatedStream {
    /// The most bytes that a transport takes before there is a session: those of the message, and of its frames.
    package static let maximumByteCount = AuthenticationRequest.maximumByteCount + 1024

    private var machine = AuthenticationStateMachine()
    private let transport: any StreamTransport
    private let hub: AgentEventsHub
    private let eventLoop: any EventLoop
    private let path: String
    private let authenticate: CredentialCheck
    private let admitted: (Principal) -> Void
    private var deadline: Scheduled<Void>?

    /// - Parameters:
    ///   - path: the path of the upgrade.
    ///   - authenticate: checks the token.
    ///   - admitted: begins the session; called on the loop, once at most, and not in a call of this stream.
    init(
        _ transport: any StreamTransport,
        _ hub: AgentEventsHub,
        path: String,
        on eventLoop: any EventLoop,
        authenticate: @escaping CredentialCheck,
        admitted: @escaping (Principal) -> Void
    ) {
        self.authenticate = authenticate
        self.transport = transport
        self.hub = hub
        self.path = path
        self.eventLoop = eventLoop
        self.admitted = admitted
    }

    func begin() {
        let stream = NIOLoopBound(self, eventLoop: eventLoop)
        deadline = eventLoop.scheduleTask(in: .milliseconds(hub.limits.authenticationMilliseconds)) {
            stream.value.deadlinePassed()
        }
    }

    /// A whole message of the client.
    package func receive(_ message: ByteBuffer) {
        let request: Result<AuthenticationRequest, ProtocolError>
        do throws(ProtocolError) {
            request = .success(try AuthenticationRequest.decode(message.readableBytesView))
        } catch {
            request = .failure(error)
        }
        switch machine.receive(request) {
        case .none: break
        case .check(let token): check(token)
        case .refuse(let refusal): refuse(refusal)
        }
    }

    /// Something has come that is not a message: a ping, a binary message, more bytes than one message may have.
    package func receiveOther() {
        if let refusal = machine.receiveOther() { refuse(refusal) }
    }

    /// The client broke a rule of the transport, or the server that carries it stops.
    package func close(_ code: StreamCloseCode, reason: String) {
        guard machine.end() else { return }
        deadline?.cancel()
        transport.close(code, reason: reason)
    }

    /// The service stops.
    package func leave() {
        close(
            .goingAway,
            reason: ReconnectDelay(milliseconds: hub.services.reconnectMilliseconds(among: Self.assumedCount)).reason)
    }

    /// The number of connections without credentials among which the times to come back are spread.
    private static let assumedCount = 100

    /// The connection is gone, or its client has said goodbye.
    package func closed() {
        _ = machine.end()
        deadline?.cancel()
    }

    private func deadlinePassed() {
        if let refusal = machine.deadlinePassed() { refuse(refusal) }
    }

    private func check(_ token: String) {
        let stream = NIOLoopBound(self, eventLoop: eventLoop)
        let (authenticate, eventLoop) = (authenticate, eventLoop)
        let credentials = Credentials(token: token, path: path)
        let isAccepted = hub.services.readers.submit {
            let answer: Result<Principal, ProtocolError>
            do throws(ProtocolError) {
                answer = .success(try await authenticate(credentials))
            } catch {
                answer = .failure(error)
            }
            eventLoop.execute { stream.value.checked(answer) }
        }
        guard !isAccepted else { return }
        // At the very end there are no workers any longer.
        leave()
    }

    private func checked(_ answer: Result<Principal, ProtocolError>) {
        let error: ProtocolError? = if case .failure(let error) = answer { error } else { nil }
        switch machine.checked(error) {
        case .none: break
        case .refuse(let refusal): refuse(refusal)
        case .admit:
            deadline?.cancel()
            guard case .success(let principal) = answer else { preconditionFailure("who is let in is known") }
            admitted(principal)
        }
    }

    private func refuse(_ refusal: AuthenticationStateMachine.Refusal) {
        deadline?.cancel()
        transport.write(transport.framing.frame(ServerMessage.error(refusal.error).encoded()))
        hub.services.metrics.closed(refusal.closeCode)
        transport.close(refusal.closeCode, reason: refusal.error.code.rawValue)
    }
}

/// Checks the credentials of a connection.
package typealias CredentialCheck = @Sendable (Credentials) async throws(ProtocolError) -> Principal

/// Checks credentials by an authenticator alone.
private struct TokenCheck: Sendable {
    let authenticator: any Authenticator

    func check(_ credentials: Credentials) async throws(ProtocolError) -> Principal {
        do throws(AuthenticationError) {
            return try await authenticator.authenticate(credentials)
        } catch {
            throw ProtocolError(error)
        }
    }
}

extension AgentEventsHub {
    /// Begins a connection without credentials. Called on the transport's event loop; so is what it returns.
    ///
    /// - Parameters:
    ///   - path: the path of the upgrade, for the authenticator.
    ///   - authenticate: checks the token; `nil` for the authenticator of the hub.
    ///   - admitted: begins the session of the principal, by ``adopt(_:as:on:)``.
    package func awaitCredentials(
        _ transport: some StreamTransport,
        path: String,
        on eventLoop: any EventLoop,
        authenticate: CredentialCheck? = nil,
        admitted: @escaping (Principal) -> Void
    ) -> UnauthenticatedStream {
        noteUse()
        let stream = UnauthenticatedStream(
            transport, self, path: path, on: eventLoop,
            authenticate: authenticate ?? TokenCheck(authenticator: authenticator).check, admitted: admitted)
        stream.begin()
        return stream
    }
}
