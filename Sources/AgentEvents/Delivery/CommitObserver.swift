/// Is told of every commit, in order, by the task that writes the log.
package protocol CommitObserver: AnyObject, Sendable {
    /// Events were committed. Called after they are durable and before those who wait for them go on; never concurrently
    /// with itself. It must not block: it hands over, or wakes somebody up.
    func didCommit(_ commit: LogCommit)
}
