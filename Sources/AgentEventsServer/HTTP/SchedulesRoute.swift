import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// `/v1/schedules` and `/v1/schedules/{schedule}`: the schedules of the user.
struct SchedulesRoute: Sendable {
    /// The largest input, and room for the rest.
    private static let maximumBodyByteCount = Schedule.maximumInputByteCount + 16 * 1024

    let hub: AgentEventsHub
    let access: RequestAccess

    func list(_ request: Request) async throws -> Response {
        let principal = try await access.principal(of: request)
        let schedules = try await hub.scheduleIntake.all(for: principal)
        return Response(status: .ok, json: ["schedules": .array(schedules.map(\.json))])
    }

    func find(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let id = try Self.id(request, context)
        return Response(status: .ok, json: try await hub.scheduleIntake.schedule(id, for: principal).json)
    }

    func put(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let id = try Self.id(request, context)
        let intake = hub.scheduleIntake
        // Before the body is asked for.
        try intake.checkAccess(for: principal)
        let body = try await request.bodyBytes(upTo: Self.maximumBodyByteCount)
        let (status, isNew) = try await intake.put(id, body, for: principal)
        keep("schedule.kept", id, ["thread": status.schedule.thread.json], by: principal)
        return Response(status: isNew ? .created : .ok, json: status.json)
    }

    func remove(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let id = try Self.id(request, context)
        try await hub.scheduleIntake.remove(id, for: principal)
        keep("schedule.removed", id, by: principal)
        return Response(status: .noContent)
    }

    /// Has it kept who lets agents work from now on, or no longer.
    private func keep(_ what: String, _ id: ScheduleID, _ details: JSONObject = [:], by principal: Principal) {
        var details = details
        details["schedule"] = id.json
        hub.configuration.audit?.record(
            AuditEntry(
                who: "\(principal.user)", from: ConnectionTicket.current?.clientText, what: what, details: details))
    }

    private static func id(_ request: Request, _ context: some RequestContext) throws(ProtocolError) -> ScheduleID {
        try request.pathIdentifier("schedule", context, "the schedule in the path")
    }
}
