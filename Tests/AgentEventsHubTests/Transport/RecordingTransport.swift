import AgentEvents
import AgentEventsProtocol
import AgentEventsTesting
import CoreMetrics
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import AgentEventsHub

/// A transport that writes down what its session does with it. Confined to its event loop.
final class RecordingTransport: StreamTransport {
    let framing: StreamFraming
    var isWritable = true
    var pendingByteCount = 0
    /// Called after each write.
    var onWrite: (RecordingTransport) -> Void = { _ in }
    /// In words: the op of a message or the type of an event, `flush`, `reading on`, `reading off`, `close 1001`.
    private(set) var calls: [String] = [] {
        didSet { tellWaiters() }
    }
    /// The messages themselves.
    private(set) var texts: [String] = []
    private(set) var closeReason: String?
    /// Promises of the calls, for those who wait until the last one is of a name.
    private var waiters: [(last: String, promise: EventLoopPromise<[String]>)] = []

    init(framing: StreamFraming = .lengthPrefixed) { self.framing = framing }

    func write(_ messages: ByteBuffer) {
        var messages = messages
        while let length = messages.readInteger(as: UInt32.self), let bytes = messages.readBytes(length: Int(length)) {
            texts.append(String(decoding: bytes, as: UTF8.self))
            let json = try? JSONValue(parsing: bytes)
            calls.append(json?["op"]?.stringValue ?? json?["type"]?.stringValue ?? "(malformed)")
        }
        onWrite(self)
    }

    func flush() { calls.append("flush") }
    func setReading(_ isEnabled: Bool) { calls.append("reading \(isEnabled ? "on" : "off")") }
    func close(_ code: StreamCloseCode, reason: String) {
        closeReason = reason
        calls.append("close \(code.rawValue)")
    }

    /// The calls, once the last one but flushes is of this name, and what it wrote is flushed.
    func calls(until last: String, on eventLoop: any EventLoop) -> EventLoopFuture<[String]> {
        let promise = eventLoop.makePromise(of: [String].self)
        waiters.append((last, promise))
        tellWaiters()
        return promise.futureResult
    }

    /// Nothing is waited for any longer.
    func cancelWaiters() {
        for waiter in waiters { waiter.promise.fail(CancellationError()) }
        waiters = []
    }

    private func tellWaiters() {
        waiters.removeAll { waiter in
            guard calls.last(where: { $0 != "flush" }) == waiter.last,
                calls.last == "flush" || waiter.last.hasPrefix("close")
            else { return false }
            waiter.promise.succeed(calls)
            return true
        }
    }
}

/// A session over such a transport, and a hub that runs, for the length of a scope.
struct RecordedSession: Sendable {
    let hub: AgentEventsHub
    let eventLoop: any EventLoop
    private let ends: NIOLoopBoundBox<(transport: RecordingTransport, session: StreamSession)>

    @discardableResult
    static func with<Result: Sendable>(
        limits: StreamLimits = .patient,
        log: any EventLog = InMemoryEventLog(generations: .counting),
        authorizer: any Authorizer = OwnershipAuthorizer(),
        authenticator: any Authenticator = NoAuthentication(),
        principal: Principal = Principal(user: "u_1", scopes: [.read, .emit], actsAs: .everybody),
        configuration: RuntimeConfiguration = RuntimeConfiguration(),
        on givenLoop: (any EventLoop)? = nil,
        _ body: @Sendable (RecordedSession) async throws -> Result
    ) async throws -> Result {
        let hub = AgentEventsHub(
            runtime: AgentRuntime(log: log, configuration: configuration), agents: [], authorizer: authorizer,
            authenticator: authenticator, configuration: HubConfiguration(), limits: limits,
            metrics: NOOPMetricsHandler.instance, logger: Logger(label: "test"), onUnresponsiveAgents: { _ in })
        // Not one of the loops of the process.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let result = try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await hub.run() }
            let eventLoop = givenLoop ?? group.next()
            let ends = try await eventLoop.submit {
                let transport = RecordingTransport()
                let session = hub.adopt(transport, as: principal, on: eventLoop)
                return NIOLoopBoundBox((transport: transport, session: session), eventLoop: eventLoop)
            }.get()
            let result = try await body(RecordedSession(hub: hub, eventLoop: eventLoop, ends: ends))
            tasks.cancelAll()
            return result
        }
        try await group.shutdownGracefully()
        return result
    }

    /// Does something on the loop.
    func onLoop(_ body: @escaping @Sendable (RecordingTransport, StreamSession) -> Void) async throws {
        try await eventLoop.submit { body(ends.value.transport, ends.value.session) }.get()
    }

    /// Sends a message to the hub.
    func send(_ text: String) async throws {
        try await onLoop { _, session in
            session.receive(ByteBuffer(string: text))
            session.readComplete()
        }
    }

    /// What the client was sent, but the welcome.
    func texts() async throws -> [String] {
        try await eventLoop.submit { Array(ends.value.transport.texts.dropFirst()) }.get()
    }

    /// In words: the op, with its `req`, or the code of an error; the number of an event; at the end the close, with its reason.
    func words() async throws -> [String] {
        let (texts, reason) = try await eventLoop.submit {
            (Array(ends.value.transport.texts.dropFirst()), ends.value.transport.closeReason)
        }.get()
        let words = try texts.map { text in
            let json = try JSONValue(parsing: Array(text.utf8))
            guard let op = json["op"]?.stringValue else { return "\(json["seq"]?.integerValue ?? 0)" }
            let req = json["req"]?.integerValue.map { " \($0)" } ?? ""
            return (json["code"]?.stringValue.map { op == "error" ? $0 : "\(op) \($0)" } ?? op) + req
        }
        return words + (reason.map { ["close: \($0)"] } ?? [])
    }

    /// Waits until everything that is expected has come, and nothing else.
    func expect(_ words: [String], sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await wait(for: "\(words)", within: .seconds(120), sourceLocation: sourceLocation) {
            try await self.words().count >= words.count
        }
        #expect(try await self.words() == words, sourceLocation: sourceLocation)
    }

    /// The calls so far, once the last one but flushes is of this name.
    func calls(until last: String) async throws -> [String] {
        try await withTaskCancellationHandler {
            try await eventLoop.flatSubmit { ends.value.transport.calls(until: last, on: eventLoop) }.get()
        } onCancel: {
            eventLoop.execute { ends.value.transport.cancelWaiters() }
        }
    }
}
