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
            return Response(
                .upgradeRequired(
                    "this is the path of a WebSocket: send an upgrade (RFC 6455) as the first request of a connection, "
                        + "with the subprotocol \(StreamProtocol.subprotocol) or with none"))
        }
        let upgrade = UpgradeRequest(request)
        switch UpgradeDecision.decide(upgrade, path: upgrade.path, origins: origins) {
        case .decline(let refusal):
            return Response(refusal)
        case .accept:
            guard readiness.phase != .stopping else { return Response(.stopping) }
            _ = try await access.principal(of: request, subprotocols: upgrade.subprotocols)
            return Response(
                .upgradeRequired(
                    "this upgrade was not carried out: it has to be the first request of its connection, without a body, "
                        + "with Connection: Upgrade and Upgrade: websocket; and a server that mounts the hub has to open "
                        + "its WebSockets at \(upgrade.path) (http1(agentEvents:path:))"))
        }
    }
}

extension Response {
    fileprivate init(_ refusal: UpgradeRefusal) {
        self.init(refusal.error)
        for (name, value) in refusal.headers {
            guard let field = HTTPField.Name(name) else { continue }
            headers[field] = value
        }
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
