package import AgentEvents

/// Checks what producers were told against what clients saw: the whole system, from outside.
///
/// Given a history it verifies that nothing was seen that the log does not hold (I1); that each client saw every event of
/// its threads once, in order, from where it began, and so everything acknowledged (I2); that what was acknowledged is
/// there as it was emitted, and what was not is there once or not at all; that everybody saw the same bytes (I8), and
/// nothing of a thread that is not theirs (I5); and that what is called acknowledged was (I10).
///
/// Without ``HistoryRecord/logged(bytes:)`` records of a thread, what clients saw together stands for the log.
package struct HistoryCheck: Sendable {
    struct Seen {
        var event: AgentEvent
        var bytes: [UInt8]
        var place: String
    }

    struct Acknowledgement {
        var attempt: String?
        var thread: ThreadID
        var ids: [EventID]
        var place: String
    }

    struct Report {
        var client: String
        var thread: ThreadID
        var acknowledged: EventID?
        var sent: EventID?
        var place: String
    }

    private let policy: OrderPolicy
    var attempts: [String: HistoryAttempt] = [:]
    var refused: Set<String> = []
    var acknowledgements: [Acknowledgement] = []
    var reports: [Report] = []
    /// What the log holds, of the threads it was given of.
    var logged: [ThreadID: [UInt64: Seen]] = [:]
    /// What clients saw that was not merged, each event once.
    var seen: [ThreadID: [EventID: Seen]] = [:]
    /// What is where, by the log or else by what was seen; made when everything is known.
    var book: [ThreadID: [UInt64: Seen]] = [:]
    var clients: [String: [ThreadID: SeenThread]] = [:]
    var left: Set<String> = []
    /// Whose a thread is, by those who know.
    var owners: [ThreadID: UserID] = [:]
    private var logOrder: EventSequenceCheck
    private var seenOrder: [String: EventSequenceCheck] = [:]
    private(set) var faults: [HistoryFault] = []
    /// How many events were seen or logged, each as often as it was.
    private var eventCount = 0
    /// How many records there were.
    package private(set) var recordCount = 0

    package init(policy: OrderPolicy = .standard) {
        self.policy = policy
        logOrder = EventSequenceCheck(policy: policy)
    }

    /// Whether there is nothing to check: no event was emitted, seen or logged.
    package var isEmpty: Bool { attempts.isEmpty && acknowledgements.isEmpty && eventCount == 0 }

    package var clientCount: Int { clients.count }
    package var attemptCount: Int { attempts.count }

    /// The next record.
    ///
    /// - Parameter place: where it stands, for the faults: a file and a line.
    package mutating func receive(_ record: HistoryRecord, at place: String) {
        recordCount += 1
        switch record {
        case .attempted(let attempt):
            attempts[attempt.name] = attempt
            if let user = attempt.user { owners[attempt.thread] = user }
        case .acknowledged(let attempt, let thread, let ids):
            acknowledgements.append(Acknowledgement(attempt: attempt, thread: thread, ids: ids, place: place))
        case .refused(let attempt):
            refused.insert(attempt)
        case .logged(let bytes):
            receiveLogged(bytes, place)
        case .subscribed(let client, let user, let thread, let after):
            subscribe(client, user, thread, after, place)
        case .seen(let client, let bytes):
            receiveSeen(bytes, by: client, place)
        case .reset(let client, let thread, let reset):
            clients[client]?[thread]?.reset(reset)
            // Its runs begin anew, or in their midst.
            seenOrder[client]?.forget(thread)
        case .acknowledgedByClient(let client, let thread, let cursor):
            guard clients[client]?[thread]?.acknowledge(cursor) != true else { return }
            add(
                HistoryFault(
                    .ackUnseen, place: place, client: client, thread: thread, event: cursor,
                    "it acknowledged what it had not seen"))
        case .reported(let client, let thread, let acknowledged, let sent):
            reports.append(
                Report(client: client, thread: thread, acknowledged: acknowledged, sent: sent, place: place))
        case .left(let client):
            left.insert(client)
        }
    }

    /// Everything that is wrong. Call it when all records were received.
    package func finish() -> [HistoryFault] {
        var judged = self
        judged.judge()
        for fault in logOrder.finish() { judged.add(HistoryFault(fault, place: nil)) }
        return judged.faults
    }

    mutating func add(_ fault: HistoryFault) { faults.append(fault) }

    private mutating func receiveLogged(_ bytes: [UInt8], _ place: String) {
        guard let event = decode(bytes, by: nil, place) else { return }
        for fault in logOrder.receive(event, at: 0) { add(HistoryFault(fault, place: place)) }
        logged[event.thread, default: [:]][event.sequence] = Seen(event: event, bytes: bytes, place: place)
    }

    private mutating func subscribe(
        _ client: String,
        _ user: UserID?,
        _ thread: ThreadID,
        _ after: EventID?,
        _ place: String
    ) {
        guard let known = clients[client]?[thread] else {
            clients[client, default: [:]][thread] = SeenThread(user: user, after: after)
            return
        }
        guard known.last != after else { return }
        let (here, there) = (after?.description ?? "the start", known.last?.description ?? "the start")
        add(
            HistoryFault(
                .resumeMoved, place: place, client: client, thread: thread, event: after,
                "it resumed after \(here), and had seen everything up to \(there)"))
    }

    private mutating func receiveSeen(_ bytes: [UInt8], by client: String, _ place: String) {
        guard let event = decode(bytes, by: client, place) else { return }
        let thread = event.thread
        guard clients[client]?[thread] != nil else {
            add(
                HistoryFault(
                    .foreignThread, place: place, client: client, thread: thread, event: event.id,
                    "it saw an event of a thread that it did not subscribe to"))
            return
        }
        // Changed in place: a copy would cost as much as the client has seen.
        if let problem = clients[client]?[thread]?.receive(event, place: place) ?? nil {
            add(
                HistoryFault(
                    problem.rule, place: place, client: client, thread: thread, event: event.id, problem.message))
        }
        for fault in seenOrder[client, default: EventSequenceCheck(policy: policy)].receive(event, at: 0)
        where logged[thread] == nil && !fault.rule.hasPrefix("seq.") {
            add(HistoryFault(fault, place: place))
        }
        guard event.fromSequence == nil else { return }
        guard let first = seen[thread]?[event.id] else {
            seen[thread, default: [:]][event.id] = Seen(event: event, bytes: bytes, place: place)
            return
        }
        guard first.bytes != bytes else { return }
        add(
            HistoryFault(
                .seenChanged, place: place, client: client, thread: thread, event: event.id,
                "the bytes are not those seen at \(first.place)"))
    }

    private mutating func decode(_ bytes: [UInt8], by client: String?, _ place: String) -> AgentEvent? {
        eventCount += 1
        do throws(WireError) {
            return try EventDecoder.decode(bytes)
        } catch {
            add(HistoryFault(.seenMalformed, place: place, client: client, error.description))
            return nil
        }
    }
}
