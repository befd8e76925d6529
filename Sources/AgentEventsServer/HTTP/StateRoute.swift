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
        do {
            _ = try await hub.record(of: thread, for: principal)
            let state = try await hub.state(of: thread)
            return Response(
                status: .ok,
                json: ["thread_id": thread.json, "cursor": state.cursor.json, "state": state.json])
        } catch let error as EventLogError {
            throw ProtocolError(error, threadID: thread)
        }
    }
}
