import AgentEvents
package import AgentEventsProtocol
package import NIOCore

/// A thread that is followed by code of this process, which takes the messages of a session one by one: a stream that is
/// translated on its way. The session is that of a client that can say nothing, with the same rights, limits and goodbye.
///
/// It keeps a cursor and no events: what has not been taken is at most the outbound watermark, as on a socket, and the rest comes
/// from the log.
package struct FollowedThread: Sendable {
    private let connection: InProcessConnection

    /// Follows a thread until ``leave()``.
    ///
    /// - Parameters:
    ///   - principal: the user of the connection, which counts among theirs. With one too many the session ends at once, by an
    ///     error.
    ///   - eventLoop: where the session lives.
    ///   - onStall: called on the event loop when the session has ended because nothing was taken for too long: whoever takes waits for
    ///     something else, and does not come to know it by ``next()``.
    package static func follow(
        _ request: SubscribeRequest,
        of hub: AgentEventsHub,
        as principal: Principal,
        on eventLoop: any EventLoop,
        onStall: @escaping @Sendable () -> Void
    ) async throws -> FollowedThread {
        FollowedThread(
            connection: try await .open(to: hub, as: principal, on: eventLoop) {
                FollowingTransport($0, onStall: onStall)
            } beginning: {
                $0.follow(request)
            })
    }

    /// The next message of the hub; waits for it. An empty one is a ping. One task at a time.
    ///
    /// - Returns: `nil` only when the task is cancelled.
    /// - Throws: ``InProcessClosure`` when everything is taken and the session has ended.
    package func next() async throws(InProcessClosure) -> [UInt8]? { try await connection.next() }

    /// Leaves. May be called several times.
    package func leave() { connection.close() }
}

/// The hub's end of a thread that code of this process follows. Unlike an ``InProcessTransport`` it is a client's, with its limits.
private final class FollowingTransport: PipeTransport, OneWayTransport {
    let pipe: InProcessPipe
    private let onStall: @Sendable () -> Void

    init(_ pipe: InProcessPipe, onStall: @escaping @Sendable () -> Void) {
        self.pipe = pipe
        self.onStall = onStall
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
        closePipe(code, reason: reason)
        if code == .heartbeatMissed { onStall() }
    }
}
