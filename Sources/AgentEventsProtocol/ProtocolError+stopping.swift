package import AgentEvents

extension ProtocolError {
    /// The answer to a request that comes when the service is about to stop.
    ///
    /// - Parameter thread: the thread that it is about; `nil` for none.
    package static func stopping(in thread: ThreadID? = nil) -> ProtocolError {
        ProtocolError(
            .stopping, "the service is about to stop: send the same again, with its key, when it is back",
            isRetryable: true, retryAfterMilliseconds: 1000, threadID: thread)
    }
}
