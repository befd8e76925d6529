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
        let text = try Self.decoded(context.parameters.get(name) ?? "", place)
        do throws(IdentifierError) {
            return try Kind(text)
        } catch {
            throw ProtocolError(error, path: nil)
        }
    }

    private static func decoded(_ text: String, _ place: String) throws(ProtocolError) -> String {
        guard let decoded = PercentEncoding.decode(text) else {
            throw ProtocolError(
                .requestInvalid,
                "\(place) has a percent sign without two hexadecimal digits; a percent sign itself is written %25")
        }
        return decoded
    }

    /// A parameter of the query, percent-decoded once, with a plus as a plus; as it was sent when it has a malformed
    /// escape; `nil` when there is none.
    func parameter(_ name: String) -> String? {
        encodedParameter(name).map { PercentEncoding.decode($0) ?? $0 }
    }

    /// An identifier in the query; `nil` when there is none.
    func identifierParameter<Kind: Identifier>(_ name: String) throws(ProtocolError) -> Kind? {
        guard let encoded = encodedParameter(name) else { return nil }
        let text = try Self.decoded(encoded, "\(name) in the query")
        do throws(IdentifierError) {
            return try Kind(text)
        } catch {
            throw ProtocolError(error, path: nil)
        }
    }

    private func encodedParameter(_ name: String) -> String? {
        for pair in (uri.query ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let key = String(parts[0])
            guard (PercentEncoding.decode(key) ?? key) == name else { continue }
            return parts.count > 1 ? String(parts[1]) : ""
        }
        return nil
    }

    /// Refuses a query with parameters that the request does not have, or with one twice: what a client means by it
    /// would be lost.
    ///
    /// - Parameter known: the names of the parameters.
    /// - Throws: ``ProtocolError`` `request.invalid`.
    func checkParameters(_ known: [String]) throws(ProtocolError) {
        guard let query = uri.query, !query.isEmpty else { return }
        if TokenInURL.isPresent(in: query) { throw TokenInURL.refusal }
        var seen: Set<String> = []
        for (encoded, value) in uri.queryParameters where !(encoded.isEmpty && value.isEmpty) {
            let name = PercentEncoding.decode(String(encoded)) ?? String(encoded)
            guard known.contains(name) else {
                let place = Self.elsewhere[name].map { "; \($0)" } ?? ""
                let problem = NearestName.problem(name, kind: "parameter", of: "this request", known: known)
                throw ProtocolError(.requestInvalid, problem + place)
            }
            guard seen.insert(name).inserted else {
                throw ProtocolError(.requestInvalid, "the parameter \(name) stands twice in the query; once is enough")
            }
        }
    }

    /// The right place of a value that others send as a parameter.
    private static let elsewhere = [
        "key": "a key stands in the header Idempotency-Key",
        "idempotency_key": "a key stands in the header Idempotency-Key",
        "thread_id": "the thread stands in the path",
        "thread": "the thread stands in the path",
    ]
}
