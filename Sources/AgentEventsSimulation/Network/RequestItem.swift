import AgentEvents
import AgentEventsProtocol

/// What a client sent and the service has not taken yet.
enum RequestItem {
    case request(ClientMessage)
    /// One event of no run, over the stream.
    case emit(request: Int64, ThreadID)
    case pongFrame
    case closeFrame
    /// The client has ended the connection.
    case end
}
