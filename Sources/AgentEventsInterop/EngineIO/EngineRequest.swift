import AgentEventsHub
import HTTPTypes

/// The query of a request of Engine.IO, and why one is refused.
package struct EngineRequest: Hashable, Sendable {
    package enum Transport: String, Hashable, Sendable {
        case polling
        case websocket
    }

    package enum Refusal: Int, Error, Hashable, Sendable, CaseIterable {
        case transportUnknown = 0
        case sessionUnknown = 1
        case methodUnknown = 2
        case requestInvalid = 3
        case forbidden = 4
        case versionUnknown = 5

        package var message: String {
            switch self {
            case .transportUnknown: "Transport unknown"
            case .sessionUnknown: "Session ID unknown"
            case .methodUnknown: "Bad handshake method"
            case .requestInvalid: "Bad request"
            case .forbidden: "Forbidden"
            case .versionUnknown: "Unsupported protocol version"
            }
        }

        package var json: String { #"{"code":\#(rawValue),"message":"\#(message)"}"# }
    }

    package var transport: Transport
    /// `nil` for a request that begins a session.
    package var sid: String?

    /// - Throws: what the client is told. Parameters that are not the protocol's are an application's own.
    package init(query: String) throws(Refusal) {
        var values: [Substring: String] = [:]
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard values[parts[0]] == nil else { continue }
            values[parts[0]] = parts.count > 1 ? PercentEncoding.decode(String(parts[1])) : ""
        }
        guard let transport = values["transport"].flatMap(Transport.init(rawValue:)) else { throw .transportUnknown }
        guard values["EIO"] == "4" else { throw .versionUnknown }
        self.transport = transport
        sid = values["sid"]
    }
}
