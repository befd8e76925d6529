import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// `GET /v1/threads/{t}/subscribers`: who follows a thread over WebSocket, and how far each is.
struct SubscribersRoute: Sendable {
    let hub: AgentEventsHub
    let access: RequestAccess

    func respond(to request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let thread = try request.thread(context)
        // Some may have subscribed before the thread was opened for somebody else; they do not count as its
        // subscribers.
        let subscribers = try await hub.reading(thread, for: principal) { _, _ in
            try await hub.subscribers(of: thread).sorted { $0.connection.rawValue < $1.connection.rawValue }
        }
        return Response(status: .ok, json: ["subscribers": .array(subscribers.map(\.json))])
    }
}
