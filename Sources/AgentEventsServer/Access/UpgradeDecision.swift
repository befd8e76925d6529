import AgentEventsHub
package import AgentEventsProtocol
import HTTPTypes

/// Whether a request becomes a WebSocket.
package enum UpgradeDecision: Hashable, Sendable {
    /// - Parameter subprotocol: what to answer in `Sec-WebSocket-Protocol`; `nil` when the client offered none.
    case accept(subprotocol: String?)
    case decline(UpgradeRefusal)

    /// Decides by the head alone. Credentials are checked after this.
    ///
    /// - Parameter path: the path of the WebSocket.
    package static func decide(
        _ request: UpgradeRequest,
        path: String = StreamProtocol.path,
        origins: OriginPolicy
    ) -> UpgradeDecision {
        guard request.path == path else {
            return .decline(
                UpgradeRefusal(
                    status: 404,
                    ProtocolError(.pathUnknown, "there is no WebSocket at that path, only at \(path)")))
        }
        guard request.method == "GET" else {
            return .decline(
                UpgradeRefusal(
                    status: 405, headers: ["allow": "GET"],
                    ProtocolError(.methodNotAllowed, "a WebSocket is opened with GET")))
        }
        if let query = request.query, TokenInURL.isPresent(in: query) {
            return .decline(UpgradeRefusal(status: 400, TokenInURL.refusal))
        }
        guard (request.query ?? "").isEmpty else {
            return .decline(
                UpgradeRefusal(
                    status: 400,
                    ProtocolError(
                        .requestInvalid,
                        "the WebSocket's URL has no parameters: threads are subscribed to by messages, and a token stands in "
                            + "the header Authorization or in a subprotocol, never in a URL")))
        }
        guard request.version == "13" else {
            return .decline(
                UpgradeRefusal(
                    status: 426, headers: ["sec-websocket-version": "13"],
                    ProtocolError(.versionUnknown, "the version of the WebSocket protocol spoken here is 13")))
        }
        guard !request.hasBadKey else {
            return .decline(
                UpgradeRefusal(
                    status: 400, ProtocolError(.keyInvalid, "Sec-WebSocket-Key is 16 random bytes in Base64")))
        }
        if let refusal = origins.refusal(origin: request.origin, host: request.host) {
            return .decline(UpgradeRefusal(status: 403, refusal))
        }
        guard !request.subprotocols.isEmpty else { return .accept(subprotocol: nil) }
        guard request.subprotocols.contains(StreamProtocol.subprotocol) else {
            return .decline(
                UpgradeRefusal(
                    status: 400,
                    ProtocolError(
                        .subprotocolUnknown,
                        "the subprotocol spoken here is \(StreamProtocol.subprotocol): offer it too, or offer none")))
        }
        return .accept(subprotocol: StreamProtocol.subprotocol)
    }
}

/// The answer that declines an upgrade.
package struct UpgradeRefusal: Hashable, Sendable {
    /// The HTTP status.
    package var status: Int
    /// Headers that belong to the status, by their names in lower case.
    package var headers: [String: String]
    /// The body.
    package var error: ProtocolError

    package init(status: Int, headers: [String: String] = [:], _ error: ProtocolError) {
        self.status = status
        self.headers = headers
        self.error = error
    }

    /// The hub stops.
    static var stopping: Self {
        Self(
            status: 503, headers: ["retry-after": "1"],
            ProtocolError(
                .stopping, "the service is about to stop: connect again when it is back", isRetryable: true,
                retryAfterMilliseconds: 1000))
    }

    /// The client is not known, or has too many connections.
    static func denied(_ error: ProtocolError) -> Self {
        var headers: [String: String] = [:]
        if error.status == .unauthorized { headers["www-authenticate"] = error.challenge }
        if error.status == .serviceUnavailable { headers["retry-after"] = "1" }
        return Self(status: error.status.code, headers: headers, error)
    }

    /// A request for the path that is not an upgrade, or comes where none is carried out.
    static func upgradeRequired(_ message: String) -> Self {
        Self(
            status: 426, headers: ["upgrade": "websocket", "connection": "upgrade"],
            ProtocolError(.upgradeRequired, message))
    }
}
