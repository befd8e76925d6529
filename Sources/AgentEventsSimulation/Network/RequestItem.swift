import AgentEventsClient

/// What a client sent and the service has not taken yet.
enum RequestItem {
    case request(StreamRequest)
    case pongFrame
    case closeFrame
    /// The client has ended the connection.
    case end
}
