public import AgentEventsProtocol
public import NIOCore

/// The way from a session to its client, and back: a WebSocket, a stream of server-sent events, a pair of queues in one
/// process.
///
/// A transport belongs to one event loop, and so does the ``StreamSession`` that it is given to by
/// ``AgentEventsHub/adopt(_:as:on:)``; both are used on that loop only, and neither is locked.
///
/// **What the session calls.** The members below, at any time until ``close(_:reason:)``. None of them calls the
/// session back: what becomes of a call (the transport can take more, its peer is gone) is told to the session later,
/// when the call has returned, at the latest in the next turn of the loop.
///
/// **What the transport tells the session**, in the order in which it happens:
/// - ``StreamSession/receive(_:)``: a whole message of the client. Nothing is received while reading is switched off,
///   but for what had arrived before.
/// - ``StreamSession/didHear()``: a sign of life that is not a message.
/// - ``StreamSession/readComplete()``: for now nothing more comes. Answers are flushed then.
/// - ``StreamSession/writabilityChanged()``: ``isWritable`` is another.
/// - ``StreamSession/close(_:reason:)``: the client broke a rule of the transport.
/// - ``StreamSession/beginLeaving()``: the server that carries the transport stops.
/// - ``StreamSession/closed()``: the connection is gone, or its client has said goodbye. It is the last.
public protocol StreamTransport: AnyObject {
    /// The framing of messages. It stays the same.
    var framing: StreamFraming { get }

    /// Whether less waits to be taken by the client than the transport wants to keep. While it is `false` the session
    /// writes answers to what the client asks, and no events: these come from the log later.
    var isWritable: Bool { get }

    /// The number of bytes that were written and that the client's side has not taken. A client for which it stays the
    /// same and is not 0 counts as one that reads nothing.
    var pendingByteCount: Int { get }

    /// Writes one or more whole messages in the transport's ``framing``; they may wait for ``flush()``. The bytes are
    /// shared with other transports. What cannot be written is dropped, and ``StreamSession/closed()`` follows.
    func write(_ messages: ByteBuffer)

    /// Sends what was written.
    func flush()

    /// Switches reading from the client on or off. It is on at the beginning.
    func setReading(_ isEnabled: Bool)

    /// Ends the connection: what was written goes out first, then the code and the reason, if the transport has a place
    /// for them. Called once, and nothing is called after it. A peer that does not take it is not waited for without a
    /// limit.
    ///
    /// - Parameter reason: one sentence for people; may be cut.
    func close(_ code: StreamCloseCode, reason: String)
}

/// A transport that can ask the client's side for a sign of life, without a message that the client's code gets to see.
public protocol PingingTransport: StreamTransport {
    /// Asks; the answer is told by ``StreamSession/didHear()``.
    ///
    /// - Returns: the number of bytes that were written.
    func ping() -> Int
}

/// A transport whose client can say nothing once it is connected: a stream of server-sent events. Its session is told what to
/// follow by ``StreamSession/follow(_:)``.
///
/// Its pings have no answer. They are sent when nothing else was for a while, so that nobody on the way takes the connection
/// for a dead one; a client that is gone is noticed because it takes nothing.
package protocol OneWayTransport: PingingTransport {
    /// Tells the client when to come back once the connection has ended, whatever it ends by. Told at the beginning, and again
    /// when the service is about to stop.
    ///
    /// - Parameter milliseconds: of its own, so that not all come at once.
    /// - Returns: the number of bytes that were written.
    func announceReturn(afterMilliseconds milliseconds: Int64) -> Int
}
