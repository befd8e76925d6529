// The operations of `AgentRun` and its scopes in their thread. Each is decided in one piece, by what the thread is at
// that moment.

extension ExecutionContext {
    /// - Parameters:
    ///   - isNew: whether the id is one that nobody can have used before; it is not looked up.
    ///   - usage: what the run will have used. Whichever way it ends, its end says it, and the end of its parent adds it
    ///     up.
    ///   - ending: signalled when the run ends before ``complete(_:result:)`` is called.
    func start(
        _ run: RunID,
        isNew: Bool,
        agent: AgentName,
        _ started: AgentStarted,
        usage: RunUsage,
        ending: WakeSignal? = nil
    ) async throws(AgentEventsError) -> RunStart {
        let emission = Emission(lookedUp: isNew ? [run: false] : [:])
        let draft = EventDraft(runID: run, agent: agent, .agentStarted(started))
        // No child starts under a run that is paused.
        let accepted = try await passingGate(of: started.parentRunID ?? run) { () async throws(AgentEventsError) in
            try await settled { () async throws(AgentEventsError) in try await acceptBatch([draft], emission).accepted }
        }
        path.setUsage(usage, of: run)
        if let ending { path.setEnding(ending, of: run) }
        if accepted.isFull { await services.commit.waitForCapacity() }
        return RunStart(id: accepted.lastID, position: accepted.position)
    }

    /// Appends to the run's spoken message, opening one if there is none.
    ///
    /// - Parameter message: the message to append to. When it is not the spoken one, that one is completed and this one
    ///   takes its place.
    func say(_ text: String, message given: MessageID? = nil, run: RunID) async throws(AgentEventsError) {
        // Nearly always it passes; then nothing else is between it and its acceptance.
        do throws(AgentEventsError) {
            return try await sayNow(text, message: given, run: run)
        } catch {
            guard error.isWaitedFor else { throw error }
        }
        try await passingGate(of: run) { () async throws(AgentEventsError) in
            try await sayNow(text, message: given, run: run)
        }
    }

    private func sayNow(_ text: String, message given: MessageID?, run: RunID) async throws(AgentEventsError) {
        var spoken = spokenMessages[run]
        var message = given ?? spoken ?? services.configuration.identifiers.messageID()
        let accepted: Accepted
        if spoken == nil || spoken == message, !services.isContended,
            let now = try path.accept(Self.delta(message, text, run), waits: true)
        {
            accepted = now
            if now.hasHeldHalves { keepForHalves() }
        } else {
            accepted = try await settled { () async throws(AgentEventsError) in
                // While this fragment waited for its turn, another task may have begun the message, or ended it.
                if spoken != spokenMessages[run] {
                    spoken = spokenMessages[run]
                    message = given ?? spoken ?? services.configuration.identifiers.messageID()
                }
                let completed = spoken == nil || spoken == message ? [] : completionOfSpokenMessage(of: run)
                return try await acceptBatch(completed + [Self.delta(message, text, run)], Emission()).accepted
            }
        }
        spokenMessages[run] = message
        if accepted.isFull { await services.commit.waitForCapacity() }
    }

    /// Emits the first fragment of a message that is not the run's spoken one; that one is completed first.
    func beginMessage(_ message: MessageID, _ text: String, run: RunID) async throws(AgentEventsError) {
        let draft = Self.delta(message, text, run)
        let accepted = try await passingGate(of: run) { () async throws(AgentEventsError) in
            try await settled { () async throws(AgentEventsError) in
                try await acceptBatch(completionOfSpokenMessage(of: run) + [draft], Emission()).accepted
            }
        }
        spokenMessages[run] = nil
        if accepted.isFull { await services.commit.waitForCapacity() }
    }

    private static func delta(_ message: MessageID, _ text: String, _ run: RunID) -> EventDraft {
        EventDraft(runID: run, .messageDelta(MessageDelta(messageID: message, text: text)))
    }

    /// The event that completes the spoken message of a run; none when there is no such message, or it is not open.
    private func completionOfSpokenMessage(of run: RunID) -> [EventDraft] {
        spokenMessages[run].flatMap { completion(of: $0, run: run) } ?? []
    }

    /// The events that complete the messages of a run that nobody else completes.
    private func completionOfLeftMessages(of run: RunID) -> [EventDraft] {
        let broken = brokenMessages[run] ?? []
        return broken.compactMap { completion(of: $0, run: run) }.flatMap(\.self) + completionOfSpokenMessage(of: run)
    }

    private func completion(of message: MessageID, run: RunID) -> [EventDraft]? {
        path.machine.openMessageText(message, in: run).map { text in
            [EventDraft(runID: run, .messageCompleted(MessageCompleted(messageID: message, text: text)))]
        }
    }

    /// - Returns: the whole text of the message.
    @discardableResult
    func completeMessage(_ message: MessageID, run: RunID) async throws(AgentEventsError) -> String {
        var text = ""
        let accepted = try await passingGate(of: run) { () async throws(AgentEventsError) in
            try await settled { () async throws(AgentEventsError) in
                text = path.machine.openMessageText(message, in: run) ?? ""
                let completed = MessageCompleted(messageID: message, role: .assistant, text: text)
                return try await acceptBatch([EventDraft(runID: run, .messageCompleted(completed))], Emission())
                    .accepted
            }
        }
        if accepted.isFull { await services.commit.waitForCapacity() }
        return text
    }

    /// The text of an open message so far; `nil` when it is not open.
    package func openMessageText(_ message: MessageID, in run: RunID) -> String? {
        path.machine.openMessageText(message, in: run)
    }

    /// Completes a message whose text has come to an early end. One that is not open, or belongs to a run that is
    /// paused, is left as it is: the end of the run completes it.
    ///
    /// - Throws: ``AgentEventsError`` when the log fails.
    func endMessage(_ message: MessageID, run: RunID) async throws(AgentEventsError) {
        _ = try await settled { () async throws(AgentEventsError) -> Accepted? in
            let time = try path.begin()
            guard !path.detached.contains(run), let text = path.machine.openMessageText(message, in: run) else {
                return nil
            }
            let completed = EventDraft(runID: run, .messageCompleted(MessageCompleted(messageID: message, text: text)))
            do throws(AgentEventsError) {
                return try acceptOfOpenRuns([completed], at: time)
            } catch  where error.violation != nil {
                brokenMessages[run, default: []].append(message)
                return nil
            }
        }
    }

    /// The time in which a run without a parent has rested, or waited for a place to work.
    func restTime(of run: RunID) -> RestTime {
        let (rests, now) = (path.machine.rests, services.environment.wallClock.now())
        let rested = rests.milliseconds(of: run, at: now)
        return RestTime(
            total: .milliseconds(rested + slotWaits.milliseconds(of: run, at: now, rested: rested)),
            isResting: rests.isResting(run) || slotWaits.isWaiting(run))
    }

    /// The open runs without a parent that rest.
    package var restingRuns: Set<RunID> { path.machine.rests.resting }

    /// Takes the messages that a run was given since it took some last.
    ///
    /// - Returns: the messages with the numbers of their events, and the position to wait for; `nil` for no messages.
    func takeInput(of run: RunID) async throws(AgentEventsError) -> (inputs: [OpenRuns.GivenInput], position: UInt64)? {
        var inputs: [OpenRuns.GivenInput] = []
        let accepted = try await passingGate(of: run) { () async throws(AgentEventsError) in
            try await settled { () async throws(AgentEventsError) -> Accepted? in
                let time = try path.begin()
                inputs = Array(path.machine.inputs(of: run).prefix(MessageList.maximumCount))
                guard !inputs.isEmpty else { return nil }
                let taken = InputTaken(messageIDs: inputs.map(\.message))
                return try acceptOfOpenRuns([EventDraft(runID: run, .inputTaken(taken))], at: time)
            }
        }
        return accepted.map { (inputs, $0.position) }
    }

    func completeTool(_ completed: ToolCompleted, run: RunID) async throws(AgentEventsError) {
        try await emit(.measured(run, .toolCompleted(completed)))
    }

    /// Ends a run well, now that its body has returned; a message that `say` left open is completed with it. A run that is
    /// paused meanwhile stays paused, and is completed when it is resumed.
    func complete(_ run: RunID, result: JSONValue?) async throws(AgentEventsError) -> UInt64 {
        path.setEnding(nil, of: run)
        let completed = AgentCompleted(result: result, durationMilliseconds: 0)
        let accepted = try await passingGate(of: run) { () async throws(AgentEventsError) in
            try await settled { () async throws(AgentEventsError) in
                let drafts = completionOfLeftMessages(of: run) + [.measured(run, .agentCompleted(completed))]
                return try await acceptBatch(drafts, Emission()).accepted
            }
        }
        forget(run)
        return accepted.position
    }

    /// - Throws: ``TokenBudgetError`` for a run without a parent, when its user has no tokens left on this day.
    func throwIfBudgetIsUsed(for run: RunID) throws(TokenBudgetError) {
        guard let budgets = services.budgets, path.machine.isOpen(run), path.machine.parent(of: run) == nil,
            let error = budgets.refusal(of: user, at: services.environment.wallClock.now())
        else { return }
        throw error
    }

    /// The body of a run has thrown: nobody is told any longer when the run ends.
    func bodyDidThrow(in run: RunID) { path.setEnding(nil, of: run) }

    /// Ends a run as failed.
    ///
    /// - Returns: the position to wait for; `nil` when the run has ended before.
    func fail(_ run: RunID, _ failure: RunFailure) async throws(AgentEventsError) -> UInt64? {
        try await end(run, .agentFailed(AgentFailed(error: failure, durationMilliseconds: 0)))
    }

    /// Ends a run as cancelled.
    ///
    /// - Returns: the position to wait for; `nil` when the run has ended before.
    func cancel(_ run: RunID, reason: String?, by user: UserID?) async throws(AgentEventsError) -> UInt64? {
        try await end(run, .agentCancelled(AgentCancelled(reason: reason, by: user, durationMilliseconds: 0)))
    }

    /// Looks and ends in one step, so that nobody else ends the run in between. An end fits whatever the limit (I7).
    private func end(_ run: RunID, _ payload: EventPayload) async throws(AgentEventsError) -> UInt64? {
        let accepted = try await settled { () async throws(AgentEventsError) -> Accepted? in
            let time = try path.begin()
            // One that this process has let go of is continued by another one.
            guard path.machine.isOpen(run), !path.detached.contains(run) else { return nil }
            return try acceptOfOpenRuns([.measured(run, payload)], at: time, isLimited: false)
        }
        forget(run)
        return accepted?.position
    }

    /// Forgets a run that has ended.
    func forget(_ run: RunID) {
        spokenMessages[run] = nil
        brokenMessages[run] = nil
        slotWaits.forget(run)
        path.setUsage(nil, of: run)
    }

    /// Ends a tool call without a result.
    ///
    /// - Parameter failure: how the run fails with it, in the same commit; `nil` when it does not.
    /// - Returns: `false` when it has ended before.
    func endTool(
        _ completed: ToolCompleted,
        run: RunID,
        failing failure: RunFailure? = nil
    ) async throws(AgentEventsError) -> Bool {
        let accepted = try await settled { () async throws(AgentEventsError) -> Accepted? in
            let time = try path.begin()
            guard !path.detached.contains(run), path.machine.openedTime(ofCall: completed.callID, in: run) != nil else {
                return nil
            }
            var drafts: [EventDraft] = [.measured(run, .toolCompleted(completed))]
            if let failure {
                drafts.append(.measured(run, .agentFailed(AgentFailed(error: failure, durationMilliseconds: 0))))
            }
            return try acceptOfOpenRuns(drafts, at: time)
        }
        return accepted != nil
    }
}
