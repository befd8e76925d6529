import AgentEvents
public import AgentEventsProtocol
public import NIOCore

/// A client's end of a connection to a hub in the same process: no socket, no frames of a WebSocket, the same messages.
///
/// The Swift client runs over it by `AgentEventsInProcess`; it is also the shortest example of a ``StreamTransport``.
public final class InProcessConnection: Sendable {
    private let eventLoop: any EventLoop
    let pipe: InProcessPipe
    /// Confined to the event loop; `nil` when the client has left.
    private let session: NIOLoopBoundBox<StreamSession?>

    private init(_ eventLoop: any EventLoop, _ pipe: InProcessPipe, _ session: NIOLoopBoundBox<StreamSession?>) {
        self.eventLoop = eventLoop
        self.pipe = pipe
        self.session = session
    }

    /// Opens a connection; the welcome is its first message.
    ///
    /// - Parameters:
    ///   - principal: the user of the connection, and what they may do.
    ///   - eventLoop: where the hub's end lives.
    public static func open(
        to hub: AgentEventsHub,
        as principal: Principal,
        on eventLoop: any EventLoop
    ) async throws -> InProcessConnection {
        try await open(to: hub, as: principal, on: eventLoop) {
            InProcessTransport($0)
        } beginning: { _ in
        }
    }

    /// Opens a connection over a transport of the caller's.
    ///
    /// - Parameter begin: called on the event loop when the session has begun.
    static func open(
        to hub: AgentEventsHub,
        as principal: Principal,
        on eventLoop: any EventLoop,
        over makeTransport: @escaping @Sendable (InProcessPipe) -> any PipeTransport,
        beginning begin: @escaping @Sendable (StreamSession) -> Void
    ) async throws -> InProcessConnection {
        try await eventLoop.submit {
            let pipe = InProcessPipe(watermarkByteCount: hub.limits.outboundWatermarkByteCount)
            let session = hub.adopt(makeTransport(pipe), as: principal, on: eventLoop)
            begin(session)
            return InProcessConnection(eventLoop, pipe, NIOLoopBoundBox(session, eventLoop: eventLoop))
        }.get()
    }

    /// The next message of the hub, as the bytes of one JSON object; waits for it. One task at a time.
    ///
    /// - Returns: `nil` only when the task is cancelled.
    /// - Throws: ``InProcessClosure`` when everything is taken and the connection has ended.
    public func next() async throws(InProcessClosure) -> [UInt8]? {
        while true {
            switch pipe.withMachine({ $0.take() }) {
            case .message(let message, let becameWritable):
                if becameWritable { tell { $0.writabilityChanged() } }
                return Array(message.readableBytesView)
            case .wait:
                guard await pipe.arrivals.wait() else { return nil }
            case .ended(let end):
                throw InProcessClosure(end)
            }
        }
    }

    /// Sends a message, one JSON object; waits while the hub takes nothing.
    ///
    /// - Returns: whether it is sent; not when the task is cancelled meanwhile.
    /// - Throws: ``InProcessClosure`` when the connection has ended.
    @discardableResult
    public func send(_ message: [UInt8]) async throws(InProcessClosure) -> Bool {
        switch await pipe.send(byteCount: message.count) {
        case .handOver:
            let pipe = pipe
            tell { session in
                session.receive(ByteBuffer(bytes: message))
                session.readComplete()
            }
            // In the same order, also when the session has ended.
            eventLoop.execute {
                if pipe.withMachine({ $0.didReceive(byteCount: message.count) }) { pipe.resumeSenders() }
            }
            return true
        case .wait:
            return false
        case .ended(let end):
            throw InProcessClosure(end)
        }
    }

    /// Leaves. May be called several times.
    public func close() {
        guard pipe.withMachine({ $0.leave() }) else { return }
        pipe.arrivals.signal()
        pipe.resumeSenders()
        let session = session
        tell { $0.closed() }
        eventLoop.execute { session.value = nil }
    }

    private func tell(_ body: @escaping @Sendable (StreamSession) -> Void) {
        let session = session
        eventLoop.execute {
            if let session = session.value { body(session) }
        }
    }
}

/// The end of a connection in one process.
public struct InProcessClosure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The code that the hub gave; `nil` when the client has left itself.
    public let code: StreamCloseCode?
    /// For people.
    public let reason: String

    init(_ end: InProcessStateMachine.End) {
        switch end {
        case .closed(let code, let reason):
            self.code = code
            self.reason = reason
        case .left:
            code = nil
            reason = "the client has left"
        }
    }

    public var description: String { code.map { "\($0.rawValue): \(reason)" } ?? reason }
}
