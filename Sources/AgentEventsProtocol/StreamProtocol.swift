/// The names that both ends of a stream agree on before the first message.
public enum StreamProtocol {
    /// The WebSocket subprotocol; it also counts when a client offers none.
    public static let subprotocol = "agent-events.v1"
    /// The path of the WebSocket.
    public static let path = "/v1/stream"
}
