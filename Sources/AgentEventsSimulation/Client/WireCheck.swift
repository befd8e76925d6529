import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsProtocol

/// What is known of a connection from the messages on it.
protocol WireRecording: AnyObject {
    /// What comes next of each thread; 0 for the oldest event kept.
    var nextSequences: [ThreadID: UInt64] { get set }
    /// Subscriptions, their ends and emissions that were asked for and have no answer yet, of each thread in order.
    var unanswered: [ThreadID: [Int64]] { get }
    /// A request of the client's is answered.
    ///
    /// - Returns: `false` when it is not the next one of its thread that is due, or was answered before.
    func answer(_ number: Int64, of thread: ThreadID) -> Bool
}



/// What is seen on the wire, whatever the client makes of it.
enum WireCheck {
    /// What comes next on the connection is known from its messages.
    static func note(_ message: ServerMessage, on connection: some WireRecording) {
        switch message {
        case .subscribed(_, let thread, let after, _):
            connection.nextSequences[thread] = (after?.sequence).map { $0 + 1 } ?? 0
        case .reset(let thread, _, _):
            connection.nextSequences[thread] = 0
        case .unsubscribed(_, let thread):
            connection.nextSequences[thread] = nil
        case .event, .welcome, .live, .snapshot, .snapshotPart, .emitted, .error, .ping, .drain, .pong, .other:
            break
        }
    }

    /// Every subscription, every end of one and every emission is answered once, those of a thread in their order.
    static func answer(
        _ message: ServerMessage,
        to number: Int64?,
        on connection: some WireRecording
    ) -> InvariantViolation? {
        let thread: ThreadID
        switch message {
        case .subscribed(_, let about, _, _), .unsubscribed(_, let about):
            thread = about
        case .error(let refusal):
            // Of acknowledgements only the refused ones are answered.
            guard let number, let about = refusal.threadID, connection.unanswered[about]?.contains(number) == true
            else {
                return nil
            }
            thread = about
        case .emitted:
            guard let about = connection.unanswered.first(where: { $0.value.contains(number ?? 0) })?.key else {
                return InvariantViolation(.requestsAnswered, "an emission was answered that was not due")
            }
            thread = about
        case .event, .welcome, .live, .reset, .snapshot, .snapshotPart, .ping, .drain, .pong, .other:
            return nil
        }
        guard let number, connection.answer(number, of: thread) else {
            return InvariantViolation(.requestsAnswered, "\(thread): an answer came that was not due")
        }
        return nil
    }

    /// From its cursor on, a connection carries every event once (I2).
    static func order(
        _ event: StreamEvent,
        on connection: some WireRecording,
        _ log: SimulatedThread
    ) -> InvariantViolation? {
        guard let next = connection.nextSequences.updateValue(event.cursor.sequence + 1, forKey: event.threadID) else {
            return InvariantViolation(.denseOrder, "\(event.cursor) of \(event.threadID) before its subscription")
        }
        // From the start, the oldest event kept comes first; more may have been trimmed since it was sent.
        guard next == 0 ? event.firstSequence > log.firstKept : event.firstSequence != next else { return nil }
        return InvariantViolation(
            .denseOrder, "\(event.threadID): \(event.firstSequence)-\(event.cursor) was sent where \(next) was due")
    }

    /// Whether a message is the same after it was written by the service and read by the client.
    static func roundTrip(_ message: ServerMessage) -> InvariantViolation? {
        let bytes = message.encoded()
        do throws(WireError) {
            guard try ServerMessage(bytes) != message else { return nil }
            let text = String(decoding: bytes, as: UTF8.self)
            return InvariantViolation(.sameBytes, "not read as it was written: \(text)")
        } catch {
            return InvariantViolation(.sameBytes, "\(error): \(String(decoding: bytes, as: UTF8.self))")
        }
    }
}
