import NIOHTTP1

/// The secrets that a provider is shown and nobody else: the key, and the values of further headers. No description shows them.
struct ProviderSecrets: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The longest text of an error, in characters.
    private static let maximumMessageLength = 400
    /// A provider that says that a key is wrong may show its beginning.
    private static let shownBeginning = 8

    private let key: String?
    private let headers: [String: String]

    /// - Parameters:
    ///   - key: without one, or with an empty one, no header `authorization` is sent.
    ///   - headers: of each request.
    /// - Throws: ``ModelError`` `model.key_invalid`; it shows neither.
    init(key: String?, headers: [String: String]) throws(ModelError) {
        // Files and variables often end with a line feed.
        let key = key.map { Self.trimmed($0) }
        guard key?.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) ?? true else {
            throw ModelError(.keyInvalid, "a key is printable ASCII without spaces")
        }
        for (name, value) in headers {
            guard Self.isToken(name), value.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
                throw ModelError(
                    .keyInvalid, "a header has a name of letters, digits, - and _, and a value of printable ASCII")
            }
        }
        self.key = key.flatMap { $0.isEmpty ? nil : $0 }
        self.headers = headers
    }

    private static func trimmed(_ text: String) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }

    private static func isToken(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy {
                (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-")
                    || $0 == UInt8(ascii: "_")
            }
    }

    var requestHeaders: HTTPHeaders {
        var all: HTTPHeaders = ["content-type": "application/json", "accept": "text/event-stream"]
        if let key { all.add(name: "authorization", value: "Bearer \(key)") }
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) { all.replaceOrAdd(name: name, value: value) }
        return all
    }

    /// An error as it may be shown: without the secrets, on one line, and not too long.
    func removed(from error: ModelError) -> ModelError {
        var error = error
        // A short header is no secret, and may stand in anything.
        let secrets = [key].compactMap(\.self) + headers.values.filter { $0.count >= Self.shownBeginning }
        for secret in secrets {
            error.message = Self.removing(secret, from: error.message)
        }
        let line = error.message.split { $0.isNewline || $0.unicodeScalars.contains { $0.value < 0x20 } }
            .joined(separator: " ")
        let shown = line.prefix(Self.maximumMessageLength)
        error.message = shown.endIndex < line.endIndex ? "\(shown)…" : line
        return error
    }

    /// All of the secret, and each word from the beginning of the secret in it on.
    private static func removing(_ secret: String, from text: String) -> String {
        var rest = text.replacing(secret, with: "…")[...]
        guard secret.count > shownBeginning else { return String(rest) }
        var kept = ""
        while let found = rest.firstRange(of: secret.prefix(shownBeginning)) {
            kept += rest[..<found.lowerBound] + "…"
            rest = rest[found.upperBound...].drop { !$0.isWhitespace && !"\"',;".contains($0) }
        }
        return kept + rest
    }

    var description: String { "…" }
    var debugDescription: String { description }
    var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension ModelError.Code {
    /// The address of a provider is no address.
    public static let urlInvalid = Self(rawValue: "model.url_invalid")
    /// The conversation and the key would be sent without encryption.
    public static let urlUnsafe = Self(rawValue: "model.url_unsafe")
    /// A key, or a header, cannot be sent.
    public static let keyInvalid = Self(rawValue: "model.key_invalid")
}
