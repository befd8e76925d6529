import AgentEvents
package import AgentEventsProtocol

extension ProtocolError {
    /// The error as the answer to a request.
    package func answering(_ tag: RequestTag?) -> ProtocolError {
        var answer = self
        answer.tag = tag
        return answer
    }

    /// The answer to a subscription that comes too late.
    static func stopsSubscriptions(to thread: ThreadID) -> ProtocolError {
        ProtocolError(
            .stopping, "the service is about to stop; subscribe once it has started again", isRetryable: true,
            retryAfterMilliseconds: 1000, threadID: thread)
    }

    /// The answer to what comes too late to be emitted.
    static func stopsEmissions(in thread: ThreadID) -> ProtocolError {
        ProtocolError(
            .stopping, "the service stops; emit once it has started again", isRetryable: true,
            retryAfterMilliseconds: 1000, threadID: thread)
    }
}
