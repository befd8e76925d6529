/// A log that knows its threads without waiting for anything: who asks where a subscription begins needs no turn of another thread.
package protocol ImmediateEventLog: EventLog {
    /// The record of a thread, as of ``EventLog/thread(_:)``. Called on event loops: it waits for nobody, and takes no longer than a
    /// look-up in memory.
    func recordAtOnce(of thread: ThreadID) -> ImmediateAnswer<ThreadRecord>

    /// The deletion of a thread, as of `DeletingEventLog.deletion(of:)`. Called like ``recordAtOnce(of:)``.
    func deletionAtOnce(of thread: ThreadID) -> ImmediateAnswer<ThreadDeletion>
}

/// The answer to a question that is not waited for.
package enum ImmediateAnswer<Value: Sendable>: Sendable {
    /// `nil` where there is none.
    case known(Value?)
    /// Somebody else uses the log at this moment: the method that waits has the answer.
    case busy
}
