/// The state of a stream.
@nonexhaustive
public enum ClientState: Sendable {
    /// A connection is being opened.
    case connecting
    /// Connected; the history of at least one thread is still arriving.
    case catchingUp
    /// Connected; events arrive as they happen.
    case live
    /// The connection ended for this reason; it is opened again after a pause.
    case waiting(pause: Duration, AgentEventsClientError)
    /// The service refused this client for good; every sequence of events throws this error.
    case refused(AgentEventsClientError)
}
