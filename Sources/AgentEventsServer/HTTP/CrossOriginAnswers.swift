import HTTPTypes
import Hummingbird
import HummingbirdCore

/// Lets pages of allowed origins read the answers, errors too, and answers the questions that browsers ask before they
/// let a page send a request (preflights).
struct CrossOriginAnswers<Context: RequestContext>: RouterMiddleware {
    let origins: OriginPolicy

    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        let origin = request.headers[.origin]
        let isPreflight =
            request.method == .options && request.headers[.accessControlRequestMethod] != nil
            && origin.map(origins.allows) ?? false
        if isPreflight { response = Self.preflight(response) }
        for header in origins.answerHeaders(to: origin) {
            guard let name = HTTPField.Name(header.name) else { continue }
            // An answer may vary with something else, too.
            let own = name == .vary ? response.headers[.vary].map { "\($0), " } ?? "" : ""
            response.headers[name] = own + header.value
        }
        return response
    }

    /// - Parameter options: the answer to `OPTIONS`. A path that there is not is let through: the page is told so by the
    ///   answer to the request itself, and would read nothing otherwise.
    private static func preflight(_ options: Response) -> Response {
        guard options.status == .noContent || options.status == .notFound else { return options }
        var response = Response(status: .noContent)
        response.headers[.allow] = options.headers[.allow]
        response.headers[.accessControlAllowMethods] = options.headers[.allow] ?? "GET, HEAD, POST, OPTIONS"
        response.headers[.accessControlAllowHeaders] = OriginPolicy.requestHeaders
        response.headers[.accessControlMaxAge] = "\(OriginPolicy.preflightSeconds)"
        return response
    }
}
