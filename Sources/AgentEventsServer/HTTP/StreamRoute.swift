import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// `GET` of the WebSocket's path as plain HTTP: a request that is no upgrade, one that was declined, or one that came too late on
/// its connection to be carried out. Each is told so.
struct StreamRoute: Sendable {
    let origins: OriginPolicy
    let access: RequestAccess
    let readiness: Readiness

    func respond(to request: Request, _ context: some RequestContext) async throws -> Response {
        guard request.headers[.secWebSocketKey] != nil || request.headers[.secWebSocketVersion] != nil else {
            return Self.upgradeRequired(
                "this is the path of a WebSocket: send an upgrade (RFC 6455) as the first request of a connection, "
                    + "with the subprotocol \(StreamProtocol.subprotocol) or with none")
        }
        let upgrade = UpgradeRequest(request)
        switch UpgradeDecision.decide(upgrade, path: upgrade.path, origins: origins) {
        case .decline(let refusal):
            var response = Response(refusal.error)
            for (name, value) in refusal.headers {
                guard let field = HTTPField.Name(name) else { continue }
                response.headers[field] = value
            }
            return response
        case .accept:
            guard readiness.phase != .stopping else {
                throw ProtocolError(.stopping, "the service is about to stop", isRetryable: true)
            }
            _ = try await access.principal(of: request, subprotocols: upgrade.subprotocols)
            return Self.upgradeRequired(
                "this upgrade was not carried out: it has to be the first request of its connection, without a body, with "
                    + "Connection: Upgrade and Upgrade: websocket; and a server that mounts the hub has to open its "
                    + "WebSockets at \(upgrade.path) (http1(agentEvents:path:))")
        }
    }

    private static func upgradeRequired(_ message: String) -> Response {
        var response = Response(ProtocolError(.upgradeRequired, message))
        response.headers[.upgrade] = "websocket"
        response.headers[.connection] = "upgrade"
        return response
    }
}

extension UpgradeRequest {
    /// The fields of a request that decide about an upgrade.
    init(_ request: Request) {
        self.init(
            method: request.method.rawValue,
            path: request.uri.path,
            query: request.uri.query,
            version: request.headers[.secWebSocketVersion],
            key: request.headers[.secWebSocketKey],
            subprotocols: UpgradeRequest.names(in: request.headers[values: .secWebSocketProtocol]),
            origin: request.headers[.origin],
            host: request.head.authority
        )
    }
}
