/// The fate of an agent's open runs when the process that works for them is gone. A run that is queued stays queued in any
/// case, and starts after the restart.
///
/// A run is tried three times at most, and its attempts begin at least 10 seconds apart: a run that takes its process with it
/// cannot do so for ever. After the last attempt it ends as `agent_failed`, code `run.lost`, with `attempts` in the details
/// of the error. An attempt that ends with a process which stops in order does not count, and nothing is waited for after it.
///
/// In a log that several processes write (``ContendedLog``) nobody knows which of them is gone, and ``resume`` counts as
/// ``never`` there.
@nonexhaustive
public enum RestartMode: Hashable, Sendable {
    /// The run ends as `agent_failed`, code `run.lost`. Nothing is done twice.
    case never
    /// The run ends so, and another one does it again from the beginning: `agent_queued` with `retry_of` and the number of the
    /// attempt, in the same commit. For an agent all of whose effects may be repeated.
    ///
    /// - Parameter attempts: the number of attempts in all, 1 to 3.
    case again(attempts: Int = 3)
    /// The run stays open, and its agent continues it from what the log has of it. A question that it has asked can be
    /// answered as soon as the log is open.
    case resume
}
