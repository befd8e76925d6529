import AgentEvents
import AgentEventsProtocol

/// A request that a client sends beside its readers.
enum RequestItem {
    case request(ClientMessage)
    /// One event of no run, over the stream.
    case emit(request: Int64, ThreadID)
}

/// Requests that an application sends about a thread without waiting for an answer: a page that is mounted twice, or left
/// before it has begun, and a backend that subscribes and emits at once. The stream is told nothing of them.
struct PipelinedRequests {
    /// The numbers of a stream's own requests are far below.
    private static let firstNumber: Int64 = 1 << 40

    let thread: ThreadID
    private var lastNumber = firstNumber
    /// The last event that came.
    private var last: Cursor?
    /// Subscriptions to what comes next that have no answer yet.
    private var nowNumbers: Set<Int64> = []
    /// The last event that was emitted over this connection, as far as that was answered.
    private var lastEmitted: Cursor?
    /// Where the latest subscription to what comes next began on this connection; `nil` when there was none.
    private var place: UInt64?

    init(thread: ThreadID) { self.thread = thread }

    /// Another connection begins.
    mutating func connected() {
        nowNumbers = []
        lastEmitted = nil
        place = nil
    }

    /// A few requests, or none.
    mutating func next(_ random: inout SimulationRandom) -> [RequestItem] {
        guard random.once(in: 2) else { return [] }
        var items: [RequestItem] = []
        for _ in 0...random.below(4) {
            lastNumber += 1
            items.append(item(random.below(10)))
        }
        return items
    }

    private mutating func item(_ choice: Int) -> RequestItem {
        switch choice {
        case 0, 1:
            nowNumbers.insert(lastNumber)
            return subscribe(from: .now)
        case 2:
            return subscribe(from: .start)
        case 3:
            return subscribe(from: last.map { .after($0) })
        case 4:
            guard let last else { break }
            return request(.acknowledge(thread, cursor: last))
        case 5, 6:
            return .emit(request: lastNumber, thread)
        default:
            break
        }
        return request(.unsubscribe(thread))
    }

    private func subscribe(from start: StartPosition?) -> RequestItem {
        request(.subscribe(SubscribeRequest(thread: thread, start: start, merges: false)))
    }

    private func request(_ operation: ClientMessage.Operation) -> RequestItem {
        .request(ClientMessage(tag: RequestTag(number: lastNumber), operation))
    }

    /// - Parameter number: the request that the message is the answer to.
    /// - Returns: whether the message is about the thread, and what is wrong with it.
    mutating func received(
        _ message: ServerMessage,
        _ number: Int64?
    ) -> (isMine: Bool, violation: InvariantViolation?) {
        let isMine: Bool
        switch message {
        case .event(let event):
            isMine = event.threadID == thread
            if isMine { last = event.cursor }
        case .subscribed(_, let about, let after, _):
            isMine = about == thread
            if isMine, let number, nowNumbers.remove(number) != nil { return (true, began(after)) }
        case .emitted(_, _, let cursors):
            isMine = number.map { $0 > Self.firstNumber } ?? false
            if isMine { return (true, emitted(cursors)) }
        case .unsubscribed(_, let about, _), .live(let about, _), .reset(let about, _, _):
            isMine = about == thread
        case .error:
            isMine = number.map { $0 > Self.firstNumber } ?? false
        case .welcome, .snapshot, .snapshotPart, .accepted, .refreshed, .expiring, .ping, .drain, .pong,
            .membersChanged, .watching, .threads, .unwatched, .serving, .run, .renewed, .cancel,
            .other:
            isMine = false
        }
        return (isMine, nil)
    }

    /// What was emitted before lies before the place.
    private mutating func began(_ after: Cursor?) -> InvariantViolation? {
        place = after?.sequence ?? 0
        guard let lastEmitted, lastEmitted.sequence > after?.sequence ?? 0 else { return nil }
        return InvariantViolation(
            .requestsAnswered,
            "\(thread): \(lastEmitted) was emitted before a subscription, and comes after its place")
    }

    /// What is emitted later lies after the place.
    private mutating func emitted(_ cursors: [Cursor]) -> InvariantViolation? {
        lastEmitted = cursors.last
        guard let place, let first = cursors.first, first.sequence <= place else { return nil }
        return InvariantViolation(
            .requestsAnswered,
            "\(thread): \(first) was emitted after a subscription, and lies before its place")
    }
}
