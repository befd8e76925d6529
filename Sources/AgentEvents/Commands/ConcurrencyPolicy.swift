/// The way in which a message, or another request for a run, meets a thread that is busy: one in which a run is open or
/// queued. In a thread that is free all of them start the run at once. The service's agents say which of them they take.
///
/// The outcome for a message is one commit: nobody ever sees two runs where there should be one, or a message without a
/// run.
@nonexhaustive
public enum ConcurrencyPolicy: String, CaseIterable, Hashable, Sendable {
    /// It is refused with `thread.busy`, and nothing is logged.
    case reject
    /// Its run is queued; one starts when those before it have ended.
    case queue
    /// The open runs end as `agent_cancelled`, reason `superseded`, the queued ones too, and its run takes their place.
    case supersede
    /// The same, and readers are told to leave out the runs that end, and the message that is replaced.
    case rollback
    /// Its run starts beside the others, up to a limit; then it is queued.
    case parallel
    /// The run under way that takes input gets the message; without one its run is queued.
    case steer
}
