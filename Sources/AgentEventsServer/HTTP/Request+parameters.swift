import AgentEvents
import Hummingbird
import HummingbirdCore

extension Request {
    /// The thread in the path.
    ///
    /// - Throws: ``ProtocolError`` `request.invalid`.
    func thread(_ context: BasicRequestContext) throws(ProtocolError) -> ThreadID {
        let text = context.parameters.get("thread") ?? ""
        do throws(IdentifierError) {
            return try ThreadID(PercentEncoding.decode(text) ?? text)
        } catch {
            throw ProtocolError(error, path: nil)
        }
    }

    /// A parameter of the query; `nil` when there is none.
    func parameter(_ name: String) -> String? { uri.queryParameters[Substring(name)].map(String.init) }

    /// An identifier in the query; `nil` when there is none.
    func identifierParameter<Kind: Identifier>(_ name: String) throws(ProtocolError) -> Kind? {
        guard let text = parameter(name) else { return nil }
        do throws(IdentifierError) {
            return try Kind(text)
        } catch {
            throw ProtocolError(error, path: nil)
        }
    }

    /// Refuses a query with parameters that the request does not have, or with one twice: what a client means by it would
    /// be lost.
    ///
    /// - Parameter known: the names of the parameters.
    /// - Throws: ``ProtocolError`` `request.invalid`.
    func checkParameters(_ known: [String]) throws(ProtocolError) {
        guard let query = uri.query, !query.isEmpty else { return }
        var seen: Set<Substring> = []
        for (name, value) in uri.queryParameters where !(name.isEmpty && value.isEmpty) {
            guard known.contains(String(name)) else {
                let place = Self.elsewhere[String(name)].map { "; \($0)" } ?? ""
                let problem = NearestName.problem(
                    String(name), kind: "parameter", of: "this request", known: known)
                throw ProtocolError(.requestInvalid, problem + place)
            }
            guard seen.insert(name).inserted else {
                throw ProtocolError(.requestInvalid, "the parameter \(name) stands twice in the query; once is enough")
            }
        }
    }

    /// Where a value belongs that others send as a parameter.
    private static let elsewhere = [
        "key": "a key stands in the header Idempotency-Key",
        "idempotency_key": "a key stands in the header Idempotency-Key",
        "token": "a token stands in the header Authorization, never in a URL",
        "access_token": "a token stands in the header Authorization, never in a URL",
        "thread_id": "the thread stands in the path",
        "thread": "the thread stands in the path",
    ]
}
