import AgentEvents
import AgentEventsTesting
import CoreMetrics
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import AgentEventsHub
@testable import AgentEventsServer

/// A hub that runs, and an event loop whose time the test turns, for connections that ask for events.
struct EventStreamStage: Sendable {
    let hub: AgentEventsHub
    let loop = NIOAsyncTestingEventLoop()

    /// For the length of a scope. The thread `t_1` has an event.
    static func with(
        limits: StreamLimits = .init(),
        _ body: @Sendable (EventStreamStage) async throws -> Void
    ) async throws {
        let hub = AgentEventsHub(
            runtime: AgentRuntime(log: InMemoryEventLog(generations: .counting)), agents: [],
            authorizer: OwnershipAuthorizer(), authenticator: NoAuthentication(), configuration: HubConfiguration(),
            limits: limits, metrics: NOOPMetricsHandler.instance, logger: Logger(label: "test"),
            onUnresponsiveAgents: { _ in })
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await hub.run() }
            try await hub.runtime.waitForStart()
            let stage = EventStreamStage(hub: hub)
            try await stage.log(1)
            try await body(stage)
            tasks.cancelAll()
        }
    }

    func log(_ count: Int, textByteCount: Int = 1) async throws {
        let context = try await hub.runtime.context(user: "local", thread: "t_1")
        let value = JSONValue.string(String(repeating: "x", count: textByteCount))
        for _ in 0..<count { _ = try await context.emit(EventDraft(.custom(CustomEvent(name: "n", value: value)))) }
        try await context.flush()
    }

    /// A connection.
    func connect() async throws -> EventStreamEnds {
        let channel = NIOAsyncTestingChannel(loop: loop)
        let hub = hub
        try await loop.executeInContext {
            try channel.pipeline.syncOperations.addHandler(
                EventStreamHandler(
                    hub: hub, path: "/v1/stream", forwarding: nil, ticket: ConnectionTicket(channel, usage: hub.usage)))
        }
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).get()
        return EventStreamEnds(channel: channel)
    }

    /// A connection that has asked for the events of `t_1`, and follows them live.
    func follow(query: String = "") async throws -> EventStreamEnds {
        let ends = try await connect()
        try await ends.ask(query: query)
        #expect(try await ends.head().status == .ok)
        _ = try await ends.text(until: #""op":"live""#)
        return ends
    }
}

/// The client's end of a connection.
struct EventStreamEnds: Sendable {
    let channel: NIOAsyncTestingChannel

    enum Part: Sendable {
        case head(HTTPResponseHead)
        case body(ByteBuffer)
        case end
    }

    /// Sends a request for a stream.
    func ask(query: String = "", accept: String = "text/event-stream") async throws {
        let head = HTTPRequestHead(
            version: .http1_1, method: .GET, uri: "/v1/threads/t_1/events" + query,
            headers: ["Host": "127.0.0.1", "Accept": accept])
        try await channel.writeInbound(HTTPServerRequestPart.head(head))
        try await channel.writeInbound(HTTPServerRequestPart.end(nil))
    }

    func next() async throws -> Part { Part(try await channel.waitForOutboundWrite(as: HTTPServerResponsePart.self)) }

    func head() async throws -> HTTPResponseHead {
        let part = try await next()
        guard case .head(let head) = part else {
            Issue.record("no head but \(part)")
            throw CancellationError()
        }
        return head
    }

    /// What comes until a text is in it.
    func text(until wanted: String) async throws -> String {
        var text = ""
        while !text.contains(wanted) {
            let part = try await next()
            guard case .body(let bytes) = part else {
                Issue.record("no \(wanted) but \(text) and \(part)")
                throw CancellationError()
            }
            text += String(buffer: bytes)
        }
        return text
    }

    /// What comes until the end of the answer.
    func rest() async throws -> String {
        var text = ""
        while case .body(let bytes) = try await next() { text += String(buffer: bytes) }
        return text
    }

    /// What was written and not taken.
    func written() async throws -> String {
        var text = ""
        while let part = try await channel.readOutbound(as: HTTPServerResponsePart.self) {
            if case .body(let bytes) = Part(part) { text += String(buffer: bytes) }
        }
        return text
    }

    func fire(_ event: any Sendable) async throws {
        let channel = channel
        try await channel.testingEventLoop.executeInContext {
            channel.pipeline.fireUserInboundEventTriggered(event)
        }
    }

    func setWritable(_ isWritable: Bool) async throws {
        let channel = channel
        try await channel.testingEventLoop.executeInContext {
            channel.isWritable = isWritable
            channel.pipeline.fireChannelWritabilityChanged()
        }
    }

    /// Turns of the loop go by until it is so.
    func wait(until condition: @escaping @Sendable () async throws -> Bool) async throws {
        while try await !condition() {
            try Task.checkCancellation()
            await channel.testingEventLoop.run()
            await Task.yield()
        }
    }
}

extension EventStreamEnds.Part {
    fileprivate init(_ part: HTTPServerResponsePart) {
        switch part {
        case .head(let head): self = .head(head)
        case .body(.byteBuffer(let bytes)): self = .body(bytes)
        case .body(.fileRegion), .end: self = .end
        }
    }
}
