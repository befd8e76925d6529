/// Where in a thread's log a reader begins.
@nonexhaustive
public enum StartPosition: Hashable, Sendable {
    /// With the first event that is kept.
    case start
    /// With the next event that is committed.
    case now
    /// With the event after the one whose id this is.
    case after(Cursor)
}
