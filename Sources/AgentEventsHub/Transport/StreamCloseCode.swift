/// Why a WebSocket is closed: RFC 6455, section 7.4, and those of the protocol `agent-events.v1`.
struct WebSocketCloseCode: Hashable, Sendable {
    let rawValue: UInt16

    static let normal = WebSocketCloseCode(rawValue: 1000)
    static let goingAway = WebSocketCloseCode(rawValue: 1001)
    static let protocolError = WebSocketCloseCode(rawValue: 1002)
    static let unsupportedData = WebSocketCloseCode(rawValue: 1003)
    static let invalidText = WebSocketCloseCode(rawValue: 1007)
    static let tooBig = WebSocketCloseCode(rawValue: 1009)
    static let internalError = WebSocketCloseCode(rawValue: 1011)
    /// Too many messages that are none of the protocol's.
    static let protocolAbuse = WebSocketCloseCode(rawValue: 4400)
    /// The client is gone, or takes nothing of what waits for it.
    static let heartbeatMissed = WebSocketCloseCode(rawValue: 4408)
    /// A limit was exceeded.
    static let limits = WebSocketCloseCode(rawValue: 4429)

    /// Whether a peer may send the code in a close frame.
    var isAllowedOnTheWire: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
