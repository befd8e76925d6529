import AgentEvents
import AgentEventsHub
import AgentEventsProtocol

/// What is seen on the wire of one connection, whatever the client makes of it: every event once and in order, every request
/// answered once and in order.
struct WireCheck {
    private struct Followed {
        /// The number that comes next; 0 for the oldest event kept.
        var next: UInt64
        var hasEvents = false
    }

    private let witness: LogWitness
    private var followed: [ThreadID: Followed] = [:]
    /// Subscriptions, their ends and emissions that were asked for and have no answer yet, of each thread in order.
    private(set) var unanswered: [ThreadID: [Int64]] = [:]
    private var messageCount = 0
    /// Known once the service has said it.
    private var connection: ConnectionID?

    /// Whether the client works for agents.
    private let isWorker: Bool

    init(witness: LogWitness, isWorker: Bool = false) {
        self.witness = witness
        self.isWorker = isWorker
    }

    // MARK: What the client sends

    mutating func sent(_ message: ClientMessage) {
        let thread: ThreadID
        switch message.operation {
        case .subscribe(let request):
            thread = request.thread
            if let connection { witness.went(live: false, connection, thread) }
        case .unsubscribe(let about): thread = about
        case .emit(let request): thread = request.thread
        case .command(let request): thread = request.thread
        case .acknowledge, .refresh, .watch, .unwatch, .serve, .take, .decline, .renew, .ping, .pong: return
        }
        guard let number = message.tag?.number else { return }
        if unanswered[thread] != nil { witness.count(.requestPipelined) }
        unanswered[thread, default: []].append(number)
    }

    // MARK: What the service sends

    /// - Returns: what is wrong with the message.
    mutating func received(_ message: ServerMessage) -> InvariantViolation? {
        messageCount += 1
        if messageCount % 32 == 0, let violation = roundTrip(message) { return violation }
        switch message {
        case .event(let event):
            return received(event)
        case .subscribed(_, let thread, let after, _):
            followed[thread] = Followed(next: (after?.sequence).map { $0 + 1 } ?? 0)
            witness.count(after == nil ? .subscribed : .resumed)
        case .reset(let thread, let reason, _):
            if reason == .trimmed, followed[thread]?.hasEvents == true { witness.count(.trimmedInMidReplay) }
            witness.count(reason == .diverged ? .resetDiverged : .resetTrimmed)
            followed[thread] = Followed(next: 0)
        case .unsubscribed(_, let thread, _):
            followed[thread] = nil
        case .snapshot(let thread, let cursor, _):
            if let cursor { followed[thread] = Followed(next: cursor.sequence + 1) }
        case .live(let thread, _):
            witness.count(.wentLive)
            if let connection { witness.went(live: true, connection, thread) }
        case .drain:
            witness.count(.drained)
        case .welcome(let welcome):
            connection = welcome.connection
        case .refreshed:
            witness.count(.tokenReplaced)
        case .snapshotPart, .emitted, .accepted, .expiring, .error, .ping, .pong:
            break
        case .membersChanged:
            return InvariantViolation(.protocolKept, "a change of members that nobody has asked to be told of")
        case .watching, .threads, .unwatched:
            // Who watches looks at it.
            break
        case .serving, .run, .renewed, .cancel:
            guard !isWorker else { break }
            return InvariantViolation(.protocolKept, "a message to a worker, which this client is not")
        case .other:
            return InvariantViolation(.protocolKept, "a message with an op that there is not")
        }
        return answer(message)
    }

    /// From its cursor on, a connection carries every event once (I2).
    private mutating func received(_ event: StreamEvent) -> InvariantViolation? {
        witness.count(.eventDelivered)
        if event.firstSequence < event.cursor.sequence { witness.count(.eventMerged) }
        guard let number = witness.number(of: event.threadID) else {
            return InvariantViolation(.isolation, "an event of \(event.threadID), which nobody has")
        }
        let now = Followed(next: event.cursor.sequence + 1, hasEvents: true)
        guard let next = followed.updateValue(now, forKey: event.threadID)?.next else {
            return InvariantViolation(.denseOrder, "\(event.cursor) of \(event.threadID) before its subscription")
        }
        // From the start, the oldest event kept comes first; more may have been trimmed since it was sent.
        guard next == 0 ? event.firstSequence > witness.firstKept(number) : event.firstSequence != next else {
            return nil
        }
        return InvariantViolation(
            .denseOrder, "\(event.threadID): \(event.firstSequence)-\(event.cursor) was sent where \(next) was due")
    }

    /// Every subscription, every end of one and every emission is answered once, those of a thread in their order.
    private mutating func answer(_ message: ServerMessage) -> InvariantViolation? {
        let thread: ThreadID
        let number = message.answeredRequest
        // The service subscribes a worker to the threads of its runs.
        if isWorker, number == nil { return nil }
        switch message {
        case .unsubscribed(_, _, code: .some):
            // The service has ended the subscription by itself.
            return nil
        case .subscribed(_, let about, _, _), .unsubscribed(_, let about, _), .accepted(_, let about, _):
            thread = about
        case .error(let refusal):
            // Of acknowledgements only the refused ones are answered.
            guard let number, let about = refusal.threadID, unanswered[about]?.contains(number) == true else {
                return nil
            }
            thread = about
        case .emitted:
            guard let about = unanswered.first(where: { $0.value.contains(number ?? 0) })?.key else {
                return InvariantViolation(.requestsAnswered, "an emission was answered that was not due")
            }
            thread = about
        case .event, .welcome, .live, .reset, .snapshot, .snapshotPart, .refreshed, .expiring, .ping, .drain, .pong,
            .membersChanged, .watching, .threads, .unwatched, .serving, .run, .renewed, .cancel,
            .other:
            return nil
        }
        guard let number, unanswered[thread]?.first == number else {
            return InvariantViolation(.requestsAnswered, "\(thread): an answer came that was not due")
        }
        unanswered[thread]?.removeFirst()
        if unanswered[thread]?.isEmpty == true { unanswered[thread] = nil }
        witness.count(.requestAnswered)
        return nil
    }

    /// Whether a message is the same after it was written by the service and read by the client.
    private func roundTrip(_ message: ServerMessage) -> InvariantViolation? {
        witness.count(.wireChecked)
        let bytes = message.encoded()
        do throws(WireError) {
            guard try ServerMessage(bytes) != message else { return nil }
            let text = String(decoding: bytes, as: UTF8.self)
            return InvariantViolation(.sameBytes, "not read as it was written: \(text)")
        } catch {
            return InvariantViolation(.sameBytes, "\(error): \(String(decoding: bytes, as: UTF8.self))")
        }
    }

    /// Nothing more is expected, and every request has its answer.
    var missing: InvariantViolation? {
        guard let (thread, numbers) = unanswered.min(by: { $0.key.rawValue < $1.key.rawValue }) else { return nil }
        return InvariantViolation(.requestsAnswered, "\(thread) \(numbers) have no answer")
    }
}

extension ServerMessage {
    /// The number of the request that the message answers.
    var answeredRequest: Int64? {
        switch self {
        case .subscribed(let tag, _, _, _), .unsubscribed(let tag, _, _), .emitted(let tag, _, _),
            .accepted(let tag, _, _), .refreshed(let tag, _),
            .pong(let tag), .watching(let tag), .unwatched(let tag, _), .serving(let tag, _, _, _),
            .renewed(let tag, _):
            tag?.number
        case .error(let error): error.tag?.number
        case .event, .welcome, .live, .reset, .snapshot, .snapshotPart, .expiring, .ping, .drain, .membersChanged,
            .threads, .run, .cancel, .other:
            nil
        }
    }
}
