// What a draft leaves to the service.

extension OpenRuns {
    /// The payload of a draft as it is to be logged: a duration that it leaves out is measured, from the start of its call or
    /// run, and half of a character at the start of a fragment is joined with the half that the message waits with. A half
    /// that finds no other becomes U+FFFD, in its place.
    ///
    /// - Parameter hasHeldHalves: whether a message may wait with half of a character.
    func resolved(_ draft: EventDraft, at place: Int, time: Timestamp, hasHeldHalves: Bool) -> EventPayload {
        switch draft.payload {
        case .messageDelta(let delta):
            // Nearly every fragment comes from a sender that cuts between characters: no look-up for those.
            guard hasHeldHalves || draft.halves != nil else { return draft.payload }
            return .messageDelta(joined(delta, draft.halves, waiting: message(delta.message, at: place)?.half))
        case .toolCompleted(var completed):
            guard draft.isDurationMeasured else { return draft.payload }
            completed.durationMilliseconds = time.milliseconds(since: call(completed.call, at: place)?.time ?? time)
            return .toolCompleted(completed)
        case .agentCompleted(var completed):
            guard draft.isDurationMeasured else { return draft.payload }
            completed.durationMilliseconds = time.milliseconds(since: startTime(at: place) ?? time)
            return .agentCompleted(completed)
        case .agentFailed(var failed):
            guard draft.isDurationMeasured else { return draft.payload }
            failed.durationMilliseconds = time.milliseconds(since: startTime(at: place) ?? time)
            return .agentFailed(failed)
        case .agentCancelled(var cancelled):
            guard draft.isDurationMeasured else { return draft.payload }
            cancelled.durationMilliseconds = time.milliseconds(since: startTime(at: place) ?? time)
            return .agentCancelled(cancelled)
        case .agentStarted, .agentThinking, .agentProgress, .messageCompleted, .toolExecuting, .toolProgress,
            .approvalRequested, .approvalResolved, .agentPaused, .agentResumed, .userMessage, .stateUpdated, .custom,
            .unknown:
            return draft.payload
        }
    }

    private func joined(_ delta: MessageDelta, _ halves: SplitCharacter?, waiting: UInt16?) -> MessageDelta {
        guard halves?.end != nil || waiting != nil && (halves != nil || !delta.text.isEmpty) else { return delta }
        var delta = delta
        delta.text = SplitCharacter.text(waiting: waiting, then: halves?.end) + delta.text
        return delta
    }
}
