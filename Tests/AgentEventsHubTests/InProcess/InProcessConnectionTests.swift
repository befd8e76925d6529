import AgentEvents
import AgentEventsProtocol
import AgentEventsTesting
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import AgentEventsHub

/// Connections within one process, used as a program does that has no client: many at once, and some of them carelessly.
@Suite(.timeLimit(.minutes(10)))
struct InProcessConnectionTests {
    private static let principal = Principal(user: "u_1", scopes: [.read, .emit], actsAs: .everybody)

    private static func withHub(
        _ body: @Sendable (AgentEventsHub, any EventLoopGroup) async throws -> Void
    ) async throws {
        let hub = AgentEventsHub(
            runtime: AgentRuntime(log: InMemoryEventLog(generations: .counting)), authorizer: OwnershipAuthorizer(),
            logger: Logger(label: "test"))
        let eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: 4)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await hub.run() }
            try await hub.runtime.waitForStart()
            try await body(hub, eventLoops)
            tasks.cancelAll()
        }
        try await eventLoops.shutdownGracefully()
    }

    private static func message(_ text: String) -> [UInt8] { Array(text.utf8) }

    /// - Returns: the next message; `nil` when the task is cancelled.
    private static func next(of connection: InProcessConnection) async throws -> JSONValue? {
        try await connection.next().map { try JSONValue(parsing: $0) }
    }

    /// Emits events into a thread of its own and reads them all back, or leaves after the first.
    ///
    /// - Returns: the id of the connection.
    private static func visit(
        _ number: Int,
        _ hub: AgentEventsHub,
        _ eventLoop: any EventLoop,
        leavesEarly: Bool
    ) async throws -> String {
        let connection = try await InProcessConnection.open(to: hub, as: principal, on: eventLoop)
        defer { connection.close() }
        let id = try #require(try await next(of: connection)?["connection_id"]?.stringValue)
        try await connection.send(message(#"{"op":"subscribe","thread_id":"t_\#(number)","after":"start"}"#))
        for value in 1...20 {
            let event = #"{"type":"custom","data":{"name":"n","value":\#(value)}}"#
            try await connection.send(
                message(#"{"op":"emit","req":\#(value),"thread_id":"t_\#(number)","events":[\#(event)]}"#))
        }
        var values: [Int64] = []
        var answers: [Int64] = []
        while values.count < (leavesEarly ? 1 : 20) || answers.count < (leavesEarly ? 0 : 20) {
            let json = try #require(try await next(of: connection))
            if let value = json["data"]?["value"]?.integerValue { values.append(value) }
            if json["op"] == "emitted", let request = json["req"]?.integerValue { answers.append(request) }
        }
        #expect(values == Array((1...20).prefix(values.count)))
        #expect(answers == Array((1...20).prefix(answers.count)))
        return id
    }

    @Test func manyClientsAtOnceHaveConnectionsOfTheirOwn() async throws {
        try await Self.withHub { hub, eventLoops in
            var ids: Set<String> = []
            try await withThrowingTaskGroup(of: String.self) { clients in
                for number in 0..<60 {
                    clients.addTask {
                        try await Self.visit(number, hub, eventLoops.next(), leavesEarly: number.isMultiple(of: 3))
                    }
                }
                for try await id in clients { ids.insert(id) }
            }
            #expect(ids.count == 60)
            // All have left, and nothing is kept for them.
            for number in 0..<60 {
                while try await !hub.subscribers(of: try ThreadID("t_\(number)")).isEmpty { await Task.yield() }
            }
        }
    }

    /// What it does not take stays in the log, and not in memory; then it gets all of it.
    @Test func aClientThatDoesNotReadCostsAWatermarkAndAPage() async throws {
        try await Self.withHub { hub, eventLoops in
            let connection = try await InProcessConnection.open(
                to: hub, as: Self.principal, on: eventLoops.next())
            try await connection.send(Self.message(#"{"op":"subscribe","thread_id":"t","after":"start"}"#))
            while try await hub.subscribers(of: "t").first?.state != .live { await Task.yield() }
            let context = try await hub.runtime.context(user: "u_1", thread: "t")
            let value = JSONValue.string(String(repeating: "x", count: 10_000))
            for _ in 0..<1000 { _ = try await context.emit(EventDraft(.custom(CustomEvent(name: "n", value: value)))) }
            try await context.flush()
            while try await hub.subscribers(of: "t").first?.state != .replaying { await Task.yield() }
            let pending = connection.pipe.withMachine { $0.pendingByteCount }
            #expect(pending < hub.limits.outboundWatermarkByteCount + hub.limits.maximumWriteByteCount)
            var sequence: Int64 = 0
            while sequence < 1000, let json = try await Self.next(of: connection) {
                guard let next = json["seq"]?.integerValue else { continue }
                #expect(next == sequence + 1)
                sequence = next
            }
            connection.close()
        }
    }

    /// A task that waits to send is let go by its cancellation and by the end of the connection.
    @Test func whoWaitsToSendIsLetGo() async throws {
        let pipe = InProcessPipe(watermarkByteCount: 1000)
        pipe.withMachine { _ = $0.setReading(false) }
        let cancelled = Task { await pipe.send(byteCount: 1) }
        cancelled.cancel()
        #expect(await cancelled.value == .wait)
        let ended = Task { await pipe.send(byteCount: 1) }
        pipe.withMachine { $0.close(.goingAway, reason: "the end") }
        pipe.resumeSenders()
        #expect(await ended.value == .ended(.closed(.goingAway, reason: "the end")))
    }

    /// As over the network.
    @Test func aMessageThatIsTooLargeEndsTheConnection() async throws {
        try await Self.withHub { hub, eventLoops in
            let connection = try await InProcessConnection.open(to: hub, as: Self.principal, on: eventLoops.next())
            _ = try await connection.next()
            let ping = #"{"op":"ping"}"#
            try await connection.send(
                Self.message(ping + String(repeating: " ", count: hub.limits.maximumMessageByteCount)))
            let closure = await #expect(throws: InProcessClosure.self) { try await connection.next() }
            #expect(closure?.code == .tooBig)
            connection.close()
        }
    }

    /// One that comes after the end is told so, at once.
    @Test func aHubThatHasStoppedSaysGoodbyeToThoseWhoCome() async throws {
        let hub = AgentEventsHub(
            runtime: AgentRuntime(log: InMemoryEventLog()), authorizer: OwnershipAuthorizer(),
            logger: Logger(label: "test"))
        let running = Task { try await hub.run() }
        try await hub.runtime.waitForStart()
        running.cancel()
        _ = await running.result
        let connection = try await InProcessConnection.open(
            to: hub, as: Self.principal, on: MultiThreadedEventLoopGroup.singleton.next())
        var operations: [String] = []
        let closure = await #expect(throws: InProcessClosure.self) {
            while let json = try await Self.next(of: connection) { operations.append(json["op"]?.stringValue ?? "") }
        }
        #expect(operations == ["welcome", "drain"])
        #expect(closure?.code == .goingAway)
    }

    /// What comes before the run is done once the log is open.
    @Test func aHubThatIsNotRunYetAnswersOnceItIs() async throws {
        let hub = AgentEventsHub(
            runtime: AgentRuntime(log: InMemoryEventLog()), authorizer: OwnershipAuthorizer(),
            logger: Logger(label: "test"))
        let connection = try await InProcessConnection.open(
            to: hub, as: Self.principal, on: MultiThreadedEventLoopGroup.singleton.next())
        #expect(try await Self.next(of: connection)?["op"] == "welcome")
        try await connection.send(Self.message(#"{"op":"subscribe","thread_id":"t","after":"start"}"#))
        try await connection.send(
            Self.message(
                #"{"op":"emit","thread_id":"t","events":[{"type":"custom","data":{"name":"n","value":1}}]}"#))
        let running = Task { try await hub.run() }
        var operations: [String] = []
        while operations.count < 4, let json = try await Self.next(of: connection) {
            operations.append(json["op"]?.stringValue ?? json["type"]?.stringValue ?? "")
        }
        #expect(operations == ["subscribed", "live", "custom", "emitted"])
        running.cancel()
        _ = await running.result
    }
}
