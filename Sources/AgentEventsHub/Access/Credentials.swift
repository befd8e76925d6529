/// The part of a request that identifies the caller.
public struct Credentials: Hashable, Sendable {
    /// The token of `Authorization: Bearer`, or of the subprotocol `bearer.<token>`; `nil` when there is none.
    public var token: String?
    /// The path of the request, without the query.
    public var path: String
    /// The address of the client, as it is written; `nil` where it is not known.
    public var client: String?

    public init(token: String?, path: String, client: String? = nil) {
        self.token = token
        self.path = path
        self.client = client
    }

    /// - Parameters:
    ///   - authorization: the header `Authorization`.
    ///   - subprotocols: the subprotocols that the upgrade offers. The header counts first.
    package init(authorization: String?, subprotocols: [String] = [], path: String) {
        let header = authorization.flatMap { text -> String? in
            let parts = text.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
            return String(parts[1])
        }
        let offered = subprotocols.first { $0.hasPrefix(Self.subprotocolPrefix) }
            .map { String($0.dropFirst(Self.subprotocolPrefix.count)) }
        self.init(token: header ?? offered, path: path)
    }

    package static let subprotocolPrefix = "bearer."
}
