public import AgentEvents
public import AgentEventsProtocol

/// What a ``ThreadFollower`` gives.
@nonexhaustive
public enum FollowedElement: Sendable {
    /// The next event.
    case event(StreamEvent)
    /// Everything up to here was there before; what follows happens now. Comes again after each interruption.
    case live(Cursor?)
    /// What was given of the thread so far is to be dropped: the next event is the first one of a new history.
    case reset(ResetReason)
    /// The connection ended for this reason, and is opened again after a pause. No event is lost or repeated.
    case interrupted(AgentEventsClientError, pause: Duration)
}
