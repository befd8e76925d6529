import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore

/// What operators do to credentials and connections: `POST revocations`, `DELETE users/{user}/connections`. On the listener for
/// operators, with the scope `admin`.
struct AdminRoutes<Context: RequestContext>: Sendable {
    let hub: AgentEventsHub

    /// A revocation is a few names.
    private static var maximumBodyByteCount: Int { 16 * 1024 }

    func add(to router: some RouterMethods<Context>, _ interface: HTTPInterface<Context>) {
        interface.add(
            "revocations", [HTTPInterface.Route(.post) { request, _ in try await revoke(request) }],
            to: router)
        interface.add(
            "users/:user/connections",
            [
                HTTPInterface.Route(.delete, parameters: ["reconnect"]) { request, context in
                    try await closeConnections(request, context)
                }
            ], to: router)
    }

    private func revoke(_ request: Request) async throws -> Response {
        let bytes = try await request.bodyBytes(upTo: Self.maximumBodyByteCount)
        let revocation = try Self.revocation(in: bytes)
        do throws(RevocationError) {
            try await hub.revoke(revocation)
        } catch {
            if .tooLong ~= error { throw ProtocolError(.requestInvalid, error.message) }
            throw ProtocolError(.authorizationUnavailable, error.message, isRetryable: true)
        }
        keep("access.revoked", ["revocation": .string(String(decoding: bytes, as: UTF8.self))])
        return Response(status: .ok, json: ["revoked": true])
    }

    /// One of `{"token_id":…}`, `{"user":…,"issued_before"?:…}`, `{"key":…,"issuer"?:…}`.
    static func revocation(in bytes: [UInt8]) throws(ProtocolError) -> Revocation {
        guard let body = try? JSONValue(parsing: bytes), let members = body.objectValue else {
            throw ProtocolError(.requestInvalid, "the body is to be one JSON object")
        }
        let names = Set(members.map(\.key))
        func text(_ name: String) throws(ProtocolError) -> String {
            guard let text = members[name]?.stringValue, !text.isEmpty else {
                throw ProtocolError(.requestInvalid, "\(name) is a text", path: "$.\(name)")
            }
            return text
        }
        switch names {
        case ["token_id"]: return .token(id: try text("token_id"))
        case ["user"], ["user", "issued_before"]:
            guard let user = try? UserID(try text("user")) else {
                throw ProtocolError(.requestInvalid, "user is the id of a user", path: "$.user")
            }
            guard names.count == 2 else { return .user(user, issuedBefore: nil) }
            guard let time = Timestamp(rfc3339: try text("issued_before")) else {
                throw ProtocolError(
                    .requestInvalid, "issued_before is a time such as 2026-01-31T12:00:00.000Z", path: "$.issued_before"
                )
            }
            return .user(user, issuedBefore: time)
        case ["key"]: return .key(issuer: nil, id: try text("key"))
        case ["key", "issuer"]: return .key(issuer: try text("issuer"), id: try text("key"))
        default:
            throw ProtocolError(
                .requestInvalid,
                "a revocation is one of {\"token_id\":…}, {\"user\":…,\"issued_before\"?:…}, {\"key\":…,\"issuer\"?:…}")
        }
    }

    /// Has it kept who did it.
    private func keep(_ what: String, _ details: JSONObject) {
        guard let audit = hub.configuration.audit else { return }
        audit.record(AuditEntry(who: AdminOperator.name, from: AdminOperator.place, what: what, details: details))
    }

    private func closeConnections(_ request: Request, _ context: Context) async throws -> Response {
        let segment = context.parameters.get("user") ?? ""
        guard let text = PercentEncoding.decode(segment), let user = try? UserID(text) else {
            throw ProtocolError(.requestInvalid, "the user in the path is no id of a user")
        }
        let reconnect = request.parameter("reconnect") == "true"
        let count = try await hub.closeConnections(of: user, reconnect: reconnect)
        keep("connections.closed", ["user": user.json, "count": .integer(Int64(count)), "reconnect": .bool(reconnect)])
        return Response(status: .ok, json: ["closed": .integer(Int64(count))])
    }
}
