/// The time after which a client may come back to a service that stops: the reason of a close with 1001, `reconnect_after_ms=12000`.
package struct ReconnectDelay: Hashable, Sendable {
    /// At least 0.
    package let milliseconds: Int64

    private static let prefix = "reconnect_after_ms="
    /// As many digits as any 64-bit integer can have.
    private static let maximumDigitCount = 18

    package init(milliseconds: Int64) { self.milliseconds = max(0, milliseconds) }

    /// - Parameter reason: that of a close; `nil` results when it says something else.
    package init?(reason: String) {
        guard reason.utf8.starts(with: Self.prefix.utf8) else { return nil }
        let digits = reason.utf8.dropFirst(Self.prefix.utf8.count)
        guard (1...Self.maximumDigitCount).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        milliseconds = digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }

    package var reason: String { "\(Self.prefix)\(milliseconds)" }
}
