package import AgentEvents
package import AgentEventsHub
package import AgentEventsProtocol
package import HTTPTypes
import Hummingbird
package import HummingbirdCore

/// For the routes of a ``ServiceExtension``: requests are taken by the rules of the service's own.
extension HTTPInterface {
    /// The user of a request, who may make it now.
    ///
    /// - Throws: ``ProtocolError`` with the code of ``AuthenticationError``, or `limits.auth_failures` or `limits.rate`.
    package func principal(of request: Request) async throws(ProtocolError) -> Principal {
        try await RequestAccess(authenticator: hub.authenticator, usage: hub.usage).principal(of: request)
    }

    /// The whole body of a request, which has at most as many bytes as a message of the stream.
    ///
    /// - Throws: ``ProtocolError`` `limits.body_bytes`, `request.content_encoding`, `request.body_encoding`.
    package func body(of request: Request) async throws -> [UInt8] {
        try await body(of: request, upTo: hub.configuration.maximumMessageByteCount)
    }

    /// The whole body of a request, with a limit of its own.
    ///
    /// - Parameter maximumByteCount: how many bytes the body may have, as it is sent and decoded.
    /// - Throws: ``ProtocolError`` `limits.body_bytes`, `request.content_encoding`, `request.body_encoding`.
    package func body(of request: Request, upTo maximumByteCount: Int) async throws -> [UInt8] {
        try await request.bodyBytes(upTo: maximumByteCount)
    }

    /// A parameter of the query, percent-decoded once, with a plus as a plus; `nil` when there is none.
    package func parameter(_ name: String, of request: Request) -> String? { request.parameter(name) }

    /// The parameter `limit` of a request for a page of events, or what counts without it.
    ///
    /// - Throws: ``ProtocolError`` `request.invalid`.
    package func pageLimit(of request: Request) throws(ProtocolError) -> Int {
        try EventPageRoute.limit(request.parameter("limit"))
    }

    /// A segment of the path as an identifier.
    ///
    /// - Parameter place: the place in words, for errors.
    /// - Throws: ``ProtocolError`` `request.invalid`.
    package func identifier<Kind: Identifier>(
        _ name: String,
        of context: Context,
        _ place: String
    ) throws(ProtocolError) -> Kind {
        try Kind(encoded: context.parameters.get(name) ?? "", in: place)
    }

    /// An answer with a JSON body.
    package func answer(_ status: HTTPResponse.Status = .ok, _ json: JSONValue) -> Response {
        Response(status: status, json: json)
    }
}
