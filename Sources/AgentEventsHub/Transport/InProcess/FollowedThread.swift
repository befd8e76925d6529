import AgentEvents
package import AgentEventsProtocol
package import NIOCore

/// A thread that is followed by code of this process, which takes the messages of a session one by one: a stream that is
/// translated on its way. The session is that of a client that can say nothing, with the same rights, limits and goodbye.
///
/// It keeps a cursor and no events: what has not been taken is at most the outbound watermark, as on a socket, and the rest comes
/// from the log.
package final class FollowedThread: Sendable {
    private let eventLoop: any EventLoop
    private let pipe: InProcessPipe
    /// Confined to the event loop; `nil` when the client has left.
    private let session: NIOLoopBoundBox<StreamSession?>

    private init(
        _ eventLoop: any EventLoop,
        _ pipe: InProcessPipe,
        _ session: NIOLoopBoundBox<StreamSession?>
    ) {
        self.eventLoop = eventLoop
        self.pipe = pipe
        self.session = session
    }

    /// Follows a thread until ``leave()``.
    ///
    /// - Parameters:
    ///   - principal: the user of the connection, which counts among theirs. With one too many the session ends at once, by an
    ///     error.
    ///   - eventLoop: where the session lives.
    package static func follow(
        _ request: SubscribeRequest,
        of hub: AgentEventsHub,
        as principal: Principal,
        on eventLoop: any EventLoop
    ) async throws -> FollowedThread {
        try await eventLoop.submit {
            let pipe = InProcessPipe(watermarkByteCount: hub.limits.outboundWatermarkByteCount)
            let session = hub.adopt(FollowingTransport(pipe), as: principal, on: eventLoop)
            session.follow(request)
            return FollowedThread(eventLoop, pipe, NIOLoopBoundBox(session, eventLoop: eventLoop))
        }.get()
    }

    /// The next message of the hub; waits for it. An empty one is a ping. One task at a time.
    ///
    /// - Returns: `nil` only when the task is cancelled.
    /// - Throws: ``InProcessClosure`` when everything is taken and the session has ended.
    package func next() async throws(InProcessClosure) -> [UInt8]? {
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

    /// Leaves. May be called several times.
    package func leave() {
        guard pipe.withMachine({ $0.leave() }) else { return }
        pipe.arrivals.signal()
        let session = session
        eventLoop.execute {
            session.value?.closed()
            session.value = nil
        }
    }

    private func tell(_ body: @escaping @Sendable (StreamSession) -> Void) {
        let session = session
        eventLoop.execute {
            if let session = session.value { body(session) }
        }
    }
}

/// The hub's end of a thread that code of this process follows.
private final class FollowingTransport: OneWayTransport {
    let framing = StreamFraming.lengthPrefixed
    private let pipe: InProcessPipe

    init(_ pipe: InProcessPipe) { self.pipe = pipe }

    var isWritable: Bool { pipe.withMachine { $0.isWritable } }
    var pendingByteCount: Int { pipe.withMachine { $0.pendingByteCount } }

    func write(_ messages: ByteBuffer) { pipe.withMachine { $0.write(messages) } }

    func flush() {
        if pipe.withMachine({ $0.flush() }) { pipe.arrivals.signal() }
    }

    func ping() -> Int {
        let ping = framing.frame([])
        write(ping)
        return ping.readableBytes
    }

    /// The code that translates says it in its own terms, or not at all.
    func announceReturn(afterMilliseconds milliseconds: Int64) -> Int { 0 }

    /// The client can say nothing.
    func setReading(_ isEnabled: Bool) {}

    func close(_ code: StreamCloseCode, reason: String) {
        pipe.withMachine { $0.close(code, reason: reason) }
        pipe.arrivals.signal()
    }
}
