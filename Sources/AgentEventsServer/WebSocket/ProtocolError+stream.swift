import AgentEvents

extension ProtocolError {
    /// The error as the answer to a request.
    func answering(_ tag: RequestTag?) -> ProtocolError {
        var answer = self
        answer.tag = tag
        return answer
    }
}

extension ProtocolError.Code {
    /// The connection follows the thread already.
    static let subscriptionExists = Self("subscription.exists")
    /// The connection does not follow the thread.
    static let subscriptionUnknown = Self("subscription.unknown")
}
