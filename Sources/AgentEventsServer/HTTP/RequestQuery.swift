import AgentEvents
import AgentEventsHub
import AgentEventsProtocol

/// The query of a request: percent-decoded once, with a plus as a plus.
struct RequestQuery: Hashable, Sendable {
    /// As it stands in the URL, after the question mark; `nil` without one.
    let text: String?

    /// The parameters as they were sent, without those that are empty.
    private var pairs: [(name: String, value: String)] {
        (text ?? "").split(separator: "&").compactMap { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? String(parts[1]) : ""
            guard !(parts[0].isEmpty && value.isEmpty) else { return nil }
            let name = String(parts[0])
            return (PercentEncoding.decode(name) ?? name, value)
        }
    }

    /// The value of a parameter, as it was sent; `nil` when there is none.
    func encodedParameter(_ name: String) -> String? { pairs.first { $0.name == name }?.value }

    /// The value of a parameter; as it was sent when it has a malformed escape; `nil` when there is none.
    func parameter(_ name: String) -> String? {
        encodedParameter(name).map { PercentEncoding.decode($0) ?? $0 }
    }

    /// Refuses a query with parameters that the request does not have, or with one twice: what a client means by it
    /// would be lost.
    ///
    /// - Parameter known: the names of the parameters.
    /// - Throws: ``ProtocolError`` `request.invalid`.
    func check(_ known: [String]) throws(ProtocolError) {
        guard let text, !text.isEmpty else { return }
        if TokenInURL.isPresent(in: text) { throw TokenInURL.refusal }
        var seen: Set<String> = []
        for (name, _) in pairs {
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
