package import AgentEventsProtocol

/// The format of the events in a request body.
package enum IngestFormat: Hashable, Sendable {
    /// The body is one JSON object.
    case object
    /// Each line of the body is a JSON object.
    case lines
    /// One of the two: what the body begins with decides.
    case byContent

    /// The names for `Accept`.
    package static let accepted = "application/json, application/x-ndjson"

    /// - Parameter contentType: the header `Content-Type`. `nil`, and what `curl --data` sends by itself, let the
    ///   content decide.
    /// - Throws: ``ProtocolError`` `request.media_type`.
    package init(contentType: String?) throws(ProtocolError) {
        let mediaType = contentType?.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
        switch mediaType {
        case nil, "", "application/x-www-form-urlencoded":
            self = .byContent
        case "application/json":
            self = .object
        case "application/x-ndjson", "application/ndjson", "application/jsonl":
            self = .lines
        case .some:
            throw ProtocolError(
                .mediaTypeUnknown,
                "events are sent as application/json (one object) or application/x-ndjson (one object on each line)"
            )
        }
    }
}
