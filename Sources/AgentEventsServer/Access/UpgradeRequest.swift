/// The head of a request on its way to becoming a WebSocket.
package struct UpgradeRequest: Hashable, Sendable {
    package var method: String
    /// Without the query.
    package var path: String
    /// The header `Sec-WebSocket-Version`.
    package var version: String?
    /// The names in the headers `Sec-WebSocket-Protocol`, in their order.
    package var subprotocols: [String]
    package var origin: String?
    package var host: String?

    package init(
        method: String,
        path: String,
        version: String?,
        subprotocols: [String] = [],
        origin: String? = nil,
        host: String? = nil
    ) {
        self.method = method
        self.path = path
        self.version = version
        self.subprotocols = subprotocols
        self.origin = origin
        self.host = host
    }

    /// The names in the values of a header that lists names.
    package static func names(in values: [String]) -> [String] {
        values.flatMap { $0.split(separator: ",") }
            .map { String($0.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed()) }
            .filter { !$0.isEmpty }
    }
}
