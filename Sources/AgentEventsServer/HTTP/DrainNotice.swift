import AgentEventsHub
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// Tells clients of a service that stops when to come back; until its end they may still send events. And notes that there
/// are clients, in case that nobody runs the hub.
struct DrainNotice<Context: RequestContext>: RouterMiddleware {
    let hub: AgentEventsHub

    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        hub.noteUse()
        var response = try await next(request, context)
        if hub.readiness.phase == .stopping, response.headers[.retryAfter] == nil {
            response.headers[.retryAfter] = Response.retrySeconds
        }
        return response
    }
}
