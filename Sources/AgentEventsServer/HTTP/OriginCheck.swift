import HTTPTypes
import Hummingbird
import HummingbirdCore

/// Refuses requests of web pages that may not use the service.
struct OriginCheck<Context: RequestContext>: RouterMiddleware {
    let origins: OriginPolicy

    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        if let refusal = origins.refusal(origin: request.headers[.origin], host: request.head.authority) {
            throw refusal
        }
        return try await next(request, context)
    }
}
