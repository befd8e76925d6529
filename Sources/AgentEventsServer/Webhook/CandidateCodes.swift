import Crypto

/// The codes of a signature, of which one has to fit. Nobody has vouched for them yet.
struct CandidateCodes: Sendable {
    /// The most codes: a sender that changes its secret signs with two.
    static let maximumCount = 8

    private let codes: [[UInt8]]

    /// - Parameter decode: returns `nil` for a text that is no code.
    /// - Returns: `nil` when there are no codes.
    /// - Throws: ``WebhookError`` `webhook.signature_malformed` for more than ``maximumCount``.
    init?(_ texts: [Substring], decode: (Substring) -> [UInt8]?) throws(WebhookError) {
        guard texts.count <= Self.maximumCount else {
            throw WebhookError(.signatureMalformed, "a signature has at most \(Self.maximumCount) codes")
        }
        codes = texts.compactMap(decode)
        if codes.isEmpty { return nil }
    }

    /// Whether one of them is the code of these bytes. It is computed once, however many there are, and compared in constant time.
    func sign(_ prefix: [UInt8], _ body: [UInt8], secret: [UInt8]) -> Bool {
        var hash = HMAC<SHA256>(key: SymmetricKey(data: secret))
        hash.update(data: prefix)
        hash.update(data: body)
        let code = Array(hash.finalize())
        return codes.contains { candidate in
            candidate.count == code.count && zip(candidate, code).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
        }
    }
}
