/// An origin with `*.` in place of the first labels of its host: `https://*.example.com`.
///
/// It stands for one label at least, with the same scheme and port. What follows the star is compared byte by byte, and from
/// the dot: `https://evil-example.com` is not below `example.com`.
package struct OriginPattern: Hashable, Sendable {
    private let scheme: String
    /// From the dot, with the port.
    private let rest: String

    /// - Returns: `nil` for a text that is no pattern.
    package init?(_ text: String) {
        guard let range = text.firstRange(of: "://*."), !text[range.upperBound...].contains("*") else { return nil }
        scheme = text[..<range.lowerBound] + "://"
        rest = "." + text[range.upperBound...]
    }

    package func matches(_ origin: String) -> Bool {
        guard origin.utf8.starts(with: scheme.utf8), origin.utf8.count > scheme.utf8.count + rest.utf8.count,
            origin.utf8.suffix(rest.utf8.count).elementsEqual(rest.utf8)
        else { return false }
        let labels = origin.utf8.dropFirst(scheme.utf8.count).dropLast(rest.utf8.count)
            .split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return labels.allSatisfy { !$0.isEmpty && $0.allSatisfy(Self.isOfLabel) }
    }

    /// As browsers write names: in lower case, and in ASCII.
    private static func isOfLabel(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
            UInt8(ascii: "_"):
            true
        default:
            false
        }
    }
}
