public import AgentEvents
public import AgentEventsProtocol

/// An element of a ``ThreadFollower``.
@nonexhaustive
public enum FollowedElement: Sendable {
    /// The next event.
    case event(StreamEvent)
    /// Everything before this element is history; everything after it happens now. Comes again after each interruption.
    case live(Cursor?)
    /// The history so far is void and should be dropped: the next event is the first one of a new history.
    case reset(ResetReason)
    /// The connection ended for this reason, and is opened again after a pause. No event is lost or repeated.
    case interrupted(AgentEventsClientError, pause: Duration)
}
