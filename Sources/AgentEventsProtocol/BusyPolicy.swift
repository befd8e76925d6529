/// The ways to treat a request for a run in a thread that is busy: one in which a run is open or queued. The service's agents say
/// which of them they take.
@nonexhaustive
public enum BusyPolicy: String, CaseIterable, Hashable, Sendable {
    /// Nothing: it is refused with `thread.busy`.
    case reject
    /// Its run is queued.
    case queue
    /// The open and queued runs end, and its run takes their place.
    case supersede
    /// The same, and readers leave out what is replaced.
    case rollback
    /// Its run starts beside the others.
    case parallel
    /// The run under way that takes input is given the message.
    case steer
}
