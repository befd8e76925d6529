import AgentEvents
import AgentEventsProtocol

/// An authorizer's answer: the rights of a principal in a thread, for a limited time.
struct RightsAnswer: Hashable, Sendable {
    /// The rights, within the limits of the credentials.
    var rights: Rights
    /// The user of the thread at the time of the question.
    var owner: UserID?
    /// The end of the answer's validity, on the monotonic clock; `nil` for none.
    var expires: Duration?
    /// The end of the rights; `nil` when they do not end by themselves.
    var rightsEnd: Timestamp?
    /// Events up to this one may not be read; `nil` when all may.
    var visibleAfter: Cursor?
    /// The epoch of the rights at the time of the question; an answer of another epoch is not valid.
    var epoch: UInt64 = 0

    /// The number of the last event that may not be read; 0 for none.
    var hiddenUpTo: UInt64 { visibleAfter?.sequence ?? 0 }

    func allows(_ use: ThreadUse) -> Bool { use.isAllowed(by: rights, owner: owner) }
}

/// The outcome of a question for one request. An object, so that the requests that ask nothing stay small.
final class AskedRights: Sendable {
    let result: Result<RightsAnswer, ProtocolError>
    /// Of the credentials that it was asked for.
    let generation: Int

    init(_ result: Result<RightsAnswer, ProtocolError>, generation: Int = 0) {
        self.result = result
        self.generation = generation
    }

    func get() throws(ProtocolError) -> RightsAnswer { try result.get() }
}

/// The answers of an authorizer that are kept, for the time that each counts: bounded, the oldest go first.
struct RightsTable {
    private let maximumCount: Int
    private var answers: [RightsRequest: RightsAnswer] = [:]
    /// In the order in which they came, with the time at which each ends.
    private var order = Deque<(request: RightsRequest, expires: Duration)>()
    private var history = AccessHistory()
    /// Rises with each change of access: a question that was under way is asked again.
    var epoch: UInt64 { history.epoch }

    init(maximumCount: Int) { self.maximumCount = maximumCount }

    var count: Int { answers.count }

    /// The answer to a question, as long as it counts.
    func find(_ request: RightsRequest, at now: Duration) -> RightsAnswer? {
        guard let answer = answers[request], let expires = answer.expires, now < expires else { return nil }
        return answer
    }

    /// Keeps an answer.
    ///
    /// - Returns: whether it counts; not when rights have changed since it was asked.
    mutating func keep(_ answer: RightsAnswer, to request: RightsRequest, at now: Duration) -> Bool {
        guard answer.epoch == epoch else { return false }
        // One that has ended already is used once.
        guard let expires = answer.expires, now < expires else { return true }
        answers[request] = answer
        order.append((request, expires))
        while let oldest = order.first, order.count > maximumCount || oldest.expires <= now {
            _ = order.popFirst()
            // A later answer to the same question has a place of its own.
            if answers[oldest.request]?.expires == oldest.expires { answers[oldest.request] = nil }
        }
        return true
    }

    /// Rights have changed.
    ///
    /// - Parameters:
    ///   - user: the user whose rights; `nil` for all.
    ///   - thread: the thread; `nil` for all.
    mutating func invalidate(user: UserID?, thread: ThreadID?) {
        let change = RightsChange(user: user, thread: thread)
        answers = answers.filter { request, _ in
            !(change.concerns(request.principal.user) && change.concerns(request.thread))
        }
        beginEpoch(change)
    }

    /// Access has changed, and no right in a thread.
    mutating func beginEpoch() { beginEpoch(nil) }

    private mutating func beginEpoch(_ change: RightsChange?) {
        history.append(change)
        let epoch = epoch
        // What is left counts as before.
        for request in answers.keys { answers[request]?.epoch = epoch }
    }

    /// The changes of rights since an epoch.
    func changes(since earlier: UInt64) -> [RightsChange] { history.changes(since: earlier) }
}
