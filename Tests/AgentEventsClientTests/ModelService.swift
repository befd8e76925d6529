import AgentEvents
import AgentEventsClient
import AgentEventsProtocol

/// A service as a value: what it holds, and what it says on its one connection. It keeps the rules of the protocol, and
/// notes where the client does not.
struct ModelService {
    struct Subscription {
        /// The last event sent; 0 for none.
        var cursor: UInt64
        var isLive = false
    }

    /// The events of each thread; the number of the first one kept, and the generations from there on.
    struct History {
        var oldest: UInt64 = 1
        var generations: [UInt64] = []

        var head: UInt64 { oldest - 1 + UInt64(generations.count) }

        func cursor(_ sequence: UInt64) -> Cursor? {
            guard sequence >= oldest, sequence <= head else { return nil }
            return Cursor(generation: generations[Int(sequence - oldest)], sequence: sequence)
        }
    }

    var histories: [ThreadID: History]
    private(set) var subscriptions: [ThreadID: Subscription] = [:]
    private(set) var acknowledged: [ThreadID: Cursor] = [:]
    /// What the client did wrong.
    private(set) var faults: [String] = []
    /// On its way to the client.
    var wire: [ServerMessage] = []
    /// On its way to the service.
    var requests: [ClientMessage] = []
    var generation: UInt64 = 1

    init(threads: [ThreadID]) {
        histories = Dictionary(uniqueKeysWithValues: threads.map { ($0, History()) })
    }

    mutating func append(to thread: ThreadID) {
        histories[thread]?.generations.append(generation)
    }

    /// A crash took the tail of a thread, and its numbers are used again.
    mutating func diverge(_ thread: ThreadID, losing count: Int) {
        generation += 1
        let kept = max(0, (histories[thread]?.generations.count ?? 0) - count)
        let lost = (histories[thread]?.generations.count ?? 0) - kept
        histories[thread]?.generations.removeLast(lost)
        for _ in 0..<lost { append(to: thread) }
        if let cursor = acknowledged[thread], histories[thread]?.cursor(cursor.sequence) != cursor {
            acknowledged[thread] = nil
        }
    }

    /// Old events go.
    mutating func trim(_ thread: ThreadID, count: Int) {
        guard var history = histories[thread] else { return }
        let count = min(count, history.generations.count - 1)
        guard count > 0 else { return }
        history.generations.removeFirst(count)
        history.oldest += UInt64(count)
        histories[thread] = history
        guard let subscription = subscriptions[thread], subscription.cursor + 1 < history.oldest else { return }
        wire.append(.reset(thread, .trimmed, oldest: history.cursor(history.oldest)))
        subscriptions[thread]?.cursor = history.oldest - 1
    }

    mutating func connect() {
        subscriptions = [:]
        requests = []
        wire = [.welcome(Welcome(heartbeatMilliseconds: 1000))]
    }

    /// Takes one request.
    mutating func serve() {
        guard !requests.isEmpty else { return }
        let message = requests.removeFirst()
        switch message.operation {
        case .subscribe(let request):
            let thread = request.thread
            guard subscriptions[thread] == nil else {
                faults.append("subscribed twice to \(thread)")
                refuse(message, thread, .subscriptionExists)
                return
            }
            subscribe(thread, from: request.start)
        case .unsubscribe(let thread):
            if subscriptions.removeValue(forKey: thread) == nil {
                refuse(message, thread, .subscriptionUnknown)
            } else {
                wire.append(.unsubscribed(nil, thread))
            }
        case .acknowledge(let thread, let cursor):
            guard let subscription = subscriptions[thread] else {
                faults.append("acknowledged \(cursor) of \(thread) without a subscription")
                return
            }
            if cursor.sequence > subscription.cursor { faults.append("acknowledged \(cursor) before it was sent") }
            if let last = acknowledged[thread], last.sequence > cursor.sequence, last.generation == cursor.generation {
                faults.append("acknowledged \(cursor) after \(last)")
            }
            acknowledged[thread] = cursor
        case .emit, .command, .refresh, .watch, .unwatch, .serve, .take, .decline, .renew, .ping, .pong:
            break
        }
    }

    private mutating func refuse(_ message: ClientMessage, _ thread: ThreadID, _ code: ProtocolError.Code) {
        var error = ProtocolError(code, code.rawValue, threadID: thread)
        error.tag = message.tag
        wire.append(.error(error))
    }

    private mutating func subscribe(_ thread: ThreadID, from start: StartPosition?) {
        guard let history = histories[thread] else { return }
        let first = history.oldest - 1
        defer {
            // Who begins anew acknowledges anew.
            if subscriptions[thread]?.cursor == first { acknowledged[thread] = nil }
        }
        switch start {
        case .start, nil:
            subscriptions[thread] = Subscription(cursor: first)
            wire.append(.subscribed(nil, thread, after: nil, head: nil))
        case .now:
            subscriptions[thread] = Subscription(cursor: history.head)
            wire.append(.subscribed(nil, thread, after: history.cursor(history.head), head: nil))
        case .after(let cursor)?:
            let isKnown = history.cursor(cursor.sequence) == cursor || cursor.sequence == first
            subscriptions[thread] = Subscription(cursor: isKnown ? cursor.sequence : first)
            wire.append(.subscribed(nil, thread, after: isKnown ? cursor : nil, head: nil))
            if !isKnown {
                wire.append(.reset(thread, .diverged, oldest: history.cursor(history.oldest)))
            }
        }
    }

    /// Sends the next event of a thread, or so many merged into one, or says that there are no more.
    mutating func send(_ thread: ThreadID, merging count: UInt64) {
        guard let subscription = subscriptions[thread], let history = histories[thread] else { return }
        guard subscription.cursor < history.head else {
            guard !subscription.isLive else { return }
            subscriptions[thread]?.isLive = true
            wire.append(.live(thread, cursor: history.cursor(history.head)))
            return
        }
        let last = min(subscription.cursor + count, history.head)
        guard let cursor = history.cursor(last) else { return }
        subscriptions[thread]?.cursor = last
        wire.append(
            .event(
                StreamEvent(
                    cursor: cursor, firstSequence: subscription.cursor + 1, threadID: thread, bytes: [1, 2, 3])))
    }
}
