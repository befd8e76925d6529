/// How a stream stands.
@nonexhaustive
public enum ClientState: Sendable {
    /// A connection is being opened.
    case connecting
    /// Connected; of at least one thread, not all is there yet that was there before.
    case catchingUp
    /// Connected; what happens in the threads arrives as it happens.
    case live
    /// The connection ended for this reason; it is opened again after a pause.
    case waiting(pause: Duration, AgentEventsClientError)
    /// The service will not have this client; every sequence of events throws this error.
    case refused(AgentEventsClientError)
}
