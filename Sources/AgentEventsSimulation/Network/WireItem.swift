import AgentEventsProtocol

/// What the service wrote and the client has not taken yet.
enum WireItem {
    /// The frames of a batch, from one on.
    case events(FramedBatch, from: Int)
    /// - Parameter answers: the request that it is the answer to.
    case message(ServerMessage, byteCount: Int, answers: Int64? = nil)
    /// A ping frame: the WebSocket answers it, the client's code never sees it.
    case pingFrame
    case close(code: Int)
}
