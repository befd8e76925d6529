package import AgentEvents

/// Checks what producers were told against what clients saw: the whole system, from outside.
///
/// Given a history it verifies that nothing was seen that the log does not hold (I1); that each client saw every event of
/// its threads once, in order, from where it began, and so everything acknowledged (I2); that what was acknowledged is
/// there as it was emitted, and what was not is there once or not at all; that everybody saw the same bytes (I8), and
/// nothing of a thread that is not theirs (I5); and that everything called acknowledged was (I10).
///
/// Without ``HistoryRecord/logged(bytes:)`` records of a thread, what clients saw together stands for the log.
/// The file is long because every question is put to the same book of what was tried, logged and seen.
package struct HistoryCheck: Sendable {
    private struct Seen {
        var event: AgentEvent
        var bytes: [UInt8]
        var place: String
    }

    private struct Acknowledgement {
        var attempt: String?
        var thread: ThreadID
        var ids: [EventID]
        var place: String
    }

    private struct Report {
        var client: String
        var thread: ThreadID
        var acknowledged: EventID?
        var sent: EventID?
        var place: String
    }

    private let policy: OrderPolicy
    private let checksQueue: Bool
    private var attempts: [String: HistoryAttempt] = [:]
    private var refused: Set<String> = []
    private var acknowledgements: [Acknowledgement] = []
    private var reports: [Report] = []
    /// The events of the log, of the threads for which they were given.
    private var logged: [ThreadID: [UInt64: Seen]] = [:]
    /// The events that clients saw and that were not merged, each once.
    private var seen: [ThreadID: [EventID: Seen]] = [:]
    /// The event at each number, by the log or else by what was seen; made when everything is known.
    private var book: [ThreadID: [UInt64: Seen]] = [:]
    private var clients: [String: [ThreadID: SeenThread]] = [:]
    private var left: Set<String> = []
    /// The owner of each thread, by the records that name it.
    private var owners: [ThreadID: UserID] = [:]
    private var logOrder: EventSequenceCheck
    private var seenOrder: [String: EventSequenceCheck] = [:]
    private var faults: [HistoryFault] = []
    /// The number of events that were seen or logged, each as often as it was.
    private var eventCount = 0
    /// The number of records.
    package private(set) var recordCount = 0

    /// - Parameter checksQueue: whether all messages were taken by a service with agents, whose runs are not to stand beside
    ///   each other.
    package init(policy: OrderPolicy = .standard, checksQueue: Bool = false) {
        self.policy = policy
        self.checksQueue = checksQueue
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
            // Its runs begin again, or in the middle.
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

    private mutating func add(_ fault: HistoryFault) { faults.append(fault) }

    private mutating func receiveLogged(_ bytes: [UInt8], _ place: String) {
        guard let event = decode(bytes, by: nil, place) else { return }
        for fault in logOrder.receive(event, at: 0) { add(HistoryFault(fault, place: place)) }
        logged[event.threadID, default: [:]][event.sequence] = Seen(event: event, bytes: bytes, place: place)
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
        let thread = event.threadID
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

// MARK: Judgement, when everything is known

extension HistoryCheck {
    private mutating func judge() {
        let threads = Set(logged.keys).union(seen.keys).sortedByName
        for thread in threads { book[thread] = logged[thread] ?? seenBySequence(thread) }
        for thread in threads { judgeContents(of: thread) }
        for thread in threads where logged[thread] != nil {
            faults += ReportedUsage.faults(
                in: thread, (book[thread] ?? [:]).values.map(\.event), emitted: emissions(in: thread).flatMap(\.drafts))
        }
        for thread in threads where logged[thread] != nil {
            let events = (book[thread] ?? [:]).values.map(\.event).sorted { $0.sequence < $1.sequence }
            judgeAnswers(in: thread, events)
            if checksQueue { judgeQueue(of: thread, events) }
        }
        judgeAcknowledgements()
        let acknowledged = Dictionary(grouping: acknowledgements, by: \.thread).mapValues { $0.flatMap(\.ids) }
        for client in clients.keys.sorted() {
            for thread in (clients[client] ?? [:]).keys.sortedByName {
                judge(client, thread, acknowledged: acknowledged[thread] ?? [])
            }
        }
        judgeReports()
    }

    private func seenBySequence(_ thread: ThreadID) -> [UInt64: Seen] {
        Dictionary((seen[thread] ?? [:]).values.map { ($0.event.sequence, $0) }) { one, other in
            // Of two events of one number the later generation's is the one that stayed.
            one.event.id.generation < other.event.id.generation ? other : one
        }
    }

    private func known(_ sequence: UInt64, in thread: ThreadID) -> Seen? { book[thread]?[sequence] }

    /// Judges the answers to requests for approval, and what was done after them.
    private mutating func judgeAnswers(in thread: ThreadID, _ events: [AgentEvent]) {
        var check = AnswerCheck(owner: owners[thread])
        for event in events { check.receive(event) }
        for fault in check.faults {
            switch fault {
            case .repeated(let approval):
                add(HistoryFault(.answerRepeated, thread: thread, "the request \(approval) was resolved twice"))
            case .forbidden(let approval, let user):
                let author = user.map { "\($0), who may not" } ?? "nobody"
                add(HistoryFault(.answerForbidden, thread: thread, "the request \(approval) was answered by \(author)"))
            case .late(let approval):
                add(
                    HistoryFault(.answerUntimely, thread: thread, "the request \(approval) was answered after its time")
                )
            case .early(let approval):
                add(
                    HistoryFault(.answerUntimely, thread: thread, "the request \(approval) has expired before its time")
                )
            case .dataInvalid(let approval):
                add(
                    HistoryFault(
                        .answerInvalid, thread: thread,
                        "the request \(approval) was approved with data that does not fit"))
            case .notGranted(let approval, let problem):
                add(
                    HistoryFault(
                        .answerNotGranted, thread: thread,
                        "the request \(approval) was answered by a grant, and \(problem.rawValue)"))
            case .unapproved(let call):
                // Programs elsewhere may do as they like.
                guard checksQueue else { continue }
                add(HistoryFault(.callUnapproved, thread: thread, "the call \(call) succeeded, and nobody approved it"))
            }
        }
    }

    /// Judges the runs that answer messages: their places in the queue, their starts and ends.
    private mutating func judgeQueue(of thread: ThreadID, _ events: [AgentEvent]) {
        var check = QueueCheck()
        for event in events { check.receive(event) }
        for fault in check.faultsAtRest() {
            switch fault {
            case .twoOpen(let one, let other):
                add(HistoryFault(.queueTwoOpen, thread: thread, "the run \(other) started while \(one) was open"))
            case .overtaken(let run, let other):
                add(HistoryFault(.queueOvertaken, thread: thread, "the run \(other) started before \(run)"))
            case .unanswered(let message):
                add(HistoryFault(.messageUnanswered, thread: thread, "the message \(message) has no run"))
            case .open:
                // The order says so.
                break
            }
        }
    }

    // MARK: Producers

    /// Compares how often each event was emitted with how often it is there.
    private mutating func judgeContents(of thread: ThreadID) {
        let emissions = emissions(in: thread)
        guard !emissions.isEmpty else { return }
        var emitted: [EventContent: Int] = [:]
        for draft in emissions.flatMap(\.drafts) { emitted[EventContent(thread, draft), default: 0] += 1 }
        var counts: [EventContent: Int] = [:]
        let events = (book[thread] ?? [:]).values.sorted { $0.event.sequence < $1.event.sequence }
        for event in events.map(\.event) {
            let content = EventContent.emitted(event, among: emitted) ?? EventContent(event)
            counts[content, default: 0] += 1
            let limit = emitted[content, default: 0]
            guard counts[content, default: 0] > limit, limit > 0 || !content.isMadeByRuntime else { continue }
            add(
                HistoryFault(
                    limit > 0 ? .loggedRepeated : .loggedUnattempted, thread: thread, event: event.id,
                    limit > 0
                        ? "\(event.typeName) is there \(counts[content, default: 0]) times and was emitted \(limit == 1 ? "once" : "\(limit) times")"
                        : "\(event.typeName) is there and nobody emitted it, or it was refused"))
        }
        judgeWholeness(of: emissions, in: thread, emitted, counts)
    }

    /// The emissions that may be there: attempts of one key are one emission.
    private func emissions(in thread: ThreadID) -> [HistoryAttempt] {
        var emissions: [String: HistoryAttempt] = [:]
        for attempt in attempts.values where attempt.thread == thread && !refused.contains(attempt.name) {
            emissions[attempt.key.map { "key \($0)" } ?? "attempt \(attempt.name)"] = attempt
        }
        return emissions.values.sorted { $0.name < $1.name }
    }

    /// Each emission is there as a whole, or not at all.
    private mutating func judgeWholeness(
        of emissions: [HistoryAttempt],
        in thread: ThreadID,
        _ emitted: [EventContent: Int],
        _ counts: [EventContent: Int]
    ) {
        // Without the log, the rest may be what nobody saw.
        guard logged[thread] != nil else { return }
        for emission in emissions {
            let contents = emission.drafts.map { EventContent(thread, $0) }
            // Of events that were emitted twice, nobody can tell which they are.
            guard contents.allSatisfy({ emitted[$0] == 1 }) else { continue }
            let thereCount = contents.count { counts[$0, default: 0] > 0 }
            guard thereCount > 0, thereCount < contents.count else { continue }
            add(
                HistoryFault(
                    .loggedPartly, thread: thread,
                    "of the \(contents.count) events of attempt \(emission.name), \(thereCount) are there"))
        }
    }

    private mutating func judgeAcknowledgements() {
        var owners: [ThreadID: [EventID: String]] = [:]
        for acknowledgement in acknowledgements {
            let thread = acknowledgement.thread
            let attempt = acknowledgement.attempt.flatMap { attempts[$0] }
            if let attempt, attempt.drafts.count != acknowledgement.ids.count {
                add(
                    HistoryFault(
                        .acknowledgedChanged, place: acknowledgement.place, thread: thread,
                        "events emitted: \(attempt.drafts.count), acknowledged: \(acknowledgement.ids.count)"))
            }
            for (index, id) in acknowledgement.ids.enumerated() {
                judge(id, of: acknowledgement, draft: attempt?.drafts.dropFirst(index).first)
                guard let attempt else { continue }
                let owner = attempt.key.map { "key \($0)" } ?? "attempt \(attempt.name)"
                if let other = owners[thread, default: [:]].updateValue(owner, forKey: id), other != owner {
                    add(
                        HistoryFault(
                            .acknowledgedRepeated, place: acknowledgement.place, thread: thread, event: id,
                            "it was given to \(owner) and to \(other)"))
                }
            }
        }
    }

    private mutating func judge(_ id: EventID, of acknowledgement: Acknowledgement, draft: EventDraft?) {
        let (thread, place) = (acknowledgement.thread, acknowledgement.place)
        guard let found = known(id.sequence, in: thread), found.event.id == id else {
            // Without the log, and without a client that looked, nobody knows.
            guard logged[thread] != nil || known(id.sequence, in: thread) != nil else { return }
            let there = known(id.sequence, in: thread).map { "event \($0.event.id) is there" } ?? "nothing is there"
            add(HistoryFault(.acknowledgedUnlogged, place: place, thread: thread, event: id, "in its place \(there)"))
            return
        }
        if let draft,
            EventContent(
                found.event, leavingDuration: draft.isDurationMeasured, leavingUsage: draft.payload.usage == nil)
                != EventContent(thread, draft)
        {
            add(
                HistoryFault(
                    .acknowledgedChanged, place: place, thread: thread, event: id,
                    "\(draft.payload.typeName) was emitted, and another \(found.event.typeName) is there"))
        }
    }

    // MARK: Clients

    private mutating func judge(_ client: String, _ thread: ThreadID, acknowledged: [EventID]) {
        guard let state = clients[client]?[thread] else { return }
        if let user = state.user, let owner = owners[thread], owner != user, let first = state.last {
            add(
                HistoryFault(
                    .foreignUser, client: client, thread: thread, event: first,
                    "it is a client of \(user), and the thread is \(owner)'s"))
        }
        if let after = state.after, let found = known(after.sequence, in: thread), found.event.id != after {
            add(
                HistoryFault(
                    .resumeDiverged, client: client, thread: thread, event: after,
                    "it was let in after it, and the event of that number is \(found.event.id)"))
        }
        if logged[thread] != nil { judgeBytes(state, client, thread) }
        judgeMerged(state, client, thread)
        guard !left.contains(client) else { return }
        for id in acknowledged where !state.covers(id.sequence) {
            add(
                HistoryFault(
                    .acknowledgedUnseen, client: client, thread: thread, event: id, "it was acknowledged and never seen"
                ))
        }
    }

    /// Each event seen is in the log, in the same bytes.
    private mutating func judgeBytes(_ state: SeenThread, _ client: String, _ thread: ThreadID) {
        for id in state.ids {
            guard let logged = logged[thread]?[id.sequence], logged.event.id == id else {
                add(
                    HistoryFault(
                        .seenUnlogged, client: client, thread: thread, event: id, "it was seen and is not in the log"))
                continue
            }
            guard let seen = seen[thread]?[id], seen.bytes != logged.bytes else { continue }
            add(
                HistoryFault(
                    .seenChanged, place: seen.place, client: client, thread: thread, event: id,
                    "the bytes are not those at \(logged.place)"))
        }
    }

    /// Each merged event says what the events of its range say together.
    private mutating func judgeMerged(_ state: SeenThread, _ client: String, _ thread: ThreadID) {
        for (event, place) in state.merged {
            let range = (event.fromSequence ?? event.sequence)...event.sequence
            let parts = range.compactMap { known($0, in: thread)?.event }
            // Where nobody saw the parts, there is nothing to compare with.
            guard parts.count == range.count || logged[thread] != nil else { continue }
            guard parts.count == range.count, parts.last?.id == event.id,
                Fragments.joining(parts) == Fragments.joining([event])
            else {
                add(
                    HistoryFault(
                        .seenChanged, place: place, client: client, thread: thread, event: event.id,
                        "it is not what the events from \(range.lowerBound) on say together"))
                continue
            }
        }
    }

    private mutating func judgeReports() {
        for report in reports {
            guard let acknowledged = report.acknowledged else { continue }
            if clients[report.client]?[report.thread]?.acknowledged.contains(acknowledged) != true {
                add(
                    HistoryFault(
                        .ackInvented, place: report.place, client: report.client, thread: report.thread,
                        event: acknowledged, "it is said to be acknowledged, and was not"))
            }
            if acknowledged.sequence > report.sent?.sequence ?? 0 {
                add(
                    HistoryFault(
                        .ackUnsent, place: report.place, client: report.client, thread: report.thread,
                        event: acknowledged,
                        "it is said to be acknowledged, and \(report.sent?.description ?? "nothing") is the last that "
                            + "is said to be sent"))
            }
        }
    }
}

extension Sequence<ThreadID> {
    fileprivate var sortedByName: [ThreadID] { sorted { $0.rawValue < $1.rawValue } }
}
