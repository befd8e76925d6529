import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsInProcess
import AgentEventsProtocol
import AgentEventsTesting
import Logging
import NIOPosix
import ServiceLifecycle
import Testing

/// The Swift client and a hub in one process, without a socket.
@Suite(.timeLimit(.minutes(10)))
struct InProcessConnectorTests {
    private static func withHub(
        _ log: any EventLog = InMemoryEventLog(),
        _ body: (AgentEventsHub, StreamClient, ServiceGroup) async throws -> Void
    ) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .error
        var configuration = HubConfiguration()
        configuration.reconnectSpread = .zero
        let hub = AgentEventsHub(
            runtime: AgentRuntime(log: log), authorizer: OwnershipAuthorizer(), configuration: configuration,
            logger: logger)
        let principal = Principal(user: "u_1", scopes: [.read, .emit], actsAs: .everybody)
        var client = ClientConfiguration()
        client.backoff.firstPause = .milliseconds(10)
        let services = ServiceGroup(services: [hub], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            do {
                try await body(
                    hub, StreamClient(connector: InProcessConnector(hub, as: principal), configuration: client),
                    services)
            } catch {
                await services.triggerGracefulShutdown()
                throw error
            }
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
    }

    private static func draft(_ value: Int) -> EventDraft {
        EventDraft(.custom(CustomEvent(name: "n", value: .integer(Int64(value)))))
    }

    /// - Returns: the values of the next events.
    private static func values(
        _ count: Int,
        of events: inout ThreadFollower.AsyncIterator
    ) async throws -> [Int64] {
        var values: [Int64] = []
        while values.count < count, let element = try await events.next() {
            guard case .event(let event) = element, case .custom(let custom) = try event.decoded().payload else {
                continue
            }
            values.append(try #require(custom.value.integerValue))
        }
        return values
    }

    @Test func eventsAreEmittedAndFollowed() async throws {
        try await Self.withHub { _, client, _ in
            try await client.withEmitter { emitter in
                for value in 1...50 { _ = try await emitter.emit([Self.draft(value)], thread: "t_1") }
                try await client.withEvents(of: "t_1", from: .start) { follower in
                    var events = follower.makeAsyncIterator()
                    let values1 = try await Self.values(50, of: &events)
                    #expect(values1 == Array(1...50))
                    for value in 51...100 { _ = try await emitter.emit([Self.draft(value)], thread: "t_1") }
                    let values2 = try await Self.values(50, of: &events)
                    #expect(values2 == Array(51...100))
                }
            }
        }
    }

    /// Far more than the watermark: what the client has not taken comes from the log.
    @Test func aSlowClientMissesNothing() async throws {
        try await Self.withHub { hub, client, _ in
            let context = try await hub.runtime.context(user: "u_1", thread: "t_1")
            let text = JSONValue.string(String(repeating: "x", count: 10_000))
            try await client.withEvents(of: "t_1", from: .start) { follower in
                for value in 1...400 {
                    let custom = CustomEvent(name: "n", value: ["value": .integer(Int64(value)), "text": text])
                    _ = try await context.emit(EventDraft(.custom(custom)))
                }
                var sequence: UInt64 = 0
                for try await element in follower {
                    guard case .event(let event) = element else { continue }
                    #expect(event.cursor.sequence == sequence + 1)
                    sequence = event.cursor.sequence
                    if sequence == 400 { break }
                }
            }
        }
    }

    /// A client whose connection breaks comes back with its cursor, and gets each event once.
    @Test func aClientComesBackWhereItWas() async throws {
        try await Self.withHub { hub, _, _ in
            let principal = Principal(user: "u_1", scopes: [.read, .emit], actsAs: .everybody)
            var configuration = ClientConfiguration()
            configuration.backoff.firstPause = .milliseconds(10)
            // Each connection takes ten messages.
            let connector = BreakingConnector(InProcessConnector(hub, as: principal), messageCount: 10)
            let client = StreamClient(connector: connector, configuration: configuration)
            let context = try await hub.runtime.context(user: "u_1", thread: "t_1")
            for value in 1...60 {
                _ = try await context.emit(EventDraft(.custom(CustomEvent(name: "n", value: .integer(Int64(value))))))
            }
            try await client.withEvents(of: "t_1", from: .start) { follower in
                var events = follower.makeAsyncIterator()
                let values3 = try await Self.values(60, of: &events)
                #expect(values3 == Array(1...60))
            }
        }
    }

    /// The hub tells its clients, and closes with 1001.
    @Test func aHubThatStopsSaysGoodbye() async throws {
        try await Self.withHub { _, client, services in
            try await client.withConnection { connection in
                var operations: [String] = []
                var messages = connection.messages.makeAsyncIterator()
                do {
                    while let bytes = try await messages.next() {
                        let operation = try JSONValue(parsing: bytes)["op"]?.stringValue ?? ""
                        // Heartbeats come whenever the test was kept waiting.
                        if operation != "ping" { operations.append(operation) }
                        if operations == ["welcome"] { await services.triggerGracefulShutdown() }
                    }
                } catch let error as AgentEventsClientError {
                    #expect(error.closeCode == 1001)
                }
                #expect(operations == ["welcome", "drain"])
            }
        }
    }
}

/// Breaks each connection after a number of messages.
private struct BreakingConnector: StreamConnector {
    private let base: InProcessConnector
    private let messageCount: Int

    init(_ base: InProcessConnector, messageCount: Int) {
        self.base = base
        self.messageCount = messageCount
    }

    func withConnection<Result: Sendable>(
        _ body: (StreamConnection) async throws -> Result
    ) async throws -> Result {
        try await base.withConnection { connection in
            try await body(StreamConnection(BreakingLink(connection, messageCount: messageCount)))
        }
    }
}

private actor BreakingLink: StreamLink {
    private let connection: StreamConnection
    private var messages: StreamMessages.Iterator
    private var left: Int

    init(_ connection: StreamConnection, messageCount: Int) {
        self.connection = connection
        messages = connection.messages.makeAsyncIterator()
        left = messageCount
    }

    func next() async throws -> [UInt8]? {
        guard left > 0 else {
            throw AgentEventsClientError(.closed, "the connection broke", closeCode: 1006)
        }
        left -= 1
        var messages = messages
        return try await messages.next()
    }

    nonisolated func send(_ message: [UInt8]) async throws(AgentEventsClientError) {
        let json: JSONValue
        do throws(WireError) {
            json = try JSONValue(parsing: message)
        } catch {
            preconditionFailure("a client sends JSON")
        }
        try await connection.send(json)
    }

    nonisolated func limitSilence(to time: Duration) {}

    nonisolated func close() async {}
}
