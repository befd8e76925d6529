extension ThreadState {
    /// The state after some events of one thread, from the first on and in order.
    public init(folding events: some Sequence<AgentEvent>, limits: Limits = Limits()) {
        self.init(limits: limits)
        for event in events { apply(event) }
    }

    /// Applies the thread's next event, one that was accepted or a merged one.
    ///
    /// Nothing is checked and nothing can fail: the event was accepted once. `custom` only shows that its run goes on, and types
    /// that this version does not know only move the cursor. When the first events of a thread were trimmed, a run may appear with a later event than its
    /// start.
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
            set(Entry(update, at: event.time))
        case .agentQueued(let queued):
            enqueue(queued, by: event)
        case .agentStarted(let started):
            updateRun(of: event) { run in
                run.status = .running
                run.parentRunID = started.parentRunID
                run.parentCallID = started.parentCallID
                run.startedAt = event.time
                run.deadlineAt = nil
            }
            dequeue(event.runID)
            if let parent = started.parentRunID { endWaiting(parent) }
        case .agentThinking(let thinking):
            let limit = limits.thoughtByteCount
            updateRun(of: event) { $0.think(thinking, maximumByteCount: limit) }
        case .agentProgress(let progress):
            updateRun(of: event) { $0.progress = Progress(progress) }
        case .inputTaken:
            updateRun(of: event) { _ in }
        case .usageReported(let report):
            updateRun(of: event, isWork: false) { $0.report(report) }
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
        case .custom:
            if let run = event.runID { endWaiting(run) }
        case .unknown:
            break
        }
    }

    /// Applies an event that opens, moves or closes a call or a request for approval.
    private mutating func applyWork(_ event: AgentEvent) {
        let isAboutApproval = event.type == .approvalRequested || event.type == .approvalResolved
        updateRun(of: event, isWork: !isAboutApproval) { _ in }
        guard let run = event.runID else { return }
        switch event.payload {
        case .toolExecuting(let executing):
            calls.append(Call(executing, runID: run, at: event.time))
        case .toolProgress(let progress):
            guard let index = calls.lastIndex(where: { $0.callID == progress.callID && $0.runID == run }) else {
                return
            }
            calls[index].progress = Progress(progress)
        case .toolCompleted(let completed):
            guard let index = calls.lastIndex(where: { $0.callID == completed.callID && $0.runID == run }) else {
                return
            }
            calls.remove(at: index)
        case .approvalRequested(let requested):
            approvals.append(Approval(requested, runID: run, at: event.time))
            beginWaiting(run)
        case .approvalResolved(let resolved):
            guard let index = approvals.lastIndex(where: { $0.approvalID == resolved.approvalID && $0.runID == run })
            else {
                return
            }
            approvals.remove(at: index)
            if resolvedApprovals.count >= Limits.resolvedApprovalCount { resolvedApprovals.removeFirst() }
            resolvedApprovals.append(ResolvedApproval(resolved, runID: run, cursor: event.id))
            // An answer that leaves others open leaves the run waiting for those.
            if !approvals.contains(where: { $0.runID == run }) { endWaiting(run) }
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageDelta,
            .messageCompleted, .usageReported, .agentPaused, .agentResumed, .agentCompleted, .agentFailed,
            .agentCancelled, .userMessage, .stateUpdated, .custom, .unknown:
            break
        }
    }

    // MARK: Queue

    private mutating func enqueue(_ queued: AgentQueued, by event: AgentEvent) {
        guard let run = event.runID, let agent = event.agent, openRunIndex(of: event) != nil else { return }
        updateRun(of: event) { run in
            run.status = .queued
            run.queuedAt = event.time
            run.deadlineAt = queued.startBy
        }
        queue.append(
            QueuedRun(
                runID: run, agent: agent, messageIDs: queued.messageIDs, queuedAt: event.time,
                notBefore: queued.notBefore))
    }

    private mutating func dequeue(_ run: RunID?) {
        guard let index = queue.firstIndex(where: { $0.runID == run }) else { return }
        queue.remove(at: index)
    }

    // MARK: Waiting

    /// A run has asked: it waits if nothing in it can go on, and with it the runs above it.
    private mutating func beginWaiting(_ run: RunID) {
        var next: RunID? = run
        while let run = next, let index = openRuns.lastIndex(where: { $0.runID == run }) {
            guard canOnlyWait(run) else { return }
            runs[index].isWaiting = true
            next = runs[index].parentRunID
        }
    }

    /// Whether each open call of a run waits for an approval or for a child run, and each open child run waits.
    private func canOnlyWait(_ run: RunID) -> Bool {
        var waiting: Set<CallID> = []
        for child in openRuns where child.parentRunID == run {
            guard child.isWaiting else { return false }
            if let call = child.parentCallID { waiting.insert(call) }
        }
        for approval in approvals where approval.runID == run {
            if let call = approval.callID { waiting.insert(call) }
        }
        return calls.allSatisfy { $0.runID != run || waiting.contains($0.callID) }
    }

    /// A run goes on, and with it the runs above it, which wait for it no longer.
    private mutating func endWaiting(_ run: RunID) {
        var next: RunID? = run
        while let run = next, let index = openRuns.lastIndex(where: { $0.runID == run }), runs[index].isWaiting {
            runs[index].isWaiting = false
            next = runs[index].parentRunID
        }
    }

    // MARK: Messages

    /// Appends a fragment of an open message, or of one that it opens.
    private mutating func append(_ delta: MessageDelta, of event: AgentEvent) {
        updateRun(of: event) { _ in }
        guard let index = messageIndex(delta.messageID, run: event.runID) else {
            messages.append(
                Message(
                    messageID: delta.messageID, role: .assistant, text: delta.text, isComplete: false,
                    runID: event.runID,
                    agent: event.agent, time: event.time))
            return
        }
        guard !messages[index].isComplete else { return }
        messages[index].text += delta.text
        messages[index].time = event.time
    }

    /// Completes a message with its whole text, whether there were fragments of it or not.
    private mutating func complete(_ completed: MessageCompleted, by event: AgentEvent) {
        updateRun(of: event) { _ in }
        let message = Message(
            messageID: completed.messageID, role: completed.role, text: completed.text, isComplete: true,
            runID: event.runID,
            agent: event.agent, time: event.time)
        guard let index = messageIndex(completed.messageID, run: event.runID) else {
            messages.append(message)
            return closeMessage(at: messages.count - 1)
        }
        guard !messages[index].isComplete else { return }
        messages[index] = message
        closeMessage(at: index)
    }

    /// Ends the messages of a run that has ended.
    private mutating func closeMessages(of run: RunID) {
        guard messages.count > completeMessages.count else { return }
        for index in messages.indices.reversed() where messages[index].runID == run && !messages[index].isComplete {
            messages[index].isComplete = true
            completeMessages.add(messages[index].byteCount)
        }
        dropMessages()
    }

    /// Counts a message that is complete from now on.
    private mutating func closeMessage(at index: Int) {
        completeMessages.add(messages[index].byteCount)
        dropMessages()
    }

    private mutating func dropMessages() {
        while completeMessages.exceeds(count: limits.messageCount, byteCount: limits.messageByteCount) {
            guard let oldest = messages.firstIndex(where: \.isComplete) else { return }
            completeMessages.subtract(messages.remove(at: oldest).byteCount)
            dropped.messages += 1
        }
    }

    /// The newest message of a run with an id.
    private func messageIndex(_ message: MessageID, run: RunID?) -> Int? {
        messages.lastIndex { $0.messageID == message && $0.runID == run && $0.userID == nil }
    }

    // MARK: Runs

    /// Changes the open run of an event, which may be new.
    ///
    /// - Parameter isWork: whether it shows that the run goes on, when it waited.
    private mutating func updateRun(of event: AgentEvent, isWork: Bool = true, _ change: (inout Run) -> Void) {
        guard let index = openRunIndex(of: event) else { return }
        change(&runs[index])
        if isWork, runs[index].isWaiting { endWaiting(runs[index].runID) }
    }

    /// Changes the run of an event and ends it, with all that is open in it.
    private mutating func endRun(of event: AgentEvent, _ change: (inout Run) -> Void) {
        guard let index = openRunIndex(of: event) else { return }
        // Those above it wait for it no longer.
        endWaiting(runs[index].runID)
        var run = runs.remove(at: index)
        change(&run)
        run.end(at: event.time, event.payload.usage)
        if run.queuedAt != nil { dequeue(run.runID) }
        runs.insert(run, at: endedRuns.count)
        endedRuns.add(run.byteCount)
        calls.removeAll { $0.runID == run.runID }
        approvals.removeAll { $0.runID == run.runID }
        closeMessages(of: run.runID)
        while endedRuns.exceeds(count: limits.runCount, byteCount: limits.runByteCount) {
            endedRuns.subtract(runs.removeFirst().byteCount)
            dropped.runs += 1
        }
    }

    /// The open run of an event, made when there is none; `nil` for an event without a run, or of a run that has ended.
    private mutating func openRunIndex(of event: AgentEvent) -> Int? {
        guard let run = event.runID, let agent = event.agent else { return nil }
        if let index = openRuns.lastIndex(where: { $0.runID == run }) { return index }
        guard !runs.contains(where: { $0.runID == run }) else { return nil }
        runs.append(Run(runID: run, agent: agent))
        return runs.count - 1
    }

    // MARK: Shared state

    /// Begins with entries of the shared state alone.
    mutating func setEntries(_ entries: [Entry]) {
        self.entries = entries
        allEntries = Usage()
        for entry in entries { allEntries.add(entry.byteCount) }
    }

    /// Sets an entry of the shared state, unless the one that is there is as new.
    mutating func set(_ entry: Entry) {
        if let index = entries.lastIndex(where: { ExactString.areEqual($0.key, entry.key) }) {
            guard entry.version > entries[index].version else { return }
            allEntries.subtract(entries.remove(at: index).byteCount)
        }
        entries.append(entry)
        allEntries.add(entry.byteCount)
        while allEntries.exceeds(count: limits.entryCount, byteCount: limits.entryByteCount) {
            // A removed entry goes first: all that it still tells is its version.
            let index = entries.dropLast().firstIndex(where: \.isRemoved) ?? 0
            allEntries.subtract(entries.remove(at: index).byteCount)
            dropped.entries += 1
        }
    }
}
