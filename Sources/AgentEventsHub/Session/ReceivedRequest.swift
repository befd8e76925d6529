import AgentEventsProtocol

/// A request about a thread, as it waits to be carried out.
struct ReceivedRequest {
    let message: ClientMessage
    /// The size of the message.
    let byteCount: Int
    /// Whether it came while the connection took emissions: then it is carried out, however long it waits.
    let isInTime: Bool
    /// What the authorizer said, when it was asked about this request; `nil` before that.
    var rights: Result<RightsAnswer, ProtocolError>?
}

typealias RequestOrder = RequestOrderStateMachine<ReceivedRequest>
