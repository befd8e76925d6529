import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// Refuses requests that expect something other than `100-continue` (RFC 9110, section 10.1.1).
struct ExpectationCheck<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        let expectations = UpgradeRequest.names(in: request.headers[values: .expect])
        guard expectations.allSatisfy({ $0.lowercased() == "100-continue" }) else {
            throw ProtocolError(.expectationUnknown, "the one expectation that is met here is 100-continue")
        }
        return try await next(request, context)
    }
}
