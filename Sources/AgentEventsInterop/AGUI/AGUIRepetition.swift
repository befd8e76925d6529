import AgentEvents

/// Finds the run that answers a message that a client sends again under another `runId`: it wants another answer to it.
struct AGUIRepetition: StreamTranslation {
    private let id: String
    private let text: String
    private let user: UserID
    /// The message in the log.
    private var message: MessageID?
    /// The first run that answers it; `nil` when there is none, and when that is not kept any longer.
    private(set) var run: RunID?

    /// - Parameter user: the user who asks.
    /// - Returns: `nil` for a message without an id.
    init?(_ message: AGUIInput.Message, from user: UserID) {
        guard let id = message.id else { return nil }
        self.id = id
        self.text = message.text
        self.user = user
    }

    /// Whether the newest messages have it, before the log is read.
    func isIn(_ state: ThreadState) -> Bool {
        state.messages.contains { isIt($0.messageID, $0.text, $0.data, $0.userID) }
    }

    private func isIt(_ message: MessageID, _ text: String, _ data: JSONValue?, _ user: UserID?) -> Bool {
        user == self.user && text == self.text && (AGUIMember.id(in: data) == id || message.rawValue == id)
    }

    mutating func note(_ event: AgentEvent) {
        switch event.payload {
        case .userMessage(let asked):
            // What was given to a run under way has no run of its own.
            guard asked.givenTo == nil, isIt(asked.messageID, asked.text, asked.data, asked.userID) else { return }
            (message, run) = (asked.messageID, nil)
        case .agentQueued(let queued): answer(event.runID, queued.messageIDs, queued.retryOf)
        case .agentStarted(let started): answer(event.runID, started.messageIDs, started.retryOf)
        case .inputTaken, .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .toolExecuting,
            .toolProgress, .toolCompleted, .approvalRequested, .approvalResolved, .usageReported, .stateUpdated,
            .custom,
            .agentPaused, .agentResumed, .agentCompleted, .agentFailed, .agentCancelled, .unknown:
            return
        }
    }

    private mutating func answer(_ answering: RunID?, _ messages: [MessageID], _ retryOf: RunID?) {
        guard run == nil, retryOf == nil, let message, messages.contains(message) else { return }
        run = answering
    }

    // It is read at once, and followed by nothing.
    mutating func begin() -> [StreamFrame] { [] }
    mutating func receive(_ event: AgentEvent) -> [StreamFrame] { [] }
    var hasEnded: Bool { true }
    mutating func breakOff(_ cause: StreamBreak) -> StreamEnd { .brokenOff }
}
