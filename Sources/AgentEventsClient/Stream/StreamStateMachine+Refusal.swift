internal import AgentEvents
internal import AgentEventsProtocol

// The meaning of a refusal depends on the request that it answers: a thread, what was acknowledged of one, or the
// connection.
extension StreamStateMachine {
    /// The service refused a request, or ended something by itself.
    mutating func refused(
        _ refusal: ProtocolError,
        random: Double,
        _ actions: inout StreamActions
    ) {
        if let tag = refusal.tag {
            guard let request = tag.number else { return }
            if let thread = leaving.first(where: { $0.value == request })?.key {
                // It had ended by itself.
                left(thread, &actions)
            } else if let thread = followed.first(where: { $0.subscribeRequest == request }) {
                refusedThread(thread, refusal, random: random, &actions)
            } else if let thread = followed.first(where: { $0.acknowledgementRequest == request }) {
                refusedAcknowledgement(thread, refusal, &actions)
            }
            // Anything else answers a request that no longer matters.
        } else if let thread = refusal.threadID {
            guard leaving[thread] == nil else { return }
            refusedThread(thread, refusal, random: random, &actions)
        } else {
            actions.leave = AgentEventsClientError(refusal)
        }
    }

    private mutating func refusedThread(
        _ thread: ThreadID,
        _ refusal: ProtocolError,
        random: Double,
        _ actions: inout StreamActions
    ) {
        switch followed.update(thread, { $0.subscription.refused(refusal, random: random) }) {
        case nil, .ignore?: break
        case .wait?: actions.needsTime = true
        case .fail?:
            fail(thread, AgentEventsClientError(refusal))
            wake(thread, &actions)
        }
    }

    /// The service has ended a subscription by itself, because the token does not allow it any longer.
    mutating func forbidden(_ thread: ThreadID, _ code: ProtocolError.Code, _ actions: inout StreamActions) {
        let refusal = ProtocolError(code, "the token does not allow to read \(thread) any longer", threadID: thread)
        fail(thread, AgentEventsClientError(refusal))
        wake(thread, &actions)
    }

    private mutating func refusedAcknowledgement(
        _ thread: ThreadID,
        _ refusal: ProtocolError,
        _ actions: inout StreamActions
    ) {
        guard !refusal.isRetryable else {
            followed.update(thread) { $0.acknowledgement.refused() }
            actions.needsTime = true
            return
        }
        if followed.update(thread, { $0.subscription.end() }) == true { unsubscribe(from: thread, wasFollowing: false) }
        fail(thread, AgentEventsClientError(refusal))
        wake(thread, &actions)
    }

    /// A thread is over; its reader gets the error after the events that were received.
    mutating func fail(_ thread: ThreadID, _ error: AgentEventsClientError) {
        followed.update(thread) { followed in
            _ = followed.subscription.end()
            if followed.error == nil { followed.error = error }
        }
    }
}
