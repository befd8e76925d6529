import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// `GET /v1/threads/{t}/state?at=`: what a thread looks like now, or looked like after an event, and as of which event.
struct StateRoute: Sendable {
    let hub: AgentEventsHub
    let access: RequestAccess

    func respond(to request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let thread = try request.thread(context)
        let state: ThreadState
        if let at = request.parameter("at") {
            guard case .after(let cursor) = try StartPosition(text: at, path: nil) else {
                throw ProtocolError(.cursorInvalid, "at is the id of an event, such as 3-42, and not \(at)")
            }
            state = try await hub.state(of: thread, at: cursor, for: principal)
        } else {
            state = try await hub.state(of: thread, for: principal)
        }
        return Response(
            status: .ok, json: ["thread_id": thread.json, "cursor": state.cursor.json, "state": state.json])
    }
}
