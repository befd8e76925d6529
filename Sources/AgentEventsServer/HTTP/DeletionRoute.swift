import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// `DELETE /v1/threads/{t}?wait` and `GET /v1/threads/{t}/deletion`: the end of a thread, and what is left of it.
struct DeletionRoute: Sendable {
    let hub: AgentEventsHub
    let access: RequestAccess

    func delete(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let thread = try request.thread(context)
        let report = try await hub.deletions.delete(thread, waits: try Self.waits(request), for: principal)
        record(thread, by: "\(principal.user)", from: ConnectionTicket.current?.clientText)
        return Self.answer(report)
    }

    func find(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let report = try await hub.deletions.report(of: try request.thread(context), for: principal)
        return Response(status: .ok, json: report.json)
    }

    // MARK: For operators

    func deleteAsOperator(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let thread = try request.thread(context)
        let report = try await hub.deletions.delete(thread, waits: try Self.waits(request))
        record(thread, by: AdminOperator.name, from: AdminOperator.place)
        return Self.answer(report)
    }

    func findAsOperator(_ request: Request, _ context: some RequestContext) async throws -> Response {
        Response(status: .ok, json: try await hub.deletions.report(of: try request.thread(context)).json)
    }

    func deleteUser(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let user: UserID = try request.pathIdentifier("user", context, "the user in the path")
        let report = try await hub.deletions.deleteUser(user, waits: try Self.waits(request))
        hub.configuration.audit?.record(
            AuditEntry(
                who: AdminOperator.name, from: AdminOperator.place, what: "user.deleted",
                details: ["user": user.json, "threads": .integer(Int64(report.threadCount))]))
        return Response(status: report.isErased ? .ok : .accepted, json: report.json)
    }

    private func record(_ thread: ThreadID, by who: String, from place: String?) {
        hub.configuration.audit?.record(
            AuditEntry(who: who, from: place, what: "thread.deleted", details: ["thread": thread.json]))
    }

    private static func answer(_ report: DeletionReport) -> Response {
        Response(status: report.isErased ? .ok : .accepted, json: report.json)
    }

    private static func waits(_ request: Request) throws(ProtocolError) -> Bool {
        switch request.parameter("wait") {
        case nil, "false": return false
        case "", "true": return true
        default: throw ProtocolError(.requestInvalid, "wait has no value, or true or false")
        }
    }
}
