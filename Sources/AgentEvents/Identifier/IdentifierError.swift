/// Why a string is not valid as an identifier or a name.
public struct IdentifierError: Error, Hashable, Sendable, CustomStringConvertible {
    enum Problem: Hashable, Sendable {
        case empty
        case tooLong(byteCount: Int)
        case character(offset: Int)
        case control(offset: Int)
    }

    /// What the string was meant to be, in words: `thread id`, `tool name`.
    public let kind: String
    let problem: Problem

    /// One sentence: what is wrong, and what would have been right.
    public var message: String {
        switch problem {
        case .empty:
            "a \(kind) must not be empty"
        case .tooLong(let byteCount):
            "a \(kind) has at most \(IdentifierText.maximumByteCount) bytes, this one has \(byteCount)"
        case .character(let offset):
            "a \(kind) has only the characters A-Z a-z 0-9 . _ : ~ -, the one at byte \(offset) is none of them"
        case .control(let offset):
            "a \(kind) has no control characters, there is one at byte \(offset)"
        }
    }

    public var description: String { message }
}
