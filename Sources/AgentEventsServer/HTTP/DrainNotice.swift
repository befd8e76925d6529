import AgentEventsHub
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// Tells clients of a service that stops when to come back. Until its end they may still send events.
struct DrainNotice<Context: RequestContext>: RouterMiddleware {
    let readiness: Readiness

    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        if readiness.phase == .stopping, response.headers[.retryAfter] == nil {
            response.headers[.retryAfter] = Response.retrySeconds
        }
        return response
    }
}
