import NIOCore

/// The times and sizes of Engine.IO that a service tells its clients, or keeps to itself.
package struct EngineSettings: Hashable, Sendable {
    /// The time between two pings of the server, in milliseconds.
    package var pingIntervalMilliseconds: Int64 = 25_000
    /// The time in which a client answers one, in milliseconds.
    package var pingTimeoutMilliseconds: Int64 = 20_000
    /// The largest body or message of a client, in bytes.
    package var maximumPayloadByteCount = 1_000_000
    /// The time in which a client has to say who it is, in milliseconds.
    package var connectTimeoutMilliseconds: Int64 = 45_000
    /// The time that an upgrade may take, in milliseconds.
    package var upgradeTimeoutMilliseconds: Int64 = 10_000
    /// The time between two answers without content while an upgrade is under way, in milliseconds.
    package var noopMilliseconds: Int64 = 100
    /// The time for which a session that has ended waits for the next poll, to tell it so, in milliseconds.
    package var lingerMilliseconds: Int64 = 5000
    /// The largest number of packets in the answer to a poll: python-engineio takes no more unless it is told to (`max_decode_packets`).
    package var pollPacketCount = 16
    /// The number of bytes that may wait for a client before nothing further is taken for it.
    package var watermarkByteCount = 256 * 1024

    package init() {}

    func openPacket(sid: String, isWebSocket: Bool) -> EnginePacket {
        .open(
            json: #"{"sid":"\#(sid)","upgrades":\#(isWebSocket ? "[]" : #"["websocket"]"#),"pingInterval":"#
                + #"\#(pingIntervalMilliseconds),"pingTimeout":\#(pingTimeoutMilliseconds),"maxPayload":"#
                + #"\#(maximumPayloadByteCount)}"#)
    }
}

/// Why a session of Engine.IO ends.
package enum EngineEnd: Hashable, Sendable {
    /// The client said so, or its connection is gone.
    case clientLeft
    /// Nothing came for a ping.
    case pingTimeout
    /// The client broke a rule.
    case violation
    /// This side ends it.
    case here
}

/// What stands on Engine.IO, for one session. Called on the loop of the session.
protocol EngineApplication: AnyObject {
    func received(text: ByteBuffer)
    func received(binary: ByteBuffer)
    /// A sign of life.
    func heard()
    func readComplete()
    /// The session takes more, or less.
    func writabilityChanged()
    /// The server that carries the session stops.
    func serverStops()
    /// It is the last.
    func ended(_ end: EngineEnd)
}
