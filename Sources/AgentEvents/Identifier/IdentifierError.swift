/// Why a string is not valid as an identifier or a name.
public struct IdentifierError: Error, Hashable, Sendable, CustomStringConvertible {
    enum Problem: Hashable, Sendable {
        case empty
        case tooLong(byteCount: Int)
        case character(offset: Int)
        case control(offset: Int)
        case dotSegment
    }

    /// What the string was meant to be, in words: `thread id`, `tool name`.
    public let kind: String
    let problem: Problem

    /// One sentence: what is wrong, and what would have been right.
    public var message: String {
        switch problem {
        case .empty:
            "\(article) \(kind) must not be empty"
        case .tooLong(let byteCount):
            "\(article) \(kind) has at most \(IdentifierText.maximumByteCount) bytes, this one has \(byteCount)"
        case .character(let offset):
            "\(article) \(kind) has only printable ASCII characters without spaces, and none of \" \\ * < > `; "
                + "the one at byte \(offset) is not allowed"
        case .control(let offset):
            "\(article) \(kind) has no control characters, there is one at byte \(offset)"
        case .dotSegment:
            "\(article) \(kind) must not be . or .., which cannot stand in a path"
        }
    }

    private var article: String { kind.first.map("aeio".contains) == true ? "an" : "a" }

    public var description: String { message }
}
