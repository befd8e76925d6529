/// What the log has of an open run: its request, and its open calls with what was asked and answered about them.
package struct ResumedWork: Sendable {
    package var beginning = RunBeginning()
    /// The number of the run's first event.
    package var firstSequence: UInt64 = 0
    /// In the order in which they were opened.
    package var calls: [ResumedCall] = []
    /// The questions that belong to no open call, and are open or were answered last, in their order.
    package var approvals: [ResumedApproval] = []
    package var attempt = 1
    /// The call of its parent that it belongs to.
    package var parentCall: CallID?
    /// The open runs below it.
    package var children: [ResumedWork] = []
    /// The run itself, for a body to work for it.
    package var run: AcceptedRun?

    /// Reads it for some runs of a thread, from one position of the log on.
    static func read(
        _ runs: [RunID],
        in thread: ThreadID,
        after position: UInt64,
        _ log: any EventLog
    ) async throws(EventLogError) -> [RunID: ResumedWork] {
        var works = Dictionary(uniqueKeysWithValues: runs.map { ($0, ResumedWork()) })
        var after = position
        while true {
            let page = try await log.read(LogRead(.thread(thread, after: after)))
            for stored in page.events {
                let event = try stored.decoded()
                if let run = event.runID { works[run]?.take(event) }
            }
            guard let last = page.events.last, !page.reachesEnd else { return works }
            after = last.id.sequence
        }
    }

    private mutating func take(_ event: AgentEvent) {
        if firstSequence == 0 { firstSequence = event.sequence }
        switch event.payload {
        case .agentQueued, .agentStarted:
            beginning.take(event.payload)
        case .toolExecuting(let executing):
            // The run has gone on with the answers that it had.
            approvals.removeAll { $0.resolved != nil }
            calls.append(ResumedCall(executing))
        case .toolCompleted(let completed):
            calls.removeAll { $0.id == completed.callID }
        case .approvalRequested(let requested):
            let approval = ResumedApproval(requested, question: event.id)
            if let call = requested.callID, let place = calls.firstIndex(where: { $0.id == call }) {
                calls[place].approval = approval
            } else {
                approvals.append(approval)
            }
        case .approvalResolved(let resolved):
            if let place = calls.firstIndex(where: { $0.approval?.id == resolved.approvalID }) {
                calls[place].approval?.resolved = resolved
            } else if let place = approvals.firstIndex(where: { $0.id == resolved.approvalID }) {
                approvals[place].resolved = resolved
            }
        case .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .inputTaken:
            approvals.removeAll { $0.resolved != nil }
        case .toolProgress, .usageReported, .agentPaused, .agentResumed, .agentCompleted, .agentFailed,
            .agentCancelled, .userMessage, .stateUpdated, .custom, .unknown:
            break
        }
    }
}

/// A tool call that is open in a run that is taken up: it waits for its approval, has got its answer and has not begun, or is
/// one of a tool that may run again (`ResumableAgent.repeatableTools`).
public struct ResumedCall: Sendable {
    /// The call's id. It stays the same: a tool can use it to tell a repetition from a new call.
    public let id: CallID
    /// The tool.
    public let tool: ToolName
    /// The arguments that the call was made with.
    public let arguments: JSONValue
    /// The reason for the call, for people.
    public let purpose: String?
    /// The question that was asked last about it; `nil` for none.
    public internal(set) var approval: ResumedApproval?

    init(_ executing: ToolExecuting) {
        id = executing.callID
        tool = executing.tool
        arguments = executing.arguments
        purpose = executing.purpose
    }
}

/// A question that a run has asked a person before it was taken up.
public struct ResumedApproval: Sendable {
    /// The question.
    public let request: ApprovalRequested
    /// The answer; `nil` while there was none when the run was taken up.
    public internal(set) var resolved: ApprovalResolved?
    /// The event that asked.
    let question: EventID

    /// The question's id.
    public var id: ApprovalID { request.approvalID }

    init(_ request: ApprovalRequested, question: EventID) {
        self.request = request
        self.question = question
    }
}

extension AgentRun {
    /// Returns when the body of a run that was taken up may begin: when there is a place for it to work.
    ///
    /// - Throws: `CancellationError`, or `order.already_ended` when this process has let go of the run meanwhile.
    package func beginResumed() async throws {
        await context.waitForSlot(of: id)
        try Task.checkCancellation()
        try await context.beginWork(of: id)
    }

    /// Runs the body of an open call, once it is approved if it was to be, and ends the call.
    ///
    /// - Parameter question: to be asked first, of a call about which nothing was asked yet.
    package func finish<Result: Sendable>(
        _ call: ResumedCall,
        timeout: Duration?,
        onDenied: ToolApproval.Denial = .throwError,
        asking question: ToolApproval? = nil,
        _ body: @escaping @Sendable (ToolCall) async throws -> Result
    ) async throws -> Result {
        try await ToolScope(run: self, resumed: call, timeout: timeout, onDenied: onDenied, asking: question)
            .runCancelling(call.arguments, body)
    }

    /// Begins to wait for the answer to a question that an earlier process has asked. The run rests from now on if it only
    /// waits: no event will show that. It is followed by ``outcome(of:_:)``.
    package func waitAgain(for approval: ResumedApproval) async {
        await context.waitAgain(for: ApprovalPlace(run: id, approval: approval.id))
    }

    /// Waits for the answer to a question that was asked before.
    ///
    /// - Parameter decode: makes the form of the answer's data, without the arguments for the call.
    package func outcome<Form: Sendable>(
        of approval: ResumedApproval,
        _ decode: (JSONValue?) throws -> Form
    ) async throws -> ApprovalOutcome<Form> {
        try await outcome(of: approval.request, askedAt: approval.question, decode)
    }

    /// Works for a child run that stayed open, and ends it.
    package func withResumed<Result: Sendable>(
        _ child: AcceptedRun,
        _ body: @escaping @Sendable (AgentRun) async throws -> Result
    ) async throws -> Result {
        try await RunScope(child, observer: nil, isChild: true).runCancelling(body, result: ResultEncoding.json)
    }
}
