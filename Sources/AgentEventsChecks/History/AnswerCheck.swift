package import AgentEvents

/// Checks the requests for approval of one thread, and their answers, on the events of its log in their order.
package struct AnswerCheck: Sendable {
    /// A fault of a thread.
    package enum Fault: Hashable, Sendable {
        /// A request is resolved a second time.
        case repeated(ApprovalID)
        /// A user has answered who may not; `nil` for nobody.
        case forbidden(ApprovalID, by: UserID?)
        /// A yes or a no came when the time for it was over.
        case late(ApprovalID)
        /// A request has expired before its time.
        case early(ApprovalID)
        /// The data of a yes does not fit what was asked for.
        case dataInvalid(ApprovalID)
        /// A call has succeeded whose last request had no yes.
        case unapproved(CallID)
        /// A yes was given by a grant that did not allow it.
        case notGranted(ApprovalID, GrantCheck.Problem)
    }

    private struct Place: Hashable {
        var run: RunID
        var approval: ApprovalID
    }

    private struct Call: Hashable {
        var run: RunID
        var call: CallID
    }

    private let owner: UserID?
    private var asked: [Place: ApprovalRequested] = [:]
    private var resolved: Set<Place> = []
    /// The calls whose last request has no yes, as far as they are open.
    private var unapproved: Set<Call> = []
    private var grants = GrantCheck()
    package private(set) var faults: [Fault] = []

    /// - Parameter owner: the user of the thread; `nil` when that is not known.
    package init(owner: UserID?) { self.owner = owner }

    /// The thread's next event.
    package mutating func receive(_ event: AgentEvent) {
        grants.receive(event)
        guard let run = event.runID else { return }
        switch event.payload {
        case .approvalRequested(let request):
            asked[Place(run: run, approval: request.approvalID)] = request
            if let call = request.callID { unapproved.insert(Call(run: run, call: call)) }
        case .approvalResolved(let answer):
            receive(answer, in: run, at: event.time)
        case .toolCompleted(let completed):
            guard unapproved.remove(Call(run: run, call: completed.callID)) != nil, completed.status == .succeeded
            else { return }
            faults.append(.unapproved(completed.callID))
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageDelta,
            .messageCompleted, .toolExecuting, .toolProgress, .usageReported, .agentPaused, .agentResumed,
            .agentCompleted, .agentFailed, .agentCancelled, .userMessage, .stateUpdated, .custom, .unknown:
            return
        }
    }

    private mutating func receive(_ answer: ApprovalResolved, in run: RunID, at time: Timestamp) {
        let place = Place(run: run, approval: answer.approvalID)
        // Of a request from before the first event nothing is known.
        guard let request = asked[place] else { return }
        guard resolved.insert(place).inserted else { return faults.append(.repeated(answer.approvalID)) }
        if answer.decision == .approved, let call = request.callID { unapproved.remove(Call(run: run, call: call)) }
        if let fault = Self.fault(answer, to: request, at: time, owner: owner) { faults.append(fault) }
        if let problem = grants.problem(of: answer, to: request, in: run, at: time) {
            faults.append(.notGranted(answer.approvalID, problem))
        }
    }

    /// The fault of an answer, by its request.
    ///
    /// - Parameter owner: the user of the thread; `nil` when that is not known, then anybody may be it.
    package static func fault(
        _ answer: ApprovalResolved,
        to request: ApprovalRequested,
        at time: Timestamp,
        owner: UserID?
    ) -> Fault? {
        switch answer.decision {
        case .expired:
            guard let expiresAt = request.expiresAt, time < expiresAt else { return nil }
            return .early(answer.approvalID)
        case .cancelled:
            return nil
        case .approved, .denied:
            guard may(answer.by, answer: request, owner: owner) else {
                return .forbidden(answer.approvalID, by: answer.by)
            }
            if let expiresAt = request.expiresAt, time >= expiresAt { return .late(answer.approvalID) }
            return answer.decision == .denied || fits(answer.data, request) ? nil : .dataInvalid(answer.approvalID)
        }
    }

    /// Whether a user may answer.
    package static func may(_ user: UserID?, answer request: ApprovalRequested, owner: UserID?) -> Bool {
        guard user == nil || user != request.separateFrom else { return false }
        guard request.approvers.isEmpty else { return user.map(request.approvers.contains) ?? false }
        // The user of the thread may not, and so others are asked who may approve in it.
        if let owner, request.separateFrom == owner { return user != nil }
        return owner == nil || user == owner
    }

    /// Whether the data of a yes is what was asked for.
    package static func fits(_ data: JSONValue?, _ request: ApprovalRequested) -> Bool {
        let terms = ApprovalTerms(
            approvers: request.approvers, isEditable: request.isEditable, schema: request.schema)
        return (try? terms.check(data)) != nil
    }
}
