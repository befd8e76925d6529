import AgentEvents
import AgentEventsProtocol

/// A request for a run, on its way into its thread.
struct RunRequest: Sendable {
    var thread: ThreadID
    /// The user that the thread belongs to.
    var owner: UserID
    /// The user who asks.
    var author: UserID
    var agent: any ServedAgent
    var policy: ConcurrencyPolicy
    /// The message that the run answers; `nil` for a request without one.
    var message: UserMessage?
    /// Says if the message is a no to what the run asks that it is given to.
    var answersApproval = false
    /// Says if the message is in the log already.
    var isMessageLogged = false
    var input: JSONValue?
    var notBefore: Timestamp?
    var startBy: Timestamp?
    /// The run that this one does again.
    var retried: RetriedRun?
    /// The schedule that asks; `nil` for a person. Its run is queued in any case, so that its first event names the schedule, and
    /// that it takes its turn with others.
    var schedule: ScheduleID?
    /// Says if any agent may answer: none was named.
    var takesAnyAgent = false
    /// Says if it is refused while a question is open in the thread.
    var waitsForAnswers = false
    /// The place in a trace from which it is sent.
    var trace: TraceContext?
    var run: RunID
    /// Says if nobody can have used the id of the run before.
    var isRunNew = true

    /// The rules for all requests, at this moment.
    struct Rules: Sendable {
        var hasSlot: Bool
        var queueRefusal: ConcurrencyPolicy.QueueRefusal?
        var maximumQueuedCount: Int
        var inputAgents: Set<AgentName>
    }

    enum Outcome: Sendable {
        case started
        /// - Parameter settlesUntil: it waits until then for the bodies of the runs that it supersedes.
        case queued(at: Timestamp, settlesUntil: Timestamp?)
        /// A run under way has the message.
        case given(to: RunID)
        case refused(ConcurrencyPolicy.QueueRefusal, CommandDetails)
        /// The message is to answer what others have to answer.
        case forbidden(CommandDetails)
        /// A question is open, and has to be answered before.
        case asked(CommandDetails)
    }

    /// Gives the request as the agent gets it.
    func prompt(from log: any EventLog) -> @Sendable (AgentRun) async throws -> UserPrompt {
        if let message {
            var prompt = UserPrompt(
                text: message.text, data: message.data, messageID: message.messageID, author: author)
            prompt.trace = trace
            return { [prompt] _ in prompt }
        }
        let prompt = QueuedPrompt(
            thread: thread, messages: messageIDs, before: retried?.sequence, input: input, author: author)
        return { [trace] _ in
            var read = try await prompt.read(from: log)
            read.trace = trace ?? read.trace
            return read
        }
    }

    /// The message as it would be logged in a thread that is free.
    var messageDraft: EventDraft {
        guard let message else { preconditionFailure("a request without a message has no draft of one") }
        return EventDraft(.userMessage(message))
    }

    /// Decides what the request becomes, by what is open in its thread.
    ///
    /// - Parameter hasBodies: whether bodies of runs of the thread have not returned.
    func decide(
        on thread: ThreadStateMachine,
        _ rules: Rules,
        hasBodies: Bool,
        at time: Timestamp
    ) -> ThreadDecision<Outcome> {
        if waitsForAnswers, thread.occupancy.runs.contains(where: { !$0.approvals.isEmpty }) {
            return ThreadDecision(.asked(thread.loadDetails))
        }
        let load = thread.load
        let settings = agent.settings
        var request = ConcurrencyPolicy.Request(agent: agent.name)
        request.takesAnyAgent = takesAnyAgent
        request.isMessage = message != nil && !isMessageLogged
        request.hasSlot = rules.hasSlot && schedule == nil
        request.queueRefusal = rules.queueRefusal
        request.hasBodies = hasBodies
        request.isDelayed = notBefore.map { $0 > time } ?? false
        request.maximumQueuedCount = rules.maximumQueuedCount
        request.parallelLimit = max(1, settings.parallelLimit)
        request.inputAgents = rules.inputAgents
        switch policy.decide(load, request) {
        case .refuse(let refusal):
            return ThreadDecision(.refused(refusal, thread.loadDetails))
        case .start:
            return started(message.map { [$0] } ?? [], [])
        case .enqueue:
            return queued(message, [], at: time, settlesUntil: nil)
        case .steer(let run):
            guard var message else { preconditionFailure("only a message is given to a run") }
            message.givenTo = run
            let given = EventDraft(.userMessage(message))
            guard answersApproval else { return ThreadDecision(.given(to: run), drafts: [given]) }
            let data: JSONValue = ["message_id": .string(message.messageID.rawValue)]
            // Whoever may send messages may approve.
            guard
                let denials = thread.denials(
                    in: run, by: author, owner: owner, hasRight: true, data: data)
            else {
                return ThreadDecision(.forbidden(thread.loadDetails))
            }
            // The message comes last: by it a repetition is answered.
            return ThreadDecision(.given(to: run), drafts: denials + [given])
        case .replace(let runs, let discards, let starts):
            let ends = runs.map { end($0, discards: discards) }
            var message = message
            if discards, message?.replaces == nil { message?.replaces = load.newestMessage }
            guard !starts else { return started(message.map { [$0] } ?? [], ends) }
            let settles = hasBodies ? time.advanced(by: settings.settleTime) : nil
            return queued(message, ends, at: time, settlesUntil: settles)
        }
    }

    // MARK: Events

    private func started(_ messages: [UserMessage], _ ends: [EventDraft]) -> ThreadDecision<Outcome> {
        let started = AgentStarted(
            input: input, messageIDs: messageIDs, retryOf: retried?.run, trace: trace)
        let drafts = ends + logged(messages.first) + [EventDraft(runID: run, agent: agent.name, .agentStarted(started))]
        return ThreadDecision(.started, drafts: drafts, startedRun: run)
    }

    private func queued(
        _ message: UserMessage?,
        _ ends: [EventDraft],
        at time: Timestamp,
        settlesUntil: Timestamp?
    ) -> ThreadDecision<Outcome> {
        let queued = AgentQueued(
            input: input, messageIDs: messageIDs, by: author, notBefore: notBefore, startBy: startBy,
            scheduleID: schedule, retryOf: retried?.run)
        let drafts = ends + logged(message) + [EventDraft(runID: run, agent: agent.name, .agentQueued(queued))]
        return ThreadDecision(.queued(at: time, settlesUntil: settlesUntil), drafts: drafts)
    }

    private var messageIDs: [MessageID] { message.map { [$0.messageID] } ?? retried?.beginning.messageIDs ?? [] }

    private func logged(_ message: UserMessage?) -> [EventDraft] {
        guard let message, !isMessageLogged else { return [] }
        return [EventDraft(.userMessage(message))]
    }

    private func end(_ run: RunID, discards: Bool) -> EventDraft {
        .measured(
            run,
            .agentCancelled(
                AgentCancelled(
                    reason: "superseded", by: author, supersededBy: self.run, isDiscarded: discards,
                    durationMilliseconds: 0)))
    }
}

extension ThreadLoad {
    /// The newest message that an open run answers; queued ones are newer than those that have started.
    fileprivate var newestMessage: MessageID? {
        queue.last { !$0.messageIDs.isEmpty }?.messageIDs.last ?? roots.last { !$0.messageIDs.isEmpty }?.messageIDs.last
    }
}

extension Timestamp {
    /// The time so much later, or the last there is.
    fileprivate func advanced(by duration: Duration) -> Timestamp {
        let (sum, isOver) = milliseconds.addingReportingOverflow(duration.milliseconds)
        return Timestamp(milliseconds: isOver ? .max : sum)
    }
}

extension ProtocolError {
    /// The refusal of a request for a run, by what it met.
    init(_ refusal: ConcurrencyPolicy.QueueRefusal, _ met: CommandDetails, in thread: ThreadID) {
        switch refusal {
        case .threadBusy:
            self.init(
                .threadBusy,
                "a run is open or queued in this thread: send the message again when none is, or with another policy",
                isRetryable: true, threadID: thread)
        case .threadFull:
            self.init(
                .threadQueueFull,
                "as many runs are queued in this thread as may be: wait for one, or stop one",
                isRetryable: true, threadID: thread)
        case .userFull:
            self.init(
                .userQueueFull, "as many runs of this user are queued as may be: wait for one, or stop one",
                isRetryable: true,
                threadID: thread)
        case .serviceFull:
            self.init(
                .agentsBusy, "as many agents run, and as many runs are queued, as may be; try again soon",
                isRetryable: true,
                retryAfterMilliseconds: Self.busyMilliseconds, threadID: thread)
        }
        details = met.json
    }

    /// The time after which a service that is full is asked again, in milliseconds.
    private static var busyMilliseconds: Int64 { 1000 }
}
