/// The head of a request on its way to becoming a WebSocket.
package struct UpgradeRequest: Hashable, Sendable {
    package var method: String
    /// Without the query.
    package var path: String
    /// The part of the target after the question mark; `nil` when there is none.
    package var query: String?
    /// The header `Sec-WebSocket-Version`.
    package var version: String?
    /// The header `Sec-WebSocket-Key`.
    package var key: String?
    /// The names in the headers `Sec-WebSocket-Protocol`, in their order.
    package var subprotocols: [String]
    package var origin: String?
    package var host: String?

    package init(
        method: String,
        path: String,
        query: String? = nil,
        version: String?,
        key: String? = nil,
        subprotocols: [String] = [],
        origin: String? = nil,
        host: String? = nil
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.version = version
        self.key = key
        self.subprotocols = subprotocols
        self.origin = origin
        self.host = host
    }

    /// The names in the values of a header that lists names.
    package static func names(in values: [String]) -> [String] {
        var names: [String] = []
        for value in values {
            for part in value.utf8.split(separator: UInt8(ascii: ",")) {
                guard let first = part.firstIndex(where: Self.isVisible),
                    let last = part.lastIndex(where: Self.isVisible)
                else { continue }
                names.append(String(Substring(part[first...last])))
            }
        }
        return names
    }

    private static func isVisible(_ byte: UInt8) -> Bool { byte != UInt8(ascii: " ") && byte != UInt8(ascii: "\t") }

    /// Whether the key is what RFC 6455, section 4.1, asks for: 16 bytes in Base64, which are 22 digits and two
    /// characters of padding. A request without a key is none for a WebSocket, and is told so elsewhere.
    var hasBadKey: Bool {
        guard let key else { return false }
        let bytes = Array(key.utf8)
        guard bytes.count == 24, bytes.suffix(2) == [UInt8(ascii: "="), UInt8(ascii: "=")] else { return true }
        return !bytes.dropLast(2).allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                true
            default:
                false
            }
        }
    }
}
