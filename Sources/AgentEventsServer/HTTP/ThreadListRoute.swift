import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// `GET /v1/threads?q=&status=&agent=&before=&limit=`: the threads that a principal may read.
struct ThreadListRoute: Sendable {
    static let parameters = ["q", "status", "agent", "before", "limit"]

    let hub: AgentEventsHub
    let access: RequestAccess

    func respond(to request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let page = try await hub.threads(try Self.question(in: request), for: principal)
        return Response(
            status: .ok,
            json: [
                "threads": .array(page.threads), "next": page.next.map { .string(ThreadListPlace.text(of: $0)) } ?? nil,
            ])
    }

    private static func question(in request: Request) throws(ProtocolError) -> ThreadListRequest {
        let limit = try request.parameter("limit").map { (text) throws(ProtocolError) in
            guard let limit = Int64(text), String(limit) == text else {
                throw ProtocolError(
                    .requestInvalid, "limit is a number from 1 to \(ThreadListRequest.limits.maximum)")
            }
            return limit
        }
        return try ThreadListRequest(
            text: request.parameter("q"), status: request.parameter("status"), agent: request.parameter("agent"),
            before: try request.parameter("before").map { (text) throws(ProtocolError) in
                try ThreadListPlace.place(in: text)
            }, limit: limit, code: .requestInvalid, path: nil)
    }
}
