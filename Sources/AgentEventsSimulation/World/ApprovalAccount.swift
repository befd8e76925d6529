import AgentEvents
import AgentEventsChecks

/// The requests for approval of a thread, by its events, and what those who asked have done since: each request is resolved
/// once, by somebody who may, in time and with data that fits, and nothing is done without a yes.
///
/// ```
/// asked ──┬── resolved: approved ──┬── while running ────────────────── acted upon, once
///         │                        └── while paused ── resumed ──────── acted upon, once
///         └── resolved: denied, expired, cancelled ── never acted upon
/// ```
struct ApprovalAccount {
    /// A request; its id is unique in its run.
    struct Place: Hashable {
        var run: RunID
        var approval: ApprovalID
    }

    struct Resolution {
        var resolved: ApprovalResolved
        var cursor: EventID
        /// Whether the run was paused when it was answered, and has not been resumed since.
        var waitsForResumption: Bool
    }

    struct Request {
        let place: Place
        let asked: ApprovalRequested
        var resolution: Resolution?
        /// When somebody did what was asked for.
        var actedAt: Timestamp?
    }

    private struct Call: Hashable {
        var run: RunID
        var call: CallID
    }

    /// The newest ones, in the order in which they were asked.
    private(set) var requests: [Request] = []
    /// Whether every event of the thread was seen, so that every request is known.
    private let isWhole: Bool
    private var bodies: Set<Call> = []
    /// The calls of which the log says that their bodies have not begun.
    private var unbegun: Set<Call> = []

    init(isWhole: Bool = true) { self.isWhole = isWhole }

    /// The requests that have no answer.
    var open: [Request] { requests.filter { $0.resolution == nil } }

    func request(_ place: Place) -> Request? { requests.last { $0.place == place } }

    /// The requests under an id: of several runs, they are several.
    func requests(under approval: ApprovalID) -> [Request] { requests.filter { $0.place.approval == approval } }

    // MARK: Events

    /// The next event of the thread.
    ///
    /// - Parameter owner: the user who answers where nobody is named.
    /// - Returns: what is wrong with it, and what has happened.
    mutating func receive(
        _ event: AgentEvent,
        isPaused: Bool,
        owner: UserID
    ) -> (fault: String?, occurrence: Occurrence?) {
        guard let run = event.runID else { return (nil, nil) }
        switch event.payload {
        case .approvalRequested(let asked):
            requests.append(Request(place: Place(run: run, approval: asked.approvalID), asked: asked))
            forgetOld()
            return (nil, nil)
        case .approvalResolved(let resolved):
            return resolve(resolved, of: run, event, isPaused: isPaused, owner: owner)
        case .toolCompleted(let completed) where completed.error?.code == "tool.not_started":
            let call = Call(run: run, call: completed.callID)
            unbegun.insert(call)
            return (bodies.contains(call) ? "\(call.call) is said not to have begun, and has" : nil, nil)
        case .agentResumed:
            return (resume(run, at: event.time), nil)
        case .agentFailed, .agentCancelled, .agentCompleted:
            return (end(run), nil)
        default:
            return (nil, nil)
        }
    }

    private mutating func resolve(
        _ resolved: ApprovalResolved,
        of run: RunID,
        _ event: AgentEvent,
        isPaused: Bool,
        owner: UserID
    ) -> (fault: String?, occurrence: Occurrence?) {
        let place = Place(run: run, approval: resolved.approvalID)
        guard let index = requests.lastIndex(where: { $0.place == place }) else {
            return (isWhole ? "\(resolved.approvalID) is resolved, and was not asked" : nil, nil)
        }
        guard requests[index].resolution == nil else {
            return ("\(resolved.approvalID) is resolved a second time", nil)
        }
        requests[index].resolution = Resolution(
            resolved: resolved, cursor: event.id, waitsForResumption: isPaused)
        let fault = AnswerCheck.fault(resolved, to: requests[index].asked, at: event.time, owner: owner)
        return (fault.map { "\(resolved.approvalID): \($0)" }, Self.occurrence(resolved, isPaused: isPaused))
    }

    private static func occurrence(_ resolved: ApprovalResolved, isPaused: Bool) -> Occurrence? {
        switch resolved.decision {
        case .approved: isPaused ? .answeredWhilePaused : .approvalApproved
        case .denied: isPaused ? .answeredWhilePaused : .approvalDenied
        case .expired: isPaused ? .expiredWhilePaused : .approvalExpired
        case .cancelled: .approvalCancelled
        }
    }

    private mutating func resume(_ run: RunID, at time: Timestamp) -> String? {
        var early: ApprovalID?
        for index in requests.indices where requests[index].place.run == run {
            guard requests[index].resolution?.waitsForResumption == true else { continue }
            requests[index].resolution?.waitsForResumption = false
            if let acted = requests[index].actedAt, acted < time { early = requests[index].place.approval }
        }
        return early.map { "\($0) was acted upon while its run was paused" }
    }

    private func end(_ run: RunID) -> String? {
        guard let open = requests.last(where: { $0.place.run == run && $0.resolution == nil }) else { return nil }
        return "\(open.place.approval) is open when its run has ended"
    }

    /// As many stay as a thread remembers, and those that are open.
    private mutating func forgetOld() {
        guard requests.count > 64, let index = requests.firstIndex(where: { $0.resolution != nil }) else { return }
        requests.remove(at: index)
    }

    // MARK: Agents

    /// Somebody does what a request was for.
    ///
    /// - Returns: what is wrong with that.
    mutating func acted(upon place: Place, at time: Timestamp) -> String? {
        // It was asked before events were lost.
        guard let index = requests.lastIndex(where: { $0.place == place }) else { return nil }
        guard requests[index].resolution?.resolved.decision == .approved else {
            return "\(place.approval) is acted upon, and nobody has approved it"
        }
        guard requests[index].actedAt == nil else { return "\(place.approval) is acted upon twice" }
        requests[index].actedAt = time
        return nil
    }

    /// The body of a call begins.
    ///
    /// - Returns: what is wrong with that.
    mutating func bodyBegins(
        _ call: CallID,
        of run: RunID,
        with arguments: JSONValue,
        at time: Timestamp
    ) -> String? {
        let own = Call(run: run, call: call)
        guard bodies.insert(own).inserted else { return "the body of \(call) begins twice" }
        guard !unbegun.contains(own) else { return "the body of \(call) begins after the end of the call" }
        for request in requests where request.place.run == run && request.asked.callID == call {
            if let fault = acted(upon: request.place, at: time) { return "the body of \(call) begins: \(fault)" }
            guard let edited = request.resolution?.resolved.data?.objectValue?["arguments"], edited != arguments else {
                continue
            }
            return "the body of \(call) has other arguments than were approved"
        }
        return nil
    }
}
