// What a draft leaves to the service.

extension ThreadStateMachine {
    /// The payload of a draft as it is to be logged, if the draft is accepted now: a duration that it leaves out is
    /// measured, from the start of its call or run, and half of a character at the start of a fragment is joined with the
    /// half that the message waits with. A half that finds no other becomes U+FFFD, in its place.
    ///
    /// - Parameter time: the time that the event will carry.
    package func resolved(_ draft: EventDraft, at time: Timestamp) -> EventPayload {
        switch draft.payload {
        case .messageDelta(let delta):
            return .messageDelta(joined(delta, draft))
        case .toolCompleted(var completed):
            guard draft.isDurationMeasured else { break }
            let start = draft.run.flatMap { openedTime(ofCall: completed.call, in: $0) }
            completed.durationMilliseconds = time.milliseconds(since: start ?? time)
            return .toolCompleted(completed)
        case .agentCompleted(var completed):
            guard draft.isDurationMeasured else { break }
            completed.durationMilliseconds = duration(of: draft.run, at: time)
            return .agentCompleted(completed)
        case .agentFailed(var failed):
            guard draft.isDurationMeasured else { break }
            failed.durationMilliseconds = duration(of: draft.run, at: time)
            return .agentFailed(failed)
        case .agentCancelled(var cancelled):
            guard draft.isDurationMeasured else { break }
            cancelled.durationMilliseconds = duration(of: draft.run, at: time)
            return .agentCancelled(cancelled)
        case .agentStarted, .agentThinking, .agentProgress, .messageCompleted, .toolExecuting, .toolProgress,
            .approvalRequested, .approvalResolved, .agentPaused, .agentResumed, .userMessage, .stateUpdated, .custom,
            .unknown:
            break
        }
        return draft.payload
    }

    private func joined(_ delta: MessageDelta, _ draft: EventDraft) -> MessageDelta {
        // Nearly every fragment comes from a sender that cuts between characters: no look-up for those.
        guard hasHeldHalves || draft.halves != nil else { return delta }
        let waiting = draft.run.flatMap { openMessage(delta.message, in: $0)?.half }
        guard draft.halves?.end != nil || waiting != nil && (draft.halves != nil || !delta.text.isEmpty) else {
            return delta
        }
        var delta = delta
        delta.text = SplitCharacter.text(waiting: waiting, then: draft.halves?.end) + delta.text
        return delta
    }

    private func duration(of run: RunID?, at time: Timestamp) -> Int64 {
        time.milliseconds(since: run.flatMap { startTime(of: $0) } ?? time)
    }
}
