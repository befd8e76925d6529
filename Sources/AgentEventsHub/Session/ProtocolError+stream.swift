import AgentEvents

extension ProtocolError {
    /// The error as the answer to a request.
    func answering(_ tag: RequestTag?) -> ProtocolError {
        var answer = self
        answer.tag = tag
        return answer
    }

    /// The answer to a subscription that comes too late.
    static func stopsSubscriptions(to thread: ThreadID) -> ProtocolError {
        ProtocolError(
            .stopping, "the service is about to stop; subscribe once it has started again", isRetryable: true,
            thread: thread)
    }

    /// The answer to what comes too late to be emitted.
    static func stopsEmissions(in thread: ThreadID) -> ProtocolError {
        ProtocolError(
            .stopping, "the service stops; emit once it has started again", isRetryable: true, thread: thread)
    }
}

extension ProtocolError.Code {
    /// The connection follows the thread already.
    static let subscriptionExists = Self("subscription.exists")
    /// The connection does not follow the thread.
    static let subscriptionUnknown = Self("subscription.unknown")
    /// An acknowledgement of something that was not sent on this connection.
    static let acknowledgementNotSent = Self("ack.not_sent")
    /// Acknowledgements cannot be stored at the moment.
    static let acknowledgementNotStored = Self("ack.not_stored")
    /// The service's log stores no acknowledgements.
    static let consumerUnsupported = Self("consumer.unsupported")
}
