import AgentEvents
import AgentEventsHub

/// The address of a collector that takes OTLP over HTTP, and what is sent to it with each request.
public struct OTLPEndpoint: Hashable, Sendable {
    /// The address to which spans go: that of the collector with `/v1/traces`.
    public let url: String
    /// Headers of each request, such as `authorization`.
    public let headers: [Header]

    /// A header; its value is a secret, which no description shows.
    public struct Header: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
        public let name: String
        public let value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }

        public var description: String { "\(name): …" }
        public var debugDescription: String { description }
    }

    private let address: HTTPBaseAddress

    /// The host in ``url``, an IPv6 address without its brackets.
    package var host: String { address.host }
    package var port: Int { address.port }
    package var isEncrypted: Bool { address.isEncrypted }
    /// Whether the collector is on this machine.
    package var isLoopback: Bool { address.isLoopback }

    /// - Parameters:
    ///   - base: the address of the collector, as `OTEL_EXPORTER_OTLP_ENDPOINT` has it: `http://127.0.0.1:4318`.
    ///   - headers: those that it asks for. They are secrets: over plain HTTP they are sent to this machine only.
    /// - Throws: ``OTLPError``: `otlp.url_invalid`, `otlp.headers_unsafe`.
    public init(_ base: String, headers: [Header] = []) throws(OTLPError) {
        let address: HTTPBaseAddress
        do throws(HTTPBaseAddress.Problem) {
            address = try HTTPBaseAddress(base, of: "a collector", example: "http://127.0.0.1:4318")
        } catch {
            throw OTLPError(.urlInvalid, error.sentence)
        }
        self.address = address
        url = address.url + "/v1/traces"
        self.headers = headers
        guard headers.isEmpty || isEncrypted || isLoopback else {
            throw OTLPError(
                .headersUnsafe,
                "headers are secrets, and http:// would show them on the way to \(address.host): use https://")
        }
    }

    /// Reads headers as `OTEL_EXPORTER_OTLP_HEADERS` has them, `name=value,name=value` with values in percent-encoding, or one
    /// on each line as `name: value`.
    ///
    /// - Throws: ``OTLPError`` `otlp.headers_invalid`; it names no value.
    public static func headers(in text: String) throws(OTLPError) -> [Header] {
        let isLines = !text.contains("=") || text.prefix { $0 != "=" }.contains(":")
        let parts = text.split { isLines ? $0.isNewline : $0 == "," }
        var headers: [Header] = []
        for part in parts where part.contains(where: { !$0.isWhitespace }) {
            let pair = part.split(separator: isLines ? ":" : "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2, case let name = trimmed(pair[0]), isToken(name),
                let value = isLines ? trimmed(pair[1]) : PercentEncoding.decode(trimmed(pair[1])),
                value.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
            else {
                throw OTLPError(.headersInvalid, "headers are lines of name: value, or name=value joined by commas")
            }
            headers.append(Header(name: name.lowercased(), value: value))
        }
        return headers
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }

    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte)
                    || "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
    }
}

/// The reason why the address of a collector, or what is to be sent to it, is not taken.
public struct OTLPError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Dotted and stable.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String {
            case urlInvalid = "otlp.url_invalid"
            case headersInvalid = "otlp.headers_invalid"
            case headersUnsafe = "otlp.headers_unsafe"
        }
        private let value: Value

        /// The address is not that of a collector.
        public static let urlInvalid = Code(value: .urlInvalid)
        /// The headers are not headers.
        public static let headersInvalid = Code(value: .headersInvalid)
        /// The headers would be sent without encryption.
        public static let headersUnsafe = Code(value: .headersUnsafe)

        public var description: String { value.rawValue }
    }

    public var code: Code
    /// One sentence: what is wrong, and what would be right.
    public var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code): \(message)" }
}

extension OTLPError.Code {
    public static func ~= (code: Self, error: any Error) -> Bool { (error as? OTLPError)?.code == code }
}
