import AgentEventsHub
package import AgentEventsProtocol

/// The codings of request bodies that are decoded here (RFC 9110, section 8.4).
package enum ContentCoding: Hashable, Sendable {
    case identity
    /// RFC 1952, also as `x-gzip`.
    case gzip
    /// RFC 1950; many senders leave out its head, which is taken too.
    case deflate

    /// The names for `Accept-Encoding`.
    package static let accepted = "gzip, deflate, identity"

    /// - Parameter contentEncoding: the values of the header `Content-Encoding`.
    /// - Throws: ``ProtocolError`` `request.content_encoding`, also for several codings one on top of the other: each
    ///   multiplies what few bytes can become.
    package init(contentEncoding: [String]) throws(ProtocolError) {
        let names = UpgradeRequest.names(in: contentEncoding).map { $0.lowercased() }.filter { $0 != "identity" }
        switch names {
        case []: self = .identity
        case ["gzip"], ["x-gzip"]: self = .gzip
        case ["deflate"]: self = .deflate
        default:
            let cut = names.joined(separator: ", ").prefix(64)
            throw ProtocolError(
                .contentEncodingUnknown,
                "a body encoded as \"\(cut)\" is not decoded here; send it as gzip or deflate, or as it is")
        }
    }
}
