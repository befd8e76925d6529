/// A log that finds the beginning of a run without reading its thread. What this package asks of it is read from the start
/// of the thread where the log is another one.
package protocol RunIndexedLog: EventLog {
    /// The number of the first event of a run, `agent_queued` or `agent_started`.
    ///
    /// - Returns: `nil` when the thread has no such run, or that event was trimmed.
    func firstSequence(of run: RunID, in thread: ThreadID) async throws(EventLogError) -> UInt64?
}
