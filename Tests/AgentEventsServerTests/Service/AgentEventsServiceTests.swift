import AgentEvents
import AgentEventsHub
import AgentEventsServer
import NIOCore
import NIOPosix
import Testing

struct AgentEventsServiceTests {
    private func failure(
        log: any EventLog = InMemoryEventLog(),
        _ configure: (inout ServiceConfiguration) -> Void
    ) async -> (any Error)? {
        do {
            try await withRunningService(log: log, configure: configure) { _ in }
            return nil
        } catch {
            return error
        }
    }

    @Test func aPortInUseIsNamed() async throws {
        try await withRunningService { service in
            let error = try #require(
                await failure { $0.port = service.client.port } as? ServiceError)
            #expect(error.code == .portInUse)
            #expect(error.message.contains("127.0.0.1:\(service.client.port)"))
        }
    }

    @Test(arguments: [
        ("no-such-host.invalid", 0, ServiceError.Code.openAccess), ("0.0.0.0", 0, .openAccess),
        ("127.0.0.1", -1, .portInvalid), ("127.0.0.1", 65536, .portInvalid),
    ])
    func placesThatCannotBeServedAreRefused(_ host: String, _ port: Int, _ code: ServiceError.Code) async throws {
        let error = await failure {
            $0.host = host
            $0.port = port
        }
        #expect((error as? ServiceError)?.code == code)
    }

    @Test func aHostThatIsNotOfThisMachineIsNamed() async throws {
        let error = try await #require(throws: ServiceError.self) {
            try await withRunningService(authenticator: NamingAuthenticator()) {
                $0.host = "192.0.2.1"
            } _: { _ in
            }
        }
        #expect(error.code == .hostInvalid)
    }

    @Test func aLogThatCannotBeOpenedEndsTheService() async throws {
        let log = InMemoryEventLog()
        _ = try await log.open()
        let error = await failure(log: log) { _ in }
        #expect((error as? AgentEventsError)?.code.rawValue == "log.locked")
    }

    @Test func aLogThatFailsEndsTheService() async throws {
        let log = InMemoryEventLog(maximumByteCount: 100)
        await #expect(throws: AgentEventsError.self) {
            try await withRunningService(log: log) { service in
                let answer = try await service.client.post(
                    "/v1/threads/t/events", #"{"type":"custom","data":{"name":"n","value":"0123456789"}}"#)
                #expect(answer.status == 503)
                #expect(try answer.errorCode == "log.full")
                #expect(try answer.json["error"]?["retryable"] == true)
            }
        }
    }

    @Test func afterAShutdownThePortIsFree() async throws {
        let port = try await withRunningService { $0.client.port }
        try await withRunningService {
            $0.port = port
        } _: { service in
            let answer = try await service.client.get("/health")
            #expect(answer.status == 200)
        }
    }

    /// The grace period is far longer than the test may take: a connection that held the service up would show.
    @Test(.timeLimit(.minutes(10)), arguments: [nil, "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"])
    func idleConnectionsDoNotHoldUpAShutdown(_ request: String?) async throws {
        try await withRunningService {
            $0.shutdownGrace = .seconds(3600)
        } _: { service in
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: "127.0.0.1", port: service.client.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            try await channel.executeThenClose { inbound, outbound in
                if let request { try await outbound.write(ByteBuffer(string: request)) }
                var parts = inbound.makeAsyncIterator()
                if request != nil { #expect(try await parts.next() != nil) }
                await service.shutDown()
                do {
                    while try await parts.next() != nil {}
                } catch is IOError {
                    // Reset rather than closed: the listening socket went before it had accepted the connection.
                }
            }
        }
    }

    @Test func severalRequestsWithOneKeyLogOnce() async throws {
        try await withRunningService { service in
            let event = #"{"type":"custom","data":{"name":"n","value":1}}"#
            let answers = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await service.client.post(
                            "/v1/threads/t/events", event, headers: ["Idempotency-Key": "k"]
                        ).body
                    }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(answers == [#"{"ids":["1-1"]}"#])
            let head = try await service.runtime.log.thread("t")?.head
            #expect(head == Cursor(generation: 1, sequence: 1))
        }
    }
}
