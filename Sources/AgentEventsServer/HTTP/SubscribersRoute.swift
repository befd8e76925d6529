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
        let record: ThreadRecord?
        do throws(EventLogError) {
            record = try await hub.runtime.log.thread(thread)
        } catch {
            throw ProtocolError(error, threadID: thread)
        }
        guard let record, principal.mayRead(thread, owner: record.user) else {
            // The same answer for a thread of somebody else.
            throw ProtocolError(.threadUnknown, "there is no thread \(thread)", threadID: thread)
        }
        // Some may have subscribed before the thread was opened for somebody else; they do not count as its
        // subscribers.
        let subscribers = try await hub.subscribers(of: thread)
            .sorted { $0.connection.rawValue < $1.connection.rawValue }
        return Response(status: .ok, json: ["subscribers": .array(subscribers.map(\.json))])
    }
}
