import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// `GET /v1/threads/{t}/refusals`: what a thread has refused lately, where, and why.
struct RefusalsRoute: Sendable {
    let hub: AgentEventsHub
    let access: RequestAccess

    func respond(to request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let thread = try request.thread(context)
        let refused = try await hub.refusals(of: thread, for: principal)
        return Response(
            status: .ok,
            json: [
                "refusals": .array(refused.refusals.map(\.json)),
                "forgotten": .number(JSONNumber(Int64(refused.forgottenCount))),
            ])
    }
}

extension RefusedEmission {
    /// The refusal as it stands in the answer.
    fileprivate var json: JSONValue {
        [
            "head": head.json,
            "code": .string(code),
            "message": .string(message),
            "type": eventType.map { .string($0) } ?? .null,
            "run_id": run.map { $0.json } ?? .null,
            "state": order.map { .string($0.state) } ?? .null,
            "legal": order.map { .array($0.legal.map { .string($0) }) } ?? .null,
            // What the encoder has written is JSON.
            "event": event.flatMap { try? JSONValue(parsing: $0) } ?? .null,
            "event_bytes": Self.number(eventByteCount),
            "index": Self.number(index),
            "count": Self.number(count),
            "by": author.map { $0.json } ?? .null,
            "times": Self.number(times),
            "time": .string(time.rfc3339),
            "last_time": .string(lastTime.rfc3339),
        ]
    }

    private static func number(_ value: Int?) -> JSONValue { value.map { .number(JSONNumber(Int64($0))) } ?? .null }
}
