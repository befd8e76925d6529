/// Is told of every commit, in order, by the task that writes the log.
package protocol CommitObserver: AnyObject, Sendable {
    /// Events were committed. Called after they are durable and before those who wait for them go on; never concurrently
    /// with itself. It must not block: it hands over, or wakes somebody up.
    ///
    /// - Parameter position: everything accepted up to there is committed; see ``EmitReceipt``.
    func didCommit(_ commit: LogCommit, upTo position: UInt64)

    /// The log failed; nothing more will be committed. Called at most once.
    func didFail(_ error: EventLogError)
}

extension CommitObserver {
    package func didFail(_ error: EventLogError) {}
}
