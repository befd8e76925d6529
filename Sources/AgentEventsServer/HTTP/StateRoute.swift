import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// `GET /v1/threads/{t}/state`: what a thread looks like now, and as of which event.
struct StateRoute: Sendable {
    let hub: AgentEventsHub
    let access: RequestAccess

    func respond(to request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let thread = try request.thread(context)
        let state = try await hub.state(of: thread, for: principal)
        return Response(
            status: .ok, json: ["thread_id": thread.json, "cursor": state.cursor.json, "state": state.json])
    }
}
