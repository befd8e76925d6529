import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// `POST /v1/threads/{t}/messages`: logs a user's message and has an agent answer it; with `Idempotency-Key`, once.
/// `POST /v1/messages` opens a thread with it, whose id the service makes.
struct MessageRoute: Sendable {
    let intake: MessageIntake
    let access: RequestAccess
    let maximumBodyByteCount: Int

    func respond(to request: Request, _ context: some RequestContext) async throws -> Response {
        let principal = try await access.principal(of: request)
        let thread = try request.thread(context)
        let key = try request.idempotencyKey()
        // Before the body is asked for.
        try await intake.checkAccess(to: thread, for: principal, looksUp: request.mayHaveLargeBody)
        var message = try MessageRequest.decode(try await request.bodyBytes(upTo: maximumBodyByteCount))
        message.trace = request.trace
        return Self.response(try await intake.submit(message, key: key, in: thread, from: principal))
    }

    func open(_ request: Request) async throws -> Response {
        let principal = try await access.principal(of: request)
        let key = try request.idempotencyKey()
        // Before the body is asked for.
        try intake.checkOpening(by: principal)
        var message = try MessageRequest.decode(try await request.bodyBytes(upTo: maximumBodyByteCount))
        message.trace = request.trace
        return Self.response(try await intake.open(message, key: key, from: principal))
    }

    static func response(_ answer: MessageIntake.Answer) -> Response {
        var json: JSONObject = ["thread_id": answer.thread.json]
        json["message_id"] = answer.message?.json
        json["run_id"] = answer.run?.json
        json["status"] = answer.status.map { .string($0.rawValue) }
        return Response(status: .accepted, json: .object(json))
    }
}
