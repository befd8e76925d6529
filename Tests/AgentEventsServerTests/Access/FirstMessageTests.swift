import AgentEvents
import AgentEventsHub
import AgentEventsTestSupport
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import AgentEventsServer

/// A token as the first message of a WebSocket whose upgrade had none: SEC-02, and F12.
@Suite(.timeLimit(.minutes(10)))
struct FirstMessageTests {
    /// As ``NamingAuthenticator``, for tokens that may come as a message, and counts what it is asked.
    private final class Counting: FirstMessageAuthenticator {
        let count = Atomic<Int>(0)
        var needsCredentials: Bool { true }

        func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
            count.add(1, ordering: .sequentiallyConsistent)
            return try await NamingAuthenticator().authenticate(credentials)
        }
    }

    private static func code(_ frame: RawWebSocket.Frame?) -> String {
        guard case .close(let code, let reason) = frame else { return "\(String(describing: frame))" }
        return "\(code) \(reason)"
    }

    @Test func theFirstMessageIsTheToken() async throws {
        try await withRunningService(authenticator: Counting()) { service in
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"auth","token":"u_7/read/emit"}"#)
                let welcome = try await socket.message()
                #expect(welcome["op"] == "welcome")
                #expect(welcome["user_id"] == "u_7")
                // The session is as any other.
                try await socket.send(
                    #"{"op":"emit","req":1,"thread_id":"t_1","events":[{"type":"custom","data":{"name":"n","value":1}}]}"#
                )
                #expect(try await socket.message()["op"] == "emitted")
                try await socket.sendPing()
                #expect(try await socket.next() == .pong)
                let large = String(repeating: "a", count: 60_000)
                try await socket.send(
                    #"{"op":"emit","req":2,"thread_id":"t_1","events":[{"type":"custom","data":{"name":"n","value":"\#(large)"}}]}"#
                )
                #expect(try await socket.message()["op"] == "emitted")
                try await socket.send(#"{"op":"auth","req":3,"token":"u_8"}"#)
                let again = try await socket.message()
                #expect(again["code"] == "op.unsupported")
                #expect(again["req"] == 3)
            }
        }
    }

    @Test(arguments: [
        ["Authorization": "Bearer u_7"], ["Authorization": "bearer u_7"],
        ["Sec-WebSocket-Protocol": "agent-events.v1, bearer.u_7"],
        ["Sec-WebSocket-Protocol": "bearer.u_7,agent-events.v1"],
    ])
    func aTokenOfTheUpgradeIsWelcomedAtOnce(headers: [String: String]) async throws {
        try await withRunningService(authenticator: Counting()) { service in
            try await service.withWebSocket(headers: headers) { socket in
                let welcome = try await socket.message()
                #expect(welcome["user_id"] == "u_7")
            }
        }
    }

    @Test func aTokenThatDoesNotCountEndsTheConnection() async throws {
        try await withRunningService(authenticator: Counting()) { service in
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"auth","req":"a","token":"no user"}"#)
                let error = try await socket.message()
                #expect(error["op"] == "error")
                #expect(error["code"] == "auth.invalid")
                #expect(error["req"] == "a")
                #expect(Self.code(try await socket.close()) == "4401 auth.invalid")
            }
        }
    }

    /// Before the token nothing reaches a thread or the runtime, and the first thing that is not the token is the last.
    @Test(arguments: [
        [#"{"op":"subscribe","thread_id":"t_1","after":"start"}"#],
        [#"{"op":"emit","thread_id":"t_1","events":[{"type":"custom","data":{"name":"n","value":1}}]}"#],
        [#"{"op":"command","thread_id":"t_1","name":"message","data":{"text":"x"}}"#], [#"{"op":"ping"}"#],
        ["nonsense"], [""],
        [#"{"op":"auth","token":"u_1"}"#, #"{"op":"subscribe","thread_id":"t_1","after":"start"}"#],
        [String(repeating: "a", count: 16 * 1024 + 1)], [String(repeating: "a", count: 50_000)],
    ])
    func sec02NothingIsTakenBeforeTheToken(_ messages: [String]) async throws {
        let authorizer = ScriptedAuthorizer { _ in [.read, .emit, .command, .open] }
        let authenticator = Held()
        try await withRunningService(authorizer: authorizer, authenticator: authenticator) { service in
            defer { authenticator.release() }
            try await service.withWebSocket { socket in
                try await socket.send(together: messages)
                #expect(Self.code(try await socket.close()) == "4401 auth.missing")
            }
            #expect(try await service.loggedEvents(in: "t_1").isEmpty)
            #expect(authorizer.requests.isEmpty)
        }
    }

    /// Answers when it is told to, so that a message can come before.
    private final class Held: FirstMessageAuthenticator {
        private let releases: AsyncStream<Void>
        private let continuation: AsyncStream<Void>.Continuation
        var needsCredentials: Bool { true }

        init() { (releases, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1)) }

        func release() { continuation.finish() }

        func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
            guard credentials.token != nil else { throw AuthenticationError(.missing, "send a token") }
            for await _ in releases {}
            return Principal(user: "u_1")
        }
    }

    @Test func sec02APingIsNotTheToken() async throws {
        try await withRunningService(authenticator: Counting()) { service in
            try await service.withWebSocket { socket in
                try await socket.sendPing()
                #expect(Self.code(try await socket.close()) == "4401 auth.missing")
            }
            try await service.withWebSocket { socket in
                try await socket.sendClose()
                #expect(Self.code(try await socket.close()).hasPrefix("1000"))
            }
        }
    }

    /// The bytes of a client that is not known stop before the decoder of frames.
    @Test func sec02BytesBeforeTheTokenAreBounded() throws {
        let channel = EmbeddedChannel()
        let overruns = OverrunCounter()
        try channel.pipeline.syncOperations.addHandlers([UnauthenticatedBytesHandler(), overruns])
        for _ in 0..<1000 { try channel.writeInbound(ByteBuffer(repeating: 7, count: 1000)) }
        var byteCount = 0
        while let part = try channel.readInbound(as: ByteBuffer.self) { byteCount += part.readableBytes }
        #expect(byteCount <= 17 * 1024)
        #expect(byteCount > 16 * 1024)
        #expect(overruns.count == 1)
        _ = try channel.finish(acceptAlreadyClosed: true)
    }

    private final class OverrunCounter: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private(set) var count = 0

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if event is UnauthenticatedBytesHandler.Overrun { count += 1 }
        }
    }

    /// Its head is looked at once: a bad token costs one check, and not a second one by the route.
    @Test func aDeclinedUpgradeIsAuthenticatedOnce() async throws {
        let authenticator = Counting()
        try await withRunningService(authenticator: authenticator) { service in
            let upgrade = [
                "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Authorization": "Bearer /",
            ]
            let answer = try await service.client.get("/v1/stream", headers: upgrade)
            #expect(answer.status == 401)
            #expect(try answer.errorCode == "auth.invalid")
            #expect(answer.headers["www-authenticate"] == "Bearer error=\"invalid_token\"")
            #expect(authenticator.count.load(ordering: .sequentiallyConsistent) == 1)
        }
    }

    /// SEC-28: a token in a URL is refused, also one that would count, and is not repeated.
    @Test(arguments: [
        "/v1/threads/t_1/events?token=u_1", "/v1/threads/t_1/events?after=start&access_token=u_1",
        "/v1/threads/t_1/state?jwt=u_1", "/v1/threads/t_1/subscribers?%74oken=u_1", "/health?Access_Token=u_1",
        "/v1/stream?token=u_1",
    ])
    func sec28TokensInURLsAreRefused(_ path: String) async throws {
        try await withRunningService(authenticator: Counting()) { service in
            for headers in [[:], ["Authorization": "Bearer u_1"]] {
                let answer = try await service.client.get(path, headers: headers)
                #expect(answer.status == 400)
                #expect(try answer.errorCode == "auth.in_url")
                #expect(!answer.body.contains("u_1"))
            }
        }
    }
}
