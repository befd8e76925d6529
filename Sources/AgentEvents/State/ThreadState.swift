/// What a thread looks like after some of its events: the messages with the text they have so far, the runs, the calls and
/// requests for approval that are open, and the thread's shared state.
///
/// A pure fold: `ThreadState(folding:)` over events 1 to n is the same as over 1 to k, and ``apply(_:)`` for k+1 to n,
/// whatever k, also when the state was written as ``json`` and read again in between, and also when fragments came merged
/// (``AgentEvent/fromSequence``). That is what a snapshot rests on.
///
/// The state is bounded, whatever the length of the thread: of what is over, only the newest is kept, and the rest counted
/// (``limits``, ``dropped``). What is open is always kept.
public struct ThreadState: Hashable, Sendable {
    /// How much is kept of what is over.
    public let limits: Limits
    /// The id of the last event applied; `nil` before the first one.
    public internal(set) var cursor: Cursor?
    /// The messages, of agents and of users, in the order in which they were opened.
    public internal(set) var messages: [Message] = []
    /// The runs: first those that have ended, in the order of their ends, then the open ones, in the order of their starts.
    public internal(set) var runs: [Run] = []
    /// The open calls, in the order of their starts.
    public internal(set) var calls: [Call] = []
    /// The open requests for approval, in their order.
    public internal(set) var approvals: [Approval] = []
    /// The thread's shared state, the entry that changed last at the end.
    public internal(set) var entries: [Entry] = []
    /// How much of what is over has been dropped.
    public internal(set) var dropped = Dropped()

    var completeMessages = Usage()
    var endedRuns = Usage()
    var allEntries = Usage()

    /// The state of a thread without events.
    public init(limits: Limits = Limits()) { self.limits = limits }

    /// The state after some events of one thread, from the first on and in order.
    public init(folding events: some Sequence<AgentEvent>, limits: Limits = Limits()) {
        self.init(limits: limits)
        for event in events { apply(event) }
    }

    /// Takes in the thread's next event, one that was accepted or a merged one.
    ///
    /// Nothing is checked and nothing can fail: the event was accepted once. `custom` and types that this version does not
    /// know only move the cursor. When the first events of a thread are not to be had any more, a run may appear with a later
    /// event than its start.
    public mutating func apply(_ event: AgentEvent) {
        cursor = event.id
        switch event.payload {
        case .messageDelta(let delta):
            append(delta, of: event)
        case .messageCompleted(let completed):
            complete(completed, by: event)
        case .userMessage(let message):
            messages.append(Message(message, at: event.time))
            closeMessage(at: messages.count - 1)
        case .stateUpdated(let update):
            set(Entry(update))
        case .agentStarted(let started):
            updateRun(of: event) { run in
                run.parentRun = started.parentRun
                run.parentCall = started.parentCall
                run.startedAt = event.time
            }
        case .agentThinking(let thinking):
            let limit = limits.thoughtByteCount
            updateRun(of: event) { $0.think(thinking, maximumByteCount: limit) }
        case .agentProgress(let progress):
            updateRun(of: event) { $0.progress = Progress(progress) }
        case .agentPaused:
            updateRun(of: event) { $0.status = .paused }
        case .agentResumed:
            updateRun(of: event) { $0.status = .running }
        case .agentCompleted(let completed):
            endRun(of: event) { run in
                run.status = .completed
                run.result = completed.result.flatMap(Self.kept)
            }
        case .agentFailed(let failed):
            endRun(of: event) { run in
                run.status = .failed
                run.error = failed.error
            }
        case .agentCancelled(let cancelled):
            endRun(of: event) { run in
                run.status = .cancelled
                run.reason = cancelled.reason
                run.by = cancelled.by
            }
        case .toolExecuting, .toolProgress, .toolCompleted, .approvalRequested, .approvalResolved:
            applyWork(event)
        case .custom, .unknown:
            break
        }
    }

    /// What opens, moves and closes calls and requests for approval.
    private mutating func applyWork(_ event: AgentEvent) {
        updateRun(of: event) { _ in }
        guard let run = event.run else { return }
        switch event.payload {
        case .toolExecuting(let executing):
            calls.append(Call(executing, run: run, at: event.time))
        case .toolProgress(let progress):
            guard let index = calls.lastIndex(where: { $0.call == progress.call && $0.run == run }) else { return }
            calls[index].progress = Progress(progress)
        case .toolCompleted(let completed):
            guard let index = calls.lastIndex(where: { $0.call == completed.call && $0.run == run }) else { return }
            calls.remove(at: index)
        case .approvalRequested(let requested):
            approvals.append(Approval(requested, run: run, at: event.time))
        case .approvalResolved(let resolved):
            guard let index = approvals.lastIndex(where: { $0.approval == resolved.approval && $0.run == run }) else {
                return
            }
            approvals.remove(at: index)
        case .agentStarted, .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .agentPaused,
            .agentResumed, .agentCompleted, .agentFailed, .agentCancelled, .userMessage, .stateUpdated, .custom,
            .unknown:
            break
        }
    }

    /// A JSON value as the state keeps it; `nil` when it is nested too deep for it.
    static func kept(_ value: JSONValue) -> JSONValue? {
        value.isNested(deeperThan: Limits.valueDepth) ? nil : value
    }
}
