import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// `POST /v1/threads/{t}/events`: logs one event, or one from each line, all or none.
struct IngestRoute: Sendable {
    let ingest: EventIngest
    let access: RequestAccess
    let maximumBodyByteCount: Int
    let maximumBatchEvents: Int

    func respond(to request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let thread = try request.thread(context)
        let user: UserID? = try request.identifierParameter("user_id")
        let key = try request.idempotencyKey()
        let format = try IngestFormat(contentType: request.headers[.contentType])
        // Before the body is asked for.
        try await ingest.checkAccess(to: thread, of: user, as: principal, looksUp: request.mayHaveLargeBody)
        let bytes = try await request.bodyBytes(upTo: maximumBodyByteCount)
        let drafts: [EventDraft]
        do throws(ProtocolError) {
            drafts = try IngestBody(format: format, maximumCount: maximumBatchEvents).decode(bytes, thread: thread)
        } catch {
            var error = error
            error.threadID = thread
            throw error
        }
        let ids = try await ingest.log(
            EmitRequest(thread: thread, user: user, key: key, drafts: drafts.traced(request.trace)), as: principal,
            root: .document)
        return Response(status: .created, json: ["ids": .array(ids.map { $0.json })])
    }
}
