import AgentEventsClient

/// What the service wrote and the client has not taken yet.
enum WireItem {
    /// The frames of a batch, from one on.
    case events(FramedBatch, from: Int)
    case message(StreamMessage, byteCount: Int)
    /// A ping frame: the WebSocket answers it, the client's code never sees it.
    case pingFrame
    case close(code: Int)
}
