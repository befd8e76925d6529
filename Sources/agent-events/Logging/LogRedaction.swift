internal import AgentEvents
internal import Foundation
internal import Logging

/// Takes out of texts for logs what is for nobody's eyes: tokens, passwords, queries of addresses, and what would make of one
/// line several.
enum LogRedaction {
    static let replacement = "***"
    /// Longer texts are cut.
    private static let maximumCount = 2000
    /// The words after which a credential comes.
    private static let schemes: Set<String> = ["authorization", "bearer", "basic"]

    /// Whether what has this name is a credential.
    static func isCredential(_ name: String) -> Bool { CredentialRedaction.looksLikeCredential(name) }

    /// A text for a log.
    static func text(_ text: String) -> String {
        var words: [String] = []
        var hidesNext = false
        for word in text.prefix(maximumCount).split(separator: " ", omittingEmptySubsequences: false) {
            let isScheme = schemes.contains(word.lowercased().filter(\.isLetter))
            if hidesNext, !word.isEmpty {
                words.append(replacement)
                // Of "Authorization: Bearer x" both are hidden.
                hidesNext = isScheme
                continue
            }
            hidesNext = isScheme
            words.append(Self.word(String(word)))
        }
        return words.joined(separator: " ")
    }

    private static func word(_ word: String) -> String {
        if word.contains("://") { return address(word) }
        let parts = word.split(separator: ".", omittingEmptySubsequences: false)
        // A JSON Web Token, whatever stands around it: its first part is an object in Base64.
        if parts.count >= 3, let start = word.range(of: "eyJ") {
            return String(word[..<start.lowerBound]) + replacement
        }
        return word
    }

    /// An address without user, password and query.
    static func address(_ text: String) -> String {
        guard let scheme = text.range(of: "://") else { return text }
        var rest = text[scheme.upperBound...]
        var result = String(text[..<scheme.upperBound])
        let authority = rest.prefix { !"/?# ".contains($0) }
        if let at = authority.lastIndex(of: "@") {
            result += replacement + "@"
            rest = rest[rest.index(after: at)...]
        }
        if let query = rest.firstIndex(of: "?") {
            return result + rest[..<query] + "?" + replacement
        }
        return result + rest
    }

    /// A value beside a text, and what is in it.
    static func value(_ value: Logger.MetadataValue, of name: String) -> Logger.MetadataValue {
        if isCredential(name) { return .string(replacement) }
        return switch value {
        case .string(let text): .string(Self.text(text))
        case .stringConvertible(let text): .string(Self.text("\(text)"))
        case .array(let elements): .array(elements.map { Self.value($0, of: name) })
        case .dictionary(let members):
            .dictionary(Dictionary(uniqueKeysWithValues: members.map { ($0.key, Self.value($0.value, of: $0.key)) }))
        }
    }
}
