import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// `POST /v1/threads/{t}/commands`: carries a command out, once for each `Idempotency-Key`.
struct CommandRoute: Sendable {
    let intake: CommandIntake
    let access: RequestAccess
    let maximumBodyByteCount: Int

    func respond(to request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let thread = try request.thread(context)
        let key = try request.idempotencyKey()
        // Before the body is asked for.
        try await intake.checkAccess(to: thread, for: principal, looksUp: request.mayHaveLargeBody)
        if let refusal = access.usage.command(of: principal, in: thread) { throw refusal }
        let bytes = try await request.bodyBytes(upTo: maximumBodyByteCount)
        do throws(ProtocolError) {
            let body = try CommandBody.decode(bytes).traced(request.trace)
            guard let key else { throw CommandBody.keyMissing("the header Idempotency-Key", path: nil) }
            let answer = try await intake.submit(CommandRequest(thread: thread, key: key, body), as: principal)
            return Response(status: .ok, json: answer.body(in: thread))
        } catch {
            var error = error
            error.threadID = thread
            throw error
        }
    }
}
