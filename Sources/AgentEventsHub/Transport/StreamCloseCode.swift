/// Why a connection ends: RFC 6455, section 7.4, and the codes of the protocol `agent-events.v1`.
public struct StreamCloseCode: Hashable, Sendable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let goingAway = StreamCloseCode(rawValue: 1001)
    public static let protocolError = StreamCloseCode(rawValue: 1002)
    public static let unsupportedData = StreamCloseCode(rawValue: 1003)
    public static let invalidText = StreamCloseCode(rawValue: 1007)
    public static let tooBig = StreamCloseCode(rawValue: 1009)
    public static let internalError = StreamCloseCode(rawValue: 1011)
    /// Too many malformed messages.
    public static let protocolAbuse = StreamCloseCode(rawValue: 4400)
    /// The client is gone, or takes nothing of what waits for it.
    public static let heartbeatMissed = StreamCloseCode(rawValue: 4408)

    /// Whether a peer may send the code in a close frame.
    package var isAllowedOnTheWire: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
