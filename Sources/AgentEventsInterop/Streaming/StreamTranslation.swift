import AgentEvents
import AgentEventsProtocol

/// Translates the events of a thread into the messages of another protocol: a pure machine, without a clock and without I/O.
///
///     noting ── begin ──> open ── the last event of its part ──> ended
///                           └──── breakOff ─────────────────────^
///
/// Events come in the order of the log. Those before the place at which the client begins are noted, so that the beginning can tell
/// what they have led to.
protocol StreamTranslation: Sendable {
    /// An event that comes before the beginning.
    mutating func note(_ event: AgentEvent)

    /// The frames with which the stream begins.
    mutating func begin() -> [StreamFrame]

    /// An event that comes after the beginning.
    mutating func receive(_ event: AgentEvent) -> [StreamFrame]

    /// Whether everything is told that belongs to the stream.
    var hasEnded: Bool { get }

    /// The stream ends before its part of the thread does.
    mutating func breakOff(_ cause: StreamBreak) -> StreamEnd
}

/// The cause for which a stream ends early.
enum StreamBreak: Hashable, Sendable {
    /// The service stops, or has the client connect again.
    case restart
    /// The client may not follow the thread, or not any longer, or there is nothing more to follow.
    case refused(ProtocolError)
}

/// The way in which a stream ends early.
enum StreamEnd: Hashable, Sendable {
    /// Frames tell it, and the answer is whole.
    case told([StreamFrame])
    /// The answer breaks off in the middle, since the protocol has no frame that says so.
    case brokenOff
}
