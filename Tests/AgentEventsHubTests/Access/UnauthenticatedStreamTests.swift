import AgentEvents
import AgentEventsProtocol
import CoreMetrics
import Logging
import NIOCore
import NIOEmbedded
import NIOPosix
import Testing

@testable import AgentEventsHub

/// A connection without a session, over a transport that writes down what is done with it.
@Suite(.timeLimit(.minutes(10)))
struct UnauthenticatedStreamTests {
    private struct Naming: FirstMessageAuthenticator {
        var needsCredentials: Bool { true }

        func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
            switch credentials.token {
            case "later": throw AuthenticationError(.unavailable, "try again")
            case let token?:
                guard let user = try? UserID(token) else { throw AuthenticationError(.invalid, "that is no user") }
                return Principal(user: user)
            case nil: throw AuthenticationError(.missing, "send a token")
            }
        }
    }

    /// - Parameter isPatient: whether a client has all the time for its token.
    private static func hub(isPatient: Bool = false) -> AgentEventsHub {
        var limits = StreamLimits()
        if isPatient { limits.authenticationMilliseconds = 3_600_000 }
        return AgentEventsHub(
            runtime: AgentRuntime(log: InMemoryEventLog()), agents: [], authorizer: OwnershipAuthorizer(),
            authenticator: Naming(), configuration: HubConfiguration(), limits: limits,
            metrics: NOOPMetricsHandler.instance, logger: Logger(label: "test"), onUnresponsiveAgents: { _ in })
    }

    @Test func whoShowsNoTokenInFiveSecondsIsClosed() throws {
        let loop = EmbeddedEventLoop()
        let transport = RecordingTransport()
        let stream = Self.hub().awaitCredentials(transport, path: "/", on: loop) { _ in Issue.record("let in") }
        loop.advanceTime(by: .milliseconds(4999))
        #expect(transport.calls == [])
        loop.advanceTime(by: .milliseconds(1))
        #expect(transport.calls == ["error", "close 4401"])
        stream.receive(ByteBuffer(string: #"{"op":"auth","token":"u_1"}"#))
        stream.receiveOther()
        stream.close(.goingAway, reason: "bye")
        #expect(transport.calls.count == 2)
        try loop.syncShutdownGracefully()
    }

    @Test func whoIsGoneIsNotClosedAgain() throws {
        let loop = EmbeddedEventLoop()
        let transport = RecordingTransport()
        let stream = Self.hub().awaitCredentials(transport, path: "/", on: loop) { _ in Issue.record("let in") }
        stream.closed()
        loop.advanceTime(by: .seconds(60))
        #expect(transport.calls == [])
        try loop.syncShutdownGracefully()
    }

    @Test(arguments: [
        ("u_1", ["let in u_1"]), ("no user", ["error", "close 4401"]), ("later", ["error", "close 1011"]),
    ])
    func theTokenDecides(_ token: String, _ calls: [String]) async throws {
        let hub = Self.hub(isPatient: true)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await hub.run() }
            let loop = group.next()
            let words = try await loop.flatSubmit {
                let promise = loop.makePromise(of: [String].self)
                let transport = RecordingTransport()
                let stream = hub.awaitCredentials(transport, path: "/", on: loop) { principal in
                    promise.succeed(["let in \(principal.user)"])
                }
                stream.receive(ByteBuffer(string: #"{"op":"auth","token":"\#(token)"}"#))
                if calls.count > 1 {
                    transport.calls(until: calls[1], on: loop).cascade(to: promise)
                }
                // The stream is the transport's, and lives as long as that does.
                let held = NIOLoopBound((transport, stream), eventLoop: loop)
                return promise.futureResult.map { words in
                    _ = held.value
                    return words
                }
            }.get()
            #expect(words == calls)
            tasks.cancelAll()
        }
        try await group.shutdownGracefully()
    }
}
