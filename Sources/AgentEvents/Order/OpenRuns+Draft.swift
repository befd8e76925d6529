// What a draft leaves to the service.

extension OpenRuns {
    /// The payload of a draft as it will be logged, where that differs: a duration that it leaves out is measured, from
    /// the start of its call or run, and half of a character at the start of a fragment is joined with the half that
    /// the message waits with. A half that finds no other becomes U+FFFD, in its place.
    ///
    /// - Parameter hasHeldHalves: whether a message may wait with half of a character.
    func resolved(_ draft: EventDraft, at place: Int, time: Timestamp, hasHeldHalves: Bool) -> ThreadStateMachine
        .Resolved?
    {
        switch draft.payload {
        case .messageDelta(let delta):
            // Nearly every fragment comes from a sender that cuts between characters: no look-up for those.
            guard hasHeldHalves || draft.halves != nil else { return nil }
            let waiting = message(delta.messageID, at: place)?.half
            return joined(delta, draft.halves, waiting: waiting).map { .payload(.messageDelta($0)) }
        case .toolCompleted(var completed):
            guard draft.isDurationMeasured else { return nil }
            completed.durationMilliseconds = time.milliseconds(since: call(completed.callID, at: place)?.time ?? time)
            return .payload(.toolCompleted(completed))
        case .agentCompleted(var completed):
            guard draft.isDurationMeasured else { return nil }
            completed.durationMilliseconds = time.milliseconds(since: startTime(at: place) ?? time)
            return .payload(.agentCompleted(completed))
        case .agentFailed(var failed):
            guard draft.isDurationMeasured else { return nil }
            failed.durationMilliseconds = time.milliseconds(since: startTime(at: place) ?? time)
            return .payload(.agentFailed(failed))
        case .agentCancelled(var cancelled):
            guard draft.isDurationMeasured else { return nil }
            cancelled.durationMilliseconds = time.milliseconds(since: startTime(at: place) ?? time)
            return .payload(.agentCancelled(cancelled))
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageCompleted,
            .toolExecuting, .toolProgress, .approvalRequested, .approvalResolved, .usageReported, .agentPaused,
            .agentResumed, .userMessage, .stateUpdated, .custom, .unknown:
            return nil
        }
    }

    private func joined(_ delta: MessageDelta, _ halves: SplitCharacter?, waiting: UInt16?) -> MessageDelta? {
        guard halves?.end != nil || waiting != nil && (halves != nil || !delta.text.isEmpty) else { return nil }
        var delta = delta
        delta.text = SplitCharacter.text(waiting: waiting, then: halves?.end) + delta.text
        return delta
    }
}
