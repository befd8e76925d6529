import HTTPTypes
import Hummingbird
import HummingbirdCore

/// Adds the headers that tell browsers to make nothing of an answer but what it is: data for the page that has asked. An
/// answer that has one of them keeps its own.
struct SecurityHeaders<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        for (name, value) in SecurityFields.all where response.headers[name] == nil { response.headers[name] = value }
        return response
    }
}

enum SecurityFields {
    /// Not another type than the one that is named; no page, and nothing to be shown in one; not kept by caches, since the
    /// next user of the browser may be another one; no address told to others.
    static let all: [(name: HTTPField.Name, value: String)] = [
        (.xContentTypeOptions, "nosniff"),
        (.contentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'"),
        (.cacheControl, "no-store"),
        (name("Referrer-Policy"), "no-referrer"),
    ]

    private static func name(_ text: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(text) else { preconditionFailure("the name of a field") }
        return name
    }
}
