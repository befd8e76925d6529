import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import Hummingbird
import HummingbirdCore

extension Request {
    /// The thread in the path. The router gives the segment as it was sent, so it is decoded here, once: `%2F` is a
    /// slash of the id, and a plus is a plus.
    ///
    /// - Throws: ``ProtocolError`` `request.invalid`.
    func thread(_ context: some RequestContext) throws(ProtocolError) -> ThreadID {
        try pathIdentifier("thread", context, "the thread in the path")
    }

    /// An identifier in the path.
    ///
    /// - Parameter place: the place in words, for errors.
    func pathIdentifier<Kind: Identifier>(
        _ name: String,
        _ context: some RequestContext,
        _ place: String
    ) throws(ProtocolError) -> Kind {
        try Kind(encoded: context.parameters.get(name) ?? "", in: place)
    }

    private var query: RequestQuery { RequestQuery(text: uri.query) }

    /// A parameter of the query, percent-decoded once, with a plus as a plus; as it was sent when it has a malformed
    /// escape; `nil` when there is none.
    func parameter(_ name: String) -> String? { query.parameter(name) }

    /// An identifier in the query; `nil` when there is none.
    func identifierParameter<Kind: Identifier>(_ name: String) throws(ProtocolError) -> Kind? {
        guard let encoded = query.encodedParameter(name) else { return nil }
        return try Kind(encoded: encoded, in: "\(name) in the query")
    }

    /// Refuses a query with parameters that the request does not have, or with one twice: what a client means by it
    /// would be lost.
    ///
    /// - Parameter known: the names of the parameters.
    /// - Throws: ``ProtocolError`` `request.invalid`.
    func checkParameters(_ known: [String]) throws(ProtocolError) { try query.check(known) }
}

extension Identifier {
    /// An identifier as it stands in a URL.
    ///
    /// - Parameter place: the place in words, for errors.
    /// - Throws: ``ProtocolError`` `request.invalid`.
    init(encoded text: String, in place: String) throws(ProtocolError) {
        guard let decoded = PercentEncoding.decode(text) else {
            throw ProtocolError(
                .requestInvalid,
                "\(place) has a percent sign without two hexadecimal digits; a percent sign itself is written %25")
        }
        do throws(IdentifierError) {
            self = try Self(decoded)
        } catch {
            throw ProtocolError(error, path: nil)
        }
    }
}
