/// Why a WebSocket is closed: RFC 6455, section 7.4, and the codes of the protocol `agent-events.v1`.
public struct StreamCloseCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The code as it stands in a close frame.
    public let rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The service stops, or the client leaves.
    public static let goingAway = StreamCloseCode(rawValue: 1001)
    /// A frame breaks the WebSocket protocol.
    public static let protocolError = StreamCloseCode(rawValue: 1002)
    /// A message is binary.
    public static let unsupportedData = StreamCloseCode(rawValue: 1003)
    /// A text message is not UTF-8.
    public static let invalidText = StreamCloseCode(rawValue: 1007)
    /// A message is too large.
    public static let tooBig = StreamCloseCode(rawValue: 1009)
    /// The service failed.
    public static let internalError = StreamCloseCode(rawValue: 1011)
    /// The service asks its client to connect again, at once.
    public static let restarting = StreamCloseCode(rawValue: 1012)
    /// Too many malformed messages.
    public static let protocolAbuse = StreamCloseCode(rawValue: 4400)
    /// The connection has no credentials that count, or they have expired.
    public static let notAuthenticated = StreamCloseCode(rawValue: 4401)
    /// The credentials do not allow the connection.
    public static let forbidden = StreamCloseCode(rawValue: 4403)
    /// The client is gone, or takes nothing of what waits for it.
    public static let heartbeatMissed = StreamCloseCode(rawValue: 4408)
    /// A newer connection has taken the place of this one: that of a worker with its name.
    public static let replaced = StreamCloseCode(rawValue: 4409)
    /// A limit was exceeded.
    public static let limits = StreamCloseCode(rawValue: 4429)

    /// Whether a peer may send the code in a close frame.
    package var isAllowedOnTheWire: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }

    /// Whether another connection may fare better: not when the code says that this client, or what it sends, is at fault.
    package var allowsReconnection: Bool { !Self.final.contains(self) }

    /// The codes that another connection ends with, too. 1010 is that of a client that misses an extension.
    private static let final: Set<StreamCloseCode> = [
        .protocolError, .unsupportedData, .invalidText, .tooBig, StreamCloseCode(rawValue: 1010), .protocolAbuse,
        .notAuthenticated, .forbidden, .replaced,
    ]

    public var description: String { "\(rawValue)" }
}
