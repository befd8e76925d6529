import HTTPTypes
import Hummingbird
import HummingbirdCore

/// Refuses requests of web pages that may not use the service.
struct OriginCheck: RouterMiddleware {
    typealias Context = BasicRequestContext

    let origins: OriginPolicy

    func handle(
        _ request: Request,
        context: BasicRequestContext,
        next: @concurrent (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        if let refusal = origins.refusal(origin: request.headers[.origin], host: request.head.authority) {
            throw refusal
        }
        return try await next(request, context)
    }
}
