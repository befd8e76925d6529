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
            guard let record = try await hub.runtime.log.thread(thread), principal.mayRead(thread, owner: record.user)
            else {
                // The same answer for a thread of somebody else.
                throw ProtocolError(.threadUnknown, "there is no thread \(thread)", threadID: thread)
            }
            let state = try await hub.state(of: thread)
            return Response(
                status: .ok,
                json: ["thread_id": thread.json, "cursor": state.cursor.json, "state": state.json])
        } catch let error as EventLogError {
            throw ProtocolError(error, threadID: thread)
        }
    }
}
